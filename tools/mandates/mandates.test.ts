import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { insertPayment } from '../../db/fixtures.ts';
import { withoutMandate } from '../../db/queries/mandates.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { HOUR_MS, intent, keyring, type MandateWorld, minor, openMandateWorld, watchedPool } from './testing.ts';
import { createMandateDesk } from './spend.ts';
import { type ErrorCode, fault } from '../../domain/errors.ts';
import type { SpendPolicy } from '../../domain/spend-policy.ts';
import { type MandateWish } from './issue.ts';

let database: TestDatabase;
let world: MandateWorld;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  world = await openMandateWorld(database);
});

/** Those among payments whose mandate is over. */
const ended = (...ids: string[]) => withTransaction(database.pool, async (tx) => [...(await withoutMandate(tx, ids, world.clock.now()))]);

describe('spending', () => {
  it('is bound for whoever ever held a mandate, and for nobody else', async () => {
    await expect(world.spend(intent(), 'agent:free')).resolves.toBeTruthy();
    const { id } = await world.issue({ perPayment: { KES: minor(1_000) } });
    await expect(world.spend()).resolves.toBeTruthy();
    await expect(world.spend(intent({ amount: '1000.01' }))).rejects.toMatchObject({ code: 'mandate_exceeded' });
    await world.revoke(id);
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_missing' });
    expect(await world.counted()).toBe(1);
  });

  it('counts a rolling budget, and lets go of what has left the window', async () => {
    await world.issue({ budgets: [{ windowMs: HOUR_MS, amounts: { KES: minor(2_500) } }] });
    await world.spend();
    world.clock.advance(HOUR_MS / 2);
    await world.spend();
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_exceeded' });
    world.clock.advance(HOUR_MS / 2);
    await expect(world.spend()).resolves.toBeTruthy();
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_exceeded' });
  });

  it('never passes a budget, however many payments come at once', async () => {
    await world.issue({ budgets: [{ windowMs: HOUR_MS, amounts: { KES: minor(3_000) } }] });
    const ends = await Promise.allSettled(Array.from({ length: 8 }, () => world.spend()));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await world.counted()).toBe(3);
  });

  it('keeps to payees by their numbers, and to less for those who are new', async () => {
    const payees = [keyring.blindIndex('+256772345678', world.clientId).toString('hex')];
    await world.issue({ payees, coolingOff: { ms: HOUR_MS, amounts: { KES: minor(1_500) } } });
    const stranger = { name: 'Grace Nakato', phone: '+256772345679', country: 'UG' as const };
    await expect(world.spend(intent({ receiver: stranger }))).rejects.toMatchObject({ code: 'mandate_exceeded' });
    await world.spend();
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_exceeded' });
    world.clock.advance(HOUR_MS);
    await expect(world.spend(intent({ amount: '9000' }))).resolves.toBeTruthy();
  });

  it('counts a repeated request once, and another intent under its reference not at all', async () => {
    await world.issue({ usesMax: 1 });
    const first = intent();
    await world.spend(first);
    await expect(world.desk.spend({ clientId: world.clientId, principal: 'agent:buyer' }, first, async () => 'the same')).resolves.toBe(
      'the same',
    );
    await expect(world.spend(intent({ referenceId: first.referenceId, amount: '7' }))).rejects.toMatchObject({
      code: 'duplicate_reference',
    });
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_exceeded' });
    expect(await world.counted()).toBe(1);
  });

  it('takes a count back, and says so, when nothing was stored for sure, and keeps it when nobody can tell', async () => {
    const { id } = await world.issue({ usesMax: 1 });
    const fails = (code: ErrorCode) =>
      world.desk.spend({ clientId: world.clientId, principal: 'agent:buyer' }, intent(), async () => {
        throw fault(code);
      });
    for (const code of ['quote_not_found', 'quote_mismatch'] as const) {
      await expect(fails(code)).rejects.toMatchObject({ code });
      expect(await world.counted()).toBe(0);
    }
    await expect(fails('database_unavailable')).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await world.counted()).toBe(1);
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_exceeded' });
    const returned = ['mandate.spent', 'mandate.spend_returned'];
    expect(await world.actsOn(id)).toEqual(['mandate.issued', ...returned, ...returned, 'mandate.spent']);
  });

  it.each(['overloaded', 'quote_expired'] as const)(
    'stays counted while the same request is stored beside one that ends with %s',
    async (code) => {
      const { id } = await world.issue({});
      const paid = intent();
      const other = await database.pool.connect();
      await other.query('begin');
      let paymentId = '';
      const first = world.desk.spend({ clientId: world.clientId, principal: 'agent:buyer' }, paid, async () => {
        // Not counted again, for the first is; not committed when the first gives up.
        paymentId = await world.desk.spend({ clientId: world.clientId, principal: 'agent:buyer' }, paid, () => world.store(paid, other));
        throw fault(code);
      });
      await expect(first).rejects.toMatchObject({ code });
      await other.query('commit');
      other.release();
      expect(await world.counted()).toBe(1);
      await world.revoke(id);
      expect(await ended(paymentId)).toEqual([paymentId]);
    },
  );

  it('has no part in a payment that somebody else made under the same reference', async () => {
    const { id } = await world.issue({});
    const [theirs, late] = [intent(), intent()];
    const paymentId = await world.spend(theirs, 'agent:free');
    await expect(world.spend(intent({ referenceId: theirs.referenceId, amount: '7' }))).rejects.toMatchObject({
      code: 'duplicate_reference',
    });
    await expect(world.desk.spend({ clientId: world.clientId, principal: 'agent:buyer' }, theirs, async () => 'the same')).resolves.toBe(
      'the same',
    );
    let lateId = '';
    const beaten = world.desk.spend(
      { clientId: world.clientId, principal: 'agent:buyer' },
      intent({ referenceId: late.referenceId, amount: '7' }),
      async () => {
        lateId = await world.store(late);
        throw fault('duplicate_reference');
      },
    );
    await expect(beaten).rejects.toMatchObject({ code: 'duplicate_reference' });
    expect(await world.counted()).toBe(0);
    await world.revoke(id);
    expect(await ended(paymentId, lateId)).toEqual([]);
  });

  it('is not tied to a payment by its reference alone', async () => {
    const { id } = await world.issue({});
    const paid = intent();
    await world.desk.spend({ clientId: world.clientId, principal: 'agent:buyer' }, paid, async () => 'nobody can tell');
    const theirs = await insertPayment(database.pool, { clientId: world.clientId, referenceId: paid.referenceId });
    await world.revoke(id);
    expect(await ended(theirs)).toEqual([]);
  });

  it('reads of what was spent only what the policy bounds', async () => {
    const asked: string[] = [];
    const watched = watchedPool(database.pool, (name) => asked.push(name));
    const spendOnce = () =>
      createMandateDesk({ pool: watched, keyring, clock: world.clock }).spend(
        { clientId: world.clientId, principal: 'agent:buyer' },
        intent(),
        async () => '',
      );
    const names = ['spent_in_windows', 'uses_of_mandate', 'spent_on_payee'];
    for (const [policy, needed] of [
      [{ perPayment: { KES: minor(2_000) } }, []],
      [{ velocity: [{ windowMs: HOUR_MS, payments: 9 }] }, ['spent_in_windows']],
      [{ usesMax: 9 }, ['uses_of_mandate']],
      [{ coolingOff: { ms: HOUR_MS, amounts: { KES: minor(9_000) } } }, ['spent_on_payee']],
    ] as const) {
      const { id } = await world.issue(policy as SpendPolicy);
      asked.length = 0;
      await spendOnce();
      expect(asked.filter((name) => names.includes(name))).toEqual(needed);
      await world.revoke(id);
    }
  });

  it('is looked up once for all who ask at the same time', async () => {
    const asked: string[] = [];
    const watching = createMandateDesk({ pool: watchedPool(database.pool, (name) => asked.push(name)), keyring, clock: world.clock });
    const ask = () =>
      Promise.all(Array.from({ length: 20 }, () => watching.isBound({ clientId: world.clientId, principal: 'agent:free' })));
    expect(new Set(await ask())).toEqual(new Set([false]));
    world.clock.advance(10_000);
    await ask();
    expect(asked).toEqual(['is_bound', 'is_bound']);
  });

  it('waits for the mandate to begin, and ends with it', async () => {
    await world.issue({}, { notBeforeMs: world.clock.now() + HOUR_MS, expiresAtMs: world.clock.now() + 2 * HOUR_MS });
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_missing' });
    world.clock.advance(HOUR_MS);
    await expect(world.spend()).resolves.toBeTruthy();
    world.clock.advance(HOUR_MS);
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_missing' });
  });

  it('believes no mandate that is not as it was sealed', async () => {
    const { id } = await world.issue({ perPayment: { KES: '1' } });
    const client = await database.pool.connect();
    await client.query('set session_replication_role = replica');
    await client.query(`update mandates set policy = '{}' where id = $1`, [id]);
    await client.query('set session_replication_role = origin');
    client.release();
    await expect(world.spend()).rejects.toMatchObject({ code: 'mandate_missing' });
  });
});

