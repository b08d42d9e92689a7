/**
 * HTTP/1.1 written by hand, one request at a time on a connection: a client library would cost more than the server that
 * is measured.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface Connection {
  /** Sends a whole request; one is under way at a time. Rejects when the connection ends, or no answer comes in time. */
  send(bytes: Buffer): Promise<Answer>;
  /** Servers close connections that nothing came over for a while. */
  isOpen(): boolean;
  close(): void;
}

export interface PostRequest {
  readonly url: string;
  readonly path: string;
  readonly key: string;
  readonly type: 'application/json' | 'application/x-ndjson';
  readonly body: string;
}

const ANSWER_MS_MAX = 30_000;

/** A POST as it goes over the wire. */
export function postBytes({ url, path, key, type, body }: PostRequest): Buffer {
  const head =
    `POST ${path} HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${key}\r\n` +
    `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

/** Opens a connection. `answerMsMax` is how long an answer may take, half a minute unless told. */
export async function openConnection(url: string, answerMsMax = ANSWER_MS_MAX): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  let received = '';
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = null;
  };
  socket.setEncoding('latin1');
  socket.setTimeout(answerMsMax, () => socket.destroy(new Error('no answer in time')));
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('connection closed')));
  socket.on('data', (chunk: string) => {
    received += chunk;
    const answer = readAnswer(received);
    if (answer === null) return;
    received = '';
    waiting?.resolve(answer);
    waiting = null;
  });
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => {
        if (!socket.writable) return reject(new Error('connection closed'));
        waiting = { resolve, reject };
        socket.write(bytes);
      }),
    isOpen: () => socket.writable,
    close: () => socket.destroy(),
  };
}

/** An answer that has arrived in full, or null. One request at a time is under way, so nothing follows it. */
export function readAnswer(text: string): Answer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const status = Number(text.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end));
  const body = text.slice(end + 4);
  if (length !== null) return body.length < Number(length[1]) ? null : { status, body };
  // Chunked: the last chunk has no length.
  return body.endsWith('0\r\n\r\n') ? { status, body: unchunked(body) } : null;
}

function unchunked(text: string): string {
  const pieces: string[] = [];
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, line), 16);
    if (line < 0 || !(size > 0)) return pieces.join('');
    pieces.push(text.slice(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}
