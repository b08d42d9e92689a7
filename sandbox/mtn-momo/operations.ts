/** MTN beyond payments: wallets and their holders, refunds, pre-approvals, messages to payers, provisioning. */
import { createHash } from 'node:crypto';
import { minorOf } from '../amounts.ts';
import type { Refusals, SandboxRail } from '../rail.ts';
import { type Answer, empty, fieldOf, json, parseBody, type SandboxAnswer, type SandboxRequest } from '../wire.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

function problem(status: number, code: string, message: string): SandboxAnswer {
  return json(status, { code, message });
}

/** How MTN writes that it did nothing; throttling and tokens are its gateway's business. */
export const REFUSALS: Refusals = {
  error: problem(500, 'INTERNAL_PROCESSING_ERROR', 'An internal error occurred while processing.'),
  busy: json(429, { statusCode: 429, message: 'Rate limit is exceeded. Try again in 1 seconds.' }),
  staleToken: json(401, { statusCode: 401, message: 'Unauthorized' }),
};

/** Provisioning: the caller's reference becomes the API user; its key follows from it. */
export function provision(request: SandboxRequest): Answer | null {
  const { method, path } = request;
  if (method === 'POST' && path === '/v1_0/apiuser') {
    const reference = request.headers['x-reference-id'] ?? '';
    const host = fieldOf(parseBody(request.body) ?? {}, 'providerCallbackHost');
    return UUID_V4.test(reference) && /^[a-z0-9.-]+$/i.test(host) ? empty(201) : empty(400);
  }
  const id = /^\/v1_0\/apiuser\/([0-9a-f-]{36})(\/apikey)?$/i.exec(path);
  if (id === null) return null;
  if (method === 'POST' && id[2] !== undefined) {
    const apiKey = createHash('sha256').update(`api key ${id[1]}`).digest('hex').slice(0, 32);
    return json(201, { apiKey });
  }
  return method === 'GET' ? json(200, { providerCallbackHost: 'hooks.test', targetEnvironment: 'sandbox' }) : null;
}

/** Answers what is no payment; null for everything else. */
export async function serveOperations(
  rail: SandboxRail,
  product: string,
  resource: string,
  request: SandboxRequest,
): Promise<Answer | null> {
  const { method } = request;
  const wallet = /^\/v1_0\/accountholder\/msisdn\/(\d{8,15})\/(active|basicuserinfo)$/i.exec(resource);
  if (wallet !== null && method === 'GET') return holder(wallet[1] ?? '', wallet[2] ?? '');
  if (product === 'disbursement' && resource === '/v1_0/refund' && method === 'POST') return refund(rail, request);
  if (product !== 'collection') return null;
  const notified = /^\/v1_0\/requesttopay\/([^/]+)\/deliverynotification$/.exec(resource)?.[1];
  if (notified !== undefined && method === 'POST') return notify(rail, notified, request);
  const approval = /^\/v[12]_0\/preapproval(?:\/([^/]+))?$/.exec(resource);
  return approval === null ? null : preApproval(rail, method, approval[1] ?? request.headers['x-reference-id'] ?? '');
}

/** What MTN's own sandbox says of its numbers, by what follows 46733123. */
const HOLDERS: Readonly<Record<string, SandboxAnswer>> = {
  450: problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.'),
  451: json(200, { result: false }),
  452: problem(500, 'NOT_ALLOWED', 'Authorization failed. Insufficient permissions.'),
  453: problem(500, 'NOT_ALLOWED_TARGET_ENVIRONMENT', 'Access to target environment is forbidden.'),
  454: problem(500, 'INTERNAL_PROCESSING_ERROR', 'An internal error occurred while processing.'),
  455: problem(503, 'SERVICE_UNAVAILABLE', 'Service temporarily unavailable, try again later.'),
};

/** A number that ends in 0000 has no wallet, one that ends in 0003 an inactive one. */
function holder(phone: string, what: string): SandboxAnswer {
  const published = phone.startsWith('46733123') ? HOLDERS[phone.slice(8)] : undefined;
  if (published !== undefined) return published;
  if (phone.endsWith('0000')) return problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.');
  if (what === 'active') return json(200, { result: !phone.endsWith('0003') });
  return json(200, { sub: '0', name: 'Sand Box', given_name: 'Sand', family_name: 'Box', locale: 'en', updated_at: 1_777_388_400 });
}

/** Gives back all or part of a collection, once under each reference. */
async function refund(rail: SandboxRail, request: SandboxRequest): Promise<Answer> {
  const reference = request.headers['x-reference-id'] ?? '';
  const body = parseBody(request.body) ?? {};
  const collection = rail.byReference('collection', fieldOf(body, 'referenceIdToRefund'));
  const amountMinor = minorOf(fieldOf(body, 'amount'), rail.rail.currency);
  if (!UUID_V4.test(reference) || amountMinor === null || fieldOf(body, 'currency') !== rail.rail.currency) return empty(400);
  if (rail.byReference('disbursement', reference) !== undefined) {
    return problem(409, 'RESOURCE_ALREADY_EXIST', 'Duplicated reference id. Creation of resource failed.');
  }
  if (collection?.state !== 'succeeded' || amountMinor > collection.amountMinor)
    return problem(500, 'NOT_ALLOWED', 'The refund is not allowed.');
  const { phone } = collection;
  return rail.underFaults({ kind: 'disbursement', reference, phone, amountMinor, refusals: REFUSALS }, async () => {
    const notes = { externalId: fieldOf(body, 'externalId'), refunds: collection.ourReference };
    const callbackUrl = request.headers['x-callback-url'] ?? null;
    await rail.submit({ kind: 'disbursement', ourReference: reference, amountMinor, phone, callbackUrl, namesOf: () => ({}), notes });
    return empty(202);
  });
}

/** Only after a success, and only up to 160 characters. */
function notify(rail: SandboxRail, reference: string, request: SandboxRequest): SandboxAnswer {
  const text = fieldOf(parseBody(request.body) ?? {}, 'notificationMessage');
  const collection = rail.byReference('collection', reference);
  if (collection === undefined) return problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.');
  return collection.state === 'succeeded' && text !== '' && text.length <= 160 ? empty(200) : empty(400);
}

/** People in the sandbox consent to every pre-approval as soon as they are asked a second time about it. */
function preApproval(rail: SandboxRail, method: string, reference: string): SandboxAnswer {
  const times = rail.count(`preapproval ${reference}`);
  if (method === 'POST') return times === 1 ? empty(202) : problem(409, 'RESOURCE_ALREADY_EXIST', 'Duplicated reference id.');
  if (method === 'DELETE') return empty(200);
  return times === 1
    ? problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.')
    : json(200, { status: times === 2 ? 'PENDING' : 'SUCCESSFUL' });
}
