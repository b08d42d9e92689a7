/**
 * A decision: what an agent said about one payment, with the facts it saw. `decide` functions are
 * pure, so a recorded decision can be made again from its facts and must come out the same.
 */

export const AGENT_NAMES = ['exchange-rate', 'compliance', 'route-optimizer', 'liquidity', 'settlement', 'investigator'] as const;
export type AgentName = (typeof AGENT_NAMES)[number];

/** What may be kept as facts: plain JSON. Money travels as decimal strings of minor units. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Facts = { readonly [key: string]: Json };

export interface Reason {
  /** Stable code, e.g. `velocity_count_24h`. */
  readonly code: string;
  /** One sentence for people, without personal data. */
  readonly text: string;
}

/** What a `decide` function returns. `Outcome` is a closed set of words per agent. */
export interface Verdict<Outcome extends string = string, Data = unknown> {
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
  /** 0 to 1. Policies without doubt say 1. */
  readonly confidence: number;
  /** What the next agents need: the quote, the route, the reservation. */
  readonly data: Data;
}

/** A verdict as it is recorded. */
export interface Decision {
  readonly id: string;
  readonly paymentId: string;
  readonly cohortId: string;
  readonly agent: AgentName;
  readonly policyVersion: string;
  /** SHA-256 of the canonical JSON of `facts`. */
  readonly factsDigest: string;
  readonly facts: Facts;
  readonly outcome: string;
  readonly reasons: readonly Reason[];
  readonly confidence: number;
  /** The agent's time for the whole cohort divided by its payments, in microseconds. */
  readonly durationUs: number;
  readonly modelId: string | null;
  readonly promptHash: string | null;
}
