/** What the simulation lets expire: only what it kept from being executed itself. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyDatabase } from '../agents/testing.ts';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { insertBatch } from '../graph/settlement/testing.ts';
import type { Chance } from '../sandbox/random.ts';
import type { BatchHistory } from './chain-history.ts';
import { likelyMax, wrongExpiries } from './expiry-verdict.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());
beforeEach(() => emptyDatabase(database.pool));

/** Everybody does as they should, or everybody takes another digest and never looks again. */
const chanceOf = (isCareless: boolean) =>
  ({ draw: (_name: string, what: string) => (isCareless && what === 'approves another' ? 0 : 1) }) as unknown as Chance;

const expired = async (fixture: Parameters<typeof insertBatch>[1]) => {
  const id = await insertBatch(database.pool, fixture);
  await database.pool.query(`update settlement_batches set status = 'expired' where id = $1`, [id]);
  return id;
};
const history = (change: Partial<BatchHistory>) =>
  ({ fundedMinor: 0n, approvedBy: new Set(), approvalsNeeded: 2, ...change }) as unknown as BatchHistory;
const wrong = (id: string, seen: BatchHistory | null, isCareless = false) =>
  wrongExpiries(database.pool, chanceOf(isCareless), new Map(seen === null ? [] : [[id, seen]]));

it.each<[string, Parameters<typeof insertBatch>[1], BatchHistory | null]>([
  ['was paid into and approved', { dueMinor: 1_000n }, history({ fundedMinor: 1_000n, approvedBy: new Set(['one', 'two']) })],
  ['we owe', { dueMinor: -1_000n }, history({ approvedBy: new Set(['one', 'two']) })],
  ['never came to the chain', { dueMinor: 1_000n }, null],
  ['people would have approved', { dueMinor: -1_000n, approvalBy: 'people' }, history({ fundedMinor: 1_000n })],
])('a batch that %s must have been executed', async (_what, fixture, seen) => {
  const id = await expired(fixture);
  expect(await wrong(id, seen)).toEqual([`batch ${id} expired, though it was paid into and those who had to approve it would have`]);
});

it('one that its partner did not pay may expire, and one that somebody had to approve who does not', async () => {
  expect(await wrong(await expired({ dueMinor: 1_000n }), history({}))).toEqual([]);
  await emptyDatabase(database.pool);
  expect(await wrong(await expired({ dueMinor: -1_000n, approvalBy: 'people' }), history({ fundedMinor: 1_000n }), true)).toEqual([]);
});

it('partners who never pay are more than some of them would be', async () => {
  const ids = [];
  for (let count = 0; count < 12; count += 1) ids.push(await expired({ dueMinor: 1_000n, partner: `rail-${count}` }));
  const found = await wrongExpiries(database.pool, chanceOf(false), new Map(ids.map((id) => [id, history({})])));
  expect(found).toEqual([`12 of 12 batches expired unpaid by their partners, where at most ${likelyMax(12, 0.03)} do`]);
});

it('what a batch left is in the next one of its partner', async () => {
  const id = await expired({ dueMinor: 1_000n });
  await database.pool.query(
    `insert into settlement_cases (id, batch_id, kind, evidence, evidence_digest, created_at) values (gen_random_uuid(), $1, 'expired', '{}', '', now() - interval '1 hour')`,
    [id],
  );
  const next = await insertBatch(database.pool, { dueMinor: 5n });
  expect(await wrong(id, history({}))).toEqual([`what batch ${id} left is in no later batch of its partner, though there is ${next}`]);
  await database.pool.query('update settlement_batches set carried_to = $2 where id = $1', [id, next]);
  expect(await wrong(id, history({}))).toEqual([]);
});
