import { MemorySaver } from '@langchain/langgraph';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Agents } from './agents.ts';
import { buildCaseGraph } from './case/case-graph.ts';
import { type Cohort, claimByOutcome, claimByStatus } from './cohort.ts';
import { buildPaymentGraph, drawPaymentGraph, type Entry } from './payment-graph.ts';
import { HINTS, LANES } from './queue.ts';
import { type TestPlatform, testPlatform } from './testing.ts';
import { CHAIN } from './turns.ts';
import type { GraphDeps } from './types.ts';

/** A graph that is only looked at: none of its nodes runs. */
const picture = () => buildPaymentGraph({} as GraphDeps, {} as Agents);

describe('the shape of the payment graph', () => {
  it('has a node for every turn, and one more for ended attempts', async () => {
    const { nodes } = await picture().getGraphAsync();
    expect(new Set(Object.keys(nodes))).toEqual(new Set(['__start__', 'outcomes', ...CHAIN, '__end__']));
  });

  it('reaches every node from the start, and the end from every node', async () => {
    const { nodes, edges } = await picture().getGraphAsync();
    const reach = (from: string, next: (at: string) => string[]): Set<string> => {
      const seen = new Set([from]);
      for (const at of seen) for (const to of next(at)) seen.add(to);
      return seen;
    };
    const all = new Set(Object.keys(nodes));
    expect(reach('__start__', (at) => edges.filter((edge) => edge.source === at).map((edge) => edge.target))).toEqual(all);
    expect(reach('__end__', (at) => edges.filter((edge) => edge.target === at).map((edge) => edge.source))).toEqual(all);
  });

  it('goes forward only', async () => {
    const order = ['__start__', 'outcomes', ...CHAIN, '__end__'];
    const { edges } = await picture().getGraphAsync();
    for (const edge of edges) expect(order.indexOf(edge.target)).toBeGreaterThan(order.indexOf(edge.source));
  });
});

describe('the page about the graphs', () => {
  async function page(): Promise<string> {
    return readFile(new URL('../docs/graph.md', import.meta.url), 'utf8');
  }

  async function pictures(): Promise<string[]> {
    return [...(await page()).matchAll(/```mermaid\n(.*?)```/gs)].map((match) => match[1] ?? '');
  }

  it('shows the payment graph as it is', async () => {
    const drawn = `${(await drawPaymentGraph(picture())).trimEnd()}\n`;
    expect((await pictures())[0], 'docs/graph.md: put in what `npm run --silent capp -- graph` prints').toBe(drawn);
  });

  it('shows the case graph as it is', async () => {
    const graph = buildCaseGraph({
      checkpointer: new MemorySaver(),
      readCase: async () => ({ round: 1, evidenceDigest: '', approvalsNeeded: 1 }),
      applyVerdict: async () => 'applied',
    });
    const drawn = `${(await graph.getGraphAsync()).drawMermaid({ withStyles: false }).trimEnd()}\n`;
    expect((await pictures())[1], 'docs/graph.md: put in what `npm run --silent capp -- graph --of cases` prints').toBe(drawn);
  });

  it('tells of every node and every hint', async () => {
    const text = await page();
    for (const node of ['outcomes', ...CHAIN]) expect(text).toContain(`| \`${node}\` |`);
    for (const [lane, hints] of Object.entries(LANES)) {
      expect(text).toContain(`| \`${lane}\` | ${hints.map((hint) => `\`${hint}\``).join(', ')} |`);
    }
    expect(Object.values(LANES).flat()).toHaveLength(HINTS.length);
  });
});

describe('a run', () => {
  let platform: TestPlatform;

  beforeEach(async () => {
    platform = await testPlatform();
  });

  afterEach(async () => {
    await platform.close();
  });

  /** The nodes a cohort passes, in order. */
  async function visits(entry: Entry, cohort: Cohort | null): Promise<string[]> {
    if (cohort === null) throw new Error('there was nothing to claim');
    const graph = buildPaymentGraph(platform.deps, platform.agents);
    const nodes: string[] = [];
    for await (const update of await graph.stream({ entry, cohort }, { streamMode: 'updates' })) nodes.push(...Object.keys(update));
    return nodes;
  }

  const fresh = () => claimByStatus(platform.deps, ['accepted'], 10);

  it('of new payments enters at the exchange rate and ends where an operator must act', async () => {
    await platform.submit();
    expect(await visits('chain', await fresh())).toEqual(['exchange_rate', 'compliance', 'route', 'liquidity', 'collection']);
  });

  it('of ended attempts enters at outcomes', async () => {
    await platform.submit();
    for (const hint of ['authorize', 'dispatch'] as const) await platform.worker.work(hint);
    await platform.worker.idle();
    expect(await visits('outcomes', await claimByOutcome(platform.deps, 10))).toEqual(['outcomes', 'payout']);
  });

  it('of payments nobody clears skips what only cleared ones need', async () => {
    await platform.submit({ receiver: { name: 'Jelani Obote Wakhungu' } });
    expect(await visits('chain', await fresh())).toEqual(['exchange_rate', 'compliance', 'liquidity']);
  });

  it('of a failed collection asks for another route', async () => {
    platform.script = { collect: () => ({ state: 'failed', reasonCode: 'SERVICE_UNAVAILABLE', retry: 'later' }) };
    await platform.submit();
    for (const hint of ['authorize', 'dispatch'] as const) await platform.worker.work(hint);
    await platform.worker.idle();
    expect(await visits('outcomes', await claimByOutcome(platform.deps, 10))).toEqual(['outcomes', 'route', 'liquidity', 'collection']);
  });

  it('over a payment whose client wants the money back goes to the refund', async () => {
    const id = await platform.submit();
    for (const hint of ['authorize', 'dispatch'] as const) await platform.worker.work(hint);
    await platform.worker.idle();
    await platform.database.pool.query('update payments set refund_requested_at = $2 where id = $1', [id, new Date(platform.clock.now())]);
    expect(await visits('outcomes', await claimByOutcome(platform.deps, 10))).toEqual(['outcomes', 'refund']);
  });
});
