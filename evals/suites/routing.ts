/**
 * Routing: how much is lost against the best order of rails that could have been chosen?
 *
 * Cases are made by a seed: rails with costs, speeds, success rates, limits, float and faults. The optimum is
 * found by trying every order of every subset of the rails that may carry the amount, by what it can be
 * expected to be worth: each fallback is reached only when those before it failed, and then later.
 */
import { z } from 'zod';
import { decideRoute } from '../../agents/route-optimizer/decide.ts';
import type { LegFacts, RailFacts, RouteFacts } from '../../agents/route-optimizer/facts.ts';
import { policyFacts } from '../../agents/route-optimizer/facts.ts';
import { ROUTE_POLICY } from '../../agents/route-optimizer/policy.ts';
import { PREFERENCES } from '../../domain/intent.ts';
import { digestOf } from '../../domain/ids.ts';
import { readDataset } from '../dataset.ts';
import { meanOf, quantileOf, share } from '../scorers.ts';
import { seededRandom } from '../statistics.ts';
import { type CaseResult, type Metrics, slicesBy, type Suite, type SuiteOptions, type SuiteRun } from '../suite.ts';
import { policyTarget } from '../targets/target.ts';

interface RoutingCase {
  readonly id: string;
  readonly facts: RouteFacts;
}

const caseSchema = z.looseObject({ id: z.string(), facts: z.custom<RouteFacts>((value) => typeof value === 'object' && value !== null) });

const CASES = 2_000;
const SEED = 4_711;
/** A case is right when it gives away less than this share of what the best order is worth. */
const REGRET_MAX = 0.02;

export const routingSuite: Suite = { name: 'routing', about: 'orders of rails against the best order there is', run: runRouting };

interface Outcome {
  readonly regret: number;
  /** Rails chosen that must not carry the amount. */
  readonly forbidden: number;
  /** Both say that there is a route, or both that there is none. */
  readonly agrees: boolean;
}

async function runRouting(options: SuiteOptions): Promise<SuiteRun> {
  const made = options.dataset === null ? null : await readDataset(options.dataset, caseSchema);
  const cases: readonly RoutingCase[] = made?.cases ?? generateCases(CASES, SEED);
  const target = policyTarget('routing policy', (facts: RouteFacts) => decideRoute(facts));
  const outcomes = new Map<string, Outcome>();
  for (const { id, facts } of cases) outcomes.set(id, measure(facts, (await target.run(facts)).data.route));
  const results = cases.map(({ id, facts }) => resultOf(id, facts, outcomes.get(id)));
  const metricsFor = (group: readonly CaseResult[]): Metrics => metricsOf(group.flatMap((result) => outcomes.get(result.id) ?? []));
  const rivals = [
    ['cheapest first', (rail: RailFacts) => Number(rail.costMinor)],
    ['surest first', (rail: RailFacts) => -rail.successRate],
    ['as listed', () => 0],
  ] as const;
  return {
    suite: 'routing',
    target: target.name,
    dataset:
      made === null
        ? { name: `${CASES} cases of seed ${SEED}`, digest: digestOf(JSON.stringify(cases)) }
        : { name: made.name, digest: made.digest },
    metrics: metricsOf([...outcomes.values()]),
    slices: ['preference', 'rails'].flatMap((by) => slicesBy(results, by, metricsFor)),
    results,
    rivals: rivals.map(([name, key]) => {
      const rivalOutcomes = cases.map(({ facts }) => measure(facts, routeBy(facts, key)));
      return { name, metrics: metricsOf(rivalOutcomes), correct: rivalOutcomes.map(isRight) };
    }),
    remarks: ['Regret is the share of the optimum that is given away; 0.01 is one part in a hundred.'],
  };
}

function isRight(outcome: Outcome): boolean {
  return outcome.agrees && outcome.forbidden === 0 && outcome.regret <= REGRET_MAX;
}

function resultOf(id: string, facts: RouteFacts, outcome: Outcome | undefined): CaseResult {
  return {
    id,
    correct: outcome !== undefined && isRight(outcome),
    tags: { preference: facts.preference, rails: String(facts.collection.rails.length + facts.payout.rails.length) },
    note: `regret ${(outcome?.regret ?? 0).toFixed(4)}, forbidden ${outcome?.forbidden ?? 0}`,
  };
}

function metricsOf(outcomes: readonly Outcome[]): Metrics {
  const regrets = outcomes.map((outcome) => outcome.regret);
  return {
    meanRegret: meanOf(regrets),
    p95Regret: quantileOf(regrets, 0.95),
    maxRegret: Math.max(0, ...regrets),
    optimalShare: share(regrets.filter((regret) => regret < 1e-9).length, regrets.length),
    forbiddenPicks: outcomes.reduce((sum, outcome) => sum + outcome.forbidden, 0),
    refusalAgreement: share(outcomes.filter((outcome) => outcome.agrees).length, outcomes.length),
  };
}

/** Who may carry an amount, said once more and in other words than the policy says it. */
export function mayCarry(rail: RailFacts, amountMinor: bigint): boolean {
  const serves =
    rail.minMinor !== null && rail.maxMinor !== null && amountMinor >= BigInt(rail.minMinor) && amountMinor <= BigInt(rail.maxMinor);
  const isUp = rail.breaker === 'closed' || (rail.breaker === 'half_open' && rail.probe);
  return serves && isUp && !rail.spent && amountMinor % BigInt(rail.stepMinor) === 0n;
}

