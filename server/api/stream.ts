/**
 * Live streams of append-only tables, as server-sent events. One poller looks for all listeners of a stream whose clients have new rows,
 * and reads those for each client over connections that show no other's; each listener gets every row of its client once and in order,
 * also across a reconnect, because a row is shown only when no earlier one can appear any more (see `db/queries/activity.ts`).
 *
 * Nothing piles up: a listener that does not keep up is told to come back and goes on where it was.
 */
import type { Pool } from 'pg';
import { streamHead, type StreamPlace, type StreamRange, type StreamStretch } from '../../db/queries/activity.ts';
import { fault } from '../../domain/errors.ts';
import type { Log } from '../log.ts';
import type { ApiContext } from './http.ts';

/** A row of a stream, at its place. */
export interface StreamRow extends StreamPlace {
  readonly clientId: string | null;
}

/** What a stream is made of. */
export interface StreamSource<Row extends StreamRow> {
  /** The name of its events. */
  readonly event: string;
  /** The clients that a stretch has rows of. */
  clients(db: Pool, stretch: StreamStretch): Promise<string[]>;
  /** Reads rows of one client in the order of the stream; see `readStream`. */
  read(db: Pool, range: StreamRange): Promise<Row[]>;
}

export interface Listener<Row> {
  readonly clientId: string;
  /** What the listener is told of a row of its client; null for nothing. */
  readonly tell: (row: Row) => object | null;
  /** Where to go on; null: from now. */
  readonly after: StreamPlace | null;
}

export interface LiveStream<Row> {
  /** Opens the stream of one listener. Throws `overloaded` when there are too many. */
  open(listener: Listener<Row>): ReadableStream<Uint8Array>;
  listeners(): number;
  /** Ends every stream with the hint to come back, and stops reading. */
  close(): void;
}

interface Deps {
  /** Says how far the stream goes, and who has rows in it. */
  readonly pool: Pool;
  /** Connections that show the rows of one client and no others. */
  readonly of: (clientId: string) => Pool;
  readonly log: Log;
  readonly pollMs: number;
  readonly listenersMax: number;
}

interface Open<Row> {
  readonly listener: Listener<Row>;
  readonly send: (text: string) => boolean;
  readonly end: () => void;
  /** The last place the listener has seen, and never hears of again; null until it is known from where it listens. */
  place: StreamPlace | null;
  /** It has seen everything up to the head, and gets what the poller reads. */
  live: boolean;
}

const PAGE = 500;
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
/** What may wait for a slow reader, bytes. */
const BUFFER_BYTES_MAX = 1024 * 1024;
const encoder = new TextEncoder();

/** Reads a `Last-Event-ID`: transaction and position. Throws `invalid_cursor` for anything else. */
export function parseEventId(text: string): StreamPlace {
  const match = /^(\d{1,20})-(\d{1,19})$/.exec(text.trim());
  const place = match && { txId: match[1] as string, position: BigInt(match[2] as string) };
  if (!place || BigInt(place.txId) >= 2n ** 64n || place.position >= 2n ** 63n) throw fault('invalid_cursor', { field: 'Last-Event-ID' });
  return place;
}

function sameOrAfter(a: StreamPlace, b: StreamPlace): boolean {
  const [txA, txB] = [BigInt(a.txId), BigInt(b.txId)];
  return txA > txB || (txA === txB && a.position >= b.position);
}

