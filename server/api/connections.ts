/**
 * The connections of a server: let in while there is room, and closed when their client does not go on. Whoever can still be told why is
 * told: a request that stays unfinished with 408, one for whom there is no room with 503 or 429. What is turned away is never read.
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { type ErrorCode, fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { addressToCount } from '../limits/address.ts';
import { problemOf, RETRY_AFTER_S } from './problem.ts';
import { createRoom, type Full, type Room } from './room.ts';
import type { SocketLimits } from './serve.ts';

/**
 * Why a connection was ended by us before its client was done: there is no room, in all or for its address, another took its place,
 * headers or a body did not come in time, or what came is not HTTP.
 */
export const CONNECTION_ENDINGS = ['full', 'address_full', 'displaced', 'head_late', 'body_late', 'unclear'] as const;
export type ConnectionEnding = (typeof CONNECTION_ENDINGS)[number];

export interface ConnectionFigures {
  opened(): void;
  closed(): void;
  ended(ending: ConnectionEnding): void;
}

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

/** One connection that was let in. */
interface Line {
  readonly socket: Socket;
  /** Requests whose bodies are not here yet, and others that are not answered yet. */
  bodies: number;
  answers: number;
  /** The last answer, until it is whole. */
  response: AnyResponse | null;
  hasAsked: boolean;
  /** Since when nothing is under way, milliseconds. */
  quietSinceMs: number;
}

/** Those who were turned away and may still read why; more are closed without a word. */
const TOLD_MAX = 100;
const TOLD_MS_MAX = 1_000;
const REFUSALS: Readonly<Record<Full, ErrorCode>> = { full: 'overloaded', address_full: 'rate_limited' };
/** What Node's parser says, and the status for it; 400 for the rest. */
const PARSER_STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, HPE_CHUNK_EXTENSIONS_OVERFLOW: 413 };
/** Nobody is at fault, or nobody hears. */
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Bounds the connections of a server that is about to listen. */
export function keepConnections(
  server: Server | Http2SecureServer,
  limits: SocketLimits,
  isTls: boolean,
  figures: ConnectionFigures,
): void {
  const waitMs = { head: limits.headersMs, body: limits.requestMs, next: limits.idleMs };
  const room = createRoom<Line>({ ...limits, waitMs }, () => performance.now());
  const lines = new Map<string, Line>();
  letIn(server, room, lines, isTls, figures);
  const lineOf = (socket: Socket): Line | undefined => lines.get(peerOf(socket));
  server.prependListener('request', (request: AnyRequest, response: AnyResponse) => {
    const line = lineOf(request.socket as Socket);
    if (line !== undefined) follow(room, line, request, response);
  });
  // Longer than any of the others, of whom a client can be told. Streams of events say something every few seconds.
  Object.assign(server, { timeout: limits.standstillMs });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => giveUp(error, socket, lineOf(socket), figures));
  if (isTls) boundSessions(server as Http2SecureServer, limits, lineOf, figures);
}

/** Whom a socket leads to; the same for one that TLS wraps. */
function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Stands before the server's own listener, which never sees a connection for which there is no room. */
function letIn(
  server: Server | Http2SecureServer,
  room: Room<Line>,
  lines: Map<string, Line>,
  isTls: boolean,
  figures: ConnectionFigures,
): void {
  const served = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const tell = createTeller();
  server.on('connection', (socket: Socket) => {
    const [peer, address] = [peerOf(socket), addressToCount(socket.remoteAddress ?? 'unknown', undefined, 0)];
    const line: Line = { socket, bodies: 0, answers: 0, response: null, hasAsked: false, quietSinceMs: performance.now() };
    const entered = room.enter(line, address);
    if ('full' in entered) {
      figures.ended(entered.full);
      if (isTls) socket.destroy();
      else tell(socket, REFUSALS[entered.full]);
      return;
    }
    if (entered.displaced !== null) {
      figures.ended('displaced');
      entered.displaced.socket.destroy();
    }
    lines.set(peer, line);
    figures.opened();
    socket.once('close', () => {
      room.leave(line);
      // Its number may be another's by now.
      if (lines.get(peer) === line) lines.delete(peer);
      figures.closed();
    });
    for (const serve of served) serve.call(server, socket);
  });
}

