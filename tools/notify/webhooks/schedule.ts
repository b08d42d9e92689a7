/** When a delivery is tried again, and when it is given up: pure rules. */
import { createHash } from 'node:crypto';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Waits after the first, second … failed try; together three days. */
export const RETRY_WAITS_MS: readonly number[] = [
  5 * SECOND_MS,
  MINUTE_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  18 * HOUR_MS,
  22 * HOUR_MS + 23 * MINUTE_MS + 55 * SECOND_MS,
];

/** A receiver that asks for patience is given this much at most. */
const RETRY_AFTER_MS_MAX = 24 * HOUR_MS;

/** Waits are longer by up to this share, so that what failed together does not come back together. */
const JITTER_PARTS = 10;

/**
 * The moment of the next try after `tries` failed ones, or null when the last has been made.
 * `retryAfterMs` is what the receiver asked for. The jitter comes from the delivery's id, so that the
 * same delivery always waits the same.
 */
export function nextTryAtMs(deliveryId: string, tries: number, nowMs: number, retryAfterMs: number | null = null): number | null {
  const waitMs = RETRY_WAITS_MS[tries - 1];
  if (waitMs === undefined) return null;
  const share = createHash('sha256').update(`${deliveryId} ${tries}`).digest().readUInt16BE(0) / 0x1_0000;
  const jittered = waitMs + Math.floor((waitMs / JITTER_PARTS) * share);
  return nowMs + Math.max(jittered, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX));
}
