/**
 * A crowd of clients, in a process of its own. Open loop: requests leave at a fixed rate and are timed from when they should
 * have left, whether or not the server keeps up. Closed loop: each connection sends as soon as it is answered, and the
 * crowd holds back while more payments are unfinished than it may leave behind.
 */
import { intentMaker, type IntentOptions, type MadeIntent } from './intents.ts';
import { type Answer, type Connection, openConnection, postBytes } from './wire.ts';

export interface LoadOrder {
  readonly url: string;
  readonly key: string;
  readonly intents: IntentOptions;
  /** Payments in one request: 1 posts them one by one, more sends NDJSON batches. */
  readonly rows: number;
  readonly connections: number;
  readonly seconds: number;
  /** Payments at most. */
  readonly payments: number;
  readonly pace: { readonly kind: 'open'; readonly perSecond: number } | { readonly kind: 'closed'; readonly unfinishedMax: number };
}

/** What the bench tells its crowd while it runs: how many payments are not at their end yet. */
export interface LoadTold {
  readonly unfinished: number;
}

export interface LoadReport {
  /** Epoch milliseconds. */
  readonly firstSentAtMs: number;
  readonly lastAnsweredAtMs: number;
  /** Of every request that was answered, from when it should have left. */
  readonly latenciesMs: Float64Array;
  /** Reference and payment id of everything that was accepted. */
  readonly accepted: readonly (readonly [string, string])[];
  /** Payments not accepted, by the status or error of their request. */
  readonly refusals: Readonly<Record<string, number>>;
}

interface Request {
  readonly bytes: Buffer;
  readonly payments: number;
  readonly dueMs: number;
}

const TICK_MS = 1;
const IN_BATCH = /"referenceId":"([^"]+)","status":"accepted","paymentId":"([0-9a-f-]{36})"/g;

function requestMaker(order: LoadOrder): (count: number, dueMs: number) => Request {
  const next = intentMaker(order.intents);
  const common = { url: order.url, key: order.key };
  return (count, dueMs) => {
    const intents = Array.from({ length: count }, next);
    const bytes =
      order.rows === 1
        ? postBytes({ ...common, path: '/v1/payments', type: 'application/json', body: JSON.stringify(intents[0]) })
        : postBytes({ ...common, path: '/v1/payments/batches', type: 'application/x-ndjson', body: linesOf(intents) });
    return { bytes, payments: count, dueMs };
  };
}

function linesOf(intents: readonly MadeIntent[]): string {
  return intents.map((intent) => `${JSON.stringify(intent)}\n`).join('');
}

/** Reference and id of what an answer accepted. */
function acceptedBy(order: LoadOrder, { status, body }: Answer): (readonly [string, string])[] {
  if (status !== 202) return [];
  if (order.rows > 1) return [...body.matchAll(IN_BATCH)].map(([, reference = '', id = '']) => [reference, id] as const);
  const reference = /"referenceId":"([^"]+)"/.exec(body)?.[1];
  const id = /"id":"([0-9a-f-]{36})"/.exec(body)?.[1];
  return reference === undefined || id === undefined ? [] : [[reference, id]];
}

/** Requests for the crowd: the next one, or null when there will be none. */
interface Source {
  next(): Promise<Request | null>;
}

/** Made ahead, and handed out when they are due. */
function openSource(order: LoadOrder, perSecond: number, startMs: () => number): Source {
  const make = requestMaker(order);
  const count = Math.min(order.payments, Math.round(perSecond * order.seconds));
  const everyMs = (1_000 * order.rows) / perSecond;
  const requests = Array.from({ length: Math.ceil(count / order.rows) }, (_, index) =>
    make(Math.min(order.rows, count - index * order.rows), index * everyMs),
  );
  let at = 0;
  return {
    next: async () => {
      const request = requests[at++];
      if (request === undefined) return null;
      const dueMs = startMs() + request.dueMs;
      while (performance.now() < dueMs) await pause(Math.max(TICK_MS, Math.floor(dueMs - performance.now())));
      return { ...request, dueMs };
    },
  };
}

/** Made when they are sent, while there is room. */
function closedSource(order: LoadOrder, room: Room, startMs: () => number): Source {
  const make = requestMaker(order);
  let left = order.payments;
  return {
    next: async () => {
      const untilMs = startMs() + order.seconds * 1_000;
      const count = Math.min(order.rows, left);
      left -= count;
      if (count === 0) return null;
      while (!room.take(count)) {
        if (performance.now() >= untilMs) return null;
        await pause(TICK_MS * 5);
      }
      return performance.now() < untilMs ? make(count, performance.now()) : null;
    },
  };
}

/** How many more payments may be left unfinished. */
interface Room {
  take(count: number): boolean;
  tell(told: LoadTold): void;
}

function createRoom(unfinishedMax: number): Room {
  let unfinished = 0;
  return {
    take: (count) => {
      if (unfinished > 0 && unfinished + count > unfinishedMax) return false;
      unfinished += count;
      return true;
    },
    tell: (told) => {
      unfinished = told.unfinished;
    },
  };
}

async function run(order: LoadOrder): Promise<LoadReport> {
  let startMs = performance.now();
  const room = createRoom(order.pace.kind === 'closed' ? order.pace.unfinishedMax : Number.POSITIVE_INFINITY);
  process.on('message', (told) => room.tell(told as LoadTold));
  const start = (): number => startMs;
  const source = order.pace.kind === 'open' ? openSource(order, order.pace.perSecond, start) : closedSource(order, room, start);
  const latencies: number[] = [];
  const accepted: (readonly [string, string])[] = [];
  const refusals: Record<string, number> = {};
  const refuse = (kind: string, payments: number): void => {
    if (payments > 0) refusals[kind] = (refusals[kind] ?? 0) + payments;
  };
  const connections = await Promise.all(Array.from({ length: order.connections }, () => openConnection(order.url)));
  startMs = performance.now();
  const firstSentAtMs = Date.now();

  async function runClient(first: Connection): Promise<void> {
    let connection = first;
    for (let request = await source.next(); request !== null; request = await source.next()) {
      try {
        if (!connection.isOpen()) connection = await openConnection(order.url);
        const answer = await connection.send(request.bytes);
        latencies.push(performance.now() - request.dueMs);
        const taken = acceptedBy(order, answer);
        accepted.push(...taken);
        refuse(answer.status === 202 ? 'refused in its batch' : `status ${answer.status}`, request.payments - taken.length);
      } catch (error) {
        refuse(error instanceof Error ? error.message : 'unknown', request.payments);
        connection.close();
        connection = await openConnection(order.url);
      }
    }
    connection.close();
  }

  await Promise.all(connections.map(runClient));
  return { firstSentAtMs, lastAnsweredAtMs: Date.now(), latenciesMs: Float64Array.from(latencies), accepted, refusals };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.once('message', (order) => {
  run(order as LoadOrder).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
