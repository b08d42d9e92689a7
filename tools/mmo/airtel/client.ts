/**
 * Airtel Money Africa, Open API: a push to the payer's handset for collections, disbursements under our
 * encrypted PIN, refunds of whole collections.
 *
 * `transaction.id` is our request id and makes a repeat harmless. Nothing but the transaction's status is
 * believed, and a callback only leads to an enquiry. A refused PIN stops all payouts of this client: the
 * next try could lock the account.
 */
import type { Clock } from '../../../domain/clock.ts';
import type { Money } from '../../../domain/money.ts';
import type { Rail } from '../../../domain/rail.ts';
import { isRemembered, outcomeWithoutAnswer, plainText, refusalBeforeSending, succeededWith } from '../checks.ts';
import type { Fetch, HttpAnswer } from '../http.ts';
import type { Capabilities, EffectRequest, InquiryRequest, OperatorClient, Outcome, RefundRequest, WalletState } from '../operator.ts';
import type { PinGuard } from '../pins.ts';
import { objectOf, parseObject, readAmount, readBalance, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { encryptUnder } from '../public-key.ts';
import type { TokenVault } from '../tokens.ts';
import { nationalOf, wireNumber } from '../writing.ts';
import { parseAirtelCallback } from './callbacks.ts';
import { type Airtel, connect } from './connection.ts';
import { ACCEPTED, meaningOf, statusOutcome, submitOutcome } from './outcomes.ts';
import type { AirtelProfile } from './profile.ts';

export interface AirtelDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
  readonly pins: PinGuard;
}

/** What Airtel tells about a wallet. Holds a name: never logged, never stored in clear. */
export interface AirtelHolder {
  readonly name: string | null;
  readonly isBarred: boolean;
  readonly hasPin: boolean;
}

export interface AirtelClient extends OperatorClient {
  /** The holder of a wallet by E.164 number · `absent`: there is no such wallet · null: it cannot be told. */
  holderOf(phone: string): Promise<AirtelHolder | 'absent' | null>;
}

const CAPABILITIES: Capabilities = {
  approval: 'prompt',
  repeatable: { collection: true, payout: true },
  refund: 'operation',
  refundsParts: false,
  refundByRequest: false,
  balance: 'answer',
  walletCheck: 'name',
  callbackProof: 'hash',
  callbackAddress: 'application',
};

/** Makes the client of one rail. Throws `config_invalid` when the public key cannot be read. */
export function createAirtelClient(deps: AirtelDeps, rail: Rail, profile: AirtelProfile): AirtelClient {
  const airtel = connect(deps, rail, profile);
  return {
    railId: rail.id,
    capabilities: CAPABILITIES,
    collect: (request) => collect(airtel, request),
    disburse: (request) => disburse(airtel, request),
    refund: (request) => refund(airtel, request),
    inquire: (request) => inquire(airtel, request),
    walletState: (phone) => walletState(airtel, phone),
    balance: () => balance(airtel),
    holderOf: (phone) => holderOf(airtel, phone),
    parseCallback: (body) => parseAirtelCallback(body, profile.callbackKey, profile.codes),
    callbackAnswer: { status: 200, body: '', contentType: 'text/plain' },
  };
}

async function collect(airtel: Airtel, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(airtel.rail, 'collection', request);
  if (refusal !== null) return refusal;
  const msisdn = nationalOf(request.phone);
  if (msisdn === null) return failed('phone_invalid');
  const { country, currency } = airtel.rail;
  const answer = await airtel.post(`/merchant/${airtel.profile.collection.version}/payments/`, {
    reference: plainText(request.note, 64),
    subscriber: { country, currency, msisdn },
    transaction: { amount: wireNumber(request.amount), country, currency, id: request.requestId },
  });
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  return submitOutcome(answer.status, parseObject(answer.body), 'collection', airtel.profile.codes);
}

