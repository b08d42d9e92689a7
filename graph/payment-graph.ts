/**
 * The state machine of payments, as a LangGraph graph over cohorts.
 *
 * One run carries a whole cohort; each node is one vectorised call, and ends in at most one
 * transaction. The state holds the cohort by reference and is not checkpointed: Postgres is the truth,
 * and a run that dies is begun again from there once its lease has ended.
 */
import { END, START, StateGraph, StateSchema, UntrackedValue } from '@langchain/langgraph';
import { z } from 'zod';
import type { Agents } from './agents.ts';
import type { Cohort } from './cohort.ts';
import { compliance, exchangeRate, route } from './nodes/agents.ts';
import { authorize } from './nodes/authorize.ts';
import { collect, disburse } from './nodes/legs.ts';
import { applyOutcomes } from './nodes/outcomes.ts';
import { refund } from './nodes/refunds.ts';
import { CHAIN, type ChainNode, nextNode } from './turns.ts';
import type { GraphDeps } from './types.ts';

/** Where a cohort enters: new payments and those that go on begin at the chain, ended attempts at `outcomes`. */
export const ENTRIES = ['chain', 'outcomes'] as const;
export type Entry = (typeof ENTRIES)[number];

const PaymentState = new StateSchema({
  entry: z.enum(ENTRIES),
  cohort: new UntrackedValue<Cohort>(),
});

type State = typeof PaymentState.State;

/** Builds the graph. Nodes carry the names that logs, metrics and the picture use. */
export function buildPaymentGraph(deps: GraphDeps, agents: Agents) {
  const node = (work: (cohort: Cohort) => Promise<Cohort>) => async (state: State) => ({ cohort: await work(state.cohort) });
  const after = (from: ChainNode | 'start') => (state: State) => nextNode(state.cohort.travellers, from) ?? END;
  const laterThan = (from: ChainNode): [...ChainNode[], typeof END] => [...CHAIN.slice(CHAIN.indexOf(from) + 1), END];
  return new StateGraph(PaymentState)
    .addNode(
      'outcomes',
      node((cohort) => applyOutcomes(deps, cohort)),
    )
    .addNode(
      'exchange_rate',
      node((cohort) => exchangeRate(cohort, agents.exchangeRate)),
    )
    .addNode(
      'compliance',
      node((cohort) => compliance(cohort, agents.compliance)),
    )
    .addNode(
      'route',
      node((cohort) => route(cohort, agents.route)),
    )
    .addNode(
      'liquidity',
      node((cohort) => authorize(deps, agents, cohort)),
    )
    .addNode(
      'collection',
      node((cohort) => collect(deps, cohort)),
    )
    .addNode(
      'payout',
      node((cohort) => disburse(deps, cohort)),
    )
    .addNode(
      'refund',
      node((cohort) => refund(deps, cohort)),
    )
    .addConditionalEdges(START, (state: State) => (state.entry === 'outcomes' ? 'outcomes' : after('start')(state)), [
      'outcomes',
      'exchange_rate',
      'route',
      'collection',
      'payout',
      'refund',
      END,
    ])
    .addConditionalEdges('outcomes', after('compliance'), ['route', 'collection', 'payout', 'refund', END])
    .addConditionalEdges('exchange_rate', after('exchange_rate'), ['compliance', 'liquidity'])
    .addConditionalEdges('compliance', after('compliance'), ['route', 'liquidity'])
    .addConditionalEdges('route', after('route'), ['liquidity', ...laterThan('liquidity')])
    .addConditionalEdges('liquidity', after('liquidity'), laterThan('liquidity'))
    .addConditionalEdges('collection', after('collection'), laterThan('collection'))
    .addConditionalEdges('payout', after('payout'), laterThan('payout'))
    .addEdge('refund', END)
    .compile();
}

export type PaymentGraph = ReturnType<typeof buildPaymentGraph>;

/** Takes one cohort through the graph and returns it as it stands at the end. */
export async function runPaymentGraph(graph: PaymentGraph, entry: Entry, cohort: Cohort): Promise<Cohort> {
  const end = await graph.invoke({ entry, cohort }, { recursionLimit: CHAIN.length + 3 });
  return end.cohort as Cohort;
}

/** The graph as a Mermaid diagram. */
export async function drawPaymentGraph(graph: PaymentGraph): Promise<string> {
  return (await graph.getGraphAsync()).drawMermaid({ withStyles: false });
}