/** Rails with the float come first of all; where none has it, the payment may wait on any. */
function eligible(leg: LegFacts): RailFacts[] {
  const amountMinor = BigInt(leg.amountMinor);
  const able = leg.rails.filter((rail) => mayCarry(rail, amountMinor));
  const covered = able.filter((rail) => rail.floatMinor === null || BigInt(rail.floatMinor) >= amountMinor);
  return covered.length > 0 ? covered : able;
}

/** What an order of rails can be expected to be worth, 0 to 1. */
export function worthOf(order: readonly RailFacts[], leg: LegFacts, facts: RouteFacts): number {
  const { weights, scale } = facts;
  const base = Number(leg.amountMinor);
  let reached = 1;
  let elapsedMs = 0;
  let worth = 0;
  for (const rail of order) {
    elapsedMs += rail.latencyMs;
    const success = reached * rail.successRate;
    const cost = Math.max(0, 1 - (Number(rail.costMinor) * 10_000) / base / scale.costBpsMax);
    worth += success * (weights.cost * cost + weights.speed * (scale.halfSpeedMs / (scale.halfSpeedMs + elapsedMs)) + weights.success);
    reached -= success;
  }
  return worth;
}

/** The worth of the best order, by trying all. */
export function bestWorth(leg: LegFacts, facts: RouteFacts): number {
  const rails = eligible(leg);
  let best = 0;
  const extend = (order: readonly RailFacts[]): void => {
    best = Math.max(best, worthOf(order, leg, facts));
    if (order.length >= facts.scale.railsMax) return;
    for (const rail of rails) if (!order.includes(rail)) extend([...order, rail]);
  };
  extend([]);
  return best;
}

type Chosen = { readonly collection: readonly string[]; readonly payout: readonly string[] } | null;

function measure(facts: RouteFacts, route: Chosen): Outcome {
  const legs = ['collection', 'payout'] as const;
  const isPossible = legs.every((leg) => eligible(facts[leg]).length > 0);
  if (route === null || !isPossible) return { regret: 0, forbidden: 0, agrees: (route === null) === !isPossible };
  let [worth, best, forbidden] = [0, 0, 0];
  for (const leg of legs) {
    const rails = route[leg].flatMap((id) => facts[leg].rails.find((rail) => rail.rail === id) ?? []);
    forbidden += rails.filter((rail) => !eligible(facts[leg]).includes(rail)).length;
    worth += worthOf(rails, facts[leg], facts);
    best += bestWorth(facts[leg], facts);
  }
  return { regret: best === 0 ? 0 : Math.max(0, (best - worth) / best), forbidden, agrees: true };
}

function routeBy(facts: RouteFacts, key: (rail: RailFacts) => number): Chosen {
  const order = (leg: LegFacts): string[] =>
    eligible(leg)
      .toSorted((a, b) => key(a) - key(b))
      .slice(0, facts.scale.railsMax)
      .map((rail) => rail.rail);
  const [collection, payout] = [order(facts.collection), order(facts.payout)];
  return collection.length === 0 || payout.length === 0 ? null : { collection, payout };
}

/** Cases by a seed: the same number gives the same cases. */
export function generateCases(count: number, seed: number): RoutingCase[] {
  const random = seededRandom(seed);
  const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const leg = (name: string): LegFacts => {
    const amountMinor = BigInt(whole(1, 2_000)) * 1_000n;
    const rails = Array.from(
      { length: whole(1, 5) },
      (_, at): RailFacts => railOf(`${name}-${at}`, amountMinor, name === 'payout', random, whole),
    );
    return { need: 'route', amountMinor: amountMinor.toString(), currency: 'KES', rails };
  };
  return Array.from({ length: count }, (_, at) => {
    const preference = PREFERENCES[whole(0, PREFERENCES.length - 1)] ?? 'cheapest';
    return {
      id: `routing-${at}`,
      facts: { ...policyFacts(ROUTE_POLICY, preference), collection: leg('collection'), payout: leg('payout') },
    };
  });
}

function railOf(
  id: string,
  amountMinor: bigint,
  hasFloat: boolean,
  random: () => number,
  whole: (from: number, to: number) => number,
): RailFacts {
  const isRare = (share: number): boolean => random() < share;
  return {
    rail: id,
    minMinor: isRare(0.05) ? null : isRare(0.05) ? (amountMinor + 1n).toString() : '100',
    maxMinor: isRare(0.05) ? (amountMinor - 1n).toString() : '100000000',
    stepMinor: isRare(0.03) ? '7919' : '1',
    costMinor: ((amountMinor * BigInt(whole(10, 320))) / 10_000n + BigInt(whole(0, 500))).toString(),
    latencyMs: whole(800, 120_000),
    successRate: whole(5_500, 9_990) / 10_000,
    floatMinor: hasFloat ? (isRare(0.15) ? (amountMinor - 1n).toString() : (amountMinor * 10n).toString()) : null,
    breaker: isRare(0.06) ? 'open' : isRare(0.06) ? 'half_open' : 'closed',
    probe: isRare(0.5),
    spent: isRare(0.05),
  };
}
