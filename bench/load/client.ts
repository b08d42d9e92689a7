/**
 * A crowd of clients, in a process of its own. Every request is timed from when it should have left, so that a server that falls
 * behind is not spared: neither while a connection waits for its answer, nor when all of them do.
 */
import { seededRandom } from '../../examples/random.ts';
import { type LoadOrder, type LoadReport, type LoadTold, type Outcome, OUTCOMES } from './order.ts';
import { type Ending, requestMaker } from './requests.ts';
import { isNeighbours, KINDS } from './schedule.ts';
import { createRoom, type Due, pause, type Source, sourcesOf } from './sources.ts';
import { createUnfinished } from './unfinished.ts';
import { addressOf, type Connection, openConnection, type Stream } from './wire.ts';

/** After a request that was not answered, so that a server that is gone is not asked in a tight circle. */
const AGAIN_MS = 5;
const OPENED_AT_ONCE = 200;
/** Payments that are remembered to be asked about. */
const KNOWN_MAX = 20_000;

/** Collects what became of each request. */
function createNotes(known: string[], startMs: () => number) {
  const columns = { kind: [], outcome: [], phase: [], dueMs: [], waitedMs: [], latencyMs: [] } as Record<string, number[]>;
  const accepted: (readonly [string, string])[] = [];
  const unanswered: string[] = [];
  const refusals: Record<string, number> = {};
  const troubles: Record<string, number> = {};
  const add = (counts: Record<string, number>, name: string, by: number): void => {
    if (by > 0) counts[name] = (counts[name] ?? 0) + by;
  };
  const note = (due: Due, sentMs: number, outcome: Outcome, ending: Pick<Ending, 'why' | 'accepted'>): void => {
    const { request, kind, phase, dueMs } = due;
    const row = {
      kind: KINDS.indexOf(kind),
      outcome: OUTCOMES.indexOf(outcome),
      phase,
      dueMs: dueMs - startMs(),
      waitedMs: sentMs - dueMs,
      latencyMs: performance.now() - dueMs,
    };
    for (const [name, value] of Object.entries(row)) columns[name]?.push(value);
    for (const each of ending.accepted) {
      accepted.push(each);
      // Nobody sees the payments of another client.
      if (known.length < KNOWN_MAX && !isNeighbours(kind)) known.push(each[1]);
    }
    // Whoever is told of a mistake of ours is not told that nothing was stored.
    const isOpen = outcome === 'unanswered' || (outcome === 'failed' && ending.why.startsWith('status 5'));
    if (isOpen) for (const reference of request.references) unanswered.push(reference);
    if (outcome === 'done') return;
    add(refusals, ending.why, request.references.length - ending.accepted.length);
    add(troubles, `${kind}: ${ending.why}`, 1);
  };
  const report = (): Omit<LoadReport, 'firstSentAtMs' | 'lastAnsweredAtMs' | 'events' | 'unfinished'> => {
    const { kind = [], outcome = [], phase = [], dueMs = [], waitedMs = [], latencyMs = [] } = columns;
    const [bytes, floats] = [(of: number[]) => Uint8Array.from(of), (of: number[]) => Float64Array.from(of)];
    const requests = { kind: bytes(kind), outcome: bytes(outcome), phase: bytes(phase) };
    const times = { dueMs: floats(dueMs), waitedMs: floats(waitedMs), latencyMs: floats(latencyMs) };
    return { requests: { ...requests, ...times }, accepted, unanswered, refusals, troubles };
  };
  return { note, report, broke: () => add(troubles, 'listen: ended by the server', 1) };
}

/** Keeps streams open for as long as listeners stay, and counts what they hear. */
function createListeners(staySeconds: number, broke: () => void) {
  const open = new Set<Stream>();
  let events = 0;
  return {
    stay(stream: Stream): void {
      open.add(stream);
      const timer = setTimeout(stream.close, staySeconds * 1_000);
      void stream.ended.then((isClosedHere) => {
        clearTimeout(timer);
        open.delete(stream);
        events += stream.events();
        if (!isClosedHere) broke();
      });
    },
    /** Sends everybody home; resolves with how many events all of them heard. */
    async leave(): Promise<number> {
      const ended = [...open].map((stream) => {
        stream.close();
        return stream.ended;
      });
      await Promise.all(ended);
      return events;
    },
  };
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const { pace } = order;
  let startMs = performance.now();
  const start = (): number => startMs;
  const random = seededRandom(7_000 + (order.intents.seed ?? 1));
  const known = [...(order.known ?? [])];
  const make = requestMaker(order, random, known);
  const room = createRoom(pace.kind === 'closed' ? pace.unfinishedMax : Number.POSITIVE_INFINITY);
  process.on('message', (told) => room.tell(told as LoadTold));
  const sources = sourcesOf(order, room, make, start);
  const notes = createNotes(known, start);
  const listeners = createListeners(order.listenSeconds ?? 1, notes.broke);
  const unfinished = createUnfinished();
  const clients = sources.flatMap((source) => Array.from({ length: order.connections }, () => source));
  const openFrom = (number: number): Promise<Connection> => openConnection(order.url, undefined, addressOf(number));
  const connections: Connection[] = [];
  // A listener hears of so many at once.
  for (let from = 0; from < clients.length; from += OPENED_AT_ONCE)
    connections.push(...(await Promise.all(clients.slice(from, from + OPENED_AT_ONCE).map((_, index) => openFrom(from + index)))));
  startMs = performance.now();
  const firstSentAtMs = Date.now();

  async function runClient(source: Source, first: Connection, number: number): Promise<void> {
    let connection = first;
    for (let due = await source.next(); due !== null; due = await source.next()) {
      const sentMs = performance.now();
      if (due.isOverdue) {
        notes.note(due, sentMs, 'unsent', { why: 'too late to leave', accepted: [] });
        continue;
      }
      try {
        if (!connection.isOpen()) connection = await openFrom(number);
        const ending = await due.request.send(connection);
        notes.note(due, sentMs, ending.outcome, ending);
        if (ending.stream !== undefined) listeners.stay(ending.stream);
        if (ending.unfinished !== undefined) unfinished.hold(ending.unfinished);
      } catch (error) {
        notes.note(due, sentMs, 'unanswered', { why: error instanceof Error ? error.message : 'unknown', accepted: [] });
        connection.close();
        await pause(AGAIN_MS);
      }
    }
    connection.close();
  }

  await Promise.all(clients.map((source, index) => runClient(source, connections[index] as Connection, index)));
  const lastAnsweredAtMs = Date.now();
  return { firstSentAtMs, lastAnsweredAtMs, ...notes.report(), events: await listeners.leave(), unfinished: await unfinished.leave() };
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
