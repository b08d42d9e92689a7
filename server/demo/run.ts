/**
 * The demo: submits a file of intents through the public API as any client would, watches the payments
 * come to their ends, and proves that the books balance. With `killWorkers` it murders worker processes
 * on the way.
 */
import { randomInt } from 'node:crypto';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatOf } from '../cli/intents-file.ts';
import { payFile } from '../cli/pay.ts';
import { createProgress, type Progress, silentProgress, standingOf as countsLine } from '../cli/progress.ts';
import type { Terminal } from '../cli/terminal.ts';
import { connect, databaseFault, type Pool } from '../../db/connect.ts';
import { fault, isFault } from '../../domain/errors.ts';
import { isTerminal, type PaymentStatus } from '../../domain/lifecycle.ts';
import { type Capp, createCapp, type Payment } from '../../sdk/index.ts';
import { startCpuMeter } from '../cpu-time.ts';
import type { Platform } from '../supervisor.ts';
import { openChainReader } from '../settlement.ts';
import { verifyDatabase } from '../verify.ts';
import {
  corridorLines,
  type DemoReport,
  type DemoRow,
  MEASURED_SHARE,
  paidPerSecond,
  roundToTenth,
  summaryOf,
  unexpectedRows,
} from './report.ts';
import { readDemoRows } from './rows.ts';
import { settlementReport, untilSettled } from './settlement.ts';
import { loadKeys } from '../secrets.ts';

