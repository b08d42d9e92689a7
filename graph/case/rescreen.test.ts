import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { listOf } from '../../agents/compliance/testing.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { withTransaction } from '../../db/connect.ts';
import { joinParties, splitParties } from '../../db/person-keys.ts';
import { lockHeldParties, storeHeldParties } from '../../db/queries/parties.ts';
import type { PartyDetails } from '../../domain/party.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { findWork } from '../sweep.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { rescreenCases } from './rescreen.ts';

const LIST = createSanctionsList([listOf({ names: ['Jefferson Otieno Wakulima'], datesOfBirth: ['1961-03-04'], ids: ['A-123456'] })]);

let platform: TestPlatform;
let phones = 0;
/** What happens whenever somebody is about to be screened. */
let beforeScreening: () => void;

beforeAll(async () => {
  const edition = () => {
    beforeScreening();
    return LIST;
  };
  platform = await testPlatform({}, { sanctions: { ...LIST, edition } });
});
afterAll(() => platform.close());
beforeEach(() => {
  beforeScreening = () => undefined;
  platform.clock.advance(3_600_000);
});

/** A payment that is held for a name that is like the listed one. */
async function hold(sender: { readonly name?: string; readonly dateOfBirth?: string } = {}): Promise<string> {
  phones += 1;
  const phone = `+2547110000${String(phones + 10)}`;
  const id = await platform.submit({ sender: { name: 'Jeferson Otieno Wakulma', phone, ...sender } });
  await platform.settleDown();
  expect(await platform.status(id)).toMatchObject({ status: 'held' });
  return id;
}

const mark = (paymentId: string) =>
  platform.database.pool.query(
    `update cases set rescreen_since = $2, round = round + 1, evidence = evidence || '{"details":[{"added":["sender.dateOfBirth"]}]}',
       evidence_digest = 'as-it-was-told' where payment_id = $1`,
    [paymentId, new Date(platform.clock.now())],
  );

/** Says more of the sender of a held payment, as the desk does. */
async function tell(paymentId: string, details: PartyDetails): Promise<void> {
  const { people } = platform.deps.keyring;
  await mark(paymentId);
  await withTransaction(platform.database.pool, async (tx) => {
    const held = await lockHeldParties(tx, DEMO_CLIENT_ID, paymentId);
    const parts = held && splitParties(held.parties);
    if (!held?.senderKey || !parts) throw new Error('the payment is not held');
    const sender = people.seal(people.current(held.senderKey), { ...people.openParty(held, 'sender'), details });
    await storeHeldParties(tx, DEMO_CLIENT_ID, paymentId, joinParties(sender, parts.receiver));
  });
}

async function caseOf(paymentId: string) {
  const { rows } = await platform.database.pool.query(
    `select round, asked_round as "askedRound", rescreen_since as "rescreenSince", evidence, evidence_digest as "evidenceDigest", priority, status,
       approvals_needed as "approvalsNeeded", escalated_by as "escalatedBy", reasons, id from cases where payment_id = $1 and kind = 'held'`,
    [paymentId],
  );
  return rows[0];
}

const say = (paymentId: string, officer: string) =>
  platform.database.pool.query(
    `with held as (update cases set status = 'deciding', claimed_by = $2 where payment_id = $1 returning id, payment_id, evidence_digest, round)
     insert into case_decisions (id, case_id, payment_id, officer, senior, verdict, reason_code, evidence_digest, round)
     select gen_random_uuid(), id, payment_id, $2, true, 'release', 'identity_verified', evidence_digest, round from held`,
    [paymentId, officer],
  );

async function release(paymentId: string, ...officers: readonly string[]): Promise<void> {
  for (const officer of officers) {
    await say(paymentId, officer);
    await platform.settleDown();
  }
}

test('what is found by what was added is the evidence; the payment waits for people still, and goes on when they let it', async () => {
  const id = await hold();
  const before = await caseOf(id);
  await tell(id, { dateOfBirth: '1999-01-01' });
  expect(await findWork(platform.deps)).toContain('cases');
  await platform.settleDown();
  const after = await caseOf(id);
  expect(after).toMatchObject({ round: 3, askedRound: 3, rescreenSince: null, status: 'open', approvalsNeeded: 1, escalatedBy: null });
  expect(after.priority).toBe(before.priority);
  expect(after.evidence).toMatchObject({ outcome: 'clear', details: [{ added: ['sender.dateOfBirth'] }] });
  expect(after.evidence.facts.hits).toMatchObject([{ how: 'similar', agreement: { birth: 'far_apart' } }]);
  expect(after.evidence.facts.payment).toEqual(before.evidence.facts.payment);
  expect(after.evidence.facts.payment.targetMinor).toMatch(/^\d+$/);
  expect(after.evidenceDigest).toMatch(/^[0-9a-f]{64}$/);
  expect(after.evidenceDigest).not.toBe(before.evidenceDigest);
  expect(JSON.stringify(after)).not.toMatch(/1999/);
  expect((await platform.status(id)).status).toBe('held');
  const { rows } = await platform.database.pool.query(
    `select (select array_agg(outcome order by position) from decisions where payment_id = $1 and agent = 'compliance') as decided,
       (select array_agg(outcome order by created_at, id) from compliance_records where payment_id = $1) as recorded,
       (select details from audit_events where payment_id = $1 and action = 'case.rescreened') as audited`,
    [id],
  );
  expect(rows[0]).toEqual({
    decided: ['flag', 'clear'],
    recorded: ['flag', 'clear'],
    audited: { outcome: 'clear', round: 3, evidenceDigest: after.evidenceDigest },
  });
  await release(id, 'officer:amina');
  expect((await platform.status(id)).status).toBe('paid');
});

