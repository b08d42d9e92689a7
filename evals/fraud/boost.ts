/**
 * Gradient-boosted trees for yes-or-no questions, with weights (Friedman 2001; second-order leaf values as in
 * Chen and Guestrin 2016). Small and exact: thresholds stand between neighbouring values of a fixed grid of
 * quantiles, nothing is drawn, so the same rows give the same trees. Pure.
 */
import type { RiskTrees } from '../../agents/compliance/risk/model.ts';

export interface Sample {
  readonly vector: readonly number[];
  readonly isPositive: boolean;
  readonly weight: number;
}

export interface BoostOptions {
  readonly trees: number;
  readonly depth: number;
  readonly rate: number;
  /** Least weight of positives and negatives (second derivative) below a split. */
  readonly leastHessian: number;
  /** Least rows below a split. */
  readonly leastRows: number;
  readonly lambda: number;
  /** Features that may be used, by index. */
  readonly features: readonly number[];
  /** Thresholds that must be among those tried, by feature: where something is known to begin. */
  readonly cuts?: Readonly<Record<number, readonly number[]>>;
}

const BINS_MAX = 64;
type Node = [feature: number, threshold: number, left: number, right: number, value: number];

/** Grows the trees. Gives the base margin and the trees, without calibration. */
export function growTrees(samples: readonly Sample[], options: BoostOptions): Pick<RiskTrees, 'base' | 'trees'> {
  const total = samples.reduce((sum, each) => sum + each.weight, 0);
  const positive = samples.reduce((sum, each) => sum + (each.isPositive ? each.weight : 0), 0);
  const base = Math.log(positive / (total - positive));
  const margins = new Float64Array(samples.length).fill(base);
  const grids = options.features.map((feature) => gridOf(samples, feature, options.cuts?.[feature] ?? []));
  const bins = options.features.map((feature, at) => Uint8Array.from(samples, (each) => binOf(grids[at] ?? [], each.vector[feature] ?? 0)));
  const [gradients, hessians] = [new Float64Array(samples.length), new Float64Array(samples.length)];
  const trees: Node[][] = [];
  for (let round = 0; round < options.trees; round += 1) {
    samples.forEach((each, at) => {
      const chance = 1 / (1 + Math.exp(-(margins[at] ?? 0)));
      gradients[at] = each.weight * (chance - Number(each.isPositive));
      hessians[at] = each.weight * Math.max(1e-12, chance * (1 - chance));
    });
    const tree: Node[] = [];
    grow(
      { tree, bins, grids, gradients, hessians, margins, options },
      Uint32Array.from(samples, (_, at) => at),
      0,
    );
    trees.push(tree);
  }
  return { base, trees };
}

interface Ground {
  readonly tree: Node[];
  readonly bins: readonly Uint8Array[];
  readonly grids: readonly (readonly number[])[];
  readonly gradients: Float64Array;
  readonly hessians: Float64Array;
  readonly margins: Float64Array;
  readonly options: BoostOptions;
}

/** Grows a node over some rows; gives its place in the tree. */
function grow(ground: Ground, rows: Uint32Array, depth: number): number {
  const { tree, gradients, hessians, margins, options } = ground;
  let [gradient, hessian] = [0, 0];
  for (const row of rows) {
    gradient += gradients[row] ?? 0;
    hessian += hessians[row] ?? 0;
  }
  const value = (-options.rate * gradient) / (hessian + options.lambda);
  const place = tree.push([-1, 0, 0, 0, value]) - 1;
  const split = depth < options.depth ? bestSplit(ground, rows, gradient, hessian) : null;
  if (split === null) {
    for (const row of rows) margins[row] = (margins[row] ?? 0) + value;
    return place;
  }
  const bin = ground.bins[split.at] ?? new Uint8Array();
  const left = grow(
    ground,
    rows.filter((row) => (bin[row] ?? 0) <= split.bin),
    depth + 1,
  );
  const right = grow(
    ground,
    rows.filter((row) => (bin[row] ?? 0) > split.bin),
    depth + 1,
  );
  tree[place] = [options.features[split.at] ?? 0, ground.grids[split.at]?.[split.bin] ?? 0, left, right, value];
  return place;
}

interface Split {
  readonly at: number;
  readonly bin: number;
  readonly gain: number;
}