describe('handing on', () => {
  const onward = (parentId: string, policy: SpendPolicy, over: Partial<MandateWish> = {}) =>
    world.issue(policy, { parentId, holder: 'agent:clerk', issuer: 'agent:buyer', ...over });

  it('counts what is spent below against all above', async () => {
    const { id } = await world.issue({ budgets: [{ windowMs: HOUR_MS, amounts: { KES: minor(2_000) } }] });
    await onward(id, { budgets: [{ windowMs: HOUR_MS, amounts: { KES: minor(2_000) } }] });
    await world.spend(intent(), 'agent:clerk');
    await world.spend();
    for (const principal of ['agent:clerk', 'agent:buyer'])
      await expect(world.spend(intent(), principal)).rejects.toMatchObject({ code: 'mandate_exceeded' });
  });

  it('only narrows', async () => {
    const { id, expiresAtMs } = await world.issue({ perPayment: { KES: '100' } });
    await expect(onward(id, { perPayment: { KES: '101' } })).rejects.toMatchObject({ code: 'mandate_wider', field: 'perPayment' });
    await expect(onward(id, {})).rejects.toMatchObject({ code: 'mandate_wider', field: 'perPayment' });
    await expect(onward(id, { perPayment: { KES: '1' } }, { expiresAtMs: expiresAtMs + 1 })).rejects.toMatchObject({ field: 'expiresAt' });
    await expect(onward(id, { perPayment: { KES: '1' } }, { issuer: 'agent:other' })).rejects.toMatchObject({ field: 'issuer' });
    await expect(onward(id, { perPayment: { KES: '1' } })).resolves.toMatchObject({ depth: 2 });
  });

  it('ends below when it ends above, also for what is not authorised yet', async () => {
    const { id } = await world.issue({});
    await onward(id, {});
    const paymentId = await world.spend(intent(), 'agent:clerk');
    expect(await ended(paymentId)).toEqual([]);
    await world.revoke(id);
    await expect(world.spend(intent(), 'agent:clerk')).rejects.toMatchObject({ code: 'mandate_missing' });
    expect(await ended(paymentId)).toEqual([paymentId]);
  });

  it('is no way out for whoever is bound', async () => {
    const { id } = await world.issue({});
    await expect(world.issue({}, { issuer: 'agent:buyer', holder: 'agent:friend' })).rejects.toMatchObject({ code: 'mandate_missing' });
    await expect(world.issue({}, { issuer: 'agent:buyer', holder: 'agent:buyer' })).rejects.toMatchObject({ code: 'maker_is_checker' });
    await expect(world.revoke(id, 'agent:buyer')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(world.revoke(id)).resolves.toMatchObject({ revokedBy: 'person:jane' });
    await expect(world.revoke(id)).rejects.toMatchObject({ code: 'switch_unchanged' });
    await expect(onward(id, {})).rejects.toMatchObject({ code: 'mandate_missing' });
  });
});

describe('the database', () => {
  it('keeps mandates and counts as they are', async () => {
    const { id } = await world.issue({});
    await world.spend();
    const { pool } = database;
    await expect(pool.query(`update mandates set policy = '{}' where id = $1`, [id])).rejects.toMatchObject({
      constraint: 'mandates_fixed',
    });
    await expect(pool.query('delete from mandates')).rejects.toMatchObject({ constraint: 'mandates_append_only' });
    await expect(pool.query('delete from mandate_spends')).rejects.toMatchObject({ constraint: 'mandate_spends_kept' });
    await expect(pool.query('update mandate_spends set amount = 1')).rejects.toMatchObject({ constraint: 'mandate_spends_append_only' });
    await world.revoke(id);
    await expect(pool.query('update mandates set revoked_at = null, revoked_by = null where id = $1', [id])).rejects.toMatchObject({
      constraint: 'mandates_fixed',
    });
  });
});
