/**
 * What routing knows of one payment: per leg the amount, and every rail that reaches the wallet with
 * what it costs, how it does and what it holds. Rails that cannot be used are among them, so that a
 * decision can say why they were not.
 */
import type { Currency } from '../../domain/currency.ts';
import { exponentOf } from '../../domain/currency.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';
import { basisPoints, money } from '../../domain/money.ts';
import { limitsOf, type Rail, type RailLimits } from '../../domain/rail.ts';
import type { BreakerState, HealthLeg, RailHealth } from '../../tools/rails/health.ts';
import { breakerState, expectedLatencyMs, successRate, untriedRail } from '../../tools/rails/health.ts';
import type { RoutePolicy } from './policy.ts';

export type RailFacts = {
  readonly rail: string;
  /** What the rail moves at once, for a collection within what can be paid back, minor units; null: it does not serve this leg. */
  readonly minMinor: string | null;
  readonly maxMinor: string | null;
  /** The amount must be a multiple of this, minor units. */
  readonly stepMinor: string;
  /** What the operator charges us for this amount, minor units. */
  readonly costMinor: string;
  readonly latencyMs: number;
  /** 0 to 1, four places. */
  readonly successRate: number;
  /** Free float, minor units; null for a leg that brings money in. */
  readonly floatMinor: string | null;
  readonly breaker: BreakerState;
  /** This payment is the one that may try a half-open rail. */
  readonly probe: boolean;
  /** The rail was tried for this payment before, and failed. */
  readonly spent: boolean;
};

/** `route`: choose rails · `on_us`: our own accounts, no operator · `settled`: done, or reserved, or not yet due for change. */
export type LegFacts = {
  readonly need: 'route' | 'on_us' | 'settled';
  readonly amountMinor: string;
  readonly currency: Currency;
  readonly rails: readonly RailFacts[];
};

export type RouteFacts = {
  readonly preference: string;
  readonly weights: { readonly cost: number; readonly speed: number; readonly success: number };
  readonly scale: { readonly costBpsMax: number; readonly halfSpeedMs: number; readonly successFloor: number; readonly railsMax: number };
  readonly collection: LegFacts;
  readonly payout: LegFacts;
};

/**
 * Which legs of a payment in this status are to be routed. Before authorisation both; once authorised
 * the payout's float is reserved, so only the collection may change; once collected only the payout is left.
 */
export function legsToRoute(status: PaymentStatus): readonly HealthLeg[] {
  if (status === 'authorized' || status === 'collecting') return ['collection'];
  if (status === 'collected' || status === 'disbursing') return ['payout'];
  return ['collection', 'payout'];
}

export interface RailSituation {
  readonly leg: HealthLeg;
  readonly amountMinor: bigint;
  readonly nowMs: number;
  readonly health: RailHealth | undefined;
  readonly floatMinor: bigint | null;
  readonly probe: boolean;
  readonly spent: boolean;
  /** For a collection: what can be paid back to the wallet at once. */
  readonly payback: RailLimits | null;
}

/**
 * What can be paid back at once to a wallet that these rails reach: what none of them could return in one piece is not
 * collected, or it would be owed for ever.
 */
export function paybackOf(rails: readonly Rail[]): RailLimits {
  const payouts = rails.flatMap((rail) => rail.payout ?? []);
  const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
  const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);
  if (payouts.length === 0) return { minMinor: 1n, maxMinor: 0n };
  return {
    minMinor: payouts.map((limits) => limits.minMinor).reduce(least),
    maxMinor: payouts.map((limits) => limits.maxMinor).reduce(greatest),
  };
}

function within(limits: RailLimits | null, bounds: RailLimits | null): RailLimits | null {
  if (limits === null || bounds === null) return limits;
  return {
    minMinor: limits.minMinor > bounds.minMinor ? limits.minMinor : bounds.minMinor,
    maxMinor: limits.maxMinor < bounds.maxMinor ? limits.maxMinor : bounds.maxMinor,
  };
}

/** Puts what is known of one rail into facts. */
export function railFacts(rail: Rail, situation: RailSituation): RailFacts {
  const limits = within(limitsOf(rail, situation.leg), situation.payback);
  const health = situation.health ?? untriedRail(rail.id, situation.leg, situation.nowMs);
  const percentage = basisPoints(money(situation.amountMinor, rail.currency), BigInt(rail.costBps), 'up');
  return {
    rail: rail.id,
    minMinor: limits?.minMinor.toString() ?? null,
    maxMinor: limits?.maxMinor.toString() ?? null,
    stepMinor: (10n ** BigInt(Math.max(0, exponentOf(rail.currency) - rail.places))).toString(),
    costMinor: (percentage.minor + rail.costFixedMinor).toString(),
    latencyMs: Math.round(expectedLatencyMs(health, rail.typicalLatencyMs, situation.nowMs)),
    successRate: Math.round(successRate(health, situation.nowMs) * 10_000) / 10_000,
    floatMinor: situation.floatMinor?.toString() ?? null,
    breaker: breakerState(health, situation.nowMs),
    probe: situation.probe,
    spent: situation.spent,
  };
}

/** The policy's part of the facts, so that a decision can be made again after the policy has changed. */
export function policyFacts(
  policy: RoutePolicy,
  preference: keyof RoutePolicy['weights'],
): Pick<RouteFacts, 'preference' | 'weights' | 'scale'> {
  const weights = policy.weights[preference];
  return {
    preference,
    weights: { cost: weights.cost, speed: weights.speed, success: weights.success },
    scale: { costBpsMax: policy.costBpsMax, halfSpeedMs: policy.halfSpeedMs, successFloor: policy.successFloor, railsMax: policy.railsMax },
  };
}
