import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { type Clock, manualClock } from '../../domain/clock.ts';
import type { Currency } from '../../domain/currency.ts';
import { parseRate } from '../../domain/rate.ts';
import { createRateBoard, type RateBoard } from './board.ts';
import { type RateSource, type SourceRates, sourceFailed } from './source.ts';
import { CONSENSUS, confirmMove, rowsOf, storeRates } from './store.ts';

const START_MS = Date.UTC(2026, 8, 29, 6);
const HOUR_MS = 3_600_000;
const OUR_LOCKS = "locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";

let database: TestDatabase;
let clock: ReturnType<typeof manualClock>;
let boards: RateBoard[];

beforeEach(async () => {
  database = await testDatabase();
  clock = manualClock(START_MS);
  boards = [];
});

afterEach(async () => {
  await Promise.all(boards.map((board) => board.stop()));
  await database.close();
});

interface ScriptedSource extends RateSource {
  asked: number;
  levels: Partial<Record<Currency, string>>;
  failsWith: Error | null;
}

function scripted(id: string, levels: ScriptedSource['levels'], at: Clock = clock): ScriptedSource {
  const source: ScriptedSource = {
    id,
    asked: 0,
    levels,
    failsWith: null,
    async fetch(): Promise<SourceRates> {
      source.asked += 1;
      if (source.failsWith !== null) throw source.failsWith;
      const perUsd = new Map(Object.entries(source.levels).map(([code, text]) => [code as Currency, parseRate(text)]));
      return { source: id, asOfMs: Math.floor(at.now() / HOUR_MS) * HOUR_MS, perUsd };
    },
  };
  return source;
}

function boardOf(sources: readonly RateSource[], fetches = true): RateBoard {
  const board = createRateBoard({ sources, pool: database.pool, clock, fetches, refreshIntervalMs: HOUR_MS });
  boards.push(board);
  return board;
}

function rateOf(board: RateBoard, currency: Currency): bigint | undefined {
  return board.current().rates.get(currency)?.perUsd;
}

