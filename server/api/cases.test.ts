import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertAttempt } from '../../db/fixtures.ts';
import { newId } from '../../domain/ids.ts';
import { textOpener } from '../../tools/privacy/index.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
let amina: string;
let baraka: string;
beforeAll(async () => {
  api = await startTestApi();
  amina = await api.makeKey(api.clients.acme, 'officer:amina', ['cases:read', 'cases:decide']);
  baraka = await api.makeKey(api.clients.acme, 'officer:baraka', ['cases:read', 'cases:decide']);
});
afterAll(() => api.stop());

const DIGEST = 'a'.repeat(64);
let count = 0;

async function openCase(over: { priority?: number; approvals?: number } = {}): Promise<string> {
  const { id } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`case-${count++}`) }));
  await api.pool.query(`update payments set status = 'held' where id = $1`, [id]);
  const caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, approvals_needed, due_at, interrupt_id)
     values ($1, $2, $3, $4, '[{"code":"sanctions_near","text":"Close to a listed name."}]', '{"score":"0.91"}', $5, $6, now(), 'interrupt')`,
    [caseId, api.clients.acme, id, over.priority ?? 50, DIGEST, over.approvals ?? 1],
  );
  return caseId;
}

const claim = (caseId: string, key = amina) => api.call('POST', `/v1/cases/${caseId}/claim`, { key });
const decide = (caseId: string, key = amina, over: Record<string, unknown> = {}) =>
  api.call('POST', `/v1/cases/${caseId}/decisions`, {
    key,
    json: { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: DIGEST, ...over },
  });
/** What the case graph does with a first approval: it is taken in, and the case is open for another officer. */
async function takeIn(caseId: string): Promise<void> {
  await api.pool.query('update case_decisions set applied_at = now() where case_id = $1 and applied_at is null', [caseId]);
  await api.pool.query(`update cases set status = 'open', claimed_by = null, claimed_until = null where id = $1`, [caseId]);
}
const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];

test('an officer reads the evidence with names, and the log says who looked', async () => {
  const caseId = await openCase();
  api.logLines.length = 0;
  const file = await bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key: amina }));
  expect(file).toMatchObject({
    evidence: { score: '0.91' },
    evidenceDigest: DIGEST,
    parties: { sender: { name: 'Wanjiru Kamau', phone: '+254••••••678' } },
    decisions: [],
  });
  const log = api.logLines.join('');
  expect(log).toContain('case.names_shown');
  expect(log).toContain('officer:amina');
  expect(log).not.toContain('Wanjiru');
});

test('claim, decide: the officer is the holder of the key, the note is stored encrypted', async () => {
  const caseId = await openCase();
  expect((await bodyOf(await claim(caseId))).claimedBy).toBe('officer:amina');
  api.hints.length = 0;
  const response = await decide(caseId, amina, { note: 'Not the Wanjiru on the list' });
  expect([response.status, (await bodyOf(response)).status]).toEqual([202, 'deciding']);
  expect(api.hints).toEqual(['cases']);
  const { rows } = await api.pool.query('select officer, verdict, note, evidence_digest from case_decisions where case_id = $1', [caseId]);
  expect(rows).toMatchObject([{ officer: 'officer:amina', verdict: 'release', evidence_digest: DIGEST }]);
  expect(rows[0].note.toString('latin1')).not.toContain('Wanjiru');
  const open = await textOpener(api.pool, testKeyring, caseId);
  expect(open(rows[0].note, 'case_decisions.note')).toContain('Wanjiru');
  // Under a key of the case, and under no key of the platform.
  expect(() => testKeyring.decrypt(rows[0].note, 'case_decisions.note')).toThrow();
  const { decisions } = await bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key: baraka }));
  expect(decisions).toMatchObject([{ officer: 'officer:amina', note: 'Not the Wanjiru on the list' }]);
});

test('422: an officer named in the body is refused, not believed', async () => {
  const caseId = await openCase();
  await claim(caseId);
  expect(await codeOf(await decide(caseId, amina, { officer: 'officer:baraka' }))).toEqual([422, 'validation_failed']);
  expect(await codeOf(await decide(caseId, amina, { verdict: 'maybe' }))).toEqual([422, 'validation_failed']);
});

test('409: claimed by another, not claimed, claim run out, claim given back', async () => {
  const caseId = await openCase();
  expect(await codeOf(await decide(caseId))).toEqual([409, 'case_not_claimed']);
  await claim(caseId);
  expect(await codeOf(await claim(caseId, baraka))).toEqual([409, 'case_claimed']);
  expect(await codeOf(await decide(caseId, baraka))).toEqual([409, 'case_claimed']);
  api.clock.advance(15 * 60_000 + 1);
  expect(await codeOf(await decide(caseId))).toEqual([409, 'case_not_claimed']);
  expect((await claim(caseId, baraka)).status).toBe(200);
  expect(await codeOf(await api.call('POST', `/v1/cases/${caseId}/release-claim`, { key: amina }))).toEqual([409, 'case_not_claimed']);
  expect((await api.call('POST', `/v1/cases/${caseId}/release-claim`, { key: baraka })).status).toBe(200);
  expect((await claim(caseId)).status).toBe(200);
});

test('409: evidence that changed since it was read', async () => {
  const caseId = await openCase();
  await claim(caseId);
  expect(await codeOf(await decide(caseId, amina, { evidenceDigest: 'b'.repeat(64) }))).toEqual([409, 'evidence_stale']);
});

test('409: nobody decides a case twice, and a second officer can only once it is open again', async () => {
  const caseId = await openCase({ approvals: 2 });
  await claim(caseId);
  await decide(caseId);
  expect(await codeOf(await decide(caseId, baraka))).toEqual([409, 'case_not_open']);
  await takeIn(caseId);
  await claim(caseId);
  expect(await codeOf(await decide(caseId))).toEqual([409, 'maker_is_checker']);
  await api.call('POST', `/v1/cases/${caseId}/release-claim`, { key: amina });
  await claim(caseId, baraka);
  expect((await decide(caseId, baraka)).status).toBe(202);
});

test('one officer deciding many times at once is heard once', async () => {
  const caseId = await openCase();
  await claim(caseId);
  const codes = await Promise.all(Array.from({ length: 8 }, async () => (await decide(caseId)).status));
  expect(codes.filter((status) => status === 202)).toHaveLength(1);
  expect(codes.filter((status) => status === 409)).toHaveLength(7);
});

test('401, 403, 404: without key, without scope, for another client', async () => {
  const caseId = await openCase();
  expect((await api.call('GET', `/v1/cases/${caseId}`, { key: null })).status).toBe(401);
  const client = await api.makeKey(api.clients.acme, 'client:plain', ['payments:read', 'payments:write']);
  expect((await api.call('GET', `/v1/cases/${caseId}`, { key: client })).status).toBe(403);
  const reader = await api.makeKey(api.clients.acme, 'officer:reader', ['cases:read']);
  expect((await claim(caseId, reader)).status).toBe(403);
  for (const response of [
    await api.call('GET', `/v1/cases/${caseId}`, { key: api.keys.zawadi }),
    await claim(caseId, api.keys.zawadi),
    await decide(caseId, api.keys.zawadi),
  ]) {
    expect(await codeOf(response)).toEqual([404, 'not_found']);
  }
  expect((await bodyOf(await api.call('GET', '/v1/cases', { key: api.keys.zawadi }))).items).toEqual([]);
});

test('the queue is ordered by priority and age, and pages', async () => {
  await openCase({ priority: 90 });
  await openCase({ priority: 10 });
  const seen: number[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: { priority: number }[]; nextCursor: string | null } = await bodyOf(
      await api.call('GET', `/v1/cases?status=open&limit=2${cursor && `&cursor=${cursor}`}`, { key: amina }),
    );
    seen.push(...page.items.map((item) => item.priority));
    cursor = page.nextCursor;
  }
  expect(seen[0]).toBe(90);
  expect(seen.at(-1)).toBe(10);
  expect(seen).toEqual([...seen].sort((a, b) => b - a));
});

describe('a case about an attempt', () => {
  async function openAbout(kind: 'in_doubt' | 'late_success' | 'contradicted'): Promise<string> {
    const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`case-${count++}`) }));
    const attemptId = await insertAttempt(api.pool, { clientId: api.clients.acme, paymentId, leg: 'payout', state: 'failed' });
    const caseId = newId();
    await api.pool.query(
      `insert into cases (id, client_id, payment_id, kind, attempt_id, priority, reasons, evidence, evidence_digest, due_at)
       values ($1, $2, $3, $4, $5, 60, '[{"code":"late_success","text":"Said late."}]', '{"saidBy":"operator"}', $6, now())`,
      [caseId, api.clients.acme, paymentId, kind, attemptId, DIGEST],
    );
    return caseId;
  }

  test.each(['late_success', 'contradicted'] as const)('%s is resolved by an officer who claimed it, at once and once', async (kind) => {
    const caseId = await openAbout(kind);
    const resolve = (key = amina) => decide(caseId, key, { verdict: 'resolve', reasonCode: 'entries_posted', note: 'Seen to.' });
    expect(await codeOf(await resolve())).toEqual([409, 'case_not_claimed']);
    await claim(caseId);
    expect(await codeOf(await decide(caseId))).toEqual([409, 'verdict_not_applicable']);
    const response = await resolve();
    expect([response.status, (await bodyOf(response)).status]).toEqual([202, 'resolved']);
    expect(await codeOf(await resolve(baraka))).toEqual([409, 'case_not_open']);
    const file = await bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key: amina }));
    expect(file).toMatchObject({ kind, closedAt: new Date(api.clock.now()).toISOString(), attemptId: expect.any(String) });
    expect(file.decisions).toMatchObject([
      { verdict: 'resolve', officer: 'officer:amina', appliedAt: new Date(api.clock.now()).toISOString() },
    ]);
    const { rows } = await api.pool.query(`select actor from audit_events where action = 'case.resolved' and subject = $1`, [
      `case:${caseId}`,
    ]);
    expect(rows).toEqual([{ actor: 'officer:amina' }]);
  });

  test('in doubt is ended by nobody, and a held payment is not resolved', async () => {
    const caseId = await openAbout('in_doubt');
    await claim(caseId);
    for (const [verdict, reasonCode] of [
      ['release', 'false_positive'],
      ['reject', 'true_match'],
      ['resolve', 'no_loss'],
      ['escalate', 'second_opinion'],
      ['request_information', 'address'],
    ]) {
      expect(await codeOf(await decide(caseId, amina, { verdict, reasonCode }))).toEqual([409, 'verdict_not_applicable']);
    }
    const held = await openCase();
    await claim(held);
    expect(await codeOf(await decide(held, amina, { verdict: 'resolve', reasonCode: 'no_loss' }))).toEqual([409, 'verdict_not_applicable']);
  });

  test('is found by its kind', async () => {
    const { items } = await bodyOf(await api.call('GET', '/v1/cases?kind=in_doubt', { key: amina }));
    expect(new Set(items.map((item: { kind: string }) => item.kind))).toEqual(new Set(['in_doubt']));
  });
});
