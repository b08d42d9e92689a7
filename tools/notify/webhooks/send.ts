/**
 * One request to a client's endpoint. It goes where the target rules allow and nowhere else: redirects
 * are not followed, the connection is checked before a byte is sent over it, the answer's body is read
 * up to a bound and thrown away, and everything together has one deadline.
 */
import { lookup } from 'node:dns/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect as dialSocket, isIP, isIPv6, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as dialTls } from 'node:tls';
import { isFault } from '../../../domain/errors.ts';
import { assertAllowed, hostOf, parseTarget, type TargetPolicy } from './target.ts';

export interface SenderOptions extends TargetPolicy {
  /** For everything from the look-up of the name to the end of the answer, milliseconds. */
  readonly timeoutMs: number;
  /** The addresses of a host; the system's own look-up unless told. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Opens a connection; `net.connect` unless told. */
  readonly dial?: (options: { readonly host: string; readonly port: number; readonly lookup: LookupFunction }) => Socket;
}

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type SendFailure = 'target_refused' | 'name_not_found' | 'connection_failed' | 'tls_failed' | 'malformed_answer' | 'timeout';

export type SendResult =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | null }
  | { readonly kind: 'failed'; readonly code: SendFailure };

/** Of an answer's body, bytes that are read before the connection is closed. */
export const ANSWER_BYTES_MAX = 16 * 1024;

class SendError extends Error {
  readonly code: SendFailure;

  constructor(code: SendFailure) {
    super(code);
    this.name = 'SendError';
    this.code = code;
  }
}

/** Posts a body once. Resolves for every answer and for none. */
export async function sendWebhook(options: SenderOptions, message: WebhookRequest): Promise<SendResult> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  try {
    const url = parseTarget(message.url, options);
    const socket = await openConnection(options, url, deadline);
    try {
      return await exchange(socket, url, message, deadline);
    } finally {
      socket.destroy();
    }
  } catch (error) {
    if (deadline.aborted) return { kind: 'failed', code: 'timeout' };
    if (isFault(error, 'webhook_target_refused')) return { kind: 'failed', code: 'target_refused' };
    return { kind: 'failed', code: error instanceof SendError ? error.code : 'connection_failed' };
  }
}

async function openConnection(options: SenderOptions, url: URL, deadline: AbortSignal): Promise<Duplex> {
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await lookUp(options, host, deadline) : [host];
  assertAllowed(addresses, options);
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const socket = (options.dial ?? dialSocket)({ host, port, lookup: answeringWith(addresses) });
  try {
    await until(socket, 'connect', 'connection_failed', deadline);
    // Whatever the look-up said: this is where the bytes would go.
    assertAllowed([socket.remoteAddress ?? ''], options);
    if (url.protocol !== 'https:') return socket;
    const secured = dialTls({ socket, ALPNProtocols: ['http/1.1'], ...(isIP(host) === 0 ? { servername: host } : { host }) });
    await until(secured, 'secureConnect', 'tls_failed', deadline);
    return secured;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function lookUp(options: SenderOptions, host: string, deadline: AbortSignal): Promise<readonly string[]> {
  const resolve = options.resolve ?? (async (name) => (await lookup(name, { all: true })).map(({ address }) => address));
  const found = await Promise.race([resolve(host).catch(() => []), aborted(deadline)]);
  if (found.length === 0) throw new SendError('name_not_found');
  return found;
}

/** Connects to the addresses that were checked, instead of asking for the name a second time. */
function answeringWith(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_host, { all }, callback) => {
    const first = found[0];
    if (all) callback(null, found);
    else if (first !== undefined) callback(null, first.address, first.family);
  };
}

function until(stream: Duplex, event: string, failure: SendFailure, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new SendError(failure));
    stream.once(event, () => resolve());
    stream.once('error', fail);
    stream.once('close', fail);
    deadline.addEventListener('abort', fail, { once: true });
  });
}

function aborted(deadline: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    deadline.addEventListener('abort', () => reject(new SendError('timeout')), { once: true });
  });
}

function exchange(socket: Duplex, url: URL, message: WebhookRequest, deadline: AbortSignal): Promise<SendResult> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(message.body),
        'user-agent': 'CAPP-Webhooks/1',
        connection: 'close',
        ...message.headers,
      },
      createConnection: () => socket,
      signal: deadline,
    });
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      reject(new SendError(error.code?.startsWith('HPE_') === true ? 'malformed_answer' : 'connection_failed'));
    });
    outgoing.once('response', (incoming) => {
      const result: SendResult = { kind: 'answered', status: incoming.statusCode ?? 0, retryAfterMs: retryAfterMs(incoming) };
      // The status is the whole answer; a body that breaks off changes nothing about it.
      readBounded(incoming).then(
        () => resolve(result),
        () => resolve(result),
      );
    });
    outgoing.end(message.body);
  });
}

async function readBounded(incoming: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) return;
  }
}

function retryAfterMs(incoming: IncomingMessage): number | null {
  const text = incoming.headers['retry-after'] ?? '';
  return /^\d{1,7}$/.test(text) ? Number(text) * 1_000 : null;
}
