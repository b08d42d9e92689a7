/**
 * What stands out about a payment against what its parties did before, for the rules and the risk model. Pure.
 *
 * Every window ends with the payment and reaches back from its acceptance: nothing that comes later has a
 * part in it, whenever it is taken.
 */
import type { TravelRuleGaps } from '../../domain/travel-rule.ts';
import type { Signals } from './facts.ts';
import type { PastPayment } from './history.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ROUND_LOOKED_AT = 5;
/** From so many earlier payments on, a mean says something. */
const MEAN_FROM = 3;
const DORMANT_FROM_DAYS = 30;
const AGE_DAYS_MAX = 365;
const BPS = 10_000n;
/** Larger ratios say no more than this one. */
const RATIO_MAX_BPS = 1_000_000;

/** Money that came in for somebody. */
export interface Inflow {
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly createdAtMs: number;
}

export interface SignalReadings {
  readonly at: PastPayment & { readonly receiverId: string };
  /** The sender's payments of 30 days before this one. */
  readonly sent: readonly PastPayment[];
  /** Paid payments to the sender in the 24 hours before. */
  readonly inflows: readonly Inflow[];
  /** What others and the sender paid the receiver in the 24 hours before. */
  readonly toReceiver: readonly PastPayment[];
  /** When the sender paid last before those 30 days; null: never, as far as is known. */
  readonly lastBeforeMs: number | null;
  readonly senderSinceMs: number | null;
  readonly amountUsdMinor: bigint | null;
  readonly travelRuleMinor: bigint | null;
  readonly band: { readonly lowBps: number; readonly highBps: number };
  readonly corridorRisk: number;
  /** What the travel rule asks for and is not there, by the text in force and by the next; null where it does not apply. */
  readonly travelRule: TravelRuleGaps | null;
  readonly isOriginatorVerified: boolean;
}

/** At most two digits, and zeros behind them: 50,000 and 12,000, in any currency. */
export function isRound(amountMinor: bigint): boolean {
  let digits = amountMinor;
  while (digits >= 100n && digits % 10n === 0n) digits /= 10n;
  return digits < 100n;
}

/** Takes what was read about a payment, gives what stands out. Only what is there is written. */
export function signalsOf(readings: SignalReadings): Signals {
  const { at, amountUsdMinor, corridorRisk } = readings;
  const signals: Writable<Signals> = {};
  if (amountUsdMinor !== null) signals.amountUsdMinor = amountUsdMinor.toString();
  if (isRound(at.amountMinor)) signals.isRound = true;
  if (corridorRisk > 0) signals.corridorRisk = corridorRisk;
  addSender(signals, readings);
  addPassThrough(signals, readings);
  addReceiver(signals, readings);
  addTravelRule(signals, readings);
  return signals;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function addSender(signals: Writable<Signals>, { at, sent, lastBeforeMs, senderSinceMs }: SignalReadings): void {
  const ageDays = senderSinceMs === null ? AGE_DAYS_MAX : Math.max(0, Math.floor((at.createdAtMs - senderSinceMs) / DAY_MS));
  if (ageDays < AGE_DAYS_MAX) signals.senderAgeDays = ageDays;
  if (!sent.some((each) => each.receiverId === at.receiverId)) signals.isNewReceiver = true;
  if (sent.length === 0) {
    const days = lastBeforeMs === null ? 0 : Math.floor((at.createdAtMs - lastBeforeMs) / DAY_MS);
    if (days >= DORMANT_FROM_DAYS) signals.dormantDays = days;
    return;
  }
  const receivers = new Set([at.receiverId]);
  for (const each of sent) if (each.createdAtMs > at.createdAtMs - DAY_MS && each.receiverId !== undefined) receivers.add(each.receiverId);
  if (receivers.size > 1) signals.receivers24h = receivers.size;
  const newestFirst = sent.toSorted((a, b) => b.createdAtMs - a.createdAtMs).slice(0, ROUND_LOOKED_AT - 1);
  const round = [at, ...newestFirst].filter((each) => isRound(each.amountMinor)).length;
  if (round > 1) signals.roundOfLast5 = round;
  const same = sent.filter((each) => each.currency === at.currency);
  if (same.length < MEAN_FROM) return;
  const sum = same.reduce((total, each) => total + each.amountMinor, 0n);
  signals.amountToMeanBps = ratioBps(at.amountMinor * BigInt(same.length), sum);
}

function addPassThrough(signals: Writable<Signals>, { at, sent, inflows }: SignalReadings): void {
  let [total, firstMs, lastMs] = [0n, Number.POSITIVE_INFINITY, 0];
  for (const { amountMinor, currency, createdAtMs } of inflows) {
    if (currency !== at.currency || createdAtMs <= at.createdAtMs - DAY_MS || createdAtMs > at.createdAtMs) continue;
    total += amountMinor;
    firstMs = Math.min(firstMs, createdAtMs);
    lastMs = Math.max(lastMs, createdAtMs);
  }
  if (total === 0n) return;
  let out = at.amountMinor;
  for (const each of sent) if (each.currency === at.currency && each.createdAtMs >= firstMs) out += each.amountMinor;
  signals.received24hMinor = total.toString();
  signals.minutesSinceReceived = Math.floor((at.createdAtMs - lastMs) / MINUTE_MS);
  signals.passThroughBps = ratioBps(out, total);
}

function addReceiver(signals: Writable<Signals>, { at, toReceiver, travelRuleMinor, band }: SignalReadings): void {
  if (travelRuleMinor === null || toReceiver.length === 0) return;
  const [low, high] = [travelRuleMinor * BigInt(band.lowBps), travelRuleMinor * BigInt(band.highBps)];
  const isInBand = ({ amountMinor, currency }: PastPayment): boolean =>
    currency === at.currency && amountMinor * BPS >= low && amountMinor * BPS <= high;
  if (!isInBand(at)) return;
  const found = toReceiver.filter((each) => each.createdAtMs > at.createdAtMs - DAY_MS && isInBand(each));
  if (found.length === 0) return;
  signals.bandToReceiver24h = found.length + 1;
  signals.bandSumToReceiver24hMinor = found.reduce((sum, each) => sum + each.amountMinor, at.amountMinor).toString();
}

function addTravelRule(signals: Writable<Signals>, { travelRule, isOriginatorVerified }: SignalReadings): void {
  if (travelRule === null) return;
  if (travelRule.missing.length > 0) signals.travelRuleMissing = travelRule.missing;
  if (travelRule.missingNext.length > 0) signals.travelRuleMissingNext = travelRule.missingNext;
  if (!isOriginatorVerified) signals.isOriginatorUnverified = true;
}

function ratioBps(part: bigint, whole: bigint): number {
  return whole <= 0n ? 0 : Math.min(RATIO_MAX_BPS, Number((part * BPS) / whole));
}
