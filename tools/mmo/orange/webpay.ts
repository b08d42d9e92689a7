/**
 * Orange's group web payment: the payer is led to a page of Orange's, enters a number and a one-time code.
 *
 * Nothing is taken until the payer acts, and nobody can act without the address of the page. So an order
 * whose answer was lost can never be paid; it is left in doubt all the same until its page is dead.
 * Notifications carry no signature and no order, only the token we were given at the start.
 */
import { digestOf, shortIdOf } from '../../../domain/ids.ts';
import { isRemembered, outcomeWithoutAnswer, refusalBeforeSending, succeededWith } from '../checks.ts';
import { basicAuthorization, CLIENT_CREDENTIALS_FORM } from '../oauth.ts';
import type { EffectRequest, InquiryRequest, OperatorHandle, Outcome } from '../operator.ts';
import { parseObject, textOf } from '../reading.ts';
import { reachesWithinMs } from '../patience.ts';
import { failed, pending, unknown, unmapped } from '../reasons.ts';
import { nationalOf, wireNumber } from '../writing.ts';
import { isThrottled } from '../throttle.ts';
import { createLine, goodBody, type Half, type HalfDeps, type Line } from './line.ts';
import type { WebpayProfile } from './profile.ts';

/** Longest addresses Orange takes. */
const URL_LENGTH_MAX = 120;

export function createWebpay(deps: HalfDeps, profile: WebpayProfile): Half {
  const line = createLine(deps, {
    baseUrl: profile.baseUrl,
    clientId: profile.clientId,
    tokenCall: {
      method: 'POST',
      path: profile.tokenPath,
      headers: {
        authorization: basicAuthorization(profile.clientId, profile.clientSecret),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: CLIENT_CREDENTIALS_FORM,
    },
  });
  return {
    submit: (request) => start(deps, profile, line, request),
    inquire: (request) => inquire(deps, profile, line, request),
    // The web payment tells no balance.
    balance: async () => null,
  };
}

function pathOf(profile: WebpayProfile, call: string): string {
  return `/orange-money-webpay/${profile.countryPath}/v1/${call}`;
}

async function start(deps: HalfDeps, profile: WebpayProfile, line: Line, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(deps.rail, 'collection', request);
  if (refusal !== null) return refusal;
  const payer = nationalOf(request.phone);
  if (payer === null) return failed('phone_invalid');
  if (request.callbackUrl.length > URL_LENGTH_MAX) return failed('rail_misconfigured');
  const answer = await line('POST', pathOf(profile, 'webpayment'), {
    merchant_key: profile.merchantKey,
    currency: profile.wireCurrency ?? deps.rail.currency,
    order_id: shortIdOf(request.requestId),
    amount: wireNumber(request.amount),
    return_url: profile.returnUrl,
    cancel_url: profile.cancelUrl,
    notif_url: request.callbackUrl,
    lang: profile.language,
    reference: profile.namesPayer ? `CAPP ${payer}` : 'CAPP',
  });
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  if (isThrottled(answer)) return failed('operator_busy');
  const body = goodBody(answer);
  const payToken = textOf(body ?? undefined, 'pay_token');
  const paymentUrl = textOf(body ?? undefined, 'payment_url');
  if (payToken !== null && paymentUrl !== null) {
    const handle = { payToken, paymentUrl, ...notifHandle(textOf(body ?? undefined, 'notif_token')) };
    // Kept at once: an order whose token is lost can only be waited out, and nobody is led to its page.
    return (await isRemembered(request, handle)) ? pending(handle) : unknown('no_operator_id');
  }
  const isRefused = answer.status >= 400 && answer.status < 500 && answer.status !== 408 && parseObject(answer.body) !== undefined;
  return isRefused ? failed('rail_misconfigured') : unknown(answer.status >= 500 ? 'operator_error' : 'unreadable_answer');
}

/**
 * The token by which a notification proves itself. Kept and compared as a digest, so that the time a
 * comparison takes tells nothing about the token.
 */
export function notifHandle(notifToken: string | null): OperatorHandle {
  return notifToken === null ? {} : { notifDigest: digestOf(`orange notification ${notifToken}`) };
}

async function inquire(deps: HalfDeps, profile: WebpayProfile, line: Line, request: InquiryRequest): Promise<Outcome> {
  const { payToken, notified } = request.handle;
  if (payToken === undefined) {
    // Somebody told of a payment on a page nobody was led to: people must look.
    if (notified === 'SUCCESS') return unknown('contradiction');
    // A page lives from when its order reached Orange, at the latest.
    const isDead = request.nowMs - request.sentAtMs >= reachesWithinMs(deps) + profile.pageLifetimeMs + profile.settleMarginMs;
    return isDead ? failed('page_expired') : unknown('no_operator_id');
  }
  const orderId = shortIdOf(request.requestId);
  const answer = await line('POST', pathOf(profile, 'transactionstatus'), {
    order_id: orderId,
    amount: wireNumber(request.amount),
    pay_token: payToken,
  });
  const body = goodBody(answer);
  if (body === null) return unknown('inquiry_failed');
  const about = textOf(body, 'order_id');
  if (about !== null && about !== orderId) return unknown('reference_mismatch');
  return webpayOutcome(textOf(body, 'status'), textOf(body, 'txnid') ?? request.handle['txnid'] ?? orderId, request);
}

/** What a status of the web payment means. */
export function webpayOutcome(status: string | null, receipt: string, request?: Pick<InquiryRequest, 'amount'>): Outcome {
  switch (status?.toUpperCase()) {
    case 'SUCCESS':
      return request === undefined ? { state: 'succeeded', receipt, amount: null } : succeededWith(receipt, null, request.amount);
    case 'FAILED':
      return failed('payer_declined');
    case 'EXPIRED':
      return failed('payer_no_answer');
    case 'INITIATED':
    case 'PENDING':
      return pending();
    default:
      return unknown(unmapped(status ?? 'no_status'));
  }
}
