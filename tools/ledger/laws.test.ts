/** The laws of the ledger, for any movements: money is conserved, floors hold, ends are final, repeats and order do not matter. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { isFault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { accountsOfCurrency, type Balance, balances, checkBooks, ensureAccounts, floatAccount, type Movement, post } from './index.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ max: 12 });
  await run((tx) => ensureAccounts(tx, accountsOfCurrency('KES')));
});
afterAll(() => database.close());

const run = <T>(fn: (tx: PoolClient) => Promise<T>): Promise<T> => withTransaction(database.pool, fn);

const FLOATS = 3;
const OPENING = 1_000n;

/** Floats of their own for one run, each with `OPENING` in it. */
async function openFloats(): Promise<string[]> {
  const accounts = Array.from({ length: FLOATS }, () => floatAccount(randomUUID(), 'KES'));
  await run(async (tx) => {
    await ensureAccounts(tx, accounts);
    const opening = { type: 'posted', credit: 'treasury:KES', amount: OPENING, currency: 'KES', reason: 'opening' } as const;
    await post(
      tx,
      accounts.map(({ code }) => ({ ...opening, debit: code })),
    );
  });
  return accounts.map(({ code }) => code);
}

type Step =
  | { readonly do: 'reserve' | 'pay_in' | 'pay_out'; readonly float: number; readonly amount: number }
  | { readonly do: 'move'; readonly float: number; readonly to: number; readonly amount: number }
  | { readonly do: 'post' | 'void' | 'expire'; readonly which: number };

const float = fc.nat(FLOATS - 1);
const amount = fc.integer({ min: 1, max: 700 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('reserve' as const, 'reserve' as const, 'pay_in' as const, 'pay_out' as const), float, amount }),
  fc.record({ do: fc.constant('move' as const), float, to: float, amount }),
  fc.record({ do: fc.constantFrom('post' as const, 'void' as const, 'expire' as const), which: fc.nat(9) }),
);

/** What the books ought to say, kept by the simplest means. */
interface Model {
  readonly posted: bigint[];
  readonly pending: Map<string, { readonly float: number; readonly amount: bigint }>;
}

const reservedIn = (model: Model, index: number): bigint =>
  [...model.pending.values()].reduce((sum, each) => (each.float === index ? sum + each.amount : sum), 0n);

const keepsFloors = (model: Model): boolean => model.posted.every((posted, index) => posted - reservedIn(model, index) >= 0n);

const copyOf = (model: Model): Model => ({ posted: [...model.posted], pending: new Map(model.pending) });

/** The movement of a step and the model after it; null when the step means nothing here. */
function take(model: Model, floats: readonly string[], each: Step): { movement: Movement; after: Model } | null {
  const after = copyOf(model);
  const base = { id: newId(), currency: 'KES', reason: each.do } as const;
  if ('which' in each) {
    const open = [...model.pending][each.which % Math.max(1, model.pending.size)];
    if (open === undefined) return null;
    const [pendingId, held] = open;
    after.pending.delete(pendingId);
    if (each.do === 'post') after.posted[held.float] = (after.posted[held.float] ?? 0n) - held.amount;
    return { movement: { id: base.id, type: each.do, pendingId }, after };
  }
  const code = floats[each.float] as string;
  const minor = BigInt(each.amount);
  if (each.do === 'reserve') {
    after.pending.set(base.id, { float: each.float, amount: minor });
    return { movement: { ...base, type: 'pending', debit: 'clearing:KES', credit: code, amount: minor }, after };
  }
  if ('to' in each) {
    if (each.float === each.to) return null;
    after.posted[each.float] = (after.posted[each.float] ?? 0n) - minor;
    after.posted[each.to] = (after.posted[each.to] ?? 0n) + minor;
    return { movement: { ...base, type: 'posted', debit: floats[each.to] as string, credit: code, amount: minor }, after };
  }
  const inwards = each.do === 'pay_in';
  after.posted[each.float] = (after.posted[each.float] ?? 0n) + (inwards ? minor : -minor);
  const [debit, credit] = inwards ? [code, 'clearing:KES'] : ['clearing:KES', code];
  return { movement: { ...base, type: 'posted', debit, credit, amount: minor }, after };
}

async function expectBooksToSay(floats: readonly string[], model: Model): Promise<void> {
  const read = await balances(database.pool, floats);
  expect(read.map(({ posted, reserved }) => ({ posted, reserved }))).toEqual(
    model.posted.map((posted, index) => ({ posted, reserved: reservedIn(model, index) })),
  );
}

const fresh = (): Model => ({ posted: Array.from({ length: FLOATS }, () => OPENING), pending: new Map() });

