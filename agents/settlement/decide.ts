/**
 * The settlement decision: which paid payments are netted, and when their window closes.
 *
 * Pure. All partners share one window and it closes as a whole, so a payment's two legs are always
 * settled together. Nothing that is unconfirmed, refunded or in doubt is ever netted.
 */
import type { Currency } from '../../domain/currency.ts';
import type { Reason, Verdict } from '../../domain/decision.ts';
import type { SettlementPolicy } from './policy.ts';

export type SettlementOutcome = 'netted' | 'waiting' | 'held_back';
export type ClosingCause = 'count' | 'age' | 'value';

export type SettlementLegFacts = {
  readonly leg: 'collection' | 'payout';
  /** The rail whose operator moved the money; `on_us` when none did; null while no try has succeeded. */
  readonly partner: string | null;
  readonly currency: Currency;
  /** What the payment's terms say, minor units. */
  readonly expectedMinor: string;
  /** What the successful try moved, minor units; null while there is none. */
  readonly confirmedMinor: string | null;
  /** Tries whose outcome is not known yet. */
  readonly openTries: number;
};

export type SettlementFacts = {
  readonly status: string;
  readonly legs: readonly SettlementLegFacts[];
  /** Refunds that succeeded or may still succeed. */
  readonly refunds: number;
  /** What closes the window; null while it stays open. */
  readonly closedBy: ClosingCause | null;
};

/** What keeps a payment from being netted, or null when nothing does. */
export function doubtOf(facts: Omit<SettlementFacts, 'closedBy'>): Reason | null {
  if (facts.status !== 'paid') return { code: 'not_paid', text: `The payment is ${facts.status}, not paid.` };
  if (facts.refunds > 0) return { code: 'refund_seen', text: 'A refund was made or may have been made.' };
  for (const leg of facts.legs) {
    if (leg.openTries > 0) return { code: 'outcome_in_doubt', text: `A try of the ${leg.leg} has no known outcome.` };
    if (leg.partner === null || leg.confirmedMinor === null)
      return { code: 'leg_unconfirmed', text: `No try of the ${leg.leg} is confirmed.` };
    if (leg.confirmedMinor !== leg.expectedMinor) {
      return {
        code: 'amount_differs',
        text: `The ${leg.leg} moved ${leg.confirmedMinor} minor units where ${leg.expectedMinor} were due.`,
      };
    }
  }
  return null;
}

const CLOSING_WORDS: Readonly<Record<ClosingCause, string>> = {
  count: 'enough payments were in it',
  age: 'its oldest payment had waited long enough',
  value: 'what a partner owes or is owed had reached its limit',
};

/** Decides one payment from its facts. Pure. */
export function decideSettlement(facts: SettlementFacts): Verdict<SettlementOutcome, null> {
  const doubt = doubtOf(facts);
  if (doubt !== null) return { outcome: 'held_back', reasons: [doubt], confidence: 1, data: null };
  if (facts.closedBy === null) {
    return {
      outcome: 'waiting',
      reasons: [{ code: 'window_open', text: 'The settlement window is still open.' }],
      confidence: 1,
      data: null,
    };
  }
  const partners = facts.legs.map((leg) => `${leg.partner} (${leg.currency})`).join(' and ');
  const text = `Netted with ${partners}; the window closed because ${CLOSING_WORDS[facts.closedBy]}.`;
  return { outcome: 'netted', reasons: [{ code: `window_closed_by_${facts.closedBy}`, text }], confidence: 1, data: null };
}

/** One leg of a payment that may be netted. */
export interface NettableLeg {
  readonly paymentId: string;
  readonly leg: 'collection' | 'payout';
  readonly partner: string;
  readonly currency: Currency;
  readonly amountMinor: bigint;
}

/** What one partner and we owe each other in one currency. */
export interface NetPosition {
  readonly partner: string;
  readonly currency: Currency;
  readonly collectedMinor: bigint;
  readonly disbursedMinor: bigint;
  /** Collected less disbursed: positive, the partner owes us. */
  readonly netMinor: bigint;
  readonly legs: readonly NettableLeg[];
}

/** Nets legs per partner and currency; positions by partner then currency, their legs by payment id, collection first. */
export function netLegs(legs: readonly NettableLeg[]): NetPosition[] {
  const groups = Map.groupBy(legs, (leg) => `${leg.partner} ${leg.currency}`);
  return [...groups.entries()]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([, group]) => {
      const [first] = group;
      if (first === undefined) return [];
      const sum = (leg: NettableLeg['leg']): bigint =>
        group.reduce((total, each) => (each.leg === leg ? total + each.amountMinor : total), 0n);
      const [collectedMinor, disbursedMinor] = [sum('collection'), sum('payout')];
      const ordered = group.toSorted((a, b) => compareText(`${a.paymentId} ${a.leg}`, `${b.paymentId} ${b.leg}`));
      return [
        {
          partner: first.partner,
          currency: first.currency,
          collectedMinor,
          disbursedMinor,
          netMinor: collectedMinor - disbursedMinor,
          legs: ordered,
        },
      ];
    });
}

/**
 * What closes the window now, or null. `oldestPaidAtMs` is of the payments that can be netted; with none
 * of them the window stays open.
 */
export function closingCause(
  window: { readonly paymentCount: number; readonly oldestPaidAtMs: number; readonly positions: readonly NetPosition[] },
  nowMs: number,
  policy: SettlementPolicy,
): ClosingCause | null {
  if (window.paymentCount === 0) return null;
  if (window.paymentCount >= policy.countMax) return 'count';
  if (nowMs - window.oldestPaidAtMs >= policy.ageMsMax) return 'age';
  const reached = window.positions.some(
    (each) => (each.netMinor < 0n ? -each.netMinor : each.netMinor) >= policy.netMinorMax[each.currency],
  );
  return reached ? 'value' : null;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
