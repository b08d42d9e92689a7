/** The API on a socket: HTTP/1.1 on one port, closed without cutting off who is being served. */
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { fault } from '../../domain/errors.ts';
import type { ApiApp } from './app.ts';

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  /** Other processes of ours listen on the port too, and the system deals connections out among them. */
  readonly sharesPort?: boolean;
  /** Other than `SOCKET_LIMITS`. */
  readonly limits?: Partial<SocketLimits>;
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
  headerBytesMax: 16 * 1024,
  headersMax: 100,
};

/** How long requests under way may take once the API is told to close, milliseconds. */
const CLOSE_MS_MAX = 10_000;
const SWEEP_MS = 50;

/** Listens. Port 0 takes any free one. Throws `port_in_use`, and `config_invalid` where a port cannot be shared. */
export async function serveApi(api: ApiApp, options: ServeOptions): Promise<ServedApi> {
  const limits = { ...SOCKET_LIMITS, ...options.limits };
  const server = createAdaptorServer({
    fetch: api.app.fetch,
    hostname: options.host,
    serverOptions: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkMs,
      keepAliveTimeout: limits.idleMs,
      // What is ambiguous about where a request ends is refused, never guessed.
      insecureHTTPParser: false,
      requireHostHeader: true,
    },
  }) as Server;
  boundConnections(server, limits);
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, options.port)));
    server.listen({ port: options.port, host: options.host, reusePort: options.sharesPort ?? false });
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, close: () => closeServer(server, api) };
}

function listenFault(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE') return fault('port_in_use', { detail: `Port ${port} is taken by another program.`, cause: error });
  if (error.code !== 'ENOTSUP') return error;
  return fault('config_invalid', { detail: 'This system cannot share a port; set CAPP_API_PROCESSES to 1.', cause: error });
}

/** Connections over the bounds are closed as they come: one client cannot take them all. */
function boundConnections(server: Server, limits: SocketLimits): void {
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = limits.headersMax;
  const open = new Map<string, number>();
  server.prependListener('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? 'unknown';
    const count = (open.get(address) ?? 0) + 1;
    if (count > limits.connectionsPerAddressMax) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

async function closeServer(server: Server, api: ApiApp): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // Connections that are busy now are kept alive for seconds after their answer, unless somebody closes them.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
  await api.close();
  await closed;
  clearInterval(sweep);
  clearTimeout(cutOff);
  // What the last requests handed in while the socket was closing.
  await api.close();
}
