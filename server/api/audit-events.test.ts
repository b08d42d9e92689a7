/** What people and clients do through the API stands in the audit log, with who did it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { insertPayment } from '../../db/fixtures.ts';
import { createApiKey, revokeApiKey } from '../../db/queries/api-keys.ts';
import { ensureClient } from '../../db/queries/clients.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

async function acts(): Promise<string[]> {
  const { rows } = await api.pool.query(`select actor, action, subject from audit_events where action !~ '^key.created' order by id`);
  return rows.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`);
}

test('payments: a batch, a cancellation, a wish for a refund; what is refused is not', async () => {
  const batch = await bodyOf(await api.call('POST', '/v1/payments/batches', { json: { intents: [intentOf('one')] } }));
  const paymentId = batch.rows[0].paymentId;
  expect((await api.call('POST', `/v1/payments/${paymentId}/refund`)).status).toBe(409);
  expect((await api.call('POST', `/v1/payments/${paymentId}/cancel`)).status).toBe(200);
  expect((await api.call('POST', `/v1/payments/${newId()}/cancel`)).status).toBe(404);
  const collected = await insertPayment(api.pool, { clientId: api.clients.acme, status: 'collected' });
  expect((await api.call('POST', `/v1/payments/${collected}/refund`, { key: api.keys.zawadi })).status).toBe(404);
  expect((await api.call('POST', `/v1/payments/${collected}/cancel`)).status).toBe(409);
  expect(await acts()).toEqual([
    `client:acme batch.submitted batch:${batch.batchId}`,
    `client:acme payment.cancelled payment:${paymentId}`,
  ]);
});

test('payments: each says who of the client handed it in, also where several did at once', async () => {
  const keys = await Promise.all(
    ['agent:buyer', 'person:jane', 'agent:buyer'].map((principal) => api.makeKey(api.clients.acme, principal, ['payments:write'])),
  );
  const handIn = async (key: string, reference: string): Promise<string> =>
    (await bodyOf(await api.call('POST', '/v1/payments', { key, json: intentOf(reference) }))).id;
  const ids = await Promise.all([...keys, ...keys, api.keys.zawadi].map((key, at) => handIn(key, `who-${at}`)));
  const batch = await bodyOf(
    await api.call('POST', '/v1/payments/batches', { key: keys[1] as string, json: { intents: [intentOf('who-b')] } }),
  );
  ids.push(batch.rows[0].paymentId);
  const { rows } = await api.pool.query<{ id: string; cause: string }>(
    `select payment_id as id, cause from payment_events where to_status = 'accepted'`,
  );
  const causes = new Map(rows.map(({ id, cause }) => [id, cause]));
  const [buyer, jane] = ['principal:agent:buyer', 'principal:person:jane'];
  expect(ids.map((id) => causes.get(id))).toEqual([buyer, jane, buyer, buyer, jane, buyer, 'principal:client:zawadi', jane]);
});

test('keys and clients: made and revoked, without the secret', async () => {
  const pepper = Buffer.alloc(32, 7);
  const clientId = await ensureClient(api.pool, 'shop', 'operator:command-line');
  await ensureClient(api.pool, 'shop', 'operator:command-line');
  const made = await createApiKey(api.pool, pepper, {
    clientId,
    principal: 'client:shop',
    scopes: ['payments:read'],
    actor: 'operator:command-line',
  });
  expect(await revokeApiKey(api.pool, made.id, 5, 'operator:command-line')).toBe(true);
  expect(await revokeApiKey(api.pool, made.id, 6, 'operator:command-line')).toBe(false);
  const { rows } = await api.pool.query('select * from audit_events where client_id = $1 order by id', [clientId]);
  expect(rows.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`)).toEqual([
    `operator:command-line client.created client:${clientId}`,
    `operator:command-line key.created key:${made.id}`,
    `operator:command-line key.revoked key:${made.id}`,
  ]);
  expect(JSON.stringify(rows.map(({ details }) => details))).not.toContain(made.key.split('_').at(-1));
});

test('cases: names that were shown, claims and claims given back', async () => {
  const [paymentId, caseId] = [
    await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf('held') })).then((body) => body.id),
    newId(),
  ];
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at) values ($1, $2, $3, 50, '[]', '{}', $4, now())`,
    [caseId, api.clients.acme, paymentId, 'a'.repeat(64)],
  );
  const key = await api.makeKey(api.clients.acme, 'officer:amina');
  const stranger = await api.makeKey(api.clients.acme, 'officer:kofi');
  expect((await api.call('GET', `/v1/cases/${caseId}`, { key })).status).toBe(200);
  expect((await api.call('POST', `/v1/cases/${caseId}/claim`, { key })).status).toBe(200);
  expect((await api.call('POST', `/v1/cases/${caseId}/claim`, { key: stranger })).status).toBe(409);
  expect((await api.call('POST', `/v1/cases/${caseId}/release-claim`, { key })).status).toBe(200);
  expect(await acts()).toEqual([
    `officer:amina case.names_shown case:${caseId}`,
    `officer:amina case.claimed case:${caseId}`,
    `officer:amina case.claim_released case:${caseId}`,
  ]);
});
