/** Pictures of the state machines, drawn from the graphs themselves. */
import type { Agents } from '../../graph/agents.ts';
import type { GraphDeps } from '../../graph/types.ts';

/** Both graphs as Mermaid. Nothing is opened: while a graph is drawn none of its nodes runs. */
export async function drawGraphs(): Promise<{ readonly payments: string; readonly cases: string }> {
  // Loading LangGraph takes a second that no other command should wait for.
  const [{ MemorySaver }, { buildPaymentGraph, drawPaymentGraph }, { buildCaseGraph }] = await Promise.all([
    import('@langchain/langgraph'),
    import('../../graph/payment-graph.ts'),
    import('../../graph/case/case-graph.ts'),
  ]);
  const payments = await drawPaymentGraph(buildPaymentGraph({} as GraphDeps, {} as Agents));
  const caseGraph = buildCaseGraph({
    checkpointer: new MemorySaver(),
    readCase: async () => ({ round: 1, evidenceDigest: '', approvalsNeeded: 1 }),
    applyVerdict: async () => 'applied',
  });
  return { payments, cases: (await caseGraph.getGraphAsync()).drawMermaid({ withStyles: false }) };
}
