import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { actionDigest } from '../../domain/cases.ts';
import type { SanctionsEntry } from '../../tools/sanctions/entry.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import { type IntentOverrides, type TestPlatform, testPlatform } from '../testing.ts';

const DAY_MS = 86_400_000;

let platform: TestPlatform;
let lists: ReturnType<typeof listOf>;
let phones = 0;
let phone: string;

/** One listed person; another edition when something of the entry differs. */
function listOf(over: Partial<SanctionsEntry> = {}) {
  const base = sampleList();
  const entry = {
    ...(base.entries[0] as SanctionsEntry),
    type: 'person' as const,
    entryId: '7',
    names: ['Jefferson Otieno Wakulima'],
    ...over,
  };
  return createSanctionsList([{ ...base, version: `T#${JSON.stringify(over)}`, entries: [entry] }]);
}

beforeAll(async () => {
  platform = await testPlatform({}, { sanctions: { ...listOf(), edition: () => lists } });
});
afterAll(() => platform.close());
beforeEach(() => {
  lists = listOf();
  phones += 1;
  phone = `+2547110000${String(phones + 10)}`;
});

type Sender = NonNullable<IntentOverrides['sender']>;

/** Sends a payment as far as it goes by itself, or until it is authorised, and says where it stands with the grounds. */
async function pay(
  sender: Sender = {},
  goOn = () => platform.settleDown(),
  amount = '1500',
): Promise<{ id: string; status: string; codes: string[] }> {
  const id = await platform.submit({ amount, sender: { name: 'Jeferson Otieno Wakulma', phone, ...sender } });
  await goOn();
  const { rows } = await platform.database.pool.query(
    `select reasons from decisions where payment_id = $1 and agent = 'compliance' order by position desc limit 1`,
    [id],
  );
  return { id, status: (await platform.status(id)).status, codes: rows[0].reasons.map((reason: { code: string }) => reason.code) };
}

/** Officers end the case of a payment. */
async function end(paymentId: string, verdict: 'release' | 'reject', reasonCode: string, officers: readonly string[] = ['officer:amina']) {
  await platform.worker.work('cases');
  for (const officer of officers) {
    await platform.database.pool.query(
      `with held as (update cases set status = 'deciding', claimed_by = $2 where payment_id = $1 returning id, payment_id, evidence_digest, round)
       insert into case_decisions (id, case_id, payment_id, officer, senior, verdict, reason_code, evidence_digest, round)
       select gen_random_uuid(), id, payment_id, $2, true, $3, $4, evidence_digest, round from held`,
      [paymentId, officer, verdict, reasonCode],
    );
    await platform.worker.work('cases');
  }
  await platform.settleDown();
}

test('officers who say that somebody is not the listed party spare the next payment, and the decision says by which case', async () => {
  const first = await pay();
  expect([first.status, first.codes[0]]).toEqual(['held', 'sanctions_possible_match']);
  await end(first.id, 'release', 'false_positive');
  const next = await pay();
  expect(next.status).toBe('paid');
  expect(next.codes).toEqual(expect.arrayContaining(['nothing_found', 'sanctions_cleared']));
  const { rows } = await platform.database.pool.query(
    `select a.facts -> 'hits' -> 0 -> 'cleared' as cleared, c.id from decisions a join cases c on c.payment_id = $1
      where a.payment_id = $2 and a.agent = 'compliance'`,
    [first.id, next.id],
  );
  const until = new Date(platform.clock.now() + 180 * DAY_MS).toISOString().slice(0, 10);
  expect(rows).toEqual([{ cleared: { caseId: rows[0].id, officers: 1, until }, id: rows[0].id }]);
});

test.each<[string, () => Sender]>([
  ['by another name', () => ({ name: 'Jeferson O. Wakulma' })],
  ['of whom something else is said', () => ({ dateOfBirth: '1971-03-04' })],
  ['when the entry says something else', () => ((lists = listOf({ datesOfBirth: ['1950'] })), {})],
  ['when another list has such an entry', () => ((lists = listOf({ list: 'ANOTHER' })), {})],
  ['by another number', () => ({ phone: '+254711999999' })],
])('it counts for nobody %s', async (_, changed) => {
  const first = await pay();
  await end(first.id, 'release', 'false_positive');
  expect((await pay(changed())).status).toBe('held');
});

test.each<['release' | 'reject', string]>([
  ['release', 'known_customer'],
  ['reject', 'suspected_fraud'],
])('%s for %s says nothing of the listed party', async (verdict, reasonCode) => {
  const first = await pay();
  await end(first.id, verdict, reasonCode);
  expect((await pay()).status).toBe('held');
});

