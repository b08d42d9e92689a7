/**
 * HTTP/1.1 written by hand, one request at a time on a connection: a client library would cost more than the server that
 * is measured. It reaches nothing but this machine.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Whether it says when to come back. */
  readonly saysWhen: boolean;
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

/** A live stream that has begun. */
export interface Stream {
  readonly status: number;
  readonly saysWhen: boolean;
  /** Events that have come so far. */
  events(): number;
  /** Resolves when the stream has ended: with true when it was closed here. */
  readonly ended: Promise<boolean>;
  close(): void;
}

const ANSWER_MS_MAX = 30_000;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;

/** A POST as it goes over the wire. */
export function postBytes({ body, ...request }: PostRequest): Buffer {
  return Buffer.from(`${postHead(request)}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** The head of a POST, but for how long its body is and its end. */
export function postHead({ url, path, key, type }: Omit<PostRequest, 'body'>): string {
  return `POST ${path} HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${key}\r\n` + `content-type: ${type}\r\n`;
}

/** A GET as it goes over the wire. */
export function getBytes({ url, path, key }: Pick<PostRequest, 'url' | 'path' | 'key'>): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${key}\r\n\r\n`);
}

/** Connects, from an address of this machine where one is given. Throws for one that is not this machine's: load is made here and stays here. */
export async function connected(url: string, localAddress?: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  if (!LOOPBACK.test(hostname)) throw new RangeError(`load goes to this machine only, not to ${hostname}`);
  const socket = connect({
    host: hostname.replaceAll(/[[\]]/g, ''),
    port: Number(port),
    noDelay: true,
    ...(localAddress ? { localAddress } : {}),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.setEncoding('latin1');
  return socket;
}

/**
 * Posts a body that is the same piece over and over, on a connection of its own, and stops as soon as there is an answer. Rejects when
 * there is none.
 */
export async function postOverAndOver(request: Omit<PostRequest, 'body'>, piece: Buffer, times: number): Promise<Answer> {
  const socket = await connected(request.url);
  try {
    const answer = answerOn(socket);
    let isOver = false;
    void answer.finally(() => (isOver = true)).catch(() => undefined);
    socket.write(`${postHead(request)}transfer-encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([Buffer.from(`${piece.byteLength.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
    for (let sent = 0; sent < times && !isOver; sent += 1) {
      if (!socket.write(chunk))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), answer.catch(() => undefined)]);
    }
    if (!isOver) socket.write('0\r\n\r\n');
    return await answer;
  } finally {
    socket.destroy();
  }
}

/** The one answer that comes over a socket. */
function answerOn(socket: Socket): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let received = '';
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      const answer = readAnswer(received);
      if (answer !== null) resolve(answer);
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed')));
  });
}

/** Opens a connection, from an address of this machine where one is given. `answerMsMax` is how long an answer may take, half a minute unless told. */
export async function openConnection(url: string, answerMsMax = ANSWER_MS_MAX, localAddress?: string): Promise<Connection> {
  const socket = await connected(url, localAddress);
  let received = '';
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = null;
  };
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
  const head = headOf(text, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end));
  const body = text.slice(end + 4);
  if (length !== null) return body.length < Number(length[1]) ? null : { ...head, body };
  // Chunked: the last chunk has no length.
  return body.endsWith('0\r\n\r\n') ? { ...head, body: unchunked(body) } : null;
}

function headOf(text: string, end: number): Pick<Answer, 'status' | 'saysWhen'> {
  return { status: Number(text.slice(9, 12)), saysWhen: /\r\nretry-after:/i.test(text.slice(0, end)) };
}

/** So many connections come from one address, and more from the next: a server bounds what one address has. */
const OF_ONE_ADDRESS = 2_000;

/** The address of this machine from which the connection of that number is opened; undefined for the usual one. */
export function addressOf(number: number): string | undefined {
  // Linux alone has all of 127.0.0.0/8 as addresses of its own.
  return process.platform === 'linux' && number >= OF_ONE_ADDRESS ? `127.0.1.${Math.floor(number / OF_ONE_ADDRESS)}` : undefined;
}

/** Opens a live stream on a connection of its own; resolves with its head. Rejects when none comes. */
export async function openStream(url: string, request: Buffer): Promise<Stream> {
  const socket = await connected(url);
  let [received, events, isClosedHere] = ['', 0, false];
  const ended = new Promise<boolean>((resolve) => socket.once('close', () => resolve(isClosedHere)));
  // A stream that broke has ended, and is told by that.
  socket.on('error', () => undefined);
  const close = (): void => {
    isClosedHere = true;
    socket.destroy();
  };
  const head = await new Promise<Pick<Answer, 'status' | 'saysWhen'>>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS_MAX);
    void ended.then(() => reject(new Error('connection closed')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      const end = received.indexOf('\r\n\r\n');
      if (end >= 0 && received.startsWith('HTTP/')) {
        clearTimeout(timer);
        resolve(headOf(received, end));
        received = received.slice(end + 4);
      }
      // The head has gone, and whole lines with it: what is left is counted once.
      const last = received.lastIndexOf('\n');
      if (last < 0 || received.startsWith('HTTP/')) return;
      events += received.slice(0, last).match(/^event: /gm)?.length ?? 0;
      received = received.slice(last + 1);
    });
    socket.write(request);
  });
  return { ...head, events: () => events, ended, close };
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
