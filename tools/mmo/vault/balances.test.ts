/** Both stores keep one suite: what holds for questions of one process holds for those shared through PostgreSQL. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { endQuestion, findQuestion } from '../../../db/queries/operator-balances.ts';
import { testDatabase } from '../../../db/testing.ts';
import { manualClock } from '../../../domain/clock.ts';
import { money } from '../../../domain/money.ts';
import { type BalanceAnswer, type BalanceStore, createBalanceDesk, memoryBalanceStore } from '../balances.ts';
import { postgresBalanceStore } from './balances.ts';

interface Place {
  readonly store: BalanceStore;
  readonly clock: Waiting;
  /** What the operator is heard to say at an address. */
  readonly tell: (url: string, answer: BalanceAnswer) => Promise<void>;
  readonly close: () => Promise<void>;
}

const START_MS = Date.UTC(2026, 9, 5);
/** A clock that goes on while somebody waits, and what happens meanwhile. */
type Waiting = ReturnType<typeof manualClock> & { meanwhile: (() => Promise<void>) | null; readonly wait: () => Promise<void> };

function waitingClock(): Waiting {
  const clock: Waiting = {
    ...manualClock(START_MS),
    meanwhile: null,
    wait: async () => {
      clock.advance(250);
      const { meanwhile } = clock;
      clock.meanwhile = null;
      await meanwhile?.();
    },
  };
  return clock;
}

const hash = (token: string) => createHash('sha256').update(token).digest();

async function inMemory(): Promise<Place> {
  const clock = waitingClock();
  const store = memoryBalanceStore(clock, (id) => id, clock.wait);
  return { store, clock, tell: async (url, answer) => store.tell(url, answer), close: async () => undefined };
}

async function inPostgres(): Promise<Place> {
  const database = await testDatabase();
  const clock = waitingClock();
  const addressOf = (id: string) => ({ url: `at ${id}`, tokenHash: hash(`at ${id}`) });
  return {
    store: postgresBalanceStore(database.pool, clock, addressOf, clock.wait),
    clock,
    tell: async (url, answer) => {
      const question = await findQuestion(database.pool, hash(url));
      if (question === null) throw new Error('nobody asked');
      await endQuestion(database.pool, question.id, answer, clock.now());
    },
    close: () => database.close(),
  };
}

const NAME = { railId: 'mpesa-ke', account: '600992' };
const FIVE: BalanceAnswer = { amount: money(500n, 'KES') };

describe.each([
  ['in memory', inMemory],
  ['in PostgreSQL', inPostgres],
])('balances asked for %s', (_where, open) => {
  async function at(
    work: (
      place: Place,
      ask: (what?: Partial<{ notBeforeMs: number; account: string }>) => Promise<unknown>,
      asked: string[],
    ) => Promise<void>,
  ) {
    const place = await open();
    const asked: string[] = [];
    const desk = createBalanceDesk(place.store, place.clock);
    const ask = ({ notBeforeMs = START_MS, account = NAME.account } = {}) =>
      desk.ask({ ...NAME, account }, { notBeforeMs, waitMs: 10_000 }, async (url) => {
        asked.push(url);
        return true;
      });
    try {
      await work(place, ask, asked);
    } finally {
      await place.close();
    }
  }

  it('are told to whoever waits, and to whoever asks while they are fresh', () =>
    at(async ({ tell, clock }, ask, asked) => {
      clock.meanwhile = () => tell(asked[0] ?? '', FIVE);
      expect(await ask()).toEqual({ minor: 500n, currency: 'KES' });
      expect(await ask()).toEqual({ minor: 500n, currency: 'KES' });
      expect(asked).toHaveLength(1);
      const stale = ask({ notBeforeMs: clock.now() + 1 });
      const other = ask({ account: '174379' });
      expect([await stale, await other, asked.length]).toEqual([null, null, 3]);
    }));

  it('are told once: a second message changes nothing', () =>
    at(async ({ tell, clock }, ask, asked) => {
      clock.meanwhile = async () => {
        await tell(asked[0] ?? '', FIVE);
        await tell(asked[0] ?? '', { amount: money(9n, 'KES') });
      };
      expect(await ask()).toEqual({ minor: 500n, currency: 'KES' });
      expect(await ask()).toEqual({ minor: 500n, currency: 'KES' });
    }));

  it('are none when nothing is told in time; what is told late is for whoever asks next', () =>
    at(async ({ tell }, ask, asked) => {
      expect(await ask()).toBeNull();
      await tell(asked[0] ?? '', FIVE);
      expect(await ask()).toEqual({ minor: 500n, currency: 'KES' });
      expect(asked).toHaveLength(1);
    }));

  it('are asked for anew when none was told, for whatever reason', () =>
    at(async ({ tell, store, clock }, ask, asked) => {
      clock.meanwhile = () => tell(asked[0] ?? '', { reasonCode: 'queue_timeout' });
      expect(await ask()).toBeNull();
      const refused = createBalanceDesk(store, clock).ask(NAME, { notBeforeMs: START_MS, waitMs: 10_000 }, async () => false);
      expect(await refused).toBeNull();
      expect(await ask()).toBeNull();
      expect(asked).toHaveLength(2);
    }));

  it('are waited for together by whoever asks while a question is open', () =>
    at(async ({ store }, ask, asked) => {
      await store.open(NAME, '0190a0a0-0000-7000-8000-000000000001');
      expect(await ask()).toBeNull();
      expect(asked).toEqual([]);
    }));
});
