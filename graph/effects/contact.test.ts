import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { breakerState, healthKey, postgresHealthStore, readRailHealth } from '../../tools/rails/health.ts';
import type { Outcome } from '../../tools/mmo/operator.ts';
import { failed, unsent } from '../../tools/mmo/reasons.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { contactOf, createContacts } from './contact.ts';

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform();
});
afterEach(() => platform.close());

const RAIL = 'mpesa-ke';
const silence: Outcome = { state: 'unknown', reasonCode: 'no_answer' };

async function health() {
  const rows = await readRailHealth(platform.deps.pool, [RAIL]);
  const row = rows.get(healthKey(RAIL, 'collection'));
  return row && { ...row, state: breakerState(row, platform.clock.now()) };
}

/** Sends this many collections, routed together and each answered so, and leaves their ends open. Gives the rails they went over. */
async function send(count: number, answer: Outcome): Promise<string[]> {
  platform.script = { collect: () => answer };
  const before = platform.sent.length;
  for (let submitted = 0; submitted < count; submitted += 1) await platform.submit();
  for (const hint of ['authorize', 'dispatch'] as const) {
    await platform.worker.work(hint);
    await platform.worker.idle();
  }
  return platform.sent.slice(before).map((sent) => sent.railId);
}

describe('a silent operator', () => {
  it('opens the breaker at the fifth time-out, long before any of them has an end, and one probe that is answered closes it', async () => {
    expect(await send(5, silence)).toEqual(Array(5).fill(RAIL));
    expect(await health()).toMatchObject({ outages: 5, state: 'open' });
    expect(await send(2, silence)).not.toContain(RAIL);
    platform.clock.advance(15_000);
    expect((await send(3, { state: 'pending' })).filter((railId) => railId === RAIL)).toHaveLength(1);
    expect(await health()).toMatchObject({ outages: 0, state: 'closed' });
  });

  it('is asked again only after twice the time when the probe finds silence too', async () => {
    await send(5, silence);
    platform.clock.advance(15_000);
    expect(await send(3, silence)).toContain(RAIL);
    expect(await health()).toMatchObject({ state: 'open', downUntilMs: platform.clock.now() + 30_000 });
  });

  it('is not one that answers in between', async () => {
    const tell = createContacts(platform.deps);
    for (let count = 0; count < 4; count += 1) await tell(RAIL, 'collection', silence);
    await tell(RAIL, 'payout', { state: 'pending' });
    expect(await health()).toMatchObject({ outages: 4, state: 'closed', failureWeight: 4 });
    await tell(RAIL, 'collection', { state: 'pending' });
    expect(await health()).toMatchObject({ outages: 0, state: 'closed', failureWeight: 4 });
    for (let count = 0; count < 4; count += 1) await tell(RAIL, 'collection', { state: 'unknown', reasonCode: 'operator_error' });
    expect(await health()).toMatchObject({ outages: 4, state: 'closed' });
  });

  it('is over for all processes once one of them is answered, whichever it was silent to', async () => {
    const [first, second] = [createContacts(platform.deps), createContacts(platform.deps)];
    for (let count = 0; count < 5; count += 1) await first(RAIL, 'collection', silence);
    expect(await health()).toMatchObject({ outages: 5, state: 'open' });
    platform.clock.advance(15_000);
    await second(RAIL, 'collection', { state: 'pending' });
    expect(await health()).toMatchObject({ outages: 0, state: 'closed' });
    // What is known already is not looked at again for each answer.
    let reads = 0;
    const pool = platform.deps.pool;
    const counted = createContacts({
      ...platform.deps,
      railHealth: { ...postgresHealthStore(pool), read: async () => ((reads += 1), new Map()) },
    });
    for (let count = 0; count < 50; count += 1) await counted(RAIL, 'collection', { state: 'pending' });
    expect(reads).toBe(1);
  });

  it('is not told a second time, nor excused, by what turns out never to have arrived', async () => {
    await send(5, silence);
    platform.script = { inquire: () => ({ state: 'failed', reasonCode: 'never_received', retry: 'later' }) };
    platform.clock.advance(10_000);
    const before = await health();
    await platform.worker.work('inquire');
    await platform.worker.idle();
    await platform.worker.work('outcomes');
    await platform.worker.idle();
    const { rows } = await platform.deps.pool.query("select 1 from attempts where state = 'failed' and applied");
    expect(rows).toHaveLength(5);
    expect(await health()).toEqual(before);
  });
});

