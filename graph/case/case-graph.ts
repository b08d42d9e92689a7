/**
 * The case graph: one held payment, one thread, waiting for people. It takes the evidence as it stands, asks
 * for advice where there is an adviser, and pauses at an interrupt that only an answer bound to this payment,
 * this evidence and this round of asking can end. A release may need a second officer, who is not the first
 * and agrees to the very same action. What changes under a waiting thread begins another round: the thread
 * goes back to the evidence and asks anew. It outlives restarts in the checkpointer.
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
  /** Exactly what was agreed to: see `actionDigest` of domain/cases.ts. */
  actionDigest: z.string().regex(/^[0-9a-f]{64}$/),
});

const CaseState = new StateSchema({
  caseId: z.uuid(),
  paymentId: z.uuid(),
  round: z.number().int().min(1).default(1),
  evidenceDigest: z.string().default(''),
  approvalsNeeded: z.number().int().min(1).max(2).default(1),
  answers: z.array(Answer).default(() => []),
  applied: z.boolean().default(false),
});

export type CaseAnswer = z.infer<typeof Answer>;
export type CaseState = typeof CaseState.State;

/** What an officer's answer must carry to end an interrupt. */
export interface BoundAnswer extends CaseAnswer {
  readonly paymentId: string;
  readonly evidenceDigest: string;
  readonly round: number;
}

/** What ends an interrupt without a verdict: the case has moved on to a later round. */
interface Refresh {
  readonly refreshTo: number;
}

/** What officers are to decide on now. */
export type CaseStanding = Pick<CaseState, 'round' | 'evidenceDigest' | 'approvalsNeeded'>;

export interface CaseGraphDeps {
  readonly checkpointer: BaseCheckpointSaver;
  /** Reads the case as it stands in the database. */
  readCase(caseId: string): Promise<CaseStanding>;
  /** Asks for advice and keeps it; must not throw for want of advice. Left out where nobody advises. */
  advise?(caseId: string, round: number): Promise<void>;
  /**
   * Puts the agreed verdict into effect; called again after a crash, so it must not act twice. `void`: what the
   * officers said does not carry the verdict, and they are asked anew.
   */
  applyVerdict(state: CaseState): Promise<'applied' | 'void'>;
}

function ask(state: CaseState, question: 'first_officer' | 'second_officer'): CaseAnswer | Refresh {
  const first = question === 'second_officer' ? state.answers[0] : undefined;
  const { caseId, paymentId, evidenceDigest, round } = state;
  const verdict = Answer.extend({
    paymentId: z.literal(paymentId),
    evidenceDigest: z.literal(evidenceDigest),
    round: z.literal(round),
    officer: z
      .string()
      .min(1)
      .refine((officer) => officer !== first?.officer, 'maker_is_checker'),
  }).refine(
    (answer) => first === undefined || answer.verdict === 'reject' || answer.actionDigest === first.actionDigest,
    'approval_differs',
  );
  const refresh = z.strictObject({ refreshTo: z.number().int().gt(round) });
  const answer: BoundAnswer | Refresh = interrupt(
    { question, caseId, paymentId, evidenceDigest, round, actionDigest: first?.actionDigest ?? null },
    { responseSchema: z.union([verdict, refresh]) },
  );
  if ('refreshTo' in answer) return answer;
  const { decisionId, officer, reasonCode, actionDigest } = answer;
  return { decisionId, verdict: answer.verdict, officer, reasonCode, actionDigest };
}

/** No answer of this round counts once the case has moved on. */
function heard(earlier: readonly CaseAnswer[], answer: CaseAnswer | Refresh): { answers: CaseAnswer[] } {
  return { answers: 'refreshTo' in answer ? [] : [...earlier, answer] };
}

/** A refusal needs one officer; a release as many as the case says. */
function afterFirst(state: CaseState): 'evidence' | 'second_officer' | 'apply' {
  const first = state.answers[0];
  if (first === undefined) return 'evidence';
  return state.approvalsNeeded > 1 && first.verdict === 'release' ? 'second_officer' : 'apply';
}

