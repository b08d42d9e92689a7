/**
 * Airtel Money as a sandbox: token, push to the payer, disbursement under an encrypted PIN, refund,
 * enquiries, look-up, balance and the key for signatures, as strict about fields and as loose about
 * `success` as the real one.
 */
import { createDecipheriv } from 'node:crypto';
import { COUNTRIES } from '../../domain/network.ts';
import { minorOf, textOfMinor } from '../amounts.ts';
import type { Failure, Kind } from '../fates.ts';
import type { Transaction } from '../journal.ts';
import type { OperatorKey } from '../keys.ts';
import type { Refusals, SandboxRail } from '../rail.ts';
import { type Answer, bearerToken, fieldOf, json, page, parseBody, type SandboxAnswer, type SandboxRequest } from '../wire.ts';
import type { AirtelAccount } from './account.ts';
import { recordOf } from './messages.ts';

export interface AirtelFace {
  readonly rail: SandboxRail;
  readonly account: AirtelAccount;
  readonly key: OperatorKey;
}

type Body = Readonly<Record<string, unknown>>;

/** Codes of a failure per kind. */
const CODES: Readonly<Record<Kind, Readonly<Record<Failure, readonly [string, string]>>>> = {
  collection: {
    declined: ['DP00800001008', 'User refused the transaction'],
    no_funds: ['DP00800001007', 'User does not have enough money'],
    cannot_receive: ['DP00800001010', 'Payee is not permitted'],
    unavailable: ['DP00800001009', 'Do not honour'],
    float_too_low: ['DP00800001007', 'User does not have enough money'],
    below_minimum: ['DP00800001004', 'Amount out of range'],
    above_maximum: ['DP00800001004', 'Amount out of range'],
    bad_credential: ['DP00800001026', 'Forbidden'],
    no_answer: ['DP00800001005', 'User did not enter the PIN'],
    expired: ['DP00800001029', 'Transaction expired'],
    wrong_pin: ['DP00800001002', 'Incorrect PIN'],
    payer_limit: ['DP00800001003', 'Exceeds withdrawal amount limit'],
    receiver_limit: ['DP00800001009', 'Do not honour'],
    wallet_not_found: ['ESB000033', 'Msisdn Not Found'],
    operator_error: ['DP00800001009', 'Do not honour'],
  },
  disbursement: {
    declined: ['DP00900001013', 'Transaction refused'],
    no_funds: ['DP00900001007', 'Insufficient funds'],
    cannot_receive: ['DP00900001010', 'User is not allowed'],
    unavailable: ['DP00900001005', 'Transaction failed'],
    float_too_low: ['DP00900001007', 'Insufficient funds'],
    below_minimum: ['DP00900001004', 'Invalid amount'],
    above_maximum: ['DP00900001004', 'Invalid amount'],
    bad_credential: ['DP00900001016', 'Forbidden'],
    no_answer: ['DP00900001005', 'Transaction failed'],
    expired: ['DP00900001005', 'Transaction failed'],
    wrong_pin: ['DP00900001013', 'Transaction refused'],
    payer_limit: ['DP00900001003', 'Limit reached'],
    receiver_limit: ['DP00900001009', 'User is not allowed to receive'],
    wallet_not_found: ['DP00900001012', 'Invalid mobile number'],
    operator_error: ['DP00900001005', 'Transaction failed'],
  },
};

/** How Airtel writes that it did nothing. */
const REFUSALS: Refusals = {
  error: envelope(500, null, 'ESB000001', 'Something went wrong', 'ESB000001'),
  busy: json(429, { message: 'Too Many Requests' }),
  staleToken: json(401, { error: 'invalid_token', error_description: 'The access token is invalid or has expired' }),
};

