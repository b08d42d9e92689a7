/**
 * The risk model: how likely a payment is fraud, from what is known before it is decided.
 *
 * A model is data (boosted trees and a table that turns their sum into a chance) under a version; whatever
 * else implements `RiskModel` can take its place. It runs in process, without transcendental functions and
 * without chance, so the same payment always has the same score on every machine. Pure.
 */
import { z } from 'zod';
import type { RiskFacts } from '../facts.ts';
import modelEntry from '../data/risk-model.json' with { type: 'json' };

/**
 * What a model looks at. Every field is known before the payment is decided. Left out on purpose, because the
 * simulation behind the training data would teach the wrong thing: the hour of the day (its frauds are as many at night as by day, so
 * a model would take each payment at night for fraud), and how many pay a receiver (its fraudsters are paid once, so many
 * senders would lower the score). The rules look at both.
 */
export interface RiskInput {
  readonly kind: 'transfer' | 'cash_out' | 'other';
  /** The amount against a typical one of the same service and currency. */
  readonly amountRatio: number;
  readonly isRound: boolean;
  /** The same sum came in within the hour before. Trees are told of cash-outs alone: see `vectorOf`. */
  readonly isMirrored: boolean;
  /** The amount against the sender's balance before the payment; null: the operator does not tell it. */
  readonly balanceShare: number | null;
}

export interface RiskModel {
  readonly version: string;
  score(input: RiskInput): RiskFacts;
}

/** Features in the order of the vector, with the reason that is given when one raises the score. */
export const RISK_FEATURES = ['kind', 'amountRatio', 'isRound', 'isMirrored', 'balanceShare'] as const;
export type RiskFeature = (typeof RISK_FEATURES)[number];

const REASONS: Readonly<Record<RiskFeature, string>> = {
  kind: 'kind_of_payment',
  amountRatio: 'amount_unusual',
  isRound: 'amount_round',
  isMirrored: 'sum_just_came_in',
  balanceShare: 'empties_the_wallet',
};

const KINDS = { transfer: 0, cash_out: 1, other: 2 } as const;
/** A balance of nothing, against which no share can be told. */
const NO_BALANCE = 1_000;

/**
 * The vector of an input, as the trees read it. A mirrored sum counts for a cash-out alone: in the training data nobody passes a
 * transfer on by another transfer, so trees know nothing of one, and would say of whoever forwards money what they learnt of those
 * who draw it. The rules look at money that is passed on.
 */
export function vectorOf(input: RiskInput): number[] {
  return [
    KINDS[input.kind],
    input.amountRatio,
    Number(input.isRound),
    Number(input.isMirrored && input.kind === 'cash_out'),
    input.balanceShare === null || input.balanceShare > NO_BALANCE ? NO_BALANCE : input.balanceShare,
  ];
}

/** `[feature, threshold, left, right, value]` per node; a leaf has the feature -1. `value` is the mean below the node. */
const nodeSchema = z.tuple([z.int(), z.number(), z.int(), z.int(), z.number()]);
const treesSchema = z.object({
  base: z.number(),
  trees: z.array(z.array(nodeSchema).min(1)),
  /** Margins in rising order, and the chance from each on. */
  calibration: z.array(z.tuple([z.number(), z.number()])).min(1),
});
export const riskModelSchema = z.object({
  version: z.string().regex(/^risk-\d{4}\.\d{2}\.\d+$/),
  trainedOn: z.string(),
  /** `[kind, isRound, isMirrored, rows]`, as they stand in the vector: what it has learnt from. */
  learnt: z.array(z.tuple([z.int(), z.int(), z.int(), z.int().min(1)])),
  withoutBalance: treesSchema,
  withBalance: treesSchema,
});
export type RiskTrees = z.infer<typeof treesSchema>;
export type RiskModelData = z.infer<typeof riskModelSchema>;

/** What of a vector is one thing or another, and not more or less: kind, round, mirrored. */
export function combinationOf(vector: readonly number[]): [number, number, number] {
  const at = (feature: RiskFeature): number => vector[RISK_FEATURES.indexOf(feature)] ?? 0;
  return [at('kind'), at('isRound'), at('isMirrored')];
}

/** From this score on reasons are worth their space. */
const REASONS_FROM = 0.02;
const REASONS_MAX = 3;
const DIGITS = 1_000_000;

/** The sum of the trees for a vector; `gains`, where given, takes what each feature added to it. */
export function marginOf({ base, trees }: RiskTrees, vector: readonly number[], gains?: number[]): number {
  let margin = base;
  for (const tree of trees) {
    let node = tree[0];
    while (node !== undefined && node[0] >= 0) {
      const next = tree[(vector[node[0]] ?? 0) <= node[1] ? node[2] : node[3]];
      if (next === undefined) break;
      if (gains !== undefined) gains[node[0]] = (gains[node[0]] ?? 0) + next[4] - node[4];
      node = next;
    }
    margin += node?.[4] ?? 0;
  }
  return margin;
}

/** The chance for a margin: straight between the points of the table, flat beyond its ends. */
export function chanceOf({ calibration }: RiskTrees, margin: number): number {
  let [low, high] = [0, calibration.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((calibration[middle]?.[0] ?? 0) <= margin) low = middle;
    else high = middle - 1;
  }
  const [at, chance] = calibration[low] ?? [0, 0];
  const next = calibration[low + 1];
  if (next === undefined || margin <= at) return chance;
  return chance + ((margin - at) / (next[0] - at)) * (next[1] - chance);
}

/** Makes a model of its data. Throws when the data are not of their form. */
export function createRiskModel(data: unknown): RiskModel {
  const model = riskModelSchema.parse(data);
  return {
    version: model.version,
    score: (input) => {
      const trees = input.balanceShare === null ? model.withoutBalance : model.withBalance;
      const vector = vectorOf(input);
      const score = Math.round(chanceOf(trees, marginOf(trees, vector)) * DIGITS) / DIGITS;
      return score < REASONS_FROM ? { model: model.version, score } : { model: model.version, score, reasons: reasonsOf(trees, vector) };
    },
  };
}

function reasonsOf(trees: RiskTrees, vector: readonly number[]): string[] {
  const gains: number[] = [];
  marginOf(trees, vector, gains);
  return RISK_FEATURES.map((feature, at) => ({ reason: REASONS[feature], gain: gains[at] ?? 0 }))
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain)
    .slice(0, REASONS_MAX)
    .map(({ reason }) => reason);
}

/** The model that comes with the program. */
export const BUILT_IN_RISK_MODEL: RiskModel = createRiskModel(modelEntry);
