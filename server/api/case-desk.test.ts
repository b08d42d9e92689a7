import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { insertAttempt } from '../../db/fixtures.ts';
import { CASE_REASONS, SNOOZE_LIMITS } from '../../domain/cases.ts';
import { newId } from '../../domain/ids.ts';
import { textOpener } from '../../tools/privacy/index.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
let keys: Record<'amina' | 'baraka' | 'senior', string>;
beforeAll(async () => {
  api = await startTestApi();
  const officer = (name: string, ...more: 'cases:senior'[]) =>
    api.makeKey(api.clients.acme, `officer:${name}`, ['cases:read', 'cases:decide', ...more]);
  keys = { amina: await officer('amina'), baraka: await officer('baraka'), senior: await officer('zuri', 'cases:senior') };
});
afterAll(() => api.stop());
beforeEach(() => void (api.hints.length = 0));

type Officer = keyof typeof keys;
const DIGEST = 'a'.repeat(64);
const HOUR_MS = 3_600_000;
let count = 0;

async function openCase(over: { approvals?: number; priority?: number } = {}) {
  const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`desk-${count++}`) }));
  await api.pool.query(`update payments set status = 'held' where id = $1`, [paymentId]);
  const caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, approvals_needed, due_at, created_at, interrupt_id)
     values ($1, $2, $3, $4, '[{"code":"sanctions_near","text":"Close to a listed name."}]', $5, $6, $7, $8, $9, 'interrupt')`,
    [
      caseId,
      api.clients.acme,
      paymentId,
      over.priority ?? 50,
      '{"score":"0.91"}',
      DIGEST,
      over.approvals ?? 1,
      new Date(api.clock.now() + 8 * HOUR_MS),
      new Date(api.clock.now()),
    ],
  );
  return { caseId, paymentId: paymentId as string };
}

const post = (path: string, officer: Officer, json?: unknown) =>
  api.call('POST', path, { key: keys[officer], ...(json === undefined ? {} : { json }) });
const claim = (caseId: string, officer: Officer) => post(`/v1/cases/${caseId}/claim`, officer);
const say = (caseId: string, officer: Officer, json: Record<string, unknown> = {}) =>
  post(`/v1/cases/${caseId}/decisions`, officer, { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: DIGEST, ...json });
/** Claims and says; the code of the refusal, or the status the case is in. */
async function decide(caseId: string, officer: Officer, json: Record<string, unknown> = {}): Promise<string> {
  await claim(caseId, officer);
  const body = await bodyOf(await say(caseId, officer, json));
  return body.code ?? body.status;
}
const file = async (caseId: string) => bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key: keys.amina }));
const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];
const actsOn = async (caseId: string): Promise<string[]> =>
  (await api.pool.query('select actor, action from audit_events where subject = $1 order by id', [`case:${caseId}`])).rows.map(
    (row) => `${row.actor} ${row.action}`,
  );

/** What the case graph does with a first approval. */
async function takeIn(caseId: string): Promise<void> {
  await api.pool.query('update case_decisions set applied_at = now() where case_id = $1 and applied_at is null', [caseId]);
  await api.pool.query(`update cases set status = 'open', claimed_by = null, claimed_until = null where id = $1`, [caseId]);
}

describe('the catalogue of reasons', () => {
  test('is closed: another reason, or one of another verdict, is refused', async () => {
    const { caseId } = await openCase();
    for (const [verdict, reasonCode] of [
      ['release', 'because'],
      ['release', 'true_match'],
      ['reject', 'false_positive'],
      ['escalate', 'source_of_funds'],
    ]) {
      const body = await bodyOf(await say(caseId, 'amina', { verdict, reasonCode }));
      expect([body.code, body.errors[0].field]).toEqual(['validation_failed', 'reasonCode']);
    }
    const { verdicts } = await bodyOf(await api.call('GET', '/v1/case-reasons', { key: keys.amina }));
    expect(
      Object.fromEntries(
        verdicts.map((each: { verdict: string; reasons: { code: string }[] }) => [each.verdict, each.reasons.map((r) => r.code)]),
      ),
    ).toEqual(Object.fromEntries(Object.entries(CASE_REASONS).map(([verdict, reasons]) => [verdict, Object.keys(reasons)])));
  });
});

describe('four eyes', () => {
  test('whoever has approved and claims the case again does not keep it from the second officer', async () => {
    const { caseId } = await openCase({ approvals: 2 });
    expect(await decide(caseId, 'amina')).toBe('deciding');
    await takeIn(caseId);
    expect((await claim(caseId, 'amina')).status).toBe(200);
    expect((await bodyOf(await claim(caseId, 'baraka'))).claimedBy).toBe('officer:baraka');
    expect(await codeOf(await claim(caseId, 'amina'))).toEqual([409, 'case_claimed']);
    expect(await decide(caseId, 'baraka')).toBe('deciding');
  });

  test('the second officer agrees to the same action, or rejects', async () => {
    const { caseId } = await openCase({ approvals: 2 });
    expect(await decide(caseId, 'amina')).toBe('deciding');
    await takeIn(caseId);
    const { pendingApproval, evidenceDigest } = await file(caseId);
    expect(pendingApproval).toMatchObject({ officer: 'officer:amina', verdict: 'release', reasonCode: 'false_positive' });
    expect(evidenceDigest).toBe(DIGEST);
    expect(await decide(caseId, 'amina', { reasonCode: 'known_customer' })).toBe('maker_is_checker');
    await post(`/v1/cases/${caseId}/release-claim`, 'amina');
    expect(await decide(caseId, 'baraka', { reasonCode: 'known_customer' })).toBe('approval_differs');
    expect(await decide(caseId, 'baraka')).toBe('deciding');
    const { decisions } = await file(caseId);
    expect(decisions.map((each: { actionDigest: string }) => each.actionDigest)).toEqual([
      pendingApproval.actionDigest,
      pendingApproval.actionDigest,
    ]);
    const { rows } = await api.pool.query("select details from audit_events where subject = $1 and action = 'case.decided'", [
      `case:${caseId}`,
    ]);
    expect(rows.map((row) => row.details)).toMatchObject([
      { verdict: 'release', round: 1, actionDigest: pendingApproval.actionDigest, expiresAt: expect.any(String) },
      { verdict: 'release' },
    ]);

    const other = await openCase({ approvals: 2 });
    await decide(other.caseId, 'amina');
    await takeIn(other.caseId);
    expect(await decide(other.caseId, 'baraka', { verdict: 'reject', reasonCode: 'true_match' })).toBe('deciding');
  });

  test('a first approval that has expired is not agreed to', async () => {
    const { caseId } = await openCase({ approvals: 2 });
    await decide(caseId, 'amina');
    await takeIn(caseId);
    api.clock.advance(24 * HOUR_MS);
    expect(await decide(caseId, 'baraka')).toBe('approval_expired');
    expect(await decide(caseId, 'baraka', { verdict: 'reject', reasonCode: 'true_match' })).toBe('deciding');
  });
});

describe('escalation', () => {
  test('asks two officers, a senior among them, sooner, and forgets what was agreed', async () => {
    const { caseId } = await openCase();
    expect(await decide(caseId, 'amina', { verdict: 'escalate', reasonCode: 'political_exposure' })).toBe('open');
    expect(await file(caseId)).toMatchObject({
      escalatedBy: 'officer:amina',
      escalatedAt: new Date(api.clock.now()).toISOString(),
      approvalsNeeded: 2,
      priority: 90,
      round: 2,
      claimedBy: null,
      dueAt: new Date(api.clock.now() + 2 * HOUR_MS).toISOString(),
    });
    expect(await decide(caseId, 'baraka', { verdict: 'escalate', reasonCode: 'second_opinion' })).toBe('verdict_not_applicable');
    expect(await codeOf(await say(caseId, 'baraka', { verdict: 'reject', reasonCode: 'true_match' }))).toEqual([403, 'senior_needed']);
    // Whoever escalated may agree: it is another round.
    await post(`/v1/cases/${caseId}/release-claim`, 'baraka');
    expect(await decide(caseId, 'amina')).toBe('deciding');
    await takeIn(caseId);
    expect(await decide(caseId, 'baraka')).toBe('senior_needed');
    await post(`/v1/cases/${caseId}/release-claim`, 'baraka');
    expect(await decide(caseId, 'senior')).toBe('deciding');
    expect(await actsOn(caseId)).toContain('officer:amina case.escalated');
  });

  test('a senior alone rejects', async () => {
    const { caseId } = await openCase();
    await decide(caseId, 'amina', { verdict: 'escalate', reasonCode: 'second_opinion' });
    expect(await decide(caseId, 'senior', { verdict: 'reject', reasonCode: 'true_match' })).toBe('deciding');
  });
});

describe('a question', () => {
  const questions = async (paymentId: string) => (await bodyOf(await api.call('GET', `/v1/payments/${paymentId}/information`))).items;
  const reply = (paymentId: string, questionId: string, answer = 'From selling Wanjiru’s maize', key = api.keys.acme) =>
    api.call('POST', `/v1/payments/${paymentId}/information`, { key, json: { questionId, answer } });

  test('is put to the client, who is told neither by whom nor why, and its answer changes the evidence', async () => {
    const { caseId, paymentId } = await openCase();
    expect(await decide(caseId, 'amina', { verdict: 'request_information', reasonCode: 'source_of_funds', note: 'odd' })).toBe('waiting');
    expect(api.hints).toEqual(expect.arrayContaining(['cases', 'webhooks']));
    expect(await file(caseId)).toMatchObject({
      status: 'waiting',
      round: 2,
      claimedBy: null,
      informationDueAt: new Date(api.clock.now() + 72 * HOUR_MS).toISOString(),
    });
    const [asked] = await questions(paymentId);
    expect(asked).toEqual({
      id: expect.any(String),
      code: 'source_of_funds',
      question: 'Where does the money come from?',
      askedAt: expect.any(String),
      dueAt: expect.any(String),
      answeredAt: null,
    });
    const told = await api.pool.query("select payload from outbox where payment_id = $1 and topic = 'payment.information_requested'", [
      paymentId,
    ]);
    expect(told.rows).toMatchObject([{ payload: { questionId: asked.id, code: 'source_of_funds', status: 'held' } }]);
    expect(JSON.stringify(told.rows)).not.toMatch(/officer|case|sanction/);

    api.logLines.length = 0;
    expect((await reply(paymentId, asked.id)).status).toBe(200);
    const after = await file(caseId);
    expect(after).toMatchObject({
      status: 'open',
      round: 3,
      informationDueAt: null,
      evidence: { score: '0.91', information: [{ questionId: asked.id }] },
    });
    expect(after.evidenceDigest).not.toBe(DIGEST);
    expect(after.information).toMatchObject([{ answer: 'From selling Wanjiru’s maize', answeredBy: 'client:acme' }]);
    const stored = await api.pool.query('select answer from case_information where id = $1', [asked.id]);
    expect(stored.rows[0].answer.toString('latin1')).not.toContain('maize');
    const open = await textOpener(api.pool, testKeyring, caseId);
    expect(open(stored.rows[0].answer, 'case_information.answer')).toContain('maize');
    expect(JSON.stringify(after.evidence)).not.toContain('maize');
    expect(api.logLines.join('')).not.toContain('maize');
    expect(await codeOf(await reply(paymentId, asked.id))).toEqual([409, 'question_closed']);
    // What was read before is not all there is any more.
    expect(await decide(caseId, 'amina')).toBe('evidence_stale');
    expect(await actsOn(caseId)).toEqual(
      expect.arrayContaining(['officer:amina case.information_requested', 'client:acme case.information_received']),
    );
  });

  test('may be passed over: officers decide while the answer is awaited, and none is taken after', async () => {
    const { caseId, paymentId } = await openCase();
    await decide(caseId, 'amina', { verdict: 'request_information', reasonCode: 'address' });
    const [asked] = await questions(paymentId);
    expect(await decide(caseId, 'amina', { verdict: 'reject', reasonCode: 'information_missing' })).toBe('deciding');
    await api.pool.query(`update cases set status = 'rejected', closed_at = now() where id = $1`, [caseId]);
    expect(await codeOf(await reply(paymentId, asked.id))).toEqual([409, 'question_closed']);
  });

  test('is nobody else’s, and its answer is bounded', async () => {
    const { caseId, paymentId } = await openCase();
    await decide(caseId, 'amina', { verdict: 'request_information', reasonCode: 'address' });
    const [asked] = await questions(paymentId);
    expect(await codeOf(await reply(paymentId, asked.id, 'x', api.keys.zawadi))).toEqual([404, 'not_found']);
    expect(await codeOf(await reply(paymentId, newId()))).toEqual([404, 'not_found']);
    expect(await codeOf(await reply(paymentId, asked.id, 'x'.repeat(4001)))).toEqual([422, 'validation_failed']);
    expect(await codeOf(await reply(paymentId, asked.id, '  '))).toEqual([422, 'validation_failed']);
    expect(await codeOf(await api.call('GET', `/v1/payments/${paymentId}/information`, { key: api.keys.zawadi }))).toEqual([
      404,
      'not_found',
    ]);
  });

  test('answered by two at once is answered once', async () => {
    const { caseId, paymentId } = await openCase();
    await decide(caseId, 'amina', { verdict: 'request_information', reasonCode: 'address' });
    const [asked] = await questions(paymentId);
    const statuses = (await Promise.all([1, 2, 3, 4].map((n) => reply(paymentId, asked.id, `answer ${n}`)))).map((each) => each.status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409]);
    expect((await file(caseId)).round).toBe(3);
  });

  test('is put about many cases at once; each stands for itself, and no other verdict goes in bulk', async () => {
    const [free, held, waiting, doubt] = [await openCase(), await openCase(), await openCase(), await openDoubt()];
    await claim(held.caseId, 'baraka');
    await decide(waiting.caseId, 'amina', { verdict: 'request_information', reasonCode: 'address' });
    const stranger = newId();
    const caseIds = [free.caseId, held.caseId, waiting.caseId, doubt, stranger, free.caseId];
    const body = await bodyOf(await post('/v1/cases/request-information', 'amina', { caseIds, reasonCode: 'purpose_of_payment' }));
    expect(body).toMatchObject({ requested: 1, refused: 4 });
    expect(body.cases.map((each: { caseId: string; code: string | null }) => [each.caseId, each.code])).toEqual([
      [free.caseId, null],
      [held.caseId, 'case_claimed'],
      [waiting.caseId, 'case_not_open'],
      [doubt, 'verdict_not_applicable'],
      [stranger, 'not_found'],
    ]);
    expect((await file(free.caseId)).status).toBe('waiting');
    const bulk = (json: unknown) => post('/v1/cases/request-information', 'amina', json);
    expect(await codeOf(await bulk({ caseIds: [held.caseId], reasonCode: 'false_positive' }))).toEqual([422, 'validation_failed']);
    expect(await codeOf(await bulk({ caseIds: [held.caseId], reasonCode: 'address', verdict: 'release' }))).toEqual([
      422,
      'validation_failed',
    ]);
    expect(await codeOf(await bulk({ caseIds: Array.from({ length: 101 }, newId), reasonCode: 'address' }))).toEqual([
      422,
      'validation_failed',
    ]);
  });
});

async function openDoubt(): Promise<string> {
  const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`desk-${count++}`) }));
  const attemptId = await insertAttempt(api.pool, { clientId: api.clients.acme, paymentId, leg: 'payout', state: 'unknown' });
  const caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, kind, attempt_id, priority, reasons, evidence, evidence_digest, due_at)
     values ($1, $2, $3, 'in_doubt', $4, 60, '[]', '{}', $5, now())`,
    [caseId, api.clients.acme, paymentId, attemptId, DIGEST],
  );
  return caseId;
}

