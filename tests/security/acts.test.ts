/** Every route that changes something leaves a row that the audit log seals, or stands here with the reason why not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { permissionsOf } from '../../server/api/permissions.ts';
import { bodyOf } from '../../server/api/testing-app.ts';
import { SOURCE_NAMES } from '../../tools/audit/sources.ts';
import { BODIES, type Owner, pathTo, THINGS, thingOf } from './access-things.ts';
import { PASSWORD, personWith } from './people.ts';
import { openSecurityApi, type SecurityApi } from './security-api.ts';

/** What is answered with 2xx and leaves no row of the audit log. */
const LEAVES_NONE: Readonly<Record<string, string>> = {
  'POST /v1/quotes': 'a quote is a signed offer that nobody has taken; the payment that takes it leaves a row',
};

/** What the walk does not bring about. Each has a test of its own, or tells of an act of nobody. */
const NOT_WALKED: Readonly<Record<string, string>> = {
  'POST /v1/session/challenge': 'asks for something to sign; who answers it leaves a row',
  'POST /v1/session/passkeys/challenge': 'asks for something to sign; who answers it leaves a row',
  'POST /v1/session/passkeys': 'needs an authenticator: `server/api/own-login.test.ts`',
  'DELETE /v1/session/passkeys/{credentialId}': 'needs an authenticator: `server/api/own-login.test.ts`',
  'POST /v1/session/passkey': 'needs an authenticator: `server/api/own-login.test.ts`',
  'POST /v1/callbacks/{railId}/{token}': 'operators: their words are kept, and what follows from them is a row of its payment',
  'PUT /v1/callbacks/{railId}/{token}': 'as above',
  'POST /v1/balances/{token}': 'as above, about an account of ours',
  'POST /v1/c2b/{token}/confirmation': 'as above',
  'POST /v1/c2b/{token}/validation': 'as above',
  'POST /v1/gateways/{gateway}/{token}/{kind}': 'gateways: what follows from them is a row of its payment',
  'POST /v1/payments/{id}/information': 'needs a question of an officer: `server/api/case-desk.test.ts`',
  'POST /v1/payments/{id}/refund': 'needs money that was collected: `server/api/audit-events.test.ts`',
  'POST /v1/mandates/{id}/signatures': 'needs a signing key: `server/api/mandates.test.ts`',
  'POST /v1/rules/{id}/versions/{version}/approve': 'needs two people: `server/api/rules.test.ts`',
  'POST /v1/settlement/batches/{id}/approvals': 'needs a proposal: `server/api/settlement.test.ts`',
  'POST /v1/settlement/batches/{id}/dispute': 'needs a settled batch: `server/api/settlement-disputes.test.ts`',
  'POST /v1/settlement/batches/{id}/votes': 'needs a dispute: `server/api/settlement-disputes.test.ts`',
};

let api: SecurityApi;
beforeAll(async () => {
  api = await openSecurityApi(await testDatabase());
});
afterAll(() => api.stop());

async function sealed(): Promise<number> {
  const counts = SOURCE_NAMES.map((name) => `(select count(*) from ${name})`).join(' + ');
  return Number((await api.pool.query<{ rows: string }>(`select ${counts} as rows`)).rows[0]?.rows);
}

async function actsOf(actor: string): Promise<string[]> {
  const { rows } = await api.pool.query<{ action: string }>('select action from audit_events where actor = $1 order by id', [actor]);
  return rows.map(({ action }) => action);
}

const form = (path: string, fields: Record<string, string>) =>
  api.call('POST', path, { key: null, type: 'application/x-www-form-urlencoded', body: new URLSearchParams(fields).toString() });

const person = (principal: string) => personWith(api, api.clients.acme, principal, ['auditor']);

/** Routes whose caller is not a key, each by a request that is answered with 2xx. */
async function askAsPerson(): Promise<Readonly<Record<string, () => Promise<Response>>>> {
  const amina = await person('officer:walker');
  const grant = await bodyOf(await amina.logIn());
  const at = api.keys.acme.lastIndexOf('_');
  const key = { client_id: api.keys.acme.slice(0, at), client_secret: api.keys.acme.slice(at + 1) };
  return {
    'POST /oauth/token': () => form('/oauth/token', { grant_type: 'client_credentials', ...key }),
    'POST /oauth/revoke': async () => {
      const { access_token: token } = await bodyOf(await form('/oauth/token', { grant_type: 'client_credentials', ...key }));
      return form('/oauth/revoke', { token });
    },
    'POST /v1/session': () => {
      api.clock.advance(60_000);
      return amina.logIn();
    },
    'PUT /v1/session/password': () =>
      api.call('PUT', '/v1/session/password', { key: grant.access_token, json: { password: PASSWORD, newPassword: PASSWORD } }),
    'POST /v1/session/second-factor': () => {
      api.clock.advance(60_000);
      return api.call('POST', '/v1/session/second-factor', { key: grant.access_token, json: { code: amina.code() } });
    },
  };
}

