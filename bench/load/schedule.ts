/**
 * When requests leave and of which kind they are: from rates and a seed alone, so that it stands before the first of them is
 * sent and no slow answer can put off the next.
 */
import type { Random } from '../../examples/random.ts';

/**
 * What a client may want: a payment, a batch of them, a quote and a payment at it, one payment's state, a list, the live stream. The
 * last five are a neighbour's, another client who behaves badly: payments beyond its limit, the same payment again and again, a batch
 * of a million rows, a request that is never finished, a batch of payments that are all held for people.
 */
export const KINDS = [
  'single',
  'batch',
  'quoted',
  'status',
  'list',
  'listen',
  'flood',
  'duplicate',
  'huge',
  'unfinished',
  'flagged',
] as const;
export type Kind = (typeof KINDS)[number];

const NEIGHBOURLY: ReadonlySet<Kind> = new Set(['flood', 'duplicate', 'huge', 'unfinished', 'flagged']);

/** Whether a kind is one of the neighbour, whose requests may be turned away while the others are served. */
export function isNeighbours(kind: Kind): boolean {
  return NEIGHBOURLY.has(kind);
}

/** Shares of the kinds; they need not add up to anything. */
export type Mix = Readonly<Partial<Record<Kind, number>>>;

/** A stretch of time in which the rate goes evenly from one value to another. */
export interface Segment {
  /** Which phase it belongs to. */
  readonly phase: number;
  readonly seconds: number;
  /** Requests a second, at its beginning and at its end. */
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
}

/** As regular as a clock, or as independent callers come: exponentially distributed gaps. */
export type Spacing = 'even' | 'random';

export interface Arrival {
  /** From the start. */
  readonly dueMs: number;
  readonly kind: Kind;
  readonly phase: number;
}

/** Rounding must not decide whether a request falls into a segment or behind it. */
const REQUESTS_SLACK = 1e-9;

/** How many requests a segment is for; a fraction of one belongs to the next. */
export function requestsIn({ seconds, fromPerSecond, toPerSecond }: Segment): number {
  return (seconds * (fromPerSecond + toPerSecond)) / 2;
}

/** The second of a segment by which so many of its requests are due. */
function secondOf({ seconds, fromPerSecond, toPerSecond }: Segment, requests: number): number {
  if (requests <= 0) return 0;
  const slope = (toPerSecond - fromPerSecond) / seconds;
  // The root of slope/2 t² + from t = requests, in the form that bears a slope of zero.
  return (2 * requests) / (fromPerSecond + Math.sqrt(Math.max(0, fromPerSecond ** 2 + 2 * slope * requests)));
}

/** Yields the requests of some segments in their order. The same random numbers give the same requests. */
export function* arrivalsOf(segments: readonly Segment[], spacing: Spacing, mix: Mix, random: Random): Generator<Arrival> {
  const gap = (): number => (spacing === 'even' ? 1 : -Math.log(1 - random.next()));
  let due = spacing === 'even' ? 0 : gap();
  let [requestsBefore, secondsBefore] = [0, 0];
  for (const segment of segments) {
    const requests = requestsIn(segment);
    for (; due - requestsBefore < requests - REQUESTS_SLACK; due += gap()) {
      const dueMs = (secondsBefore + secondOf(segment, due - requestsBefore)) * 1_000;
      yield { dueMs, kind: random.weighted(mix), phase: segment.phase };
    }
    requestsBefore += requests;
    secondsBefore += segment.seconds;
  }
}
