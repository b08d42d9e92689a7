/** Between the web and the sandbox: a node:http server, and a `fetch` that needs none. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, createServer as createTlsServer, request as requestOverTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Answer, SandboxRequest } from './wire.ts';

export type WebFetch = (url: string, init: RequestInit) => Promise<Response>;

const BODY_BYTES_MAX = 1024 * 1024;

/** A request as `fetch` was given it. */
export function requestOf(address: string, init: RequestInit): SandboxRequest {
  const url = new URL(address);
  const bytes = typeof init.body === 'string' ? Buffer.from(init.body) : init.body instanceof Uint8Array ? init.body : new Uint8Array();
  const body = Buffer.from(bytes).toString('utf8');
  const headers = Object.fromEntries(new Headers(init.headers));
  if (init.body !== undefined && init.body !== null) headers['content-length'] ??= String(bytes.length);
  return { method: init.method ?? 'GET', path: url.pathname, query: url.searchParams, headers, body, bytes };
}

/** An answer as `fetch` gives it; a cut connection is thrown as undici throws it. */
export function responseOf(answer: Answer): Response {
  if (answer === 'cut') {
    const cause = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
    throw new TypeError('fetch failed', { cause });
  }
  const hasBody = answer.status !== 204 && answer.status !== 304;
  return new Response(hasBody ? answer.body : null, { status: answer.status, headers: answer.headers });
}

/** A certificate and its key, PEM. */
export interface OwnCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface ListenAt {
  readonly port: number;
  readonly host: string;
  /** Serves TLS 1.3 with it; plain HTTP without. */
  readonly tls?: OwnCertificate | undefined;
}

/** Listens. Rejects when the port is taken. */
export async function listen(at: ListenAt, serve: (request: SandboxRequest) => Promise<Answer>): Promise<{ server: Server; url: string }> {
  const answer = (message: IncomingMessage, response: ServerResponse) => void handle(serve, message, response);
  const server = at.tls === undefined ? createServer(answer) : createTlsServer({ ...at.tls, minVersion: 'TLSv1.3' }, answer);
  // Longer than any client keeps an idle connection, so that none is closed under a request.
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const host = at.host === '0.0.0.0' ? '127.0.0.1' : at.host;
  const scheme = at.tls === undefined ? 'http' : 'https';
  return { server, url: `${scheme}://${host}:${(server.address() as AddressInfo).port}` };
}

/** A `fetch` for text that shows a certificate to whoever asks for one, and checks theirs. Rejects as `fetch` does when nobody answers. */
export function fetchWithCertificate(own: OwnCertificate): WebFetch {
  const agent = new Agent({ ...own, keepAlive: true });
  return (address, init) => {
    if (!address.startsWith('https:')) return fetch(address, init);
    return new Promise((resolve, reject) => {
      const { method, headers, signal } = init;
      const options = { agent, method: method ?? 'GET', headers: Object.fromEntries(new Headers(headers)), signal: signal ?? undefined };
      const sent = requestOverTls(address, options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => resolve(responseOf(textAnswer(answer.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')))));
      });
      sent.once('error', reject);
      sent.end(init.body);
    });
  };
}

const textAnswer = (status: number, body: string): Answer => ({ status, headers: {}, body });

export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function handle(
  serve: (request: SandboxRequest) => Promise<Answer>,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const bytes = await readBody(message);
    if (bytes === null) return void response.writeHead(413).end();
    if (await hasHungUp(message)) return void message.socket.destroy();
    const url = new URL(message.url ?? '/', 'http://127.0.0.1');
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(message.headers)) if (typeof value === 'string') headers[name] = value;
    const [body, query] = [bytes.toString('utf8'), url.searchParams];
    const answer = await serve({ method: message.method ?? 'GET', path: url.pathname, query, headers, body, bytes });
    if (answer === 'cut') return void message.socket.destroy();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  } catch {
    message.socket.destroy();
  }
}

/**
 * Whether the caller had gone before its request was read. On a machine that is too busy a request can lie in the socket
 * for a quarter of a minute; to act on it then would be a fault of the machine, and operators have faults of their own here.
 */
async function hasHungUp(message: IncomingMessage): Promise<boolean> {
  // The end of the connection is read in the round after the request that came before it.
  for (let rounds = 0; rounds < 2; rounds += 1) await new Promise(setImmediate);
  return message.socket.destroyed || message.socket.readableEnded || !message.socket.writable;
}

async function readBody(message: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    length += (chunk as Buffer).length;
    if (length > BODY_BYTES_MAX) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
