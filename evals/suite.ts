/** What a suite is, and what it gives: the shape in which every report is written. */

/** One case after it was run. `correct` is what baselines are compared by. */
export interface CaseResult {
  readonly id: string;
  readonly correct: boolean;
  /** Slices it belongs to: `category`, `origin` and so on. */
  readonly tags: Readonly<Record<string, string>>;
  /** One line for people who look at what went wrong; without personal data beyond the dataset's own. */
  readonly note: string;
}

export type Metrics = Readonly<Record<string, number>>;

export interface Slice {
  readonly by: string;
  readonly value: string;
  readonly cases: number;
  readonly metrics: Metrics;
}

/** Another method on the same cases. */
export interface Rival {
  readonly name: string;
  readonly metrics: Metrics;
  /** Correct or not, by the order of the cases; null where it has no say. */
  readonly correct: readonly (boolean | null)[];
  /** How it does in the same slices, where that was measured. */
  readonly slices?: readonly Slice[];
}

export interface SuiteRun {
  readonly suite: string;
  readonly target: string;
  /** Where the cases came from and the SHA-256 of their bytes. */
  readonly dataset: { readonly name: string; readonly digest: string };
  readonly metrics: Metrics;
  readonly slices: readonly Slice[];
  readonly results: readonly CaseResult[];
  readonly rivals: readonly Rival[];
  /** Sentences that a reader of the figures must know. */
  readonly remarks: readonly string[];
  /** Under which name the thresholds of this run stand; those of the suite unless told. */
  readonly thresholds?: string;
  /** Figures that these cases, or this target, cannot give, and why: a threshold for any other that is missing is missed. */
  readonly absent?: Readonly<Record<string, string>>;
}

export interface SuiteOptions {
  /** A file of cases instead of the suite's own. */
  readonly dataset: string | null;
  /** Lists to screen against instead of those beside the dataset. */
  readonly lists: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The model to ask, by its word, where a suite asks one; null for the suite's own choice. */
  readonly target: string | null;
  /** A file that the answers of the model are written to. */
  readonly record: string | null;
  /** Tells people how far it is. */
  readonly tell: (line: string) => void;
}

/** What of a run stands on a page of the documentation. */
export interface PageTables {
  readonly metrics: readonly string[];
  /** Slices, each a table, with the metrics of every method in it. */
  readonly slices: { readonly by: readonly string[]; readonly metrics: readonly string[] };
}

export interface Suite {
  readonly name: string;
  readonly about: string;
  readonly page?: PageTables;
  /** It asks a model, so the target may be chosen. */
  readonly asksModel?: true;
  run(options: SuiteOptions): Promise<SuiteRun>;
}

/** Groups cases by a tag and measures each group. */
export function slicesBy(results: readonly CaseResult[], by: string, measure: (group: readonly CaseResult[]) => Metrics): Slice[] {
  const groups = Map.groupBy(results, (result) => result.tags[by] ?? '-');
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, group]) => ({ by, value, cases: group.length, metrics: measure(group) }));
}
