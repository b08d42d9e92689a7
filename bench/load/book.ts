/** The report of a load, as it is written to `report.json`. */
import type { CacheHits } from './caches.ts';
import type { Scenario } from './scenario.ts';
import type { StageOutcome } from './stages.ts';

export interface LoadBook {
  readonly scenario: Scenario;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly machine: { readonly cores: number; readonly fsyncUs: number };
  readonly stages: readonly StageOutcome[];
  /** The most that one process of each kind has held. */
  readonly megabytesPeak: Readonly<Record<string, number>>;
  /** The warm-up included. */
  readonly caches: readonly CacheHits[];
  readonly books: {
    readonly violations: readonly string[];
    readonly statementLines: number;
    /** Where the operators' statements of the day and the books do not agree. */
    readonly breaks: readonly string[];
    readonly payments: number;
  };
  /** What is not as it must be, a sentence each; none when all is well. */
  readonly failures: readonly string[];
}
