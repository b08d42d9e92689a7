import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { insertAttempt, insertClient, insertPayment } from '../../../db/fixtures.ts';
import { createKeyring } from '../../../db/keyring.ts';
import { ANSWER_CONTEXT, countAnswers, findAnswerBody, listAnswers, listNewestAnswers } from '../../../db/queries/operator-answers.ts';
import { type TestDatabase, testDatabase } from '../../../db/testing.ts';
import { manualClock } from '../../../domain/clock.ts';
import { newId } from '../../../domain/ids.ts';
import type { KeepAnswer, RefusedAnswer } from '../refused-answers.ts';
import { postgresAnswerKeeper } from './answers.ts';

const keyring = createKeyring([{ id: 1, master: createHash('sha256').update('answers').digest() }]);
const clock = manualClock(Date.UTC(2026, 9, 5));
const errors: unknown[] = [];
let database: TestDatabase;
let keep: KeepAnswer;

beforeEach(async () => {
  database = await testDatabase();
  errors.length = 0;
  keep = postgresAnswerKeeper({ pool: database.pool, keyring, clock, onError: (error) => errors.push(error) });
});
afterEach(() => database.close());

const PAGE: RefusedAnswer = {
  railId: 'mpesa-ke',
  product: 'inquiry',
  requestId: null,
  status: 503,
  reasonCode: 'unreadable_answer',
  body: '<html>254712345678</html>',
};

async function attempt(clientId: string): Promise<{ id: string; requestId: string }> {
  const paymentId = await insertPayment(database.pool, { clientId });
  const id = await insertAttempt(database.pool, { clientId, paymentId, leg: 'collection' });
  const { rows } = await database.pool.query<{ requestId: string; railId: string }>(
    'select request_id as "requestId" from attempts where id = $1',
    [id],
  );
  return { id, requestId: rows[0]?.requestId ?? '' };
}

it('keeps them sealed, with their attempt where there is one, and counts what comes again', async () => {
  const clientId = await insertClient(database.pool);
  const own = await attempt(clientId);
  await Promise.all([
    keep({ ...PAGE, requestId: own.requestId }),
    keep({ ...PAGE, requestId: own.requestId }),
    keep(PAGE),
    keep({ ...PAGE, requestId: newId() }),
    keep({ ...PAGE, body: '<html>another</html>' }),
  ]);
  clock.advance(60_000);
  await keep({ ...PAGE, requestId: own.requestId });
  expect(errors).toEqual([]);
  const found = await listNewestAnswers(database.pool, 10);
  expect(found.toSorted((a, b) => a.times - b.times).map(({ attemptId, times }) => [attemptId, times])).toEqual([
    [null, 1],
    [null, 2],
    [own.id, 3],
  ]);
  const ours = found.find(({ attemptId }) => attemptId === own.id);
  expect(ours).toMatchObject({ railId: 'mpesa-ke', product: 'inquiry', status: 503, reasonCode: 'unreadable_answer' });
  expect((ours?.lastReceivedAt.getTime() ?? 0) - (ours?.receivedAt.getTime() ?? 0)).toBe(60_000);
  const sealed = await findAnswerBody(database.pool, String(ours?.id));
  expect(sealed).toMatchObject({ clientId });
  expect(sealed?.body.toString('latin1')).not.toContain('2547');
  expect(keyring.decrypt(sealed?.body ?? Buffer.alloc(0), ANSWER_CONTEXT)).toBe(PAGE.body);
  expect(await findAnswerBody(database.pool, '999999')).toBeNull();
});

it('shows each client its own, and what is nobody’s', async () => {
  const [one, other] = [await insertClient(database.pool), await insertClient(database.pool)];
  const own = await attempt(one);
  await keep({ ...PAGE, requestId: own.requestId });
  await keep({ ...PAGE, railId: 'mtn-ug', product: 'token' });
  const seenBy = async (clientId: string, filter: Parameters<typeof listAnswers>[2] = {}) =>
    (await listAnswers(database.pool, clientId, filter, { before: null, limit: 10 })).map(({ railId }) => railId);
  expect(await seenBy(one)).toEqual(['mtn-ug', 'mpesa-ke']);
  expect(await seenBy(other)).toEqual(['mtn-ug']);
  expect(await seenBy(one, { attemptId: own.id })).toEqual(['mpesa-ke']);
  expect(await seenBy(one, { railId: 'mtn-ug' })).toEqual(['mtn-ug']);
});

it('counts codes that no table knows as one reason', async () => {
  for (const code of ['A1', 'B2']) await keep({ ...PAGE, reasonCode: `unmapped:${code}` });
  await keep(PAGE);
  const counts = await countAnswers(database.pool, clock.now());
  expect(counts.toSorted((a, b) => a.count - b.count)).toEqual([
    { railId: 'mpesa-ke', reasonCode: 'unreadable_answer', count: 1 },
    { railId: 'mpesa-ke', reasonCode: 'unmapped', count: 2 },
  ]);
  expect(await countAnswers(database.pool, clock.now() + 1)).toEqual([]);
});

it('tells that one could not be kept, and goes on', async () => {
  await keep({ ...PAGE, product: 'nothing' as 'token' });
  expect(errors).toMatchObject([{ constraint: 'operator_answers_product' }]);
  await keep(PAGE);
  expect(await listNewestAnswers(database.pool, 10)).toHaveLength(1);
});