/** Makes the stream. The poller runs only while somebody listens. */
export function createLiveStream<Row extends StreamRow>(deps: Deps, source: StreamSource<Row>): LiveStream<Row> {
  const open = new Set<Open<Row>>();
  let head: StreamPlace | null = null;
  let polling = false;
  let closed = false;
  let wake: (() => void) | null = null;

  async function poll(): Promise<void> {
    if (polling) return;
    polling = true;
    let beatAtMs = performance.now() + HEARTBEAT_MS;
    while (open.size > 0 && !closed) {
      try {
        await step();
      } catch (error) {
        deps.log.warn({ err: error }, 'live stream could not be read');
      }
      if (performance.now() >= beatAtMs) {
        beatAtMs = performance.now() + HEARTBEAT_MS;
        for (const each of open) each.send(': still here\n\n');
      }
      await pause();
    }
    polling = false;
    head = null;
    if (open.size > 0 && !closed) void poll();
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deps.pollMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function step(): Promise<void> {
    const next = await streamHead(deps.pool);
    head ??= next;
    for (const each of open) if (!each.live) await catchUp(each, head);
    if (sameOrAfter(head, next)) return;
    const stretch = { after: head, upTo: next };
    for (const clientId of await source.clients(deps.pool, stretch)) {
      const listening = [...open].filter((each) => each.live && each.listener.clientId === clientId);
      if (listening.length > 0) await tell(clientId, listening, stretch);
    }
    // Whoever was told of a part of it before something broke remembers how far.
    head = next;
  }

  /** Brings one listener up to the head. Only the poller moves the head, and it waits for this. */
  async function catchUp(each: Open<Row>, upTo: StreamPlace): Promise<void> {
    each.place ??= upTo;
    if (!sameOrAfter(each.place, upTo)) await tell(each.listener.clientId, [each], { after: each.place, upTo });
    each.live = true;
  }

  /** Reads a stretch for one client, page by page, and tells its listeners. */
  async function tell(clientId: string, listening: readonly Open<Row>[], { after, upTo }: StreamStretch): Promise<void> {
    const db = deps.of(clientId);
    for (let from = after, more = true; more && listening.some((each) => open.has(each)); ) {
      const rows = await source.read(db, { after: from, upTo, clientId, limit: PAGE });
      for (const each of listening) deliver(each, rows);
      const last = rows.at(-1);
      if (last) from = { txId: last.txId, position: last.position };
      more = rows.length === PAGE;
    }
  }

  function deliver(each: Open<Row>, rows: readonly Row[]): void {
    for (const row of rows) {
      // A listener may name a place ahead of the head, which has seen less than the stream it comes from.
      if (each.place !== null && sameOrAfter(each.place, row)) continue;
      each.place = { txId: row.txId, position: row.position };
      const told = row.clientId === each.listener.clientId ? each.listener.tell(row) : null;
      if (told === null) continue;
      if (each.send(`id: ${row.txId}-${row.position}\nevent: ${source.event}\ndata: ${JSON.stringify(told)}\n\n`)) continue;
      each.end();
      return;
    }
  }

  function start(listener: Listener<Row>): ReadableStream<Uint8Array> {
    if (closed || open.size >= deps.listenersMax) throw fault('overloaded', { detail: 'Too many listeners follow the stream right now.' });
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const forget = () => open.delete(each);
    const each: Open<Row> = {
      listener,
      place: listener.after,
      live: false,
      send: (text) => {
        if (!open.has(each)) return true;
        if ((controller.desiredSize ?? 0) <= 0) return false;
        controller.enqueue(encoder.encode(text));
        return true;
      },
      end: () => {
        if (forget()) controller.close();
      },
    };
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (made) => {
          controller = made;
          made.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
        },
        cancel: () => void forget(),
      },
      { highWaterMark: BUFFER_BYTES_MAX, size: (chunk) => chunk.byteLength },
    );
    open.add(each);
    wake?.();
    void poll();
    return stream;
  }

  function close(): void {
    closed = true;
    for (const each of open) each.end();
    wake?.();
  }

  return { open: start, listeners: () => open.size, close };
}

/** Answers a request with a stream: `Last-Event-ID` says where it goes on. Throws `invalid_cursor`, `overloaded`. */
export function answerStream<Row>(c: ApiContext, stream: LiveStream<Row>, listener: Omit<Listener<Row>, 'after'>): Response {
  const last = c.req.header('last-event-id');
  const body = stream.open({ ...listener, after: last === undefined || last === '' ? null : parseEventId(last) });
  return c.body(body, 200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
}