test('every act through the API is in the audit log', async () => {
  const principal = 'walker:acts';
  const owner: Owner = { clientId: api.clients.acme, principal, key: await api.makeKey(api.clients.acme, principal) };
  const asPerson = await askAsPerson();
  const routes = permissionsOf(api.api.routes).filter(({ method }) => method !== 'GET');
  const left: string[] = [];
  for (const { method, path } of routes) {
    const route = `${method} ${path}`;
    if (Object.hasOwn(NOT_WALKED, route)) continue;
    const kind = thingOf(path);
    const id = kind === null ? '' : await THINGS[kind](api, owner);
    if (kind === 'delivery')
      await api.pool.query(`update webhook_deliveries set state = 'delivered', next_attempt_at = null where id = $1`, [id]);
    const json =
      route === 'POST /v1/cases/request-information'
        ? { caseIds: [await THINGS.case(api, owner)], reasonCode: 'purpose_of_payment' }
        : BODIES[route]?.();
    const before = await sealed();
    const ask = asPerson[route] ?? (() => api.call(method, pathTo(path, id), { key: owner.key, ...(json === undefined ? {} : { json }) }));
    const response = await ask();
    expect([route, response.status, response.status < 300 ? '' : await response.text()]).toEqual([route, response.status, '']);
    if ((await sealed()) === before) left.push(route);
  }
  expect(left).toEqual(Object.keys(LEAVES_NONE));
  expect(routes.length).toBeGreaterThan(45);
  const known = new Set(routes.map(({ method, path }) => `${method} ${path}`));
  expect(Object.keys({ ...LEAVES_NONE, ...NOT_WALKED }).filter((route) => !known.has(route))).toEqual([]);
});

test('what a client does with its webhooks is told, and where they go without the path', async () => {
  const principal = 'client:hooks';
  const key = await api.makeKey(api.clients.acme, principal);
  const url = 'https://196.201.214.200/hooks/a-secret-of-theirs';
  const { id } = await bodyOf(await api.call('POST', '/v1/webhook-endpoints', { key, json: { url } }));
  const path = `/v1/webhook-endpoints/${id}`;
  // The same address, as it may be written too.
  const change = { url: 'HTTPS:/196.201.214.200\\hooks\\a-secret-of-theirs', topics: ['payment.paid'], status: 'disabled' };
  expect((await api.call('PUT', path, { key, json: change })).status).toBe(200);
  // Refused: it is disabled, and another client's besides.
  expect((await api.call('POST', `${path}/test`, { key })).status).toBe(409);
  expect((await api.call('DELETE', path, { key: api.keys.zawadi })).status).toBe(404);
  expect((await api.call('DELETE', path, { key })).status).toBe(200);
  const { rows } = await api.pool.query('select action, subject, details from audit_events where actor = $1 order by id', [principal]);
  const standing = { host: '196.201.214.200', topics: [], status: 'enabled' };
  expect(rows).toEqual([
    { action: 'webhook.created', subject: `webhook:${id}`, details: standing },
    { action: 'webhook.changed', subject: `webhook:${id}`, details: { ...standing, topics: ['payment.paid'], status: 'disabled' } },
    { action: 'webhook.deleted', subject: `webhook:${id}`, details: {} },
  ]);
});

test('who got in, who did not, and what was locked by it', async () => {
  const amina = await person('officer:told');
  const { refresh_token: refreshToken } = await bodyOf(await amina.logIn());
  await form('/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken });
  // The code was taken.
  expect((await amina.logIn()).status).toBe(401);
  for (let n = 0; n < 8; n += 1) await amina.logIn('wrong');
  expect(await actsOf('officer:told')).toEqual(['session.begun', 'session.refreshed']);
  const { rows } = await api.pool.query(`select actor, details from audit_events where action = 'login.refused' order by id`);
  const lockedUntil = new Date(api.clock.now() + 30_000).toISOString();
  expect(rows.map(({ details }) => details)).toEqual([
    ...[1, 2, 3, 4].map((failures) => ({ at: 'login', failures })),
    { at: 'login', failures: 5, lockedUntil },
  ]);
  expect(new Set(rows.map(({ actor }) => actor))).toEqual(new Set(['nobody']));
});
