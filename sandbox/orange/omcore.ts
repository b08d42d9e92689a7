/**
 * Cameroon's omcoreapis: a pay token first, then the payment under it. A token is its own proof, so that
 * one handed out before a restart is known after it.
 */
import { uuidOfShortId } from '../../domain/ids.ts';
import { jsonNumberOfMinor, minorOf } from '../amounts.ts';
import type { Failure, Kind } from '../fates.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, Refusals, SandboxRail } from '../rail.ts';
import { type Answer, fieldOf, isWebAddress, json, parseBody, type SandboxAnswer, type SandboxRequest } from '../wire.ts';
import { type OrangeFace, withCallingCode } from './types.ts';

const HEX = '0123456789ABCDEF';
const PATH = /^\/omcoreapis\/1\.0\.2\/(mp|cashin)\/(init|pay|push|paymentstatus)(?:\/([A-Z0-9]+))?$/;

/** Codes beside a failed status. A payer's refusal has none. */
const CODES: Readonly<Record<Failure, string | null>> = {
  declined: null,
  no_funds: '60019',
  cannot_receive: '60030',
  unavailable: '60021',
  float_too_low: '60019',
  below_minimum: '60014',
  above_maximum: '60014',
  bad_credential: '60011',
  no_answer: null,
  expired: null,
  wrong_pin: null,
  payer_limit: '60014',
  receiver_limit: '60030',
  wallet_not_found: '60030',
  operator_error: '60021',
};

/** How omcoreapis and the WSO2 gateway in front of it write that nothing was done. */
const REFUSALS: Refusals = {
  error: json(500, { message: 'Internal server error', data: null }),
  busy: json(429, { fault: { code: 900800, message: 'Message throttled out', description: 'You have exceeded your quota' } }),
  staleToken: json(200, { fault: { code: 900901, message: 'Invalid Credentials', description: 'Access failure' } }),
};

export async function serveOmcore(face: OrangeFace, request: SandboxRequest): Promise<Answer> {
  const { apiUser, apiPassword } = face.account;
  const expected = Buffer.from(`${apiUser}:${apiPassword}`).toString('base64');
  if (request.headers['x-auth-token'] !== expected) return json(403, { message: 'Access denied', data: null });
  const [, product, call, token = ''] = PATH.exec(request.path) ?? [];
  const kind: Kind = product === 'mp' ? 'collection' : 'disbursement';
  if (request.method === 'POST' && call === 'init') return init(face.rail, kind);
  if (request.method === 'POST' && call === 'pay') return pay(face, kind, request);
  if (request.method === 'GET' && (call === 'paymentstatus' || call === 'push')) return tellStatus(face.rail, kind, token);
  return json(404, { message: 'Resource not found', data: null });
}

function init(rail: SandboxRail, kind: Kind): SandboxAnswer {
  const stem = rail.chance.text(HEX, 20, 'pay token', kind, rail.count('pay token'), rail.scheduler.now());
  return json(200, { message: 'Payment request successfully initiated', data: { payToken: `MP${stem}${checkOf(rail, kind, stem)}` } });
}

function checkOf(rail: SandboxRail, kind: Kind, stem: string): string {
  return rail.chance.text(HEX, 6, 'pay token check', kind, stem);
}

function isOurs(rail: SandboxRail, kind: Kind, token: string): boolean {
  const [, stem = '', check = ''] = /^MP([0-9A-F]{20})([0-9A-F]{6})$/.exec(token) ?? [];
  return stem !== '' && checkOf(rail, kind, stem) === check;
}

async function pay(face: OrangeFace, kind: Kind, request: SandboxRequest): Promise<Answer> {
  const { rail, account } = face;
  const body = parseBody(request.body) ?? {};
  const payToken = fieldOf(body, 'payToken');
  const amountMinor = typeof body['amount'] === 'string' ? minorOf(body['amount'], rail.rail.currency) : null;
  const subscriber = fieldOf(body, 'subscriberMsisdn');
  if (fieldOf(body, 'channelUserMsisdn') !== account.channelMsisdn || fieldOf(body, 'pin') !== account.pin) {
    return json(403, { message: 'Invalid channel user or PIN', data: null });
  }
  if (amountMinor === null || !/^\d{9}$/.test(subscriber) || !isWebAddress(fieldOf(body, 'notifUrl')) || fieldOf(body, 'orderId') === '') {
    return json(400, { message: 'Bad request', data: null });
  }
  if (!isOurs(rail, kind, payToken)) return json(404, { message: 'Unknown pay token', data: null });
  const known = rail.byName(payToken);
  if (known !== undefined) return dataAnswer(rail, known);
  const orderId = fieldOf(body, 'orderId');
  const reference = uuidOfShortId(orderId) ?? orderId;
  const phone = withCallingCode(rail, subscriber);
  return rail.underFaults({ kind, reference, phone, amountMinor, refusals: REFUSALS }, async () => {
    const transaction = await rail.submit({
      kind,
      ourReference: reference,
      amountMinor,
      phone,
      callbackUrl: fieldOf(body, 'notifUrl'),
      namesOf: () => ({ payToken }),
      notes: { service: 'omcore', orderId, subscriber, channel: account.channelMsisdn },
    });
    // The answer to a payment never tells its end, even when the end has come already.
    return dataAnswer(rail, { ...transaction, state: 'pending' });
  });
}

function tellStatus(rail: SandboxRail, kind: Kind, token: string): Answer {
  return rail.inquiry(token, json(500, { message: 'Internal server error', data: null }), () => {
    const transaction = rail.byName(token);
    if (transaction !== undefined) return dataAnswer(rail, rail.told(transaction));
    if (!isOurs(rail, kind, token)) return json(404, { message: 'Unknown pay token', data: null });
    return json(200, { message: 'Payment request initiated', data: { payToken: token, status: 'INITIATED', amount: null, txnid: null } });
  });
}

function dataAnswer(rail: SandboxRail, transaction: Transaction): SandboxAnswer {
  return json(200, { message: 'Operation successful', data: dataOf(rail, transaction) });
}

function dataOf(rail: SandboxRail, transaction: Transaction): Record<string, unknown> {
  const { kind, state, failure, code: own, notes, names, callbackUrl, amountMinor, atMs } = transaction;
  const code = state === 'failed' && failure !== null ? (own ?? CODES[failure]) : '200';
  const told = kind === 'collection' ? { inittxnstatus: code ?? '200', confirmtxnstatus: null } : { txnstatus: code, txnmessage: '' };
  return {
    createtime: String(Math.floor(atMs / 1000)),
    subscriberMsisdn: notes['subscriber'],
    amount: jsonNumberOfMinor(amountMinor, rail.rail.currency),
    payToken: names['payToken'],
    txnid: `${kind === 'collection' ? 'MP' : 'CI'}${transaction.id}`,
    txnmode: notes['orderId'],
    ...told,
    status: { pending: 'PENDING', succeeded: 'SUCCESSFULL', failed: 'FAILED' }[state],
    notifUrl: callbackUrl,
    channelUserMsisdn: notes['channel'],
  };
}

export function omcoreMessageOf(rail: SandboxRail, transaction: Transaction): CallbackMessage {
  return {
    method: 'POST',
    url: transaction.callbackUrl ?? '',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(dataOf(rail, transaction)),
  };
}
