/**
 * Cohorts against single payments: the same payments, the same graph, the same database; in turns, so
 * that whatever else the machine does meets both. Every payment goes from `accepted` to `paid` between
 * prefunded balances in two currencies, so no operator's speed is measured.
 */
import { type Cohort, claimByStatus, releaseCohort } from '../graph/cohort.ts';
import { buildPaymentGraph, type PaymentGraph, runPaymentGraph } from '../graph/payment-graph.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps } from '../graph/types.ts';
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

/** As many as a worker has under way. */
const COHORTS_AT_ONCE = DEFAULT_GRAPH_SETTINGS.cohortsAtOnce;

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
    await prepare(world, graph, options);
    const cohorts: Round[] = [];
    const singles: Round[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      cohorts.push(await measure(world, graph, { count: options.payments, cohortMax: options.cohort, atOnce: COHORTS_AT_ONCE }));
      tell(line(round, `cohorts of ${options.cohort}, ${COHORTS_AT_ONCE} at once`, cohorts.at(-1)));
      singles.push(await measure(world, graph, { count: options.singles, cohortMax: 1, atOnce: options.atOnce }));
      tell(line(round, `one by one, ${options.atOnce} at once`, singles.at(-1)));
    }
    return await conclude(world, options, { cohorts, singles, fsyncUs }, tell);
  } finally {
    await world.close();
  }
}

/**
 * Fills caches, stores every payment of every round, and lets the planner see tables as they are at work. What storing
 * leaves behind is cleared away before the first round, or the rounds by cohorts would pay for it.
 */
async function prepare(world: World, graph: PaymentGraph, options: CohortBenchOptions): Promise<void> {
  const [byCohorts, byOnes] = [options.cohort * 4, options.atOnce * 4];
  await world.seed(byCohorts + byOnes);
  await settleAccepted(world.deps, graph, { count: byCohorts, cohortMax: options.cohort, atOnce: COHORTS_AT_ONCE });
  await settleAccepted(world.deps, graph, { count: byOnes, cohortMax: 1, atOnce: options.atOnce });
  await world.seed(options.rounds * (options.payments + options.singles));
  await world.pool.query('vacuum analyze');
  await world.pool.query('checkpoint');
}

interface Share {
  readonly count: number;
  readonly cohortMax: number;
  /** Runs under way at once. */
  readonly atOnce: number;
}

async function measure(world: World, graph: PaymentGraph, share: Share): Promise<Round> {
  const stop = startMeter(world.postgresPid);
  await settleAccepted(world.deps, graph, share);
  const used = stop();
  const thousands = share.count / 1_000;
  return {
    perSecond: share.count / used.seconds,
    nodeCpu: used.node / thousands,
    postgresCpu: used.postgres / thousands,
    others: used.others,
  };
}

/** Takes so many accepted payments through the graph. */
export async function settleAccepted(deps: GraphDeps, graph: PaymentGraph, { count, cohortMax, atOnce }: Share): Promise<void> {
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      const limit = Math.min(cohortMax, left);
      left -= limit;
      const cohort: Cohort | null = await claimByStatus(deps, ['accepted'], limit);
      if (cohort?.travellers.length !== limit) throw new Error(`${cohort?.travellers.length ?? 0} payments were there instead of ${limit}`);
      await runPaymentGraph(graph, 'chain', cohort);
      await releaseCohort(deps.pool, cohort);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
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
  // Each round is held against the one beside it: what else the machine did then, both have felt.
  const ratios = spreadOf(measured.cohorts.map((round, index) => round.perSecond / (measured.singles[index]?.perSecond ?? Number.NaN)));
  const ratio = ratios.median;
  const cpu = (summary: Summary): number => summary.nodeCpu.median + summary.postgresCpu.median;
  const cpuRatio = cpu(singles) / cpu(cohorts);
  tell('');
  for (const [name, summary] of [
    ['by cohorts', cohorts],
    ['one by one', singles],
  ] as const) {
    tell(
      `${name}: ${spread(summary.perSecond)} payments/s; CPU seconds per 1,000: node ${spread(summary.nodeCpu)}, PostgreSQL ${spread(summary.postgresCpu)}`,
    );
  }
  tell(`ratio: ${spread(ratios)} times as many payments/s, with ${figure(cpuRatio)} times less CPU each`);
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
      ratios,
      cpuRatio,
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
