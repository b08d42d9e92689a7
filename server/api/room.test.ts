import { expect, test } from 'vitest';
import { createRoom } from './room.ts';

const LIMITS = { connectionsMax: 4, connectionsPerAddressMax: 3, waitMs: { head: 10, body: 120, next: 5 } };

function roomAt(limits: Partial<typeof LIMITS> = {}) {
  const time = { ms: 0 };
  const room = createRoom<string>({ ...LIMITS, ...limits }, () => time.ms);
  /** Lets one in who came a millisecond after the one before. */
  const come = (connection: string, address: string) => {
    time.ms += 1;
    return room.enter(connection, address);
  };
  return { room, time, come };
}

test('there is room up to the bound, and again for whoever comes once another has left', () => {
  const { room, come } = roomAt();
  for (const [connection, address] of ['a', 'b', 'c', 'd'].map((each) => [each, `of ${each}`] as const)) {
    expect(come(connection, address)).toEqual({ displaced: null });
    room.wait(connection, null);
  }
  expect(come('e', 'of e')).toEqual({ full: 'full' });
  expect(room.count()).toBe(4);
  room.leave('b');
  expect(come('e', 'of e')).toEqual({ displaced: null });
  // Leaving twice, or without having been there, frees nothing.
  room.leave('b');
  room.leave('x');
  expect(room.count()).toBe(4);
});

test('whoever comes takes the place of one of the address that holds most of those that wait', () => {
  const { room, come } = roomAt();
  come('honest', 'one');
  for (const each of ['a', 'b', 'c']) come(each, 'many');
  expect(come('new', 'two')).toEqual({ displaced: 'a' });
  expect(come('newer', 'three')).toEqual({ displaced: 'b' });
  expect(room.count()).toBe(4);
});

test('an address that is full makes room among its own', () => {
  const { room, come } = roomAt();
  for (const each of ['a', 'b', 'c']) come(each, 'many');
  room.wait('a', null);
  expect(come('d', 'many')).toEqual({ displaced: 'b' });
  for (const each of ['c', 'd']) room.wait(each, null);
  expect(come('e', 'many')).toEqual({ full: 'address_full' });
  expect(come('f', 'another')).toEqual({ displaced: null });
});

test('of one address the one goes that has used up most of its time, be it for headers, a body or the next request', () => {
  const { room, time, come } = roomAt({ connectionsPerAddressMax: 9 });
  for (const each of ['body', 'head', 'next', 'served']) come(each, 'one');
  room.wait('body', 'body');
  room.wait('next', 'next');
  room.wait('served', null);
  time.ms = 9;
  // A body has waited for 5 of 120, the headers for 7 of 10, the next request for 5 of 5.
  expect(room.enter('x', 'one')).toEqual({ displaced: 'next' });
  expect(room.enter('y', 'one')).toEqual({ displaced: 'head' });
  expect(room.enter('z', 'one')).toEqual({ displaced: 'body' });
});

test('whoever is served stays, and waits anew afterwards', () => {
  const { room, come } = roomAt({ connectionsMax: 2 });
  come('a', 'one');
  come('b', 'two');
  room.wait('a', null);
  expect(come('c', 'three')).toEqual({ displaced: 'b' });
  room.wait('a', 'next');
  room.wait('c', null);
  expect(come('d', 'four')).toEqual({ displaced: 'a' });
  // Nobody waits for what is no longer here.
  room.wait('a', 'next');
  room.wait('d', null);
  expect(come('e', 'five')).toEqual({ full: 'full' });
});
