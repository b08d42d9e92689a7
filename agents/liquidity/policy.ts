/** How long payments may wait for liquidity, and who may pass whom. A change of any figure is a new version. */

export interface LiquidityPolicy {
  readonly version: string;
  /** A payment no money has moved for is refused after waiting this long since it was accepted. */
  readonly queueMsMax: number;
  /** A payment whose sender has paid already is given up, and refunded, this long after it was accepted. */
  readonly payoutMsMax: number;
  /**
   * Younger payments that fit may pass one that does not, but only until it has waited this long; from then
   * on the free float of its first pool is kept for it.
   */
  readonly overtakeMsMax: number;
  /** A reservation nobody ended is void after this long; far beyond the time any outcome stays in doubt. */
  readonly reservationMs: number;
  /** Waiting payments outside the cohort that are looked at, oldest first. */
  readonly waitingMax: number;
}

export const LIQUIDITY_POLICY: LiquidityPolicy = {
  version: 'liquidity-1',
  queueMsMax: 10 * 60_000,
  payoutMsMax: 60 * 60_000,
  overtakeMsMax: 2 * 60_000,
  reservationMs: 72 * 3_600_000,
  waitingMax: 1_000,
};