test('what officers say last counts', async () => {
  const first = await pay();
  const second = await pay();
  await end(first.id, 'release', 'false_positive');
  platform.clock.advance(1_000);
  await end(second.id, 'reject', 'true_match');
  expect((await pay()).status).toBe('held');
});

test.each<['release' | 'reject', string, string]>([
  ['release', 'known_customer', 'paid'],
  ['reject', 'true_match', 'held'],
])('of somebody who was cleared, %s for %s of what is held for something else leaves the next %s', async (verdict, reasonCode, status) => {
  const identity = (kyc: string) =>
    platform.database.pool.query('update users set kyc_status = $2 where id = (select sender_id from payments where id = $1)', [
      first.id,
      kyc,
    ]);
  const first = await pay();
  await end(first.id, 'release', 'false_positive');
  await identity('none');
  const second = await pay();
  expect([second.status, second.codes[0], second.codes.includes('sanctions_cleared')]).toEqual(['held', 'kyc_none', true]);
  platform.clock.advance(1_000);
  await end(second.id, verdict, reasonCode);
  await identity('basic');
  expect((await pay()).status).toBe(status);
});

test('what one officer said of a small payment spares no payment for which it takes two, what two said does', async () => {
  const first = await pay();
  await end(first.id, 'release', 'false_positive');
  const large = () => pay({}, () => platform.settleDown(), '200000');
  const held = await large();
  expect([held.status, held.codes[0]]).toEqual(['held', 'sanctions_possible_match']);
  expect((await pay()).status).toBe('paid');
  await end(held.id, 'release', 'false_positive', ['officer:amina', 'officer:kofi']);
  expect((await large()).codes).toContain('sanctions_cleared');
});

test('where four eyes apply it takes both', async () => {
  // The same day of birth asks for a second officer, a senior.
  lists = listOf({ datesOfBirth: ['1961-03-04'] });
  const sender = { dateOfBirth: '1961-03-04' };
  const first = await pay(sender);
  await end(first.id, 'release', 'false_positive', ['officer:amina']);
  expect([(await platform.status(first.id)).status, (await pay(sender)).status]).toEqual(['held', 'held']);
  await end(first.id, 'release', 'false_positive', ['officer:kofi']);
  const next = await pay(sender);
  expect([next.status, next.codes.includes('sanctions_cleared')]).toEqual(['paid', true]);
});

test('a whole name is refused as before, until two officers said of the refusal that it is somebody else', async () => {
  const name = 'Jefferson Otieno Wakulima';
  const { pool } = platform.database;
  const first = await pay({ name });
  expect([first.status, first.codes[0]]).toEqual(['rejected', 'sanctions_match']);
  const { rows } = await pool.query<{ caseId: string; paymentId: string; evidenceDigest: string; round: number }>(
    `select id as "caseId", payment_id as "paymentId", evidence_digest as "evidenceDigest", round::int from cases where payment_id = $1`,
    [first.id],
  );
  const about = rows[0];
  if (about === undefined) throw new Error('a refusal has a case');
  const nowMs = platform.clock.now();
  const [verdict, reasonCode] = ['resolve', 'somebody_else'] as const;
  const say = (officer: string) =>
    pool.query(
      `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, action_digest, expires_at, applied_at)
       values (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [about.caseId, about.paymentId, officer, verdict, reasonCode, about.evidenceDigest, about.round]
        .concat([actionDigest({ ...about, verdict, reasonCode })])
        .concat([new Date(nowMs + DAY_MS), new Date(nowMs)] as never[]),
    );
  await say('officer:amina');
  expect((await pay({ name })).codes[0]).toBe('sanctions_match');
  await say('officer:kofi');
  await pool.query(`update cases set status = 'resolved', closed_at = $2 where id = $1`, [about.caseId, new Date(nowMs)]);
  const next = await pay({ name });
  expect([next.status, next.codes.includes('sanctions_cleared')]).toEqual(['paid', true]);
});

test('it counts no longer once half a year is over', async () => {
  const authorise = () => platform.worker.work('authorize');
  const first = await pay();
  await end(first.id, 'release', 'false_positive');
  platform.clock.advance(179 * DAY_MS);
  expect((await pay({}, authorise)).codes).toContain('sanctions_cleared');
  platform.clock.advance(2 * DAY_MS);
  expect((await pay({}, authorise)).codes).toContain('sanctions_possible_match');
});
