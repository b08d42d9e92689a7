/**
 * The API on a socket: HTTP/1.1, or with TLS 1.3 both HTTP/2 and HTTP/1.1, on one port; closed without cutting off who is being served.
 */
import type { Server } from 'node:http';
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { fault } from '../../domain/errors.ts';
import type { ApiApp } from './app.ts';
import { type ConnectionFigures, keepConnections } from './connections.ts';

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  /** Other processes of ours listen on the port too, and the system deals connections out among them. */
  readonly sharesPort?: boolean;
  /** Other than `SOCKET_LIMITS`. */
  readonly limits?: Partial<SocketLimits>;
  /** Serves TLS 1.3 with these, PEM; plain HTTP without. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly operatorCa: string | null } | undefined;
}

export interface ServedApi {
  readonly url: string;
  /** Takes no new requests, ends streams, waits for the rest up to a bound, then closes. */
  close(): Promise<void>;
}

/** What one connection, and all of them, may cost. */
export interface SocketLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** For the headers of a request to arrive, milliseconds. */
  readonly headersMs: number;
  /** For a whole request to arrive, milliseconds: a batch of the largest size over a slow line. */
  readonly requestMs: number;
  /** How often connections are looked at for the two above, milliseconds. */
  readonly checkMs: number;
  /** How long a connection may stand idle between two requests, milliseconds. */
  readonly idleMs: number;
  /** How long a connection may stand still on which something is under way, such as an answer that is not read, milliseconds. */
  readonly standstillMs: number;
  readonly headerBytesMax: number;
  readonly headersMax: number;
}

export const SOCKET_LIMITS: SocketLimits = {
  connectionsMax: 10_000,
  connectionsPerAddressMax: 5_000,
  headersMs: 10_000,
  requestMs: 120_000,
  checkMs: 2_000,
  idleMs: 5_000,
  standstillMs: 130_000,
  headerBytesMax: 16 * 1024,
  headersMax: 100,
};

/** How long requests under way may take once the API is told to close, milliseconds. */
const CLOSE_MS_MAX = 10_000;
const SWEEP_MS = 50;
/** For so long a browser that has met us over TLS takes nothing else for us. */
const ONLY_TLS_SECS = 365 * 86_400;
/** Requests that one HTTP/2 connection may have under way. */
const STREAMS_MAX = 200;

/** Listens. Port 0 takes any free one. Throws `port_in_use`, and `config_invalid` for an address that is not ours or a port that cannot be shared. */
export async function serveApi(api: ApiApp, options: ServeOptions): Promise<ServedApi> {
  const limits = { ...SOCKET_LIMITS, ...options.limits };
  const server = options.tls === undefined ? servePlain(api, options, limits) : serveTls(api, options, options.tls, limits);
  keepConnections(server, limits, options.tls !== undefined, api.connections);
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, options)));
    server.listen({ port: options.port, host: options.host, reusePort: options.sharesPort ?? false });
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return { url: `${scheme}://${host}:${port}`, close: closerOf(server, api) };
}

/** What HTTP/1.1 costs at most, with TLS and without. */
function requestBounds(limits: SocketLimits) {
  return {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    keepAliveTimeout: limits.idleMs,
    // What is ambiguous about where a request ends is refused, never guessed.
    insecureHTTPParser: false,
    requireHostHeader: true,
  };
}

function servePlain(api: ApiApp, options: ServeOptions, limits: SocketLimits): Server {
  return createAdaptorServer({ fetch: api.app.fetch, hostname: options.host, serverOptions: requestBounds(limits) }) as Server;
}

function serveTls(api: ApiApp, options: ServeOptions, tls: NonNullable<ServeOptions['tls']>, limits: SocketLimits): Http2SecureServer {
  const bounds = requestBounds(limits);
  const server = createAdaptorServer({
    fetch: async (request, env) => {
      const response = await api.app.fetch(request, env);
      // HTTP/2 has no such headers, and a stream of events that sets them would end the process.
      for (const name of ['transfer-encoding', 'connection', 'keep-alive']) if (response.headers.has(name)) response.headers.delete(name);
      response.headers.set('Strict-Transport-Security', `max-age=${ONLY_TLS_SECS}`);
      return response;
    },
    hostname: options.host,
    createServer: createSecureServer,
    serverOptions: {
      ...bounds,
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.3',
      allowHTTP1: true,
      handshakeTimeout: limits.headersMs,
      unknownProtocolTimeout: limits.headersMs,
      settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: limits.headerBytesMax },
      // Whoever has a certificate shows it; whether it is needed the route says.
      ...(tls.operatorCa === null ? {} : { requestCert: true, rejectUnauthorized: false, ca: tls.operatorCa }),
    },
  } as Parameters<typeof createAdaptorServer>[0]) as Http2SecureServer;
  Object.assign(server, bounds);
  server.on('stream', (stream: ServerHttp2Stream) => boundBody(stream, limits.requestMs, api.connections));
  return server;
}

/** A body that is not there in time is not waited for: any byte of it would keep the session's own clock from running out. */
function boundBody(stream: ServerHttp2Stream, withinMs: number, figures: ConnectionFigures): void {
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => {
    figures.ended('body_late');
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }, withinMs);
  for (const event of ['end', 'close'] as const) stream.once(event, () => clearTimeout(timer));
}

/** Why an address cannot be listened on, in the words of the catalogue. */
export function listenFault(error: NodeJS.ErrnoException, { host, port }: { readonly host: string; readonly port: number }): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return fault('port_in_use', {
        detail: `Port ${port} on ${host} is taken by another program; set PORT to another one.`,
        cause: error,
      });
    case 'EACCES':
      return fault('config_invalid', {
        field: 'PORT',
        detail: `Port ${port} is kept for the system; set PORT to another one.`,
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fault('config_invalid', { field: 'HOST', detail: `HOST is wrong: ${host} is no address of this machine.`, cause: error });
    case 'ENOTSUP':
      return fault('config_invalid', { detail: 'This system cannot share a port; set CAPP_API_PROCESSES to 1.', cause: error });
    default:
      return error;
  }
}

/** What closes a server that is about to listen: it has to know every connection. */
function closerOf(server: ServerType, api: ApiApp): () => Promise<void> {
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const keep = <T extends { once(event: 'close', listener: () => void): unknown }>(all: Set<T>, each: T): void => {
    all.add(each);
    each.once('close', () => all.delete(each));
  };
  server.on('connection', (socket: Socket) => keep(sockets, socket));
  server.on('session', (session: ServerHttp2Session) => keep(sessions, session));
  return () => closeServer(server as Server, api, { sockets, sessions });
}

async function closeServer(
  server: Pick<Server, 'close' | 'closeIdleConnections'>,
  api: ApiApp,
  open: { readonly sockets: ReadonlySet<Socket>; readonly sessions: ReadonlySet<ServerHttp2Session> },
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // What is under way on them ends first.
  for (const session of open.sessions) session.close();
  // Connections that are busy now are kept alive for seconds after their answer, unless somebody closes them.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cutOff = setTimeout(() => open.sockets.forEach((socket) => socket.destroy()), CLOSE_MS_MAX);
  await api.close();
  await closed;
  clearInterval(sweep);
  clearTimeout(cutOff);
  // What the last requests handed in while the socket was closing.
  await api.close();
}
