/** What every part of `npm run security` gives: a name, the figures it found, and whether they are as they must be. */

/** Numbers and words of a finding, by name. */
export type Figures = Readonly<Record<string, number | string | readonly string[]>>;

export interface PartReport {
  readonly name: string;
  readonly figures: Figures;
  /** What is not as it must be, in sentences; nothing when the part holds. */
  readonly failures: readonly string[];
  /** Why the part could not look at all, in a sentence; null when it did. What was not looked at has not passed. */
  readonly unchecked: string | null;
  readonly passed: boolean;
}

export interface SecurityPart {
  /** One word, by which it is asked for: `npm run security -- NAME`. */
  readonly name: string;
  readonly description: string;
  /** Runs it; `tell` hears of progress. What it throws counts as a failure of this part and of no other. */
  run(tell: (line: string) => void): Promise<PartReport>;
}

/** A report; it holds when nothing failed and everything was looked at. */
export function reportOf(name: string, figures: Figures, failures: readonly string[], unchecked: string | null = null): PartReport {
  return { name, figures, failures, unchecked, passed: failures.length === 0 && unchecked === null };
}

/** What a whole run ends with: 0 when every part holds, 1 when one does not, 3 when the others do and one was not checked. */
export function exitCodeOf(reports: readonly PartReport[]): 0 | 1 | 3 {
  if (reports.some(({ failures }) => failures.length > 0)) return 1;
  return reports.some(({ unchecked }) => unchecked !== null) ? 3 : 0;
}
