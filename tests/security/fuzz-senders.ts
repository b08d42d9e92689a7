/** Two ways to ask the API: in this process, and over a socket as everybody else does. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { serveApi } from '../../server/api/serve.ts';
import { firstOf, isStream } from './access-streams.ts';
import type { Sent } from './fuzz-requests.ts';
import type { SecurityApi } from './security-api.ts';

export interface Answered {
  readonly status: number;
  readonly contentType: string;
  /** Of a stream its first bytes. */
  readonly text: string;
}

export interface Sender {
  readonly name: 'memory' | 'socket';
  /** Rejects when there is no answer. */
  send(sent: Sent): Promise<Answered>;
  close(): Promise<void>;
}

/** Asks without a socket. */
export function memorySender(api: SecurityApi): Sender {
  return {
    name: 'memory',
    send: async ({ target, method, headers, body }) => {
      const init = { method, headers, ...(body === undefined ? {} : { body }) } as RequestInit;
      const response = await api.api.app.request(`http://capp.test${target}`, init);
      const contentType = response.headers.get('content-type') ?? '';
      return { status: response.status, contentType, text: isStream(response) ? await firstOf(response) : await response.text() };
    },
    close: async () => undefined,
  };
}

/** Serves the API on a port of this machine and asks it there; every other body comes in chunks, without saying how long it is. */
export async function socketSender(api: SecurityApi): Promise<Sender> {
  const served = await serveApi(api.api, { port: 0, host: '127.0.0.1' });
  const { hostname: host, port } = new URL(served.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let bodies = 0;
  return {
    name: 'socket',
    send: ({ target, method, headers, body }) =>
      new Promise((resolve, reject) => {
        const inChunks = body !== undefined && (bodies += 1) % 2 === 0;
        const length = body === undefined || inChunks ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        const asked = request({ host, port, agent, method, path: target, headers: { ...headers, ...length } }, (incoming) => {
          readAnswer(incoming).then(resolve, reject);
        });
        // Who is refused before all was sent may find the connection closed; the answer counts.
        asked.on('error', reject);
        if (inChunks) asked.flushHeaders();
        asked.end(body);
      }),
    close: async () => {
      agent.destroy();
      await served.close();
    },
  };
}

async function readAnswer(incoming: IncomingMessage): Promise<Answered> {
  const contentType = incoming.headers['content-type'] ?? '';
  const pieces: Buffer[] = [];
  for await (const piece of incoming) {
    pieces.push(piece as Buffer);
    // It would go on for as long as anybody listens; leaving the loop hangs up.
    if (contentType.startsWith('text/event-stream')) break;
  }
  return { status: incoming.statusCode ?? 0, contentType, text: Buffer.concat(pieces).toString() };
}
