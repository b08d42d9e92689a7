/** Paired comparisons: whether one run is better than another on the same cases, or only luckier. Pure. */

export interface Comparison {
  /** Cases that only the first, or only the second, got right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided exact probability of a difference like this by chance. */
  readonly pValue: number;
  /** Difference of the shares right (first minus second), with its 95 % interval by bootstrap. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1_000;
const SEED = 20_261_101;

/** Compares two runs case by case. Takes as many verdicts on one side as on the other. */
export function comparePaired(first: readonly boolean[], second: readonly boolean[]): Comparison {
  if (first.length !== second.length) throw new RangeError('paired runs must have the same cases');
  const gains = first.map((right, at) => Number(right) - Number(second[at] ?? false));
  const onlyFirst = gains.filter((gain) => gain > 0).length;
  const onlySecond = gains.filter((gain) => gain < 0).length;
  const [low, high] = bootstrapInterval(gains);
  return { onlyFirst, onlySecond, pValue: mcNemar(onlyFirst, onlySecond), difference: meanOf(gains), low, high };
}

/** McNemar's test in its exact form: the two-sided binomial probability at one half. */
export function mcNemar(onlyFirst: number, onlySecond: number): number {
  const total = onlyFirst + onlySecond;
  if (total === 0) return 1;
  const least = Math.min(onlyFirst, onlySecond);
  let logTerm = -total * Math.LN2;
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= least; k += 1) {
    logTerm += Math.log(total - k + 1) - Math.log(k);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, 2 * sum);
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle 95 % of the means of resamples, the same for the same input. */
export function bootstrapInterval(values: readonly number[]): readonly [low: number, high: number] {
  if (values.length === 0) return [0, 0];
  const random = seededRandom(SEED);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let at = 0; at < values.length; at += 1) sum += values[Math.floor(random() * values.length)] ?? 0;
    return sum / values.length;
  }).sort((a, b) => a - b);
  return [means[Math.floor(RESAMPLES * 0.025)] ?? 0, means[Math.ceil(RESAMPLES * 0.975) - 1] ?? 0];
}

const WEIGHTED_RESAMPLES = 200;

/** The middle 95 % of a measure over resamples of weighted cases, the same for the same input. */
export function weightedInterval<Case>(
  cases: readonly Case[],
  measure: (cases: readonly Case[]) => number,
): readonly [low: number, high: number] {
  if (cases.length === 0) return [0, 0];
  const random = seededRandom(SEED);
  const values = Array.from({ length: WEIGHTED_RESAMPLES }, () =>
    measure(Array.from(cases, () => cases[Math.floor(random() * cases.length)] as Case)),
  ).sort((a, b) => a - b);
  return [values[Math.floor(WEIGHTED_RESAMPLES * 0.025)] ?? 0, values[Math.ceil(WEIGHTED_RESAMPLES * 0.975) - 1] ?? 0];
}

/** Numbers from 0 to below 1 that look random and are the same for the same seed. Source: mulberry32, by T. Ettinger. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
