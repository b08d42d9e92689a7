import fc from 'fast-check';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { startRedis } from '../../tests/setup/redis.ts';
import { describeInBothStores } from '../../tests/setup/stores.ts';
import {
  absorbOutcome,
  breakerState,
  decay,
  downMs,
  expectedLatencyMs,
  forgivingHealthStore,
  HEALTH_POLICY,
  healthKey,
  type HealthStore,
  postgresHealthStore,
  type RailHealth,
  type RailOutcome,
  successRate,
  untriedRail,
} from './health.ts';
import { redisHealthStore } from './redis.ts';

const START_MS = Date.UTC(2026, 5, 1);
const ok: RailOutcome = { railId: 'mtn-ug', leg: 'payout', ok: true, outage: false, latencyMs: 4_000 };
const refusal: RailOutcome = { ...ok, ok: false };
const outage: RailOutcome = { ...ok, ok: false, outage: true };

function after(outcomes: readonly RailOutcome[], nowMs = START_MS, row = untriedRail('mtn-ug', 'payout', START_MS)): RailHealth {
  return outcomes.reduce((state, outcome) => absorbOutcome(state, outcome, nowMs), row);
}

describe('success rate', () => {
  it('starts at the prior and follows what is seen', () => {
    expect(successRate(untriedRail('mtn-ug', 'payout', START_MS))).toBe(HEALTH_POLICY.priorSuccess);
    expect(successRate(after(Array(200).fill(ok)))).toBeGreaterThan(0.99);
    expect(successRate(after(Array(200).fill(refusal)))).toBeLessThan(0.06);
  });

  it('weighs an outcome half after one half-life', () => {
    const row = absorbOutcome(after(Array(8).fill(ok)), refusal, START_MS + HEALTH_POLICY.halfLifeMs);
    expect(row.successWeight).toBeCloseTo(4, 9);
    expect(row.failureWeight).toBe(1);
  });

  it('returns to the prior as outcomes age', () => {
    const row = after(Array(50).fill(refusal));
    const rates = [0, 1, 2, 4, 20].map((halfLives) => successRate(row, START_MS + halfLives * HEALTH_POLICY.halfLifeMs));
    expect(rates).toEqual(rates.toSorted((a, b) => a - b));
    expect(rates.at(-1)).toBeCloseTo(HEALTH_POLICY.priorSuccess, 3);
  });

  it('stays between 0 and 1, rises with success and falls with failure, whatever the history', () => {
    const outcome = fc.record({ ok: fc.boolean(), outage: fc.boolean(), waitMs: fc.integer({ min: 0, max: 10_000_000 }) });
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (history) => {
        let row = untriedRail('mtn-ug', 'payout', START_MS);
        let nowMs = START_MS;
        for (const each of history) {
          nowMs += each.waitMs;
          row = absorbOutcome(row, { ...ok, ok: each.ok, outage: each.outage && !each.ok }, nowMs);
        }
        const rate = successRate(row, nowMs);
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThan(1);
        expect(successRate(absorbOutcome(row, ok, nowMs), nowMs)).toBeGreaterThan(rate);
        expect(successRate(absorbOutcome(row, refusal, nowMs), nowMs)).toBeLessThan(rate);
      }),
    );
  });

  it('does not let a clock that went back raise a weight', () => {
    expect(decay(-5_000, HEALTH_POLICY.halfLifeMs)).toBe(1);
  });
});

describe('latency', () => {
  it('is the typical one until successes tell otherwise, and not moved by failures', () => {
    expect(expectedLatencyMs(untriedRail('mtn-ug', 'payout', START_MS), 8_000, START_MS)).toBe(8_000);
    expect(after([{ ...refusal, latencyMs: 90_000 }]).latencyMs).toBe(0);
    const seen = after(Array(300).fill({ ...ok, latencyMs: 2_000 }));
    expect(seen.latencyMs).toBeCloseTo(2_000, 6);
    expect(expectedLatencyMs(seen, 8_000, START_MS)).toBeLessThan(2_300);
  });

  it('ignores a success without a latency', () => {
    expect(after([ok, { ...ok, latencyMs: null }]).latencyMs).toBe(4_000);
  });
});

describe('breaker', () => {
  const full = Array<RailOutcome>(HEALTH_POLICY.outagesToOpen).fill(outage);

  it('opens on outages in a row only', () => {
    expect(after(full.slice(1)).downUntilMs).toBeNull();
    expect(after([...full.slice(1), refusal, ...full.slice(1)]).downUntilMs).toBeNull();
    const open = after(full);
    expect(open.downUntilMs).toBe(START_MS + HEALTH_POLICY.downMsBase);
    expect(breakerState(open, START_MS)).toBe('open');
    expect(breakerState(open, START_MS + HEALTH_POLICY.downMsBase)).toBe('half_open');
  });

  it('does not stay open longer for requests that were under way when it opened', () => {
    expect(after([...full, outage, outage, outage])).toMatchObject({
      outages: full.length,
      downUntilMs: START_MS + HEALTH_POLICY.downMsBase,
    });
  });

  it('answers for the outages that opened it, so that an operator is chosen again once it is back', () => {
    const open = after([...full, outage, outage]);
    expect(successRate(open)).toBe(HEALTH_POLICY.priorSuccess);
    expect(successRate(after([...full, outage, ok]))).toBeGreaterThan(HEALTH_POLICY.priorSuccess);
    expect(successRate(after(full.slice(1)))).toBeLessThan(HEALTH_POLICY.priorSuccess);
  });

  it('closes on any answer, a refusal too', () => {
    expect(after([...full, refusal])).toMatchObject({ outages: 0, downUntilMs: null });
  });

  it('pauses twice as long each time, up to the maximum', () => {
    const first = HEALTH_POLICY.outagesToOpen;
    expect(downMs(first - 1)).toBe(0);
    expect([downMs(first), downMs(first + 1), downMs(first + 2)]).toEqual([15_000, 30_000, 60_000]);
    expect(downMs(first + 5_000)).toBe(HEALTH_POLICY.downMsMax);
  });
});

