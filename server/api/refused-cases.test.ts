import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
let keys: Record<'amina' | 'baraka' | 'senior', string>;
beforeAll(async () => {
  api = await startTestApi();
  const officer = (name: string, ...more: 'cases:senior'[]) =>
    api.makeKey(api.clients.acme, `officer:${name}`, ['cases:read', 'cases:decide', ...more]);
  keys = { amina: await officer('amina'), baraka: await officer('baraka'), senior: await officer('zuri', 'cases:senior') };
});
afterAll(() => api.stop());

type Officer = keyof typeof keys;
const DIGEST = 'a'.repeat(64);
const HOUR_MS = 3_600_000;
let count = 0;

async function openRefused(): Promise<{ caseId: string; paymentId: string }> {
  const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`refused-${count++}`) }));
  await api.pool.query(`update payments set status = 'rejected' where id = $1`, [paymentId]);
  const caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, kind, priority, reasons, evidence, evidence_digest, approvals_needed, due_at, created_at)
     values ($1, $2, $3, 'refused', 90, '[{"code":"sanctions_match","text":"A listed name."}]', '{}', $4, 2, $5, $6)`,
    [caseId, api.clients.acme, paymentId, DIGEST, new Date(api.clock.now() + 2 * HOUR_MS), new Date(api.clock.now())],
  );
  return { caseId, paymentId };
}

const post = (path: string, officer: Officer, json?: unknown) =>
  api.call('POST', path, { key: keys[officer], ...(json === undefined ? {} : { json }) });
/** Claims and says; the code of the refusal, or the status the case is in. */
async function decide(caseId: string, officer: Officer, json: Record<string, unknown>): Promise<string> {
  await post(`/v1/cases/${caseId}/claim`, officer);
  const body = await bodyOf(await post(`/v1/cases/${caseId}/decisions`, officer, { evidenceDigest: DIGEST, ...json }));
  return body.code ?? body.status;
}
const file = async (caseId: string) => bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key: keys.amina }));
const actsOn = async (caseId: string): Promise<string[]> =>
  (await api.pool.query('select actor, action from audit_events where subject = $1 order by id', [`case:${caseId}`])).rows.map(
    (row) => `${row.actor} ${row.action}`,
  );

describe('a payment that was refused for a listed name', () => {
  const resolve = (reasonCode = 'listed_party') => ({ verdict: 'resolve', reasonCode });

  test('is resolved by two officers who say the same of it, and let go by none', async () => {
    const { caseId, paymentId } = await openRefused();
    for (const [verdict, reasonCode] of [
      ['release', 'false_positive'],
      ['reject', 'true_match'],
      ['request_information', 'address'],
      ['resolve', 'no_loss'],
    ]) {
      expect(await decide(caseId, 'amina', { verdict, reasonCode })).toBe('verdict_not_applicable');
    }
    expect(await decide(caseId, 'amina', resolve())).toBe('open');
    expect((await file(caseId)).pendingApproval).toMatchObject({
      officer: 'officer:amina',
      verdict: 'resolve',
      expiresAt: new Date(api.clock.now() + 24 * HOUR_MS).toISOString(),
    });
    expect(await decide(caseId, 'amina', resolve())).toBe('maker_is_checker');
    // Whoever has spoken and holds it keeps nobody away.
    expect(await decide(caseId, 'baraka', resolve('somebody_else'))).toBe('approval_differs');
    expect(await decide(caseId, 'baraka', resolve())).toBe('resolved');
    expect(await decide(caseId, 'senior', resolve())).toBe('case_not_open');
    const { rows } = await api.pool.query('select status from payments where id = $1', [paymentId]);
    expect(rows).toEqual([{ status: 'rejected' }]);
    expect((await actsOn(caseId)).filter((act) => !/claim|names/.test(act))).toEqual([
      'officer:amina case.decided',
      'officer:baraka case.resolved',
    ]);
  });

  test('whose officers differ is escalated, and then a senior one is among them', async () => {
    const { caseId } = await openRefused();
    expect(await decide(caseId, 'amina', resolve())).toBe('open');
    expect(await decide(caseId, 'baraka', { verdict: 'escalate', reasonCode: 'second_opinion' })).toBe('open');
    expect(await decide(caseId, 'baraka', resolve('somebody_else'))).toBe('open');
    expect(await decide(caseId, 'amina', resolve('somebody_else'))).toBe('senior_needed');
    await post(`/v1/cases/${caseId}/release-claim`, 'amina');
    expect(await decide(caseId, 'senior', resolve('somebody_else'))).toBe('resolved');
  });
});
