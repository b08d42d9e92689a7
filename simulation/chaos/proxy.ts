/** A wire in front of PostgreSQL that can be cut: at once, or right after a commit has gone out and before its answer is back. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  readonly port: number;
  /** Cuts every connection there is; gives how many. */
  cutAll(): number;
  /** Cuts the connection over which the next commit goes, once the commit has gone out; resolves when that has happened. */
  cutNextCommit(): Promise<void>;
  close(): Promise<void>;
}

/** The simple query of `withTransaction`: its text, ended by a zero byte. */
const COMMIT = Buffer.from('commit\0');

/** Listens on a free port; `targetPort` is asked for at each connection. */
export async function startProxy(targetPort: () => number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let onCommit: (() => void) | null = null;
  const server = createServer((client) => {
    const upstream = connect(targetPort(), '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end).setNoDelay(true);
    upstream.on('data', (chunk) => client.write(chunk));
    client.on('data', (chunk) => {
      const told = onCommit;
      if (told === null || !chunk.includes(COMMIT)) return void upstream.write(chunk);
      onCommit = null;
      // Half of the line is closed at once, so that the answer goes nowhere; the commit still arrives.
      client.destroy();
      upstream.removeAllListeners('close').write(chunk, () => setTimeout(end, 50));
      told();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cutAll: () => {
      const count = pairs.size;
      for (const [client, upstream] of pairs) {
        client.destroy();
        upstream.destroy();
      }
      return count;
    },
    cutNextCommit: () =>
      new Promise((resolve) => {
        onCommit = resolve;
      }),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const [client, upstream] of pairs) {
        client.destroy();
        upstream.destroy();
      }
      await closed;
    },
  };
}
