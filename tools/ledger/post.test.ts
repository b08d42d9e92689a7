import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { accountIds, accountsOfCurrency, balances, ensureAccounts, floatAccount, type Movement, post } from './index.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await run((tx) => ensureAccounts(tx, [...accountsOfCurrency('KES'), ...accountsOfCurrency('UGX')]));
});
afterAll(() => database.close());

const run = <T>(fn: (tx: PoolClient) => Promise<T>): Promise<T> => withTransaction(database.pool, fn);
const write = (...movements: Movement[]) => run((tx) => post(tx, movements));

/** A float of its own for a test, with money in it. */
async function openFloat(amount: bigint): Promise<string> {
  const account = floatAccount(randomUUID(), 'KES');
  await run((tx) => ensureAccounts(tx, [account]));
  await write({ type: 'posted', debit: account.code, credit: 'treasury:KES', amount, currency: 'KES', reason: 'opening' });
  return account.code;
}

async function levels(code: string): Promise<{ posted: bigint; reserved: bigint }> {
  const [balance] = await balances(database.pool, [code]);
  return { posted: balance?.posted ?? -1n, reserved: balance?.reserved ?? -1n };
}

const reserve = (float: string, amount: bigint, id = newId()): Movement & { id: string } => ({
  id,
  type: 'pending',
  debit: 'clearing:KES',
  credit: float,
  amount,
  currency: 'KES',
  reason: 'reservation',
});

describe('pending transfers', () => {
  test('reserve, and then post, are void or expire', async () => {
    const float = await openFloat(1_000n);
    const [first, second, third] = [reserve(float, 100n), reserve(float, 200n), reserve(float, 400n)];
    await write(first, second, third);
    expect(await levels(float)).toEqual({ posted: 1_000n, reserved: 700n });
    await write({ type: 'post', pendingId: first.id, reason: 'payout' });
    expect(await levels(float)).toEqual({ posted: 900n, reserved: 600n });
    await write({ type: 'void', pendingId: second.id }, { type: 'expire', pendingId: third.id });
    expect(await levels(float)).toEqual({ posted: 900n, reserved: 0n });
  });

  test('end once, whichever way', async () => {
    const float = await openFloat(1_000n);
    for (const type of ['post', 'void', 'expire'] as const) {
      const pending = reserve(float, 10n);
      await write(pending);
      await write({ type, pendingId: pending.id });
      const before = await levels(float);
      for (const again of ['post', 'void', 'expire'] as const) {
        await expect(write({ type: again, pendingId: pending.id })).rejects.toThrow('transfer_not_pending');
      }
      expect(await levels(float)).toEqual(before);
    }
  });

  test('can begin and end in one set', async () => {
    const float = await openFloat(1_000n);
    const pending = reserve(float, 10n);
    await write({ type: 'post', pendingId: pending.id }, pending);
    expect(await levels(float)).toEqual({ posted: 990n, reserved: 0n });
  });

  test('what is not pending cannot end: an unknown id, a posted transfer', async () => {
    const float = await openFloat(1_000n);
    const posted = newId();
    await write({ id: posted, type: 'posted', debit: float, credit: 'treasury:KES', amount: 5n, currency: 'KES', reason: 'opening' });
    await expect(write({ type: 'post', pendingId: posted })).rejects.toThrow('transfer_not_pending');
    await expect(write({ type: 'void', pendingId: newId() })).rejects.toThrow('transfer_not_pending');
  });

  test('keep the payment and the reason of their beginning unless told otherwise', async () => {
    const float = await openFloat(1_000n);
    const pending = { ...reserve(float, 10n), paymentId: newId() };
    await write(pending);
    const [id] = await write({ type: 'void', pendingId: pending.id });
    const { rows } = await database.pool.query('select reason, payment_id, amount, pending_id from transfers where id = $1', [id]);
    expect(rows[0]).toEqual({ reason: 'reservation', payment_id: pending.paymentId, amount: 10n, pending_id: pending.id });
  });
});