async function disburse(airtel: Airtel, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(airtel.rail, 'payout', request);
  if (refusal !== null) return refusal;
  const msisdn = nationalOf(request.phone);
  if (msisdn === null) return failed('phone_invalid');
  return airtel.pins.use({ railId: airtel.rail.id, pin: airtel.profile.payout.pin }, () => payOut(airtel, msisdn, request));
}

async function payOut(airtel: Airtel, msisdn: string, request: EffectRequest): Promise<Outcome> {
  const { payout } = airtel.profile;
  const answer = await airtel.post(`/standard/${payout.version}/disbursements/`, {
    payee: { msisdn, ...(payout.version === 'v3' ? { currency: airtel.rail.currency, wallet_type: payout.walletType } : {}) },
    reference: plainText(request.note, 64),
    pin: encryptUnder(airtel.pinKey, payout.pin, payout.encryption),
    transaction: { amount: wireNumber(request.amount), id: request.requestId, ...(payout.version === 'v1' ? {} : { type: 'B2C' }) },
  });
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  const body = parseObject(answer.body);
  const outcome = submitOutcome(answer.status, body, 'payout', airtel.profile.codes);
  const transaction = objectOf(objectOf(body, 'data'), 'transaction');
  return namesAnother(transaction, request.requestId) ? unknown('reference_mismatch') : outcome;
}

/** Airtel names the transaction it speaks of; another one than ours is somebody else's. */
function namesAnother(transaction: ReadingObject | undefined, requestId: string): boolean {
  const id = textOf(transaction, 'id');
  return id !== null && id !== 'false' && id !== requestId;
}

/** Airtel takes whole collections back, and knows them by its own id. A refund has no id of ours. */
async function refund(airtel: Airtel, request: RefundRequest): Promise<Outcome> {
  const { original } = request;
  if (request.amount.minor !== original.amount.minor || request.amount.currency !== original.amount.currency)
    return failed('partial_refund');
  const handle = { refundOf: original.requestId, refundedReceipt: original.receipt };
  if (!(await isRemembered(request, handle))) return failed('store_unavailable');
  const { version, answerIsFinal } = airtel.profile.refund;
  const answer = await airtel.post(`/standard/${version}/payments/refund`, { transaction: { airtel_money_id: original.receipt } });
  if (answer.kind !== 'answered') return { ...outcomeWithoutAnswer(answer), handle };
  const body = parseObject(answer.body);
  const outcome = submitOutcome(answer.status, body, 'refund', airtel.profile.codes);
  if (outcome.state === 'pending' && answerIsFinal)
    return { state: 'succeeded', receipt: original.receipt, amount: request.amount, handle };
  return outcome.state === 'failed' ? outcome : { ...outcome, handle: { ...outcome.handle, ...handle } };
}

async function inquire(airtel: Airtel, request: InquiryRequest): Promise<Outcome> {
  if (request.leg === 'refund') return inquireRefund(airtel, request);
  const { profile } = airtel;
  if (request.leg === 'collection' && request.nowMs - request.sentAtMs < profile.enquireAfterMs) {
    return request.handle['accepted'] === undefined ? unknown('awaiting_result') : pending();
  }
  const path =
    request.leg === 'collection'
      ? `/standard/v1/payments/${request.requestId}`
      : `/standard/${profile.payout.version}/disbursements/${request.requestId}${profile.payout.version === 'v1' ? '' : '?transactionType=B2C'}`;
  const answer = await airtel.get(path);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  if (body === undefined) return unknown('inquiry_failed');
  const outcome = statusOutcome(body, profile.codes);
  if (outcome === null) return outcomeWithoutStatus(airtel, request, answer, body);
  const transaction = objectOf(objectOf(body, 'data'), 'transaction');
  if (namesAnother(transaction, request.requestId)) return unknown('reference_mismatch');
  if (outcome.state !== 'succeeded') return outcome;
  // Enquiries name no amount in most countries; where one does, it must be ours.
  const told = textOf(transaction, 'amount');
  const amount = readAmount(told, airtel.rail.currency);
  if (told !== null && amount === null) return unknown('amount_mismatch');
  return succeededWith(outcome.receipt, amount, request.amount);
}

