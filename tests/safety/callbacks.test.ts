/** Callbacks that come twice, late, or against what is known, read by two processes at once. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkBooks } from '../../tools/ledger/index.ts';
import type { CallbackEvent, Outcome } from '../../tools/mmo/operator.ts';
import { type Process, type SafetyPlatform, safetyPlatform } from './platform.ts';

let platform: SafetyPlatform;
let processes: readonly [Process, Process];
let paymentId: string;
beforeEach(async () => {
  platform = await safetyPlatform();
  processes = [platform.startProcess(), platform.startProcess()];
  platform.script = { collect: () => ({ state: 'pending' }), disburse: () => ({ state: 'pending' }) };
  paymentId = await platform.submit();
  await processes[0].settleDown();
});
afterEach(() => platform.close());

interface AttemptRow {
  readonly id: string;
  readonly rail_id: string;
  readonly state: string;
}

async function attemptOf(leg: 'collection' | 'payout'): Promise<AttemptRow> {
  const found = await platform.database.pool.query<AttemptRow>('select id, rail_id, state from attempts where leg = $1', [leg]);
  const row = found.rows[0];
  if (row === undefined) throw new Error(`no ${leg}`);
  return row;
}

const SUCCEEDED: Outcome = { state: 'succeeded', receipt: 'R1', amount: null };
const FAILED: Outcome = { state: 'failed', reasonCode: 'payer_declined', retry: 'after_customer' };

/** The operator says so about an attempt, so many times at once. */
async function says(attempt: AttemptRow, outcome: Outcome, times = 1): Promise<void> {
  const event: CallbackEvent = { kind: 'collection', outcome, ourReference: attempt.id, operatorReference: null, trust: 'sufficient' };
  const answers = await Promise.all(Array.from({ length: times }, () => platform.callBack(attempt.rail_id, attempt.id, event)));
  expect(new Set(answers)).toEqual(new Set([200]));
}

async function readByBoth(): Promise<void> {
  await Promise.all(processes.flatMap(({ worker }) => [worker.work('callbacks'), worker.work('callbacks')]));
  await Promise.all(processes.map(({ worker }) => worker.idle()));
  await processes[1].settleDown();
}

const verdicts = async () =>
  (
    await platform.database.pool.query<{ verdict: string; reason_code: string | null }>(
      'select verdict, reason_code from operator_callbacks order by id',
    )
  ).rows.map((row) => [row.verdict, row.reason_code].filter((each) => each !== null).join(' '));

it('said many times at once, an outcome is taken once', async () => {
  await says(await attemptOf('collection'), SUCCEEDED, 6);
  await readByBoth();
  await says(await attemptOf('payout'), SUCCEEDED, 6);
  await readByBoth();
  expect((await platform.status(paymentId)).status).toBe('paid');
  expect((await verdicts()).toSorted()).toEqual([...Array<string>(10).fill('duplicate'), 'matched', 'matched']);
  expect(platform.sent).toHaveLength(2);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});

it('said both ways at once, one is taken and the other set aside; neither moves money twice', async () => {
  const collection = await attemptOf('collection');
  await Promise.all([says(collection, SUCCEEDED), says(collection, FAILED)]);
  await readByBoth();
  const { state } = await attemptOf('collection');
  expect((await verdicts()).toSorted()).toEqual(['matched', 'quarantined contradicts_outcome']);
  expect((await platform.status(paymentId)).status).toBe(state === 'succeeded' ? 'disbursing' : 'failed');
  const marked = await platform.database.pool.query('select 1 from attempts where contradicted_at is not null');
  expect(marked.rows).toHaveLength(1);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});

it('said after the end, another outcome is a case for people and changes nothing', async () => {
  const collection = await attemptOf('collection');
  await says(collection, FAILED);
  await readByBoth();
  expect(await platform.status(paymentId)).toEqual({ status: 'failed', reasonCode: 'collection_refused' });
  const books = () => platform.database.pool.query('select id, debits_posted, credits_posted from accounts order by id');
  const before = (await books()).rows;
  await says(collection, SUCCEEDED, 3);
  await readByBoth();
  expect((await platform.status(paymentId)).status).toBe('failed');
  expect((await books()).rows).toEqual(before);
  const cases = await platform.database.pool.query('select kind, status from cases');
  expect(cases.rows).toEqual([{ kind: 'late_success', status: 'open' }]);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});
