/** When a settlement window closes. A change of any figure is a new version. */
import type { Currency } from '../../domain/currency.ts';

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
}

export const SETTLEMENT_POLICY: SettlementPolicy = {
  version: 'settlement-1',
  countMax: 1_000,
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
  windowMax: 5_000,
};
