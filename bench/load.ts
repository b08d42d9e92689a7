/** Load on a running platform, from the first request until the last payment is settled, and what became of all of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../db/connect.ts';
import { figure, quantile } from './finding.ts';
import type { LoadOrder, LoadReport, LoadTold } from './load-client.ts';
import { type CpuByKind, startKindMeter } from './meters.ts';
import type { BenchPlatform } from './platform.ts';

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export interface LoadResult {
  readonly accepted: number;
  readonly refusals: LoadReport['refusals'];
  readonly paid: number;
  /** Wait for people. */
  readonly held: number;
  /** From the first request to the last answer, to the last payment paid, and to the last in a settlement batch. */
  readonly acceptSeconds: number;
  readonly paidSeconds: number;
  readonly settledSeconds: number;
  /** Paid and settled payments by that last time. */
  readonly perSecond: number;
  readonly acceptedPerSecond: number;
  /** From when a request should have left to its answer. */
  readonly acceptMs: Percentiles;
  /** From a payment's acceptance to its end. */
  readonly completeMs: Percentiles;
  /** CPU microseconds per accepted payment. */
  readonly cpuUs: CpuByKind;
  /** Bytes of write-ahead log per accepted payment. */
  readonly walBytes: number;
  /** Share of the machine that went to anybody else, 0 to 1. */
  readonly others: number;
  /** What was lost, doubled, or left on its way. */
  readonly wrong: readonly string[];
}

const LOOK_MS = 250;
const REST_MS_MAX = 600_000;
/** On their way; those that are held wait for people. */
const UNFINISHED = ['accepted', 'queued', 'released', 'authorized', 'collecting', 'collected', 'disbursing', 'refunding'];

/** Payments that are neither at their end nor with people. */
export async function countUnfinished(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>({
    name: 'bench_unfinished',
    text: 'select count(*)::int as count from payments_by_status where status = any($1::text[])',
    values: [UNFINISHED],
  });
  return rows[0]?.count ?? 0;
}

/** Runs it. Throws when the clients break; what the platform does wrong is in the result. */
export async function runLoad(bench: BenchPlatform, order: Omit<LoadOrder, 'url' | 'key'>): Promise<LoadResult> {
  const { pool, platform } = bench;
  const walStart = await walPosition(pool);
  const meter = startKindMeter(bench.postgresPid);
  const client = startClient({ ...order, url: platform.url, key: platform.keys['client:demo'] ?? '' });
  let report: LoadReport | null = null;
  let failed: Error | null = null;
  void client.report.then(
    (done) => (report = done),
    (error: Error) => (failed = error),
  );
  const settledBefore = await settledCount(pool);
  while (report === null && failed === null) {
    meter.look();
    client.tell({ unfinished: await countUnfinished(pool) });
    await delay(LOOK_MS);
  }
  if (failed !== null) throw failed as Error;
  const done = await client.report;
  const wrong: string[] = [];
  if (!(await waitFor(async () => (await countUnfinished(pool)) === 0))) wrong.push('payments have not come to their end');
  const ends = await endsOf(pool, order.intents.prefix);
  const isSettled = async (): Promise<boolean> => (await settledCount(pool)) - settledBefore >= ends.paid;
  if (!(await waitFor(isSettled))) wrong.push('paid payments are in no settlement batch');
  const { cpu, others } = meter.stop();
  const lastWindowMs = ends.paid === 0 ? done.lastAnsweredAtMs : await lastWindowAtMs(pool);
  const accepted = done.accepted.length;
  const secondsTo = (atMs: number): number => Math.max(0.001, (atMs - done.firstSentAtMs) / 1_000);
  const latencies = done.latenciesMs.toSorted();
  return {
    accepted,
    refusals: done.refusals,
    paid: ends.paid,
    held: ends.held,
    acceptSeconds: secondsTo(done.lastAnsweredAtMs),
    paidSeconds: secondsTo(ends.lastPaidAtMs),
    settledSeconds: secondsTo(lastWindowMs),
    perSecond: ends.paid / secondsTo(Math.max(lastWindowMs, ends.lastPaidAtMs)),
    acceptedPerSecond: accepted / secondsTo(done.lastAnsweredAtMs),
    acceptMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
    completeMs: ends.completeMs,
    cpuUs: Object.fromEntries(Object.entries(cpu).map(([kind, seconds]) => [kind, (seconds * 1e6) / accepted])),
    walBytes: Number((await walPosition(pool)) - walStart) / accepted,
    others,
    wrong: [...wrong, ...(await compare(pool, done.accepted, order.intents.prefix)), ...ends.astray],
  };
}

