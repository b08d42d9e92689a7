/** What each kind of request sends, and which answer it needs. */
import type { Random } from '../../examples/random.ts';
import { intentMaker, type MadeIntent } from '../intents.ts';
import type { LoadOrder, Outcome } from './order.ts';
import type { Kind } from './schedule.ts';
import { beginRequest, type Unfinished } from './unfinished.ts';
import { type Answer, type Connection, getBytes, openStream, postBytes, postOverAndOver, type Stream } from './wire.ts';

export interface Ending {
  readonly outcome: Extract<Outcome, 'done' | 'refused' | 'failed'>;
  /** Why it is not done. */
  readonly why: string;
  /** Reference and id of payments that were accepted. */
  readonly accepted: readonly (readonly [string, string])[];
  /** The stream that a listener opened. */
  readonly stream?: Stream;
  /** The request that was begun. */
  readonly unfinished?: Unfinished;
}

/** A request that is ready to leave. */
export interface Request {
  /** Of the payments that it submits. */
  readonly references: readonly string[];
  /** Sends it and reads the answer. Rejects when there is none. */
  send(connection: Connection): Promise<Ending>;
}

const IN_BATCH = /"referenceId":"([^"]+)","status":"accepted","paymentId":"([0-9a-f-]{36})"/g;
const LISTS = ['/v1/payments?limit=50', '/v1/payments?limit=20&status=paid', '/v1/activity?limit=50'];

const DONE: Ending = { outcome: 'done', why: '', accepted: [] };

/** How a request ended whose answer is not the one it needs. Turned away cleanly is what says when to come back. */
function unmet({ status, saysWhen }: Pick<Answer, 'status' | 'saysWhen'>): Ending {
  const isRefused = (status === 429 || status === 503) && saysWhen;
  return { outcome: isRefused ? 'refused' : 'failed', why: `status ${status}`, accepted: [] };
}

/** What the answer to a single payment says. */
export function endOfSingle(answer: Answer): Ending {
  if (answer.status !== 202) return unmet(answer);
  const reference = /"referenceId":"([^"]+)"/.exec(answer.body)?.[1];
  const id = /"id":"([0-9a-f-]{36})"/.exec(answer.body)?.[1];
  if (reference === undefined || id === undefined) return { outcome: 'failed', why: 'an answer without a payment', accepted: [] };
  return { ...DONE, accepted: [[reference, id]] };
}

/** What the answers to one payment that is sent again and again say: it is always the one that exists. */
export function duplicateReader(): (answer: Answer) => Ending {
  let existing: string | undefined;
  return (answer) => {
    const ending = endOfSingle(answer.status === 200 ? { ...answer, status: 202 } : answer);
    const id = ending.accepted[0]?.[1];
    if (id === undefined) return ending;
    existing ??= id;
    if (id !== existing) return { outcome: 'failed', why: 'another payment for the same intent', accepted: ending.accepted };
    return answer.status === 200 ? DONE : ending;
  };
}

/** What the answer to a batch without an end says: rows are taken up to the most that a batch may have, and the rest is refused. */
export function endOfHuge(answer: Answer): Ending {
  if (answer.status === 413) return DONE;
  if (answer.status !== 202) return unmet(answer);
  const accepted = [...answer.body.matchAll(IN_BATCH)].map(([, reference = '', id = '']) => [reference, id] as const);
  const isCut = answer.body.includes('"too_many_rows"');
  return isCut ? { ...DONE, accepted } : { outcome: 'failed', why: 'a batch that did not end', accepted };
}

/** What the answer to a batch says: every row must be taken. */
export function endOfBatch(answer: Answer, rows: number): Ending {
  if (answer.status !== 202) return unmet(answer);
  const accepted = [...answer.body.matchAll(IN_BATCH)].map(([, reference = '', id = '']) => [reference, id] as const);
  return accepted.length === rows ? { ...DONE, accepted } : { outcome: 'failed', why: 'refused in its batch', accepted };
}

function quoteOf(intent: MadeIntent): string {
  const { amount, fromCurrency, toCurrency, sender, receiver } = intent as MadeIntent & Record<'sender' | 'receiver', { country: string }>;
  return JSON.stringify({ amount, fromCurrency, toCurrency, fromCountry: sender.country, toCountry: receiver.country });
}

function batchOf(to: { readonly url: string; readonly key: string }, intents: readonly MadeIntent[]): Request {
  const body = intents.map((intent) => `${JSON.stringify(intent)}\n`).join('');
  const bytes = postBytes({ ...to, path: '/v1/payments/batches', type: 'application/x-ndjson', body });
  const references = intents.map(({ referenceId }) => referenceId);
  return { references, send: async (connection) => endOfBatch(await connection.send(bytes), intents.length) };
}

