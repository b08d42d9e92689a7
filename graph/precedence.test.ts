import { MemorySaver } from '@langchain/langgraph';
import { expect, test } from 'vitest';
import { COHORTS_BEFORE_MAX, createPrecedence } from './precedence.ts';
import type { HintQueue } from './queue.ts';
import { testPlatform } from './testing.ts';
import { startWorker } from './worker.ts';

const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

/** A precedence, and cohorts that end when they are told to. */
function begun() {
  const precedence = createPrecedence();
  const begin = () => {
    const cohort = Promise.withResolvers<void>();
    const done = precedence.first(() => cohort.promise);
    return { end: () => (cohort.resolve(), done), fail: () => (cohort.reject(new Error('lost')), done) };
  };
  const wait = () => {
    const thread = { hasSetOut: false };
    void precedence.turn().then(() => (thread.hasSetOut = true));
    return thread;
  };
  return { begin, wait };
}

test('a thread sets out at once while no cohort is under way', async () => {
  const thread = begun().wait();
  await turnOfTheLoop();
  expect(thread.hasSetOut).toBe(true);
});

test('threads wait until no cohort is under way, be it that the last one failed', async () => {
  const { begin, wait } = begun();
  const [first, second] = [begin(), begin()];
  const threads = [wait(), wait()];
  await first.end();
  await turnOfTheLoop();
  expect(threads.map(({ hasSetOut }) => hasSetOut)).toEqual([false, false]);
  await expect(second.fail()).rejects.toThrow('lost');
  await turnOfTheLoop();
  expect(threads.map(({ hasSetOut }) => hasSetOut)).toEqual([true, true]);
});

test('while there is always a cohort under way, a thread sets out once so many have gone before it', async () => {
  const { begin, wait } = begun();
  begin();
  const thread = wait();
  for (let ended = 1; ended < COHORTS_BEFORE_MAX; ended += 1) await begin().end();
  await turnOfTheLoop();
  expect(thread.hasSetOut).toBe(false);
  await begin().end();
  await turnOfTheLoop();
  expect(thread.hasSetOut).toBe(true);
});

test('in a worker the thread of a case sets out after the cohort that is under way', { timeout: 30_000 }, async () => {
  const platform = await testPlatform();
  const held = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
  await platform.worker.work('authorize');
  const cohort = Promise.withResolvers<void>();
  const isUnderWay = Promise.withResolvers<void>();
  const { exchangeRate } = platform.agents;
  const gather: typeof exchangeRate.gather = async (...given) => {
    isUnderWay.resolve();
    await cohort.promise;
    return exchangeRate.gather(...given);
  };
  const happened: string[] = [];
  const worker = startWorker({
    deps: {
      ...platform.deps,
      advise: async () => {
        happened.push('thread');
        return {
          source: 'policy',
          recommendation: 'none',
          summary: 'Look.',
          reasons: [],
          confidence: 1,
          modelId: null,
          promptHash: null,
          decisionId: null,
        };
      },
    },
    agents: { ...platform.agents, exchangeRate: { ...exchangeRate, gather } },
    queue: { consume: () => undefined, notify: () => undefined } as unknown as HintQueue,
    checkpointer: new MemorySaver(),
    sweepMs: 3_600_000,
    housekeepingMs: 3_600_000,
  });
  try {
    const paid = await platform.submit();
    const worked = worker.work('authorize').then(() => happened.push('cohort'));
    await isUnderWay.promise;
    const cases = worker.work('cases');
    // The look for cases is over, and every turn that a thread would need is too.
    await expect
      .poll(async () => (await platform.database.pool.query(`select 1 from cases where payment_id = $1`, [held])).rowCount)
      .toBe(1);
    for (let turn = 0; turn < 50; turn += 1) await platform.status(paid);
    expect(happened).toEqual([]);
    cohort.resolve();
    await Promise.all([worked, cases]);
    expect(happened.toSorted()).toEqual(['cohort', 'thread']);
  } finally {
    cohort.resolve();
    await worker.stop();
    await platform.close();
  }
});
