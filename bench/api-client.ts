/** A crowd of clients, in a process of its own: each keeps one connection and has one request under way. */
import { drawUsd, writeAmount } from '../examples/amounts.ts';
import { createPeople } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import { countryByCode } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';
import { type Connection, openConnection, postBytes } from './load/wire.ts';

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

interface Request {
  readonly reference: string;
  readonly bytes: Buffer;
}

/** Requests with references and people of their own, ready to be written. */
function prepareRequests(order: ClientOrder): Request[] {
  const random = seededRandom(20_261_124);
  const people = createPeople(random);
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
    return { reference, bytes: postBytes({ url: order.url, path: '/v1/payments', key: order.key, type: 'application/json', body }) };
  });
}

/** Lets every client send request after request until there are none or time is up. */
async function runCrowd(order: ClientOrder, requests: readonly Request[], seconds: number): Promise<ClientReport> {
  const { url } = order;
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
        const { status, body } = await connection.send(request.bytes);
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
