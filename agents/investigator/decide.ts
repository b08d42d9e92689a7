/**
 * The advice on one case, from its facts and from what a model said, if it said anything. Pure.
 *
 * The rules' own summary always comes first. A model's advice can make it stricter and add to it; it can
 * take nothing back, and nothing it says reaches the payment: people decide.
 */
import { AUTONOMY_FULL, permits } from '../../domain/autonomy.ts';
import type { Reason, Verdict } from '../../domain/decision.ts';
import type { Advice, CaseBrief, InvestigatorFacts, TextReading } from './facts.ts';
import { MANIPULATION } from './texts.ts';
import { type Concern, CONCERNS, type Question, type Recommendation, severityOf, stricterOf } from './words.ts';

export const INVESTIGATOR_VERSION = 'investigator-2026.11.1';

export type InvestigatorData = {
  readonly source: 'model' | 'summary';
  readonly questions: readonly Question[];
  readonly cites: readonly string[];
  /** What the case is raised to; never below what it has. */
  readonly priority: number;
  readonly approvalsNeeded: number;
};

const STRONG_SCORE = 0.95;
/** Concerns that are grounds by themselves; the others tell the circumstances. */
const GRAVE: ReadonlySet<Concern> = new Set([
  'listed_party',
  'structuring',
  'velocity',
  'fan_in',
  'pass_through',
  'identity_unchecked',
  'name_manipulated',
  'story_mismatch',
]);
const GRAVE_MANY = 3;
const PRIORITY_STEP = 10;
const PRIORITY_MAX = 100;

/** What the rules themselves say of a case. */
export function summarise(brief: CaseBrief, readings: readonly TextReading[] = []): Advice {
  const concerns = concernsOf(brief, readings);
  const questions = questionsOf(concerns);
  const strong = brief.hits.some((hit) => !hit.weak && hit.topic !== 'pep' && (hit.how !== 'similar' || hit.score >= STRONG_SCORE));
  const recommendation: Recommendation =
    strong || concerns.includes('text_manipulated') || concerns.filter((concern) => GRAVE.has(concern)).length >= GRAVE_MANY
      ? 'escalate'
      : concerns.includes('identity_unchecked') || concerns.includes('structuring') || concerns.includes('history_incomplete')
        ? 'request_information'
        : 'review';
  return { recommendation, concerns, questions, cites: citesOf(brief), sureness: strong ? 'high' : 'medium' };
}

function concernsOf(brief: CaseBrief, readings: readonly TextReading[]): Concern[] {
  const found = new Set<Concern>();
  const note = (concern: Concern, holds: boolean): void => void (holds && found.add(concern));
  const firm = brief.hits.filter((hit) => !hit.weak && hit.topic !== 'pep');
  note('listed_party', firm.length > 0);
  note('weak_match', brief.hits.length > 0 && firm.every((hit) => hit.how === 'similar' && hit.score < 0.9));
  note(
    'office_holder',
    brief.hits.some((hit) => hit.topic === 'pep'),
  );
  note('structuring', brief.reasons.includes('structuring'));
  note(
    'velocity',
    brief.reasons.some((code) => code.startsWith('velocity')),
  );
  note('fan_in', brief.reasons.includes('fan_in'));
  note(
    'identity_unchecked',
    [brief.sender, brief.receiver].some((party) => party.kycStatus === 'none'),
  );
  const marked = (sources: readonly string[]): boolean =>
    brief.texts.some((text) => sources.includes(text.source) && text.marks.some((mark) => MANIPULATION.has(mark)));
  note('name_manipulated', brief.reasons.includes('name_obscured') || marked(['sender_name', 'receiver_name']));
  note(
    'text_manipulated',
    marked(['sender_name', 'receiver_name', 'reference', 'answer']) || readings.some((each) => each.addressesReviewer),
  );
  note('high_risk_corridor', brief.fatf.from !== 'none' || brief.fatf.to !== 'none');
  note('large_amount', brief.aboveTravelRule);
  note('new_relationship', brief.paidEachOtherBefore === 0);
  note(
    'earlier_cases',
    [brief.sender, brief.receiver].some((party) => party.casesRejected + party.casesReleased > 0),
  );
  note('history_incomplete', brief.counts.truncated);
  note(
    'story_mismatch',
    readings.some((each) => ![brief.purpose, 'none', 'other'].includes(each.purposeClaimed) && brief.purpose !== 'other'),
  );
  return [...found];
}

const QUESTION_OF: Partial<Record<Concern, readonly Question[]>> = {
  listed_party: ['date_of_birth', 'identity_document'],
  office_holder: ['occupation', 'source_of_funds'],
  structuring: ['purpose', 'source_of_funds'],
  identity_unchecked: ['identity_document'],
  fan_in: ['relationship', 'purpose'],
  story_mismatch: ['purpose'],
  large_amount: ['address'],
};

function questionsOf(concerns: readonly Concern[]): Question[] {
  return [...new Set(concerns.flatMap((concern) => QUESTION_OF[concern] ?? []))];
}

/** References to the facts that exist in a case; an advice may cite these and no others. */
export function citesOf(brief: CaseBrief): string[] {
  return [
    'payment',
    'counts',
    'sender',
    'receiver',
    ...brief.hits.map((hit) => hit.ref),
    ...brief.linked.map((each) => each.ref),
    ...brief.texts.filter((text) => text.marks.length > 0).map((text) => text.source),
  ];
}

const SURE = { low: 0.3, medium: 0.6, high: 0.9 } as const;

/** Joins what the rules say with what a model said, by the stricter of the two, as far as the dial lets the model go. */
export function decideInvestigator({
  brief,
  model,
  autonomy = AUTONOMY_FULL,
}: InvestigatorFacts): Verdict<Recommendation, InvestigatorData> {
  const isHeard = permits(autonomy, 'explain');
  const mayTighten = permits(autonomy, 'tighten');
  const own = summarise(brief, isHeard ? model.readings : []);
  const said = isHeard && model.outcome === 'answered' ? model.advice : null;
  // What a model read out of a text explains, and below `tighten` moves nothing.
  const ruled = mayTighten ? own.recommendation : summarise(brief).recommendation;
  const recommendation = said === null || !mayTighten ? ruled : stricterOf(ruled, said.recommendation);
  // The rules set priority and approvals when they opened the case; only a model that would escalate or reject changes either.
  const raised = said !== null && severityOf(said.recommendation) >= severityOf('escalate');
  const concerns = [...new Set([...own.concerns, ...(said?.concerns ?? [])])];
  const known = new Set(citesOf(brief));
  return {
    outcome: recommendation,
    reasons: concerns.map((code): Reason => ({ code, text: CONCERNS[code] })),
    confidence: SURE[said?.sureness ?? own.sureness],
    data: {
      source: said === null ? 'summary' : 'model',
      questions: [...new Set([...own.questions, ...(said?.questions ?? [])])],
      cites: (said?.cites ?? own.cites).filter((cite) => known.has(cite)),
      priority:
        raised && permits(autonomy, 'rank')
          ? Math.max(brief.priority, Math.min(PRIORITY_MAX, brief.priority + PRIORITY_STEP))
          : brief.priority,
      approvalsNeeded: raised && mayTighten ? Math.max(brief.approvalsNeeded, 2) : brief.approvalsNeeded,
    },
  };
}
