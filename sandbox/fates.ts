/**
 * What befalls a transaction: by the last four digits of the customer's number for certain, and by
 * seeded chance for the rest. Numbers that operators publish for their own sandboxes are in `numbers.ts`.
 *
 * 0001 declines · 0002 has not enough funds · 0003 cannot be paid · 0004 direct rail will not pay now,
 * the hub does · 0005 direct rail will not collect now, the hub does · 0006 the answer is lost after the
 * operator acted · 0007 the callback is lost · 0008 the callback comes twice · 0009 ten times slower.
 */
import type { Chance } from './random.ts';

/** Why an operator's transaction failed; each protocol has its own codes for these. */
export const FAILURES = [
  'declined',
  'no_funds',
  'cannot_receive',
  'unavailable',
  'float_too_low',
  'below_minimum',
  'above_maximum',
  'bad_credential',
  'no_answer',
  'expired',
  'wrong_pin',
  'payer_limit',
  'receiver_limit',
  'wallet_not_found',
  'operator_error',
] as const;
export type Failure = (typeof FAILURES)[number];

export type Kind = 'collection' | 'disbursement';
/** `contradicting`: a second one says the opposite of the first. */
export const CALLBACK_FATES = ['once', 'lost', 'twice', 'late', 'early', 'contradicting'] as const;
export type CallbackFate = (typeof CALLBACK_FATES)[number];

/**
 * What may be written about the answer to a request. `lost_before`, `error`, `page_before`, `busy`, `stale_token`: the operator does not
 * act · `lost_after`, `page_after`: it has acted · `given`: it answers, whatever chance says.
 */
export const ANSWERS = ['given', 'lost_before', 'lost_after', 'error', 'page_before', 'page_after', 'busy', 'stale_token'] as const;
export type AnswerFate = (typeof ANSWERS)[number];

/** A transaction that cannot end before anybody stops waiting for it. */
export const NEVER_SLOWNESS = 1_000_000;

/** Shares of calls, from 0 to 1, that go wrong. */
export interface Faults {
  /** The operator acts, the connection is cut before its answer. */
  readonly answerLostAfter: number;
  /** The connection is cut before the operator acts. */
  readonly answerLostBefore: number;
  /** An HTTP 500 in the operator's own form, before it acts. */
  readonly serverError: number;
  /** A gateway's HTML page; half of them after the operator acted. */
  readonly htmlPage: number;
  readonly callbackLost: number;
  readonly callbackTwice: number;
  readonly callbackLate: number;
  /** The callback arrives before the answer to the request it is about. */
  readonly callbackEarly: number;
  /** An inquiry is answered by a cut, a 500 or a page. */
  readonly inquiryError: number;
}

export const NO_FAULTS: Faults = {
  answerLostAfter: 0,
  answerLostBefore: 0,
  serverError: 0,
  htmlPage: 0,
  callbackLost: 0,
  callbackTwice: 0,
  callbackLate: 0,
  callbackEarly: 0,
  inquiryError: 0,
};

/** A bad day at most operators: about one call in fifty goes wrong in some way. */
export const MODEST_FAULTS: Faults = {
  answerLostAfter: 0.005,
  answerLostBefore: 0.005,
  serverError: 0.005,
  htmlPage: 0.005,
  callbackLost: 0.01,
  callbackTwice: 0.02,
  callbackLate: 0.01,
  callbackEarly: 0.005,
  inquiryError: 0.01,
};

/** What an operator says of a transaction that is not so. Its books and statements tell the truth. */
export interface Lies {
  /** Messages and inquiries tell another amount. */
  readonly wrongAmount?: boolean;
  /** A while after its end, messages and inquiries tell the opposite. */
  readonly flips?: boolean;
}

export interface Fate {
  /** How it ends, as far as the customer and the rail decide; null is well. */
  readonly failure: Failure | null;
  readonly answerLost: boolean;
  /** What a script says about the answer; null leaves it to number and chance. */
  readonly answer: AnswerFate | null;
  /** The operator's own code for the failure, where it is not the usual one. */
  readonly code: string | null;
  readonly lies: Lies;
  /** What the number says about the callback; null leaves it to chance. */
  readonly callback: CallbackFate | null;
  /** By how much people and operator are slower. */
  readonly slowness: number;
}

/**
 * The fate a number carries. Somebody who has paid in before is paid as anybody, so that a refund to a
 * sender works whatever their number.
 */
export function fateOfNumber(phone: string, kind: Kind, isHub: boolean, hasPaidIn: boolean): Fate {
  const ending = phone.slice(-4);
  return {
    failure: kind === 'collection' ? collectionFailure(ending, isHub) : disbursementFailure(ending, isHub, hasPaidIn),
    answerLost: ending === '0006',
    answer: null,
    code: null,
    lies: {},
    callback: ending === '0006' ? 'late' : ending === '0007' ? 'lost' : ending === '0008' ? 'twice' : null,
    slowness: ending === '0009' ? 10 : 1,
  };
}

function collectionFailure(ending: string, isHub: boolean): Failure | null {
  if (ending === '0001') return 'declined';
  if (ending === '0002') return 'no_funds';
  return ending === '0005' && !isHub ? 'unavailable' : null;
}

function disbursementFailure(ending: string, isHub: boolean, hasPaidIn: boolean): Failure | null {
  if (hasPaidIn) return null;
  if (ending === '0003') return 'cannot_receive';
  return ending === '0004' && !isHub ? 'unavailable' : null;
}

export type CallFault = 'none' | Exclude<AnswerFate, 'given' | 'busy' | 'stale_token'>;

/** What happens to one call that moves money. */
export function callFault(chance: Chance, faults: Faults, ...names: readonly (string | number)[]): CallFault {
  const shares: readonly (readonly [CallFault, number])[] = [
    ['lost_after', faults.answerLostAfter],
    ['lost_before', faults.answerLostBefore],
    ['error', faults.serverError],
    ['page_before', faults.htmlPage / 2],
    ['page_after', faults.htmlPage / 2],
  ];
  return pick(chance.draw('call', ...names), shares) ?? 'none';
}

/** What happens to a callback nobody's number speaks for. */
export function callbackFault(chance: Chance, faults: Faults, ...names: readonly (string | number)[]): CallbackFate {
  const shares: readonly (readonly [CallbackFate, number])[] = [
    ['lost', faults.callbackLost],
    ['twice', faults.callbackTwice],
    ['late', faults.callbackLate],
    ['early', faults.callbackEarly],
  ];
  return pick(chance.draw('callback', ...names), shares) ?? 'once';
}

/** What happens to one inquiry. */
export function inquiryFault(chance: Chance, faults: Faults, ...names: readonly (string | number)[]): 'none' | 'cut' | 'error' | 'page' {
  const third = faults.inquiryError / 3;
  return pick(chance.draw('inquiry', ...names), [['cut', third] as const, ['error', third] as const, ['page', third] as const]) ?? 'none';
}

function pick<Word>(draw: number, shares: readonly (readonly [Word, number])[]): Word | null {
  let reached = 0;
  for (const [word, share] of shares) {
    reached += share;
    if (draw < reached) return word;
  }
  return null;
}
