/**
 * The investigator: advises the officer of a held payment. It works inside the case graph only.
 *
 * The rules' summary always comes first and stands alone where no model is configured or the model fails in
 * any way. A model sees facts in closed words and answers in closed words; it may make the advice stricter,
 * never milder, and it holds no tool that writes.
 */
import { findDials } from '../../db/queries/autonomy.ts';
import { dialScopes, lowestLevel } from '../../domain/autonomy.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Verdict } from '../../domain/decision.ts';
import { digestOf } from '../../domain/ids.ts';
import type { Llm, LlmSession } from '../../tools/llm/index.ts';
import type { ClientTool } from '@langchain/core/tools';
import { ADVICE_TOOL, READING_TOOL, readingSchema, readReading } from './answers.ts';
import { ask, emptyTranscript, type Transcript } from './ask.ts';
import { citesOf, INVESTIGATOR_VERSION, type InvestigatorData } from './decide.ts';
import type { Advice, InvestigatorFacts, ModelRecord, TextReading } from './facts.ts';
import { gatherCase, type GatherDeps, type Gathered } from './gather.ts';
import { GUARDS, type Guards } from './guards.ts';
import { ADVISER_PROMPT, adviserTask, READER_PROMPT, readerTask } from './prompts.ts';
import { INVESTIGATOR, switchOfClient } from './switch.ts';
import { readToolsOf } from './tools.ts';
import type { Recommendation } from './words.ts';

export { decideInvestigator, INVESTIGATOR_VERSION, type InvestigatorData, summarise } from './decide.ts';
export type { Advice, CaseBrief, InvestigatorFacts, ModelRecord } from './facts.ts';
export { GUARDS, type Guards } from './guards.ts';
export { INVESTIGATOR, switchOfClient } from './switch.ts';
export { CONCERNS, QUESTIONS, type Question, RECOMMENDATIONS, type Recommendation, severityOf } from './words.ts';

export interface InvestigatorDeps extends GatherDeps {
  readonly clock: Clock;
  /** Null: no endpoint is configured. */
  readonly llm: Llm | null;
  /** Other guards, or more tools, than a platform has: for tests. */
  readonly guards?: Guards;
  readonly moreTools?: readonly ClientTool[];
}

export interface Investigation {
  readonly clientId: string;
  readonly paymentId: string;
  readonly policyVersion: string;
  readonly facts: InvestigatorFacts;
  readonly verdict: Verdict<Recommendation, InvestigatorData>;
  readonly durationUs: number;
}

export interface Investigator {
  /** Looks into a case. A model that fails in any way costs its deadline at most. Throws `not_found`, or what the database throws. */
  investigate(caseId: string): Promise<Investigation>;
}

/** Makes the investigator. */
export function createInvestigator(deps: InvestigatorDeps): Investigator {
  const guards = deps.guards ?? GUARDS;
  return {
    investigate: async (caseId) => {
      const startedMs = performance.now();
      const gathered = await gatherCase(deps, caseId, deps.clock.now());
      const dials = dialScopes(INVESTIGATOR, gathered.clientId, `${gathered.brief.fromCountry}-${gathered.brief.toCountry}`);
      const model = await askModel(deps, guards, gathered, dials);
      // Read last: a dial that was turned down meanwhile holds already.
      const autonomy = lowestLevel((await findDials(deps.pool, dials)).map(({ level }) => level));
      const facts: InvestigatorFacts = { brief: gathered.brief, model, autonomy };
      return {
        clientId: gathered.clientId,
        paymentId: gathered.paymentId,
        policyVersion: INVESTIGATOR_VERSION,
        facts,
        verdict: guards.decide(facts),
        durationUs: Math.round((performance.now() - startedMs) * 1_000),
      };
    },
  };
}

const NOBODY_ASKED: ModelRecord = {
  outcome: 'off',
  modelId: null,
  provider: null,
  templateHash: null,
  promptHash: null,
  toolCalls: [],
  answerHash: null,
  calls: 0,
  inputTokens: 0,
  outputTokens: 0,
  costNanoUsd: '0',
  readings: [],
  advice: null,
};

async function askModel(deps: InvestigatorDeps, guards: Guards, gathered: Gathered, dials: readonly string[]): Promise<ModelRecord> {
  if (deps.llm === null) return NOBODY_ASKED;
  const transcript = emptyTranscript();
  const readings: TextReading[] = [];
  const run = await deps.llm.run([...new Set([INVESTIGATOR, switchOfClient(gathered.clientId), ...dials])], async (session) => {
    await readTexts(session, guards, gathered, transcript, readings);
    return advise(session, deps, guards, gathered, transcript);
  });
  const { used } = run;
  return {
    outcome: run.outcome,
    modelId: deps.llm.modelId,
    provider: transcript.provider,
    templateHash: templateHash(gathered),
    promptHash: transcript.prompts.length === 0 ? null : digestOf(transcript.prompts.join('\n')),
    toolCalls: transcript.toolCalls.slice(0, 40),
    answerHash: transcript.answers.length === 0 ? null : digestOf(transcript.answers.join('\n')),
    calls: used.calls,
    inputTokens: used.inputTokens,
    outputTokens: used.outputTokens,
    costNanoUsd: used.costNanoUsd.toString(),
    readings,
    advice: run.outcome === 'answered' ? run.value : null,
  };
}

/** Sources whose words a model may read; names are known by their marks alone. */
const READABLE: ReadonlySet<string> = new Set(['reference', 'answer']);

/** Has each readable text described behind the glass: by a reader without tools, in closed words. */
async function readTexts(
  session: LlmSession,
  guards: Guards,
  { texts, personal }: Gathered,
  transcript: Transcript,
  readings: TextReading[],
): Promise<void> {
  for (const { source, text, isPersonal } of texts) {
    const readable = READABLE.has(source) && !isPersonal ? guards.personal.readable(text, personal.names) : null;
    if (readable === null || !/\p{L}{2,}[\s._:-]+\p{L}{2,}/u.test(readable)) continue;
    const question = {
      system: READER_PROMPT,
      task: readerTask(readable),
      tools: [],
      answerTool: READING_TOOL,
      schema: readingSchema,
      read: readReading,
      personal,
    };
    readings.push({ source, ...((await ask(session, guards, question, transcript)) as Omit<TextReading, 'source'>) });
  }
}

async function advise(
  session: LlmSession,
  deps: InvestigatorDeps,
  guards: Guards,
  { brief, personal }: Gathered,
  transcript: Transcript,
): Promise<Advice> {
  const cites = citesOf(brief);
  const tools = [...readToolsOf(brief), ...(deps.moreTools ?? [])];
  const question = {
    system: ADVISER_PROMPT,
    task: adviserTask(brief),
    tools,
    answerTool: ADVICE_TOOL,
    schema: guards.answers.form(cites),
    read: (answer: unknown) => guards.answers.read(answer, cites),
    personal,
  };
  return (await ask(session, guards, question, transcript)) as Advice;
}

/** Of prompts and tool definitions: says which edition of the questions a model was asked. */
function templateHash({ brief }: Gathered): string {
  const tools = readToolsOf(brief).map(({ name, description }) => [name, description]);
  return digestOf(JSON.stringify([ADVISER_PROMPT, READER_PROMPT, tools]));
}
