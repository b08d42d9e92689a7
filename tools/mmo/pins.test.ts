import { describe, expect, it } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import type { Outcome } from './operator.ts';
import { createPinGuard, memoryPinStore, type PinStore, TRIAL_MS } from './pins.ts';
import { failed, pending, unknown } from './reasons.ts';
import { liftRefusedPins, postgresPinStore } from './vault/pins.ts';

const NAME = { railId: 'orange-sn', pin: '4321' };
const refusal = failed('pin_refused');

/** An operator that counts tries, and holds each until it is told what to answer. */
function operator() {
  const held: ((outcome: Outcome) => void)[] = [];
  return {
    call: () => new Promise<Outcome>((resolve) => held.push(resolve)),
    tries: () => held.length,
    answer: (index: number, outcome: Outcome) => held[index]?.(outcome),
  };
}

/** Lets everything that is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a PIN', () => {
  it('that nobody has seen taken is tried by one payout, and by none once it was refused', async () => {
    const guard = createPinGuard(memoryPinStore(manualClock(0)));
    const { call, tries, answer } = operator();
    const all = [1, 2, 3, 4].map(() => guard.use(NAME, call));
    await settle();
    expect(tries()).toBe(1);
    answer(0, refusal);
    expect(await Promise.all(all)).toEqual([refusal, refusal, refusal, refusal]);
    expect(await guard.use(NAME, call)).toEqual(refusal);
    expect(tries()).toBe(1);
  });

  it('that was taken is used by all at once, until it is refused', async () => {
    const guard = createPinGuard(memoryPinStore(manualClock(0)));
    const { call, tries, answer } = operator();
    const all = [1, 2, 3].map(() => guard.use(NAME, call));
    await settle();
    answer(0, pending());
    await settle();
    expect(tries()).toBe(3);
    answer(1, pending());
    answer(2, refusal);
    expect(await Promise.all(all)).toEqual([pending(), pending(), refusal]);
    expect(await guard.use(NAME, call)).toEqual(refusal);
  });

  it('is tried by the next when the first has shown nothing, one at a time, and after a while when its trial never ends', async () => {
    const clock = manualClock(0);
    const guard = createPinGuard(memoryPinStore(clock));
    for (const outcome of [failed('wallet_not_found'), unknown('no_answer')])
      expect(await guard.use(NAME, async () => outcome)).toEqual(outcome);
    const store = memoryPinStore(clock);
    expect(await store.begin(NAME)).toBe(true);
    const other = createPinGuard(store);
    expect(await other.use(NAME, async () => pending())).toEqual(failed('operator_busy'));
    clock.advance(TRIAL_MS);
    expect(await other.use(NAME, async () => pending())).toEqual(pending());
  });

  it('costs no outcome where how it stands cannot be kept, and is sent by nobody then', async () => {
    const store = memoryPinStore(manualClock(0));
    let isAway = false;
    const away = async (): Promise<never> => {
      throw new Error('the store is away');
    };
    const guard = createPinGuard({
      ...store,
      look: (name) => (isAway ? away() : store.look(name)),
      report: (name, shown) => (isAway ? away() : store.report(name, shown)),
    });
    const leaving = (outcome: Outcome) => async () => ((isAway = true), outcome);
    const paid = pending({ transactionId: 'T1' });
    expect(await guard.use(NAME, leaving(paid))).toEqual(paid);
    const { call, tries } = operator();
    expect(await guard.use(NAME, call)).toEqual(failed('store_unavailable'));
    isAway = false;
    await store.report(NAME, 'accepted');
    // A refusal that could not be told is told before anything else is sent.
    expect(await guard.use(NAME, leaving(refusal))).toEqual(refusal);
    expect(await guard.use(NAME, call)).toEqual(failed('store_unavailable'));
    isAway = false;
    expect(await guard.use(NAME, call)).toEqual(refusal);
    expect(await createPinGuard(store).use(NAME, call)).toEqual(refusal);
    expect(tries()).toBe(0);
  });
});

it('is known to all processes, across restarts, as a hash under a key, until it is a new one or a person lifts it', async () => {
  const database = await testDatabase();
  const storeOf = (): PinStore => postgresPinStore(database.pool, Buffer.alloc(32, 5), settle as () => Promise<void>);
  const [first, second] = [createPinGuard(storeOf()), createPinGuard(storeOf())];
  const { call, tries, answer } = operator();
  const trial = first.use(NAME, call);
  await expect.poll(tries).toBe(1);
  // The other process does not try meanwhile, and sends nothing.
  expect(await second.use(NAME, call)).toEqual(failed('operator_busy'));
  answer(0, refusal);
  await trial;
  expect(await second.use(NAME, call)).toEqual(refusal);
  expect(await createPinGuard(storeOf()).use(NAME, call)).toEqual(refusal);
  expect(tries()).toBe(1);
  expect(await second.use({ ...NAME, pin: '9999' }, async () => pending())).toEqual(pending());
  const { rows } = await database.pool.query<{ row: string }>('select p::text as row from operator_pins p');
  expect(rows).toHaveLength(2);
  expect(JSON.stringify(rows)).not.toMatch(/4321|9999/);
  expect(await liftRefusedPins(database.pool, 'orange-ci')).toBe(0);
  expect(await liftRefusedPins(database.pool, NAME.railId)).toBe(1);
  expect(await second.use(NAME, async () => pending())).toEqual(pending());
  await database.close();
});
