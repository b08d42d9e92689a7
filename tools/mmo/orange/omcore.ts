/**
 * Cameroon's "omcoreapis" 1.0.2: merchant payments with a prompt, cash-ins. Each begins with a pay token,
 * which is kept before anything is paid under it; a payment is then asked for by its token alone, and one
 * for which no token was kept was never made.
 */
import { shortIdOf } from '../../../domain/ids.ts';
import type { Money } from '../../../domain/money.ts';
import { isRemembered, outcomeWithoutAnswer, plainText, refusalBeforeSending, succeededWith } from '../checks.ts';
import { basicAuthorization, CLIENT_CREDENTIALS_FORM } from '../oauth.ts';
import type { EffectRequest, InquiryRequest, OperatorHandle, OperatorLeg, Outcome } from '../operator.ts';
import { objectOf, parseObject, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown, unmapped } from '../reasons.ts';
import { nationalOf, wireAmount } from '../writing.ts';
import { isThrottled } from '../throttle.ts';
import { createLine, goodBody, type Half, type HalfDeps, type Line, refusesToken } from './line.ts';
import type { OmcoreProfile } from './profile.ts';

const BASE = '/omcoreapis/1.0.2';
/** The code of a step that was done. */
const DONE = '200';

export function createOmcore(deps: HalfDeps, profile: OmcoreProfile): Half {
  const line = createLine(deps, {
    baseUrl: profile.baseUrl,
    clientId: profile.clientId,
    tokenCall: {
      method: 'POST',
      path: '/token',
      headers: {
        authorization: basicAuthorization(profile.clientId, profile.clientSecret),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: CLIENT_CREDENTIALS_FORM,
    },
    headers: { 'x-auth-token': Buffer.from(`${profile.apiUser}:${profile.apiPassword}`).toString('base64') },
  });
  return {
    submit: (request) => submit(deps, profile, line, request),
    inquire: (request) => inquire(deps, profile, line, request),
    // These interfaces tell no balance.
    balance: async () => null,
  };
}

function resourceOf(leg: 'collection' | 'payout'): string {
  return leg === 'collection' ? `${BASE}/mp` : `${BASE}/cashin`;
}

async function submit(deps: HalfDeps, profile: OmcoreProfile, line: Line, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(deps.rail, deps.leg, request);
  if (refusal !== null) return refusal;
  const customer = nationalOf(request.phone);
  if (customer === null || !/^\d{9}$/.test(customer)) return failed('phone_invalid');
  const opened = await line('POST', `${resourceOf(deps.leg)}/init`);
  const payToken = textOf(objectOf(goodBody(opened) ?? undefined, 'data'), 'payToken');
  if (payToken === null) return outcomeWithoutToken(opened);
  if (!(await isRemembered(request, { payToken }))) return failed('store_unavailable');
  const answer = await line('POST', `${resourceOf(deps.leg)}/pay`, {
    notifUrl: request.callbackUrl,
    channelUserMsisdn: profile.channelMsisdn,
    amount: wireAmount(request.amount),
    subscriberMsisdn: customer,
    pin: profile.pin,
    orderId: shortIdOf(request.requestId),
    description: plainText(request.note, 100),
    payToken,
  });
  if (answer.kind !== 'answered') return { ...outcomeWithoutAnswer(answer), handle: { payToken } };
  if (isThrottled(answer)) return failed('operator_busy', { payToken });
  const data = objectOf(goodBody(answer) ?? undefined, 'data');
  if (data === undefined) return unknown(parseObject(answer.body) === undefined ? 'unreadable_answer' : 'operator_error', { payToken });
  if (textOf(data, 'payToken') !== payToken) return unknown('reference_mismatch', { payToken });
  const accepted = { payToken, accepted: 'yes' };
  const outcome = omcoreOutcome(data, deps.leg, accepted);
  // A prompt cannot have been answered with the request for it, and a failure for reasons nobody knows may be about the request: the status decides.
  const isEarly = deps.leg === 'collection' && outcome.state === 'succeeded';
  const isOdd = outcome.state === 'failed' && outcome.reasonCode.startsWith('unmapped:');
  return isEarly || isOdd ? pending(accepted) : checkedAmount(deps, data, outcome, request.amount, accepted);
}

/** A success, provided that the amount beside it is ours where there is one. */
function checkedAmount(deps: HalfDeps, data: ReadingObject, outcome: Outcome, expected: Money, handle?: OperatorHandle): Outcome {
  if (outcome.state !== 'succeeded') return outcome;
  const told = textOf(data, 'amount');
  const amount = readAmount(told, deps.rail.currency);
  return told !== null && amount === null ? unknown('amount_mismatch', handle) : succeededWith(outcome.receipt, amount, expected, handle);
}

/** Without a pay token nothing was asked for: a failure, and the answer tells whose. */
function outcomeWithoutToken(answer: Awaited<ReturnType<Line>>): Outcome {
  if (answer.kind === 'not_sent') return outcomeWithoutAnswer(answer);
  if (answer.kind !== 'answered') return failed('operator_unavailable');
  if (isThrottled(answer)) return failed('operator_busy');
  return failed(refusesToken(answer) || answer.status === 403 ? 'rail_misconfigured' : 'operator_unavailable');
}

async function inquire(deps: HalfDeps, profile: OmcoreProfile, line: Line, request: InquiryRequest): Promise<Outcome> {
  const { payToken } = request.handle;
  const ageMs = request.nowMs - request.sentAtMs;
  if (payToken === undefined) return ageMs >= deps.absentAfterMs ? failed('never_received') : unknown('not_found_yet');
  const answer = await line('GET', `${resourceOf(deps.leg)}/paymentstatus/${encodeURIComponent(payToken)}`);
  const data = objectOf(goodBody(answer) ?? undefined, 'data');
  if (data === undefined) return unknown('inquiry_failed');
  const about = textOf(data, 'payToken');
  if (about !== null && about !== payToken) return unknown('reference_mismatch');
  const outcome = omcoreOutcome(data, deps.leg);
  if (outcome.state === 'succeeded') return checkedAmount(deps, data, outcome, request.amount);
  const isUnpaid = textOf(data, 'status')?.toUpperCase() === 'INITIATED' && request.handle['accepted'] === undefined;
  if (isUnpaid) return ageMs >= (profile.unpaidAfterMs ?? Infinity) ? failed('never_received') : unknown('not_found_yet');
  return outcome;
}

/**
 * What the data of a payment says. The status decides, and the codes beside it tell why it failed; where the code of the last step says the
 * opposite of the status nobody can tell. A payment's last step is the payer's confirmation, a cash-in's the only one.
 */
export function omcoreOutcome(data: ReadingObject, leg: OperatorLeg, handle?: OperatorHandle): Outcome {
  const status = textOf(data, 'status')?.toUpperCase();
  const last = textOf(data, leg === 'collection' ? 'confirmtxnstatus' : 'txnstatus');
  switch (status) {
    // Orange writes it with two L's; the others are accepted in case somebody corrects it.
    case 'SUCCESSFULL':
    case 'SUCCESSFUL':
    case 'SUCCESS': {
      const receipt = textOf(data, 'txnid') ?? textOf(data, 'payToken');
      if (receipt === null || (last !== null && last !== DONE)) return unknown('contradiction', handle);
      return { state: 'succeeded', receipt, amount: null, ...(handle ? { handle } : {}) };
    }
    case 'FAILED':
      return last === DONE ? unknown('contradiction', handle) : omcoreFailure(data, leg);
    case 'EXPIRED':
      return failed(leg === 'collection' ? 'payer_no_answer' : 'operator_refused');
    case 'CANCELLED':
      return failed(leg === 'collection' ? 'payer_declined' : 'operator_refused');
    case 'PENDING':
    case 'INITIATED':
      return pending(handle);
    default:
      return unknown(unmapped(status ?? 'no_status'), handle);
  }
}

function omcoreFailure(data: ReadingObject, leg: OperatorLeg): Outcome {
  const codes = ['txnstatus', 'inittxnstatus', 'confirmtxnstatus'].map((key) => textOf(data, key)).filter((code) => code !== null);
  const code = codes.find((each) => each !== DONE);
  if (code === '60019') return failed(leg === 'collection' ? 'insufficient_funds' : 'float_too_low');
  if (code !== undefined) return { state: 'failed', reasonCode: unmapped(code), retry: 'later' };
  return failed(leg === 'collection' ? 'payer_declined' : 'operator_refused');
}
