/** What every part of `npm run security` gives: a name, the figures it found, and whether they are as they must be. */

/** Numbers and words of a finding, by name. */
export type Figures = Readonly<Record<string, number | string | readonly string[]>>;

export interface PartReport {
  readonly name: string;
  readonly figures: Figures;
  /** What is not as it must be, in sentences; nothing when the part holds. */
  readonly failures: readonly string[];
  readonly passed: boolean;
}

export interface SecurityPart {
  /** One word, by which it is asked for: `npm run security -- NAME`. */
  readonly name: string;
  readonly description: string;
  /** Runs it; `tell` hears of progress. What it throws counts as a failure of this part and of no other. */
  run(tell: (line: string) => void): Promise<PartReport>;
}

/** A report; it holds when nothing failed. */
export function reportOf(name: string, figures: Figures, failures: readonly string[]): PartReport {
  return { name, figures, failures, passed: failures.length === 0 };
}
