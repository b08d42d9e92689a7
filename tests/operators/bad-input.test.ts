/** Callbacks that are cut, wrongly typed, altered or wrongly signed, at every operator: each is refused with a code, or proves nothing. */
import { describe, expect, it } from 'vitest';
import { isFault } from '../../domain/errors.ts';
import type { CallbackEvent, OperatorClient } from '../../tools/mmo/operator.ts';
import { createTestWorld, drive, requestOf } from './harness.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const REFUSALS: readonly string[] = ['malformed_body', 'callback_unverified'];

/** The event of a body, or the code it is refused with. Anything else that is thrown is a mistake of ours. */
function read(client: OperatorClient, body: string): CallbackEvent | string {
  try {
    return client.parseCallback(body);
  } catch (error) {
    if (isFault(error) && REFUSALS.includes(error.code)) return error.code;
    throw error;
  }
}

/** Every value of a message, one at a time, in another type. */
function* wronglyTyped(value: Json, put: (changed: Json) => Json): Generator<Json> {
  const others: readonly Json[] = [null, true, -1, '', 'x', [], {}, [value], { value }];
  for (const other of others) yield put(other);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const putIn = (changed: Json): Json => {
      if (!Array.isArray(value)) return put({ ...value, [key]: changed });
      return put(value.map((each, index) => (String(index) === key ? changed : each)));
    };
    yield* wronglyTyped(inner, putIn);
  }
}

describe.each([
  ['mpesa-ke', 'collection'],
  ['mpesa-ke', 'payout'],
  ['mtn-ug', 'collection'],
  ['mtn-ug', 'payout'],
  ['airtel-ug', 'collection'],
  ['airtel-rw', 'collection'],
  ['orange-ci', 'collection'],
  ['orange-cm', 'collection'],
  ['orange-sn', 'collection'],
  ['hub-ke', 'payout'],
] as const)('a callback of %s about a %s', (railId, leg) => {
  const received = async (): Promise<{ client: OperatorClient; body: string }> => {
    const world = await createTestWorld();
    await drive(world, { railId, leg });
    await world.scheduler.advance(5_000);
    const body = world.inbox.get(requestOf({ railId, leg }).callbackUrl)?.[0];
    if (body === undefined) throw new Error(`${railId} did not call back`);
    return { client: world.client(railId), body };
  };

  it('is refused wherever it is cut', async () => {
    const { client, body } = await received();
    expect(read(client, body)).not.toBeTypeOf('string');
    for (let length = 0; length < body.trimEnd().length; length += 1) expect(read(client, body.slice(0, length))).toBe('malformed_body');
  });

  it.each([
    '',
    ' ',
    'null',
    '[]',
    '"text"',
    '7',
    '<html></html>',
    '\u0000',
    '{'.repeat(20_000),
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  ])('is refused when it is %j', async (text) => {
    const { client } = await received();
    expect(read(client, text)).toBe('malformed_body');
  });

  it('believes no value of another type: what it still says, the operator is asked', async () => {
    const { client, body } = await received();
    const told = read(client, body) as CallbackEvent;
    let count = 0;
    for (const changed of wronglyTyped(JSON.parse(body) as Json, (whole) => whole)) {
      count += 1;
      const event = read(client, JSON.stringify(changed));
      if (typeof event === 'string' || event.trust === 'confirm' || event.outcome.state !== 'succeeded') continue;
      // A success that stands by itself is set aside when it names another request; else it must tell the same amount.
      if (event.ourReference !== told.ourReference) continue;
      expect(event.outcome).toMatchObject({ amount: (told.outcome as { amount: unknown }).amount });
    }
    expect(count).toBeGreaterThan(20);
  });
});

it.each(['airtel-ug', 'airtel-rw'])('a callback of %s with one character changed is not what was signed', async (railId) => {
  const world = await createTestWorld();
  await drive(world, { railId, leg: 'collection' });
  await world.scheduler.advance(5_000);
  const body = world.inbox.get(requestOf({ railId, leg: 'collection' }).callbackUrl)?.[0] ?? '';
  const client = world.client(railId);
  const { transaction } = JSON.parse(body) as { transaction: { id: string } };
  const altered = body.replace(
    transaction.id,
    transaction.id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
  );
  expect(altered).not.toBe(body);
  expect(read(client, altered)).toBe('callback_unverified');
  expect(read(client, body.replace(/"hash":"./, '"hash":"_'))).toBe('callback_unverified');
  expect(read(client, JSON.stringify({ ...JSON.parse(body), hash: undefined }))).toBe('callback_unverified');
});