/** What tells a few at a time why they are turned away, and closes the rest at once. */
function createTeller(): (socket: Socket, code: ErrorCode) => void {
  let told = 0;
  return (socket, code) => {
    socket.on('error', () => undefined);
    if (told >= TOLD_MAX) {
      socket.destroy();
      return;
    }
    told += 1;
    socket.once('close', () => (told -= 1));
    socket.setTimeout(TOLD_MS_MAX, () => socket.destroy());
    // What it sends is thrown away: closed with something unread, the answer would be lost too.
    socket.resume();
    socket.end(problemText(code, { 'Retry-After': String(RETRY_AFTER_S) }));
  };
}

function problemText(code: ErrorCode, headers: Readonly<Record<string, string>> = {}): string {
  const problem = problemOf(fault(code), newId());
  return answerText(problem.status, { 'Content-Type': 'application/problem+json', ...headers }, JSON.stringify(problem));
}

function answerText(status: number, headers: Readonly<Record<string, string>>, body: string): string {
  const fields = { ...headers, 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

/** Keeps what a connection waits for up to date while a request is under way on it. */
function follow(room: Room<Line>, line: Line, request: AnyRequest, response: AnyResponse): void {
  const update = (bodies: number, answers: number): void => {
    line.bodies += bodies;
    line.answers += answers;
    line.quietSinceMs = performance.now();
    room.wait(line, line.answers > 0 ? null : line.bodies > 0 ? 'body' : 'next');
  };
  line.hasAsked = true;
  line.response = response;
  let isHere = !hasBody(request);
  update(isHere ? 0 : 1, isHere ? 1 : 0);
  request.once('end', () => {
    if (isHere) return;
    isHere = true;
    update(-1, 1);
  });
  response.once('close', () => {
    update(isHere ? 0 : -1, isHere ? -1 : 0);
    isHere = true;
    if (line.response === response) line.response = null;
  });
}

function hasBody(request: AnyRequest): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/** Ends a connection whose client was too slow, or speaks neither TLS, where that is spoken, nor HTTP. */
function giveUp(error: NodeJS.ErrnoException, socket: Socket, line: Line | undefined, figures: ConnectionFigures): void {
  const { code = '' } = error;
  if (!HUNG_UP.has(code)) {
    const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if (isLate && (line?.bodies ?? 0) > 0) figures.ended('body_late');
    else figures.ended(isLate || code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'head_late' : 'unclear');
    // Nothing may be written into an answer that has begun.
    const canTell = socket.writable && line?.response?.headersSent !== true;
    if (canTell && isLate) socket.write(problemText('request_unfinished'));
    else if (canTell && code.startsWith('HPE_')) socket.write(answerText(PARSER_STATUS[code] ?? 400, {}, ''));
  }
  socket.destroy(error);
}

/** Ends sessions of HTTP/2 on which nothing is under way, whatever else comes over them: headers that never end are not to be seen. */
function boundSessions(
  server: Http2SecureServer,
  { headersMs, checkMs }: SocketLimits,
  lineOf: (socket: Socket) => Line | undefined,
  figures: ConnectionFigures,
): void {
  const sessions = new Map<ServerHttp2Session, Line>();
  server.on('session', (session: ServerHttp2Session) => {
    const line = session.socket === undefined ? undefined : lineOf(session.socket);
    if (line !== undefined) sessions.set(session, line);
    session.once('close', () => sessions.delete(session));
  });
  const timer = setInterval(() => {
    for (const [session, line] of sessions) {
      if (line.bodies + line.answers > 0 || performance.now() - line.quietSinceMs < headersMs) continue;
      // Who was told to go and has not gone by now is not asked again.
      if (session.closed) line.socket.destroy();
      else {
        if (!line.hasAsked) figures.ended('head_late');
        session.close();
      }
    }
  }, checkMs);
  timer.unref();
  server.once('close', () => clearInterval(timer));
}
