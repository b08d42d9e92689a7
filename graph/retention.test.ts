import { MemorySaver } from '@langchain/langgraph';
import { expect, test } from 'vitest';
import type { HintQueue } from './queue.ts';
import { testPlatform } from './testing.ts';
import { startWorker } from './worker.ts';

test.each([
  [0, []],
  [3, ['callbacks came in faster than partitions were made for them']],
])('a worker warns of %i rows that no partition was made for', async (astray, warnings) => {
  const platform = await testPlatform();
  const warned: string[] = [];
  const warn = (_fields: object, message: string) => void warned.push(message);
  const worker = startWorker({
    deps: { ...platform.deps, log: { ...platform.deps.log, warn } },
    agents: platform.agents,
    queue: { consume: () => undefined, notify: () => undefined } as unknown as HintQueue,
    checkpointer: new MemorySaver(),
    sweepMs: 3_600_000,
    housekeepingMs: 3_600_000,
    retain: async () => ({ astray }),
  });
  await worker.work('settle');
  expect(warned.filter((message) => /partitions/.test(message))).toEqual(warnings);
  await worker.stop();
  await platform.close();
});
