/** Both memories of what was sent keep to the same rules. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { databaseSent } from './database-sent.ts';
import { memorySent, type SentTransaction, type SentTransactions } from './sent.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(async () => {
  await database.close();
});

const sentOf = (changes: Partial<SentTransaction> = {}): SentTransaction => ({
  subject: 'batch-1',
  step: 'propose',
  attempt: 1,
  expiresAtSecs: 1_767_600_000n,
  editions: [{ hash: `0x${'1'.repeat(64)}`, bytes: 'ab', gasUnitPrice: 100n }],
  state: 'open',
  hash: null,
  version: null,
  gasUsed: null,
  gasUnitPrice: null,
  vmStatus: null,
  ...changes,
});
const executed = { state: 'executed', hash: `0x${'1'.repeat(64)}`, version: 7n, gasUsed: 12n, gasUnitPrice: 100n } as const;

describe.each([
  ['in memory', () => memorySent()],
  ['in the database', () => databaseSent(database.pool)],
] as const)('what was sent, %s', (name, open) => {
  const subject = `batch of ${name}`;
  let sent: SentTransactions;
  beforeAll(() => {
    sent = open();
  });

  it('is kept once, until it has come to an end', async () => {
    expect(await sent.latest(subject, 'propose')).toBeNull();
    expect(await sent.insert(sentOf({ subject }))).toBe(true);
    expect(await sent.insert(sentOf({ subject }))).toBe(false);
    const dearer = { hash: `0x${'2'.repeat(64)}`, bytes: 'cd', gasUnitPrice: 150n };
    const bumped = sentOf({ subject, editions: [...sentOf().editions, dearer] });
    await sent.update(bumped);
    expect(await sent.latest(subject, 'propose')).toEqual(bumped);
    await sent.update({ ...bumped, ...executed });
    await sent.update({ ...bumped, state: 'absent' });
    expect(await sent.latest(subject, 'propose')).toEqual({ ...bumped, ...executed });
  });

  it('is listed by subject, the latest attempt of each step', async () => {
    const failed = sentOf({ subject, step: 'execute', state: 'open' });
    expect(await sent.insert(failed)).toBe(true);
    await sent.update({ ...failed, ...executed, state: 'failed', vmStatus: 'Move abort in 0x1::m: 0x1' });
    const again = sentOf({ subject, step: 'execute', attempt: 2 });
    expect(await sent.insert(again)).toBe(true);
    const all = await sent.ofSubject(subject);
    expect(all.map(({ step, attempt, state }) => `${step} ${attempt} ${state}`).toSorted()).toEqual([
      'execute 2 open',
      'propose 1 executed',
    ]);
    expect(await sent.ofSubject('another')).toEqual([]);
  });
});