describe('the rate board', () => {
  it('has no rate but the dollar before it has looked', () => {
    const board = boardOf([]);
    expect([...board.current().rates.keys()]).toEqual(['USD']);
    expect(board.current().refusals.get('KES')?.code).toBe('not_loaded');
  });

  it('lets one process ask, and all see what it stored', async () => {
    const sources = [scripted('open-er-api', { KES: '129' }), scripted('currency-api', { KES: '129.2' })];
    const idle = [scripted('open-er-api', { KES: '1' }), scripted('currency-api', { KES: '1' })];
    const first = boardOf(sources);
    const second = boardOf(idle);
    const reader = boardOf([], false);
    await first.tick();
    await second.tick();
    await reader.tick();
    expect(idle.map((source) => source.asked)).toEqual([0, 0]);
    for (const board of [first, second, reader]) expect(rateOf(board, 'KES')).toBe(parseRate('129.1'));
  });

  it('asks a source again after its interval and not before', async () => {
    const source = scripted('open-er-api', { KES: '129' });
    const board = boardOf([source]);
    await board.tick();
    clock.advance(HOUR_MS - 1);
    await board.tick();
    expect(source.asked).toBe(1);
    clock.advance(1);
    await board.tick();
    expect(source.asked).toBe(2);
  });

  it('hands the asking over when the process that did it stops', async () => {
    const leading = boardOf([scripted('open-er-api', { KES: '129' })]);
    const source = scripted('open-er-api', { KES: '129' });
    const next = boardOf([source]);
    await leading.tick();
    await next.tick();
    expect(source.asked).toBe(0);
    await leading.stop();
    await next.tick();
    expect(source.asked).toBe(1);
  });

  it('takes the asking over when the connection of the asking process dies', async () => {
    const leading = boardOf([scripted('open-er-api', { KES: '129' })]);
    await leading.tick();
    const source = scripted('open-er-api', { KES: '129' });
    const next = boardOf([source]);
    await database.pool.query(`select pg_terminate_backend(pid) from pg_locks where ${OUR_LOCKS}`);
    await expect.poll(async () => next.tick().then(() => source.asked)).toBe(1);
  });

  it('misses nobody who is down until the last word is too old, and then refuses', async () => {
    const down = scripted('open-er-api', { KES: '129' });
    const board = boardOf([down, scripted('currency-api', { KES: '129' })]);
    await board.tick();
    down.failsWith = sourceFailed('open-er-api', 'cannot be reached');
    clock.advance(25 * HOUR_MS);
    await board.tick();
    expect(rateOf(board, 'KES')).toBe(parseRate('129'));
    clock.advance(2 * HOUR_MS);
    await board.tick();
    expect(board.current().refusals.get('KES')?.code).toBe('one_source');
  });

  it('tries a failing source again after growing waits, and as late as the source asks for', async () => {
    const source = scripted('open-er-api', {});
    source.failsWith = sourceFailed('open-er-api', 'status 500');
    const board = boardOf([source]);
    const askedAfter = async (ms: number): Promise<number> => {
      clock.advance(ms);
      await board.tick();
      return source.asked;
    };
    expect([await askedAfter(0), await askedAfter(1_000), await askedAfter(1_000), await askedAfter(1_000)]).toEqual([1, 2, 2, 3]);
    source.failsWith = sourceFailed('open-er-api', 'status 429', undefined, 20 * 60_000);
    expect([await askedAfter(20_000), await askedAfter(19 * 60_000), await askedAfter(60_000)]).toEqual([4, 4, 5]);
  });

  it('stores what every source said and what was accepted, once', async () => {
    const board = boardOf([scripted('open-er-api', { KES: '129' }), scripted('currency-api', { KES: '129.2' })]);
    await board.tick();
    clock.advance(60_000);
    await board.tick();
    const { rows } = await database.pool.query<{ source: string; rate: bigint }>(
      "select source, rate from exchange_rates where currency = 'KES'",
    );
    expect(rows.map((row) => `${row.source} ${row.rate}`).sort()).toEqual([
      `${CONSENSUS} ${parseRate('129.1')}`,
      `currency-api ${parseRate('129.2')}`,
      `open-er-api ${parseRate('129')}`,
    ]);
    const source = { source: 'open-er-api', asOfMs: START_MS, perUsd: new Map([['KES' as Currency, parseRate('5')]]) };
    expect(await storeRates(database.pool, rowsOf(source), START_MS)).toBe(0);
  });

  it('holds back a large move in every process until a person confirms it', async () => {
    const sources = [scripted('open-er-api', { NGN: '466' }), scripted('currency-api', { NGN: '466' })];
    const board = boardOf(sources);
    const reader = boardOf([], false);
    await board.tick();
    for (const source of sources) source.levels = { NGN: '657' };
    clock.advance(HOUR_MS);
    await board.tick();
    await reader.tick();
    for (const each of [board, reader]) expect(each.current().refusals.get('NGN')?.code).toBe('move_needs_person');
    await confirmMove(database.pool, { currency: 'NGN', perUsd: parseRate('657'), principal: 'officer:amina', atMs: clock.now() });
    await board.tick();
    expect(board.current().rates.get('NGN')?.warnings).toContain('move_confirmed');
    await reader.tick();
    expect(rateOf(reader, 'NGN')).toBe(parseRate('657'));
    // From now on the new level is the one that moves are measured against.
    expect(board.current().rates.get('NGN')?.perUsd).toBe(rateOf(reader, 'NGN'));
    clock.advance(25 * HOUR_MS);
    for (const source of sources) source.levels = { NGN: '660' };
    await board.tick();
    expect(rateOf(board, 'NGN')).toBe(parseRate('660'));
  });

  it('keeps its last rates while the database is away, as long as they are fresh', async () => {
    let isAway = false;
    const unlessAway = <T>(act: () => Promise<T>): Promise<T> => (isAway ? Promise.reject(new Error('gone')) : act());
    const pool = {
      connect: () => unlessAway(() => database.pool.connect()),
      query: (query: string) => unlessAway(() => database.pool.query(query)),
    };
    const sources = [scripted('open-er-api', { KES: '129' }), scripted('currency-api', { KES: '129' })];
    const board = createRateBoard({ sources, pool: pool as never, clock });
    boards.push(board);
    await board.tick();
    isAway = true;
    clock.advance(2 * HOUR_MS);
    await board.tick();
    expect(board.current()).toMatchObject({ atMs: clock.now() });
    expect(rateOf(board, 'KES')).toBe(parseRate('129'));
    clock.advance(25 * HOUR_MS);
    await board.tick();
    expect(board.current().refusals.get('KES')?.code).toBe('no_source');
    isAway = false;
    await board.tick();
    expect(rateOf(board, 'KES')).toBe(parseRate('129'));
  });

  it('waits at its start for the rates that another process is fetching', async () => {
    const slow = scripted('open-er-api', { KES: '129' });
    const answer = Promise.withResolvers<void>();
    const asking = boardOf([
      { id: slow.id, fetch: () => answer.promise.then(() => slow.fetch()) },
      scripted('currency-api', { KES: '129' }),
    ]);
    const asked = asking.start();
    const waiting = boardOf([scripted('open-er-api', {}), scripted('currency-api', {})]);
    // The first process has the lock before the second one looks.
    await expect.poll(async () => (await database.pool.query(`select 1 from pg_locks where ${OUR_LOCKS}`)).rowCount).toBe(1);
    const started = waiting.start();
    answer.resolve();
    await Promise.all([asked, started]);
    expect(rateOf(waiting, 'KES')).toBe(parseRate('129'));
  });

  it('looks in the background once started', async () => {
    const sources = [scripted('open-er-api', { KES: '129' }), scripted('currency-api', { KES: '129' })];
    const board = createRateBoard({ sources, pool: database.pool, clock, refreshIntervalMs: 1, tickIntervalMs: 1 });
    boards.push(board);
    await board.start();
    expect(rateOf(board, 'KES')).toBe(parseRate('129'));
    for (const source of sources) source.levels = { KES: '130' };
    clock.advance(HOUR_MS);
    await expect.poll(() => rateOf(board, 'KES')).toBe(parseRate('130'));
  });
});

describe('plans', () => {
  it('finds the last accepted rate by an index', async () => {
    const { rows } = await database.pool.query<{ 'QUERY PLAN': string }>(
      `explain select rate from exchange_rates where currency = 'KES' and source = 'consensus' order by as_of desc limit 1`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join(' ')).toContain('exchange_rates_once');
  });
});
