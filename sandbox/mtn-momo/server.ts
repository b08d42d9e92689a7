/**
 * MTN MoMo as a sandbox: tokens per product, request-to-pay, transfer, their status, balances. A
 * reference is one payment; a status query may not know it yet for a moment; callbacks carry no proof.
 */
import type { Failure, Kind } from '../fates.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';
import { minorOf, shortTextOfMinor } from '../amounts.ts';
import { provision, REFUSALS, serveOperations } from './operations.ts';
import type { Answer, SandboxAnswer, SandboxRequest } from '../wire.ts';
import { basicCredentials, bearerToken, empty, fieldOf, isWebAddress, json, page, parseBody } from '../wire.ts';

export interface MtnProduct {
  readonly subscriptionKey: string;
  readonly apiUser: string;
  readonly apiKey: string;
}

export interface MtnMomoAccount {
  readonly targetEnvironment: string;
  readonly collection: MtnProduct;
  readonly disbursement: MtnProduct;
  readonly remittance: MtnProduct;
}

type ProductName = 'collection' | 'disbursement' | 'remittance';

interface Momo {
  readonly rail: SandboxRail;
  readonly account: MtnMomoAccount;
  readonly product: ProductName;
  readonly request: SandboxRequest;
}

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const NOTE = /^[A-Za-z0-9 .,-]{0,160}$/;
/** For this long after a request the status query may not know it. */
const LAG_MS = 60;

/** The reason MTN gives for each way to fail. */
const REASONS: Readonly<Record<Kind, Readonly<Record<Failure, string>>>> = {
  collection: {
    declined: 'APPROVAL_REJECTED',
    no_funds: 'NOT_ENOUGH_FUNDS',
    cannot_receive: 'PAYEE_NOT_ALLOWED_TO_RECEIVE',
    unavailable: 'SERVICE_UNAVAILABLE',
    float_too_low: 'NOT_ENOUGH_FUNDS',
    below_minimum: 'NOT_ALLOWED',
    above_maximum: 'PAYER_LIMIT_REACHED',
    bad_credential: 'NOT_ALLOWED',
    no_answer: 'COULD_NOT_PERFORM_TRANSACTION',
    expired: 'EXPIRED',
    wrong_pin: 'APPROVAL_REJECTED',
    payer_limit: 'PAYER_LIMIT_REACHED',
    receiver_limit: 'PAYEE_LIMIT_REACHED',
    wallet_not_found: 'PAYER_NOT_FOUND',
    operator_error: 'INTERNAL_PROCESSING_ERROR',
  },
  disbursement: {
    declined: 'NOT_ALLOWED',
    no_funds: 'NOT_ENOUGH_FUNDS',
    cannot_receive: 'PAYEE_NOT_ALLOWED_TO_RECEIVE',
    unavailable: 'SERVICE_UNAVAILABLE',
    float_too_low: 'NOT_ENOUGH_FUNDS',
    below_minimum: 'NOT_ALLOWED',
    above_maximum: 'PAYEE_LIMIT_REACHED',
    bad_credential: 'NOT_ALLOWED',
    no_answer: 'COULD_NOT_PERFORM_TRANSACTION',
    expired: 'EXPIRED',
    wrong_pin: 'NOT_ALLOWED',
    payer_limit: 'PAYER_LIMIT_REACHED',
    receiver_limit: 'PAYEE_LIMIT_REACHED',
    wallet_not_found: 'PAYEE_NOT_FOUND',
    operator_error: 'INTERNAL_PROCESSING_ERROR',
  },
};

