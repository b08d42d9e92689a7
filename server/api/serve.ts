/** The API on a socket: HTTP/1.1 on one port, closed without cutting off who is being served. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { fault } from '../../domain/errors.ts';
import type { ApiApp } from './app.ts';

export interface ServedApi {
  readonly url: string;
  /** Takes no new requests, ends streams, waits for the rest up to a bound, then closes. */
  close(): Promise<void>;
}

/** How long requests under way may take once the API is told to close, milliseconds. */
const CLOSE_MS_MAX = 10_000;
const SWEEP_MS = 50;

/** Listens. Port 0 takes any free one. Throws `port_in_use`. */
export async function serveApi(api: ApiApp, options: { readonly port: number; readonly host: string }): Promise<ServedApi> {
  const server = serve({ fetch: api.app.fetch, port: options.port, hostname: options.host }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? fault('port_in_use', { detail: `Port ${options.port} is taken by another program.`, cause: error })
          : error,
      );
    });
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, close: () => closeServer(server, api) };
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