test('what makes the listed party likelier asks for a senior officer and a second one; with both the payment goes on', async () => {
  const id = await hold();
  await tell(id, { dateOfBirth: '1961-03-04' });
  await platform.settleDown();
  const found = await caseOf(id);
  expect(found).toMatchObject({ approvalsNeeded: 2, escalatedBy: 'system', evidence: { outcome: 'flag' } });
  expect(found.priority).toBeGreaterThanOrEqual(90);
  expect(found.reasons[0].text).toContain('The day of birth or the document is the same.');
  await tell(id, { dateOfBirth: '1961-03-04', nationality: 'KE' });
  await platform.settleDown();
  const { rows } = await platform.database.pool.query(`select action from audit_events where payment_id = $1`, [id]);
  const acts = rows.map(({ action }) => action).filter((action) => ['case.rescreened', 'case.escalated'].includes(action));
  expect(acts.filter((action) => action === 'case.rescreened')).toHaveLength(2);
  expect(acts.filter((action) => action === 'case.escalated')).toHaveLength(1);
  await release(id, 'officer:amina');
  expect((await platform.status(id)).status).toBe('held');
  await release(id, 'officer:kofi');
  expect((await platform.status(id)).status).toBe('paid');
});

test('what would have refused the payment is shown to two officers, a senior among them, and refuses it still when they release it', async () => {
  const id = await hold({ name: 'Jefferson Otieno Wakulima', dateOfBirth: '1999' });
  await tell(id, { dateOfBirth: '1999', document: { type: 'passport', number: 'A123456' } });
  await platform.settleDown();
  expect(await caseOf(id)).toMatchObject({ approvalsNeeded: 2, escalatedBy: 'system', evidence: { outcome: 'block' }, status: 'open' });
  await release(id, 'officer:amina', 'officer:kofi');
  expect(await platform.status(id)).toEqual({ status: 'rejected', reasonCode: 'sanctions_match' });
});

test('what cannot be screened stays marked, is not released, and keeps no other from its turn', async () => {
  const [stuck, other] = [await hold(), await hold()];
  await tell(stuck, { dateOfBirth: '1999' });
  await platform.database.pool.query(`update cases set rescreen_since = rescreen_since - interval '1 minute' where payment_id = $1`, [
    stuck,
  ]);
  await tell(other, { dateOfBirth: '1999' });
  let calls = 0;
  beforeScreening = () => {
    calls += 1;
    if (calls === 1) throw new Error('no list');
  };
  expect(await rescreenCases(platform.deps, platform.agents.compliance, 10)).toBe(1);
  expect(platform.problems.at(-1)).toMatchObject({ message: 'held payment was not screened again', error: 'no list' });
  expect((await caseOf(stuck)).rescreenSince).toBeInstanceOf(Date);
  expect((await caseOf(other)).rescreenSince).toBeNull();
  await say(stuck, 'officer:amina');
  const released = platform.database.pool.query(`update cases set status = 'released' where payment_id = $1`, [stuck]);
  await expect(released).rejects.toMatchObject({ constraint: 'cases_rescreened' });
  expect(await rescreenCases(platform.deps, platform.agents.compliance, 10)).toBe(1);
});

test('what is said while a payment is being screened is screened by too', async () => {
  const id = await hold();
  await tell(id, { dateOfBirth: '1999' });
  const { compliance } = platform.agents;
  const interrupted: typeof compliance = {
    ...compliance,
    gather: async (items) => {
      const facts = await compliance.gather(items);
      await tell(id, { dateOfBirth: '1961-03-04' });
      return facts;
    },
  };
  expect(await rescreenCases(platform.deps, interrupted, 10)).toBe(0);
  expect((await caseOf(id)).evidence.facts.hits[0].agreement).toBeUndefined();
  expect(await rescreenCases(platform.deps, compliance, 10)).toBe(1);
  expect((await caseOf(id)).evidence.facts.hits[0].agreement).toMatchObject({ birth: 'same_day' });
});

test('a case whose client took the payment back is left alone', async () => {
  const id = await hold();
  await tell(id, { dateOfBirth: '1999' });
  await platform.database.pool.query(`update cases set status = 'withdrawn', closed_at = now() where payment_id = $1`, [id]);
  expect(await rescreenCases(platform.deps, platform.agents.compliance, 10)).toBe(0);
});

test('the database takes more of parties of held payments alone, and only where they are screened again', async () => {
  const id = await hold();
  const put = () => withTransaction(platform.database.pool, (tx) => storeHeldParties(tx, DEMO_CLIENT_ID, id, Buffer.from('anything')));
  await expect(put()).rejects.toMatchObject({ constraint: 'payments_details_held' });
  await release(id, 'officer:amina');
  await platform.database.pool.query('update cases set rescreen_since = now() where payment_id = $1', [id]);
  await expect(put()).rejects.toMatchObject({ constraint: 'payments_details_held' });
  const plain = platform.database.pool.query(`update payments set parties = 'x' where id = $1`, [id]);
  await expect(plain).rejects.toMatchObject({ constraint: 'payments_fixed' });
});
