/**
 * A sender's and a receiver's recent payments as counts and sums. Pure.
 *
 * Windows end with the payment that is looked at and reach back from the moment it was accepted, so the
 * figures do not depend on when they are taken. Of two payments accepted at once the lower id is the
 * earlier one.
 */
import type { CompliancePolicy, ReportingThreshold } from './policy.ts';
import type { SenderFacts, ThresholdFacts } from './facts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** How far back the longest window reaches. */
export const HISTORY_MS = 30 * DAY_MS;
/** How far back the receiver's window reaches. */
export const FAN_IN_MS = DAY_MS;

export interface PastPayment {
  readonly id: string;
  readonly senderId: string;
  readonly receiverId?: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly createdAtMs: number;
}

/** Order of acceptance: by moment, then by id. Ids are lower-case UUIDs, which sort as the database sorts them. */
export function compareAccepted(a: Pick<PastPayment, 'createdAtMs' | 'id'>, b: Pick<PastPayment, 'createdAtMs' | 'id'>): number {
  return a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function within(past: readonly PastPayment[], at: PastPayment, windowMs: number): PastPayment[] {
  return past.filter((each) => each.createdAtMs > at.createdAtMs - windowMs);
}

function sumOf(payments: readonly PastPayment[]): bigint {
  return payments.reduce((sum, each) => sum + each.amountMinor, 0n);
}

/** Takes a sender's earlier payments and the one that is looked at, gives counts of all and sums of those in its currency. */
export function senderFacts(earlier: readonly PastPayment[], at: PastPayment, truncated: boolean): SenderFacts {
  const all = [...earlier, at];
  const sumWithin = (windowMs: number): string =>
    sumOf(within(all, at, windowMs).filter((each) => each.currency === at.currency)).toString();
  return {
    count1h: within(all, at, HOUR_MS).length,
    count24h: within(all, at, DAY_MS).length,
    sum24hMinor: sumWithin(DAY_MS),
    sum7dMinor: sumWithin(WEEK_MS),
    sum30dMinor: sumWithin(HISTORY_MS),
    truncated,
  };
}

/** Whether a payment's amount stays just below a threshold of its currency. */
export function isInBand(
  { amountMinor }: Pick<PastPayment, 'amountMinor'>,
  { minor }: ReportingThreshold,
  { lowBps, highBps }: CompliancePolicy['structuring'],
): boolean {
  return amountMinor * 10_000n >= minor * BigInt(lowBps) && amountMinor * 10_000n <= minor * BigInt(highBps);
}

/** Counts and sums of payments whose amounts stay just below one threshold. */
export function thresholdFacts(
  earlier: readonly PastPayment[],
  at: PastPayment,
  threshold: ReportingThreshold,
  band: CompliancePolicy['structuring'],
): ThresholdFacts {
  const inBand = (each: PastPayment): boolean => each.currency === at.currency && isInBand(each, threshold, band);
  const week = within([...earlier, at].filter(inBand), at, WEEK_MS);
  const day = within(week, at, DAY_MS);
  return {
    id: threshold.id,
    thresholdMinor: threshold.minor.toString(),
    inBand: inBand(at),
    count24h: day.length,
    sum24hMinor: sumOf(day).toString(),
    count7d: week.length,
    sum7dMinor: sumOf(week).toString(),
  };
}

/** How many different people pay one receiver within a day, up to and with the payment that is looked at. */
export function sendersWithinDay(earlier: readonly PastPayment[], at: PastPayment): number {
  return new Set([...within(earlier, at, FAN_IN_MS), at].map((each) => each.senderId)).size;
}
