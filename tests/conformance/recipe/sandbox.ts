/** The small operator as a sandbox: the shared core keeps its books and time, this file knows its wire. */
import { minorOf, shortTextOfMinor } from '../../../sandbox/amounts.ts';
import type { Failure } from '../../../sandbox/fates.ts';
import type { Transaction } from '../../../sandbox/journal.ts';
import type { CallbackMessage, Refusals, SandboxRail } from '../../../sandbox/rail.ts';
import {
  type Answer,
  basicCredentials,
  bearerToken,
  empty,
  fieldOf,
  json,
  page,
  parseBody,
  type SandboxRequest,
} from '../../../sandbox/wire.ts';

export const SMALL_ACCOUNT = { clientId: 'capp', clientSecret: 'secret' };

const CODES: Readonly<Record<Failure, string>> = {
  declined: 'DECLINED',
  no_funds: 'NO_FUNDS',
  cannot_receive: 'NO_WALLET',
  unavailable: 'BUSY',
  float_too_low: 'NO_FLOAT',
  below_minimum: 'AMOUNT',
  above_maximum: 'AMOUNT',
  bad_credential: 'CREDENTIAL',
  no_answer: 'DECLINED',
  expired: 'DECLINED',
  wrong_pin: 'DECLINED',
  payer_limit: 'NO_FUNDS',
  receiver_limit: 'NO_WALLET',
  wallet_not_found: 'NO_WALLET',
  operator_error: 'BUSY',
};

const REFUSALS: Refusals = { error: json(500, { code: 'INTERNAL' }), busy: json(429, { code: 'BUSY' }), staleToken: empty(401) };

export async function serveSmall(rail: SandboxRail, request: SandboxRequest): Promise<Answer> {
  const { method, path, headers } = request;
  if (rail.mode === 'silent') return 'cut';
  if (path === '/token') {
    if (rail.mode === 'refusing') return page(503);
    const given = basicCredentials(headers['authorization']);
    if (given?.user !== SMALL_ACCOUNT.clientId || given.password !== SMALL_ACCOUNT.clientSecret)
      return json(401, { error: 'invalid_client' });
    const { token, lifetimeS } = rail.tokens.issue('api');
    return json(200, { access_token: token, expires_in: lifetimeS });
  }
  if (rail.mode === 'refusing' || !rail.tokens.isLive('api', bearerToken(headers['authorization']))) return empty(401);
  if (method === 'POST' && path === '/payments') return take(rail, parseBody(request.body) ?? {});
  const reference = /^\/payments\/([^/]+)$/.exec(path)?.[1] ?? '';
  return rail.inquiry(reference, json(503, { code: 'UNAVAILABLE' }), () => {
    const transaction = rail.byReference('collection', reference) ?? rail.byReference('disbursement', reference);
    return transaction === undefined ? json(404, { code: 'NOT_FOUND' }) : json(200, recordOf(rail, rail.told(transaction)));
  });
}

async function take(rail: SandboxRail, body: Readonly<Record<string, unknown>>): Promise<Answer> {
  const kind = fieldOf(body, 'direction') === 'in' ? 'collection' : 'disbursement';
  const reference = fieldOf(body, 'reference');
  const phone = fieldOf(body, 'phone');
  const amountMinor = minorOf(fieldOf(body, 'amount'), rail.rail.currency);
  if (amountMinor === null || !/^\d{9,15}$/.test(phone)) return json(400, { code: 'FIELD' });
  if (rail.byReference(kind, reference) !== undefined) return json(409, { code: 'DUPLICATE' });
  return rail.underFaults({ kind, reference, phone, amountMinor, refusals: REFUSALS }, async () => {
    await rail.submit({ kind, ourReference: reference, amountMinor, phone, callbackUrl: fieldOf(body, 'callback'), namesOf: () => ({}) });
    return json(202, {});
  });
}

function recordOf(rail: SandboxRail, transaction: Transaction): Record<string, unknown> {
  const { ourReference, kind, amountMinor, state, failure, code, id } = transaction;
  return {
    reference: ourReference,
    direction: kind === 'collection' ? 'in' : 'out',
    amount: shortTextOfMinor(amountMinor, rail.rail.currency),
    status: { pending: 'open', succeeded: 'paid', failed: 'failed' }[state],
    ...(state === 'succeeded' ? { receipt: id } : {}),
    ...(state === 'failed' && failure !== null ? { code: code ?? CODES[failure] } : {}),
  };
}

export function smallMessageOf(rail: SandboxRail, transaction: Transaction): CallbackMessage {
  const body = JSON.stringify(recordOf(rail, transaction));
  return { method: 'POST', url: transaction.callbackUrl ?? '', headers: { 'content-type': 'application/json' }, body };
}