/** No status: a transaction Airtel does not know, or an error of the enquiry itself. */
function outcomeWithoutStatus(airtel: Airtel, request: InquiryRequest, answer: HttpAnswer, body: ReadingObject): Outcome {
  const { profile } = airtel;
  const isAbsent = profile.absentCodes.some((code) => meaningCodes(body).includes(code));
  if (!isAbsent || answer.kind !== 'answered') {
    return unknown(meaningOf(body, profile.codes) === 'absent' ? 'not_found_yet' : 'inquiry_failed');
  }
  if (request.handle['accepted'] !== undefined) return unknown('not_found_yet');
  return request.nowMs - request.sentAtMs >= profile.absentAfterMs ? failed('never_received') : unknown('not_found_yet');
}

function meaningCodes(body: ReadingObject): readonly string[] {
  const status = objectOf(body, 'status');
  return [textOf(status, 'response_code') ?? '', textOf(status, 'result_code') ?? '', textOf(body, 'status_code') ?? ''];
}

/** A refund shows on the collection it took back: its status becomes TR. */
async function inquireRefund(airtel: Airtel, request: InquiryRequest): Promise<Outcome> {
  const { refundOf, refundedReceipt } = request.handle;
  if (refundOf === undefined || refundedReceipt === undefined) return unknown('no_operator_id');
  const answer = await airtel.get(`/standard/v1/payments/${refundOf}`);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  const transaction = objectOf(objectOf(body, 'data'), 'transaction');
  if (transaction === undefined) return unknown('inquiry_failed');
  if (namesAnother(transaction, refundOf)) return unknown('reference_mismatch');
  const isBack = textOf(transaction, 'status')?.toUpperCase() === 'TR';
  if (isBack) return { state: 'succeeded', receipt: textOf(transaction, 'airtel_money_id') ?? refundedReceipt, amount: null };
  return request.handle['accepted'] === undefined ? unknown('awaiting_result') : pending(ACCEPTED);
}

async function balance(airtel: Airtel): Promise<Money | null> {
  const { version } = airtel.profile.balance;
  const answer = await airtel.get(`/standard/${version}/users/balance${version === 'v1' ? '' : '?type=DISB'}`);
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  const data = objectOf(parseObject(answer.body), 'data');
  if (textOf(data, 'currency') !== airtel.rail.currency) return null;
  return readBalance(textOf(data, 'balance'), airtel.rail.currency)?.amount ?? null;
}

async function holderOf(airtel: Airtel, phone: string): Promise<AirtelHolder | 'absent' | null> {
  const msisdn = nationalOf(phone);
  if (msisdn === null) return null;
  const answer = await airtel.get(`/standard/v1/users/${msisdn}`);
  if (answer.kind !== 'answered') return null;
  const body = parseObject(answer.body);
  const data = objectOf(body, 'data');
  if (data === undefined) return body !== undefined && /not found|does not exist/i.test(statusText(body)) ? 'absent' : null;
  const name = [textOf(data, 'first_name'), textOf(data, 'last_name')].filter((part) => part !== null).join(' ');
  return { name: name === '' ? null : name, isBarred: data['is_barred'] === true, hasPin: data['is_pin_set'] === true };
}

async function walletState(airtel: Airtel, phone: string): Promise<WalletState> {
  const holder = await holderOf(airtel, phone);
  if (holder === null) return 'unknown';
  if (holder === 'absent') return 'absent';
  return holder.isBarred ? 'inactive' : 'active';
}

function statusText(body: ReadingObject): string {
  return textOf(objectOf(body, 'status'), 'message') ?? '';
}
