/** What the risk model is told of a payment of ours. Pure. */
import typical from '../data/typical-amount.json' with { type: 'json' };
import type { Signals } from '../facts.ts';
import { combinationOf, type RiskInput, type RiskModelData, vectorOf } from './model.ts';

/** A sum counts as the one that came in when it is so near to it, basis points. */
const MIRROR_BPS = [9_500, 10_500] as const;
const MIRROR_MINUTES = 60;

/** A payment between wallets is a transfer; balances of wallets are not told to us. */
export function riskInputOf(signals: Signals): RiskInput {
  const { passThroughBps = 0, minutesSinceReceived = Number.POSITIVE_INFINITY } = signals;
  return {
    kind: 'transfer',
    amountRatio: Number(signals.amountUsdMinor ?? typical.usdCents) / typical.usdCents,
    isRound: signals.isRound === true,
    isMirrored: minutesSinceReceived <= MIRROR_MINUTES && passThroughBps >= MIRROR_BPS[0] && passThroughBps <= MIRROR_BPS[1],
    balanceShare: null,
  };
}

/** Signals of payments of ours that are round or not, and pass on what has just come in or not: every combination that a model meets. */
const LIVE: readonly Signals[] = [false, true].flatMap((isRound) =>
  [{}, { passThroughBps: 10_000, minutesSinceReceived: 0 }].map((passedOn) => ({ ...passedOn, ...(isRound ? { isRound } : {}) })),
);

/** The combinations that payments of ours have and a model has learnt nothing of: what it says of them is about other payments. */
export function unlearntBy({ learnt }: Pick<RiskModelData, 'learnt'>): string[] {
  const known = new Set(learnt.map(([kind, isRound, isMirrored]) => [kind, isRound, isMirrored].join()));
  const met = LIVE.map((signals) => riskInputOf(signals)).filter((input) => !known.has(combinationOf(vectorOf(input)).join()));
  return [...new Set(met.map((input) => [input.kind, ...(['isRound', 'isMirrored'] as const).filter((name) => input[name])].join(' ')))];
}
