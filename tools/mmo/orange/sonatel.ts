/**
 * Sonatel's eWallet: payments with a prompt for collections, cash-ins under our encrypted PIN for payouts.
 *
 * Our reference is not documented to make a repeat harmless, so nothing is ever sent twice. Transactions
 * are asked for by Sonatel's id; when that was lost with an answer, by our reference where the host lists
 * them so. A refused PIN stops all payouts (`pins.ts`), for the account locks after three.
 */
import type { KeyObject } from 'node:crypto';
import type { Money } from '../../../domain/money.ts';
import { outcomeWithoutAnswer, refusalBeforeSending, succeededWith } from '../checks.ts';
import type { HttpAnswer } from '../http.ts';
import type { EffectRequest, InquiryRequest, OperatorHandle, OperatorLeg, Outcome } from '../operator.ts';
import type { PinName } from '../pins.ts';
import { encryptUnder, readPublicKey } from '../public-key.ts';
import { isObject, parseObject, parseReading, readAmount, readBalance, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, type Reason, unknown, unmapped } from '../reasons.ts';
import { nationalOf, wireNumber } from '../writing.ts';
import { isThrottled } from '../throttle.ts';
import { createLine, goodBody, type Half, type HalfDeps, type Line } from './line.ts';
import type { SonatelProfile } from './profile.ts';

type NotSent = HttpAnswer & { kind: 'not_sent' };

interface Sonatel {
  readonly deps: HalfDeps;
  readonly profile: SonatelProfile;
  readonly line: Line;
  /** The PIN under Sonatel's key, or why the key cannot be had. */
  readonly encryptedPin: () => Promise<string | NotSent>;
}

export function createSonatel(deps: HalfDeps, profile: SonatelProfile): Half {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: profile.clientId,
    client_secret: profile.clientSecret,
  }).toString();
  const line = createLine(deps, {
    baseUrl: profile.baseUrl,
    clientId: profile.clientId,
    tokenCall: { method: 'POST', path: profile.tokenPath, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form },
  });
  const sonatel: Sonatel = { deps, profile, line, encryptedPin: pinUnder(line, profile.pin) };
  return {
    submit: (request) => submit(sonatel, request),
    inquire: (request) => inquire(sonatel, request),
    balance: () => balance(sonatel),
  };
}

/** Fetches Sonatel's key once and encrypts the PIN under it (PKCS #1 v1.5), anew for each use. */
function pinUnder(line: Line, pin: string): () => Promise<string | NotSent> {
  let key: KeyObject | null = null;
  return async () => {
    if (key === null) {
      const given = await line('GET', '/api/account/v1/publicKeys');
      key = readKey(given);
      if (key === null) return given.kind === 'not_sent' ? given : { kind: 'not_sent', reason: 'unreachable' };
    }
    return encryptUnder(key, pin, 'pkcs1');
  };
}

function readKey(answer: HttpAnswer): KeyObject | null {
  try {
    const text = textOf(goodBody(answer) ?? undefined, 'key');
    return text === null ? null : readPublicKey(text);
  } catch {
    return null;
  }
}

async function submit(sonatel: Sonatel, request: EffectRequest): Promise<Outcome> {
  const { deps, profile, line } = sonatel;
  const refusal = refusalBeforeSending(deps.rail, deps.leg, request);
  if (refusal !== null) return refusal;
  const id = nationalOf(request.phone);
  if (id?.length !== profile.msisdnDigits) return failed('phone_invalid');
  const terms = {
    customer: { idType: 'MSISDN', id, walletType: 'PRINCIPAL' },
    amount: { value: wireNumber(request.amount), unit: deps.rail.currency },
    reference: request.requestId,
  };
  const headers: Record<string, string> = profile.sendsCallbackUrl ? { 'x-callback-url': request.callbackUrl } : {};
  if (deps.leg === 'collection') {
    const partner = { idType: 'CODE', id: profile.partnerCode };
    return outcomeOfSubmit(sonatel, await line('POST', '/api/eWallet/v1/payments', { ...terms, partner, method: 'CLASSIC' }, headers));
  }
  return deps.pins.use(pinOf(sonatel), async () => {
    const encryptedPinCode = await sonatel.encryptedPin();
    if (typeof encryptedPinCode !== 'string') return outcomeWithoutAnswer(encryptedPinCode);
    const partner = { idType: 'MSISDN', id: profile.retailerMsisdn, encryptedPinCode, walletType: 'PRINCIPAL' };
    const body = { ...terms, partner, receiveNotification: false };
    return outcomeOfSubmit(sonatel, await line('POST', '/api/eWallet/v1/cashins', body, headers));
  });
}