describe('a snooze', () => {
  const snooze = (caseId: string, ms: number, officer: Officer = 'amina') =>
    post(`/v1/cases/${caseId}/snooze`, officer, { until: new Date(api.clock.now() + ms).toISOString() });

  test('puts a case off for a while, frees it, and leaves it due', async () => {
    const { caseId } = await openCase();
    await claim(caseId, 'amina');
    const before = await file(caseId);
    const body = await bodyOf(await snooze(caseId, HOUR_MS));
    expect(body).toMatchObject({
      snoozedUntil: new Date(api.clock.now() + HOUR_MS).toISOString(),
      snoozeCount: 1,
      claimedBy: null,
      dueAt: before.dueAt,
    });
    const listed = async (snoozed: boolean) =>
      (await bodyOf(await api.call('GET', `/v1/cases?live=true&limit=200&snoozed=${snoozed}`, { key: keys.amina }))).items.map(
        (each: { id: string }) => each.id,
      );
    expect(await listed(true)).toContain(caseId);
    expect(await listed(false)).not.toContain(caseId);
    api.clock.advance(HOUR_MS);
    expect(await listed(false)).toContain(caseId);
    await snooze(caseId, HOUR_MS);
    await claim(caseId, 'amina');
    expect(await file(caseId)).toMatchObject({ snoozedUntil: null, snoozeCount: 2 });
  });

  test('is limited in length and in number, and not for a case in other hands', async () => {
    const { caseId } = await openCase();
    expect(await codeOf(await snooze(caseId, SNOOZE_LIMITS.ms + 1))).toEqual([422, 'validation_failed']);
    expect(await codeOf(await snooze(caseId, 0))).toEqual([422, 'validation_failed']);
    await claim(caseId, 'baraka');
    expect(await codeOf(await snooze(caseId, HOUR_MS))).toEqual([409, 'case_claimed']);
    for (let time = 0; time < SNOOZE_LIMITS.count; time += 1) expect((await snooze(caseId, HOUR_MS, 'baraka')).status).toBe(200);
    expect(await codeOf(await snooze(caseId, HOUR_MS))).toEqual([409, 'snooze_limit']);
    await decide(caseId, 'amina');
    expect(await codeOf(await snooze(caseId, HOUR_MS))).toEqual([409, 'case_not_open']);
    expect(await codeOf(await snooze(newId(), HOUR_MS))).toEqual([404, 'not_found']);
  });
});