/** Makes requests of any kind; payments beyond `rows` of a batch and what is asked about come from the order. */
export function requestMaker(order: LoadOrder, random: Random, known: readonly string[]): (kind: Kind, rows?: number) => Request {
  const next = intentMaker(order.intents);
  const common = { url: order.url, key: order.key };
  const post = (path: string, body: string): Buffer => postBytes({ ...common, path, type: 'application/json', body });
  const read = (path: string): Request => {
    const bytes = getBytes({ ...common, path });
    return { references: [], send: async (connection) => endOfReading(await connection.send(bytes)) };
  };
  const makers: Readonly<Record<Kind, (rows: number) => Request>> = {
    single: () => {
      const intent = next();
      const bytes = post('/v1/payments', JSON.stringify(intent));
      return { references: [intent.referenceId], send: async (connection) => endOfSingle(await connection.send(bytes)) };
    },
    batch: (rows) => batchOf(common, Array.from({ length: rows }, next)),
    quoted: () => {
      const intent = next();
      const asked = post('/v1/quotes', quoteOf(intent));
      return {
        references: [intent.referenceId],
        send: async (connection) => {
          const quote = await connection.send(asked);
          const quoteId = /"id":"([0-9a-f-]{36})"/.exec(quote.body)?.[1];
          if (quote.status !== 201 || quoteId === undefined) return unmet(quote);
          return endOfSingle(await connection.send(post('/v1/payments', JSON.stringify({ ...intent, quoteId }))));
        },
      };
    },
    status: () => read(`/v1/payments/${random.pick(known)}`),
    list: () => read(random.pick(LISTS)),
    ...neighbourMakers(order),
    listen: () => {
      const bytes = getBytes({ ...common, path: '/v1/activity/stream' });
      return {
        references: [],
        send: async () => {
          const stream = await openStream(order.url, bytes);
          if (stream.status === 200) return { ...DONE, stream };
          stream.close();
          return unmet(stream);
        },
      };
    },
  };
  return (kind, rows = order.rows) => makers[kind](rows);
}

/** References of the neighbour's payments have it in them. */
export const NEIGHBOUR_MARK = '-neighbour';
const HUGE_ROWS = 1_000_000;
const HUGE_PIECE_ROWS = 1_000;

type NeighbourKind = 'flood' | 'duplicate' | 'huge' | 'unfinished' | 'flagged';

/** Another client, who sends more than is good: each kind with payments of its own. */
function neighbourMakers(order: LoadOrder): Pick<Readonly<Record<Kind, (rows: number) => Request>>, NeighbourKind> {
  const { url, neighbourKey: key = order.key } = order;
  const prefix = `${order.intents.prefix}${NEIGHBOUR_MARK}`;
  const intents = { ...order.intents, prefix, seed: 1_000 + (order.intents.seed ?? 1) };
  const next = intentMaker(intents);
  const nextFlagged = intentMaker({ ...intents, prefix: `${prefix}-flagged`, flaggedPercent: 100 });
  const again = next();
  const row = next();
  const post = (intent: MadeIntent): Buffer =>
    postBytes({ url, path: '/v1/payments', key, type: 'application/json', body: JSON.stringify(intent) });
  const duplicate = post(again);
  const endOfDuplicate = duplicateReader();
  let begun = 0;
  const piece = Buffer.from(`${JSON.stringify(row)}\n`.repeat(HUGE_PIECE_ROWS));
  return {
    flood: () => {
      const intent = next();
      const bytes = post(intent);
      return { references: [intent.referenceId], send: async (connection) => endOfSingle(await connection.send(bytes)) };
    },
    duplicate: () => ({ references: [again.referenceId], send: async (connection) => endOfDuplicate(await connection.send(duplicate)) }),
    huge: () => ({
      references: [row.referenceId],
      send: async () => {
        const request = { url, path: '/v1/payments/batches', key, type: 'application/x-ndjson' } as const;
        return endOfHuge(await postOverAndOver(request, piece, HUGE_ROWS / HUGE_PIECE_ROWS));
      },
    }),
    flagged: (rows) => batchOf({ url, key }, Array.from({ length: rows }, nextFlagged)),
    unfinished: () => {
      const number = begun++;
      return { references: [], send: async () => ({ ...DONE, unfinished: await beginRequest(url, key, number) }) };
    },
  };
}

function endOfReading(answer: Answer): Ending {
  return answer.status === 200 ? DONE : unmet(answer);
}