function pinOf({ deps, profile }: Sonatel): PinName {
  return { railId: deps.rail.id, pin: profile.pin };
}

function outcomeOfSubmit(sonatel: Sonatel, answer: HttpAnswer): Outcome {
  const { leg } = sonatel.deps;
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  if (isThrottled(answer)) return failed('operator_busy');
  const body = parseObject(answer.body);
  if (body === undefined) return unknown('unreadable_answer');
  const transactionId = textOf(body, 'transactionId');
  if (answer.status < 300 && transactionId !== null) {
    const outcome = sonatelOutcome(body, leg, { transactionId });
    return leg === 'collection' && outcome.state === 'succeeded' ? pending({ transactionId }) : outcome;
  }
  return sonatelProblem(answer.status, body, leg);
}

async function inquire(sonatel: Sonatel, request: InquiryRequest): Promise<Outcome> {
  const { transactionId } = request.handle;
  if (transactionId === undefined) return findByReference(sonatel, request);
  const answer = await sonatel.line('GET', `/api/eWallet/v1/transactions/${encodeURIComponent(transactionId)}/status`);
  const body = goodBody(answer);
  if (body === null) return unknown('inquiry_failed');
  return checked(sonatel, body, request, transactionId);
}

/** A transaction, held against what we asked for. */
function checked(sonatel: Sonatel, body: ReadingObject, request: InquiryRequest, transactionId: string): Outcome {
  const [about, reference] = [textOf(body, 'transactionId'), textOf(body, 'reference')];
  if ((about !== null && about !== transactionId) || (reference !== null && reference !== request.requestId)) {
    return unknown('reference_mismatch');
  }
  const outcome = sonatelOutcome(body, sonatel.deps.leg, { transactionId });
  if (outcome.state !== 'succeeded') return outcome;
  const { currency } = sonatel.deps.rail;
  const amountObject = isObject(body['amount']) ? body['amount'] : undefined;
  const amount = readAmount(textOf(amountObject, 'value'), currency);
  const isOdd = amountObject !== undefined && (amount === null || (textOf(amountObject, 'unit') ?? currency) !== currency);
  return isOdd ? unknown('amount_mismatch', { transactionId }) : succeededWith(outcome.receipt, amount, request.amount, { transactionId });
}

async function findByReference(sonatel: Sonatel, request: InquiryRequest): Promise<Outcome> {
  if (!sonatel.profile.findsByReference) return unknown('no_operator_id');
  const answer = await sonatel.line('GET', `/api/eWallet/v1/transactions?reference=${encodeURIComponent(request.requestId)}`);
  const list = answer.kind === 'answered' && answer.status === 200 ? parseReading(answer.body) : undefined;
  if (!Array.isArray(list)) return unknown('inquiry_failed');
  const found = list.filter(isObject).filter((each) => textOf(each, 'reference') === request.requestId);
  // Two transactions under one reference are two payments: people must look.
  if (found.length > 1) return unknown('contradiction');
  const transactionId = textOf(found[0], 'transactionId');
  if (found[0] !== undefined)
    return transactionId === null ? unknown('unreadable_answer') : checked(sonatel, found[0], request, transactionId);
  if (list.length > 0) return unknown('reference_mismatch');
  return request.nowMs - request.sentAtMs >= sonatel.deps.absentAfterMs ? failed('never_received') : unknown('not_found_yet');
}

