/**
 * Fraud: does the risk model find it, what does acting on it save, and are its chances true?
 *
 * Cases are transactions in the shape of PaySim. By time: earlier steps teach the rivals, later ones are
 * scored. Fraud is far too frequent in the file, so every figure is weighted to its natural share (0.129 %).
 * With the sender's balance and without it, because in PaySim the balance gives fraud away by construction.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT_IN_RISK_MODEL, type RiskInput } from '../../agents/compliance/risk/model.ts';
import { BUILT_IN_RULES } from '../../agents/compliance/rules/rule-set.ts';
import { fault } from '../../domain/errors.ts';
import { dataFolder } from '../dataset.ts';
import costs from '../fraud/costs.json' with { type: 'json' };
import { fitLogistic } from '../fraud/logistic.ts';
import { readTransactions, type Transaction } from '../fraud/paysim.ts';
import { judgeByRules } from '../fraud/rules.ts';
import { genuineWeight, partsOf, SCORED_FROM_STEP } from '../fraud/split.ts';
import { averagePrecisionOf, brierOf, calibrationErrorOf, reliabilityOf, type Scored, share } from '../scorers.ts';
import { weightedInterval } from '../statistics.ts';
import { type CaseResult, type Metrics, type Rival, slicesBy, type Suite, type SuiteOptions, type SuiteRun } from '../suite.ts';

export const fraudSuite: Suite = {
  name: 'fraud',
  about: 'the risk model on transactions with fraud',
  page: {
    metrics: ['averagePrecision', 'costRatio', 'recall', 'falsePositiveRate', 'precision'],
    slices: { by: [], metrics: [] },
  },
  run: runFraud,
};

/** A part with fewer frauds or fewer genuine rows says nothing. */
const PART_LEAST = 20;

/** A way to tell fraud: the chance it sees, and whether it would hold the payment. */
interface Method {
  readonly name: string;
  readonly judge: (row: Transaction) => { readonly score: number; readonly held: boolean };
}

/** A case as it was judged. */
interface Judged extends Scored {
  readonly row: Transaction;
  readonly held: boolean;
}

const seeAll = (input: RiskInput): RiskInput => input;
const withoutBalance = (input: RiskInput): RiskInput => ({ ...input, balanceShare: null });

async function runFraud(options: SuiteOptions): Promise<SuiteRun> {
  const file = await readTransactions(options.dataset ?? defaultDataset(options));
  const parts = partsOf(file.rows);
  const before = [...parts.learnt, ...parts.calibrated];
  const isSplit = isEnough(parts.scored) && isEnough(before);
  const scored = isSplit ? parts.scored : file.rows;
  if (!scored.some((row) => row.isFraud) || scored.every((row) => row.isFraud))
    throw fault('config_invalid', { detail: `${file.name} must have fraud and genuine transactions.` });
  const hasBalance = scored.some((row) => row.input.balanceShare !== null);
  const weight = genuineWeight(scored);
  options.tell(`${file.rows.length} transactions, ${scored.length} scored; one genuine row stands for ${weight.toFixed(1)}`);
  const judgeAll = ({ judge }: Method): Judged[] =>
    scored.map((row) => ({ row, ...judge(row), isPositive: row.isFraud, weight: row.isFraud ? 1 : weight }));
  const main = judgeAll(modelMethod('risk model', seeAll));
  const hidden = judgeAll(modelMethod('risk model without balance', withoutBalance));
  const [mainMetrics, hiddenMetrics] = [metricsOf(main), metricsOf(hidden)];
  const byId = new Map(main.map((each) => [each.row.id, each]));
  const results = main.map(resultOf);
  const measure = (group: readonly CaseResult[]): Metrics => metricsOf(group.flatMap((result) => byId.get(result.id) ?? []));
  const others = rivalMethods(file.rows, isSplit ? before : [], hasBalance).map((method) => ({ ...method, judged: judgeAll(method) }));
  const rivals = [
    ...(hasBalance ? [rivalOf('risk model without balance', hidden)] : []),
    ...others.map(({ name, judged }) => rivalOf(name, judged)),
    ...[{ name: 'risk model without balance', judged: hidden }, ...others.filter(({ name }) => AMONG_TRANSFERS.has(name))].map(
      ({ name, judged }) => transfersOf(name, judged),
    ),
  ];
  return {
    suite: 'fraud',
    target: `risk model ${BUILT_IN_RISK_MODEL.version}${hasBalance ? ' with balance' : ''}`,
    dataset: { name: file.name, digest: file.digest },
    metrics: {
      ...mainMetrics,
      averagePrecisionWithoutBalance: hiddenMetrics['averagePrecision'] ?? 0,
      costRatioWithoutBalance: hiddenMetrics['costRatio'] ?? 0,
      ...transferMetrics(hidden),
    },
    slices: ['type', 'amount', 'hour', 'period'].flatMap((by) => slicesBy(results, by, measure)),
    results,
    rivals,
    // Without the balance nothing gives fraud away by construction, so less is asked.
    ...(hasBalance ? {} : { thresholds: 'fraud, no balance' }),
    remarks: [...remarksOf(isSplit, weight), ...precisionRemarks(main, hidden), ...reliabilityRemarks(main, hidden, hasBalance)],
  };
}

