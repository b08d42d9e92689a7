/** Measures over verdicts, each one number. Pure; a share of nothing is 0. */

export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

export interface Judged {
  readonly expected: boolean;
  readonly said: boolean;
}

export function confusionOf(cases: readonly Judged[]): Confusion {
  const count = (expected: boolean, said: boolean): number =>
    cases.filter((each) => each.expected === expected && each.said === said).length;
  return {
    truePositives: count(true, true),
    falsePositives: count(false, true),
    falseNegatives: count(true, false),
    trueNegatives: count(false, false),
  };
}

export function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

export function recallOf({ truePositives, falseNegatives }: Confusion): number {
  return share(truePositives, truePositives + falseNegatives);
}

export function precisionOf({ truePositives, falsePositives }: Confusion): number {
  return share(truePositives, truePositives + falsePositives);
}

export function falseAlertRateOf({ falsePositives, trueNegatives }: Confusion): number {
  return share(falsePositives, falsePositives + trueNegatives);
}

/** The harmonic mean of precision and recall. */
export function f1Of({ truePositives, falsePositives, falseNegatives }: Confusion): number {
  return share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives);
}

/** The value below which a share (0 to 1) of the values lies. */
export function quantileOf(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? 0;
}

export function meanOf(values: readonly number[]): number {
  return share(
    values.reduce((sum, value) => sum + value, 0),
    values.length,
  );
}