describe('refusals', () => {
  test('a floor is never passed, by a posting or by a reservation, alone or in sum', async () => {
    const float = await openFloat(100n);
    await expect(write(reserve(float, 101n))).rejects.toThrow('floor_passed');
    await expect(write(reserve(float, 60n), reserve(float, 60n))).rejects.toThrow('floor_passed');
    const out: Movement = { type: 'posted', debit: 'treasury:KES', credit: float, amount: 60n, currency: 'KES', reason: 'rebalance' };
    await write(reserve(float, 50n));
    await expect(write(out)).rejects.toThrow('floor_passed');
    expect(await levels(float)).toEqual({ posted: 100n, reserved: 50n });
  });

  test('a refused set leaves nothing behind, even when the fault is swallowed', async () => {
    const float = await openFloat(100n);
    const good = reserve(float, 1n);
    const swallowed = run(async (tx) => {
      await post(tx, [good, { type: 'void', pendingId: newId() }]).catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow('internal');
    expect(await levels(float)).toEqual({ posted: 100n, reserved: 0n });
    expect((await database.pool.query('select 1 from transfers where id = $1', [good.id])).rowCount).toBe(0);
  });

  test('names what is wrong', async () => {
    const float = await openFloat(100n);
    const base = { type: 'posted', debit: float, credit: 'treasury:KES', amount: 5n, currency: 'KES', reason: 'opening' } as const;
    await expect(write({ ...base, debit: 'float:nowhere' })).rejects.toThrow('account_not_found');
    await expect(write({ ...base, credit: 'treasury:UGX' })).rejects.toThrow('currency_mismatch');
    await expect(write({ ...base, currency: 'UGX' })).rejects.toThrow('currency_mismatch');
    await expect(write({ ...base, amount: 0n })).rejects.toThrow('amount_not_positive');
    await expect(write({ ...base, amount: -5n })).rejects.toThrow('amount_not_positive');
    await expect(run((tx) => accountIds(tx, [float, 'float:nowhere']))).rejects.toThrow('account_not_found');
    await expect(run((tx) => ensureAccounts(tx, [{ ...floatAccount('x', 'KES'), code: 'treasury:KES' }]))).rejects.toThrow('internal');
  });
});

describe('repeats', () => {
  test('the same id with the same content moves money once', async () => {
    const float = await openFloat(100n);
    const pending = reserve(float, 10n);
    expect(await write(pending)).toEqual([pending.id]);
    expect(await write(pending, reserve(float, 20n))).toHaveLength(2);
    expect(await levels(float)).toEqual({ posted: 100n, reserved: 30n });
    const end: Movement = { id: newId(), type: 'post', pendingId: pending.id, reason: 'payout' };
    await write(end);
    await write(end, end);
    expect(await levels(float)).toEqual({ posted: 90n, reserved: 20n });
  });

  test('also when its time of expiry was reckoned anew', async () => {
    const float = await openFloat(100n);
    const pending = { ...reserve(float, 10n), type: 'pending', expiresAt: new Date(1_000) } as Movement;
    await write(pending);
    await write({ ...pending, expiresAt: new Date(2_000) } as Movement);
    expect(await levels(float)).toEqual({ posted: 100n, reserved: 10n });
  });

  test('the same id with any other content is refused', async () => {
    const float = await openFloat(100n);
    const other = await openFloat(100n);
    const pending = reserve(float, 10n);
    await write(pending);
    const changes: object[] = [
      { amount: 11n },
      { credit: other },
      { type: 'posted' },
      { reason: 'x' },
      { paymentId: newId() },
      { linkId: newId() },
      { attemptId: newId() },
    ];
    for (const change of changes) {
      await expect(write({ ...pending, ...change } as Movement)).rejects.toThrow('transfer_conflict');
    }
    await expect(write({ id: pending.id, type: 'void', pendingId: pending.id })).rejects.toThrow('transfer_conflict');
  });
});

describe('a set so large that it goes the short way', () => {
  const MANY = 40;
  const moves = (float: string, amount = 3n) =>
    Array.from({ length: MANY }, () => {
      const movement = { id: newId(), type: 'posted', debit: 'treasury:KES', credit: float, amount, currency: 'KES', reason: 'rebalance' };
      return movement as Movement & { readonly id: string };
    });

  test('moves what each of its movements says, and nothing is left open', async () => {
    const [float, other] = [await openFloat(1_000n), await openFloat(10n)];
    const ids = await write(
      ...moves(float),
      ...moves(other, 1n).map((each) => ({ ...each, debit: float, credit: 'clearing:KES' }) as Movement),
    );
    expect(ids).toHaveLength(2 * MANY);
    expect([await levels(float), await levels(other)]).toEqual([
      { posted: 1_000n - 3n * 40n + 40n, reserved: 0n },
      { posted: 10n, reserved: 0n },
    ]);
  });

  test('written again, as a whole or in part, moves once what it says', async () => {
    const float = await openFloat(1_000n);
    const [first, rest] = [moves(float), moves(float)];
    await write(...first);
    expect(await write(...first)).toEqual(first.map(({ id }) => id));
    expect(await levels(float)).toEqual({ posted: 1_000n - 120n, reserved: 0n });
    await write(...first, ...rest);
    expect(await levels(float)).toEqual({ posted: 1_000n - 240n, reserved: 0n });
    await write(...rest, ...rest);
    expect(await levels(float)).toEqual({ posted: 1_000n - 240n, reserved: 0n });
  });

  test('written by two workers at once, moves once what it says', async () => {
    const float = await openFloat(1_000n);
    const set = moves(float);
    const found = await Promise.all([write(...set), write(...set), run((tx) => post(tx, set.toReversed()))]);
    expect(found.map((ids) => ids.toSorted())).toEqual(found.map(() => set.map(({ id }) => id).toSorted()));
    expect(await levels(float)).toEqual({ posted: 1_000n - 120n, reserved: 0n });
  });

  test('is refused where there is none of its accounts, and leaves nothing behind even when the fault is swallowed', async () => {
    const float = await openFloat(1_000n);
    const nowhere = moves(float).map((each) => ({ ...each, debit: 'float:nowhere', credit: 'float:elsewhere' }) as Movement);
    await expect(write(...nowhere)).rejects.toThrow('account_not_found');
    const known = moves(float, 1n);
    for (const refused of [nowhere, moves(float, 10_000n)]) {
      const swallowed = run(async (tx) => {
        await post(tx, known);
        await post(tx, refused).catch(() => undefined);
      });
      await expect(swallowed).rejects.toThrow('internal');
    }
    expect(await levels(float)).toEqual({ posted: 1_000n, reserved: 0n });
  });

  test.each([
    ['another content under a known id', 'transfer_conflict', (known: string) => ({ id: known, amount: 4n })],
    ['an account that is not there', 'account_not_found', () => ({ credit: 'float:nowhere' })],
    ['an account of another currency', 'currency_mismatch', () => ({ credit: 'treasury:UGX' })],
    ['an amount of nothing', 'amount_not_positive', () => ({ amount: 0n })],
    ['more than a floor allows', 'floor_passed', () => ({ amount: 10_000n })],
  ])('is refused as a whole for %s', async (_what, code, change) => {
    const float = await openFloat(1_000n);
    const [known] = await write(...moves(float, 1n).slice(0, 1));
    const set = moves(float);
    const wrong = { ...set[7], ...change(known ?? '') } as Movement;
    await expect(write(...set.with(7, wrong as (typeof set)[number]))).rejects.toThrow(code);
    expect(await levels(float)).toEqual({ posted: 999n, reserved: 0n });
    expect((await database.pool.query('select 1 from transfers where id = any($1::uuid[])', [set.map(({ id }) => id)])).rowCount).toBe(0);
  });
});

test('any number of movements is one statement', async () => {
  const float = await openFloat(1_000_000n);
  let statements = 0;
  await run(async (tx) => {
    const counting = new Proxy(tx, {
      get: (target, key) => {
        if (key === 'query') statements += 1;
        const value = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await post(
      counting,
      Array.from({ length: 1_000 }, () => reserve(float, 7n)),
    );
  });
  expect(statements).toBe(1);
  expect(await levels(float)).toEqual({ posted: 1_000_000n, reserved: 7_000n });
});
