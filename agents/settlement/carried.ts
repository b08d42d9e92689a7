/**
 * What batches left behind and no payment of the partner takes up: due again by itself, once it has waited for as long as a proposal
 * lives and the chain is worth it. So a proposal that nobody approved comes back once in its life, and no more often. Pure.
 */
import type { Currency } from '../../domain/currency.ts';
import { chainCostFacts, type GasKnown } from './cost.ts';
import { type CarriedFacts, decideBatch } from './decide.ts';
import type { NetPosition } from './gather.ts';
import type { SettlementPolicy } from './policy.ts';

/** What a partner's batches have left to its next one, in one currency. */
export interface CarriedPosition {
  readonly partner: string;
  readonly currency: Currency;
  /** Positive, the partner owes us. */
  readonly carriedMinor: bigint;
  /** When the newest of those batches was made. */
  readonly sinceMs: number;
}

export interface LongCarriedOptions {
  readonly nowMs: number;
  readonly policy: SettlementPolicy;
  readonly isOnChain: (partner: string, currency: Currency) => boolean;
}

/** Those that have waited long enough and whose partner is reached on a chain: what others carry waits for that, and gas need not be known. */
export function longCarried(carried: readonly CarriedPosition[], { nowMs, policy, isOnChain }: LongCarriedOptions): CarriedPosition[] {
  return carried.filter(({ partner, currency, sinceMs }) => nowMs - sinceMs >= policy.proposalLifeMs && isOnChain(partner, currency));
}

export interface DueAgainOptions extends Pick<LongCarriedOptions, 'nowMs' | 'policy'> {
  readonly gas: GasKnown;
}

/** Of those, what would go over the chain now: another batch on the books would leave it where it is. */
export function dueAgain(carried: readonly CarriedPosition[], { nowMs, policy, gas }: DueAgainOptions): CarriedFacts[] {
  const chainCost = chainCostFacts(gas, policy);
  return carried.flatMap(({ partner, currency, carriedMinor, sinceMs }) => {
    const position = { partner, currency, netMinor: '0', carriedMinor: carriedMinor.toString(), keysUsedMinor: '0' };
    const { outcome } = decideBatch({ ...position, onChain: true, chainCost }, policy);
    return outcome === 'chain' ? [{ partner, currency, carriedMinor: position.carriedMinor, waitedMs: nowMs - sinceMs }] : [];
  });
}

/** The positions of a window, with those that have nothing new in it and are due again. */
export function withCarried(positions: readonly NetPosition[], carried: readonly CarriedFacts[]): NetPosition[] {
  const isThere = ({ partner, currency }: CarriedFacts): boolean =>
    positions.some((position) => position.partner === partner && position.currency === currency);
  const nothingNew = { collectedMinor: 0n, disbursedMinor: 0n, paymentCount: 0, items: Buffer.alloc(0) };
  return [...positions, ...carried.filter((each) => !isThere(each)).map(({ partner, currency }) => ({ partner, currency, ...nothingNew }))];
}