test('the books say what the model says; a step past a floor is refused and changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const floats = await openFloats();
      let model = fresh();
      for (const each of steps) {
        const taken = take(model, floats, each);
        if (taken === null) continue;
        if (keepsFloors(taken.after)) {
          await run((tx) => post(tx, [taken.movement]));
          model = taken.after;
        } else {
          await expect(run((tx) => post(tx, [taken.movement]))).rejects.toThrow('floor_passed');
        }
      }
      await expectBooksToSay(floats, model);
    }),
    { numRuns: 25 },
  );
  expect(await checkBooks(database.pool)).toEqual([]);
});

test('a set ends the same in any order, written once or twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 20 }), fc.infiniteStream(fc.nat()), async (steps, keys) => {
      const floats = await openFloats();
      let model = fresh();
      const movements: Movement[] = [];
      for (const each of steps) {
        const taken = take(model, floats, each);
        if (taken === null || !keepsFloors(taken.after)) continue;
        movements.push(taken.movement);
        model = taken.after;
      }
      const shuffled = movements
        .map((movement) => ({ movement, key: keys.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ movement }) => movement);
      await run((tx) => post(tx, shuffled));
      await expectBooksToSay(floats, model);
      await run((tx) => post(tx, movements));
      await expectBooksToSay(floats, model);
    }),
    { numRuns: 25 },
  );
  expect(await checkBooks(database.pool)).toEqual([]);
});

test('transactions at once never reserve more than there is, never wait in a circle, and lose nothing', async () => {
  const order = fc.shuffledSubarray([0, 1, 2], { minLength: 1 });
  const sets = fc.array(fc.record({ floats: order, amount: fc.integer({ min: 50, max: 400 }) }), { minLength: 6, maxLength: 16 });
  await fc.assert(
    fc.asyncProperty(sets, async (wanted) => {
      const floats = await openFloats();
      const before = await deadlocks();
      const outcomes = await Promise.all(
        wanted.map(async (set) => {
          const movements = set.floats.map(
            (index): Movement => ({
              type: 'pending',
              debit: 'clearing:KES',
              credit: floats[index] as string,
              amount: BigInt(set.amount),
              currency: 'KES',
              reason: 'reservation',
            }),
          );
          try {
            // One try: a deadlock would show as a failure of another kind than a full float.
            await withTransaction(database.pool, (tx) => post(tx, movements), { tries: 1 });
            return true;
          } catch (error) {
            if (isFault(error, 'floor_passed')) return false;
            throw error;
          }
        }),
      );
      const read = await balances(database.pool, floats);
      for (const [index, balance] of read.entries()) {
        const sum = wanted.reduce(
          (total, set, at) => (outcomes[at] && set.floats.includes(index) ? total + BigInt(set.amount) : total),
          0n,
        );
        expect(balance).toMatchObject({ posted: OPENING, reserved: sum } satisfies Partial<Balance>);
        expect(balance.available).toBeGreaterThanOrEqual(0n);
      }
      expect(await deadlocks()).toBe(before);
    }),
    { numRuns: 15 },
  );
});

test('of many that end one pending transfer at once, exactly one does', async () => {
  const [code] = (await openFloats()) as [string];
  for (let round = 0; round < 10; round++) {
    const id = newId();
    await run((tx) =>
      post(tx, [{ id, type: 'pending', debit: 'clearing:KES', credit: code, amount: 10n, currency: 'KES', reason: 'reservation' }]),
    );
    const ends = (['post', 'void', 'expire', 'post', 'void', 'expire'] as const).map((type) =>
      run((tx) => post(tx, [{ type, pendingId: id }])).then(
        () => true,
        (error) => {
          if (isFault(error, 'transfer_not_pending')) return false;
          throw error;
        },
      ),
    );
    expect((await Promise.all(ends)).filter(Boolean)).toHaveLength(1);
  }
  expect((await balances(database.pool, [code]))[0]?.reserved).toBe(0n);
});

test('of many that write the same step at once, money moves once and all are content', async () => {
  const [code] = (await openFloats()) as [string];
  const movement: Movement = {
    id: newId(),
    type: 'posted',
    debit: code,
    credit: 'clearing:KES',
    amount: 25n,
    currency: 'KES',
    reason: 'collection',
  };
  const ids = await Promise.all(Array.from({ length: 8 }, () => run((tx) => post(tx, [movement]))));
  expect(new Set(ids.flat()).size).toBe(1);
  expect((await balances(database.pool, [code]))[0]?.posted).toBe(OPENING + 25n);
});

async function deadlocks(): Promise<bigint> {
  const { rows } = await database.pool.query<{ deadlocks: bigint }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  return rows[0]?.deadlocks ?? 0n;
}