it('tells answers from silence, and from what was never sent', () => {
  const failure = (reasonCode: string): Outcome => ({ state: 'failed', reasonCode, retry: 'later' });
  expect(contactOf({ state: 'pending' })).toBe('answer');
  expect(contactOf({ state: 'unknown', reasonCode: 'unmapped:17' })).toBe('answer');
  expect(contactOf(failure('operator_busy'))).toBe('answer');
  expect(contactOf(failure('operator_error'))).toBe('answer');
  for (const reasonCode of ['no_answer', 'operator_error', 'unreadable_answer'])
    expect(contactOf({ state: 'unknown', reasonCode })).toBe('silence');
  expect(contactOf({ state: 'unknown', reasonCode: 'client_error' })).toBe('nothing');
  for (const reason of ['store_unavailable', 'operator_unavailable']) expect(contactOf(failure(reason))).toBe('nothing');
  for (const reason of ['grant_refused', 'never_received', 'phone_invalid', 'amount_granularity', 'pin_refused'] as const)
    expect(contactOf(unsent(reason))).toBe('nothing');
  // The same said by the operator is an answer.
  for (const reason of ['phone_invalid', 'pin_refused']) expect(contactOf(failure(reason))).toBe('answer');
});

/** Sends so many collections, has their ends worked in, and tells how the rail does and over which rails they went. */
async function end(count: number, answer: Outcome) {
  const rails = await send(count, answer);
  await platform.worker.work('outcomes');
  await platform.worker.idle();
  return { rails, health: await health() };
}

describe('a rail that nobody can use', () => {
  it.each(['operator_unavailable', 'rail_misconfigured', 'pin_refused'] as const)(
    'opens its breaker though nothing was sent: %s',
    async (reason) => {
      expect(await end(5, unsent(reason))).toMatchObject({ rails: Array(5).fill(RAIL), health: { outages: 5, state: 'open' } });
      const { rows } = await platform.deps.pool.query(`select failure_weight from corridor_health where rail_id = '${RAIL}'`);
      expect(rows).toEqual([{ failure_weight: 5 }]);
      expect((await send(1, { state: 'pending' }))[0]).not.toBe(RAIL);
    },
  );

  it('is not back because a probe that was not sent got no silence', async () => {
    await send(5, silence);
    platform.clock.advance(15_000);
    expect((await end(1, unsent('pin_refused'))).health).toMatchObject({
      state: 'open',
      outages: 6,
      downUntilMs: platform.clock.now() + 30_000,
    });
  });

  it('is not one for which our own store failed, even after the operator was asked for something', async () => {
    expect(await end(5, failed('store_unavailable'))).toEqual({ rails: Array(5).fill(RAIL), health: undefined });
    expect((await platform.deps.pool.query("select 1 from attempts where reason_code = 'store_unavailable' and applied")).rowCount).toBe(5);
  });

  it('is not one whose operator answers, whatever it refuses; and a no of the customer’s is none of the rail’s', async () => {
    expect((await end(2, failed('payer_declined'))).health).toMatchObject({ outages: 0, successWeight: 2, failureWeight: 0 });
    const refused = await end(6, failed('rail_misconfigured'));
    expect(refused.health).toMatchObject({ outages: 0, state: 'closed', successWeight: 2, failureWeight: 6 });
  });
});

it('what was refused before anything was sent counts neither for a rail nor against it, and what its operator refused does', async () => {
  const { pool } = platform.deps;
  const rates = async () => [
    await health(),
    (await pool.query(`select rail_id, success_weight, failure_weight from corridor_health where rail_id = '${RAIL}'`)).rows,
  ];
  expect((await end(3, unsent('phone_invalid'))).rails).toContain(RAIL);
  expect((await pool.query("select 1 from attempts where state = 'failed' and is_unsent and applied")).rowCount).toBe(3);
  expect(await rates()).toEqual([undefined, []]);
  expect((await end(1, failed('phone_invalid'))).rails).toContain(RAIL);
  expect(await rates()).toMatchObject([{ outages: 0, failureWeight: 1 }, [{ rail_id: RAIL, failure_weight: 1 }]]);
  const tell = createContacts(platform.deps);
  for (const outcome of [silence, unsent('phone_invalid')]) await tell(RAIL, 'collection', outcome);
  expect(await health()).toMatchObject({ outages: 1 });
});
