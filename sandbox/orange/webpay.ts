/**
 * The group's web payment. Whose page it is stands in the merchant's text, for the protocol itself names no payer. People
 * here open their page when the merchant first asks how the order stands: who can ask has kept the order's token, and has led
 * the payer there. An order whose answer was lost, or whose token was, has a page that nobody ever opens.
 */
import { uuidOfShortId } from '../../domain/ids.ts';
import { minorOf } from '../amounts.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, Refusals } from '../rail.ts';
import { type Answer, fieldOf, isWebAddress, json, parseBody, type SandboxAnswer, type SandboxRequest } from '../wire.ts';
import { type OrangeFace, withCallingCode } from './types.ts';

type Body = Readonly<Record<string, unknown>>;

const LENGTH_MAX = { order: 30, reference: 30, address: 120 };

function problem(status: number, code: number, message: string): SandboxAnswer {
  return json(status, { code, message, description: `${message}.` });
}

/** How the web payment writes that it did nothing. */
const REFUSALS: Refusals = {
  error: problem(500, 1, 'Internal error'),
  busy: problem(429, 53, 'Too many requests'),
  staleToken: json(401, { code: 42, message: 'Expired credentials', description: 'The token is not valid any more.' }),
};

export async function serveWebpay(face: OrangeFace, request: SandboxRequest): Promise<Answer> {
  const base = `/orange-money-webpay/${face.account.countryPath}/v1`;
  const body = parseBody(request.body);
  if (request.method !== 'POST' || body === null) return problem(400, 22, 'Invalid body');
  if (request.path === `${base}/webpayment`) return start(face, body);
  return request.path === `${base}/transactionstatus` ? tellStatus(face, body) : problem(404, 60, 'Resource not found');
}

/** The first field that is not as it must be, or null. */
function wrongField({ rail }: OrangeFace, body: Body): string | null {
  const isAddress = (name: string) => isWebAddress(fieldOf(body, name)) && fieldOf(body, name).length <= LENGTH_MAX.address;
  const checks: readonly (readonly [string, boolean])[] = [
    ['currency', fieldOf(body, 'currency') === rail.rail.currency],
    ['order_id', /^.{1,30}$/.test(fieldOf(body, 'order_id'))],
    ['amount', typeof body['amount'] === 'number' && Number.isInteger(body['amount']) && body['amount'] > 0],
    ['return_url', isAddress('return_url')],
    ['cancel_url', isAddress('cancel_url')],
    ['notif_url', isAddress('notif_url')],
    ['lang', ['fr', 'en'].includes(fieldOf(body, 'lang'))],
    ['reference', fieldOf(body, 'reference').length <= LENGTH_MAX.reference],
  ];
  return checks.find(([, isRight]) => !isRight)?.[0] ?? null;
}

async function start(face: OrangeFace, body: Body): Promise<Answer> {
  const { rail, account } = face;
  if (fieldOf(body, 'merchant_key') !== account.merchantKey) return problem(403, 50, 'Access denied');
  const field = wrongField(face, body);
  if (field !== null) return problem(400, 23, `Invalid ${field}`);
  const payer = /\d{8,10}$/.exec(fieldOf(body, 'reference'))?.[0] ?? null;
  const orderId = fieldOf(body, 'order_id');
  const reference = uuidOfShortId(orderId) ?? orderId;
  const phone = payer === null ? '' : withCallingCode(rail, payer);
  if (rail.foretold('collection', phone) === 'unavailable') return problem(429, 53, 'Too many requests');
  const token = (name: string, length: number) =>
    rail.chance.text('0123456789abcdef', length, name, orderId, rail.count(`order ${orderId}`));
  const tokens = { payToken: token('pay', 64), notifToken: token('notif', 32) };
  const opened = json(201, {
    status: 201,
    message: 'OK',
    pay_token: tokens.payToken,
    payment_url: `https://webpayment.sandbox.invalid/payment/pay_token/${tokens.payToken}`,
    notif_token: tokens.notifToken,
  });
  const amountMinor = minorOf(fieldOf(body, 'amount'), rail.rail.currency) ?? 0n;
  const answer = await rail.underFaults({ kind: 'collection', reference, phone, amountMinor, refusals: REFUSALS }, async () => opened);
  if (answer !== opened || payer === null) return answer;
  await rail.submit({
    kind: 'collection',
    ourReference: reference,
    amountMinor,
    phone,
    callbackUrl: fieldOf(body, 'notif_url'),
    namesOf: () => ({ payToken: tokens.payToken }),
    notes: { service: 'webpay', orderId, notifToken: tokens.notifToken },
    onPage: true,
  });
  return answer;
}

/** Asks for all three: order, amount and token. */
async function tellStatus({ rail }: OrangeFace, body: Body): Promise<Answer> {
  const payToken = fieldOf(body, 'pay_token');
  const transaction = rail.byName(payToken);
  if (transaction !== undefined) await rail.open(transaction);
  return rail.inquiry(payToken, problem(500, 1, 'Internal error'), () => {
    const amountMinor = minorOf(fieldOf(body, 'amount'), rail.rail.currency);
    if (
      transaction === undefined ||
      transaction.notes['orderId'] !== fieldOf(body, 'order_id') ||
      transaction.amountMinor !== amountMinor
    ) {
      return problem(400, 23, 'Invalid order');
    }
    const told = rail.told(transaction);
    const txnid = told.state === 'succeeded' ? txnidOf(told) : '';
    return json(201, { status: statusOf(told), order_id: told.notes['orderId'], txnid });
  });
}

/** There are no codes beside the status: one that was written stands in its place. */
function statusOf({ state, code, failure }: Transaction): string {
  return { pending: 'INITIATED', succeeded: 'SUCCESS', failed: code ?? (failure === 'expired' ? 'EXPIRED' : 'FAILED') }[state];
}

function txnidOf(transaction: Transaction): string {
  return `MP${transaction.id}`;
}

export function webpayMessageOf(transaction: Transaction): CallbackMessage {
  return {
    method: 'POST',
    url: transaction.callbackUrl ?? '',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status: statusOf(transaction), notif_token: transaction.notes['notifToken'], txnid: txnidOf(transaction) }),
  };
}