describe('the queue', () => {
  test('gives an officer what they hold, until the claim lapses', async () => {
    const { caseId } = await openCase();
    await claim(caseId, 'amina');
    const held = async (by: string, officer: Officer): Promise<boolean> => {
      const { items } = await bodyOf(await api.call('GET', `/v1/cases?limit=200&claimedBy=${by}`, { key: keys[officer] }));
      return items.some((each: { id: string }) => each.id === caseId);
    };
    expect([await held('me', 'amina'), await held('me', 'baraka'), await held('officer:amina', 'baraka')]).toEqual([true, false, true]);
    api.clock.advance(HOUR_MS);
    expect([await held('me', 'amina'), await held('officer:amina', 'baraka')]).toEqual([false, false]);
  });

  test('weighs waiting against priority, and tells what is overdue', async () => {
    const old = await openCase({ priority: 50 });
    api.clock.advance(6 * HOUR_MS);
    const urgent = await openCase({ priority: 80 });
    const fresh = await openCase({ priority: 70 });
    const places = async (query: string) =>
      (await bodyOf(await api.call('GET', `/v1/cases?limit=200&${query}`, { key: keys.amina }))).items
        .map((each: { id: string }) => each.id)
        .filter((id: string) => [old.caseId, urgent.caseId, fresh.caseId].includes(id));
    // Six hours weigh as much as 24 points: more than the 20 of the fresh one, less than the 30 of the urgent one.
    expect(await places('status=open')).toEqual([urgent.caseId, old.caseId, fresh.caseId]);
    expect(await places('overdue=true')).toEqual([]);
    api.clock.advance(2 * HOUR_MS);
    expect(await places('overdue=true')).toEqual([old.caseId]);
    expect(await places('overdue=false')).toEqual([urgent.caseId, fresh.caseId]);
    expect((await file(old.caseId)).overdue).toBe(true);
    expect(await places('escalated=true')).toEqual([]);
    const metrics = await (await api.call('GET', '/metrics', { key: null })).text();
    expect(metrics).toMatch(/capp_cases_overdue\{kind="held"\} [1-9]/);
    expect(metrics).toMatch(/capp_cases\{kind="held",status="open"\} [1-9]/);
    const ready = await bodyOf(await api.call('GET', '/health/ready', { key: null }));
    expect(ready.dependencies.cases).toMatchObject({ state: 'degraded', detail: expect.stringMatching(/overdue/) });
  });
});
