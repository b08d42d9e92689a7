/**
 * Cohorts against single payments: the same payments, the same graph, the same database; in turns, so
 * that whatever else the machine does meets both. Every payment goes from `accepted` to `paid` between
 * prefunded balances in two currencies, so no operator's speed is measured.
 */
import { type Cohort, claimByStatus, releaseCohort } from '../graph/cohort.ts';
import { buildPaymentGraph, type PaymentGraph, runPaymentGraph } from '../graph/payment-graph.ts';
import type { GraphDeps } from '../graph/types.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { type Finding, figure, type Spread, spread, spreadOf } from './finding.ts';
import { fsyncMicroseconds, startMeter } from './meters.ts';
import { openWorld, type World } from './world.ts';

export interface CohortBenchOptions {
  readonly rounds: number;
  /** Payments in one cohort at most. */
  readonly cohort: number;
  /** Payments in one round by cohorts, and in one round one by one. */
  readonly payments: number;
  readonly singles: number;
  /** Runs of single payments under way at once. */
  readonly atOnce: number;
  readonly leastRatio: number;
}

/** While the database writes one cohort the agents decide the next; a third would only wait for the same two. */
const COHORTS_AT_ONCE = 2;

interface Round {
  readonly perSecond: number;
  /** CPU seconds per 1,000 payments. */
  readonly nodeCpu: number;
  readonly postgresCpu: number;
  readonly others: number;
}

/** Runs the bench. Fails when the ratio is below the least one, or anything in the books is not as it must be. */
export async function runCohortBench(options: CohortBenchOptions, tell: (line: string) => void): Promise<Finding> {
  const world = await openWorld({ connections: options.atOnce + 4 });
  try {
    const fsyncUs = fsyncMicroseconds(world.dataDir);
    tell(
      `PostgreSQL ${await settingOf(world, 'server_version')}, fsync ${await settingOf(world, 'fsync')}, synchronous_commit ${await settingOf(world, 'synchronous_commit')};`,
    );
    tell(`one page is durable after ${figure(fsyncUs)} µs on this disk.`);
    const graph = buildPaymentGraph(world.deps, world.agents);
    await warmUp(world, graph, options);
    const cohorts: Round[] = [];
    const singles: Round[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      cohorts.push(await measure(world, graph, options.payments, options.cohort, COHORTS_AT_ONCE));
      tell(line(round, `cohorts of ${options.cohort}, ${COHORTS_AT_ONCE} at once`, cohorts.at(-1)));
      singles.push(await measure(world, graph, options.singles, 1, options.atOnce));
      tell(line(round, `one by one, ${options.atOnce} at once`, singles.at(-1)));
    }
    return await conclude(world, options, { cohorts, singles, fsyncUs }, tell);
  } finally {
    await world.close();
  }
}

/** Fills caches and lets the planner see tables as they are at work, not empty. */
async function warmUp(world: World, graph: PaymentGraph, options: CohortBenchOptions): Promise<void> {
  await world.seed(options.cohort * 4);
  await settle(world.deps, graph, options.cohort, COHORTS_AT_ONCE);
  await world.seed(options.atOnce * 4);
  await settle(world.deps, graph, 1, options.atOnce);
  await world.pool.query('vacuum analyze');
}

async function measure(world: World, graph: PaymentGraph, count: number, cohortMax: number, atOnce: number): Promise<Round> {
  await world.seed(count);
  const stop = startMeter(world.postgresPid);
  const settled = await settle(world.deps, graph, cohortMax, atOnce);
  const used = stop();
  if (settled !== count) throw new Error(`${settled} payments were worked on instead of ${count}`);
  const thousands = count / 1_000;
  return { perSecond: count / used.seconds, nodeCpu: used.node / thousands, postgresCpu: used.postgres / thousands, others: used.others };
}

/** Takes accepted payments through the graph until there are none; says how many. */
async function settle(deps: GraphDeps, graph: PaymentGraph, cohortMax: number, atOnce: number): Promise<number> {
  let settled = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const cohort: Cohort | null = await claimByStatus(deps, ['accepted'], cohortMax);
      if (cohort === null) return;
      await runPaymentGraph(graph, 'chain', cohort);
      await releaseCohort(deps.pool, cohort);
      settled += cohort.travellers.length;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return settled;
}

async function settingOf(world: World, name: string): Promise<string> {
  const { rows } = await world.pool.query<{ value: string }>('select current_setting($1) as value', [name]);
  return rows[0]?.value ?? 'unknown';
}

function line(round: number, kind: string, measured: Round | undefined): string {
  if (measured === undefined) return '';
  const { perSecond, nodeCpu, postgresCpu, others } = measured;
  return (
    `round ${round}  ${kind.padEnd(27)} ${figure(perSecond).padStart(7)} payments/s   ` +
    `CPU s per 1,000: node ${figure(nodeCpu)}, PostgreSQL ${figure(postgresCpu)}   others ${Math.round(others * 100)} %`
  );
}

interface Summary {
  readonly perSecond: Spread;
  readonly nodeCpu: Spread;
  readonly postgresCpu: Spread;
}

function summaryOf(rounds: readonly Round[]): Summary {
  const of = (pick: (round: Round) => number): Spread => spreadOf(rounds.map(pick));
  return {
    perSecond: of((round) => round.perSecond),
    nodeCpu: of((round) => round.nodeCpu),
    postgresCpu: of((round) => round.postgresCpu),
  };
}

async function conclude(
  world: World,
  options: CohortBenchOptions,
  measured: { readonly cohorts: readonly Round[]; readonly singles: readonly Round[]; readonly fsyncUs: number },
  tell: (line: string) => void,
): Promise<Finding> {
  const cohorts = summaryOf(measured.cohorts);
  const singles = summaryOf(measured.singles);
  const ratio = cohorts.perSecond.median / singles.perSecond.median;
  const cpu = (summary: Summary): number => summary.nodeCpu.median + summary.postgresCpu.median;
  tell('');
  for (const [name, summary] of [
    ['by cohorts', cohorts],
    ['one by one', singles],
  ] as const) {
    tell(
      `${name}: ${spread(summary.perSecond)} payments/s; CPU seconds per 1,000: node ${spread(summary.nodeCpu)}, PostgreSQL ${spread(summary.postgresCpu)}`,
    );
  }
  tell(`ratio: ${figure(ratio)} times as many payments/s, with ${figure(cpu(singles) / cpu(cohorts))} times less CPU each`);
  const violations = await checkBooks(world.pool);
  const unpaid = await world.pool.query<{ status: string; count: number }>(
    `select status, count(*)::int as count from payments where status <> 'paid' group by status order by status`,
  );
  const paid = await world.pool.query<{ count: number }>(`select count(*)::int as count from payments where status = 'paid'`);
  tell(
    `books: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}, ${figure(paid.rows[0]?.count ?? 0)} payments paid`,
  );
  return {
    bench: 'cohort',
    figures: {
      ratio,
      cohorts,
      singles,
      options,
      fsyncUs: Math.round(measured.fsyncUs),
      others: spreadOf([...measured.cohorts, ...measured.singles].map((round) => round.others)),
      paid: paid.rows[0]?.count ?? 0,
      invariants: violations.length === 0 ? 'hold' : violations,
    },
    failures: [
      ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
      ...unpaid.rows.map(({ status, count }) => `${count} payments are ${status}, not paid`),
      ...(ratio < options.leastRatio ? [`the ratio is ${figure(ratio)}, less than ${options.leastRatio}`] : []),
    ],
  };
}
