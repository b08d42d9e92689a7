/** Our saver by LangGraph's own suite for savers, and what it promises beyond that. */
import type { RunnableConfig } from '@langchain/core/runnables';
import { type Checkpoint, emptyCheckpoint, MemorySaver, type SerializerProtocol, uuid6 } from '@langchain/langgraph-checkpoint';
import * as vitest from 'vitest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { CaseCheckpointer } from './checkpointer.ts';

// The suite takes what it tests with from the global scope.
Object.assign(globalThis, vitest);
const { deltaChannelHistoryTests, validate } = await import('@langchain/langgraph-checkpoint-validation');

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database.close());

/** Savers that know nothing of each other. `serde` is LangGraph's own where null. */
function initializer(checkpointerName: string, serdeOf: () => SerializerProtocol | undefined) {
  return {
    checkpointerName,
    createCheckpointer: async () => {
      await database.pool.query('truncate checkpoints, checkpoint_writes');
      return new CaseCheckpointer(database.pool, serdeOf());
    },
  };
}

validate(initializer('strict codec', () => undefined));
deltaChannelHistoryTests(initializer('codec of the library', () => new MemorySaver().serde));

describe('beyond the suite', () => {
  const metadata = { source: 'loop' as const, step: 0, parents: {} };
  const threadOf = (id: string): RunnableConfig => ({ configurable: { thread_id: id, checkpoint_ns: '' } });
  const checkpointOf = (values: Record<string, unknown>, versions: Record<string, number>): Checkpoint => ({
    ...emptyCheckpoint(),
    id: uuid6(1),
    channel_values: values,
    channel_versions: versions,
  });

  test('what a step did not change is what it was, and what it emptied is gone', async () => {
    const saver = new CaseCheckpointer(database.pool);
    const first = await saver.put(threadOf('kept'), checkpointOf({ a: 1n, b: 'two' }, { a: 1, b: 1 }), metadata, { a: 1, b: 1 });
    const second = await saver.put(first, checkpointOf({ a: 1n }, { a: 1, b: 2 }), metadata, { b: 2 });
    expect((await saver.getTuple(second))?.checkpoint.channel_values).toEqual({ a: 1n });
    expect((await saver.getTuple(first))?.checkpoint.channel_values).toEqual({ a: 1n, b: 'two' });
  });

  test('children handed in before their parents are stored find them', async () => {
    const saver = new CaseCheckpointer(database.pool);
    const parent = checkpointOf({ a: 'kept' }, { a: 1 });
    const parentConfig = { configurable: { thread_id: 'hurried', checkpoint_ns: '', checkpoint_id: parent.id } };
    const stored = saver.put(threadOf('hurried'), parent, metadata, { a: 1 });
    const child = await saver.put(parentConfig, checkpointOf({ a: 'kept' }, { a: 1 }), metadata, {});
    await stored;
    expect((await saver.getTuple(child))?.checkpoint.channel_values).toEqual({ a: 'kept' });
  });

  test('threads that write at once share a statement', async () => {
    const statements: string[] = [];
    const counting = Object.create(database.pool, {
      query: {
        value: (config: { name?: string }, ...rest: never[]) => {
          if (config.name !== undefined) statements.push(config.name);
          return database.pool.query(config as never, ...rest);
        },
      },
    });
    const saver = new CaseCheckpointer(counting);
    const threads = Array.from({ length: 40 }, (_, index) => `crowd-${index}`);
    const configs = await Promise.all(
      threads.map((thread) => saver.put(threadOf(thread), checkpointOf({ thread }, { thread: 1 }), metadata, { thread: 1 })),
    );
    await Promise.all(configs.map((config) => saver.putWrites(config, [['answer', 'yes']], 'task')));
    expect(statements).toEqual(['store_checkpoints', 'store_checkpoint_writes']);
    const tuples = await Promise.all(configs.map((config) => saver.getTuple(config)));
    expect(tuples.map((tuple) => tuple?.checkpoint.channel_values)).toEqual(threads.map((thread) => ({ thread })));
    expect(tuples.map((tuple) => tuple?.pendingWrites)).toEqual(threads.map(() => [['task', 'answer', 'yes']]));
  });

  test('writes come back in the order of their tasks’ paths, as the graph took them in', async () => {
    const saver = new CaseCheckpointer(database.pool);
    const config = await saver.put(threadOf('order'), emptyCheckpoint(), metadata, {});
    await saver.putWrites(config, [['c', 3]], 'a-task', '~2');
    await saver.putWrites(config, [['c', 2]], 'b-task', '~1');
    await saver.putWrites(config, [['c', 1]], 'z-task');
    expect((await saver.getTuple(config))?.pendingWrites?.map(([, , value]) => value)).toEqual([1, 2, 3]);
  });
});