/** Builds the case graph. */
export function buildCaseGraph(deps: CaseGraphDeps) {
  return new StateGraph(CaseState)
    .addNode('evidence', async (state: CaseState) => ({ ...(await deps.readCase(state.caseId)), answers: [] }))
    .addNode('advice', async (state: CaseState) => {
      await deps.advise?.(state.caseId, state.round);
      // Advice may ask for a second officer.
      const { round, approvalsNeeded } = await deps.readCase(state.caseId);
      return round === state.round ? { approvalsNeeded } : {};
    })
    .addNode('first_officer', (state: CaseState) => heard([], ask(state, 'first_officer')))
    .addNode('second_officer', (state: CaseState) => heard(state.answers, ask(state, 'second_officer')))
    .addNode('apply', async (state: CaseState) => ({ applied: (await deps.applyVerdict(state)) === 'applied' }))
    .addEdge(START, 'evidence')
    .addEdge('evidence', 'advice')
    .addEdge('advice', 'first_officer')
    .addConditionalEdges('first_officer', afterFirst, ['evidence', 'second_officer', 'apply'])
    .addConditionalEdges('second_officer', (state: CaseState) => (state.answers.length === 0 ? 'evidence' : 'apply'), ['evidence', 'apply'])
    .addConditionalEdges('apply', (state: CaseState) => (state.applied ? END : 'evidence'), ['evidence', END])
    .compile({ checkpointer: deps.checkpointer });
}

export type CaseGraph = ReturnType<typeof buildCaseGraph>;

/** Strict resume refuses an answer that names no pending interrupt; without it one answer would end them all. */
function configOf(caseId: string) {
  return { configurable: { thread_id: caseId, __pregel_strict_resume: true }, durability: 'sync' as const, recursionLimit: 15 };
}

type Snapshot = Awaited<ReturnType<CaseGraph['getState']>>;

/** The interrupt a thread waits at. One of a task that has its result is over, though its checkpoint was never written. */
function interruptOf(snapshot: Snapshot): string | null {
  return snapshot.tasks.flatMap((task) => (task.result === undefined ? task.interrupts : []))[0]?.id ?? null;
}

/** Where a thread stands: the interrupt it waits at, or null when it waits for nobody, and the round it asks in. */
export interface Paused {
  readonly interruptId: string | null;
  readonly round: number;
}

/** Where the thread of a case stands now. */
export async function pausedAt(graph: CaseGraph, caseId: string): Promise<Paused> {
  const snapshot = await graph.getState(configOf(caseId));
  return { interruptId: interruptOf(snapshot), round: (snapshot.values as Partial<CaseState>).round ?? 1 };
}

/** Starts a case's thread, or goes on where a crash left it; ends at the next interrupt, or at the end. */
export async function runCase(graph: CaseGraph, start: Pick<CaseState, 'caseId' | 'paymentId'>): Promise<Paused> {
  const snapshot = await graph.getState(configOf(start.caseId));
  if (snapshot.createdAt === undefined) await graph.invoke({ ...start }, configOf(start.caseId));
  else await goOn(graph, start.caseId, snapshot);
  return pausedAt(graph, start.caseId);
}

/**
 * Goes on with a thread that a crash or an error left between two nodes. What is left shows in its tasks: `next` leaves out those
 * that are done and whose checkpoint is missing.
 */
async function goOn(graph: CaseGraph, caseId: string, snapshot: Snapshot): Promise<void> {
  if (snapshot.tasks.length > 0 && interruptOf(snapshot) === null) await graph.invoke(null, configOf(caseId));
}

/**
 * Gives an officer's answer to the interrupt a case waits at; an answer it has already is not given again, but what
 * follows from it is done. Throws `case_not_open` when it waits at none; a wrong payment, stale evidence, another round,
 * another action or the same officer twice is refused by the interrupt's schema.
 */
export async function answerCase(graph: CaseGraph, caseId: string, answer: BoundAnswer): Promise<Paused> {
  const snapshot = await graph.getState(configOf(caseId));
  const interruptId = interruptOf(snapshot);
  // A crash after the graph took the answer in brings the same decision here again.
  const known = (snapshot.values as Partial<CaseState>).answers?.some((given) => given.decisionId === answer.decisionId);
  if (known === true) {
    await goOn(graph, caseId, snapshot);
    return pausedAt(graph, caseId);
  }
  if (interruptId === null) throw fault('case_not_open');
  await graph.invoke(new Command({ resume: { [interruptId]: answer } }), configOf(caseId));
  return pausedAt(graph, caseId);
}

/** Takes a waiting thread back to the evidence, because the case has gone on to a later round; one that is there already stays. */
export async function refreshCase(graph: CaseGraph, start: Pick<CaseState, 'caseId' | 'paymentId'>, round: number): Promise<Paused> {
  const paused = await runCase(graph, start);
  if (paused.round >= round || paused.interruptId === null) return paused;
  await graph.invoke(new Command({ resume: { [paused.interruptId]: { refreshTo: round } } }), configOf(start.caseId));
  return pausedAt(graph, start.caseId);
}
