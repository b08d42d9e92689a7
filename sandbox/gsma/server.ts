/**
 * A generic operator, or a hub, that speaks the GSMA Mobile Money API 1.2: every request is taken
 * asynchronously, its end is PUT to the callback address, and lost answers can be recovered by the
 * client's own correlation id.
 */
import type { Failure, Kind } from '../fates.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, Refusals, SandboxRail } from '../rail.ts';
import { minorOf, textOfMinor } from '../amounts.ts';
import type { Answer, SandboxAnswer, SandboxRequest } from '../wire.ts';
import { basicCredentials, bearerToken, fieldOf, isWebAddress, json, page, parseBody } from '../wire.ts';

export interface GsmaAccount {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Our organisation at the operator. */
  readonly organisationId: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const AMOUNT = /^([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[0-9])?$/;
const KINDS: Readonly<Record<string, Kind>> = { merchantpay: 'collection', disbursement: 'disbursement' };

/** Category and code of each way to fail. */
const ERRORS: Readonly<Record<Failure, readonly [string, string]>> = {
  declined: ['authorisation', 'requestDeclined'],
  no_funds: ['businessRule', 'insufficientFunds'],
  cannot_receive: ['businessRule', 'incorrectState'],
  unavailable: ['serviceUnavailable', 'genericError'],
  float_too_low: ['businessRule', 'insufficientFunds'],
  below_minimum: ['businessRule', 'lessThanTransactionMinValue'],
  above_maximum: ['businessRule', 'greaterThanTransactionMaxValue'],
  bad_credential: ['authorisation', 'requestingPartyAuthorisationError'],
  no_answer: ['authorisation', 'genericError'],
  expired: ['businessRule', 'quoteHasExpired'],
  wrong_pin: ['authorisation', 'genericError'],
  payer_limit: ['businessRule', 'dailyValueLimitExceeded'],
  receiver_limit: ['businessRule', 'maxBalanceExceeded'],
  wallet_not_found: ['identification', 'identifierError'],
  operator_error: ['internal', 'genericError'],
};

/** Answers a request to the operator. */
export async function serveGsma(rail: SandboxRail, account: GsmaAccount, request: SandboxRequest): Promise<Answer> {
  const { method, path } = request;
  if (path === '/oauth/token' && method === 'POST') return giveToken(rail, account, request);
  if (path === '/heartbeat' && method === 'GET') return json(200, { serviceStatus: rail.mode === 'up' ? 'available' : 'unavailable' });
  if (rail.mode === 'refusing' || !rail.tokens.isLive('api', bearerToken(request.headers['authorization']))) {
    return problem(rail, 401, 'authorisation', 'clientAuthorisationError');
  }
  const type = /^\/transactions\/type\/([a-z]+)$/.exec(path)?.[1];
  if (type !== undefined && method === 'POST') return take(rail, account, request, type);
  const [, resource = '', id = '', value = '', last = ''] = /^\/([a-z]+)\/([^/]+)(?:\/([^/]+)\/([a-z]+))?$/.exec(path) ?? [];
  if (method !== 'GET') return problem(rail, 404, 'identification', 'genericError');
  if (resource === 'accounts' && last === 'balance') return balance(rail, account, id, value);
  const error = problem(rail, 503, 'serviceUnavailable', 'genericError');
  return rail.inquiry(id, error, () => find(rail, resource, id));
}

function problem(rail: SandboxRail, status: number, errorCategory: string, errorCode: string): SandboxAnswer {
  return json(status, errorBody(rail, errorCategory, errorCode));
}

/** How the operator writes that it did nothing. */
function refusals(rail: SandboxRail): Refusals {
  return {
    error: problem(rail, 500, 'internal', 'genericError'),
    busy: problem(rail, 429, 'businessRule', 'rateLimitError'),
    staleToken: problem(rail, 401, 'authorisation', 'clientAuthorisationError'),
  };
}

function errorBody(rail: SandboxRail, errorCategory: string, errorCode: string): Record<string, unknown> {
  const errorDateTime = new Date(rail.scheduler.now()).toISOString();
  return { errorCategory, errorCode, errorDescription: 'The request could not be completed.', errorDateTime };
}

function giveToken(rail: SandboxRail, account: GsmaAccount, request: SandboxRequest): SandboxAnswer {
  if (rail.mode === 'refusing') return page(503);
  const credentials = basicCredentials(request.headers['authorization']);
  if (credentials?.user !== account.clientId || credentials.password !== account.clientSecret) {
    return json(401, { error: 'invalid_client' });
  }
  if (new URLSearchParams(request.body).get('grant_type') !== 'client_credentials') return json(400, { error: 'unsupported_grant_type' });
  const { token, lifetimeS } = rail.tokens.issue('api');
  return json(200, { access_token: token, token_type: 'Bearer', expires_in: lifetimeS });
}

async function take(rail: SandboxRail, account: GsmaAccount, request: SandboxRequest, type: string): Promise<Answer> {
  const correlationId = request.headers['x-correlationid'] ?? '';
  const callbackUrl = request.headers['x-callback-url'] ?? null;
  const kind = KINDS[type];
  const body = parseBody(request.body);
  if (kind === undefined) return problem(rail, 400, 'businessRule', 'transactionTypeError');
  if (body === null || !UUID.test(correlationId)) return problem(rail, 400, 'validation', 'formatError');
  if (callbackUrl !== null && !isWebAddress(callbackUrl)) return problem(rail, 400, 'validation', 'formatError');
  if (fieldOf(body, 'currency') !== rail.rail.currency) return problem(rail, 400, 'validation', 'currencyNotSupported');
  const amountText = typeof body['amount'] === 'string' ? body['amount'] : '';
  const amountMinor = AMOUNT.test(amountText) ? minorOf(amountText, rail.rail.currency) : null;
  if (amountMinor === null) return problem(rail, 400, 'validation', 'formatError');
  const customer = partyValue(body[kind === 'collection' ? 'debitParty' : 'creditParty'], 'msisdn');
  const ours = partyValue(body[kind === 'collection' ? 'creditParty' : 'debitParty'], 'organisationid');
  if (customer === null || ours === null) return problem(rail, 400, 'validation', 'mandatoryValueNotSupplied');
  if (ours !== account.organisationId) return problem(rail, 404, 'identification', 'identifierError');
  if (!/^\+\d{8,15}$/.test(customer)) return problem(rail, 400, 'validation', 'formatError');
  const known = rail.byReference(kind, correlationId);
  if (known !== undefined) return json(202, requestState(rail, known));
  const phone = customer.slice(1);
  return rail.underFaults({ kind, reference: correlationId, phone, amountMinor, refusals: refusals(rail) }, async () => {
    const transaction = await rail.submit({
      kind,
      ourReference: correlationId,
      amountMinor,
      phone,
      callbackUrl,
      namesOf: (receipt) => ({
        serverCorrelationId: uuidOf(rail, 'server', receipt),
        transactionReference: uuidOf(rail, 'reference', receipt),
      }),
      notes: { type, organisationId: ours, ours: fieldOf(body, 'requestingOrganisationTransactionReference') },
    });
    // The answer to a request never tells its end, even when the end has come already.
    return json(202, { ...requestState(rail, { ...transaction, state: 'pending' }) });
  });
}

function uuidOf(rail: SandboxRail, ...names: readonly string[]): string {
  const hex = rail.chance.text('0123456789abcdef', 32, 'uuid', ...names);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function partyValue(parties: unknown, key: string): string | null {
  if (!Array.isArray(parties) || parties.length < 1 || parties.length > 10) return null;
  for (const party of parties as unknown[]) {
    if (typeof party !== 'object' || party === null) return null;
    const { key: partyKey, value } = party as { key?: unknown; value?: unknown };
    if (partyKey === key && typeof value === 'string') return value;
  }
  return null;
}

function find(rail: SandboxRail, resource: string, id: string): SandboxAnswer {
  if (resource === 'responses') return recover(rail, id);
  const found = rail.byName(decodeURIComponent(id));
  if (found === undefined) return problem(rail, 404, 'identification', 'identifierError');
  const transaction = rail.told(found);
  if (resource === 'requeststates') return json(200, requestState(rail, transaction));
  if (resource === 'transactions') return json(200, transactionBody(rail, transaction));
  return problem(rail, 404, 'identification', 'genericError');
}

/** Leads from the client's own correlation id to what was made: the transaction, or the state that holds its error. */
function recover(rail: SandboxRail, correlationId: string): SandboxAnswer {
  const found = rail.byReference('collection', correlationId) ?? rail.byReference('disbursement', correlationId);
  if (found === undefined) return problem(rail, 404, 'identification', 'identifierError');
  const transaction = rail.told(found);
  const { serverCorrelationId, transactionReference } = transaction.names;
  return json(200, {
    link: transaction.state === 'failed' ? `/requeststates/${serverCorrelationId}` : `/transactions/${transactionReference}`,
  });
}

function requestState(rail: SandboxRail, transaction: Transaction): Record<string, unknown> {
  const { state, failure, names, callbackUrl } = transaction;
  return {
    serverCorrelationId: names['serverCorrelationId'],
    status: { pending: 'pending', succeeded: 'completed', failed: 'failed' }[state],
    notificationMethod: callbackUrl === null ? 'polling' : 'callback',
    ...(state === 'succeeded' ? { objectReference: names['transactionReference'] } : {}),
    ...(state === 'failed' && failure !== null ? { error: failureBody(rail, transaction, failure) } : {}),
  };
}

function failureBody(rail: SandboxRail, { code }: Transaction, failure: Failure): Record<string, unknown> {
  const [category, usual] = ERRORS[failure];
  return errorBody(rail, category, code ?? usual);
}

function transactionBody(rail: SandboxRail, transaction: Transaction): Record<string, unknown> {
  const { kind, state, phone, amountMinor, notes, names, id, atMs, settledAtMs } = transaction;
  const customer = [{ key: 'msisdn', value: `+${phone}` }];
  const ours = [{ key: 'organisationid', value: notes['organisationId'] }];
  return {
    amount: textOfMinor(amountMinor, rail.rail.currency),
    currency: rail.rail.currency,
    type: notes['type'],
    transactionStatus: { pending: 'pending', succeeded: 'completed', failed: 'failed' }[state],
    transactionReference: names['transactionReference'],
    ...(state === 'succeeded' ? { transactionReceipt: id } : {}),
    requestingOrganisationTransactionReference: notes['ours'],
    debitParty: kind === 'collection' ? customer : ours,
    creditParty: kind === 'collection' ? ours : customer,
    creationDate: new Date(atMs).toISOString(),
    modificationDate: new Date(settledAtMs ?? atMs).toISOString(),
  };
}

function balance(rail: SandboxRail, account: GsmaAccount, key: string, value: string): SandboxAnswer {
  if (key !== 'organisationid' || decodeURIComponent(value) !== account.organisationId) {
    return problem(rail, 404, 'identification', 'identifierError');
  }
  const amount = textOfMinor(rail.balanceMinor(), rail.rail.currency);
  return json(200, {
    accountStatus: 'available',
    currentBalance: amount,
    availableBalance: amount,
    reservedBalance: '0',
    unclearedBalance: '0',
    currency: rail.rail.currency,
  });
}

/** The callback: PUT of the final transaction, or of the error. */
export function gsmaMessageOf(rail: SandboxRail, transaction: Transaction): CallbackMessage | null {
  if (transaction.callbackUrl === null) return null;
  const { failure } = transaction;
  const body =
    transaction.state === 'failed' && failure !== null ? failureBody(rail, transaction, failure) : transactionBody(rail, transaction);
  return {
    method: 'PUT',
    url: transaction.callbackUrl,
    headers: { 'content-type': 'application/json', 'x-correlationid': transaction.ourReference },
    body: JSON.stringify(body),
  };
}
