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

/** One case with the score that was given to it, and how many cases it stands for. */
export interface Scored {
  readonly score: number;
  readonly isPositive: boolean;
  readonly weight: number;
}

/** Average precision: the mean of the precisions at each gain of recall, highest score first, ties together. */
export function averagePrecisionOf(cases: readonly Scored[]): number {
  const sorted = cases.toSorted((a, b) => b.score - a.score);
  const positives = sorted.reduce((sum, each) => sum + (each.isPositive ? each.weight : 0), 0);
  let [found, said, sum] = [0, 0, 0];
  for (let at = 0; at < sorted.length; ) {
    const { score } = sorted[at] ?? { score: 0 };
    let gained = 0;
    for (let each = sorted[at]; each !== undefined && each.score === score; at += 1, each = sorted[at]) {
      said += each.weight;
      if (each.isPositive) gained += each.weight;
    }
    found += gained;
    sum += gained * share(found, said);
  }
  return share(sum, positives);
}

/** Mean squared distance between chance and outcome (Brier 1950). */
export function brierOf(cases: readonly Scored[]): number {
  const total = cases.reduce((sum, each) => sum + each.weight, 0);
  return share(
    cases.reduce((sum, each) => sum + each.weight * (each.score - Number(each.isPositive)) ** 2, 0),
    total,
  );
}

/** A range of chances, with what was said in it and what happened. */
export interface ReliabilityBin {
  readonly from: number;
  readonly weight: number;
  readonly said: number;
  readonly happened: number;
}

/** Chances from each of these on make a bin of their own; rare events need them by powers. */
const BIN_EDGES = [0, 0.0001, 0.001, 0.01, 0.1, 0.5, 0.9] as const;

export function reliabilityOf(cases: readonly Scored[]): ReliabilityBin[] {
  return BIN_EDGES.flatMap((from, at): ReliabilityBin[] => {
    const to = BIN_EDGES[at + 1] ?? Number.POSITIVE_INFINITY;
    const inside = cases.filter((each) => each.score >= from && each.score < to);
    const weight = inside.reduce((sum, each) => sum + each.weight, 0);
    if (weight === 0) return [];
    const meanBy = (value: (each: Scored) => number): number => inside.reduce((sum, each) => sum + each.weight * value(each), 0) / weight;
    return [{ from, weight, said: meanBy((each) => each.score), happened: meanBy((each) => Number(each.isPositive)) }];
  });
}

/** Expected calibration error: how far chances are from what happened, weighted over the bins. */
export function calibrationErrorOf(cases: readonly Scored[]): number {
  const bins = reliabilityOf(cases);
  return share(
    bins.reduce((sum, bin) => sum + bin.weight * Math.abs(bin.said - bin.happened), 0),
    bins.reduce((sum, bin) => sum + bin.weight, 0),
  );
}
