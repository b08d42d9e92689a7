/**
 * Trains the risk model on the earlier steps of PaySim and writes agents/compliance/data/risk-model.json.
 * Nothing is drawn: the same file gives the same model. `npm run train:risk -- FILE VERSION`
 */
import { writeFile } from 'node:fs/promises';
import {
  combinationOf,
  marginOf,
  type RiskModelData,
  riskModelSchema,
  type RiskTrees,
  vectorOf,
} from '../../agents/compliance/risk/model.ts';
import { calibrate, growTrees, round } from './boost.ts';
import { readTransactions } from './paysim.ts';
import { partsOf, type Parts, samplesOf } from './split.ts';

const [, , path, version] = process.argv;
const TARGET = new URL('../../agents/compliance/data/risk-model.json', import.meta.url);
const OPTIONS = { trees: 80, depth: 3, rate: 0.1, leastHessian: 2, leastRows: 40, lambda: 10, cuts: { 4: [0.999_999, 1.000_001, 999] } };
/** Kind, amount, round, mirrored; and the balance. */
const [WITHOUT, WITH] = [
  [0, 1, 2, 3],
  [0, 1, 2, 3, 4],
];

function train(parts: Parts, withBalance: boolean): RiskTrees {
  const grown = growTrees(samplesOf(parts.learnt, withBalance), { ...OPTIONS, features: withBalance ? WITH : WITHOUT });
  const trees = grown.trees.map((tree) =>
    tree.map(([feature, threshold, left, right, value]): RiskTrees['trees'][number][number] => [
      feature,
      round(threshold),
      left,
      right,
      round(value),
    ]),
  );
  const ready = { base: round(grown.base), trees, calibration: [[0, 0]] as [number, number][] };
  const samples = samplesOf(parts.calibrated, withBalance);
  return {
    ...ready,
    calibration: calibrate(
      samples.map((each) => marginOf(ready, each.vector)),
      samples,
    ),
  };
}

/** How many rows of each combination were learnt from. */
function learntFrom({ learnt }: Parts): RiskModelData['learnt'] {
  const groups = Map.groupBy(learnt, ({ input }) => combinationOf(vectorOf(input)).join());
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, rows]) => {
      const [kind = 0, isRound = 0, isMirrored = 0] = key.split(',').map(Number);
      return [kind, isRound, isMirrored, rows.length];
    });
}

if (path === undefined || version === undefined) {
  process.stderr.write('usage: npm run train:risk -- FILE VERSION\n');
  process.exitCode = 2;
} else {
  const file = await readTransactions(path);
  const parts = partsOf(file.rows);
  const trainedOn = `PaySim (${file.name.split('/').at(-1)}, SHA-256 ${file.digest.slice(0, 12)}): ${parts.learnt.length} rows learnt, ${parts.calibrated.length} for the scale.`;
  const trees = { withoutBalance: train(parts, false), withBalance: train(parts, true) };
  const model = riskModelSchema.parse({ version, trainedOn, learnt: learntFrom(parts), ...trees });
  await writeFile(TARGET, `${JSON.stringify(model)}\n`);
  process.stdout.write(`${trainedOn}\n`);
}
