/** `capp::liquidity_pool` for administrators and providers. By the rules of `move/sources/liquidity_pool.move`. */
import { createObject, transfer } from './fungible.ts';
import {
  ADMIN,
  amountFor,
  assertAdmin,
  assertPool as check,
  assertPoolRunning,
  assertPositive,
  assetsOf,
  checkedTerms,
  creditedPosition,
  E,
  GUARDIAN,
  type Limits,
  LOCKED_SHARES,
  MODULE,
  poolAddress,
  poolAt,
  poolExists,
  poolRoles,
  positionOf,
  ROLE_COUNT,
  ROLE_SCOPE,
  sharesForDeposit,
  type Terms,
  TREASURY,
  writePool,
  writePoolRoles,
  writePosition,
} from './pool-state.ts';
import { acceptRole, holderOf, holds, newRoles, offerRole, withdrawRoleOffer } from './roles.ts';
import { fits, type Frame } from './vm.ts';

export function initPools(frame: Frame): void {
  writePoolRoles(frame, newRoles(ROLE_SCOPE, frame.contract, ROLE_COUNT));
}

export function offer(frame: Frame, by: string, role: bigint, nominee: string): void {
  writePoolRoles(frame, offerRole(frame, poolRoles(frame), by, role, nominee));
}

export function withdrawOffer(frame: Frame, by: string, role: bigint): void {
  writePoolRoles(frame, withdrawRoleOffer(frame, poolRoles(frame), by, role));
}

export function accept(frame: Frame, by: string, role: bigint): void {
  writePoolRoles(frame, acceptRole(frame, poolRoles(frame), by, role));
}

export function createPool(frame: Frame, admin: string, asset: string, limits: Limits, terms: Terms): void {
  assertAdmin(frame, admin);
  checkedTerms(frame, terms);
  check(frame, !poolExists(frame, asset), 'already_exists', E.POOL_EXISTS);
  const at = poolAddress(frame.contract, asset);
  createObject(frame, at, 'Pool');
  writePool(frame, at, {
    asset,
    limits,
    terms,
    paused: false,
    cash: 0n,
    reserved: 0n,
    outstanding: 0n,
    shares: 0n,
    sharesPending: 0n,
    feePerShare: 0n,
    feeCarry: 0n,
    feesProviders: 0n,
    feesTreasury: 0n,
  });
  frame.emit(MODULE, 'PoolCreated', { pool: at, asset, limits, terms });
}

export function setLimits(frame: Frame, admin: string, at: string, limits: Limits): void {
  assertAdmin(frame, admin);
  writePool(frame, at, { ...poolAt(frame, at), limits });
  frame.emit(MODULE, 'LimitsChanged', { pool: at, limits });
}

export function setTerms(frame: Frame, admin: string, at: string, terms: Terms): void {
  assertAdmin(frame, admin);
  checkedTerms(frame, terms);
  writePool(frame, at, { ...poolAt(frame, at), terms });
  frame.emit(MODULE, 'TermsChanged', { pool: at, terms });
}

export function pausePool(frame: Frame, guardian: string, at: string): void {
  const roles = poolRoles(frame);
  check(frame, holds(roles, GUARDIAN, guardian) || holds(roles, ADMIN, guardian), 'permission_denied', E.NOT_GUARDIAN);
  const pool = poolAt(frame, at);
  assertPoolRunning(frame, pool);
  writePool(frame, at, { ...pool, paused: true });
  frame.emit(MODULE, 'PauseChanged', { pool: at, paused: true, by: guardian });
}

export function resumePool(frame: Frame, admin: string, at: string): void {
  assertAdmin(frame, admin);
  const pool = poolAt(frame, at);
  check(frame, pool.paused, 'invalid_state', E.NOT_PAUSED);
  writePool(frame, at, { ...pool, paused: false });
  frame.emit(MODULE, 'PauseChanged', { pool: at, paused: false, by: admin });
}

export function writeOff(frame: Frame, admin: string, at: string, amount: bigint): void {
  assertAdmin(frame, admin);
  assertPositive(frame, amount);
  const pool = poolAt(frame, at);
  check(frame, amount <= pool.outstanding, 'invalid_argument', E.ABOVE_OUTSTANDING);
  writePool(frame, at, { ...pool, outstanding: pool.outstanding - amount });
  frame.emit(MODULE, 'WrittenOff', { pool: at, amount });
}