function defaultDataset({ env }: SuiteOptions): string {
  const folder = dataFolder(env);
  const large = folder === null ? '' : join(folder, 'transactions', 'paysim_dev.csv.gz');
  return existsSync(large) ? large : new URL('../datasets/transactions.csv', import.meta.url).pathname;
}

function isEnough(rows: readonly Transaction[]): boolean {
  const frauds = rows.filter((row) => row.isFraud).length;
  return frauds >= PART_LEAST && rows.length - frauds >= PART_LEAST;
}

/** Holds where the loss to expect is more than the cost of a look. */
function holds(score: number, row: Transaction): boolean {
  return score * row.input.amountRatio > costs.reviewShareOfTypical;
}

function modelMethod(name: string, see: (input: RiskInput) => RiskInput): Method {
  return {
    name,
    judge: (row) => {
      const { score } = BUILT_IN_RISK_MODEL.score(see(row.input));
      return { score, held: holds(score, row) };
    },
  };
}

function rivalMethods(rows: readonly Transaction[], before: readonly Transaction[], hasBalance: boolean): Method[] {
  const logistic = (name: string, see: (input: RiskInput) => RiskInput): Method => {
    const chance = fitLogistic(before, see);
    return {
      name,
      judge: (row) => {
        const score = chance(row.input);
        return { score, held: holds(score, row) };
      },
    };
  };
  const byRules = judgeByRules(rows, BUILT_IN_RULES);
  const fits =
    before.length === 0
      ? []
      : [
          ...(hasBalance ? [logistic('logistic regression with balance', seeAll)] : []),
          logistic('logistic regression without balance', withoutBalance),
        ];
  return [
    ...fits,
    { name: 'rules only', judge: (row) => byRules.get(row.id) ?? { score: 0, held: false } },
    { name: 'always allow', judge: () => ({ score: 0, held: false }) },
  ];
}

function rivalOf(name: string, judged: readonly Judged[]): Rival {
  return { name, metrics: metricsOf(judged), correct: judged.map((each) => each.held === each.isPositive) };
}

/** Methods that are measured among transfers too, which are all that CAPP sees; without the balance, which it is not told. */
const AMONG_TRANSFERS = new Set(['logistic regression without balance', 'rules only', 'always allow']);

const isTransfer = ({ row }: Judged): boolean => row.input.kind === 'transfer';

/** How a method does among transfers alone; of all other rows it says nothing. */
function transfersOf(name: string, judged: readonly Judged[]): Rival {
  return {
    name: `${name}, transfers only`,
    metrics: metricsOf(judged.filter(isTransfer)),
    correct: judged.map((each) => (isTransfer(each) ? each.held === each.isPositive : null)),
  };
}

/** A file without frauds among its transfers has no such figure. */
function transferMetrics(hidden: readonly Judged[]): Metrics {
  const { averagePrecision, costRatio } = metricsOf(hidden.filter(isTransfer));
  if (averagePrecision === undefined || costRatio === undefined) return {};
  return { averagePrecisionTransfers: averagePrecision, costRatioTransfers: costRatio };
}

