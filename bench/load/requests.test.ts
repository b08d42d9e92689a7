import { expect, test } from 'vitest';
import { seededRandom } from '../../examples/random.ts';
import type { LoadOrder } from './order.ts';
import { duplicateReader, endOfBatch, endOfHuge, endOfSingle, requestMaker } from './requests.ts';
import type { Answer, Connection } from './wire.ts';

const ID = '0197b7a0-0000-7000-8000-000000000001';
const answer = (status: number, body = '', saysWhen = false): Answer => ({ status, body, saysWhen });

const ORDER: LoadOrder = {
  url: 'http://127.0.0.1:1',
  key: 'k',
  intents: { prefix: 'p', between: 'balances' },
  mix: { single: 1 },
  rows: 3,
  connections: 1,
  pace: { kind: 'closed', seconds: 1, payments: 1, unfinishedMax: 1 },
};

/** A connection that gives these answers, and what it was sent. */
function scripted(...answers: readonly Answer[]): { connection: Connection; sent: string[] } {
  const sent: string[] = [];
  const connection: Connection = {
    send: async (bytes) => {
      sent.push(bytes.toString());
      const next = answers[sent.length - 1];
      if (next === undefined) throw new Error('no answer in time');
      return next;
    },
    isOpen: () => true,
    close: () => undefined,
  };
  return { connection, sent };
}

const maker = () => requestMaker(ORDER, seededRandom(1), [ID]);

test('a payment is done when it is accepted, turned away when it is told when to come back, and failed otherwise', () => {
  expect(endOfSingle(answer(202, `{"id":"${ID}","referenceId":"p-1"}`))).toMatchObject({ outcome: 'done', accepted: [['p-1', ID]] });
  expect(endOfSingle(answer(429, '', true))).toMatchObject({ outcome: 'refused', why: 'status 429' });
  expect(endOfSingle(answer(503, '', true)).outcome).toBe('refused');
  expect(endOfSingle(answer(503)).outcome).toBe('failed');
  expect(endOfSingle(answer(500, '', true)).outcome).toBe('failed');
  expect(endOfSingle(answer(202, '{}')).outcome).toBe('failed');
});

test('a batch is done when every row was taken; what was taken counts in any case', () => {
  const row = (number: number): string => `{"referenceId":"p-${number}","status":"accepted","paymentId":"${ID}"}`;
  expect(endOfBatch(answer(202, `[${row(1)},${row(2)}]`), 2).outcome).toBe('done');
  const short = endOfBatch(answer(202, `[${row(1)},{"referenceId":"p-2","status":"refused"}]`), 2);
  expect(short).toMatchObject({ outcome: 'failed', why: 'refused in its batch', accepted: [['p-1', ID]] });
});

test('a quoted payment asks for a quote and pays at it', async () => {
  const { connection, sent } = scripted(answer(201, `{"id":"${ID}"}`), answer(202, `{"id":"${ID}","referenceId":"p-1"}`));
  const request = maker()('quoted');
  expect(await request.send(connection)).toMatchObject({ outcome: 'done' });
  expect(request.references).toEqual(['p-1']);
  expect(sent[0]).toMatch(/^POST \/v1\/quotes .*"fromCountry":/s);
  expect(sent[1]).toMatch(new RegExp(`^POST /v1/payments .*"quoteId":"${ID}"`, 's'));
});

test('without a quote nothing is paid', async () => {
  const { connection, sent } = scripted(answer(503, '', true));
  expect(await maker()('quoted').send(connection)).toMatchObject({ outcome: 'refused', accepted: [] });
  expect(sent).toHaveLength(1);
});

test('a batch has so many rows, each with a reference of its own, and the last may have fewer', async () => {
  const { connection, sent } = scripted(answer(202), answer(202));
  const make = maker();
  const [whole, rest] = [make('batch'), make('batch', 2)];
  expect([whole.references, rest.references]).toEqual([
    ['p-1', 'p-2', 'p-3'],
    ['p-4', 'p-5'],
  ]);
  await whole.send(connection);
  expect(sent[0]?.split('\r\n\r\n')[1]?.trim().split('\n')).toHaveLength(3);
});

test('reading asks about a payment that is there, and no answer is no ending', async () => {
  const { connection, sent } = scripted(answer(200, '{}'), answer(404));
  const make = maker();
  expect(await make('status').send(connection)).toMatchObject({ outcome: 'done' });
  expect(sent[0]).toContain(`GET /v1/payments/${ID} HTTP/1.1`);
  expect(await make('list').send(connection)).toMatchObject({ outcome: 'failed', why: 'status 404' });
  await expect(make('single').send(connection)).rejects.toThrow('no answer in time');
});

test('the same payment sent again is the one that exists, whatever answer comes first', () => {
  const told = (status: number, id = ID): Answer => answer(status, `{"id":"${id}","referenceId":"p-1"}`);
  const read = duplicateReader();
  expect(read(told(200))).toMatchObject({ outcome: 'done', accepted: [] });
  expect(read(told(202))).toMatchObject({ outcome: 'done', accepted: [['p-1', ID]] });
  expect(read(told(200, ID.replace('1', '2')))).toMatchObject({ outcome: 'failed' });
  expect(read(answer(429, '', true)).outcome).toBe('refused');
  expect(read(answer(409)).outcome).toBe('failed');
});

test('a batch of a million rows must be cut off, not taken whole', () => {
  expect(endOfHuge(answer(413)).outcome).toBe('done');
  const taken = `{"referenceId":"p-1","status":"accepted","paymentId":"${ID}"}`;
  expect(endOfHuge(answer(202, `[${taken},{"code":"too_many_rows"}]`))).toMatchObject({ outcome: 'done', accepted: [['p-1', ID]] });
  expect(endOfHuge(answer(202, `[${taken}]`)).outcome).toBe('failed');
  expect(endOfHuge(answer(503, '', true)).outcome).toBe('refused');
});

test('a neighbour can hand in batches of which every payment is held', async () => {
  const { connection, sent } = scripted(answer(202));
  const request = requestMaker({ ...ORDER, neighbourKey: 'n' }, seededRandom(1), [])('flagged', 3);
  await request.send(connection);
  expect(request.references).toEqual(['p-neighbour-flagged-1-f', 'p-neighbour-flagged-2-f', 'p-neighbour-flagged-3-f']);
  expect(sent[0]).toMatch(/^POST \/v1\/payments\/batches .*authorization: Bearer n\r\n/s);
  expect(sent[0]?.match(/WAKHUNGU Jelani Obote/g)).toHaveLength(3);
});

test('a neighbour has a key and payments of its own', async () => {
  const { connection, sent } = scripted(answer(202), answer(202), answer(202));
  const make = requestMaker({ ...ORDER, neighbourKey: 'n' }, seededRandom(1), []);
  const requests = [make('flood'), make('duplicate'), make('duplicate')];
  for (const request of requests) await request.send(connection);
  expect(sent.every((text) => text.includes('authorization: Bearer n'))).toBe(true);
  expect(new Set(requests.flatMap(({ references }) => references)).size).toBe(2);
  expect(requests[0]?.references[0]).toMatch(/^p-neighbour-/);
  expect(sent[1]).toBe(sent[2]);
});
