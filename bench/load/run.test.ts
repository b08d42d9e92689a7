import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import type { LoadReport } from './order.ts';
import { misstored, storedPayments } from './run.ts';
import { madeReport } from './testing.ts';

let database: TestDatabase;
let clientId: string;
let neighbourId: string;
beforeAll(async () => {
  database = await testDatabase();
  [clientId, neighbourId] = [await insertClient(database.pool), await insertClient(database.pool)];
});
afterAll(() => database?.close());

const store = (referenceId: string, by = clientId, status?: 'held') =>
  insertPayment(database.pool, { clientId: by, referenceId, ...(status === undefined ? {} : { status }) });
const wrongOf = (prefix: string, said: Partial<Pick<LoadReport, 'accepted' | 'unanswered'>>) =>
  misstored(database.pool, { ...madeReport([]), ...said }, prefix);

test('what is stored as it was answered, and what may be stored or not, is right', async () => {
  const [first, second] = [await store('a-1'), await store('a-2')];
  // Of another load, though it begins alike.
  await store('ab-1');
  const accepted = [
    ['a-1', first],
    ['a-2', second],
  ] as const;
  expect(await wrongOf('a', { accepted })).toEqual([]);
  expect(await wrongOf('a', { accepted: accepted.slice(0, 1), unanswered: ['a-2', 'a-3'] })).toEqual([]);
});

test('what is lost, doubled, under another id, or stored though it was refused is told', async () => {
  const id = await store('b-1');
  expect(
    await wrongOf('b', {
      accepted: [
        ['b-1', id],
        ['b-2', newId()],
      ],
    }),
  ).toEqual(['1 accepted payments are lost']);
  expect(await wrongOf('b', { accepted: [['b-1', newId()]] })).toEqual(['1 payments are stored under another id']);
  expect(await wrongOf('b', {})).toEqual(['1 payments are stored that were refused']);
  await store('b-1', neighbourId);
  expect(await wrongOf('b', { accepted: [['b-1', id]] })).toContain('1 payments are doubled');
});

test('payments that wait for people are counted, whichever load they came with', async () => {
  const before = await storedPayments(database.pool);
  await store('warm-up-1', clientId, 'held');
  expect(await storedPayments(database.pool)).toEqual({ payments: before.payments + 1, held: before.held + 1 });
});
