import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import { createLimiter, type Limiter, type Verdict } from './limiter.ts';
import { type LimitPolicy, readLimits } from './policy.ts';
import type { LimitStore } from './store.ts';

const policies = readLimits('write=100/10,read=7/10,public=100/10');

/** A store shared by all limiters that are made over it, by the test's clock. */
function sharedStore(clock: ReturnType<typeof manualClock>) {
  const windows = new Map<string, { used: number; endsAtMs: number }>();
  const state = { calls: 0, away: false, keys: [] as string[] };
  const store: LimitStore = {
    add: async (policy, key, requests) => {
      state.calls += 1;
      state.keys.push(key);
      if (state.away) throw new Error('away');
      const id = `${policy.name} ${key}`;
      const current = windows.get(id);
      const window =
        current !== undefined && current.endsAtMs > clock.now() ? current : { used: 0, endsAtMs: clock.now() + policy.windowS * 1000 };
      window.used += requests;
      windows.set(id, window);
      return { used: window.used, msToEnd: window.endsAtMs - clock.now() };
    },
  };
  return { store, state };
}

function setUp(processes = 1, windowsMax?: number) {
  const clock = manualClock(1_000_000);
  const { store, state } = sharedStore(clock);
  const errors: unknown[] = [];
  const limiters = Array.from({ length: processes }, () =>
    createLimiter({
      store,
      clock,
      keyOf: (who) => `hash of ${who}`,
      onStoreError: (error) => errors.push(error),
      ...(windowsMax === undefined ? {} : { windowsMax }),
    }),
  );
  return { clock, state, errors, limiters, limiter: limiters[0] as Limiter };
}

async function takeMany(limiter: Limiter, policy: LimitPolicy, who: string, count: number): Promise<number> {
  let allowed = 0;
  for (let n = 0; n < count; n++) if ((await limiter.take(policy, who)).allowed) allowed += 1;
  return allowed;
}

