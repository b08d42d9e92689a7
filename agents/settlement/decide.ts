/**
 * The settlement decisions: which paid payments are netted, when their window closes, whether a batch goes
 * over the chain or stays on the books, and who must consent.
 *
 * Pure. All partners share one window and it closes as a whole, so a payment's two legs are always
 * settled together. Nothing that is unconfirmed, refunded or in doubt is ever netted. Each partner ends with
 * one position towards us in each currency, whichever clients and payments it came from.
 */
import type { Currency } from '../../domain/currency.ts';
import type { Reason, Verdict } from '../../domain/decision.ts';
import { ON_US } from '../../domain/network.ts';
import type { SettlementMethod } from '../../domain/settlement.ts';
import { type ChainCostFacts, chainCostUsdMicros } from './cost.ts';
import { minorOfUsdMicros, SETTLEMENT_POLICY, type SettlementPolicy } from './policy.ts';

export type ClosingCause = 'count' | 'age' | 'value' | 'exposure' | 'carried';

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

/** What is known of one paid payment. */
export type PaymentFacts = {
  readonly status: string;
  readonly legs: readonly SettlementLegFacts[];
  /** Refunds that succeeded or may still succeed. */
  readonly refunds: number;
};

/** What keeps a payment from being netted, or null when nothing does. `gather.ts` asks the same in SQL; a test holds the two together. */
export function doubtOf(facts: PaymentFacts): Reason | null {
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

/** What a partner and we owe each other in the window, and what stands open between us from before. */
export type PositionFacts = {
  readonly partner: string;
  readonly currency: Currency;
  /** Collected less disbursed in the window, minor units. */
  readonly netMinor: string;
  /** Batches that are not settled yet and what is carried on the books, signed alike. */
  readonly outstandingMinor: string;
};

/** What earlier batches left to a partner's next one, and is worth the chain. */
export type CarriedFacts = {
  readonly partner: string;
  readonly currency: Currency;
  readonly carriedMinor: string;
  /** Since the newest of those batches was made, milliseconds; at least the life of a proposal. */
  readonly waitedMs: number;
};

export type WindowFacts = {
  readonly paymentCount: number;
  /** How long the oldest payment that can be netted has been paid, milliseconds. */
  readonly oldestAgeMs: number;
  readonly ageMsMax: number;
  readonly positions: readonly PositionFacts[];
  /** What is due again, whether or not there are payments. */
  readonly carried: readonly CarriedFacts[];
};

const size = (amount: bigint): bigint => (amount < 0n ? -amount : amount);

/** What closes the window now, or null while it stays open. Without payments it closes only for what is carried and due again. */
export function closingCause(facts: WindowFacts, policy: SettlementPolicy): ClosingCause | null {
  const byPayments = facts.paymentCount === 0 ? null : closedByPayments(facts, policy);
  return byPayments ?? (facts.carried.length > 0 ? 'carried' : null);
}

function closedByPayments(facts: WindowFacts, policy: SettlementPolicy): ClosingCause | null {
  if (facts.paymentCount >= policy.countMax) return 'count';
  if (facts.oldestAgeMs >= facts.ageMsMax) return 'age';
  const reaches = (amount: bigint, currency: Currency, times: bigint): boolean => size(amount) >= policy.netMinorMax[currency] * times;
  if (facts.positions.some((each) => reaches(BigInt(each.netMinor), each.currency, 1n))) return 'value';
  // What was open before must not close window after window on next to nothing.
  const exposed = facts.positions.some((each) => {
    const [net, before] = [BigInt(each.netMinor), BigInt(each.outstandingMinor)];
    return reaches(net * 20n, each.currency, 1n) && reaches(net + before, each.currency, policy.exposureTimes);
  });
  return exposed ? 'exposure' : null;
}

export type SettlementOutcome = 'netted' | 'waiting';

/** What is told to a client: one decision for all its payments of a window. */
export type SettlementFacts = {
  /** The client's payments in the window. */
  readonly payments: number;
  /** What closes the window; null while it stays open. */
  readonly closedBy: ClosingCause | null;
};

const CLOSING_WORDS: Readonly<Record<ClosingCause, string>> = {
  count: 'enough payments were in it',
  age: 'its oldest payment had waited long enough',
  value: 'what a partner owes or is owed had reached its limit',
  exposure: 'what a partner owes or is owed had reached its limit together with what was open before',
  carried: 'what an earlier batch had left was due again',
};

/** Decides for a client's payments of a window. Pure. */
export function decideSettlement(facts: SettlementFacts): Verdict<SettlementOutcome, null> {
  const { payments, closedBy } = facts;
  if (closedBy === null || payments === 0) {
    const reasons = [{ code: 'window_open', text: 'The settlement window is still open.' }];
    return { outcome: 'waiting', reasons, confidence: 1, data: null };
  }
  const subject = payments === 1 ? 'The payment was netted' : `${payments} payments were netted`;
  const text = `${subject} with their operators; the window closed because ${CLOSING_WORDS[closedBy]}.`;
  return { outcome: 'netted', reasons: [{ code: `window_closed_by_${closedBy}`, text }], confidence: 1, data: null };
}

export type BatchFacts = {
  readonly partner: string;
  readonly currency: Currency;
  readonly netMinor: string;
  readonly carriedMinor: string;
  /** Whether the partner can be paid, and pay, on a chain that is configured. */
  readonly onChain: boolean;
  /** What policy keys have consented to in the currency in the last 24 hours, minor units. */
  readonly keysUsedMinor: string;
  /** What a batch costs on the chain; null where there is none for the partner. */
  readonly chainCost: ChainCostFacts | null;
};

export interface BatchTerms {
  /** Net and carried; zero where nobody owes anything. */
  readonly dueMinor: bigint;
  /** Null on the books. */
  readonly approvalBy: 'policy' | 'people' | null;
}

/** A day's cost of leaving an amount where it is, minor units, rounded down. */
function holdCostMinor(amountMinor: bigint, policy: SettlementPolicy): bigint {
  return (size(amountMinor) * policy.holdCostPerDay) / 1_000_000n;
}

/** Decides a batch's way: over the chain when a day on the books would cost more than the gas. Pure. */
export function decideBatch(facts: BatchFacts, policy: SettlementPolicy = SETTLEMENT_POLICY): Verdict<SettlementMethod, BatchTerms> {
  const dueMinor = facts.partner === ON_US ? 0n : BigInt(facts.netMinor) + BigInt(facts.carriedMinor);
  const onBooks = (code: string, text: string): Verdict<SettlementMethod, BatchTerms> => ({
    outcome: 'books',
    reasons: [{ code, text }],
    confidence: 1,
    data: { dueMinor, approvalBy: null },
  });
  if (facts.partner === ON_US) return onBooks('no_partner', 'No operator moved this money; it is settled by our own books.');
  if (dueMinor === 0n) return onBooks('nothing_due', 'What was collected and paid out is the same; nobody owes anything.');
  if (!facts.onChain || facts.chainCost === null)
    return onBooks('not_on_chain', 'The partner is not reached on a chain; the net stays in the float there.');
  const gasMinor = minorOfUsdMicros(chainCostUsdMicros(facts.chainCost), facts.currency, policy);
  const holdMinor = holdCostMinor(dueMinor, policy);
  if (holdMinor < gasMinor) {
    return onBooks('gas_above_cost', `Gas of ${gasMinor} minor units is more than the ${holdMinor} that a day in the float costs.`);
  }
  const limit = policy.netMinorMax[facts.currency];
  const isUnderLimits =
    size(dueMinor) <= limit * policy.keyTimesMax && BigInt(facts.keysUsedMinor) + size(dueMinor) <= limit * policy.keyTimesMaxPerDay;
  const consent = isUnderLimits
    ? { code: 'keys_under_limits', text: 'The amount is within the limits of the policy keys.' }
    : { code: 'people_must_approve', text: 'The amount is above the limits of the policy keys; people must approve it.' };
  const cost = {
    code: 'cheaper_on_chain',
    text: `Gas of ${gasMinor} minor units is less than the ${holdMinor} that a day in the float costs.`,
  };
  return { outcome: 'chain', reasons: [cost, consent], confidence: 1, data: { dueMinor, approvalBy: isUnderLimits ? 'policy' : 'people' } };
}
