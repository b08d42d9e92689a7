/** What the routes of the API are about, one of each for a client: made anew for each request, so that no request meets what another left. */
import { type Pool, withTransaction } from '../../db/connect.ts';
import { newPerson } from '../../db/fixtures.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { storeFindings } from '../../db/queries/findings.ts';
import { newId } from '../../domain/ids.ts';
import { insertBatch } from '../../graph/settlement/testing.ts';
import { bodyOf, type Call, intentOf, TEST_START_MS, testKeyring } from '../../server/api/testing-app.ts';
import { issueMandate } from '../../tools/mandates/issue.ts';
import { PASSWORD } from './people.ts';
import type { SecurityApi } from './security-api.ts';

export const DIGEST = 'a'.repeat(64);
export const AT = new Date(TEST_START_MS);
const URL_TAKEN = 'https://196.201.214.200/capp';

/** For whom a thing is made: a client, a key of it that may do everything, and who will act on it. */
export interface Owner {
  readonly clientId: string;
  readonly key: string;
  readonly principal: string;
}

export type Thing = keyof typeof THINGS;

type Make = (api: SecurityApi, owner: Owner) => Promise<string>;

let made = 0;
const next = (name: string): string => `${name}_${(made += 1)}`;

async function asked(api: SecurityApi, { key }: Owner, method: string, path: string, call: Call = {}) {
  const response = await api.call(method, path, { key, ...call });
  const body = await bodyOf(response);
  if (response.status >= 300) throw new Error(`${method} ${path} answered ${response.status} ${JSON.stringify(body)}`);
  return body;
}

const payment: Make = async (api, owner) =>
  (await asked(api, owner, 'POST', '/v1/payments', { json: intentOf(next('access')) })).id as string;

