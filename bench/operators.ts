/**
 * Payments from wallet to wallet: both legs over HTTP to sandbox operators that speak the real protocols in a process of their
 * own, their callbacks over HTTP to the API, settled into batches in the end. What the operators cost is told apart.
 */
import { type Finding, figure } from './finding.ts';
import { cpuLine, paymentsBy, runLoad } from './load/run.ts';
import { type BenchPlatform, openPlatform, type PlatformOptions } from './platform.ts';
import { NO_FAULTS } from '../sandbox/fates.ts';

export interface OperatorsOptions extends PlatformOptions {
  readonly seconds: number;
  /** Payments on their way before clients wait. */
  readonly unfinished: number;
  /** How many times faster than at speed 1 the sandbox's customers are: at 1 they take 300 ms to enter a PIN. */
  readonly speed: number;
  /** Payments before the clock starts. */
  readonly warmUp: number;
  readonly leastPerSecond: number;
}

const ROWS = 200;
/** Small enough for every float to last. */
const USD_MAX = 10;
const LEGS = 2;

/** Runs the bench. Fails when anything is lost or doubled, does not agree with the operators' books, or is below the floor. */
export async function runOperatorsBench(options: OperatorsOptions, tell: (line: string) => void): Promise<Finding> {
  const bench = await openPlatform({
    ...options.settings,
    SANDBOX_FAULTS: JSON.stringify(NO_FAULTS),
    SANDBOX_SPEED: String(options.speed),
  });
  try {
    await send(bench, 'warm-up', { seconds: 60, payments: options.warmUp, unfinished: options.warmUp });
    const result = await send(bench, 'wallets', { ...options, payments: 10_000_000 });
    const legs = await countLegs(bench);
    const cpuUsPerLeg = Object.fromEntries(Object.entries(result.cpuUs).map(([kind, us]) => [kind, us / LEGS]));
    const ours = ['api', 'worker', 'postgres'].reduce((sum, kind) => sum + (cpuUsPerLeg[kind] ?? 0), 0);
    tell(
      `${figure(result.paid)} payments from wallet to wallet in ${figure(result.settledSeconds)} s: ${figure(result.perSecond)} payments/s, ${figure(result.perSecond * LEGS)} legs/s; accepted to complete p50 ${figure(result.completeMs.p50)} ms, p99 ${figure(result.completeMs.p99)} ms`,
    );
    tell(`${cpuLine(cpuUsPerLeg).replace('payment', 'leg')}; API, worker and PostgreSQL together ${figure(ours)}`);
    tell(
      `${figure(legs.calls)} legs sent, ${figure(legs.inquiries)} inquiries; WAL ${figure(result.walBytes)} bytes per payment; others ${Math.round(result.others * 100)} % of the machine`,
    );
    const violations = (await bench.verify()).map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`);
    tell(`books, audit log and operators: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
    const { accepted, paid, perSecond } = result;
    return {
      bench: 'operators',
      figures: {
        ...result,
        cpuUsPerLeg,
        ...legs,
        options,
        fsyncUs: Math.round(bench.fsyncUs),
        invariants: violations.length === 0 ? 'hold' : violations,
      },
      failures: [
        ...result.wrong,
        ...violations,
        ...(paid === accepted && accepted > 0 ? [] : [`of ${accepted} accepted ${paid} are paid`]),
        ...(bench.platform.deaths() === 0 ? [] : [`processes died ${bench.platform.deaths()} times`]),
        ...(perSecond >= options.leastPerSecond ? [] : [`${figure(perSecond)} payments/s, less than ${options.leastPerSecond}`]),
      ],
    };
  } finally {
    await bench.close();
  }
}

interface Sending {
  readonly seconds: number;
  readonly payments: number;
  readonly unfinished: number;
}

function send(bench: BenchPlatform, prefix: string, { seconds, payments, unfinished }: Sending) {
  return runLoad(bench, {
    ...paymentsBy(Math.min(ROWS, unfinished)),
    connections: 2,
    pace: { kind: 'closed', seconds, payments, unfinishedMax: unfinished },
    intents: { prefix, between: 'wallets', usdMax: USD_MAX, seed: prefix.length },
  });
}

interface Legs {
  readonly calls: number;
  readonly refused: number;
  readonly inquiries: number;
}

/** Requests that moved money, and questions about them. */
async function countLegs({ pool }: BenchPlatform): Promise<Legs> {
  const { rows } = await pool.query<Legs>(
    `select count(*)::int as calls, count(*) filter (where state = 'failed')::int as refused,
       coalesce(sum(inquiries), 0)::int as inquiries from attempts`,
  );
  return rows[0] ?? { calls: 0, refused: 0, inquiries: 0 };
}
