/**
 * The one place that sends anything to an operator. It never throws for network trouble: it says
 * whether an answer came, whether for sure nothing left us, or whether the request may have arrived
 * without an answer. Money hangs on that difference. Nothing here logs, for bodies hold personal data.
 */
import { type HeardAnswer, noteAnswer, noteAsked, noteRequest } from './exchange.ts';

/** The part of `fetch` the clients use; tests and simulations hand in their own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path with query, beginning with a slash; put after the base address. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** It asks for an access token: nothing is asked of the operator's business by it, and its answer holds a secret. */
  readonly asksToken?: true;
}

export type HttpAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: Headers; readonly body: string }
  /** For sure nothing reached the operator: the connection was refused, its name is not known, or we did not even try. */
  | { readonly kind: 'not_sent'; readonly reason: 'unreachable' | 'too_late' | 'no_token' | 'credentials_refused' }
  /** The request may have arrived. */
  | { readonly kind: 'no_answer'; readonly reason: 'timeout' | 'connection' | 'oversized' };

export type Send = (call: HttpCall) => Promise<HttpAnswer>;

export interface SendOptions {
  readonly fetch: Fetch;
  /** Address of the operator without a slash at the end. */
  readonly baseUrl: string;
  /** Time for the whole exchange, body included, in milliseconds. */
  readonly timeoutMs: number;
}

/** No answer of any operator comes near this; a longer one is not read on. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** What of a longer one is heard, so that people see what it was. */
const HEAD_BYTES = 64 * 1024;

/**
 * Errors that prove that no byte of the request left: each names the system call of the connection's
 * making. The same codes on an open connection prove nothing, so the call must match as well.
 */
const UNSENT: Readonly<Record<string, string | null>> = {
  ECONNREFUSED: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  ENOTFOUND: 'getaddrinfo',
  EAI_AGAIN: 'getaddrinfo',
  UND_ERR_CONNECT_TIMEOUT: null,
};

/** The code of what a `fetch` throws instead of sending because it is too late: proof that nothing left. */
export const TOO_LATE = 'CAPP_TOO_LATE';

/** Makes the function that sends to one operator. */
export function createSend(options: SendOptions): Send {
  return async (call) => {
    noteRequest();
    const answer = await exchange(options, call);
    if (answer.kind !== 'not_sent' && call.asksToken !== true) noteAsked();
    return answer;
  };
}

async function exchange(options: SendOptions, call: HttpCall): Promise<HttpAnswer> {
  try {
    const response = await options.fetch(options.baseUrl + call.path, {
      method: call.method,
      headers: call.headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(options.timeoutMs),
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const told = { status: response.status, mayHoldToken: call.asksToken === true, requestHeaders: call.headers };
    const heard: HeardAnswer = { ...told, ...(await readBounded(response)) };
    const body = heard.bytes.toString('utf8');
    noteAnswer(heard, body);
    if (!heard.isWhole) return { kind: 'no_answer', reason: 'oversized' };
    return { kind: 'answered', status: response.status, headers: response.headers, body };
  } catch (error) {
    return classifyTrouble(error);
  }
}

/** Sorts what `fetch` threw. What is not proven unsent may have arrived. */
function classifyTrouble(error: unknown): HttpAnswer {
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
    return { kind: 'no_answer', reason: 'timeout' };
  }
  const cause = error instanceof Error ? error.cause : undefined;
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  if (causes.some((each) => codeOf(each) === TOO_LATE)) return { kind: 'not_sent', reason: 'too_late' };
  if (causes.length > 0 && causes.every(provesUnsent)) return { kind: 'not_sent', reason: 'unreachable' };
  return { kind: 'no_answer', reason: 'connection' };
}

function provesUnsent(cause: unknown): boolean {
  const code = codeOf(cause);
  if (code === null || !Object.hasOwn(UNSENT, code)) return false;
  return UNSENT[code] === null || UNSENT[code] === (cause as { syscall?: unknown }).syscall;
}

function codeOf(cause: unknown): string | null {
  const code = typeof cause === 'object' && cause !== null ? (cause as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : null;
}

/** The body, or the head of one that is longer than any operator's answer. */
async function readBounded(response: Response): Promise<Pick<HeardAnswer, 'bytes' | 'isWhole'>> {
  if (response.body === null) return { bytes: Buffer.alloc(0), isWhole: true };
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    chunks.push(value);
    if (length > BODY_BYTES_MAX) {
      await reader.cancel();
      return { bytes: Buffer.concat(chunks).subarray(0, HEAD_BYTES), isWhole: false };
    }
  }
  return { bytes: Buffer.concat(chunks), isWhole: true };
}
