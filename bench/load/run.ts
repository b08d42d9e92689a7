/** Load on a running platform, from the first request until the last payment is settled, and what became of all of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../../db/connect.ts';
import { figure } from '../finding.ts';
import { type CpuByKind, heldMegabytes, startKindMeter } from '../meters.ts';
import type { BenchPlatform } from '../platform.ts';
import { latenciesOf } from './histogram.ts';
import { type LoadOrder, type LoadReport, type LoadTold, OUTCOMES } from './order.ts';

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** The platform at one moment of a load. */
export interface Sample {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly unfinished: number;
  /** CPU seconds since the load began, by kind of process. */
  readonly cpu: CpuByKind;
  readonly megabytes: Readonly<Record<string, number>>;
  /** Bytes of write-ahead log since the load began. */
  readonly walBytes: number;
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
  /** From when a request should have left to its answer, whatever it was. */
  readonly acceptMs: Percentiles;
  /** From a payment's acceptance to its end. */
  readonly completeMs: Percentiles;
  readonly cpuSeconds: CpuByKind;
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
const SAMPLE_MS = 1_000;
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

/** Load as it was, with what the clients saw of each request. */
export interface MeasuredLoad {
  readonly result: LoadResult;
  readonly report: LoadReport;
  readonly samples: readonly Sample[];
}

export type LoadWish = Omit<LoadOrder, 'url' | 'key'>;

/** Sends it, and waits for no payment. Throws when the clients break. */
export function sendLoad({ platform }: BenchPlatform, wish: LoadWish, look: () => Promise<number> = async () => 0): Promise<LoadReport> {
  return heardFrom(startClient({ ...wish, url: platform.url, key: platform.keys['client:demo'] ?? '' }), look);
}

/** Runs it. Throws when the clients break; what the platform does wrong is in the result. */
export async function runLoad(bench: BenchPlatform, wish: LoadWish): Promise<LoadResult> {
  return (await measureLoad(bench, wish, null)).result;
}

/** Runs it, and looks at the platform once a second meanwhile. */
export function watchLoad(bench: BenchPlatform, wish: LoadWish): Promise<MeasuredLoad> {
  return measureLoad(bench, wish, SAMPLE_MS);
}

async function measureLoad(bench: BenchPlatform, wish: LoadWish, sampleMs: number | null): Promise<MeasuredLoad> {
  const { pool, postgresPid } = bench;
  const { prefix } = wish.intents;
  const walStart = await walPosition(pool);
  const walBytes = async (): Promise<number> => Number((await walPosition(pool)) - walStart);
  const settledBefore = await settledCount(pool);
  const meter = startKindMeter(postgresPid);
  const samples: Sample[] = [];
  const look = async (isLast = false): Promise<number> => {
    const unfinished = await countUnfinished(pool);
    const atMs = Date.now();
    const isTime = isLast || (sampleMs !== null && atMs - (samples.at(-1)?.atMs ?? 0) >= sampleMs);
    if (!isTime) meter.look();
    else samples.push({ atMs, unfinished, cpu: meter.read(), megabytes: heldMegabytes(postgresPid), walBytes: await walBytes() });
    return unfinished;
  };
  const report = await sendLoad(bench, wish, look);
  const wrong: string[] = [];
  if (!(await waitFor(async () => (await look()) === 0))) wrong.push('payments have not come to their end');
  const ends = await endsOf(pool, prefix);
  const isSettled = async (): Promise<boolean> => (await settledCount(pool)) - settledBefore >= ends.paid;
  if (!(await waitFor(isSettled))) wrong.push('paid payments are in no settlement batch');
  if (sampleMs !== null) await look(true);
  const { cpu, others } = meter.stop();
  const lastWindowMs = ends.paid === 0 ? report.lastAnsweredAtMs : await lastWindowAtMs(pool);
  const accepted = report.accepted.length;
  const secondsTo = (atMs: number): number => Math.max(0.001, (atMs - report.firstSentAtMs) / 1_000);
  const lastPaidMs = ends.paid === 0 ? report.lastAnsweredAtMs : ends.lastPaidAtMs;
  const answered = latenciesOf(latenciesAnswered(report));
  const result = {
    accepted,
    refusals: report.refusals,
    paid: ends.paid,
    held: ends.held,
    acceptSeconds: secondsTo(report.lastAnsweredAtMs),
    paidSeconds: secondsTo(lastPaidMs),
    settledSeconds: secondsTo(lastWindowMs),
    perSecond: ends.paid / secondsTo(Math.max(lastWindowMs, lastPaidMs)),
    acceptedPerSecond: accepted / secondsTo(report.lastAnsweredAtMs),
    acceptMs: { p50: answered?.p50 ?? Number.NaN, p99: answered?.p99 ?? Number.NaN },
    completeMs: ends.completeMs,
    cpuSeconds: cpu,
    cpuUs: Object.fromEntries(Object.entries(cpu).map(([kind, seconds]) => [kind, (seconds * 1e6) / accepted])),
    walBytes: (await walBytes()) / accepted,
    others,
    wrong: [...wrong, ...(await misstored(pool, report, prefix)), ...ends.astray],
  };
  return { result, report, samples };
}

/** Of every request that was answered, whatever the answer. */
export function* latenciesAnswered({ requests }: LoadReport): Generator<number> {
  const first = OUTCOMES.indexOf('unanswered');
  for (const [index, latencyMs] of requests.latencyMs.entries()) if ((requests.outcome[index] ?? first) < first) yield latencyMs;
}

/** Waits for the clients, and tells them meanwhile how many payments are unfinished. */
async function heardFrom(client: Client, look: () => Promise<number>): Promise<LoadReport> {
  let isOver = false;
  void client.report.finally(() => (isOver = true)).catch(() => undefined);
  while (!isOver) {
    client.tell({ unfinished: await look() });
    await delay(LOOK_MS);
  }
  return client.report;
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
  const child: ChildProcess = fork(new URL('./client.ts', import.meta.url), { serialization: 'advanced' });
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

/** Holds what was answered against the database: what is lost, doubled, or not as it was said. */
export async function misstored(pool: Pool, { accepted, unanswered }: LoadReport, prefix: string): Promise<string[]> {
  const { rows } = await pool.query<{ missing: number; doubled: number; other: number; unsaid: number }>(
    `with stored as (select reference_id, count(*) as times, min(id::text) as id from payments where starts_with(reference_id, $3) group by reference_id),
       said as (select * from unnest($1::text[], $2::text[]) as said(reference_id, id))
     select count(*) filter (where stored.times is null)::int as missing, count(*) filter (where stored.times > 1)::int as doubled,
       count(*) filter (where stored.times = 1 and said.id is not null and stored.id <> said.id)::int as other,
       count(*) filter (where said.id is null and not stored.reference_id = any($4::text[]))::int as unsaid
     from said full join stored using (reference_id)`,
    [accepted.map(([reference]) => reference), accepted.map(([, id]) => id), `${prefix}-`, unanswered],
  );
  const { missing = -1, doubled = -1, other = -1, unsaid = -1 } = rows[0] ?? {};
  return [
    ...(missing === 0 ? [] : [`${missing} accepted payments are lost`]),
    ...(doubled === 0 ? [] : [`${doubled} payments are doubled`]),
    ...(other === 0 ? [] : [`${other} payments are stored under another id`]),
    ...(unsaid === 0 ? [] : [`${unsaid} payments are stored that were refused`]),
  ];
}

/** All payments there are, whichever load they came with, and how many of them wait for people. */
export async function storedPayments(pool: Pool): Promise<{ readonly payments: number; readonly held: number }> {
  const { rows } = await pool.query<{ payments: number; held: number }>(
    `select count(*)::int as payments, count(*) filter (where status = 'held')::int as held from payments`,
  );
  return rows[0] ?? { payments: 0, held: 0 };
}

/** Payments alone: one by one, or in batches where there is more than one to a request. */
export function paymentsBy(rows: number): Pick<LoadOrder, 'mix' | 'rows'> {
  return { mix: rows === 1 ? { single: 1 } : { batch: 1 }, rows };
}

/** CPU per payment for people: each kind of process, largest first. */
export function cpuLine(cpuUs: CpuByKind): string {
  const parts = Object.entries(cpuUs)
    .filter(([, us]) => us >= 0.05)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, us]) => `${kind} ${figure(us)}`);
  return `CPU µs per payment: ${parts.join(', ')}`;
}
