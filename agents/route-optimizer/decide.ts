/**
 * The routing decision: which rails may carry each leg, in which order, and why the others may not.
 *
 * Pure. A rail that is down, spent, outside its limits or unable to move the exact amount is never
 * chosen; among the rest the highest score comes first, ties go to the lower cost, then to the name.
 */
import type { Reason, Verdict } from '../../domain/decision.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Route } from '../agent.ts';
import type { LegFacts, RailFacts, RouteFacts } from './facts.ts';

export type RouteOutcome = 'routed' | 'refused';

/** `route` has an empty list for a leg that was not to be routed; its column stays as it is. `code` says why there is no route. */
export interface RouteData {
  readonly route: Route | null;
  readonly code: ErrorCode | null;
}

type DropCode = 'rail_without_leg' | 'rail_spent' | 'rail_down' | 'amount_below_minimum' | 'amount_above_maximum' | 'amount_granularity';

/** Why a rail cannot carry the amount, or null when it can. Float is not looked at here. */
export function dropCodeOf(rail: RailFacts, amountMinor: bigint): DropCode | null {
  if (rail.minMinor === null || rail.maxMinor === null) return 'rail_without_leg';
  if (rail.spent) return 'rail_spent';
  if (rail.breaker === 'open' || (rail.breaker === 'half_open' && !rail.probe)) return 'rail_down';
  if (amountMinor < BigInt(rail.minMinor)) return 'amount_below_minimum';
  if (amountMinor > BigInt(rail.maxMinor)) return 'amount_above_maximum';
  if (amountMinor % BigInt(rail.stepMinor) !== 0n) return 'amount_granularity';
  return null;
}

/**
 * The score of a rail for an amount, 0 to 1, six places:
 * p · (wCost · cost + wSpeed · speed) + wSuccess · success, where p is the rail's success rate and
 * cost = 1 - share/shareMax, speed = half/(half + latency), success = (p - floor)/(1 - floor), each kept at
 * 0 or above. What is cheap or fast counts only as often as it succeeds. The scales are absolute, so that a
 * third rail never changes the order of two others.
 */
export function scoreOf(rail: RailFacts, amountMinor: bigint, facts: Pick<RouteFacts, 'weights' | 'scale'>): number {
  const { weights, scale } = facts;
  const hundredthBps = Number((BigInt(rail.costMinor) * 1_000_000n) / amountMinor);
  const cost = Math.max(0, 1 - hundredthBps / 100 / scale.costBpsMax);
  const speed = scale.halfSpeedMs / (scale.halfSpeedMs + rail.latencyMs);
  const success = Math.max(0, (rail.successRate - scale.successFloor) / (1 - scale.successFloor));
  const score = rail.successRate * (weights.cost * cost + weights.speed * speed) + weights.success * success;
  return Math.round(score * 1_000_000) / 1_000_000;
}

interface Scored {
  readonly rail: RailFacts;
  readonly score: number;
}

function compareScored(a: Scored, b: Scored): number {
  if (a.score !== b.score) return b.score - a.score;
  const difference = BigInt(a.rail.costMinor) - BigInt(b.rail.costMinor);
  if (difference !== 0n) return difference < 0n ? -1 : 1;
  return a.rail.rail < b.rail.rail ? -1 : 1;
}

interface LegChoice {
  readonly rails: readonly string[];
  readonly code: ErrorCode | null;
  readonly reasons: readonly Reason[];
}

const LEG_WORDS = { collection: 'Collection', payout: 'Payout' } as const;

const DROP_WORDS: Readonly<Record<DropCode | 'rail_short_of_float', string>> = {
  rail_without_leg: 'it does not serve this leg',
  rail_spent: 'it was tried for this payment and failed',
  rail_down: 'its operator cannot be reached at the moment',
  amount_below_minimum: 'the amount is below its minimum',
  amount_above_maximum: 'the amount is above its maximum',
  amount_granularity: 'it cannot move this fraction of the currency',
  rail_short_of_float: 'its float does not cover the amount while another rail does',
};

