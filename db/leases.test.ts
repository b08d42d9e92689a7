/** Leases on payments: which step they fence, where they end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../domain/ids.ts';
import { PAYMENT_STATUSES, type PaymentStatus, TERMINAL_STATUSES, TRANSITIONS } from '../domain/lifecycle.ts';
import { withTransaction } from './connect.ts';
import { insertClient, insertPayment } from './fixtures.ts';
import { transitionPayments } from './queries/transitions.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
let clientId: string;
beforeAll(async () => {
  database = await testDatabase();
  clientId = await insertClient(database.pool);
});
afterAll(() => database.close());

const RESTS: readonly PaymentStatus[] = ['held', 'collecting', 'disbursing', ...TERMINAL_STATUSES];
const lease = async (id: string, token: string): Promise<void> =>
  void (await database.pool.query(
    `update payments_by_status set lease_token = $2, lease_until = now(), not_before = now() where payment_id = $1`,
    [id, token],
  ));
const leaseOf = async (id: string) =>
  (
    await database.pool.query(
      'select lease_token as token, lease_until is null as ended, not_before as "notBefore" from payments_by_status where payment_id = $1',
      [id],
    )
  ).rows;
const step = (ids: readonly string[], from: PaymentStatus, to: PaymentStatus, leaseToken: string | null): Promise<void> =>
  withTransaction(database.pool, (tx) =>
    transitionPayments(
      tx,
      ids.map((paymentId) => ({ paymentId, from, to, reasonCode: null, cause: 'test' })),
      { nowMs: 0, leaseToken },
    ),
  );

test('a payment keeps its worker on the way, and has none where it rests', async () => {
  for (const from of PAYMENT_STATUSES) {
    // Who lets a held payment go on is another rule.
    for (const to of TRANSITIONS[from].filter((each) => each !== 'released')) {
      const id = await insertPayment(database.pool, { clientId, status: from, funding: 'balance', delivery: 'balance' });
      const token = newId();
      await lease(id, token);
      await step([id], from, to, null);
      const rests = { token: null, ended: true, notBefore: null };
      const goesOn = { token, ended: false, notBefore: null };
      const expected = RESTS.includes(to) ? rests : goesOn;
      expect([from, to, await leaseOf(id)]).toEqual([from, to, to === 'paid' ? [] : [expected]]);
    }
  }
});

test('a set moves as a whole, or not at all when another worker holds one of it', async () => {
  for (const to of ['paid', 'queued'] as const) {
    const insert = () => insertPayment(database.pool, { clientId, funding: 'balance', delivery: 'balance' });
    const ids = [await insert(), await insert()] as const;
    const [mine, other] = [newId(), newId()];
    await lease(ids[0], mine);
    for (const held of [other, null]) {
      if (held !== null) await lease(ids[1], held);
      await expect(step(ids, 'accepted', to, mine)).rejects.toMatchObject({ code: 'lease_lost' });
      expect(await leaseOf(ids[0])).toMatchObject([{ token: mine }]);
      await database.pool.query('update payments_by_status set lease_token = null where payment_id = $1', [ids[1]]);
    }
    await lease(ids[1], mine);
    await step(ids, 'accepted', to, mine);
    const { rows } = await database.pool.query('select status from payments where id = any($1::uuid[])', [ids]);
    expect(rows).toEqual([{ status: to }, { status: to }]);
  }
});

test('a lease that one step asked for is not asked for by the next of the same transaction', async () => {
  const id = await insertPayment(database.pool, { clientId, funding: 'balance', delivery: 'balance' });
  const token = newId();
  await lease(id, token);
  await withTransaction(database.pool, async (tx) => {
    const move = (from: PaymentStatus, to: PaymentStatus, leaseToken: string | null) =>
      transitionPayments(tx, [{ paymentId: id, from, to, reasonCode: null, cause: 'test' }], { nowMs: 0, leaseToken });
    await move('accepted', 'queued', token);
    await tx.query('update payments_by_status set lease_token = $2 where payment_id = $1', [id, newId()]);
    await move('queued', 'paid', null);
  });
  expect(await leaseOf(id)).toEqual([]);
});
