/**
 * Puts ids of another tenant into bodies and queries: each is answered as one that does not exist, word for word, and nothing that is
 * the other's changes. That the id would have counted from its owner is tried as well, so that no case passes by being wrong itself.
 */
import { insertAttempt } from '../../db/fixtures.ts';
import { newId } from '../../domain/ids.ts';
import type { Permission } from '../../server/api/permissions.ts';
import { bodyOf, intentOf } from '../../server/api/testing-app.ts';
import { AT, DIGEST, type Owner, THINGS } from './access-things.ts';
import { decide } from './access-streams.ts';
import { type AccessWalk, wordsOf } from './access-walk.ts';
import type { Document, Schema } from './fuzz-values.ts';
import type { SecurityApi } from './security-api.ts';
import { differenceOf } from './state.ts';

/** A request of `asker` in which an id stands; `own` is a thing of the asker's, for the path where it has an id too. */
interface Asked {
  readonly path: string;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Reference {
  /** Makes what the id names, for its owner. */
  readonly make: (api: SecurityApi, owner: Owner) => Promise<string>;
  readonly ask: (api: SecurityApi, asker: Owner, id: string) => Asked | Promise<Asked>;
}

let count = 0;
const next = (name: string): string => `${name}_${(count += 1)}`;
const query = (path: string, name: string) => (_api: SecurityApi, _asker: Owner, id: string) => ({ path: `${path}?${name}=${id}` });
const body =
  (path: string, json: (id: string) => unknown) =>
  (_api: SecurityApi, _asker: Owner, id: string): Asked => ({ path, json: json(id) });

const decidedPayment: Reference['make'] = async (api, owner) => {
  const id = await THINGS.payment(api, owner);
  await decide(api, owner, id);
  return id;
};

const toldPayment: Reference['make'] = async (api, owner) => {
  const id = await THINGS.payment(api, owner);
  await api.pool.query(
    `insert into sms_messages (id, client_id, payment_id, outbox_id, topic, role, state, created_at, ended_at)
     values ($1, $2, $3, $4, 'payment.paid', 'sender', 'delivered', $5, $5)`,
    [newId(), owner.clientId, id, 1_000_000 + (count += 1), AT],
  );
  return id;
};

/** An attempt whose operator answered with something that could not be used. */
const answeredAttempt: Reference['make'] = async (api, owner) => {
  const paymentId = await THINGS.payment(api, owner);
  const id = await insertAttempt(api.pool, { clientId: owner.clientId, paymentId, leg: 'collection' });
  await api.pool.query(
    `insert into operator_answers (rail_id, product, attempt_id, status, reason_code, body, body_digest, received_at, last_received_at)
     values ('mpesa-ke', 'inquiry', $1, 503, 'unreadable_answer', '\\x00', '\\x00', $2, $2)`,
    [id, AT],
  );
  return id;
};

const reportedCase: Reference['make'] = async (api, owner) => {
  const caseId = await THINGS.case(api, owner);
  const json = { kind: 'str', caseId, country: 'KE' };
  const made = await api.call('POST', '/v1/reports', { key: owner.key, json });
  if (made.status !== 201) throw new Error(`no report was made: ${made.status} ${await made.text()}`);
  return caseId;
};

/** A question about a payment, of whoever holds the case. */
async function question(api: SecurityApi, owner: Owner): Promise<{ readonly id: string; readonly paymentId: string }> {
  const caseId = await THINGS.case(api, owner);
  const json = { verdict: 'request_information', reasonCode: 'purpose_of_payment', evidenceDigest: DIGEST };
  const officer = await api.makeKey(owner.clientId, owner.principal);
  const decided = await api.call('POST', `/v1/cases/${caseId}/decisions`, { key: officer, json });
  if (decided.status >= 300) throw new Error(`nothing was asked: ${decided.status} ${await decided.text()}`);
  const { rows } = await api.pool.query<{ id: string; payment_id: string }>(
    'select id, payment_id from case_information where case_id = $1',
    [caseId],
  );
  return { id: rows[0]?.id ?? '', paymentId: rows[0]?.payment_id ?? '' };
}

const deliveredPayment: Reference['make'] = async (api, owner) => {
  const [deliveryId, paymentId] = [await THINGS.delivery(api, owner), await THINGS.payment(api, owner)];
  await api.pool.query('update webhook_deliveries set payment_id = $2 where id = $1', [deliveryId, paymentId]);
  return paymentId;
};

const referenced: Reference['make'] = async (api, owner) => {
  const { referenceId } = await bodyOf(await api.call('GET', `/v1/payments/${await THINGS.payment(api, owner)}`, { key: owner.key }));
  return referenceId as string;
};

/** A payment that compliance has looked at. */
const screenedPayment: Reference['make'] = async (api, owner) => {
  const id = await THINGS.payment(api, owner);
  await decide(api, owner, id, 'compliance');
  return id;
};

const suspicion = (kind: string, name: string) => body('/v1/reports', (id) => ({ kind, [name]: id, country: 'KE' }));

/** Every place in a body or a query where an id of a client's own may stand: `METHOD /path place`. */
const REFERENCES: Readonly<Record<string, Reference>> = {
  'GET /v1/payments batchId': { make: THINGS.batch, ask: query('/v1/payments', 'batchId') },
  'GET /v1/payments referenceId': { make: referenced, ask: query('/v1/payments', 'referenceId') },
  'GET /v1/activity paymentId': { make: decidedPayment, ask: query('/v1/activity', 'paymentId') },
  'GET /v1/reports caseId': { make: reportedCase, ask: query('/v1/reports', 'caseId') },
  'GET /v1/operator-answers attemptId': { make: answeredAttempt, ask: query('/v1/operator-answers', 'attemptId') },
  'GET /v1/sms-messages paymentId': { make: toldPayment, ask: query('/v1/sms-messages', 'paymentId') },
  'GET /v1/webhook-endpoints/{id}/deliveries paymentId': {
    make: deliveredPayment,
    ask: async (api, asker, id) => {
      const { rows } = await api.pool.query<{ endpoint: string }>(
        'select endpoint_id as endpoint from webhook_deliveries where payment_id = $1 and client_id = $2',
        [id, asker.clientId],
      );
      return { path: `/v1/webhook-endpoints/${rows[0]?.endpoint ?? (await THINGS.endpoint(api, asker))}/deliveries?paymentId=${id}` };
    },
  },
  'POST /v1/payments quoteId': { make: THINGS.quote, ask: body('/v1/payments', (quoteId) => intentOf(next('foreign'), { quoteId })) },
  'POST /v1/payments/batches intents[].quoteId': {
    make: THINGS.quote,
    ask: body('/v1/payments/batches', (quoteId) => ({ intents: [intentOf('of-a-batch', { quoteId })] })),
  },
  'POST /v1/reports caseId': { make: THINGS.case, ask: suspicion('str', 'caseId') },
  'POST /v1/reports paymentId': { make: screenedPayment, ask: suspicion('sar', 'paymentId') },
  'POST /v1/reports paymentId of travel_rule': {
    make: THINGS.payment,
    ask: body('/v1/reports', (paymentId) => ({ kind: 'travel_rule', paymentId })),
  },
  'POST /v1/reports paymentId of audit': { make: THINGS.payment, ask: body('/v1/reports', (paymentId) => ({ kind: 'audit', paymentId })) },
  'POST /v1/reports findingId': { make: THINGS.finding, ask: suspicion('sar', 'findingId') },
  'POST /v1/halts paymentId': { make: THINGS.payment, ask: body('/v1/halts', (paymentId) => ({ paymentId, reason: 'A test' })) },
  'POST /v1/mandates parentId': {
    make: (api, owner) => THINGS.mandate(api, owner),
    ask: body('/v1/mandates', (parentId) => ({
      holder: next('agent:'),
      parentId,
      policy: {},
      expiresAt: new Date(AT.getTime() + 3_600_000).toISOString(),
    })),
  },
  'POST /v1/cases/request-information caseIds[]': {
    make: THINGS.case,
    ask: body('/v1/cases/request-information', (id) => ({ caseIds: [id], reasonCode: 'purpose_of_payment' })),
  },
  'POST /v1/payments/{id}/information questionId': {
    make: async (api, owner) => (await question(api, owner)).id,
    ask: async (api, asker, questionId) => {
      const { rows } = await api.pool.query<{ id: string }>(
        'select payment_id as id from case_information where id = $1 and client_id = $2',
        [questionId, asker.clientId],
      );
      const paymentId = rows[0]?.id ?? (await question(api, asker)).paymentId;
      return { path: `/v1/payments/${paymentId}/information`, json: { questionId, answer: 'A friend' } };
    },
  },
};

/** Places of the document that the walk of the streams asks for. */
const BY_STREAMS: ReadonlySet<string> = new Set(['GET /v1/activity/stream paymentId', 'GET /v1/cases/stream caseId']);

/** Walks all of them as each role of the other tenant that may ask; gives how many places there are. */
export async function walkReferences(walk: AccessWalk, permissions: readonly Permission[]): Promise<number> {
  const { api } = walk;
  const document = (await (await api.call('GET', '/openapi.json', { key: null })).json()) as Document;
  for (const place of placesOf(document)) {
    if (!Object.hasOwn(REFERENCES, place) && !BY_STREAMS.has(place)) walk.wrong.push(`nobody has told about the id at ${place}`);
  }
  for (const [place, reference] of Object.entries(REFERENCES)) {
    const [method, path] = place.split(' ');
    const permission = permissions.find((each) => each.method === method && each.path === path);
    if (permission === undefined) throw new Error(`there is no route for ${place}`);
    for (const role of permission.roles) await walkReference(walk, place, reference, { permission, other: walk.other.get(role) as Owner });
    await assertCounts(walk, place, reference, permission);
  }
  return Object.keys(REFERENCES).length;
}

async function walkReference(
  walk: AccessWalk,
  place: string,
  { make, ask }: Reference,
  { permission, other }: { readonly permission: Permission; readonly other: Owner },
): Promise<void> {
  const { api, clientId } = walk;
  const otherMaker: Owner = { ...other, key: await api.makeKey(other.clientId, other.principal) };
  const id = await make(api, { clientId, principal: other.principal, key: walk.maker });
  const nothing = place.endsWith('referenceId') ? next('nothing') : newId();
  const [ofThem, ofNothing] = [await ask(api, otherMaker, id), await ask(api, otherMaker, nothing)];
  const before = await rowsOf(walk);
  const got = await answerTo(walk, permission, other.key, ofThem);
  const changed = differenceOf(before, await rowsOf(walk));
  const missing = await answerTo(walk, permission, other.key, ofNothing);
  const what = `${place} as ${other.principal} of another tenant`;
  if (changed.length > 0) walk.wrong.push(`${what}: changed ${changed.join(', ')} of the owner`);
  if (got.status !== missing.status || wordsOf(got.text) !== wordsOf(missing.text))
    walk.wrong.push(`${what}: ${got.status}, and ${missing.status} for what does not exist`);
  const foreign = [...walk.ids].filter((each) => each !== id);
  if (foreign.some((each) => got.text.includes(each))) walk.wrong.push(`${what}: sees what is not theirs`);
}

/** From its owner the same id gets another answer than one that does not exist. */
async function assertCounts(walk: AccessWalk, place: string, { make, ask }: Reference, permission: Permission): Promise<void> {
  const { api, clientId, maker } = walk;
  const owner: Owner = { clientId, principal: 'maker:access', key: maker };
  const id = await make(api, owner);
  const nothing = place.endsWith('referenceId') ? next('nothing') : newId();
  const got = await answerTo(walk, permission, maker, await ask(api, owner, id));
  const missing = await answerTo(walk, permission, maker, await ask(api, owner, nothing));
  if (got.status === missing.status && wordsOf(got.text) === wordsOf(missing.text))
    walk.wrong.push(`${place}: to its owner the id means nothing either: ${got.status} ${got.text.slice(0, 200)}`);
}

async function answerTo(walk: AccessWalk, { method }: Permission, key: string, { path, json, headers }: Asked) {
  walk.checked += 1;
  const response = await walk.api.call(method, path, {
    key,
    ...(json === undefined ? {} : { json }),
    ...(headers === undefined ? {} : { headers }),
  });
  return { status: response.status, text: await response.text() };
}

/** The owner's rows in every table that names a client, as one text to compare. */
async function rowsOf({ api, clientId }: AccessWalk): Promise<string> {
  const { rows: tables } = await api.pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'client_id' and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`,
  );
  const text = tables.map(
    ({ name }) =>
      `select '${name}=' || count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0) as line from "${name}" t where client_id = $1`,
  );
  const { rows } = await api.pool.query<{ line: string }>(text.join(' union all '), [clientId]);
  return rows.map(({ line }) => line).join('\n');
}

/** Every place of the document where a UUID goes into a query or a body, each once. */
function placesOf(document: Document): string[] {
  const found = new Set<string>();
  const visit = (schema: Schema | undefined, at: string, tell: (at: string) => void): void => {
    if (schema === undefined) return;
    if (typeof schema.$ref === 'string') return visit(schemaAt(document, schema.$ref), at, tell);
    if (schema.format === 'uuid') tell(at);
    for (const name of ['oneOf', 'anyOf', 'allOf']) for (const each of (schema[name] ?? []) as Schema[]) visit(each, at, tell);
    visit(schema.items as Schema | undefined, `${at}[]`, tell);
    for (const [name, each] of Object.entries((schema.properties ?? {}) as Record<string, Schema>))
      visit(each, at === '' ? name : `${at}.${name}`, tell);
  };
  for (const [path, methods] of Object.entries(document.paths as Record<string, Record<string, Schema>>)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tell = (at: string): void => void found.add(`${method.toUpperCase()} ${path} ${at}`);
      const parameters = (operation.parameters ?? []) as readonly { name: string; in: string; schema?: Schema }[];
      for (const each of parameters) if (each.in === 'query') visit(each.schema, each.name, tell);
      const content = ((operation.requestBody as Schema | undefined)?.content ?? {}) as Record<string, { schema?: Schema }>;
      for (const { schema } of Object.values(content)) visit(schema, '', tell);
    }
  }
  return [...found];
}

function schemaAt(document: Document, reference: string): Schema {
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], document) as Schema;
}
