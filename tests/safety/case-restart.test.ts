/** A case from its flag to the payment's end, through the API, with every process ended and started anew on the way. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CappApiError, type Capp } from '../../sdk/index.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import { type Process, type SafetyPlatform, safetyPlatform } from './platform.ts';

const DAY_MS = 86_400_000;
let platform: SafetyPlatform;
let amina: Capp;
let kofi: Capp;
let client: Capp;
let running: Process;

beforeEach(async () => {
  // From 10 dollars on two officers must agree.
  platform = await safetyPlatform({ fourEyesUsd: 10 });
  amina = await platform.client('officer:amina', ['cases:read', 'cases:decide']);
  kofi = await platform.client('officer:kofi', ['cases:read', 'cases:decide', 'cases:senior']);
  client = await platform.client('client:shop', ['payments:read', 'payments:write']);
  running = platform.startProcess();
});
afterEach(() => platform.close());

/** Every process ends, and others go on where they were. */
async function restart(): Promise<void> {
  await running.kill();
  await platform.restartApi();
  running = platform.startProcess();
}

const codeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'none',
    (error: unknown) => (error instanceof CappApiError ? error.code : String(error)),
  );

async function flagged(): Promise<{ paymentId: string; caseId: string }> {
  const payment = await client.payments.create({
    referenceId: 'flagged-1',
    amount: '1500',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: 'Sanounou Mamadou Keta', phone: '+254712300001', country: 'KE' },
    receiver: { name: 'Grace Nakato', phone: '+256772100001', country: 'UG' },
  });
  await running.settleDown();
  const [found] = (await amina.cases.list({ live: true })).items;
  expect(found).toMatchObject({ paymentId: payment.id, status: 'open', approvalsNeeded: 2, overdue: false });
  return { paymentId: payment.id, caseId: found?.id ?? '' };
}

const interruptOf = async (caseId: string) =>
  (await platform.database.pool.query<{ interrupt_id: string }>('select interrupt_id from cases where id = $1', [caseId])).rows[0]
    ?.interrupt_id;

it('flagged, claimed, approved, refused to its maker, approved by a second officer, paid: over restarts', async () => {
  const { paymentId, caseId } = await flagged();
  const first = await interruptOf(caseId);
  await restart();
  expect(
    await codeOf(amina.cases.decide(caseId, { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: 'f'.repeat(64) })),
  ).toBe('case_not_claimed');
  await amina.cases.claim(caseId);
  expect(await codeOf(kofi.cases.claim(caseId))).toBe('case_claimed');
  const { evidenceDigest } = await amina.cases.get(caseId);
  const release = { verdict: 'release', reasonCode: 'false_positive', evidenceDigest } as const;
  expect(await codeOf(amina.cases.decide(caseId, { ...release, evidenceDigest: 'f'.repeat(64) }))).toBe('evidence_stale');
  await amina.cases.decide(caseId, release);
  // The decision is stored and nobody has taken it in: a restart takes it to the thread that waits.
  expect(await codeOf(amina.cases.decide(caseId, release))).toBe('case_not_open');
  await restart();
  await running.settleDown();
  expect((await client.payments.get(paymentId)).status).toBe('held');
  const second = await interruptOf(caseId);
  expect(second).not.toBe(first);

  await restart();
  await amina.cases.claim(caseId);
  expect(await codeOf(amina.cases.decide(caseId, release))).toBe('maker_is_checker');
  await amina.cases.releaseClaim(caseId);
  await kofi.cases.claim(caseId);
  expect((await kofi.cases.get(caseId)).pendingApproval).toMatchObject({ officer: 'officer:amina', reasonCode: 'false_positive' });
  await kofi.cases.decide(caseId, release);
  await restart();
  await running.settleDown();
  expect((await client.payments.get(paymentId)).status).toBe('paid');
  expect(await kofi.cases.get(caseId)).toMatchObject({
    status: 'released',
    decisions: [{ officer: 'officer:amina' }, { officer: 'officer:kofi' }],
  });
  expect(platform.sent.map((each) => each.kind)).toEqual(['collect', 'disburse']);
  // One thread from the beginning to the end.
  const threads = await platform.database.pool.query('select distinct thread_id from checkpoints');
  expect(threads.rows).toEqual([{ thread_id: caseId }]);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});

it('an approval that nobody joins in a day is gone, a question is answered, and two officers release what was found then', async () => {
  const { paymentId, caseId } = await flagged();
  await amina.cases.claim(caseId);
  const before = await amina.cases.get(caseId);
  await amina.cases.decide(caseId, { verdict: 'release', reasonCode: 'known_customer', evidenceDigest: before.evidenceDigest });
  await running.settleDown();
  platform.clock.advance(DAY_MS);
  await kofi.cases.claim(caseId);
  const stale = { verdict: 'release', reasonCode: 'known_customer', evidenceDigest: before.evidenceDigest } as const;
  expect(await codeOf(kofi.cases.decide(caseId, stale))).toBe('approval_expired');
  await restart();
  await running.worker.work('settle');
  await running.settleDown();
  expect(await kofi.cases.get(caseId)).toMatchObject({ round: 2, overdue: true, pendingApproval: null });

  await kofi.cases.decide(caseId, { verdict: 'request_information', reasonCode: 'source_of_funds', evidenceDigest: before.evidenceDigest });
  await restart();
  await running.settleDown();
  const [question] = (await client.payments.questions(paymentId)).items;
  const sender = { dateOfBirth: '1971-03-04' };
  await client.payments.answer(paymentId, { questionId: question?.id ?? '', answer: 'From selling my maize', sender });
  // What was added is kept, and nobody decides before the payment has been screened by it, whichever process does.
  const told = await kofi.cases.get(caseId);
  expect(told).toMatchObject({ rescreenSince: expect.any(String), parties: { sender } });
  await kofi.cases.claim(caseId);
  expect(await codeOf(kofi.cases.decide(caseId, { ...stale, evidenceDigest: told.evidenceDigest }))).toBe('evidence_stale');
  await restart();
  await running.settleDown();
  const after = await kofi.cases.get(caseId);
  expect(after).toMatchObject({ status: 'open', rescreenSince: null, information: [{ answer: 'From selling my maize' }] });
  expect(after.agentDecisions.filter(({ agent }) => agent === 'compliance')).toHaveLength(2);
  await kofi.cases.releaseClaim(caseId);
  for (const officer of [kofi, amina]) {
    await officer.cases.claim(caseId);
    expect(await codeOf(officer.cases.decide(caseId, stale))).toBe('evidence_stale');
    await officer.cases.decide(caseId, {
      verdict: 'release',
      reasonCode: 'information_satisfactory',
      evidenceDigest: after.evidenceDigest,
    });
    await restart();
    await running.settleDown();
  }
  expect((await client.payments.get(paymentId)).status).toBe('paid');
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});