describe('a limiter', () => {
  test('lets exactly as many through as the policy says, then refuses until the window ends', async () => {
    const { limiter, clock } = setUp();
    expect(await takeMany(limiter, policies.write, 'shop', 150)).toBe(100);
    expect(await limiter.take(policies.write, 'shop')).toEqual({ allowed: false, remaining: 0, msToEnd: 10_000 });
    clock.advance(9_999);
    expect((await limiter.take(policies.write, 'shop')).allowed).toBe(false);
    clock.advance(1);
    expect(await takeMany(limiter, policies.write, 'shop', 150)).toBe(100);
  });

  test('says how many are left', async () => {
    const { limiter } = setUp();
    for (let left = 6; left >= 0; left--)
      expect(await limiter.take(policies.read, 'shop')).toMatchObject({ allowed: true, remaining: left });
    expect(await limiter.take(policies.read, 'shop')).toMatchObject({ allowed: false, remaining: 0 });
  });

  test('lends no more at once than the policy says, and lends again what was given back', async () => {
    const { limiter } = setUp();
    const loans = await Promise.all(Array.from({ length: 20 }, () => limiter.borrow(policies.read, 'shop')));
    const lent = loans.filter(({ verdict }) => verdict.allowed);
    expect(lent).toHaveLength(7);
    for (const { giveBack } of lent.slice(0, 3)) giveBack();
    expect(await takeMany(limiter, policies.read, 'shop', 20)).toBe(3);
  });

  test('gains nothing from what is given back after its window', async () => {
    const { limiter, clock } = setUp();
    const { giveBack } = await limiter.borrow(policies.read, 'shop');
    clock.advance(10_000);
    expect(await takeMany(limiter, policies.read, 'shop', 20)).toBe(7);
    giveBack();
    expect(await takeMany(limiter, policies.read, 'shop', 20)).toBe(0);
  });

  test('counts callers and classes apart', async () => {
    const { limiter } = setUp();
    await takeMany(limiter, policies.read, 'shop', 8);
    expect((await limiter.take(policies.read, 'bank')).allowed).toBe(true);
    expect((await limiter.take(policies.write, 'shop')).allowed).toBe(true);
  });

  test('asks the store once for each lease, and not at all once the window is used up', async () => {
    const { limiter, state } = setUp();
    await takeMany(limiter, policies.write, 'shop', 100);
    expect(state.calls).toBe(20);
    await takeMany(limiter, policies.write, 'shop', 500);
    expect(state.calls).toBe(21);
    expect(new Set(state.keys)).toEqual(new Set(['hash of shop']));
  });

  test('answers without a promise while a lease lasts', async () => {
    const { limiter } = setUp();
    expect(limiter.take(policies.write, 'shop')).toBeInstanceOf(Promise);
    await limiter.take(policies.write, 'shop');
    expect(limiter.take(policies.write, 'shop')).not.toBeInstanceOf(Promise);
  });

  test('waits once for all that ask at the same moment', async () => {
    const { limiter, state } = setUp();
    const verdicts = await Promise.all(Array.from({ length: 300 }, async () => limiter.take(policies.write, 'shop')));
    expect(verdicts.filter((verdict) => verdict.allowed).length).toBe(100);
    expect(state.calls).toBe(21);
  });

  test('shares a limit between processes: never more in all, whoever asks where', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 2 }), { minLength: 100, maxLength: 300 }), async (turns) => {
        const { limiters } = setUp(3);
        const verdicts: Verdict[] = [];
        for (const turn of turns) verdicts.push(await (limiters[turn] as Limiter).take(policies.write, 'shop'));
        const allowed = verdicts.filter((verdict) => verdict.allowed).length;
        expect(allowed).toBeLessThanOrEqual(100);
        // What the other two may still hold in a lease.
        expect(allowed).toBeGreaterThanOrEqual(Math.min(turns.length, 100) - 2 * 5);
      }),
      { numRuns: 50 },
    );
  });

  test('keeps the limit by itself while the store is away, and tells it afterwards', async () => {
    const { limiter, limiters, state, errors } = setUp(2);
    state.away = true;
    expect(await takeMany(limiter, policies.write, 'shop', 60)).toBe(60);
    expect(errors.length).toBe(12);
    state.away = false;
    expect(await takeMany(limiter, policies.write, 'shop', 60)).toBe(40);
    expect(await takeMany(limiters[1] as Limiter, policies.write, 'shop', 10)).toBe(0);
  });
});

describe('addresses', () => {
  test('that ask little cost the store nothing', async () => {
    const { limiter, state } = setUp();
    for (let n = 0; n < 2_000; n++) await takeMany(limiter, policies.public, `10.0.${n}`, 5);
    expect(state.calls).toBe(0);
  });

  test('that ask much are held to the limit', async () => {
    const { limiter, limiters } = setUp(2);
    expect(await takeMany(limiter, policies.public, '10.0.0.1', 200)).toBe(100);
    expect(await takeMany(limiters[1] as Limiter, policies.public, '10.0.0.1', 200)).toBe(5);
  });

  test('of a flood take up no more room than was set aside', async () => {
    const { limiter, clock } = setUp(1, 1_000);
    for (let n = 0; n < 20_000; n++) await limiter.take(policies.public, `address ${n}`);
    expect(limiter.size()).toBeLessThanOrEqual(1_000);
    clock.advance(10_000);
    for (let n = 0; n < 1_000; n++) await limiter.take(policies.public, `other ${n}`);
    expect(limiter.size()).toBeLessThanOrEqual(1_000);
  });

  test('that are used up are known without taking anything', async () => {
    const { limiter, clock } = setUp();
    expect(limiter.refusal(policies.public, '10.0.0.1')).toBeNull();
    await takeMany(limiter, policies.public, '10.0.0.1', 101);
    expect(limiter.refusal(policies.public, '10.0.0.1')).toMatchObject({ allowed: false, msToEnd: 10_000 });
    clock.advance(10_000);
    expect(limiter.refusal(policies.public, '10.0.0.1')).toBeNull();
  });
});