async function balance(sonatel: Sonatel): Promise<Money | null> {
  const { deps, profile } = sonatel;
  let told = null as Money | null;
  await deps.pins.use(pinOf(sonatel), async () => {
    const encryptedPinCode = await sonatel.encryptedPin();
    if (typeof encryptedPinCode !== 'string') return outcomeWithoutAnswer(encryptedPinCode);
    const body = { idType: 'MSISDN', id: profile.retailerMsisdn, encryptedPinCode, wallet: 'PRINCIPAL' };
    const answer = await sonatel.line('POST', '/api/eWallet/v1/account/retailer/balance', body);
    const held = goodBody(answer);
    // A refusal speaks of our own PIN, as one of a payout does.
    if (held === null) return outcomeOfSubmit(sonatel, answer);
    const { currency } = deps.rail;
    if (textOf(held, 'unit') === currency) told = readBalance(textOf(held, 'value'), currency)?.amount ?? null;
    return pending();
  });
  return told;
}

/** What a transaction's status means. ACCEPTED is not documented; it is read as still under way. */
export function sonatelOutcome(body: ReadingObject, leg: OperatorLeg, handle?: OperatorHandle): Outcome {
  const status = textOf(body, 'status')?.toUpperCase();
  switch (status) {
    case 'SUCCESS': {
      const receipt = textOf(body, 'transactionId');
      if (receipt === null) return unknown('contradiction', handle);
      return { state: 'succeeded', receipt, amount: null, ...(handle ? { handle } : {}) };
    }
    case 'FAILED':
      return failed('operator_refused', handle);
    case 'REJECTED':
    case 'CANCELLED':
      return failed(leg === 'collection' ? 'payer_declined' : 'operator_refused', handle);
    case 'PRE_INITIATED':
    case 'INITIATED':
    case 'PENDING':
    case 'ACCEPTED':
      return pending(handle);
    default:
      return unknown(unmapped(status ?? 'no_status'), handle);
  }
}

type CodeTable = Readonly<Record<string, Reason>>;

const CODES_OF_BOTH: CodeTable = {
  2000: 'wallet_not_found',
  2001: 'phone_invalid',
  2041: 'operator_refused',
  2042: 'operator_refused',
  2043: 'operator_refused',
  4099: 'rail_misconfigured',
  10: 'rail_misconfigured',
  24: 'rail_misconfigured',
};

/** The payer is the customer in a collection and we ourselves in a payout. */
const CODES_OF_LEG: Readonly<Record<'collection' | 'payout', CodeTable>> = {
  collection: {
    2010: 'wrong_pin',
    2011: 'wrong_pin',
    2012: 'wrong_pin',
    2013: 'wrong_pin',
    2020: 'insufficient_funds',
    2021: 'insufficient_funds',
    2022: 'operator_refused',
    2023: 'payer_limit',
    2024: 'payer_limit',
    2025: 'rail_limit',
  },
  payout: {
    2010: 'pin_refused',
    2011: 'pin_refused',
    2012: 'pin_refused',
    2013: 'pin_refused',
    2020: 'float_too_low',
    2021: 'float_too_low',
    2022: 'operator_refused',
    2023: 'receiver_limit',
    2024: 'rail_limit',
    2025: 'receiver_limit',
  },
};

/** What a problem object of a money call means. 50 is "internal", behind which money may have moved. */
export function sonatelProblem(status: number, body: ReadingObject, leg: OperatorLeg): Outcome {
  const code = textOf(body, 'code') ?? '';
  const table = { ...CODES_OF_BOTH, ...CODES_OF_LEG[leg === 'collection' ? 'collection' : 'payout'] };
  const reason = Object.hasOwn(table, code) ? table[code] : undefined;
  if (reason !== undefined && status >= 400 && status < 500) return failed(reason);
  if (status === 401 || status === 403) return failed('rail_misconfigured');
  if (status >= 500 || code === '50') return unknown('operator_error');
  return unknown(code === '' ? 'unreadable_answer' : unmapped(code));
}
