/**
 * Logistic regression with a ridge, by Newton's method: the plain rival of the risk model. It gets the same
 * rows and facts, as logarithms and indicators, which is how such a regression is usually set up. Pure.
 */
import type { RiskInput } from '../../agents/compliance/risk/model.ts';
import { genuineWeight } from './split.ts';
import type { Transaction } from './paysim.ts';

const RIDGE = 1;
const ITERATIONS = 12;
const SHARE_EDGES = [0.01, 0.1, 0.5, 0.99, 0.999_999, 1.000_001, 2, 999] as const;

function indicators(count: number, at: number): number[] {
  return Array.from({ length: count }, (_, index) => Number(index === at));
}

/** Constant, kind, amount, round, mirrored; and the share of the balance in bands where it is told. */
function designOf(input: RiskInput): number[] {
  const { kind, amountRatio, isRound, isMirrored, balanceShare } = input;
  const log = Math.log2(Math.max(amountRatio, 0.001));
  return [
    1,
    Number(kind === 'transfer'),
    Number(kind === 'cash_out'),
    log,
    log * log * 0.1,
    Number(amountRatio === 0),
    Number(isRound),
    Number(isMirrored),
    ...indicators(SHARE_EDGES.length + 1, balanceShare === null ? -1 : SHARE_EDGES.filter((edge) => balanceShare > edge).length),
  ];
}

/** Fits on rows at the natural share of fraud; gives the chance for an input. */
export function fitLogistic(rows: readonly Transaction[], see: (input: RiskInput) => RiskInput): (input: RiskInput) => number {
  const designs = rows.map((row) => designOf(see(row.input)));
  const size = designs[0]?.length ?? 0;
  const weight = genuineWeight(rows);
  let weights: number[] = Array.from({ length: size }, () => 0);
  for (let round = 0; round < ITERATIONS; round += 1) {
    const gradient = weights.map((each) => -RIDGE * each);
    const hessian = Array.from({ length: size }, (_, at) => indicators(size, at).map((each) => each * RIDGE));
    designs.forEach((design, at) => {
      const isFraud = rows[at]?.isFraud === true;
      const chance = sigmoid(dot(weights, design));
      const rowWeight = isFraud ? 1 : weight;
      const pull = rowWeight * (Number(isFraud) - chance);
      const curve = rowWeight * chance * (1 - chance);
      addOuter({ gradient, hessian }, design, pull, curve);
    });
    const step = solve(hessian, gradient);
    weights = weights.map((each, at) => each + Math.max(-4, Math.min(4, step[at] ?? 0)));
  }
  return (input) => sigmoid(dot(weights, designOf(see(input))));
}

function addOuter(into: { gradient: number[]; hessian: number[][] }, design: readonly number[], pull: number, curve: number): void {
  for (let i = 0; i < design.length; i += 1) {
    const value = design[i] ?? 0;
    if (value === 0) continue;
    into.gradient[i] = (into.gradient[i] ?? 0) + pull * value;
    const line = into.hessian[i] ?? [];
    for (let j = 0; j < design.length; j += 1) line[j] = (line[j] ?? 0) + curve * value * (design[j] ?? 0);
  }
}

function sigmoid(margin: number): number {
  return 1 / (1 + Math.exp(-margin));
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}

/** Solves a system by elimination with pivots; the ridge keeps it from being singular. */
function solve(matrix: number[][], right: readonly number[]): number[] {
  const rows = matrix.map((row, at) => [...row, right[at] ?? 0]);
  const size = rows.length;
  for (let at = 0; at < size; at += 1) {
    let pivot = at;
    for (let other = at + 1; other < size; other += 1)
      if (Math.abs(rows[other]?.[at] ?? 0) > Math.abs(rows[pivot]?.[at] ?? 0)) pivot = other;
    [rows[at], rows[pivot]] = [rows[pivot] ?? [], rows[at] ?? []];
    const lead = rows[at] ?? [];
    for (let other = 0; other < size; other += 1) {
      const row = rows[other] ?? [];
      if (other === at || row[at] === 0) continue;
      const factor = (row[at] ?? 0) / (lead[at] ?? 1);
      for (let column = at; column <= size; column += 1) row[column] = (row[column] ?? 0) - factor * (lead[column] ?? 0);
    }
  }
  return rows.map((row, at) => (row[size] ?? 0) / (row[at] ?? 1));
}
