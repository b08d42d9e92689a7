/** Where tests of the driver play: an empty database, a clock, a chain in memory, and the driver between them, begun anew before each test. */
import type { QueryResult } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { emptyDatabase } from '../../agents/testing.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import { type MemoryChain, memoryChain, memoryDeps } from './testing.ts';
import type { DriverDeps } from './types.ts';

/** When every test begins. */
export const START_MS = Date.UTC(2026, 5, 1);

export interface Stage {
  readonly clock: ReturnType<typeof manualClock>;
  readonly chain: MemoryChain;
  readonly deps: DriverDeps;
}

export interface StageOptions {
  /** Whose keys approve, and judge. */
  readonly approvers: readonly string[];
  readonly arbiters?: readonly string[];
  /** Tests that falsify the books themselves; everybody else's are checked after each test. */
  readonly isFalsifying?: boolean;
}

export interface StagedDatabase extends Pick<TestDatabase, 'pool'> {
  /** Rows of a statement. */
  query(text: string, values?: unknown[]): Promise<QueryResult['rows']>;
}

/** Opens it for a file of tests; `begin` gets each test's own, before anything else of it. */
export function openStage({ isFalsifying = false, ...people }: StageOptions, begin: (stage: Stage) => void): StagedDatabase {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ max: 6 });
  });
  afterAll(() => database?.close());
  beforeEach(async () => {
    await emptyDatabase(database.pool);
    const clock = manualClock(START_MS);
    const chain = memoryChain(clock);
    begin({ clock, chain, deps: memoryDeps({ pool: database.pool, clock, chain }, people) });
  });
  afterEach(async () => {
    const violations = isFalsifying ? [] : await checkBooks(database.pool);
    if (violations.length > 0) throw new Error(JSON.stringify(violations));
  });
  return {
    get pool() {
      return database.pool;
    },
    query: async (text, values = []) => (await database.pool.query(text, values)).rows,
  };
}