/** Answers a request to Airtel. */
export async function serveAirtel(face: AirtelFace, request: SandboxRequest): Promise<Answer> {
  const { rail, account } = face;
  const { method, path } = request;
  if (path === '/auth/oauth2/token' && method === 'POST') return giveToken(face, request);
  if (rail.mode === 'refusing' || !rail.tokens.isLive('api', bearerToken(request.headers['authorization']))) {
    return REFUSALS.staleToken;
  }
  if (request.headers['x-country'] !== rail.rail.country) return router('ROUTER006', 'Country is not valid');
  if (request.headers['x-currency'] !== rail.rail.currency) return router('ROUTER007', 'Currency is not valid');
  if (method === 'POST') {
    if (path === `/merchant/${account.collectionVersion}/payments/`) return signedOnly(face, request, 'DP00800001026', push);
    if (path === `/standard/${account.payoutVersion}/disbursements/`) return signedOnly(face, request, 'DP00900001016', disburse);
    if (path === '/standard/v1/payments/refund') return signedOnly(face, request, 'DP00800001026', refund);
  }
  if (method !== 'GET') return router('ROUTER001', 'Resource not found', 404);
  if (path === '/v1/rsa/encryption-keys') return giveKey(face);
  if (path === '/standard/v1/users/balance') return balance(face);
  const [, resource = '', id = ''] = /^\/standard\/v[123]\/(payments|disbursements|users)\/([^/]+)$/.exec(path) ?? [];
  if (resource === 'users') return holder(id);
  if (resource === 'payments') return enquire(face, 'collection', id);
  return resource === 'disbursements' ? enquire(face, 'disbursement', id) : router('ROUTER001', 'Resource not found', 404);
}

function router(code: string, message: string, status = 400): SandboxAnswer {
  return json(status, { status_code: code, status_message: message });
}

function envelope(status: number, data: object | null, responseCode: string, message: string, resultCode = 'ESB000010'): SandboxAnswer {
  return json(status, {
    ...(data === null ? {} : { data }),
    status: { response_code: responseCode, code: String(status), success: status === 200, result_code: resultCode, message },
  });
}

function giveToken({ rail, account }: AirtelFace, request: SandboxRequest): SandboxAnswer {
  if (rail.mode === 'refusing') return page(503);
  const body = parseBody(request.body) ?? {};
  if (fieldOf(body, 'grant_type') !== 'client_credentials') return json(400, { error: 'invalid_request', error_description: 'grant_type' });
  if (fieldOf(body, 'client_id') !== account.clientId || fieldOf(body, 'client_secret') !== account.clientSecret) {
    return json(400, { error: 'invalid_client', error_description: 'Invalid client authentication' });
  }
  const { token, lifetimeS } = rail.tokens.issue('api');
  return json(200, { access_token: token, expires_in: String(lifetimeS), token_type: 'bearer' });
}

function giveKey({ rail, key }: AirtelFace): SandboxAnswer {
  const [date = '', time = ''] = new Date(rail.scheduler.now() + 7 * 86_400_000).toISOString().slice(0, 19).split('T');
  const validUpto = `${date.split('-').toReversed().join('-')} ${time}`;
  return envelope(200, { key_id: 100, key: key.publicDer, valid_upto: validUpto }, 'DP02010001001', 'Success');
}

type Handler = (face: AirtelFace, body: Body) => Answer | Promise<Answer>;

/** Lets a request through whose signature, where the country wants one, fits its body byte for byte. */
async function signedOnly(face: AirtelFace, request: SandboxRequest, refusal: string, handler: Handler): Promise<Answer> {
  if (face.account.signing && signedText(face, request) !== request.body) return envelope(403, null, refusal, 'x-signature mismatch');
  const body = parseBody(request.body);
  return body === null ? router('ROUTER003', 'Invalid request') : handler(face, body);
}

