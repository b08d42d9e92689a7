/** What the risk model is told of a payment of ours. Pure. */
import typical from '../data/typical-amount.json' with { type: 'json' };
import type { Signals } from '../facts.ts';
import type { RiskInput } from './model.ts';

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
