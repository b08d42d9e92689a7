/**
 * Wallets and rails. A wallet is where a person's money is (M-Pesa in Kenya); a rail is a way for us
 * to move money in or out of wallets (Safaricom's Daraja, a hub). One wallet can be reached over
 * several rails; each rail holds one float in one currency.
 */
import type { Currency } from './currency.ts';
import type { Leg } from './lifecycle.ts';
import { type Money, truncateToPlaces } from './money.ts';

/** ISO 3166-1 alpha-2. */
export type Country = 'CD' | 'CI' | 'CM' | 'GH' | 'KE' | 'MW' | 'MZ' | 'NG' | 'RW' | 'SN' | 'TZ' | 'UG' | 'ZA' | 'ZM';

/** The protocols our clients speak; `on_us` moves money between our own accounts. */
export type Protocol = 'mpesa' | 'mtn_momo' | 'airtel' | 'orange' | 'gsma' | 'on_us';

export interface Wallet {
  /** `mpesa-ke`, `mtn-ug`, `orange-ci`. */
  readonly id: string;
  /** What people call it: "M-Pesa". */
  readonly name: string;
  readonly operator: string;
  readonly country: Country;
  readonly currency: Currency;
  /** Leading digits of the national number; the longest match wins; a hint where numbers are portable. */
  readonly nationalPrefixes: readonly string[];
  /** What the payer dials to approve a waiting request when no prompt came. */
  readonly approvalUssd: string | null;
  readonly validFrom: string;
  readonly source: string;
}

/** What one rail moves at once on one leg. */
export interface RailLimits {
  readonly minMinor: bigint;
  readonly maxMinor: bigint;
}

export interface Rail {
  /** `mpesa-ke`, `mtn-ug`, `hub-ke`. Also the id of its liquidity pool, and of its float account (`float:<id>`). */
  readonly id: string;
  readonly name: string;
  readonly protocol: Protocol;
  readonly country: Country;
  readonly currency: Currency;
  /** Ids of the wallets it reaches. */
  readonly wallets: readonly string[];
  /** Decimal places of a major unit the operator takes, at most the ISO exponent. */
  readonly places: number;
  readonly collection: RailLimits | null;
  readonly payout: RailLimits | null;
  /** What the operator charges us, in basis points of the amount and in minor units per transaction. */
  readonly costBps: number;
  readonly costFixedMinor: bigint;
  /** Typical time from request to outcome, milliseconds; live figures replace it once there are some. */
  readonly typicalLatencyMs: number;
  readonly validFrom: string;
  readonly source: string;
}

/** The limits that count for a leg; refunds are payouts. */
export function limitsOf(rail: Rail, leg: Leg): RailLimits | null {
  return leg === 'collection' ? rail.collection : rail.payout;
}

/** Says whether a rail moves exactly this amount on a leg. */
export function carries(rail: Rail, leg: Leg, amount: Money): boolean {
  const limits = limitsOf(rail, leg);
  if (limits === null || amount.minor < limits.minMinor || amount.minor > limits.maxMinor) return false;
  return truncateToPlaces(amount, rail.places).minor === amount.minor;
}
