/**
 * Answers of operators that could not be used: pages instead of JSON, what was cut off or is too large, another amount or reference than
 * ours, codes that no table knows, token answers without a token. Each is kept for people, as it came but for the secrets in it. What
 * becomes of the attempt is decided elsewhere, and no later for it.
 */
import { isUtf8 } from 'node:buffer';
import type { Exchange, HeardAnswer, Refusal } from './exchange.ts';
import type { Doubt } from './reasons.ts';
import { parseObject } from './reading.ts';

/** What was being done when the answer came. */
export const ANSWER_PRODUCTS = [
  'collection',
  'payout',
  'refund',
  'inquiry',
  'balance',
  'wallet',
  'token',
  'consent',
  'notification',
  'registration',
] as const;
export type AnswerProduct = (typeof ANSWER_PRODUCTS)[number];

export interface RefusedAnswer {
  readonly railId: string;
  readonly product: AnswerProduct;
  /** The request it was given to; null where none of ours was made. */
  readonly requestId: string | null;
  /** HTTP status. */
  readonly status: number;
  /** `oversized_answer`, `unreadable_answer`, `token_refused`, `token_unreadable`, or the doubt that the answer led to. */
  readonly reasonCode: string;
  /** Its head, as text or, where it is none, in base64, without the secrets that it held. */
  readonly body: string;
}

/** Keeps such an answer. Never rejects: that it cannot be kept changes nothing of the outcome. */
export type KeepAnswer = (answer: RefusedAnswer) => Promise<void>;

/** How an operation came out, as far as it tells of its last answer; `told`: there was nothing to doubt. */
export type Result = { readonly reasonCode: string } | 'told';

/** What of an answer is kept, bytes. */
export const ANSWER_HEAD_BYTES = 16 * 1024;

/** Doubts that the last answer gave rise to, whatever its form. */
const OF_CONTENT: ReadonlySet<string> = new Set<Doubt>([
  'unreadable_answer',
  'operator_error',
  'amount_mismatch',
  'reference_mismatch',
  'contradiction',
]);

/** Which answers of an exchange could not be used, and why. Pure. */
export function refusalsOf(exchange: Exchange, result: Result): readonly Refusal[] {
  const { last, refused } = exchange;
  if (last === null || result === 'told' || refused.some(({ answer }) => answer === last)) return refused;
  const { reasonCode } = result;
  if (OF_CONTENT.has(reasonCode) || reasonCode.startsWith('unmapped:')) return [...refused, { answer: last, reasonCode }];
  // An inquiry fails often, and an answer that says so in JSON is no riddle.
  if (reasonCode === ('inquiry_failed' satisfies Doubt) && !isPlainError(last))
    return [...refused, { answer: last, reasonCode: 'unreadable_answer' }];
  return refused;
}

function isPlainError({ status, bytes }: HeardAnswer): boolean {
  return status >= 300 && parseObject(bytes.toString('utf8')) !== undefined;
}

/** The names of secrets in answers: whoever has one of these can ask, pay or be believed in our name. A slash may be escaped in what follows. */
const NAMED_SECRET =
  /((?:access_?token|refresh_?token|id_?token|notif_?token|api_?key|merchant_?key|security_?credential|password|pin(?:_?code)?|secret)[\\"']*\s*[:=]\s*[\\"']*)(?:[^\\"'&\s,}<]|\\\/)+/gi;
/** What can be a token whatever it is called: in an answer to whoever asked for one. */
const LONG_WORD = /[A-Za-z0-9._~+/=-]{16,}/g;
/** Headers of ours that prove who we are, in whatever case they are written. */
const PROOFS: ReadonlySet<string> = new Set([
  'apikey',
  'authorization',
  'ocp-apim-subscription-key',
  'x-api-key',
  'x-auth-token',
  'x-key',
  'x-signature',
]);

/** What is kept of an answer. The secrets go first, so that the end of the head cuts none in two. */
export function keptBodyOf({ bytes, mayHoldToken, requestHeaders }: HeardAnswer): string {
  const isText = isUtf8(bytes);
  // What is no text may hold some, and a letter that was cut in two makes no secret unreadable.
  let text = bytes.subarray(0, ANSWER_HEAD_BYTES * 2).toString(isText ? 'utf8' : 'latin1');
  for (const [name, value] of Object.entries(requestHeaders)) {
    const proof = PROOFS.has(name.toLowerCase()) ? value.replace(/^\w+ /, '') : '';
    if (proof !== '') text = text.replaceAll(proof, '[secret]');
  }
  text = text.replaceAll(NAMED_SECRET, '$1[secret]');
  if (mayHoldToken) text = text.replaceAll(LONG_WORD, '[long]');
  return (isText ? text : `base64:${Buffer.from(text, 'latin1').toString('base64')}`).slice(0, ANSWER_HEAD_BYTES);
}