async function waitFor(isSo: () => Promise<boolean>): Promise<boolean> {
  const untilMs = performance.now() + REST_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > untilMs) return false;
    await delay(LOOK_MS);
  }
  return true;
}

interface Client {
  readonly report: Promise<LoadReport>;
  tell(told: LoadTold): void;
}

/** Starts the clients in a process of their own. */
function startClient(order: LoadOrder): Client {
  const child: ChildProcess = fork(new URL('./load-client.ts', import.meta.url), { serialization: 'advanced' });
  const report = new Promise<LoadReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as LoadReport));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the clients ended with ${code} before they reported`)));
  });
  child.send(order);
  return { report, tell: (told) => void (child.connected && child.send(told, () => undefined)) };
}

async function walPosition(pool: Pool): Promise<bigint> {
  const { rows } = await pool.query<{ at: string }>(`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as at`);
  return BigInt(rows[0]?.at ?? 0);
}

async function settledCount(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('select coalesce(sum(payment_count), 0)::int as count from settlement_windows');
  return rows[0]?.count ?? 0;
}

async function lastWindowAtMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ at: Date }>('select max(created_at) as at from settlement_windows');
  return rows[0]?.at.getTime() ?? Number.NaN;
}

interface Ends {
  readonly paid: number;
  readonly held: number;
  readonly lastPaidAtMs: number;
  readonly completeMs: Percentiles;
  /** Ends that no payment of a bench should come to. */
  readonly astray: readonly string[];
}

async function endsOf(pool: Pool, prefix: string): Promise<Ends> {
  const { rows } = await pool.query<{ status: string; count: number; last: Date | null; p50: number; p99: number }>(
    `select status, count(*)::int as count, max(completed_at) as last,
       percentile_cont(0.5) within group (order by extract(epoch from completed_at - created_at)) as p50,
       percentile_cont(0.99) within group (order by extract(epoch from completed_at - created_at)) as p99
     from payments where starts_with(reference_id, $1) group by status`,
    [`${prefix}-`],
  );
  const of = (status: string) => rows.find((row) => row.status === status);
  const paid = of('paid');
  const astray = rows.filter(({ status }) => status !== 'paid' && status !== 'held' && !UNFINISHED.includes(status));
  return {
    paid: paid?.count ?? 0,
    held: of('held')?.count ?? 0,
    lastPaidAtMs: paid?.last?.getTime() ?? Number.NaN,
    completeMs: { p50: (paid?.p50 ?? Number.NaN) * 1_000, p99: (paid?.p99 ?? Number.NaN) * 1_000 },
    astray: astray.map(({ status, count }) => `${count} payments are ${status}`),
  };
}

/** Holds what was accepted against the database. */
async function compare(pool: Pool, accepted: LoadReport['accepted'], prefix: string): Promise<string[]> {
  const { rows } = await pool.query<{ missing: number; doubled: number; other: number }>(
    `with stored as (select reference_id, count(*) as times, min(id::text) as id from payments where starts_with(reference_id, $3) group by reference_id)
     select count(*) filter (where stored.times is null)::int as missing, count(*) filter (where stored.times > 1)::int as doubled,
       count(*) filter (where stored.times = 1 and stored.id <> said.id)::int as other
     from unnest($1::text[], $2::text[]) as said(reference_id, id) left join stored using (reference_id)`,
    [accepted.map(([reference]) => reference), accepted.map(([, id]) => id), `${prefix}-`],
  );
  const { missing = -1, doubled = -1, other = -1 } = rows[0] ?? {};
  return [
    ...(missing === 0 ? [] : [`${missing} accepted payments are lost`]),
    ...(doubled === 0 ? [] : [`${doubled} payments are doubled`]),
    ...(other === 0 ? [] : [`${other} payments are stored under another id`]),
  ];
}

/** CPU per payment for people: each kind of process, largest first. */
export function cpuLine(cpuUs: CpuByKind): string {
  const parts = Object.entries(cpuUs)
    .filter(([, us]) => us >= 0.05)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, us]) => `${kind} ${figure(us)}`);
  return `CPU µs per payment: ${parts.join(', ')}`;
}
