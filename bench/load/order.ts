/** What the crowd is told to do, and what it reports: the words between a bench and its clients' process. */
import type { IntentOptions } from '../intents.ts';
import type { UnfinishedReport } from './unfinished.ts';
import type { Mix, Segment, Spacing } from './schedule.ts';

/** Open: requests leave when they are due, whether or not the last was answered. */
export interface OpenPace {
  readonly kind: 'open';
  readonly segments: readonly Segment[];
  readonly spacing: Spacing;
}

/** Closed: each connection sends as soon as it is answered, and all hold back while more payments are unfinished than may be. */
export interface ClosedPace {
  readonly kind: 'closed';
  readonly seconds: number;
  /** Payments at most. */
  readonly payments: number;
  readonly unfinishedMax: number;
}

export interface LoadOrder {
  readonly url: string;
  readonly key: string;
  /** The key of the neighbour, where there is one. */
  readonly neighbourKey?: string;
  readonly intents: IntentOptions;
  readonly mix: Mix;
  /** Payments in one batch. */
  readonly rows: number;
  readonly connections: number;
  readonly pace: OpenPace | ClosedPace;
  /** How long a listener stays. */
  readonly listenSeconds?: number;
  /** Payments that can be asked about before any of this load's own is accepted. */
  readonly known?: readonly string[];
}

/** What the bench tells its crowd while it runs: how many payments are not at their end yet. */
export interface LoadTold {
  readonly unfinished: number;
}

/** How a request ended: as it should, turned away with when to come back, wrongly answered, never answered, never sent. */
export const OUTCOMES = ['done', 'refused', 'failed', 'unanswered', 'unsent'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A row for every request, in columns: indexes into `KINDS` and `OUTCOMES`, milliseconds from the start. */
export interface Requests {
  readonly kind: Uint8Array;
  readonly outcome: Uint8Array;
  readonly phase: Uint8Array;
  /** When it should have left. */
  readonly dueMs: Float64Array;
  /** From then until it left. */
  readonly waitedMs: Float64Array;
  /** From when it should have left until its answer, or until it was given up. */
  readonly latencyMs: Float64Array;
}

export interface LoadReport {
  /** Epoch milliseconds. */
  readonly firstSentAtMs: number;
  readonly lastAnsweredAtMs: number;
  readonly requests: Requests;
  /** Reference and payment id of everything that was accepted. */
  readonly accepted: readonly (readonly [string, string])[];
  /** References of payments whose request was not answered, or with a mistake of the server's: they may be stored or not. */
  readonly unanswered: readonly string[];
  /** Payments not accepted, by the status or error of their request. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Requests that did not end as they should, by kind and reason. */
  readonly troubles: Readonly<Record<string, number>>;
  /** Events that listeners heard. */
  readonly events: number;
  /** What became of requests that were never finished. */
  readonly unfinished: UnfinishedReport;
}
