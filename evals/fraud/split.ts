/** Which rows teach, which set the scale, and which are scored: by time, and never mixed. Pure. */
import { vectorOf } from '../../agents/compliance/risk/model.ts';
import type { Sample } from './boost.ts';
import { type Transaction, TYPICAL_UNTIL_STEP } from './paysim.ts';

/** Up to this step the file has every row, later ones are a sample, in which frauds are far too many: they are not mixed. */
const SAMPLED_FROM_STEP = 10;
const CALIBRATE_FROM_STEP = 220;
/** Rows after this step are scored. */
export const SCORED_FROM_STEP = TYPICAL_UNTIL_STEP;

/** Genuine transactions for one fraud in the whole of PaySim: 6,354,407 and 8,213. */
export const NATURAL_ODDS = 6_354_407 / 8_213;

export interface Parts {
  readonly learnt: readonly Transaction[];
  readonly calibrated: readonly Transaction[];
  readonly scored: readonly Transaction[];
}

export function partsOf(rows: readonly Transaction[]): Parts {
  return {
    learnt: rows.filter(({ step }) => step > SAMPLED_FROM_STEP && step <= CALIBRATE_FROM_STEP),
    calibrated: rows.filter(({ step }) => step > CALIBRATE_FROM_STEP && step <= SCORED_FROM_STEP),
    scored: rows.filter(({ step }) => step > SCORED_FROM_STEP),
  };
}

/** What one genuine row stands for, so that fraud has its natural share. */
export function genuineWeight(rows: readonly Pick<Transaction, 'isFraud'>[]): number {
  const frauds = rows.filter((row) => row.isFraud).length;
  const genuine = rows.length - frauds;
  return frauds === 0 || genuine === 0 ? 1 : (NATURAL_ODDS * frauds) / genuine;
}

/** Rows as the learners take them, at the natural share of fraud; `withBalance` false hides the balance. */
export function samplesOf(rows: readonly Transaction[], withBalance: boolean): Sample[] {
  const weight = genuineWeight(rows);
  return rows.map(({ input, isFraud }) => ({
    vector: vectorOf(withBalance ? input : { ...input, balanceShare: null }),
    isPositive: isFraud,
    weight: isFraud ? 1 : weight,
  }));
}
