/** The functions of `capp::liquidity_pool` as clients call them. */
import { optional, signed, open, view } from './declare.ts';
import * as pools from './pool.ts';
import { assetOf, consume, release, repay, reserve } from './pool-settling.ts';
import {
  amountFor,
  feesAt,
  freeLiquidity,
  poolAddress,
  poolAt,
  poolExists,
  poolRoles,
  positionOf,
  reservationOf,
  sharesForDeposit,
} from './pool-state.ts';
import { holderOf, nomineeOf } from './roles.ts';

export const POOL_ENTRIES = {
  offer_role: signed(['u64', 'address'], pools.offer),
  withdraw_role_offer: signed(['u64'], pools.withdrawOffer),
  accept_role: signed(['u64'], pools.accept),
  create_pool: signed(
    ['object<Metadata>', 'u64', 'u64', 'u64', 'u64', 'u64', 'u64', 'u64'],
    (frame, admin, asset, poolCap, providerCap, exposureCap, reservationCap, delaySecs, reservationSecs, treasuryBps) =>
      pools.createPool(
        frame,
        admin,
        asset,
        { pool_cap: poolCap, provider_cap: providerCap, exposure_cap: exposureCap, reservation_cap: reservationCap },
        { withdrawal_delay_secs: delaySecs, reservation_secs: reservationSecs, treasury_share_bps: treasuryBps },
      ),
  ),
  set_limits: signed(['object<Pool>', 'u64', 'u64', 'u64', 'u64'], (frame, admin, at, poolCap, providerCap, exposureCap, reservationCap) =>
    pools.setLimits(frame, admin, at, {
      pool_cap: poolCap,
      provider_cap: providerCap,
      exposure_cap: exposureCap,
      reservation_cap: reservationCap,
    }),
  ),
  set_terms: signed(['object<Pool>', 'u64', 'u64', 'u64'], (frame, admin, at, delaySecs, reservationSecs, treasuryBps) =>
    pools.setTerms(frame, admin, at, {
      withdrawal_delay_secs: delaySecs,
      reservation_secs: reservationSecs,
      treasury_share_bps: treasuryBps,
    }),
  ),
  pause: signed(['object<Pool>'], pools.pausePool),
  resume: signed(['object<Pool>'], pools.resumePool),
  write_off: signed(['object<Pool>', 'u64'], pools.writeOff),
  deposit: signed(['object<Pool>', 'u64', 'u128'], pools.deposit),
  request_withdrawal: signed(['object<Pool>', 'u128'], pools.requestWithdrawal),
  cancel_withdrawal: signed(['object<Pool>'], pools.cancelWithdrawal),
  withdraw: signed(['object<Pool>', 'u128', 'u64'], pools.withdraw),
  claim_fees: signed(['object<Pool>'], pools.claimFees),
  pay_treasury: open(['object<Pool>'], pools.payTreasury),
  reserve: signed(['object<Pool>', 'vector<u8>', 'u64'], reserve),
  release: signed(['object<Pool>', 'vector<u8>'], release),
  consume: signed(['object<Pool>', 'vector<u8>', 'u64', 'address'], consume),
  repay: signed(['object<Pool>', 'u64', 'u64'], repay),
};

export const POOL_VIEWS = {
  pool_address: view(['object<Metadata>'], ['address'], (frame, asset) => [poolAddress(frame.contract, asset)]),
  pool_exists: view(['object<Metadata>'], ['bool'], (frame, asset) => [poolExists(frame, asset)]),
  asset: view(['object<Pool>'], ['object<Metadata>'], (frame, at) => [{ inner: assetOf(frame, at) }]),
  balances: view(['object<Pool>'], ['u64', 'u64', 'u64'], (frame, at) => {
    const pool = poolAt(frame, at);
    return [pool.cash, pool.reserved, pool.outstanding];
  }),
  shares: view(['object<Pool>'], ['u128', 'u128'], (frame, at) => {
    const pool = poolAt(frame, at);
    return [pool.shares, pool.sharesPending];
  }),
  fees: view(['object<Pool>'], ['u64', 'u64'], (frame, at) => {
    const pool = poolAt(frame, at);
    return [pool.feesProviders, pool.feesTreasury];
  }),
  limits: view(['object<Pool>'], ['u64', 'u64', 'u64', 'u64'], (frame, at) => {
    const { limits } = poolAt(frame, at);
    return [limits.pool_cap, limits.provider_cap, limits.exposure_cap, limits.reservation_cap];
  }),
  terms: view(['object<Pool>'], ['u64', 'u64', 'u64'], (frame, at) => {
    const { terms } = poolAt(frame, at);
    return [terms.withdrawal_delay_secs, terms.reservation_secs, terms.treasury_share_bps];
  }),
  is_paused: view(['object<Pool>'], ['bool'], (frame, at) => [poolAt(frame, at).paused]),
  available: view(['object<Pool>'], ['u64'], (frame, at) => [freeLiquidity(poolAt(frame, at))]),
  position: view(['object<Pool>', 'address'], ['u128', 'u128', 'u64', 'u64'], (frame, at, provider) => {
    const pool = poolAt(frame, at);
    const position = positionOf(frame, at, provider);
    if (position === undefined) return [0n, 0n, 0n, 0n];
    return [position.shares, position.pending, position.unlocksAt, feesAt(frame, position, pool.feePerShare)];
  }),
  quote_deposit: view(['object<Pool>', 'u64'], ['u128'], (frame, at, amount) => [sharesForDeposit(frame, poolAt(frame, at), amount)]),
  quote_withdrawal: view(['object<Pool>', 'u128'], ['u64'], (frame, at, shares) => [amountFor(frame, poolAt(frame, at), shares)]),
  reservation: view(['object<Pool>', 'vector<u8>'], ['u8', 'u64', 'u64'], (frame, at, id) => {
    const reservation = reservationOf(frame, at, id);
    return reservation === undefined ? [0n, 0n, 0n] : [reservation.state, reservation.amount, reservation.expiresAt];
  }),
  role_holder: view(['u64'], ['address'], (frame, role) => [holderOf(frame, poolRoles(frame), role)]),
  role_nominee: view(['u64'], ['option<address>'], (frame, role) => [optional(nomineeOf(frame, poolRoles(frame), role))]),
};
