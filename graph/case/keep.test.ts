import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestPlatform, testPlatform } from '../testing.ts';

const HOUR_MS = 3_600_000;
let platform: TestPlatform;
let paymentId: string;

beforeEach(async () => {
  platform = await testPlatform();
  paymentId = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
  await platform.settleDown();
});
afterEach(() => platform.close());

async function theCase() {
  const found = await platform.database.pool.query<{
    id: string;
    status: string;
    round: number;
    asked_round: number;
    due_at: Date;
    claimed_by: string | null;
    information_due_at: Date | null;
  }>('select * from cases where payment_id = $1', [paymentId]);
  const row = found.rows[0];
  if (row === undefined) throw new Error('no case');
  return row;
}

const change = (assignments: string, values: unknown[] = []) => platform.database.pool.query(`update cases set ${assignments}`, values);
const keep = async () => {
  await platform.worker.work('settle');
  await platform.settleDown();
};
const acts = async () =>
  (
    await platform.database.pool.query<{ action: string }>("select action from audit_events where action like 'case.%' order by id")
  ).rows.map((row) => row.action);

/** An officer releases, as the API writes it down. */
async function release(officer: string, expiresAtMs: number): Promise<void> {
  await platform.database.pool.query(
    `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, created_at, expires_at)
      select gen_random_uuid(), id, payment_id, $1, 'release', 'false_positive', evidence_digest, round, $2, $3 from cases`,
    [officer, new Date(platform.clock.now()), new Date(expiresAtMs)],
  );
  await change(`status = 'deciding'`);
}

it('a case that is due and not decided is told of once', async () => {
  const { due_at: dueAt } = await theCase();
  platform.clock.advance(dueAt.getTime() - platform.clock.now() - 1);
  await keep();
  expect(await acts()).toEqual(['case.opened']);
  platform.clock.advance(1);
  await keep();
  await keep();
  expect(await acts()).toEqual(['case.opened', 'case.overdue']);
});

it('an approval that nobody joined in time counts no more: the officers are asked anew, in the same thread', async () => {
  await change('approvals_needed = 2');
  // The thread has asked by what the case said before.
  await change('round = 2');
  await platform.settleDown();
  const expiresAtMs = platform.clock.now() + HOUR_MS;
  await release('officer:amina', expiresAtMs);
  await platform.settleDown();
  expect(await theCase()).toMatchObject({ status: 'open', round: 2, asked_round: 2 });
  platform.clock.advance(HOUR_MS - 1);
  await keep();
  expect(await theCase()).toMatchObject({ round: 2 });
  platform.clock.advance(1);
  await keep();
  expect(await theCase()).toMatchObject({ status: 'open', round: 3, asked_round: 3 });
  expect(await acts()).toContain('case.approval_expired');
  // One officer is not enough again, and the first may approve again.
  await release('officer:kofi', platform.clock.now() + HOUR_MS);
  await platform.settleDown();
  expect((await platform.status(paymentId)).status).toBe('held');
  await release('officer:amina', platform.clock.now() + HOUR_MS);
  await platform.settleDown();
  expect((await platform.status(paymentId)).status).toBe('paid');
  expect(platform.problems).toEqual([]);
});

it('what an officer said of a refused payment, and nobody joined in time, counts no more', async () => {
  paymentId = await platform.submit({ receiver: { name: 'Jelani Obote Wakhungu' } });
  await platform.settleDown();
  await platform.database.pool.query(
    `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, expires_at, applied_at)
      select gen_random_uuid(), id, payment_id, 'officer:amina', 'resolve', 'listed_party', evidence_digest, round, $2, $3
      from cases where payment_id = $1`,
    [paymentId, new Date(platform.clock.now() + HOUR_MS), new Date(platform.clock.now())],
  );
  await keep();
  expect(await theCase()).toMatchObject({ status: 'open', round: 1 });
  platform.clock.advance(HOUR_MS);
  await keep();
  expect(await theCase()).toMatchObject({ status: 'open', round: 2 });
});

it('an approval that expires before it is put into effect releases nothing', async () => {
  await release('officer:amina', platform.clock.now() + HOUR_MS);
  platform.clock.advance(HOUR_MS);
  await platform.settleDown();
  expect((await platform.status(paymentId)).status).toBe('held');
  expect(await theCase()).toMatchObject({ status: 'open', round: 2, asked_round: 2 });
  await release('officer:amina', platform.clock.now() + HOUR_MS);
  await platform.settleDown();
  expect((await platform.status(paymentId)).status).toBe('paid');
});

it('a question that nobody answered brings its case back, and a claim that ran out is taken off', async () => {
  const at = (ms: number) => new Date(platform.clock.now() + ms);
  await change(`status = 'waiting', information_due_at = $1, claimed_by = 'officer:amina', claimed_until = $2`, [
    at(3 * HOUR_MS),
    at(HOUR_MS),
  ]);
  platform.clock.advance(HOUR_MS);
  await keep();
  expect(await theCase()).toMatchObject({ status: 'waiting', claimed_by: null });
  platform.clock.advance(2 * HOUR_MS);
  await keep();
  expect(await theCase()).toMatchObject({ status: 'open', information_due_at: null });
  expect(await acts()).toEqual(expect.arrayContaining(['case.claim_expired', 'case.information_overdue']));
});
