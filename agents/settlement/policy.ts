/** When a settlement window closes, what goes on chain, and who may consent. A change of any figure is a new version. */
import type { Currency } from '../../domain/currency.ts';

/** The price of one APT, from somebody's market data. */
export interface AptPrice {
  /** Millionths of a US dollar. */
  readonly usdMicros: bigint;
  /** The day it was taken, ISO. */
  readonly asOf: string;
  readonly source: string;
}

export interface SettlementPolicy {
  readonly version: string;
  /** A window closes with this many payments. */
  readonly countMax: number;
  /** A window closes once its oldest payment has been paid for this long. */
  readonly ageMsMax: number;
  /** A window closes once what one partner owes, or is owed, in a currency reaches this: minor units, about 20,000 USD. */
  readonly netMinorMax: Readonly<Record<Currency, bigint>>;
  /** Payments read for one window at most. */
  readonly windowMax: number;
  /** A window closes once what a partner owes, or is owed, reaches this many times `netMinorMax` with all that is not settled yet. */
  readonly exposureTimes: bigint;
  /** Units of gas of one batch from proposal to payout, before any batch has shown it: five transactions of 1,200. */
  readonly gasUnits: bigint;
  /** Octas for a unit of gas where neither the node nor any batch tells: the least that Aptos takes. */
  readonly gasUnitPriceOctas: bigint;
  /** The price of APT where the settings have none: a round figure, no market's. */
  readonly apt: AptPrice;
  /** What a net left in the float costs us in a day, in hundredths of a basis point: capital at about 15 % a year. */
  readonly holdCostPerDay: bigint;
  /** Distinct signers a batch needs. */
  readonly approvalsNeeded: number;
  /** Policy keys consent to a batch of up to this many times `netMinorMax`, and to so many times it in a currency in 24 hours. */
  readonly keyTimesMax: bigint;
  readonly keyTimesMaxPerDay: bigint;
  /** How long a proposal may be approved and executed, and how long what a batch left waits before it is due again by itself. */
  readonly proposalLifeMs: number;
}

/** What `netMinorMax` is worth, US dollars. */
const NET_USD_MAX = 20_000n;

/** An amount in millionths of a US dollar in minor units of a currency, at the policy's own round rate; rounded up. */
export function minorOfUsdMicros(usdMicros: bigint, currency: Currency, policy: Pick<SettlementPolicy, 'netMinorMax'>): bigint {
  const scale = NET_USD_MAX * 1_000_000n;
  return (usdMicros * policy.netMinorMax[currency] + scale - 1n) / scale;
}

/** The other way: minor units in millionths of a US dollar, rounded down. For sums over currencies, not for entries. */
export function usdMicrosOfMinor(minor: bigint, currency: Currency, policy: Pick<SettlementPolicy, 'netMinorMax'>): bigint {
  return (minor * NET_USD_MAX * 1_000_000n) / policy.netMinorMax[currency];
}

export const SETTLEMENT_POLICY: SettlementPolicy = {
  version: 'settlement-4',
  countMax: 20_000,
  ageMsMax: 60_000,
  netMinorMax: {
    CDF: 5_000_000_000n,
    EUR: 2_000_000n,
    GHS: 25_000_000n,
    KES: 260_000_000n,
    MWK: 3_500_000_000n,
    MZN: 130_000_000n,
    NGN: 3_000_000_000n,
    RWF: 28_000_000n,
    TZS: 5_000_000_000n,
    UGX: 72_000_000n,
    USD: 2_000_000n,
    XAF: 12_000_000n,
    XOF: 12_000_000n,
    ZAR: 36_000_000n,
    ZMW: 50_000_000n,
  },
  windowMax: 20_000,
  exposureTimes: 5n,
  gasUnits: 6_000n,
  gasUnitPriceOctas: 100n,
  apt: { usdMicros: 5_000_000n, asOf: '2026-01-01', source: 'policy' },
  holdCostPerDay: 410n,
  approvalsNeeded: 2,
  keyTimesMax: 3n,
  keyTimesMaxPerDay: 100n,
  proposalLifeMs: 24 * 3_600_000,
};
