/**
 * Whether a payment costs more the more payments are stored: CPU of this process and of PostgreSQL for taking in and for
 * authorising and posting the same number of payments, at each of some sizes. Payments beyond those that are measured are copies
 * of such (see `multiply.ts`). Prints what a payment takes up by table and index.
 */
import type { Pool } from '../db/connect.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { buildPaymentGraph, type PaymentGraph } from '../graph/payment-graph.ts';
import { settleAccepted } from './cohort.ts';
import { type Finding, figure, type Spread, spread, spreadOf } from './finding.ts';
import { fsyncMicroseconds, startMeter } from './meters.ts';
import { multiply, takeTemplate } from './multiply.ts';
import { openWorld, type World } from './world.ts';

export interface GrowthOptions {
  /** Stored payments at which is measured, in order. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Payments in one round. */
  readonly payments: number;
  /** Payments that are copied. */
  readonly template: number;
  /** Fails when a payment costs more than so many times as much at the last size as at the first. */
  readonly mostRatio: number;
}

/** CPU microseconds per payment. */
interface Cost {
  readonly size: number;
  readonly intake: Spread;
  readonly cohorts: Spread;
  readonly all: Spread;
}

const GOAL_RATIO = 1.15;
/** What takes up less does not grow with payments. */
const LEAST_BYTES = 10;
const SHARE = { cohortMax: 500, atOnce: 3 };

/** Runs the bench. Fails when the ratio is above the most, or an invariant does not hold over everything that is stored. */
export async function runGrowthBench(options: GrowthOptions, tell: (line: string) => void): Promise<Finding> {
  const world = await openWorld({ connections: SHARE.atOnce + 4 });
  try {
    const fsyncUs = fsyncMicroseconds(world.dataDir);
    const graph = buildPaymentGraph(world.deps, world.agents);
    await makePayments(world, graph, options.template);
    const template = await takeTemplate(world.pool);
    const costs: Cost[] = [];
    let copied = 0;
    for (const size of options.sizes) {
      const copies = Math.max(copied, Math.ceil((size - (await countPayments(world.pool))) / template.payments) + copied);
      await multiply(world.pool, template, { from: copied + 1, to: copies });
      copied = copies;
      await world.pool.query('vacuum analyze');
      await world.pool.query('checkpoint');
      const stored = await countPayments(world.pool);
      const cost = await measure(world, graph, options, stored);
      costs.push(cost);
      tell(
        `${figure(stored)} stored: CPU µs per payment ${spread(cost.all)}; intake ${figure(cost.intake.median)}, cohorts ${figure(cost.cohorts.median)}`,
      );
    }
    return await conclude(world.pool, options, { costs, fsyncUs, copied: copied * template.payments }, tell);
  } finally {
    await world.close();
  }
}

async function makePayments(world: World, graph: PaymentGraph, count: number): Promise<void> {
  await world.seed(count);
  await settleAccepted(world.deps, graph, { count, ...SHARE });
}

async function measure(world: World, graph: PaymentGraph, { rounds, payments }: GrowthOptions, size: number): Promise<Cost> {
  const [intake, cohorts]: [number[], number[]] = [[], []];
  const cpuOf = async (work: () => Promise<void>): Promise<number> => {
    const stop = startMeter(world.postgresPid);
    await work();
    const { node, postgres } = stop();
    return ((node + postgres) * 1e6) / payments;
  };
  // The first round fills caches and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    const [taken, posted] = [
      await cpuOf(() => world.seed(payments)),
      await cpuOf(() => settleAccepted(world.deps, graph, { count: payments, ...SHARE })),
    ];
    if (round === 0) continue;
    intake.push(taken);
    cohorts.push(posted);
  }
  const all = spreadOf(intake.map((each, index) => each + (cohorts[index] ?? Number.NaN)));
  return { size, intake: spreadOf(intake), cohorts: spreadOf(cohorts), all };
}

async function countPayments(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('select count(*)::int as count from payments');
  return rows[0]?.count ?? 0;
}

interface Place {
  readonly name: string;
  readonly kind: 'table' | 'index';
  readonly bytes: number;
}

/** What a payment takes up, by table and index; but for tables that do not grow with payments. */
async function bytesPerPayment(pool: Pool, payments: number): Promise<Place[]> {
  const { rows } = await pool.query<{ name: string; kind: Place['kind']; size: string }>(
    `select c.relname as name, case c.relkind when 'i' then 'index' else 'table' end as kind,
       (pg_relation_size(c.oid) + case when c.relkind = 'r' and c.reltoastrelid <> 0 then pg_total_relation_size(c.reltoastrelid) else 0 end)::text as size
     from pg_class c where c.relkind in ('r', 'i') and c.relnamespace = 'public'::regnamespace and c.relname not like 'bench\\_%'`,
  );
  return rows
    .map(({ name, kind, size }) => ({ name, kind, bytes: Number(size) / payments }))
    .filter(({ bytes }) => bytes >= LEAST_BYTES)
    .toSorted((a, b) => b.bytes - a.bytes);
}

async function conclude(
  pool: Pool,
  options: GrowthOptions,
  { costs, fsyncUs, copied }: { readonly costs: readonly Cost[]; readonly fsyncUs: number; readonly copied: number },
  tell: (line: string) => void,
): Promise<Finding> {
  const [first, last] = [costs.at(0), costs.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('no size was measured');
  const ratio = last.all.median / first.all.median;
  const stored = await countPayments(pool);
  const places = await bytesPerPayment(pool, stored);
  const sum = (kind: Place['kind']): number =>
    places.filter((place) => place.kind === kind).reduce((bytes, place) => bytes + place.bytes, 0);
  tell(
    `${figure(stored)} payments, ${figure(copied)} of them copies: ${figure(sum('table'))} bytes per payment in tables, ${figure(sum('index'))} in indexes`,
  );
  for (const { name, kind, bytes } of places) tell(`  ${name.padEnd(36)} ${kind}  ${figure(bytes).padStart(7)}`);
  tell(
    `a payment costs ${ratio.toFixed(2)} times as much CPU at ${figure(last.size)} stored as at ${figure(first.size)}; goal ${GOAL_RATIO}`,
  );
  const violations = await checkBooks(pool);
  tell(`books: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
  return {
    bench: 'growth',
    figures: {
      ratio,
      goal: GOAL_RATIO,
      costs,
      stored,
      copied,
      bytesPerPayment: { tables: sum('table'), indexes: sum('index'), places },
      options,
      fsyncUs: Math.round(fsyncUs),
      invariants: violations.length === 0 ? 'hold' : violations,
    },
    failures: [
      ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
      ...(ratio <= options.mostRatio ? [] : [`a payment costs ${ratio.toFixed(2)} times as much, more than ${options.mostRatio}`]),
    ],
  };
}
