import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import modelEntry from '../data/risk-model.json' with { type: 'json' };
import { riskInputOf, unlearntBy } from './input.ts';
import {
  BUILT_IN_RISK_MODEL,
  chanceOf,
  createRiskModel,
  marginOf,
  type RiskInput,
  riskModelSchema,
  type RiskTrees,
  vectorOf,
} from './model.ts';

const ORDINARY: RiskInput = {
  kind: 'transfer',
  amountRatio: 0.5,
  isRound: false,
  isMirrored: false,
  balanceShare: null,
};

describe('the risk model', () => {
  const TREES: RiskTrees = {
    base: -1,
    trees: [
      [
        [1, 2, 1, 2, 0.5],
        [-1, 0, 0, 0, -0.5],
        [-1, 0, 0, 0, 3],
      ],
    ],
    calibration: [
      [-2, 0],
      [0, 0.2],
      [2, 1],
    ],
  };

  const MODEL = { version: 'risk-2026.01.1', trainedOn: 'a test', learnt: [[0, 0, 0, 9]] };

  test('adds up leaves and reads the chance from its table', () => {
    expect([marginOf(TREES, [0, 2]), marginOf(TREES, [0, 2.1])]).toEqual([-1.5, 2]);
    expect([-9, -2, -1, 0, 1, 2, 9].map((margin) => chanceOf(TREES, margin))).toEqual(
      [0, 0, 0.1, 0.2, 0.6, 1, 1].map((each) => expect.closeTo(each, 12)),
    );
    const gains: number[] = [];
    marginOf(TREES, [0, 3], gains);
    expect(gains[1]).toBe(2.5);
  });

  test('gives reasons for a high score and none for a low one', () => {
    const model = createRiskModel({ ...MODEL, withoutBalance: TREES, withBalance: TREES });
    expect(model.score({ ...ORDINARY, amountRatio: 3 })).toEqual({ model: 'risk-2026.01.1', score: 1, reasons: ['amount_unusual'] });
    expect(model.score({ ...ORDINARY, amountRatio: 1 })).toEqual({ model: 'risk-2026.01.1', score: 0.05, reasons: [] });
    expect(() => createRiskModel({ version: 'mine' })).toThrow();
  });

  test('that comes with the program sees little in an ordinary payment and much in an emptied wallet', () => {
    expect(BUILT_IN_RISK_MODEL.score(ORDINARY).score).toBeLessThan(0.02);
    const emptied = BUILT_IN_RISK_MODEL.score({ ...ORDINARY, balanceShare: 1 });
    expect(emptied.score).toBeGreaterThan(0.5);
    expect(emptied.reasons).toContain('empties_the_wallet');
  });

  test('gives a chance for any payment, the same each time', () => {
    const input = fc.record({
      kind: fc.constantFrom('transfer' as const, 'cash_out' as const, 'other' as const),
      amountRatio: fc.double({ min: 0, max: 1e9, noNaN: true }),
      isRound: fc.boolean(),
      isMirrored: fc.boolean(),
      balanceShare: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
    });
    fc.assert(
      fc.property(input, (each) => {
        const { score } = BUILT_IN_RISK_MODEL.score(each);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
        expect(BUILT_IN_RISK_MODEL.score({ ...each }).score).toBe(score);
      }),
    );
  });
});

test('what the model is told of a payment of ours', () => {
  expect(riskInputOf({ amountUsdMinor: '40000', passThroughBps: 10_000, minutesSinceReceived: 60 })).toEqual({
    kind: 'transfer',
    amountRatio: 2,
    isRound: false,
    isMirrored: true,
    balanceShare: null,
  });
  expect(riskInputOf({ passThroughBps: 10_000, minutesSinceReceived: 61 }).isMirrored).toBe(false);
});

describe('money that is passed on', () => {
  /** USD 2, of which nearly all has come in a minute before. */
  const passedOn = (signals: object = {}) =>
    riskInputOf({ amountUsdMinor: '200', passThroughBps: 10_000, minutesSinceReceived: 1, ...signals });

  test('is no mirrored cash-out: a transfer of USD 2 is not taken for fraud, round or not, nor is a typical one', () => {
    for (const signals of [{}, { isRound: true }, { amountUsdMinor: '20000' }, { amountUsdMinor: '100000' }]) {
      const input = passedOn(signals);
      expect(input.isMirrored).toBe(true);
      expect(BUILT_IN_RISK_MODEL.score(input)).toEqual(BUILT_IN_RISK_MODEL.score({ ...input, isMirrored: false }));
      expect(BUILT_IN_RISK_MODEL.score(input).score).toBeLessThan(0.5);
    }
    expect(BUILT_IN_RISK_MODEL.score({ ...passedOn(), kind: 'cash_out' }).score).toBeGreaterThan(0.5);
  });

  test('every combination that a payment of ours has stood among the rows that the built-in model learnt from', () => {
    const { learnt } = riskModelSchema.parse(modelEntry);
    expect(unlearntBy({ learnt })).toEqual([]);
    expect(vectorOf(passedOn({ isRound: true })).slice(0, 4)).toEqual([0, 0.01, 1, 0]);
    expect(unlearntBy({ learnt: learnt.filter(([kind]) => kind !== 0) })).toEqual([
      'transfer',
      'transfer isMirrored',
      'transfer isRound',
      'transfer isRound isMirrored',
    ]);
    expect(unlearntBy({ learnt: [[0, 0, 0, 5]] })).toEqual(['transfer isRound', 'transfer isRound isMirrored']);
  });
});
