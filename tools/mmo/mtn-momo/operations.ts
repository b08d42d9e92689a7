/**
 * What MTN offers beyond paying: whether a wallet is active and whose it is, pre-approvals, a message to a
 * payer after a payment, balances per product, and the provisioning of its sandbox.
 */
import type { Money } from '../../../domain/money.ts';
import { plainText } from '../checks.ts';
import { createSend, type Fetch, type HttpAnswer } from '../http.ts';
import type { WalletState } from '../operator.ts';
import { parseObject, parseReading, readBalance, textOf } from '../reading.ts';
import type { Momo, Product } from './connection.ts';

/** A wallet's holder. Holds names: never logged, never stored in clear. */
export interface MtnHolder {
  readonly name: string | null;
  readonly givenName: string | null;
  readonly familyName: string | null;
}

export type PreApprovalState = 'pending' | 'approved' | 'refused';

export interface PreApproval {
  readonly requestId: string;
  readonly phone: string;
  /** Where MTN tells what became of it; it tells nobody without. */
  readonly callbackUrl?: string;
  readonly note: string;
  /** How long the payer's consent counts. */
  readonly validForS: number;
}

export interface MtnMomoOperations {
  /** Whether a wallet takes part in a product; null when it cannot be told. */
  isActive(phone: string, product?: Product): Promise<boolean | null>;
  /** The holder of a wallet · `absent`: there is no such wallet · null: it cannot be told. */
  holderOf(phone: string, product?: Product): Promise<MtnHolder | 'absent' | null>;
  /** The balance of one product, or null when it cannot be told. */
  balanceOf(product: Product): Promise<Money | null>;
  /** Asks a payer to consent to later collections. True: MTN took the request. */
  requestPreApproval(request: PreApproval): Promise<boolean>;
  preApprovalState(requestId: string): Promise<PreApprovalState | null>;
  cancelPreApproval(requestId: string): Promise<boolean>;
  /** Sends the payer of a successful collection a text, at most 160 characters of it. True: MTN took it. */
  notifyPayer(requestId: string, text: string, language?: string): Promise<boolean>;
}

export function operationsOf(momo: Momo): MtnMomoOperations {
  return {
    isActive: (phone, product = 'disbursement') => isActive(momo, phone, product),
    holderOf: (phone, product = 'disbursement') => holderOf(momo, phone, product),
    balanceOf: (product) => balanceOf(momo, product),
    requestPreApproval: (request) => requestPreApproval(momo, request),
    preApprovalState: (requestId) => preApprovalState(momo, requestId),
    cancelPreApproval: async (requestId) => isGood(await momo.remove('collection', `/collection/v1_0/preapproval/${requestId}`)),
    notifyPayer: (requestId, text, language) => notifyPayer(momo, requestId, text, language),
  };
}

/** MTN says so with an empty body, or in JSON: a page is somebody else's. */
function isGood(answer: HttpAnswer): boolean {
  if (answer.kind !== 'answered' || answer.status < 200 || answer.status > 299) return false;
  return answer.body.trim() === '' || parseReading(answer.body) !== undefined;
}

/** Whether MTN knows no such wallet: a 404 without a code of MTN's is about the address, not about the wallet. */
function isAbsent(answer: HttpAnswer & { kind: 'answered' }): boolean {
  return answer.status === 404 && textOf(parseObject(answer.body), 'code') !== null;
}

/** `{"result": true}` today, a bare `true` or `"true"` before. */
async function isActive(momo: Momo, phone: string, product: Product): Promise<boolean | null> {
  const answer = await momo.get(product, `/${product}/v1_0/accountholder/msisdn/${phone.slice(1)}/active`);
  if (answer.kind !== 'answered') return null;
  if (isAbsent(answer)) return false;
  if (answer.status !== 200) return null;
  const reading = parseReading(answer.body);
  const result = typeof reading === 'object' && reading !== null && 'result' in reading ? reading['result'] : reading;
  if (result === true || result === 'true') return true;
  return result === false || result === 'false' ? false : null;
}