/** Answers a request to MTN. */
export async function serveMtnMomo(rail: SandboxRail, account: MtnMomoAccount, request: SandboxRequest): Promise<Answer> {
  const provisioned = provision(request);
  if (provisioned !== null) return provisioned;
  const match = /^\/(collection|disbursement|remittance)(\/.*)$/.exec(request.path);
  if (match === null) return problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.');
  const product = match[1] as ProductName;
  const momo: Momo = { rail, account, product, request };
  if (request.headers['ocp-apim-subscription-key'] !== account[product].subscriptionKey) return refusedSubscription();
  const resource = match[2] ?? '';
  if (resource === '/token/' && request.method === 'POST') return giveToken(momo);
  if (rail.mode === 'refusing' || !rail.tokens.isLive(product, bearerToken(request.headers['authorization']))) return refusedToken();
  if (request.headers['x-target-environment'] !== account.targetEnvironment) {
    return problem(500, 'NOT_ALLOWED_TARGET_ENVIRONMENT', 'Access to target environment is forbidden.');
  }
  if (request.method === 'GET' && /^\/v1_0\/account\/balance(\/[A-Z]{3})?$/.test(resource)) return balance(momo);
  const extra = await serveOperations(rail, product, resource, request);
  if (extra !== null) return extra;
  const kind: Kind = product === 'collection' ? 'collection' : 'disbursement';
  const base = resourceOf(product, resource);
  if (resource === base && request.method === 'POST') return take(momo, kind);
  if (resource.startsWith(`${base}/`) && request.method === 'GET') return tellStatus(momo, kind, resource.slice(base.length + 1));
  return problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.');
}

/** What a product takes money by. A deposit is a transfer by another name, and a refund's status is asked for like a transfer's. */
function resourceOf(product: ProductName, resource: string): string {
  if (product === 'collection') return '/v1_0/requesttopay';
  const others = product === 'disbursement' ? /^\/v1_0\/(transfer|deposit|refund)/ : /^\/v1_0\/transfer/;
  return others.exec(resource)?.[0] ?? '/v1_0/transfer';
}

function problem(status: number, code: string, message: string): SandboxAnswer {
  return json(status, { code, message });
}

function refusedSubscription(): SandboxAnswer {
  return json(401, { statusCode: 401, message: 'Access denied due to invalid subscription key.' });
}

function refusedToken(): SandboxAnswer {
  return json(401, { statusCode: 401, message: 'Unauthorized' });
}

function giveToken({ rail, account, product, request }: Momo): SandboxAnswer {
  if (rail.mode === 'refusing') return page(503);
  if (request.body === '' && request.headers['content-length'] === undefined) return page(411);
  const credentials = basicCredentials(request.headers['authorization']);
  const { apiUser, apiKey } = account[product];
  if (credentials?.user !== apiUser || credentials.password !== apiKey) return json(401, { error: 'invalid_client' });
  const { token, lifetimeS } = rail.tokens.issue(product);
  return json(200, { access_token: token, token_type: 'access_token', expires_in: lifetimeS });
}

function balance({ rail }: Momo): SandboxAnswer {
  const { currency } = rail.rail;
  return json(200, { availableBalance: shortTextOfMinor(rail.balanceMinor(), currency), currency });
}

async function take(momo: Momo, kind: Kind): Promise<Answer> {
  const { rail, request } = momo;
  const reference = request.headers['x-reference-id'] ?? '';
  const callbackUrl = request.headers['x-callback-url'] ?? null;
  const body = parseBody(request.body);
  if (!UUID_V4.test(reference)) return problem(400, 'VALIDATION_ERROR', 'X-Reference-Id must be a UUID of version 4.');
  if (body === null) return empty(400);
  if (callbackUrl !== null && !isWebAddress(callbackUrl))
    return problem(500, 'INVALID_CALLBACK_URL_HOST', 'Callback URL with forbidden host.');
  if (fieldOf(body, 'currency') !== rail.rail.currency) return problem(500, 'INVALID_CURRENCY', 'Currency not supported.');
  const party = parseParty(body[kind === 'collection' ? 'payer' : 'payee']);
  const amountMinor = typeof body['amount'] === 'string' ? minorOf(body['amount'], rail.rail.currency) : null;
  if (party === null || amountMinor === null || fieldOf(body, 'externalId') === '') return empty(400);
  if (!NOTE.test(fieldOf(body, 'payerMessage')) || !NOTE.test(fieldOf(body, 'payeeNote'))) return empty(400);
  if (rail.byReference(kind, reference) !== undefined) {
    return problem(409, 'RESOURCE_ALREADY_EXIST', 'Duplicated reference id. Creation of resource failed.');
  }
  return rail.underFaults({ kind, reference, phone: party, amountMinor, refusals: REFUSALS }, async () => {
    const names = {
      externalId: fieldOf(body, 'externalId'),
      payerMessage: fieldOf(body, 'payerMessage'),
      payeeNote: fieldOf(body, 'payeeNote'),
    };
    await rail.submit({ kind, ourReference: reference, amountMinor, phone: party, callbackUrl, namesOf: () => ({}), notes: names });
    return empty(202);
  });
}

