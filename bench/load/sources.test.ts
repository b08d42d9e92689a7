import { expect, test } from 'vitest';
import type { LoadOrder } from './order.ts';
import type { Request } from './requests.ts';
import { isNeighbours, type Kind } from './schedule.ts';
import { createRoom, sourcesOf, type Source } from './sources.ts';

const request: Request = { references: [], send: () => Promise.reject(new Error('nothing is sent')) };

function order(change: Partial<LoadOrder>): LoadOrder {
  const segments = [{ phase: 0, seconds: 0.1, fromPerSecond: 500, toPerSecond: 500 }];
  return {
    url: 'http://127.0.0.1:1',
    key: 'k',
    intents: { prefix: 'p', between: 'balances' },
    mix: { single: 1, flood: 1 },
    rows: 10,
    connections: 1,
    pace: { kind: 'open', segments, spacing: 'even' },
    ...change,
  };
}

async function all(source: Source) {
  const found = [];
  for (let due = await source.next(); due !== null; due = await source.next()) found.push(due);
  return found;
}

test('a neighbour has a source of its own, and between them no request is lost or comes twice', async () => {
  const startMs = performance.now();
  const sources = sourcesOf(
    order({}),
    createRoom(1),
    () => request,
    () => startMs,
  );
  expect(sources).toHaveLength(2);
  const [own = [], neighbours = []] = await Promise.all(sources.map(all));
  expect(own.every(({ kind }) => !isNeighbours(kind))).toBe(true);
  expect(neighbours.every(({ kind }) => isNeighbours(kind))).toBe(true);
  const dueMs = [...own, ...neighbours].map((due) => Math.round(due.dueMs - startMs)).toSorted((a, b) => a - b);
  expect(dueMs).toEqual(Array.from({ length: 50 }, (_, index) => index * 2));
});

test('a request leaves when it is due and not before, and at once when that is past', async () => {
  const startMs = performance.now();
  const [source] = sourcesOf(
    order({ mix: { single: 1 } }),
    createRoom(1),
    () => request,
    () => startMs,
  );
  const early = [];
  for (let due = await source?.next(); due !== null && due !== undefined; due = await source?.next())
    early.push(performance.now() - due.dueMs);
  expect(Math.min(...early)).toBeGreaterThanOrEqual(0);
  const [late] = sourcesOf(
    order({ mix: { single: 1 } }),
    createRoom(1),
    () => request,
    () => startMs - 10_000,
  );
  const beganMs = performance.now();
  expect((await all(late as Source)).every(({ isOverdue }) => !isOverdue)).toBe(true);
  expect(performance.now() - beganMs).toBeLessThan(100);
});

test('what is later than a minute after the last was due leaves no more', async () => {
  const [source] = sourcesOf(
    order({ mix: { single: 1 } }),
    createRoom(1),
    () => request,
    () => performance.now() - 60_200,
  );
  expect((await all(source as Source)).every(({ isOverdue }) => isOverdue)).toBe(true);
});

test('a closed source hands out as many payments as were asked for, the last batch with the rest', async () => {
  const made: [Kind, number | undefined][] = [];
  const make = (kind: Kind, rows?: number): Request => {
    made.push([kind, rows]);
    return request;
  };
  const pace = { kind: 'closed', seconds: 5, payments: 25, unfinishedMax: 1_000 } as const;
  const startMs = performance.now();
  const [source] = sourcesOf(order({ mix: { batch: 1 }, pace }), createRoom(1_000), make, () => startMs);
  expect(await all(source as Source)).toHaveLength(3);
  expect(made).toEqual([
    ['batch', 10],
    ['batch', 10],
    ['batch', 5],
  ]);
});

test('a closed source waits while too many payments are unfinished, and goes on when it is told of fewer', async () => {
  const room = createRoom(10);
  const pace = { kind: 'closed', seconds: 5, payments: 20, unfinishedMax: 10 } as const;
  const startMs = performance.now();
  const [source] = sourcesOf(
    order({ mix: { batch: 1 }, pace }),
    room,
    () => request,
    () => startMs,
  );
  expect(await source?.next()).not.toBeNull();
  let isHandedOut = false;
  const next = source?.next().then(() => (isHandedOut = true));
  await Promise.resolve();
  expect(isHandedOut).toBe(false);
  room.tell({ unfinished: 0 });
  expect(await next).toBe(true);
});