/** In typical amounts: what is lost, against what is lost when everything is allowed. */
function costRatioOf(judged: readonly Judged[]): number {
  let [cost, allowed] = [0, 0];
  for (const { row, held, isPositive, weight } of judged) {
    const loss = isPositive ? row.input.amountRatio : 0;
    cost += weight * (held ? costs.reviewShareOfTypical : loss);
    allowed += weight * loss;
  }
  return share(cost, allowed);
}

function metricsOf(judged: readonly Judged[]): Metrics {
  const sum = (of: (each: Judged) => boolean): number => judged.reduce((total, each) => total + (of(each) ? each.weight : 0), 0);
  const [positives, negatives] = [sum((each) => each.isPositive), sum((each) => !each.isPositive)];
  const metrics: Record<string, number> = {};
  if (positives > 0) {
    metrics['averagePrecision'] = averagePrecisionOf(judged);
    metrics['costRatio'] = costRatioOf(judged);
    metrics['recall'] = share(
      sum((each) => each.isPositive && each.held),
      positives,
    );
  }
  if (negatives > 0)
    metrics['falsePositiveRate'] = share(
      sum((each) => !each.isPositive && each.held),
      negatives,
    );
  const held = sum((each) => each.held);
  if (held > 0)
    metrics['precision'] = share(
      sum((each) => each.isPositive && each.held),
      held,
    );
  metrics['brier'] = brierOf(judged);
  metrics['calibrationError'] = calibrationErrorOf(judged);
  return metrics;
}

const AMOUNT_BANDS = [
  [0.5, 'below half of typical'],
  [2, 'half to twice typical'],
  [10, '2 to 10 times typical'],
  [Number.POSITIVE_INFINITY, 'more than 10 times typical'],
] as const;
const PERIOD_STEPS = 100;

function resultOf({ row, score, held, isPositive }: Judged): CaseResult {
  const period = Math.floor(row.step / PERIOD_STEPS) * PERIOD_STEPS;
  return {
    id: row.id,
    correct: held === isPositive,
    tags: {
      category: row.type,
      type: row.type,
      amount: AMOUNT_BANDS.find(([below]) => row.input.amountRatio < below)?.[1] ?? '-',
      hour: row.step % 24 < 7 ? 'night, 0 to 6' : 'day, 7 to 23',
      period: `step ${String(period).padStart(3, '0')} on`,
    },
    note: `${row.input.amountRatio.toFixed(2)} times a typical amount, step ${row.step}: ${isPositive ? 'fraud' : 'genuine'}, ${held ? 'held' : 'let through'} at ${score.toFixed(4)}`,
  };
}

function remarksOf(isSplit: boolean, weight: number): string[] {
  return [
    isSplit
      ? `By time: rivals learn on steps up to ${SCORED_FROM_STEP}, later steps are scored. The risk model was trained on the same earlier steps of its own file (${BUILT_IN_RISK_MODEL.version}).`
      : 'The file is too small on one side of the split by time: all of it is scored, by the risk model as it was shipped.',
    `Weighted to the natural share of fraud: a genuine row stands for ${weight.toFixed(1)}, a fraud for 1.`,
    `Costs: a missed fraud its amount, a held payment ${costs.reviewShareOfTypical * 100} % of a typical amount; costRatio is against allowing everything.`,
    'Of the balances only the one of the sender before the payment is used, and only "with balance"; those after it, and those of the receiver, are not known in time.',
  ];
}

function precisionRemarks(main: readonly Judged[], hidden: readonly Judged[]): string[] {
  return [['averagePrecision', main] as const, ['averagePrecisionWithoutBalance', hidden] as const].map(([name, judged]) => {
    const [low, high] = weightedInterval(judged, averagePrecisionOf);
    return `${name}: 95 % from ${low.toFixed(3)} to ${high.toFixed(3)} by bootstrap.`;
  });
}

function reliabilityRemarks(main: readonly Judged[], hidden: readonly Judged[], hasBalance: boolean): string[] {
  const lineOf = (name: string, judged: readonly Judged[]): string =>
    `Calibration ${name}, from a chance of: ${reliabilityOf(judged)
      .map(({ from, said, happened }) => `${from} said ${said.toPrecision(2)}, happened ${happened.toPrecision(2)}`)
      .join('; ')}.`;
  return [...(hasBalance ? [lineOf('with balance', main)] : []), lineOf('without balance', hidden)];
}