function parseParty(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const party = value as Record<string, unknown>;
  return party['partyIdType'] === 'MSISDN' && /^\d{8,15}$/.test(fieldOf(party, 'partyId')) ? fieldOf(party, 'partyId') : null;
}

function tellStatus({ rail }: Momo, kind: Kind, reference: string): Answer {
  const error = problem(503, 'SERVICE_UNAVAILABLE', 'Service temporarily unavailable, try again later.');
  return rail.inquiry(reference, error, () => {
    const transaction = rail.byReference(kind, reference);
    if (transaction === undefined || isLagging(rail, transaction)) {
      return problem(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.');
    }
    return json(200, statusBody(rail, rail.told(transaction)));
  });
}

/** Right after a request, one status query in three does not see it yet. */
function isLagging(rail: SandboxRail, transaction: Transaction): boolean {
  if (rail.scheduler.now() - transaction.atMs >= LAG_MS) return false;
  return rail.chance.draw('lag', transaction.ourReference, rail.count(`lag ${transaction.ourReference}`)) < 1 / 3;
}

function statusBody(rail: SandboxRail, transaction: Transaction): Record<string, unknown> {
  const { currency } = rail.rail;
  return {
    ...(transaction.state === 'succeeded'
      ? { financialTransactionId: rail.chance.text('0123456789', 11, 'financial', transaction.id) }
      : {}),
    ...notesOf(transaction),
    amount: shortTextOfMinor(transaction.amountMinor, currency),
    currency,
    ...partyOf(transaction),
    status: { pending: 'PENDING', succeeded: 'SUCCESSFUL', failed: 'FAILED' }[transaction.state],
    ...(transaction.failure === null || transaction.state !== 'failed' ? {} : { reason: reasonOf(rail, transaction, transaction.failure) }),
  };
}

/** A refund's message names neither payer nor payee. */
function partyOf(transaction: Transaction): Record<string, unknown> {
  if (transaction.notes['refunds'] !== undefined) return {};
  const party = { partyIdType: 'MSISDN', partyId: transaction.phone };
  return transaction.kind === 'collection' ? { payer: party } : { payee: party };
}

function notesOf(transaction: Transaction): Record<string, string> {
  const { refunds: _, ...notes } = transaction.notes;
  return notes;
}

/** Plain text nine times in ten; once the object of MTN's own description. */
function reasonOf(rail: SandboxRail, transaction: Transaction, failure: Failure): unknown {
  const code = transaction.code ?? REASONS[transaction.kind][failure];
  return rail.chance.draw('reason', transaction.id) < 0.1 ? { code, message: 'The request failed.' } : code;
}

/** The callback: the body of the status query, by POST, without any proof of its sender. */
export function mtnMomoMessageOf(rail: SandboxRail, transaction: Transaction): CallbackMessage | null {
  if (transaction.callbackUrl === null) return null;
  return {
    method: 'POST',
    url: transaction.callbackUrl,
    headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'LWAC Http Client 1.0' },
    body: JSON.stringify(statusBody(rail, transaction)),
  };
}