function bestSplit(ground: Ground, rows: Uint32Array, gradient: number, hessian: number): Split | null {
  const { options, gradients, hessians } = ground;
  const worth = (g: number, h: number): number => (g * g) / (h + options.lambda);
  let best: Split | null = null;
  ground.bins.forEach((bin, at) => {
    const cells = (ground.grids[at]?.length ?? 0) + 1;
    const [sums, weights, counts] = [new Float64Array(cells), new Float64Array(cells), new Uint32Array(cells)];
    for (const row of rows) {
      const cell = bin[row] ?? 0;
      sums[cell] = (sums[cell] ?? 0) + (gradients[row] ?? 0);
      weights[cell] = (weights[cell] ?? 0) + (hessians[row] ?? 0);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
    let [g, h, n] = [0, 0, 0];
    for (let cell = 0; cell < cells - 1; cell += 1) {
      g += sums[cell] ?? 0;
      h += weights[cell] ?? 0;
      n += counts[cell] ?? 0;
      if (h < options.leastHessian || hessian - h < options.leastHessian || n < options.leastRows || rows.length - n < options.leastRows)
        continue;
      const gain = worth(g, h) + worth(gradient - g, hessian - h) - worth(gradient, hessian);
      if (gain > (best?.gain ?? 1e-9)) best = { at, bin: cell, gain };
    }
  });
  return best;
}

/** Values between which thresholds may stand: halfway between few values; quantiles of both classes and the given cuts of many. */
function gridOf(samples: readonly Sample[], feature: number, cuts: readonly number[]): number[] {
  const valueOf = (sample: Sample): number => sample.vector[feature] ?? 0;
  const distinct = [...new Set(samples.map(valueOf))].sort((a, b) => a - b);
  if (distinct.length <= BINS_MAX) return distinct.slice(0, -1).map((value, at) => (value + (distinct[at + 1] ?? value)) / 2);
  const quantiles = [true, false].flatMap((isPositive) => {
    const sorted = samples
      .filter((each) => each.isPositive === isPositive)
      .map(valueOf)
      .sort((a, b) => a - b);
    return Array.from({ length: BINS_MAX / 2 }, (_, at) => sorted[Math.floor(((at + 1) * sorted.length) / (BINS_MAX / 2 + 1))] ?? 0);
  });
  return [...new Set([...quantiles, ...cuts])].sort((a, b) => a - b);
}

/** In which cell a value lies: the first whose upper end it does not pass. */
function binOf(grid: readonly number[], value: number): number {
  let [low, high] = [0, grid.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= (grid[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Within a block, whose rows all have one chance, the higher margin still ranks higher by a little. */
const BLOCK_TILT = 0.02;

interface Block {
  readonly from: number;
  readonly to: number;
  readonly sum: number;
  readonly weight: number;
}

/**
 * Turns margins into chances by isotonic regression (pool adjacent violators, Barlow and others 1972): never falling,
 * and as near as can be to what happened. Gives the points of a table, two for each block.
 */
export function calibrate(margins: readonly number[], samples: readonly Sample[]): [margin: number, chance: number][] {
  const blocks: Block[] = [];
  for (const { margin, at } of margins.map((each, index) => ({ margin: each, at: index })).sort((a, b) => a.margin - b.margin)) {
    const sample = samples[at];
    if (sample === undefined) continue;
    let last: Block = { from: margin, to: margin, sum: sample.isPositive ? sample.weight : 0, weight: sample.weight };
    for (let before = blocks.at(-1); before !== undefined && isViolated(before, last); before = blocks.at(-1)) {
      blocks.pop();
      last = { from: before.from, to: last.to, sum: before.sum + last.sum, weight: before.weight + last.weight };
    }
    blocks.push(last);
  }
  // A hundredth of a row is lent to each block, so that nothing is certain.
  const lent = Math.min(...samples.map((each) => each.weight)) * 0.01;
  let least = 0;
  return blocks.flatMap(({ from, to, sum, weight }) => {
    const chance = (sum + lent * 0.5) / (weight + lent);
    const low = Math.max(least, chance * (1 - BLOCK_TILT));
    least = Math.max(low, Math.min(1, chance * (1 + BLOCK_TILT)));
    return from === to
      ? [[round(from), round(least)]]
      : [
          [round(from), round(low)],
          [round(to), round(least)],
        ];
  });
}

/** Equal margins are one block, whatever became of their rows. */
function isViolated(before: Block, last: Block): boolean {
  return before.to === last.from || before.sum / before.weight >= last.sum / last.weight;
}

const DIGITS = 1e7;

export function round(value: number): number {
  return Math.round(value * DIGITS) / DIGITS;
}
