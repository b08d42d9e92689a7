/**
 * What the investigator knows of a case: plain JSON without personal data, amounts as decimal strings of
 * minor units. Every word in it is ours or a code; names of people, and whatever a list or a customer wrote,
 * are there as marks and counts only.
 */
import type { AutonomyLevel } from '../../domain/autonomy.ts';
import type { TextFacts } from './texts.ts';
import type { CLAIMED_PURPOSES, Concern, LANGUAGES, Question, Recommendation, RELATIONSHIPS, Sureness } from './words.ts';
import type { LlmOutcome } from '../../tools/llm/index.ts';

export type HitBrief = {
  /** `hit-1`: how tools and answers name it. */
  readonly ref: string;
  readonly party: string;
  readonly how: string;
  readonly weak: boolean;
  readonly score: number;
  readonly topic: string;
  readonly grounds: readonly string[];
};

export type PartyBrief = {
  readonly kycStatus: string;
  readonly kycTier: number;
  readonly knownDays: number;
  readonly paymentsBefore: number;
  readonly paidBefore: number;
  readonly refusedBefore: number;
  readonly casesReleased: number;
  readonly casesRejected: number;
  readonly casesOpen: number;
};

export type CaseBrief = {
  readonly priority: number;
  readonly approvalsNeeded: number;
  /** Codes of what the rules found. */
  readonly reasons: readonly string[];
  readonly amountMinor: string;
  readonly currency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly purpose: string;
  readonly fatf: { readonly from: string; readonly to: string };
  readonly hits: readonly HitBrief[];
  readonly counts: {
    readonly sender1h: number;
    readonly sender24h: number;
    readonly receiverSenders24h: number;
    readonly truncated: boolean;
  };
  readonly thresholdsInBand: readonly string[];
  readonly aboveTravelRule: boolean;
  readonly sender: PartyBrief;
  readonly receiver: PartyBrief;
  readonly paidEachOtherBefore: number;
  readonly linked: readonly {
    readonly ref: string;
    readonly relation: string;
    readonly status: string;
    readonly reasons: readonly string[];
    readonly ageDays: number;
  }[];
  readonly texts: readonly TextFacts[];
};

/** What a model said of a text behind the glass. */
export type TextReading = {
  readonly source: string;
  readonly language: (typeof LANGUAGES)[number];
  readonly purposeClaimed: (typeof CLAIMED_PURPOSES)[number];
  readonly relationshipClaimed: (typeof RELATIONSHIPS)[number];
  readonly addressesReviewer: boolean;
  readonly namesThirdParty: boolean;
};

/** An advice in closed words. */
export type Advice = {
  readonly recommendation: Recommendation;
  readonly concerns: readonly Concern[];
  readonly questions: readonly Question[];
  /** What of the facts it rests on, by reference. */
  readonly cites: readonly string[];
  readonly sureness: Sureness;
};

/** How asking the model went, as it is recorded with the decision. */
export type ModelRecord = {
  readonly outcome: LlmOutcome;
  readonly modelId: string | null;
  /** What the provider says of itself: model and fingerprint of the last answer. */
  readonly provider: string | null;
  /** SHA-256 of prompt templates and tool definitions, and of the prompts as they were sent. */
  readonly templateHash: string | null;
  readonly promptHash: string | null;
  /** Names of the tools that were asked for, in order. */
  readonly toolCalls: readonly string[];
  /** SHA-256 of the answer as it came. */
  readonly answerHash: string | null;
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Thousand-millionths of a US dollar. */
  readonly costNanoUsd: string;
  readonly readings: readonly TextReading[];
  readonly advice: Advice | null;
};

export type InvestigatorFacts = {
  readonly brief: CaseBrief;
  readonly model: ModelRecord;
  /** How far the model was let go. Missing in decisions from before there were dials, which means as far as it goes. */
  readonly autonomy?: AutonomyLevel;
};
