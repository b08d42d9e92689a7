/**
 * Reading a body from a source we do not control: no redirects, a deadline over the whole exchange, and
 * never more bytes than agreed, whatever the headers say.
 */
import { sourceFailed } from './source.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface BodyRequest {
  readonly sourceId: string;
  readonly url: string;
  readonly fetch: Fetch;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** ExchangeRate-API asks callers that it answers with 429 to wait twenty minutes. */
const TOO_MANY_WAIT_MS = 20 * 60_000;

/** The text of a GET. Throws `rate_source_failed` for any status but 200, a late, long or undecodable body. */
export async function readBody(request: BodyRequest): Promise<string> {
  const { sourceId, url, timeoutMs, maxBytes } = request;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  const deadline = new Promise<never>((_resolve, reject) => {
    // A fetch or a stream that ignores the signal must not keep us waiting either.
    abort.signal.addEventListener('abort', () => reject(sourceFailed(sourceId, `no answer within ${timeoutMs} ms`)), { once: true });
  });
  try {
    return await Promise.race([exchange(request, abort.signal, maxBytes), deadline]);
  } catch (error) {
    if (error instanceof Error && error.name === 'Fault') throw error;
    throw sourceFailed(sourceId, `cannot be reached at ${new URL(url).host}`, error);
  } finally {
    clearTimeout(timer);
    // Ends whatever is still under way after a refusal; after a full read there is nothing left to end.
    deadline.catch(() => undefined);
    abort.abort();
  }
}

async function exchange(request: BodyRequest, signal: AbortSignal, maxBytes: number): Promise<string> {
  const { sourceId, url, fetch } = request;
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    throw sourceFailed(sourceId, `answered with status ${response.status}`, undefined, response.status === 429 ? TOO_MANY_WAIT_MS : 0);
  }
  if (response.body === null) throw sourceFailed(sourceId, 'answered without a body');
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > maxBytes) throw sourceFailed(sourceId, `answered with more than ${maxBytes} bytes`);
    chunks.push(value);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}
