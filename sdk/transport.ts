/**
 * Requests with patience: every request that changes something carries an idempotency key, so that a
 * lost answer is asked for again without doing the thing twice. Waits between tries grow, are capped
 * and jittered, and never shorter than the server asks for.
 */
import { CappApiError, CappConnectionError, type CappError, type Problem } from './errors.ts';

export interface CappOptions {
  /** `http://127.0.0.1:8080`, without a path. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** The global one, unless told otherwise. */
  readonly fetch?: typeof fetch;
  /** How long one try may take, milliseconds; 30,000 unless told. */
  readonly timeoutMs?: number;
  /** Tries after the first; 4 unless told. */
  readonly retriesMax?: number;
  /** Uniform in [0, 1); for tests. */
  readonly random?: () => number;
  /** Waits so many milliseconds; for tests. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends RequestOptions {
  /** Names the request across tries and restarts; a random one unless given. */
  readonly idempotencyKey?: string;
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: { readonly type: string; readonly text: string };
  readonly headers?: Readonly<Record<string, string>>;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface Transport {
  /** Sends a request and returns the parsed JSON of its answer. Throws `CappError`s. */
  json<T>(request: TransportRequest): Promise<T>;
  /** Opens an answer that goes on for as long as somebody reads it; one try, no time limit. */
  open(request: TransportRequest): Promise<Response>;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** How long to wait before try number `attempt` (1 is the first retry), milliseconds. */
  readonly backoffMs: (attempt: number, atLeastMs?: number) => number;
}

const BACKOFF_MS_MIN = 200;
const BACKOFF_MS_MAX = 8_000;
const RETRY_AFTER_MS_MAX = 60_000;

/** Makes the transport all resources share. Throws `TypeError` for a base URL that is none. */
export function createTransport(options: CappOptions): Transport {
  const base = new URL(options.baseUrl);
  const send = options.fetch ?? fetch;
  const random = options.random ?? Math.random;
  const wait = options.wait ?? waitFor;
  const retriesMax = options.retriesMax ?? 4;

  const backoffMs = (attempt: number, atLeastMs = 0): number => {
    const ceilingMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (attempt - 1));
    return Math.max(Math.min(atLeastMs, RETRY_AFTER_MS_MAX), ceilingMs * (0.5 + random() / 2));
  };

  const attempt = async (request: TransportRequest, signal: AbortSignal | undefined): Promise<Response> => {
    const init: RequestInit = { method: request.method, headers: headersOf(options.apiKey, request), redirect: 'error' };
    if (request.body) init.body = request.body.text;
    if (signal) init.signal = signal;
    try {
      return await send(urlOf(base, request), init);
    } catch (error) {
      throw connectionError(error, base, request.signal);
    }
  };

  const once = async <T>(request: TransportRequest): Promise<T> => {
    const deadline = AbortSignal.timeout(options.timeoutMs ?? 30_000);
    const response = await attempt(request, request.signal ? AbortSignal.any([request.signal, deadline]) : deadline);
    if (!response.ok) throw await apiError(response);
    try {
      return (await response.json()) as T;
    } catch (error) {
      if (error instanceof SyntaxError) throw new CappConnectionError('malformed_answer', 'The answer is not JSON.', { cause: error });
      throw connectionError(error, base, request.signal);
    }
  };

  const json = async <T>(request: TransportRequest): Promise<T> => {
    const keyed = request.method === 'GET' ? request : { ...request, idempotencyKey: request.idempotencyKey ?? crypto.randomUUID() };
    for (let tries = 1; ; tries += 1) {
      try {
        return await once<T>(keyed);
      } catch (error) {
        if (tries > retriesMax || !mayAskAgain(error)) throw error;
        await wait(backoffMs(tries, retryAfterOf(error)), request.signal);
      }
    }
  };

  const open = async (request: TransportRequest): Promise<Response> => {
    const response = await attempt(request, request.signal);
    if (!response.ok) throw await apiError(response);
    return response;
  };

  return { json, open, wait, backoffMs };
}

/** A body of JSON. */
export function jsonBody(value: unknown): { readonly type: string; readonly text: string } {
  return { type: 'application/json', text: JSON.stringify(value) };
}

/** A request may be sent again when its answer was lost, or says that asking later can help. */
export function mayAskAgain(error: unknown): boolean {
  if (error instanceof CappConnectionError) return error.code !== 'malformed_answer';
  if (!(error instanceof CappApiError)) return false;
  return [429, 500, 502, 503, 504].includes(error.status) || error.code === 'idempotency_in_progress';
}

function retryAfterOf(error: unknown): number {
  return error instanceof CappApiError ? (error.retryAfterMs ?? 0) : 0;
}

function urlOf(base: URL, request: TransportRequest): URL {
  const url = new URL(request.path, base);
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  return url;
}

function headersOf(apiKey: string, request: TransportRequest): Record<string, string> {
  return {
    Accept: 'application/json',
    Authorization: `Bearer ${apiKey}`,
    ...(request.body ? { 'Content-Type': request.body.type } : {}),
    ...(request.idempotencyKey === undefined ? {} : { 'Idempotency-Key': request.idempotencyKey }),
    ...request.headers,
  };
}

/** The caller's own abort is handed through as it is; it is not an error of the connection. */
function connectionError(error: unknown, base: URL, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new CappConnectionError('timeout', `${base.origin} did not answer in time.`, { cause: error });
  }
  return new CappConnectionError('service_unreachable', `${base.origin} does not answer.`, { cause: error });
}

async function apiError(response: Response): Promise<CappError> {
  const retryAfter = response.headers.get('retry-after');
  const retryAfterMs = retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : null;
  const problem = await readProblem(response);
  return new CappApiError(problem ?? { status: response.status, code: `http_${response.status}` }, retryAfterMs);
}

/** The problem document of an answer, or null: a proxy in between speaks for itself. */
async function readProblem(response: Response): Promise<Problem | null> {
  try {
    const value: unknown = await response.json();
    const isProblem = typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string';
    return isProblem ? { ...(value as Problem), status: response.status } : null;
  } catch {
    return null;
  }
}

function waitFor(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
