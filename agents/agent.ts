/**
 * What an agent is: `gather` reads facts for a whole cohort, `decide` is pure and looks at one
 * payment's facts, `apply` writes what was decided. The graph calls them; agents never call each other.
 */
import type { PoolClient } from 'pg';
import type { Currency } from '../domain/currency.ts';
import type { AgentName, Facts, Verdict } from '../domain/decision.ts';
import type { Preference } from '../domain/intent.ts';
import type { PaymentStatus } from '../domain/lifecycle.ts';
import type { Country } from '../domain/rail.ts';

/** A payment as the cohort carries it: compact, and without names or numbers. */
export interface CohortPayment {
  readonly id: string;
  readonly clientId: string;
  readonly status: PaymentStatus;
  /** What the sender pays in all, minor units of `fromCurrency`. */
  readonly amountMinor: bigint;
  readonly fromCurrency: Currency;
  readonly toCurrency: Currency;
  readonly fromCountry: Country;
  readonly toCountry: Country;
  readonly funding: 'wallet' | 'balance';
  readonly delivery: 'wallet' | 'balance';
  readonly senderId: string;
  readonly receiverId: string;
  readonly senderWallet: string;
  readonly receiverWallet: string;
  readonly preference: Preference;
  readonly purpose: string;
  readonly quoteId: string | null;
  readonly collectionSpent: readonly string[];
  readonly payoutSpent: readonly string[];
  readonly createdAtMs: number;
  /** Set when people released the payment from a case. */
  readonly releasedByCase: string | null;
}

/** The terms a payment travels at. */
export interface QuoteTerms {
  readonly id: string;
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  /** Minor units of the target currency at the quoted rate, before operator rounding. */
  readonly exchangedMinor: bigint;
  /** What the receiver gets: `exchangedMinor` cut to what every rail of the wallet can move. */
  readonly targetMinor: bigint;
  /** Scaled by 10^12, spread included; `midRate` without it. */
  readonly rate: bigint;
  readonly midRate: bigint;
  readonly spreadBps: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Hex. */
  readonly signature: string;
  readonly policyVersion: string;
}

/** Rails per leg, best first. `on_us` stands for a leg that needs no operator. */
export interface Route {
  readonly collection: readonly string[];
  readonly payout: readonly string[];
}

/** A payment with what the agents before have added to it. */
export interface WorkItem {
  readonly payment: CohortPayment;
  readonly quote?: QuoteTerms;
  readonly route?: Route;
}

/**
 * `deps` are an agent's own tools. Facts are plain JSON (amounts as decimal strings), so that
 * `decide(JSON.parse(JSON.stringify(facts)))` gives the same verdict at any later time.
 */
export interface Agent<Deps, F extends Facts, Outcome extends string, Data> {
  readonly name: AgentName;
  readonly policyVersion: string;
  /** Facts that differ from payment to payment; the others are kept once for all payments that share them. All of them unless told. */
  readonly ownFacts?: readonly (keyof F & string)[];
  /** Facts for every item, in the order of the items; one round trip per source and cohort. */
  gather(deps: Deps, items: readonly WorkItem[]): Promise<F[]>;
  /** Pure: no clock, no I/O, no randomness. */
  decide(facts: F): Verdict<Outcome, Data>;
  /** Writes the verdicts set-wise, inside the transaction of the durable boundary. */
  apply(tx: PoolClient, items: readonly WorkItem[], verdicts: readonly Verdict<Outcome, Data>[]): Promise<void>;
}
