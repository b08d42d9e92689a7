/**
 * The case graph: one held payment, one thread, waiting for people. It pauses at an interrupt that
 * only an answer bound to this payment and to the evidence as it stood can end, and it outlives
 * restarts in the checkpointer. A release from the configured priority on needs a second officer, who
 * is not the first.
 */
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { Command, END, interrupt, START, StateGraph, StateSchema } from '@langchain/langgraph';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';

const Answer = z.strictObject({
  decisionId: z.uuid(),
  verdict: z.enum(['release', 'reject']),
  officer: z.string().min(1),
  reasonCode: z.string().min(1),
});

const CaseState = new StateSchema({
  caseId: z.uuid(),
  paymentId: z.uuid(),
  evidenceDigest: z.string(),
  approvalsNeeded: z.number().int().min(1).max(2),
  answers: z.array(Answer).default(() => []),
  applied: z.boolean().default(false),
});

export type CaseAnswer = z.infer<typeof Answer>;
export type CaseState = typeof CaseState.State;

/** What an officer's answer must carry to end an interrupt. */
export interface BoundAnswer extends CaseAnswer {
  readonly paymentId: string;
  readonly evidenceDigest: string;
}

export interface CaseGraphDeps {
  readonly checkpointer: BaseCheckpointSaver;
  /** Puts the agreed verdict into effect; called again after a crash, so it must not act twice. */
  applyVerdict(state: CaseState): Promise<void>;
}

function ask(state: CaseState, question: 'first_officer' | 'second_officer'): CaseAnswer {
  const first = state.answers[0];
  const answer: BoundAnswer = interrupt(
    { question, caseId: state.caseId, paymentId: state.paymentId, evidenceDigest: state.evidenceDigest },
    {
      responseSchema: Answer.extend({
        paymentId: z.literal(state.paymentId),
        evidenceDigest: z.literal(state.evidenceDigest),
        officer: z
          .string()
          .min(1)
          .refine((officer) => question === 'first_officer' || officer !== first?.officer, 'maker_is_checker'),
      }),
    },
  );
  return { decisionId: answer.decisionId, verdict: answer.verdict, officer: answer.officer, reasonCode: answer.reasonCode };
}

/** A refusal needs one officer; a release as many as the case says. */
function needsSecond(state: CaseState): boolean {
  return state.approvalsNeeded > 1 && state.answers[0]?.verdict === 'release';
}

/** Builds the case graph. */
export function buildCaseGraph(deps: CaseGraphDeps) {
  return new StateGraph(CaseState)
    .addNode('first_officer', (state: CaseState) => ({ answers: [ask(state, 'first_officer')] }))
    .addNode('second_officer', (state: CaseState) => ({ answers: [...state.answers, ask(state, 'second_officer')] }))
    .addNode('apply', async (state: CaseState) => {
      await deps.applyVerdict(state);
      return { applied: true };
    })
    .addEdge(START, 'first_officer')
    .addConditionalEdges('first_officer', (state: CaseState) => (needsSecond(state) ? 'second_officer' : 'apply'), [
      'second_officer',
      'apply',
    ])
    .addEdge('second_officer', 'apply')
    .addEdge('apply', END)
    .compile({ checkpointer: deps.checkpointer });
}

export type CaseGraph = ReturnType<typeof buildCaseGraph>;

/** Strict resume refuses an answer that names no pending interrupt; without it one answer would end them all. */
function configOf(caseId: string) {
  return { configurable: { thread_id: caseId, __pregel_strict_resume: true }, durability: 'sync' as const, recursionLimit: 10 };
}

type Snapshot = Awaited<ReturnType<CaseGraph['getState']>>;

function interruptOf(snapshot: Snapshot): string | null {
  return snapshot.tasks.flatMap((task) => task.interrupts)[0]?.id ?? null;
}

/** The interrupt a case waits at, or null when it waits for nobody. */
export async function pendingInterrupt(graph: CaseGraph, caseId: string): Promise<string | null> {
  return interruptOf(await graph.getState(configOf(caseId)));
}

/** Starts a case's thread, or goes on where a crash left it; ends at the next interrupt, or at the end. */
export async function runCase(
  graph: CaseGraph,
  start: Pick<CaseState, 'caseId' | 'paymentId' | 'evidenceDigest' | 'approvalsNeeded'>,
): Promise<string | null> {
  const snapshot = await graph.getState(configOf(start.caseId));
  if (snapshot.createdAt === undefined) await graph.invoke(start, configOf(start.caseId));
  else await goOn(graph, start.caseId, snapshot);
  return pendingInterrupt(graph, start.caseId);
}

/** Goes on with a thread that a crash or an error left between two nodes. */
async function goOn(graph: CaseGraph, caseId: string, snapshot: Snapshot): Promise<void> {
  if (snapshot.next.length > 0 && interruptOf(snapshot) === null) await graph.invoke(null, configOf(caseId));
}

/**
 * Gives an officer's answer to the interrupt a case waits at; an answer it has already is not given again, but what
 * follows from it is done. Throws `case_not_open` when it waits at none; a wrong payment, stale evidence or the same
 * officer twice is refused by the interrupt's schema.
 */
export async function answerCase(graph: CaseGraph, caseId: string, answer: BoundAnswer): Promise<string | null> {
  const snapshot = await graph.getState(configOf(caseId));
  const interruptId = interruptOf(snapshot);
  // A crash after the graph took the answer in brings the same decision here again.
  const known = (snapshot.values as Partial<CaseState>).answers?.some((given) => given.decisionId === answer.decisionId);
  if (known === true) {
    await goOn(graph, caseId, snapshot);
    return pendingInterrupt(graph, caseId);
  }
  if (interruptId === null) throw fault('case_not_open');
  await graph.invoke(new Command({ resume: { [interruptId]: answer } }), configOf(caseId));
  return pendingInterrupt(graph, caseId);
}
