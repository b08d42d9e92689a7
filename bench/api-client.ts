/**
 * A crowd of clients, in a process of its own: each keeps one connection and has one request under way.
 * They write HTTP/1.1 by hand, because a client library would cost more than the server they measure.
 */
import { connect, type Socket } from 'node:net';
import { drawUsd, writeAmount } from '../examples/amounts.ts';
import { createPeople } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import { countryByCode } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';

export interface ClientOrder {
  readonly url: string;
  readonly key: string;
  readonly clients: number;
  readonly seconds: number;
  /** Requests at most, without those of the warm-up. */
  readonly requests: number;
  readonly warmUp: number;
}

export interface ClientReport {
  /** Of every measured request that was answered, whatever the answer. */
  readonly latenciesMs: Float64Array;
  readonly seconds: number;
  /** Reference and payment id of every 202, the warm-up's as well. */
  readonly accepted: readonly (readonly [string, string])[];
  /** How many requests failed, by status or error. */
  readonly failures: Readonly<Record<string, number>>;
}

const CORRIDORS: readonly (readonly [Country, Country])[] = [
  ['KE', 'UG'],
  ['UG', 'KE'],
  ['KE', 'RW'],
  ['GH', 'CI'],
  ['CI', 'SN'],
  ['ZM', 'ZA'],
];
const USD_MAX = 60;
const ANSWER_MS_MAX = 30_000;

interface Request {
  readonly reference: string;
  readonly bytes: Buffer;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Requests with references and people of their own, ready to be written. */
function prepareRequests(order: ClientOrder): Request[] {
  const random = seededRandom(20_261_124);
  const people = createPeople(random);
  const { host } = new URL(order.url);
  const run = Date.now().toString(36);
  return Array.from({ length: order.requests + order.warmUp }, (_, index) => {
    const [from, to] = random.pick(CORRIDORS);
    const party = (country: Country) => {
      const { name, phone } = people.person(country);
      return { name, phone, country };
    };
    const reference = `bench-${run}-${index}`;
    const body = JSON.stringify({
      referenceId: reference,
      amount: writeAmount(random, from, drawUsd(random, USD_MAX)),
      fromCurrency: countryByCode(from).currency,
      toCurrency: countryByCode(to).currency,
      sender: party(from),
      receiver: party(to),
    });
    const head =
      `POST /v1/payments HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${order.key}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    return { reference, bytes: Buffer.from(head + body) };
  });
}

interface Connection {
  send(request: Request): Promise<Answer>;
  close(): void;
}

/** Opens a connection on which one request at a time is made. */
async function openConnection(url: URL): Promise<Connection> {
  const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
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
  socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer in time')));
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
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request.bytes);
      }),
    close: () => socket.destroy(),
  };
}

/** An answer that has arrived in full, or null. One request at a time is under way, so nothing follows it. */
function readAnswer(text: string): Answer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const status = Number(text.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end));
  const body = text.slice(end + 4);
  if (length !== null) return body.length < Number(length[1]) ? null : { status, body };
  // Chunked: the last chunk has no length.
  return body.endsWith('0\r\n\r\n') ? { status, body } : null;
}

/** Lets every client send request after request until there are none or time is up. */
async function runCrowd(order: ClientOrder, requests: readonly Request[], seconds: number): Promise<ClientReport> {
  const url = new URL(order.url);
  const latencies: number[] = [];
  const accepted: (readonly [string, string])[] = [];
  const failures: Record<string, number> = {};
  let next = 0;
  const note = (kind: string): void => {
    failures[kind] = (failures[kind] ?? 0) + 1;
  };
  const connections = await Promise.all(Array.from({ length: order.clients }, () => openConnection(url)));
  const startMs = performance.now();
  const untilMs = startMs + seconds * 1000;

  async function runClient(first: Connection): Promise<void> {
    let connection = first;
    for (let request = requests[next++]; request !== undefined && performance.now() < untilMs; request = requests[next++]) {
      const sentMs = performance.now();
      try {
        const { status, body } = await connection.send(request);
        latencies.push(performance.now() - sentMs);
        const id = /"id":"([0-9a-f-]{36})"/.exec(body)?.[1];
        if (status === 202 && id !== undefined) accepted.push([request.reference, id]);
        else note(`status ${status}`);
      } catch (error) {
        note(error instanceof Error ? error.message : 'unknown');
        connection.close();
        connection = await openConnection(url);
      }
    }
    connection.close();
  }

  await Promise.all(connections.map(runClient));
  return { latenciesMs: Float64Array.from(latencies), seconds: (performance.now() - startMs) / 1000, accepted, failures };
}

async function run(order: ClientOrder): Promise<ClientReport> {
  const requests = prepareRequests(order);
  const warmUp = await runCrowd(order, requests.slice(0, order.warmUp), Number.POSITIVE_INFINITY);
  const measured = await runCrowd(order, requests.slice(order.warmUp), order.seconds);
  const failures = { ...measured.failures };
  for (const [kind, count] of Object.entries(warmUp.failures)) failures[kind] = (failures[kind] ?? 0) + count;
  return { ...measured, accepted: [...warmUp.accepted, ...measured.accepted], failures };
}

process.once('message', (order) => {
  run(order as ClientOrder).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