interface Place {
  readonly store: HealthStore;
  readonly close: () => Promise<void>;
}

async function inPostgres(): Promise<Place> {
  const database = await testDatabase();
  return { store: postgresHealthStore(database.pool), close: () => database.close() };
}

async function inRedis(): Promise<Place> {
  const server = await startRedis();
  const client = new Redis(server.url);
  return {
    store: redisHealthStore(client),
    close: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

describeInBothStores('shared', 60_000, { inPostgres, inRedis }, (place) => {
  const record = (outcomes: readonly RailOutcome[], nowMs: number) => place().store.record(outcomes, nowMs);
  const read = async (railId: string) => (await place().store.read([railId])).get(healthKey(railId, 'payout'));

  it('keeps exactly what the arithmetic says, over several recordings', async () => {
    const history = [
      [ok, refusal, ok],
      [outage, ok],
    ];
    let expected = untriedRail('mtn-ug', 'payout', START_MS);
    for (const [index, outcomes] of history.entries()) {
      const nowMs = START_MS + index * 60_000;
      await record(outcomes, nowMs);
      expected = outcomes.reduce((row, outcome) => absorbOutcome(row, outcome, nowMs), expected);
    }
    expect(await read('mtn-ug')).toEqual(expected);
  });

  it('counts refunds as payouts and keeps collections apart', async () => {
    await record(
      [
        { ...ok, railId: 'mtn-rw', leg: 'refund' },
        { ...refusal, railId: 'mtn-rw', leg: 'collection' },
      ],
      START_MS,
    );
    const health = await place().store.read(['mtn-rw', 'nobody']);
    expect(health.get('mtn-rw payout')).toMatchObject({ successWeight: 1, failureWeight: 0 });
    expect(health.get('mtn-rw collection')).toMatchObject({ successWeight: 0, failureWeight: 1 });
    expect(health.size).toBe(2);
    expect((await place().store.read([])).size).toBe(0);
  });

  it('loses nothing when many record the same rails at once, in any order', async () => {
    const pair = [
      { ...ok, railId: 'mtn-gh' },
      { ...ok, railId: 'mtn-ci' },
    ];
    await Promise.all(Array.from({ length: 8 }, (_, index) => record(index % 2 === 0 ? pair : pair.toReversed(), START_MS)));
    expect(await read('mtn-gh')).toMatchObject({ successWeight: 8 });
    expect(await read('mtn-ci')).toMatchObject({ successWeight: 8 });
  });

  it('gives one probe to one asker, pauses longer while it is out, and closes when it comes back', async () => {
    const wanted = [{ railId: 'mtn-cm', leg: 'payout' as const }];
    const full = Array<RailOutcome>(HEALTH_POLICY.outagesToOpen).fill({ ...outage, railId: 'mtn-cm' });
    await record(full, START_MS);
    expect(await place().store.takeProbes(wanted, START_MS + HEALTH_POLICY.downMsBase - 1)).toEqual(new Set());
    const dueMs = START_MS + HEALTH_POLICY.downMsBase;
    const answers = await Promise.all([1, 2, 3, 4].map(() => place().store.takeProbes(wanted, dueMs)));
    expect(answers.filter((granted) => granted.has('mtn-cm payout'))).toHaveLength(1);
    expect((await read('mtn-cm'))?.downUntilMs).toBe(dueMs + downMs(HEALTH_POLICY.outagesToOpen + 1));
    // The second probe, once the first has not come back in its time.
    const nextMs = dueMs + downMs(HEALTH_POLICY.outagesToOpen + 1);
    expect(await place().store.takeProbes(wanted, nextMs)).toEqual(new Set(['mtn-cm payout']));
    expect((await read('mtn-cm'))?.downUntilMs).toBe(nextMs + downMs(HEALTH_POLICY.outagesToOpen + 2));
    await record([{ ...ok, railId: 'mtn-cm' }], nextMs + 1_000);
    expect(await read('mtn-cm')).toMatchObject({ outages: 0, downUntilMs: null });
  });

  it('gives no probe of a rail that is up or unknown', async () => {
    await record([{ ...ok, railId: 'mtn-zm' }], START_MS);
    const wanted = ['mtn-zm', 'none'].map((railId) => ({ railId, leg: 'payout' as const }));
    expect(await place().store.takeProbes(wanted, START_MS + 1e9)).toEqual(new Set());
    expect(await place().store.takeProbes([], START_MS)).toEqual(new Set());
  });
});

it('does without a store that is away, and tells of it', async () => {
  const gone = () => Promise.reject(new Error('connection refused'));
  const heard: unknown[] = [];
  const store = forgivingHealthStore({ read: gone, record: gone, takeProbes: gone }, (error) => heard.push(error));
  expect(await store.read(['mtn-ug'])).toEqual(new Map());
  expect(await store.takeProbes([{ railId: 'mtn-ug', leg: 'payout' }], START_MS)).toEqual(new Set());
  await store.record([ok], START_MS);
  expect(heard).toHaveLength(3);
});