const heldCase: Make = async (api, owner) => {
  const [id, paymentId] = [newId(), await payment(api, owner)];
  await api.pool.query(`update payments set status = 'held' where id = $1`, [paymentId]);
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at, interrupt_id, claimed_by, claimed_until)
     values ($1, $2, $3, 50, '[]', '{}', $4, $5, 'interrupt', $6, $7)`,
    [id, owner.clientId, paymentId, DIGEST, AT, owner.principal, new Date(TEST_START_MS + 600_000)],
  );
  return id;
};

const finding: Make = async (api, { clientId }) => {
  const person = newPerson(testKeyring, clientId, { name: 'A Name', phone: `+25471${String((made += 1)).padStart(7, '0')}` });
  const [stored] = await storePeople(api.pool, [{ ...person, country: 'KE', walletId: 'mpesa-ke' }], TEST_START_MS);
  const userId = stored?.id ?? '';
  const id = newId();
  const entry = { list: 'UN', entry_id: id, entry_digest: DIGEST, topic: 'sanction' };
  const found = { id, client_id: clientId, user_id: userId, ...entry, score: 0.93, how: 'similar', grounds: ['spelling'] };
  await storeFindings(api.pool, 'UN@2', [found]);
  return id;
};

/** Stores a quote as the exchange-rate agent would; gives its id. */
export async function insertQuote(pool: Pool, clientId: string): Promise<string> {
  const id = newId();
  await pool.query(
    `insert into quotes (id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate, mid_rate,
       spread_bps, policy_version, signature, created_at, expires_at)
     values ($1, $2, 'KES', 'UGX', 'KE', 'UG', 125050, 1500, 35000, 28412000000000, 28500000000000, 30, '1', '\\x0a0b', $3, $4)`,
    [id, clientId, AT, new Date(TEST_START_MS + 60_000)],
  );
  return id;
}

const quote: Make = (api, { clientId }) => insertQuote(api.pool, clientId);

const report: Make = async (api, owner) =>
  (await asked(api, owner, 'POST', '/v1/reports', { json: { kind: 'audit', paymentId: await payment(api, owner) } })).id as string;

const endpoint: Make = async (api, owner) => {
  // A client may have some twenty; those of requests that are over make room.
  await api.pool.query(
    `update webhook_endpoints set deleted_at = now() where id in (
      select id from webhook_endpoints where client_id = $1 and deleted_at is null order by created_at desc, id desc offset 10)`,
    [owner.clientId],
  );
  return (await asked(api, owner, 'POST', '/v1/webhook-endpoints', { json: { url: URL_TAKEN } })).id as string;
};

const delivery: Make = async (api, owner) =>
  (await asked(api, owner, 'POST', `/v1/webhook-endpoints/${await endpoint(api, owner)}/test`)).id as string;

const batch: Make = async (api, owner) =>
  (await asked(api, owner, 'POST', '/v1/payments/batches', { json: { intents: [intentOf(next('batch'))] } })).batchId as string;

const openBreak: Make = async (api) => {
  const id = newId();
  const entry = {
    debit: 'suspense:UGX',
    credit: 'float:mtn-ug',
    amountMinor: '5000',
    currency: 'UGX',
    reason: 'reconciliation_missing_here',
  };
  await api.pool.query(
    `insert into breaks (id, rail_id, day, kind, subject, their_amount, currency, evidence, proposed_entries, found_at, last_seen_at, due_at)
     values ($1, 'mtn-ug', '2026-03-30', 'missing_here', $2, 5000, 'UGX', '{}', $3, $4, $4, $4)`,
    [id, next('line'), JSON.stringify([entry]), AT],
  );
  return id;
};

const settlementBatch: Make = (api) => insertBatch(api.pool, {});

const settlementCase: Make = async (api) => {
  const id = newId();
  await api.pool.query(
    `insert into settlement_cases (id, batch_id, kind, evidence, evidence_digest) values ($1, $2, 'disputed', '{}', $3)`,
    [id, await insertBatch(api.pool, {}), DIGEST],
  );
  return id;
};

/** A halt whose end somebody else has asked for; over a rail that no request of a test is sent over. */
const halt: Make = async (api, { clientId }) => {
  const id = newId();
  await api.pool.query(
    `insert into execution_halts (id, client_id, lift_client_id, rail_id, reason, begun_by, begun_at, lift_asked_by, lift_asked_at)
     values ($1, $2, $2, 'none', 'A test', 'officer:somebody', $3, 'officer:somebody', $3)`,
    [id, clientId, AT],
  );
  return id;
};

const mandate: Make = async (api, owner) => {
  const wish = {
    clientId: owner.clientId,
    parentId: null,
    holder: next('agent:'),
    issuer: 'person:somebody',
    policy: {},
    notBeforeMs: TEST_START_MS,
    expiresAtMs: TEST_START_MS + 86_400_000,
  };
  return (await withTransaction(api.pool, (tx) => issueMandate(tx, testKeyring, wish, TEST_START_MS))).id;
};

/** A rule as a draft; its id. */
const rule: Make = async (api, owner) => (await asked(api, owner, 'POST', '/v1/rules', { json: ruleDraft() })).id as string;

/** Everything that a path can name. */
export const THINGS = {
  payment,
  case: heldCase,
  finding,
  quote,
  report,
  endpoint,
  delivery,
  batch,
  break: openBreak,
  settlementBatch,
  settlementCase,
  rule,
  halt,
  mandate,
} as const satisfies Readonly<Record<string, Make>>;

/** What belongs to the platform and is the same for all its clients: scopes, not tenants, say who may see it. */
export const PLATFORM_THINGS: ReadonlySet<Thing> = new Set(['break', 'settlementBatch', 'settlementCase', 'rule']);

/** A rule that nobody has yet. */
export function ruleDraft(): unknown {
  const when = { field: 'sender.count1h', is: '>=', value: 3 };
  const text = '{sender.count1h} payments in an hour.';
  return {
    rule: { id: next('rule'), typology: 'velocity', title: 'Three in an hour', effect: 'flag', priority: 30, when, text },
    note: 'A test',
  };
}

/** What a request needs besides its thing, by operation; those that are missing need nothing. */
export const BODIES: Readonly<Record<string, () => unknown>> = {
  'POST /v1/session/second-factor': () => ({ code: '000000' }),
  'PUT /v1/session/password': () => ({ password: PASSWORD, newPassword: PASSWORD }),
  'POST /v1/payments': () => intentOf(next('access')),
  'POST /v1/payments/batches': () => ({ intents: [intentOf(next('batch'))] }),
  'POST /v1/payments/{id}/information': () => ({ questionId: newId(), answer: 'A friend' }),
  'POST /v1/quotes': () => ({ amount: '1250.50', fromCurrency: 'KES', toCurrency: 'UGX', fromCountry: 'KE', toCountry: 'UG' }),
  'POST /v1/cases/request-information': () => ({ caseIds: [newId()], reasonCode: 'purpose_of_payment' }),
  'POST /v1/cases/{id}/decisions': () => ({ verdict: 'release', reasonCode: 'false_positive', evidenceDigest: DIGEST }),
  'POST /v1/cases/{id}/details': () => ({ receiver: { nationality: 'UG' }, evidenceDigest: DIGEST }),
  'POST /v1/cases/{id}/snooze': () => ({ until: new Date(TEST_START_MS + 3_600_000).toISOString() }),
  'POST /v1/screening-findings/{id}/resolution': () => ({ verdict: 'dismissed' }),
  'POST /v1/reports': () => ({ kind: 'audit', from: '2026-03-30', to: '2026-03-30' }),
  'POST /v1/reports/{id}/filing': () => ({}),
  'POST /v1/rules': ruleDraft,
  'POST /v1/breaks/{id}/decisions': () => ({ action: 'propose', reasonCode: 'operator_confirmed' }),
  'POST /v1/settlement/batches/{id}/approvals': () => ({ proposalDigest: DIGEST }),
  'POST /v1/settlement/batches/{id}/dispute': () => ({ reasonCode: 'amount_differs', evidenceHash: DIGEST }),
  'POST /v1/settlement/batches/{id}/votes': () => ({ reasonCode: 'amount_differs', evidenceHash: DIGEST, reversedMinor: '1' }),
  'POST /v1/settlement/cases/{id}/resolution': () => ({ reasonCode: 'paid_by_hand', evidenceDigest: DIGEST }),
  'POST /v1/webhook-endpoints': () => ({ url: URL_TAKEN }),
  'PUT /v1/webhook-endpoints/{id}': () => ({ url: URL_TAKEN, topics: [], status: 'enabled' }),
  'POST /v1/webhook-endpoints/{id}/replay': () => ({ which: 'failed' }),
  'POST /v1/mandates': () => ({ holder: next('agent:'), policy: {}, expiresAt: new Date(TEST_START_MS + 86_400_000).toISOString() }),
  'POST /v1/mandates/{id}/signatures': () => ({ as: 'holder', keyId: 'k'.repeat(43), signature: `${'A'.repeat(86)}==` }),
  'POST /v1/halts': () => ({ corridor: 'ZA-ZM', reason: 'A test' }),
  'POST /v1/agents/investigator/dial/lower': () => ({ level: 'off', reason: 'A test' }),
  'POST /v1/agents/investigator/dial/raise': () => ({ level: 'tighten', reason: 'A test' }),
  'PUT /v1/agents/investigator/switch': () => ({ state: 'off', reason: 'A test' }),
};

/** Whose name stands in a path, by how it begins; the first that fits. */
const NAMED: readonly (readonly [RegExp, Thing])[] = [
  [/^\/v1\/payments\/batches\/\{id\}/, 'batch'],
  [/^\/v1\/payments\/\{id\}/, 'payment'],
  [/^\/v1\/cases\/\{id\}/, 'case'],
  [/^\/v1\/screening-findings\/\{id\}/, 'finding'],
  [/^\/v1\/quotes\/\{id\}/, 'quote'],
  [/^\/v1\/reports\/\{id\}/, 'report'],
  [/^\/v1\/webhook-endpoints\/\{id\}/, 'endpoint'],
  [/^\/v1\/webhook-deliveries\/\{id\}/, 'delivery'],
  [/^\/v1\/breaks\/\{id\}/, 'break'],
  [/^\/v1\/settlement\/batches\/\{id\}/, 'settlementBatch'],
  [/^\/v1\/settlement\/cases\/\{id\}/, 'settlementCase'],
  [/^\/v1\/rules\/\{id\}/, 'rule'],
  [/^\/v1\/halts\/\{id\}/, 'halt'],
  [/^\/v1\/mandates\/\{id\}/, 'mandate'],
];

/** The thing a path names, or null when it names none of a client. Throws for a path that nobody has told about. */
export function thingOf(path: string): Thing | null {
  const found = NAMED.find(([begin]) => begin.test(path))?.[1];
  if (found === undefined && path.includes('{id}')) throw new Error(`nothing is known about the {id} of ${path}`);
  return found ?? null;
}

/** The path with its thing filled in, and everything else with values that are all right. */
export function pathTo(path: string, id: string): string {
  return path.replace('{id}', id).replace('{version}', '1').replace('{currency}', 'KES').replace('{credentialId}', 'AAAA');
}
