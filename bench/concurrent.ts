/**
 * Payments that wait: thousands at once whose operators have taken the request and say nothing more for a while. What each of
 * them costs meanwhile in memory, timers and checkpoints, and that all of them complete once the operators go on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { applicationUrlsOf } from '../server/callback-addresses.ts';
import { type Finding, figure } from './finding.ts';
import { type Inspected, inspect, inspectorSetting } from './inspect.ts';
import { countUnfinished, paymentsBy, runLoad } from './load/run.ts';
import { treeCpuSeconds } from '../server/cpu-time.ts';
import { meteredChildren } from './meters.ts';
import { type BenchPlatform, freePort, openPlatform, type PlatformOptions } from './platform.ts';
import type { SlowOrder, SlowPace } from './slow-operators.ts';

export interface ConcurrentOptions extends PlatformOptions {
  readonly payments: number;
  /** How long all of them wait, once the last request has been taken, seconds. */
  readonly holdSeconds: number;
  /** Payments whose operators end each second afterwards. */
  readonly releasePerSecond: number;
}

const ROWS = 500;
const POLL_MS = 500;
const TAKEN_WITHIN_MS = 900_000;
const USD_MAX = 10;
/** Timers of the process itself that come and go. */
const TIMERS_SLACK = 50;

/** Runs the bench. Fails when a payment is lost or doubled or does not complete, or a payment that waits has a timer or a checkpoint. */
export async function runConcurrentBench(options: ConcurrentOptions, tell: (line: string) => void): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), 'capp-bench-slow-'));
  const [port, inspectorPort] = [await freePort(), await freePort()];
  const callbackKey = randomBytes(32);
  const operators = await startOperators({
    dataDir: join(folder, 'sandbox'),
    profilesPath: join(folder, 'operators.json'),
    applicationUrls: applicationUrlsOf(`http://127.0.0.1:${port}`, callbackKey),
  });
  let bench: BenchPlatform | null = null;
  try {
    bench = await openPlatform({
      PORT: String(port),
      CAPP_CALLBACK_KEY: callbackKey.toString('hex'),
      NODE_OPTIONS: inspectorSetting(inspectorPort),
      CAPP_SANDBOX: '1',
      CAPP_SANDBOX_URL: operators.url,
      CAPP_OPERATORS_PATH: join(folder, 'operators.json'),
      CAPP_FX_OPEN_ER_API_URL: `${operators.url}/fx/open-er-api`,
      CAPP_FX_CURRENCY_API_URL: `${operators.url}/fx/currency-api`,
      CAPP_SETTLEMENT_AGE_MS: '5000',
      ...options.settings,
    });
    return await wait(bench, operators, { options, inspectorPort, sandboxFolder: join(folder, 'sandbox') }, tell);
  } finally {
    await bench?.close();
    operators.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Operators {
  readonly url: string;
  pace(perSecond: number): void;
  stop(): void;
}

function startOperators(order: SlowOrder): Promise<Operators> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(new URL('./slow-operators.ts', import.meta.url));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the operators ended with ${code} before they listened`)));
    child.once('message', (told) =>
      resolve({
        url: (told as { url: string }).url,
        pace: (perSecond) => void child.send({ perSecond } satisfies SlowPace),
        stop: () => child.disconnect(),
      }),
    );
    child.send(order);
  });
}

/** What the worker and the database hold. */
interface Held {
  readonly heapBytes: number;
  readonly timers: number;
  readonly checkpoints: number;
  readonly databaseBytes: number;
}

async function lookAt(bench: BenchPlatform, worker: Inspected): Promise<Held> {
  const { rows } = await bench.pool.query<{ checkpoints: number; bytes: string }>(
    `select (select count(*)::int from checkpoints) as checkpoints, pg_database_size(current_database())::text as bytes`,
  );
  return {
    heapBytes: await worker.heapBytes(),
    timers: Number(await worker.evaluate(`process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length`)),
    checkpoints: rows[0]?.checkpoints ?? 0,
    databaseBytes: Number(rows[0]?.bytes ?? 0),
  };
}

interface Setup {
  readonly options: ConcurrentOptions;
  readonly inspectorPort: number;
  readonly sandboxFolder: string;
}

async function wait(bench: BenchPlatform, operators: Operators, setup: Setup, tell: (line: string) => void): Promise<Finding> {
  const { options, inspectorPort } = setup;
  const pid = meteredChildren().find(({ kind }) => kind === 'worker')?.pid;
  if (pid === undefined) throw new Error('there is no worker');
  const worker = await inspect(pid, inspectorPort);
  try {
    // The code and the caches that any payment needs are there before the first look.
    await send(bench, 'warm-up', Math.ceil(options.payments / 20));
    operators.pace(0);
    const before = await lookAt(bench, worker);
    const sent = send(bench, 'waiting', options.payments);
    await untilTaken(bench, options.payments, sent);
    const cpuStart = treeCpuSeconds(pid);
    await delay(options.holdSeconds * 1_000);
    const cpuSeconds = treeCpuSeconds(pid) - cpuStart;
    const waiting = await countWaiting(bench);
    const during = await lookAt(bench, worker);
    const each = {
      heap: (during.heapBytes - before.heapBytes) / waiting,
      database: (during.databaseBytes - before.databaseBytes) / waiting,
    };
    tell(`${figure(waiting)} payments wait for their operators at once, for ${options.holdSeconds} s`);
    tell(
      `worker: ${figure(each.heap)} bytes of heap per waiting payment (${figure(before.heapBytes / 1e6)} MB before, ${figure(during.heapBytes / 1e6)} MB now); timers ${before.timers} before, ${during.timers} now; ${figure((100 * cpuSeconds) / Math.max(1, options.holdSeconds))} % of a core`,
    );
    tell(
      `database: ${figure(each.database)} bytes per waiting payment; checkpoints ${before.checkpoints} before, ${during.checkpoints} now`,
    );
    operators.pace(options.releasePerSecond);
    const result = await sent;
    tell(`all paid ${figure(result.paidSeconds)} s after the first was sent, settled after ${figure(result.settledSeconds)} s`);
    const violations = (await bench.verify(setup.sandboxFolder)).map(
      ({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`,
    );
    tell(`books, audit log and operators: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
    return {
      bench: 'concurrent',
      figures: {
        waiting,
        before,
        during,
        bytesEach: each,
        workerCpuSeconds: cpuSeconds,
        ...result,
        options,
        invariants: violations.length === 0 ? 'hold' : violations,
      },
      failures: [
        ...result.wrong,
        ...violations,
        ...(waiting === options.payments ? [] : [`${waiting} payments waited at once, not ${options.payments}`]),
        ...(result.paid === options.payments ? [] : [`${result.paid} payments are paid, not ${options.payments}`]),
        ...(during.timers - before.timers <= TIMERS_SLACK ? [] : [`${during.timers - before.timers} timers more while payments waited`]),
        ...(during.checkpoints === before.checkpoints
          ? []
          : [`${during.checkpoints - before.checkpoints} checkpoints more while payments waited`]),
        ...(bench.platform.deaths() === 0 ? [] : [`processes died ${bench.platform.deaths()} times`]),
      ],
    };
  } finally {
    worker.close();
  }
}

function send(bench: BenchPlatform, prefix: string, payments: number) {
  return runLoad(bench, {
    ...paymentsBy(Math.min(ROWS, payments)),
    connections: 2,
    pace: { kind: 'closed', seconds: 3_600, payments, unfinishedMax: 2 * payments },
    intents: { prefix, between: 'wallets', usdMax: USD_MAX, seed: prefix.length },
  });
}

/** Payments whose request an operator has taken and not ended: some tell us so, the outcome at others stays unknown. */
async function countWaiting({ pool }: BenchPlatform): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from attempts where state in ('pending', 'unknown')`);
  return rows[0]?.count ?? 0;
}

/** Resolves when operators have taken every request. Throws when the load ends before, or it takes too long. */
async function untilTaken(bench: BenchPlatform, payments: number, sent: Promise<unknown>): Promise<void> {
  const untilMs = performance.now() + TAKEN_WITHIN_MS;
  let isOver = false;
  void sent.finally(() => (isOver = true)).catch(() => undefined);
  while ((await countWaiting(bench)) < payments) {
    if (isOver || performance.now() > untilMs)
      throw new Error(`${await countUnfinished(bench.pool)} payments are on their way and do not wait for operators`);
    await delay(POLL_MS);
  }
}
