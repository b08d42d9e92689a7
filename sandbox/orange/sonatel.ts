/** Sonatel's eWallet: payments with a prompt, cash-ins under an encrypted PIN, status, a list by reference, balance. */
import { jsonNumberOfMinor, minorOf } from '../amounts.ts';
import type { Kind } from '../fates.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, Refusals, SandboxRail } from '../rail.ts';
import { type Answer, fieldOf, isWebAddress, json, parseBody, type SandboxAnswer, type SandboxRequest } from '../wire.ts';
import { type OrangeFace, withCallingCode } from './types.ts';

type Body = Readonly<Record<string, unknown>>;

function problem(status: number, code: string, instance: string): SandboxAnswer {
  return json(status, { type: '/bad-request', title: 'Bad Request', instance, status: String(status), code, detail: 'failed' });
}

/** How Sonatel writes that it did nothing. */
function refusals(path: string): Refusals {
  return {
    error: problem(500, '50', path),
    busy: json(429, {
      type: '/too-many-requests',
      title: 'Too Many Requests',
      instance: path,
      status: '429',
      code: '53',
      detail: 'failed',
    }),
    staleToken: json(401, { type: '/unauthorized', title: 'Unauthorized', instance: path, status: '401', code: '10', detail: 'failed' }),
  };
}

export async function serveSonatel(face: OrangeFace, request: SandboxRequest): Promise<Answer> {
  const { rail, key } = face;
  const { method, path } = request;
  if (method === 'GET' && path === '/api/account/v1/publicKeys') {
    return json(200, { keyId: '1', keyType: 'RSA', keySize: 2048, key: key.publicDer });
  }
  if (method === 'GET' && path === '/api/eWallet/v1/transactions') return list(rail, request.query.get('reference') ?? '');
  const id = /^\/api\/eWallet\/v1\/transactions\/([^/]+)\/status$/.exec(path)?.[1];
  if (method === 'GET' && id !== undefined) return tellStatus(rail, decodeURIComponent(id));
  const body = parseBody(request.body);
  if (method !== 'POST' || body === null) return problem(400, '4099', path);
  if (path === '/api/eWallet/v1/account/retailer/balance') return balance(face, body);
  if (path === '/api/eWallet/v1/payments') return take(face, request, body, 'collection');
  return path === '/api/eWallet/v1/cashins' ? take(face, request, body, 'disbursement') : problem(404, '60', path);
}

function partOf(body: Body, name: string): Body {
  const part = body[name];
  return typeof part === 'object' && part !== null && !Array.isArray(part) ? (part as Body) : {};
}

/** The code of the first thing that is wrong with a request, or null. */
function refusalOf(face: OrangeFace, body: Body, kind: Kind, amountMinor: bigint | null): string | null {
  const { rail, account, key } = face;
  const partner = partOf(body, 'partner');
  const customer = partOf(body, 'customer');
  if (customer['idType'] !== 'MSISDN' || !/^\d{9,10}$/.test(fieldOf(customer, 'id'))) return '2001';
  if (amountMinor === null || partOf(body, 'amount')['unit'] !== rail.rail.currency || fieldOf(body, 'reference') === '') return '4099';
  const phone = withCallingCode(rail, fieldOf(customer, 'id'));
  if (kind === 'collection') {
    if (partner['idType'] !== 'CODE' || partner['id'] !== account.partnerCode || body['method'] !== 'CLASSIC') return '4099';
    return rail.foretold(kind, phone) === 'no_funds' ? '2021' : null;
  }
  if (partner['idType'] !== 'MSISDN' || partner['id'] !== account.retailerMsisdn) return '4099';
  if (key.decrypt(fieldOf(partner, 'encryptedPinCode')) !== account.pin) return '2011';
  if (rail.foretold(kind, phone) === 'cannot_receive') return '2000';
  return rail.balanceMinor() < amountMinor ? '2021' : null;
}

async function take(face: OrangeFace, request: SandboxRequest, body: Body, kind: Kind): Promise<Answer> {
  const { rail } = face;
  const value = partOf(body, 'amount')['value'];
  const amountMinor = typeof value === 'number' ? minorOf(String(value), rail.rail.currency) : null;
  const refusal = refusalOf(face, body, kind, amountMinor);
  if (refusal !== null || amountMinor === null) return problem(400, refusal ?? '4099', request.path);
  const reference = fieldOf(body, 'reference');
  const phone = withCallingCode(rail, fieldOf(partOf(body, 'customer'), 'id'));
  const callbackUrl = request.headers['x-callback-url'] ?? '';
  return rail.underFaults({ kind, reference, phone, amountMinor, refusals: refusals(request.path) }, async () => {
    // The reference makes no repeat harmless: the same one twice is two payments.
    const transaction = await rail.submit({
      kind,
      ourReference: reference,
      amountMinor,
      phone,
      callbackUrl: isWebAddress(callbackUrl) ? callbackUrl : null,
      namesOf: (receipt) => ({ transactionId: `${kind === 'collection' ? 'MP' : 'CI'}${receipt}` }),
      notes: { service: 'sonatel' },
    });
    return json(200, { ...recordOf(transaction), status: kind === 'collection' ? 'INITIATED' : 'PENDING' });
  });
}

function recordOf(transaction: Transaction): Record<string, unknown> {
  const { state, failure, code, names, ourReference } = transaction;
  // There are no codes beside the status: one that was written stands in its place.
  const failed = code ?? (failure === 'declined' ? 'REJECTED' : 'FAILED');
  return {
    reference: ourReference,
    transactionId: names['transactionId'],
    status: { pending: 'PENDING', succeeded: 'SUCCESS', failed }[state],
  };
}

function tellStatus(rail: SandboxRail, id: string): Answer {
  return rail.inquiry(id, problem(500, '50', '/transactions'), () => {
    const transaction = rail.byName(id);
    return transaction === undefined ? problem(404, '60', '/transactions') : json(200, recordOf(rail.told(transaction)));
  });
}

function list(rail: SandboxRail, reference: string): Answer {
  return rail.inquiry(`list ${reference}`, problem(500, '50', '/transactions'), () =>
    json(
      200,
      [...rail.transactions()]
        .filter(({ ourReference }) => ourReference === reference)
        .map((transaction) => rail.told(transaction))
        .map((transaction) => ({ ...recordOf(transaction), amount: amountOf(rail, transaction.amountMinor) })),
    ),
  );
}

function amountOf(rail: SandboxRail, minor: bigint): { value: unknown; unit: string } {
  return { value: jsonNumberOfMinor(minor, rail.rail.currency), unit: rail.rail.currency };
}

function balance({ rail, account, key }: OrangeFace, body: Body): SandboxAnswer {
  if (fieldOf(body, 'id') !== account.retailerMsisdn || key.decrypt(fieldOf(body, 'encryptedPinCode')) !== account.pin) {
    return problem(400, '2011', '/account/retailer/balance');
  }
  return json(200, amountOf(rail, rail.balanceMinor()));
}

export function sonatelMessageOf(rail: SandboxRail, transaction: Transaction): CallbackMessage {
  return {
    method: 'POST',
    url: transaction.callbackUrl ?? '',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...recordOf(transaction), amount: amountOf(rail, transaction.amountMinor) }),
  };
}
