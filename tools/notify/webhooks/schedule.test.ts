import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextTryAtMs, RETRY_WAITS_MS } from './schedule.ts';

const HOUR_MS = 3_600_000;
const DAYS_3_MS = 72 * HOUR_MS;

describe('the schedule', () => {
  it('grows, and lasts three days', () => {
    expect([...RETRY_WAITS_MS].sort((a, b) => a - b)).toEqual(RETRY_WAITS_MS);
    expect(RETRY_WAITS_MS.reduce((sum, wait) => sum + wait, 0)).toBe(DAYS_3_MS);
  });

  it('never comes early, is late by a tenth at most, and ends after the last wait', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(), (id, startMs) => {
        let nowMs = startMs;
        for (const [index, waitMs] of RETRY_WAITS_MS.entries()) {
          const nextMs = nextTryAtMs(id, index + 1, nowMs) ?? Number.NaN;
          expect(nextMs - nowMs).toBeGreaterThanOrEqual(waitMs);
          expect(nextMs - nowMs).toBeLessThanOrEqual(waitMs * 1.1);
          nowMs = nextMs;
        }
        expect(nextTryAtMs(id, RETRY_WAITS_MS.length + 1, nowMs)).toBeNull();
        expect(nowMs - startMs).toBeGreaterThanOrEqual(DAYS_3_MS);
      }),
    );
  });

  it('waits the same for the same delivery, and not the same for all', () => {
    expect(nextTryAtMs('a', 3, 0)).toBe(nextTryAtMs('a', 3, 0));
    expect(new Set(Array.from({ length: 20 }, (_, index) => nextTryAtMs(String(index), 3, 0))).size).toBeGreaterThan(1);
  });

  it('is patient when the receiver asks for it, for a day at most', () => {
    expect(nextTryAtMs('a', 1, 1_000, 2 * HOUR_MS)).toBe(1_000 + 2 * HOUR_MS);
    expect(nextTryAtMs('a', 1, 0, 90 * HOUR_MS)).toBe(24 * HOUR_MS);
    expect(nextTryAtMs('a', 5, 0, 1)).toBeGreaterThanOrEqual(2 * HOUR_MS);
  });
});
