/**
 * What it costs to take a batch over the chain: units of gas, times the price of a unit, times the price of APT. Each figure says
 * where it is from, and all of them are facts of the decision. Pure, and in whole numbers.
 */
import type { AptPrice, SettlementPolicy } from './policy.ts';

/** What is known of gas when a window closes; null where nothing is. */
export interface GasKnown {
  /** Units that the last batches took, from proposal to payout, mean rounded up. */
  readonly unitsOfBatches: bigint | null;
  /** Octas for a unit, as the node asks now. */
  readonly priceOfNode: bigint | null;
  /** Octas for a unit, as the last batches paid, mean rounded up. */
  readonly priceOfBatches: bigint | null;
  readonly apt: AptPrice | null;
}

export type ChainCostFacts = {
  readonly gasUnits: string;
  readonly gasUnitsFrom: 'batches' | 'policy';
  readonly gasUnitPriceOctas: string;
  readonly gasUnitPriceFrom: 'node' | 'batches' | 'policy';
  readonly aptUsdMicros: string;
  readonly aptAsOf: string;
  readonly aptSource: string;
};

/** The figures that are used: the nearest that is known of each, and the policy's own where none is. */
export function chainCostFacts(known: GasKnown, policy: SettlementPolicy): ChainCostFacts {
  const { unitsOfBatches, priceOfNode, priceOfBatches } = known;
  const apt = known.apt ?? policy.apt;
  return {
    gasUnits: (unitsOfBatches ?? policy.gasUnits).toString(),
    gasUnitsFrom: unitsOfBatches === null ? 'policy' : 'batches',
    gasUnitPriceOctas: (priceOfNode ?? priceOfBatches ?? policy.gasUnitPriceOctas).toString(),
    gasUnitPriceFrom: priceOfNode === null ? (priceOfBatches === null ? 'policy' : 'batches') : 'node',
    aptUsdMicros: apt.usdMicros.toString(),
    aptAsOf: apt.asOf,
    aptSource: apt.source,
  };
}

const OCTAS_PER_APT = 100_000_000n;

/** Millionths of a US dollar, rounded up. */
export function chainCostUsdMicros({ gasUnits, gasUnitPriceOctas, aptUsdMicros }: ChainCostFacts): bigint {
  const octas = BigInt(gasUnits) * BigInt(gasUnitPriceOctas);
  return (octas * BigInt(aptUsdMicros) + OCTAS_PER_APT - 1n) / OCTAS_PER_APT;
}
