/**
 * What passed between us and an operator while a client worked on one operation. It is noted where requests leave and answers come in
 * (`http.ts`), below what clients read, so that no client has to think of it. Bodies hold personal data: nothing here logs.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { isThrottled } from './throttle.ts';

/** An answer as it came over the wire. */
export interface HeardAnswer {
  readonly status: number;
  /** All of it, or the head of one that is longer than any operator's. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  /** Whether a token was asked for, so that the answer may hold one. */
  readonly mayHoldToken: boolean;
  /** Of the request: an answer may repeat what stands there. */
  readonly requestHeaders: Readonly<Record<string, string>>;
}

/** An answer that could not be used, with the code of why. */
export interface Refusal {
  readonly answer: HeardAnswer;
  readonly reasonCode: string;
}

export interface Exchange {
  /** Requests that may have reached the operator, those for tokens left out. */
  asked: number;
  /** Whether any answer said that the operator is asked too much. */
  isThrottled: boolean;
  /** The answer to the last request; null when it has got none. */
  last: HeardAnswer | null;
  /** Answers that showed by themselves that they cannot be used. */
  readonly refused: Refusal[];
}

const exchanges = new AsyncLocalStorage<Exchange>();

/** Does some work and gives with its result what was exchanged meanwhile. Work within work shares one exchange. */
export async function listen<Result>(work: () => Promise<Result>): Promise<{ readonly result: Result; readonly exchange: Exchange }> {
  const exchange: Exchange = exchanges.getStore() ?? { asked: 0, isThrottled: false, last: null, refused: [] };
  return { result: await exchanges.run(exchange, work), exchange };
}

/** Notes that a request is about to leave. */
export function noteRequest(): void {
  const exchange = exchanges.getStore();
  if (exchange !== undefined) exchange.last = null;
}

/** Notes that a request may have reached the operator, whether or not it was answered. */
export function noteAsked(): void {
  const exchange = exchanges.getStore();
  if (exchange !== undefined) exchange.asked += 1;
}

/** Notes an answer, and whether its form alone shows that no operator's client can read it. */
export function noteAnswer(answer: HeardAnswer, body: string): void {
  const exchange = exchanges.getStore();
  if (exchange === undefined) return;
  exchange.last = answer;
  if (isThrottled({ status: answer.status, body })) exchange.isThrottled = true;
  if (!answer.isWhole) noteUnusable('oversized_answer');
  else if (!hasFormOfJson(body)) noteUnusable('unreadable_answer');
}

/** Notes that the answer that came last cannot be used; of two codes for one answer the first counts. */
export function noteUnusable(reasonCode: string): void {
  const exchange = exchanges.getStore();
  const answer = exchange?.last ?? null;
  if (exchange === undefined || answer === null || exchange.refused.some((each) => each.answer === answer)) return;
  exchange.refused.push({ answer, reasonCode });
}

const SCALAR = /^(true|false|null|-?\d[\d.]*|"[^"]*")$/;
const SCALAR_LENGTH_MAX = 64;

/** Whether a text begins and ends as JSON does, or is empty, at next to no cost: what is cut off in between, its reader finds. */
function hasFormOfJson(text: string): boolean {
  const [start, end] = [text.slice(0, 64).trimStart(), text.slice(-64).trimEnd()];
  if (start.startsWith('{')) return end.endsWith('}');
  if (start.startsWith('[')) return end.endsWith(']');
  return text.length <= SCALAR_LENGTH_MAX && (start === '' || SCALAR.test(text.trim()));
}