/** Chooses the rails of one leg, best first, or says what kept every rail out. */
export function chooseRails(leg: 'collection' | 'payout', legFacts: LegFacts, facts: Pick<RouteFacts, 'weights' | 'scale'>): LegChoice {
  const word = LEG_WORDS[leg];
  if (legFacts.need === 'settled') return { rails: [], code: null, reasons: [] };
  if (legFacts.need === 'on_us')
    return { rails: ['on_us'], code: null, reasons: [{ code: `${leg}_on_us`, text: `${word} moves between our own accounts.` }] };
  const amountMinor = BigInt(legFacts.amountMinor);
  const judged = legFacts.rails.map((rail) => ({ rail, drop: dropCodeOf(rail, amountMinor) }));
  const usable = judged.filter((each) => each.drop === null).map((each) => each.rail);
  const drops: Reason[] = judged.flatMap(({ rail, drop }) => (drop === null ? [] : [dropReason(word, rail, drop)]));
  if (usable.length === 0) {
    const code = refusalCode(judged.flatMap((each) => each.drop ?? []));
    return { rails: [], code, reasons: [{ code, text: `${word}: no rail can carry the payment.` }, ...drops] };
  }
  // When no usable rail has the float, all stay: whether to wait is for the liquidity agent to say.
  const covered = usable.filter((rail) => rail.floatMinor === null || BigInt(rail.floatMinor) >= amountMinor);
  const short = covered.length === 0 ? [] : usable.filter((rail) => !covered.includes(rail));
  const ranked = (covered.length === 0 ? usable : covered)
    .map((rail): Scored => ({ rail, score: scoreOf(rail, amountMinor, facts) }))
    .sort(compareScored)
    .slice(0, facts.scale.railsMax);
  return {
    rails: ranked.map((each) => each.rail.rail),
    code: null,
    reasons: [
      ...ranked.map((each, index) => rankReason(leg, index, each)),
      ...short.map((rail) => dropReason(word, rail, 'rail_short_of_float')),
      ...drops,
    ],
  };
}

function dropReason(word: string, rail: RailFacts, drop: DropCode | 'rail_short_of_float'): Reason {
  return { code: drop, text: `${word} not over ${rail.rail}: ${DROP_WORDS[drop]}.` };
}

function rankReason(leg: 'collection' | 'payout', index: number, { rail, score }: Scored): Reason {
  const figures = `score ${score.toFixed(3)}, cost ${rail.costMinor} minor units, ${(rail.latencyMs / 1000).toFixed(1)} s, success ${(rail.successRate * 100).toFixed(1)} %`;
  const probing = rail.breaker === 'half_open' ? '; it was down, and this payment tries whether it is back' : '';
  if (index === 0) return { code: `${leg}_first`, text: `${LEG_WORDS[leg]} over ${rail.rail}: ${figures}${probing}.` };
  return { code: `${leg}_fallback`, text: `${LEG_WORDS[leg]} may fall back to ${rail.rail}: ${figures}${probing}.` };
}

const AMOUNT_CODES = ['amount_below_minimum', 'amount_above_maximum', 'amount_granularity'] as const;

/**
 * The code that says what kept every rail out: one about the amount only if another amount would have
 * helped at every rail that serves the leg, otherwise `no_route`.
 */
function refusalCode(drops: readonly DropCode[]): ErrorCode {
  const serving = drops.filter((drop) => drop !== 'rail_without_leg');
  if (serving.length === 0 || serving.some((drop) => drop === 'rail_spent' || drop === 'rail_down')) return 'no_route';
  return AMOUNT_CODES.find((code) => serving.includes(code)) ?? 'no_route';
}

/** Decides the route of one payment from its facts. Pure. */
export function decideRoute(facts: RouteFacts): Verdict<RouteOutcome, RouteData> {
  const collection = chooseRails('collection', facts.collection, facts);
  const payout = chooseRails('payout', facts.payout, facts);
  const code = collection.code ?? payout.code;
  const reasons = [...collection.reasons, ...payout.reasons];
  if (code !== null) {
    return {
      outcome: 'refused',
      reasons: reasons.toSorted((a, b) => Number(b.code === code) - Number(a.code === code)),
      confidence: 1,
      data: { route: null, code },
    };
  }
  return { outcome: 'routed', reasons, confidence: 1, data: { route: { collection: collection.rails, payout: payout.rails }, code: null } };
}