export function deposit(frame: Frame, provider: string, at: string, amount: bigint, minShares: bigint): void {
  assertPositive(frame, amount);
  const pool = poolAt(frame, at);
  assertPoolRunning(frame, pool);
  transfer(frame, provider, at, pool.asset, amount);
  const minted = sharesForDeposit(frame, pool, amount);
  check(frame, minted > 0n && minted >= minShares, 'invalid_argument', E.TOO_FEW_SHARES);
  check(frame, assetsOf(pool) + amount <= pool.limits.pool_cap, 'resource_exhausted', E.POOL_CAP);
  const locked = pool.shares === 0n ? LOCKED_SHARES : pool.shares;
  const grown = { ...pool, shares: fits(frame, MODULE, 128, locked + minted), cash: pool.cash + amount };
  const credited = creditedPosition(frame, pool, at, provider);
  const position = { ...credited, shares: credited.shares + minted };
  const worth = amountFor(frame, grown, position.shares + position.pending);
  check(frame, worth <= grown.limits.provider_cap, 'resource_exhausted', E.PROVIDER_CAP);
  writePosition(frame, at, provider, position);
  writePool(frame, at, grown);
  frame.emit(MODULE, 'Deposited', { pool: at, provider, amount, shares: minted });
}

export function requestWithdrawal(frame: Frame, provider: string, at: string, shares: bigint): void {
  assertPositive(frame, shares);
  const pool = poolAt(frame, at);
  check(frame, positionOf(frame, at, provider) !== undefined, 'not_found', E.NO_POSITION);
  const position = creditedPosition(frame, pool, at, provider);
  const unlocksAt = frame.nowSecs + pool.terms.withdrawal_delay_secs;
  check(frame, shares <= position.shares, 'invalid_argument', E.INSUFFICIENT_SHARES);
  const pending = position.pending + shares;
  writePosition(frame, at, provider, { ...position, shares: position.shares - shares, pending, unlocksAt });
  writePool(frame, at, { ...pool, sharesPending: pool.sharesPending + shares });
  frame.emit(MODULE, 'WithdrawalRequested', { pool: at, provider, shares, unlocks_at: unlocksAt });
}

export function cancelWithdrawal(frame: Frame, provider: string, at: string): void {
  const pool = poolAt(frame, at);
  check(frame, positionOf(frame, at, provider) !== undefined, 'not_found', E.NO_POSITION);
  const position = creditedPosition(frame, pool, at, provider);
  const shares = position.pending;
  check(frame, shares > 0n, 'invalid_state', E.INSUFFICIENT_PENDING);
  writePosition(frame, at, provider, { ...position, shares: position.shares + shares, pending: 0n });
  writePool(frame, at, { ...pool, sharesPending: pool.sharesPending - shares });
  frame.emit(MODULE, 'WithdrawalCancelled', { pool: at, provider, shares });
}

export function withdraw(frame: Frame, provider: string, at: string, shares: bigint, minAmount: bigint): void {
  assertPositive(frame, shares);
  const pool = poolAt(frame, at);
  const position = positionOf(frame, at, provider);
  check(frame, position !== undefined, 'not_found', E.NO_POSITION);
  check(frame, shares <= position.pending, 'invalid_state', E.INSUFFICIENT_PENDING);
  check(frame, frame.nowSecs >= position.unlocksAt, 'invalid_state', E.WITHDRAWAL_LOCKED);
  const amount = amountFor(frame, pool, shares);
  check(frame, amount >= minAmount, 'invalid_argument', E.TOO_LITTLE_OUT);
  check(frame, amount <= pool.cash - pool.reserved, 'unavailable', E.ILLIQUID);
  writePosition(frame, at, provider, { ...position, pending: position.pending - shares });
  writePool(frame, at, {
    ...pool,
    sharesPending: pool.sharesPending - shares,
    shares: pool.shares - shares,
    cash: pool.cash - amount,
  });
  transfer(frame, at, provider, pool.asset, amount);
  frame.emit(MODULE, 'Withdrawn', { pool: at, provider, amount, shares });
}

export function claimFees(frame: Frame, provider: string, at: string): void {
  const pool = poolAt(frame, at);
  check(frame, positionOf(frame, at, provider) !== undefined, 'not_found', E.NO_POSITION);
  const position = creditedPosition(frame, pool, at, provider);
  const amount = position.fees;
  check(frame, amount > 0n, 'invalid_state', E.NOTHING_TO_CLAIM);
  writePosition(frame, at, provider, { ...position, fees: 0n });
  writePool(frame, at, { ...pool, feesProviders: fits(frame, MODULE, 64, pool.feesProviders - amount) });
  transfer(frame, at, provider, pool.asset, amount);
  frame.emit(MODULE, 'FeesClaimed', { pool: at, claimant: provider, amount });
}

export function payTreasury(frame: Frame, at: string): void {
  const treasury = holderOf(frame, poolRoles(frame), TREASURY);
  const pool = poolAt(frame, at);
  const amount = pool.feesTreasury;
  check(frame, amount > 0n, 'invalid_state', E.NOTHING_TO_CLAIM);
  writePool(frame, at, { ...pool, feesTreasury: 0n });
  transfer(frame, at, treasury, pool.asset, amount);
  frame.emit(MODULE, 'FeesClaimed', { pool: at, claimant: treasury, amount });
}