function signedText({ key }: AirtelFace, request: SandboxRequest): string | null {
  const [secret, vector] = (key.decrypt(request.headers['x-key'] ?? '') ?? '').split(':');
  try {
    const decipher = createDecipheriv('aes-256-cbc', Buffer.from(secret ?? '', 'base64'), Buffer.from(vector ?? '', 'base64'));
    const signature = Buffer.from(request.headers['x-signature'] ?? '', 'base64');
    return Buffer.concat([decipher.update(signature), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

function partOf(body: Body, name: string): Body {
  const part = body[name];
  return typeof part === 'object' && part !== null && !Array.isArray(part) ? (part as Body) : {};
}

/** Digits with the calling code; null for a number with a calling code, a plus or a zero in front. */
function phoneOf(rail: SandboxRail, msisdn: string): string | null {
  const callingCode = COUNTRIES.find(({ country }) => country === rail.rail.country)?.callingCode ?? '';
  return /^[1-9]\d{7,9}$/.test(msisdn) ? callingCode + msisdn : null;
}

/** Minor units of a JSON number; null for text, and for decimals where the country takes none. */
function amountOf(rail: SandboxRail, value: unknown): bigint | null {
  if (typeof value !== 'number') return null;
  if (rail.rail.places === 0 && !Number.isInteger(value)) return null;
  return minorOf(String(value), rail.rail.currency);
}

async function push(face: AirtelFace, body: Body): Promise<Answer> {
  const { rail, account } = face;
  const subscriber = partOf(body, 'subscriber');
  const transaction = partOf(body, 'transaction');
  const phone = phoneOf(rail, fieldOf(subscriber, 'msisdn'));
  const reference = fieldOf(transaction, 'id');
  const amountMinor = amountOf(rail, transaction['amount']);
  if (phone === null) return envelope(400, null, 'DP00800001005', 'Msisdn Not Found', 'ESB000033');
  if (fieldOf(subscriber, 'country') !== rail.rail.country) return envelope(400, null, '', 'Invalid country', 'ESB000034');
  if (fieldOf(subscriber, 'currency') !== rail.rail.currency) return envelope(400, null, '', 'Invalid currency', 'ESB000035');
  if (amountMinor === null) return envelope(400, null, 'DP00800001004', 'Invalid amount', 'ESB000011');
  if (!/^[A-Za-z0-9-]{1,64}$/.test(reference)) return router('ROUTER003', 'Invalid transaction id');
  if (rail.byReference('collection', reference) !== undefined) return envelope(400, null, '', 'Transaction id exists', 'ESB000041');
  return rail.underFaults({ kind: 'collection', reference, phone, amountMinor, refusals: REFUSALS }, async () => {
    await rail.submit({
      kind: 'collection',
      ourReference: reference,
      amountMinor,
      phone,
      callbackUrl: account.callbackUrl,
      namesOf: airtelNames,
    });
    return envelope(200, { transaction: { id: reference, status: 'Success.' } }, 'DP00800001006', 'Success.');
  });
}

function airtelNames(receipt: string): Record<string, string> {
  return { airtelMoneyId: `MP${receipt}` };
}

async function disburse(face: AirtelFace, body: Body): Promise<Answer> {
  const { rail, account, key } = face;
  const transaction = partOf(body, 'transaction');
  const phone = phoneOf(rail, fieldOf(partOf(body, 'payee'), 'msisdn'));
  const reference = fieldOf(transaction, 'id');
  const amountMinor = amountOf(rail, transaction['amount']);
  if (key.decrypt(fieldOf(body, 'pin'), account.encryption) !== account.pin) return router('ROUTER115', 'Invalid PIN');
  if (phone === null) return envelope(400, null, 'DP00900001012', 'Invalid mobile number');
  if (amountMinor === null) return envelope(400, null, 'DP00900001004', 'Invalid amount');
  if (!/^[A-Za-z0-9-]{1,64}$/.test(reference)) return router('ROUTER003', 'Invalid transaction id');
  if (rail.byReference('disbursement', reference) !== undefined) return envelope(400, null, 'DP00900001017', 'Duplicate transaction id');
  return rail.underFaults({ kind: 'disbursement', reference, phone, amountMinor, refusals: REFUSALS }, async () => {
    await rail.submit({
      kind: 'disbursement',
      ourReference: reference,
      amountMinor,
      phone,
      callbackUrl: account.callbackUrl,
      namesOf: airtelNames,
    });
    return envelope(200, { transaction: { id: reference, status: 'TIP' } }, 'DP00900001006', 'Transaction in progress');
  });
}

/** Takes a whole collection back. A second refund of the same one is the first. */
async function refund(face: AirtelFace, body: Body): Promise<Answer> {
  const { rail } = face;
  const receipt = fieldOf(partOf(body, 'transaction'), 'airtel_money_id');
  const collection = rail.byName(receipt);
  if (collection?.kind !== 'collection' || collection.state !== 'succeeded') {
    return envelope(400, null, 'ESB000045', 'Transaction not found', 'ESB000045');
  }
  const accepted = envelope(200, { transaction: { airtel_money_id: receipt, status: 'Success.' } }, 'DP00800001006', 'Success.');
  if (rail.byName(`refund-${receipt}`) !== undefined) return accepted;
  const reference = `refund-${collection.ourReference}`;
  const { phone, amountMinor } = collection;
  return rail.underFaults({ kind: 'disbursement', reference, phone, amountMinor, refusals: REFUSALS }, async () => {
    const namesOf = (own: string) => ({ ...airtelNames(own), refund: `refund-${receipt}` });
    await rail.submit({ kind: 'disbursement', ourReference: reference, amountMinor, phone, callbackUrl: null, namesOf });
    return accepted;
  });
}

function enquire({ rail }: AirtelFace, kind: Kind, reference: string): Answer {
  const error = envelope(500, null, 'ESB000014', 'An error occurred while getting the status', 'ESB000014');
  return rail.inquiry(reference, error, () => {
    const transaction = rail.byReference(kind, reference);
    if (transaction === undefined) {
      return envelope(404, null, kind === 'collection' ? 'DP00800001025' : 'DP00900001015', 'Transaction not found', 'ESB000045');
    }
    return statusAnswer(rail, rail.told(transaction));
  });
}

function statusAnswer(rail: SandboxRail, transaction: Transaction): SandboxAnswer {
  const record = recordOf(transaction);
  const prefix = transaction.kind === 'collection' ? 'DP0080000' : 'DP0090000';
  if (transaction.state === 'pending') return envelope(200, { transaction: { ...record, status: 'TIP' } }, `${prefix}1006`, 'SUCCESS');
  if (transaction.failure !== null) {
    const [usual, message] = CODES[transaction.kind][transaction.failure];
    const code = transaction.code ?? usual;
    return envelope(200, { transaction: { ...record, message, status: 'TF' } }, code, 'FAILED');
  }
  const refunded = rail.byName(`refund-${transaction.names['airtelMoneyId'] ?? ''}`);
  const status = refunded?.state === 'succeeded' ? 'TR' : 'TS';
  return envelope(200, { transaction: { ...record, status } }, `${prefix}1001`, 'SUCCESS');
}

/** A balance with commas between its thousands, and with hundredths of currencies that have none, as Airtel writes some. */
function balance({ rail }: AirtelFace): SandboxAnswer {
  const { currency } = rail.rail;
  const [whole = '0', places] = textOfMinor(rail.balanceMinor(), currency).split('.');
  const text = `${whole.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')}.${places ?? '65'}`;
  return envelope(200, { balance: text, currency, account_status: 'Active' }, 'DP02100000001', 'SUCCESS');
}

/** Who holds a wallet. A number that ends in 0003 is barred, one that ends in 0000 has no wallet; so are two of Airtel's own. */
function holder(msisdn: string): SandboxAnswer {
  if (msisdn.endsWith('0000') || msisdn === '7500002240') return envelope(404, null, 'DP02200000000', 'User not found', 'ESB000033');
  const data = {
    is_barred: msisdn.endsWith('0003') || msisdn === '752600157',
    grade: 'SUBS',
    first_name: 'SANDBOX',
    last_name: 'CUSTOMER',
    registration: { status: 'SUBS' },
    msisdn,
    is_pin_set: true,
  };
  return envelope(200, data, 'DP02200000001', 'SUCCESS');
}