export interface DemoOptions {
  readonly file: string;
  /** Paid beforehand and not measured; nothing unless told. */
  readonly warmUpFile?: string;
  readonly killWorkers: number;
  /** Null: nothing is shown while it runs. */
  readonly terminal: Terminal | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const POLL_MS = 250;
/** Without any payment coming nearer to its end for so long, the demo gives up waiting and reports what it sees. */
const STANDSTILL_MS_MAX = 90_000;
const READY_MS_MAX = 60_000;
/** Kills come at random moments this far apart, milliseconds. */
const KILL_GAP_MS = { min: 300, max: 1_800 };

/** Runs the demo on a started platform. */
export async function runDemo(platform: Platform, options: DemoOptions): Promise<DemoReport> {
  await waitUntilReady(platform.url);
  const capp = createCapp({ baseUrl: platform.url, apiKey: platform.keys['client:demo'] ?? '' });
  const pool = connect({ url: platform.databaseUrl, applicationName: 'capp demo', max: 2 });
  try {
    if (options.warmUpFile !== undefined) {
      const rows = await submit(platform, capp, options.warmUpFile, 'warm-up-results.csv');
      await watch(pool, rows.filter(isTaken), silentProgress, () => true);
    }
    const startedAt = { wallMs: Date.now(), ms: performance.now() };
    const cost = createCostMeter();
    const killer = startKiller(platform, options.killWorkers);
    const rows = await submit(platform, capp, options.file, 'demo-results.csv');
    const taken = rows.filter(isTaken);
    const progress =
      options.terminal === null ? silentProgress : createProgress(options.terminal, { label: 'payments', total: taken.length });
    await watch(pool, taken, cost.over(progress, taken.length), killer.isDone).finally(progress.stop);
    const workersKilled = await killer.finished;
    await untilSettled(
      pool,
      taken.map((row) => row.paymentId),
    );
    const payments = await fetchPayments(capp, taken);
    return await reportOf(pool, platform, options, {
      rows,
      payments,
      workersKilled,
      perSecond: paidPerSecond([...payments.values()], startedAt.wallMs),
      ...cost.read(),
      seconds: Math.round(performance.now() - startedAt.ms) / 1000,
    });
  } finally {
    await pool.end();
  }
}

/** Reads the CPU time of the run when all but the slowest payments have come to rest. */
function createCostMeter() {
  const meter = startCpuMeter();
  let found: { readonly cpuMsPerPayment: number; readonly othersPercent: number } | null = null;
  return {
    /** Passes progress on, and reads at the moment that counts. */
    over: (progress: Progress, total: number): Pick<Progress, 'update'> => ({
      update: (resting, standing) => {
        progress.update(resting, standing);
        const reading = found === null && resting > 0 && resting >= total * MEASURED_SHARE ? meter() : null;
        if (reading === null) return;
        found = { cpuMsPerPayment: roundToTenth((reading.seconds * 1_000) / resting), othersPercent: Math.round(reading.others * 100) };
      },
    }),
    read: () => found ?? { cpuMsPerPayment: null, othersPercent: null },
  };
}

/** Submits a file and says what was answered to each of its rows. */
async function submit(platform: Platform, capp: Capp, file: string, results: string): Promise<DemoRow[]> {
  const resultFile = join(resolve(platform.config.dataDir), results);
  await payFile({ capp }, { file, format: formatOf(file), resultFile });
  return readDemoRows(file, resultFile);
}

const isTaken = (row: DemoRow): boolean => row.paymentId !== null;

interface Findings {
  readonly rows: readonly DemoRow[];
  readonly payments: ReadonlyMap<string, Payment>;
  readonly workersKilled: number;
  readonly perSecond: number | null;
  readonly cpuMsPerPayment: number | null;
  readonly othersPercent: number | null;
  readonly seconds: number;
}

async function reportOf(pool: Pool, platform: Platform, options: DemoOptions, findings: Findings): Promise<DemoReport> {
  const { rows, payments, ...measured } = findings;
  const { quoteKey, keyring } = await loadKeys(options.env, resolve(platform.config.dataDir));
  const sandboxFolder = join(resolve(platform.config.dataDir), 'sandbox');
  const verification = await verifyDatabase(pool, { quoteKey, keyring, sandboxFolder, chain: await openChainReader(platform.config) });
  const counted = await pool.query<{ decisions: number }>('select count(*)::int as decisions from decisions');
  const decisions = counted.rows[0]?.decisions ?? 0;
  const unexpected = unexpectedRows(rows, payments, await takenElsewhere(pool, [...payments.keys()]));
  return {
    ...summaryOf(rows, payments),
    unexpected: unexpected.length,
    unexpectedRows: unexpected,
    corridors: corridorLines(rows, payments),
    invariants: verification.violations.length === 0 ? 'hold' : verification.violations,
    payments: verification.payments,
    transfers: verification.transfers,
    decisions,
    settlement: await settlementReport(pool, verification.chain),
    ...measured,
  };
}

/** Payments in whose course people took a hand since an earlier start. */
async function takenElsewhere(pool: Pool, paymentIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from payments p where id = any($1::uuid[])
       and (refund_requested_at is not null or status = 'cancelled' or exists (select 1 from case_decisions d where d.payment_id = p.id))`,
    [paymentIds],
  );
  return new Set(rows.map(({ id }) => id));
}

async function waitUntilReady(url: string): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    const answer = await fetch(`${url}/health/ready`);
    if (answer.ok) return;
    if (performance.now() > deadline)
      throw fault('service_unreachable', { detail: `${url} did not become ready: ${(await answer.text()).slice(0, 400)}` });
    await delay(POLL_MS);
  }
}

/** Shows how the payments stand until each has come to rest: at an end, or held for people. */
async function watch(pool: Pool, taken: readonly DemoRow[], progress: Pick<Progress, 'update'>, mayEnd: () => boolean): Promise<void> {
  const ids = taken.map((row) => row.paymentId);
  let before = '';
  let movedAtMs = performance.now();
  for (;;) {
    const rows = await statusCounts(pool, ids);
    const resting = rows.filter((row) => row.status === 'held' || isTerminal(row.status)).reduce((sum, row) => sum + row.count, 0);
    const standing = countsLine(Object.fromEntries(rows.map((row) => [row.status, row.count])));
    progress.update(resting, standing);
    if (resting === ids.length && mayEnd()) return;
    if (standing !== before) movedAtMs = performance.now();
    else if (performance.now() - movedAtMs > STANDSTILL_MS_MAX) return;
    before = standing;
    await delay(POLL_MS);
  }
}

/** How many payments stand where; nothing while the database is being started again. */
async function statusCounts(pool: Pool, ids: readonly (string | null)[]): Promise<{ status: PaymentStatus; count: number }[]> {
  try {
    const { rows } = await pool.query<{ status: PaymentStatus; count: number }>(
      'select status, count(*)::int as count from payments where id = any($1::uuid[]) group by status order by status',
      [ids],
    );
    return rows;
  } catch (error) {
    if (isFault(databaseFault(error), 'database_unavailable')) return [];
    throw error;
  }
}

async function fetchPayments(capp: Capp, taken: readonly DemoRow[]): Promise<ReadonlyMap<string, Payment>> {
  const wanted = new Set(taken.map((row) => row.paymentId));
  const payments = new Map<string, Payment>();
  for await (const payment of capp.payments.each({}, { limit: 200 })) {
    if (wanted.has(payment.id)) payments.set(payment.id, payment);
    if (payments.size === wanted.size) break;
  }
  return payments;
}

interface Killer {
  readonly isDone: () => boolean;
  readonly finished: Promise<number>;
}

/** Kills worker processes at random moments; the supervisor starts them again. */
function startKiller(platform: Platform, kills: number): Killer {
  let done = kills === 0;
  const run = async (): Promise<number> => {
    for (let killed = 0; killed < kills; ) {
      await delay(randomInt(KILL_GAP_MS.min, KILL_GAP_MS.max));
      if (platform.killWorker(randomInt(platform.workerCount))) killed += 1;
    }
    done = true;
    return kills;
  };
  return { isDone: () => done, finished: run() };
}