async function holderOf(momo: Momo, phone: string, product: Product): Promise<MtnHolder | 'absent' | null> {
  const answer = await momo.get(product, `/${product}/v1_0/accountholder/msisdn/${phone.slice(1)}/basicuserinfo`);
  if (answer.kind !== 'answered') return null;
  if (isAbsent(answer)) return 'absent';
  const body = answer.status === 200 ? parseObject(answer.body) : undefined;
  const holder = { name: textOf(body, 'name'), givenName: textOf(body, 'given_name'), familyName: textOf(body, 'family_name') };
  return Object.values(holder).every((name) => name === null) ? null : holder;
}

/** MTN calls inactive what does not exist, too: only the look-up of the holder tells them apart. */
export async function walletState(momo: Momo, phone: string, product: Product): Promise<WalletState> {
  const active = await isActive(momo, phone, product);
  if (active !== false) return active === null ? 'unknown' : 'active';
  return (await holderOf(momo, phone, product)) === 'absent' ? 'absent' : 'inactive';
}

/** The balance a product's payments are made from. */
export async function balanceOf(momo: Momo, product: Product): Promise<Money | null> {
  const answer = await momo.get(product, `/${product}/v1_0/account/balance`);
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  const body = parseObject(answer.body);
  if (textOf(body, 'currency') !== (momo.profile.wireCurrency ?? momo.rail.currency)) return null;
  return readBalance(textOf(body, 'availableBalance'), momo.rail.currency)?.amount ?? null;
}

async function requestPreApproval(momo: Momo, request: PreApproval): Promise<boolean> {
  const { callbackUrl } = request;
  const headers = { 'x-reference-id': request.requestId, ...(callbackUrl === undefined ? {} : { 'x-callback-url': callbackUrl }) };
  const answer = await momo.post('collection', '/collection/v2_0/preapproval', headers, {
    payer: { partyIdType: 'MSISDN', partyId: request.phone.slice(1) },
    payerCurrency: momo.profile.wireCurrency ?? momo.rail.currency,
    payerMessage: plainText(request.note, 160),
    validityTime: request.validForS,
  });
  // 409: the same request was taken before.
  return answer.kind === 'answered' && (answer.status === 202 || answer.status === 409);
}

async function preApprovalState(momo: Momo, requestId: string): Promise<PreApprovalState | null> {
  const answer = await momo.get('collection', `/collection/v2_0/preapproval/${requestId}`);
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  switch (textOf(parseObject(answer.body), 'status')?.toUpperCase()) {
    case 'PENDING':
    case 'CREATED':
      return 'pending';
    case 'SUCCESSFUL':
      return 'approved';
    case 'FAILED':
    case 'REJECTED':
    case 'EXPIRED':
      return 'refused';
    default:
      return null;
  }
}

async function notifyPayer(momo: Momo, requestId: string, text: string, language?: string): Promise<boolean> {
  const notificationMessage = plainText(text, 160);
  const headers = { notificationmessage: notificationMessage, ...(language === undefined ? {} : { language }) };
  const path = `/collection/v1_0/requesttopay/${requestId}/deliverynotification`;
  return isGood(await momo.post('collection', path, headers, { notificationMessage }));
}

export interface Provisioning {
  readonly fetch: Fetch;
  readonly baseUrl: string;
  readonly subscriptionKey: string;
  /** The host our callback addresses are on. */
  readonly callbackHost: string;
  /** A UUID of version 4; it becomes the API user. */
  readonly apiUser: string;
}

/** Makes an API user and its key at MTN's sandbox; null when MTN refuses. In production the partner portal does this. */
export async function provisionApiUser(options: Provisioning): Promise<{ apiUser: string; apiKey: string } | null> {
  const send = createSend({ fetch: options.fetch, baseUrl: options.baseUrl, timeoutMs: 20_000 });
  const headers = { 'ocp-apim-subscription-key': options.subscriptionKey, 'content-type': 'application/json' };
  const made = await send({
    method: 'POST',
    path: '/v1_0/apiuser',
    headers: { ...headers, 'x-reference-id': options.apiUser },
    body: JSON.stringify({ providerCallbackHost: options.callbackHost }),
  });
  if (made.kind !== 'answered' || ![201, 409].includes(made.status)) return null;
  const key = await send({ method: 'POST', path: `/v1_0/apiuser/${options.apiUser}/apikey`, headers, body: '' });
  const apiKey = key.kind === 'answered' && key.status === 201 ? textOf(parseObject(key.body), 'apiKey') : null;
  return apiKey === null ? null : { apiUser: options.apiUser, apiKey };
}
