import { Command, interrupt, MemorySaver, START, StateGraph, StateSchema } from '@langchain/langgraph';
import { expect, it } from 'vitest';
import { z } from 'zod';

// Should this fail after an upgrade, LangGraph no longer knows `__pregel_strict_resume`, which no public document promises.
const configOf = (threadId: string) => ({ configurable: { thread_id: threadId, __pregel_strict_resume: true } });

it('refuses an answer that names none of several interrupts, which would otherwise end them all', async () => {
  const State = new StateSchema({ left: z.string().default(''), right: z.string().default('') });
  const graph = new StateGraph(State)
    .addNode('left_officer', () => ({ left: String(interrupt('left?')) }))
    .addNode('right_officer', () => ({ right: String(interrupt('right?')) }))
    .addEdge(START, 'left_officer')
    .addEdge(START, 'right_officer')
    .compile({ checkpointer: new MemorySaver() });
  await graph.invoke({}, configOf('several'));
  const unnamed = new Command<unknown, { left?: string }, 'left_officer'>({ resume: 'yes' });
  await expect(graph.invoke(unnamed, configOf('several'))).rejects.toMatchObject({ name: 'UnknownInterruptError', reason: 'ambiguous' });
  expect((await graph.getState(configOf('several'))).next.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['left_officer', 'right_officer']);
});
