/**
 * The investigator in the case graph: it is asked at the seam for advice, its decision is recorded like any
 * agent's, and what it says reaches the officers in sentences of ours.
 */
import {
  INVESTIGATOR,
  type Investigation,
  type Investigator,
  type InvestigatorData,
  type InvestigatorFacts,
  QUESTIONS,
  type Recommendation,
} from '../../agents/investigator/index.ts';
import { withTransaction } from '../../db/connect.ts';
import { recordDecisions } from '../../db/queries/decisions.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import type { GraphDeps } from '../types.ts';
import type { Advise, CaseAdvice } from './advice.ts';

/** In the words of the case: the investigator never speaks for a release. */
const IN_WORDS_OF_CASES: Readonly<Record<Recommendation, CaseAdvice['recommendation']>> = {
  no_further_concern: 'none',
  review: 'none',
  request_information: 'request_information',
  escalate: 'escalate',
  reject: 'reject',
};

const SENTENCES: Readonly<Record<Recommendation, string>> = {
  no_further_concern: 'Look at the case as usual.',
  review: 'Look at the case as usual.',
  request_information: 'Ask for information before deciding.',
  escalate: 'Have a second officer look.',
  reject: 'The facts speak against the payment.',
};

/** Makes the adviser of the case graph. */
export function investigatorAdvice(deps: Pick<GraphDeps, 'pool' | 'clock'>, investigator: Investigator): Advise {
  return async ({ caseId, round }) => {
    const investigation = await investigator.investigate(caseId);
    const decisionId = newId();
    await record(deps, investigation, { decisionId, caseId });
    return adviceOf(investigation, decisionId, round);
  };
}

/** Keeps the decision with its facts, so that it can be made again: what the model said is one of them. */
async function record(
  { pool, clock }: Pick<GraphDeps, 'pool' | 'clock'>,
  { clientId, paymentId, policyVersion, facts, verdict, durationUs }: Investigation,
  { decisionId, caseId }: { readonly decisionId: string; readonly caseId: string },
): Promise<void> {
  const factsJson = canonicalJson(facts);
  const decision = {
    id: decisionId,
    clientId,
    paymentId,
    cohortId: caseId,
    agent: INVESTIGATOR,
    policyVersion,
    factsDigest: digestOf(factsJson),
    facts,
    factsJson,
    outcome: verdict.outcome,
    reasons: verdict.reasons,
    confidence: verdict.confidence,
    durationUs: Math.min(durationUs, DURATION_MAX),
    modelId: facts.model.modelId,
    promptHash: facts.model.promptHash,
  } as const;
  await withTransaction(pool, (tx) => recordDecisions(tx, [decision], clock.now()));
}

const DURATION_MAX = 2_147_483_647;

function adviceOf({ facts, verdict }: Investigation, decisionId: string, round: number): CaseAdvice {
  const { data, outcome } = verdict;
  const { model } = facts;
  const raise = raiseOf(facts, data);
  return {
    source: data.source === 'model' ? 'model' : 'policy',
    recommendation: IN_WORDS_OF_CASES[outcome],
    summary: [SENTENCES[outcome], ...data.questions.map((question) => QUESTIONS[question])].join(' '),
    reasons: [...verdict.reasons, { code: `model_${model.outcome}`, text: `Round ${round}: ${HOW_IT_WENT[model.outcome]}` }],
    confidence: verdict.confidence,
    modelId: data.source === 'model' ? model.modelId : null,
    promptHash: data.source === 'model' ? model.promptHash : null,
    decisionId,
    ...(raise === null ? {} : { raise }),
  };
}

/** What an advice raises; what the rules alone would say has raised nothing: see `decideInvestigator`. */
export function raiseOf({ brief }: Pick<InvestigatorFacts, 'brief'>, data: InvestigatorData): NonNullable<CaseAdvice['raise']> | null {
  if (data.priority <= brief.priority && data.approvalsNeeded <= brief.approvalsNeeded) return null;
  return { priority: data.priority, ...(data.approvalsNeeded > 1 ? { secondOfficer: true as const } : {}) };
}

const HOW_IT_WENT: Readonly<Record<Investigation['facts']['model']['outcome'], string>> = {
  answered: 'a model was asked and answered.',
  off: 'no model is configured.',
  switched_off: 'the model is switched off.',
  timed_out: 'the model did not answer in time.',
  refused: 'the model declined to answer.',
  nonsense: 'the answer of the model was not of its form, and was not used.',
  forbidden_call: 'the model asked for what it may not have, and was not heard.',
  case_budget: 'the budget of the case is used up.',
  day_budget: 'the budget of the day is used up.',
  unavailable: 'the model could not be reached.',
  resting: 'the model failed several times and is left alone for a while.',
};
