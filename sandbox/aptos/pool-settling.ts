/** What settlement does with a pool: reserve, release, consume, repay. By the rules of `move/sources/liquidity_pool.move`. */
import { transfer } from './fungible.ts';
import {
  accrue,
  assertPool as check,
  assertPoolRunning,
  assertPoolSettler,
  assertPositive,
  E,
  freeLiquidity,
  MODULE,
  openReservation,
  type Pool,
  poolAt,
  poolRoles,
  RESERVATION,
  reservationOf,
  SETTLER,
  writePool,
  writeReservation,
} from './pool-state.ts';
import { holds } from './roles.ts';
import { fits, type Frame } from './vm.ts';

const ID_DIGITS_MAX = 64;

export function assetOf(frame: Frame, pool: string): string {
  return poolAt(frame, pool).asset;
}

export function reserve(frame: Frame, settler: string, at: string, id: string, amount: bigint): void {
  assertPoolSettler(frame, settler);
  assertPositive(frame, amount);
  check(frame, id.length > 0 && id.length <= ID_DIGITS_MAX, 'invalid_argument', E.RESERVATION_ID_LENGTH);
  const pool = poolAt(frame, at);
  assertPoolRunning(frame, pool);
  check(frame, reservationOf(frame, at, id) === undefined, 'already_exists', E.RESERVATION_EXISTS);
  check(frame, amount <= pool.limits.reservation_cap, 'resource_exhausted', E.RESERVATION_CAP);
  const isExposed = pool.reserved + pool.outstanding + amount <= pool.limits.exposure_cap;
  check(frame, isExposed, 'resource_exhausted', E.EXPOSURE_CAP);
  check(frame, amount <= freeLiquidity(pool), 'resource_exhausted', E.INSUFFICIENT_LIQUIDITY);
  const expiresAt = frame.nowSecs + pool.terms.reservation_secs;
  writeReservation(frame, at, id, { state: RESERVATION.open, amount, expiresAt });
  writePool(frame, at, { ...pool, reserved: pool.reserved + amount });
  frame.emit(MODULE, 'Reserved', { pool: at, id, amount, expires_at: expiresAt });
}

export function release(frame: Frame, by: string, at: string, id: string): void {
  const isSettler = holds(poolRoles(frame), SETTLER, by);
  const pool = poolAt(frame, at);
  const reservation = openReservation(frame, at, id);
  check(frame, isSettler || frame.nowSecs >= reservation.expiresAt, 'permission_denied', E.RESERVATION_LIVE);
  writeReservation(frame, at, id, { ...reservation, state: RESERVATION.released });
  writePool(frame, at, { ...pool, reserved: pool.reserved - reservation.amount });
  frame.emit(MODULE, 'Released', { pool: at, id, amount: reservation.amount });
}

export function consume(frame: Frame, settler: string, at: string, id: string, amount: bigint, recipient: string): void {
  assertPoolSettler(frame, settler);
  assertPositive(frame, amount);
  const pool = poolAt(frame, at);
  assertPoolRunning(frame, pool);
  const reservation = openReservation(frame, at, id);
  check(frame, frame.nowSecs < reservation.expiresAt, 'invalid_state', E.RESERVATION_EXPIRED);
  check(frame, amount <= reservation.amount, 'invalid_argument', E.ABOVE_RESERVED);
  writeReservation(frame, at, id, { ...reservation, state: RESERVATION.consumed, amount });
  writePool(frame, at, {
    ...pool,
    reserved: pool.reserved - reservation.amount,
    cash: pool.cash - amount,
    outstanding: pool.outstanding + amount,
  });
  transfer(frame, at, recipient, pool.asset, amount);
  frame.emit(MODULE, 'Consumed', { pool: at, id, amount, recipient });
  const rest = reservation.amount - amount;
  if (rest > 0n) frame.emit(MODULE, 'Released', { pool: at, id, amount: rest });
}

/** Principal first; whatever arrived beyond it is a fee. */
function bookRepayment(frame: Frame, at: string, pool: Pool, principalMost: bigint, received: bigint): void {
  const principal = received < principalMost ? received : principalMost;
  const fee = received - principal;
  const repaid = { ...pool, outstanding: pool.outstanding - principal, cash: pool.cash + principal };
  frame.emit(MODULE, 'Repaid', { pool: at, principal, fee });
  writePool(frame, at, fee > 0n ? accrue(frame, at, repaid, fee) : repaid);
}

export function repay(frame: Frame, payer: string, at: string, principal: bigint, fee: bigint): void {
  const pool = poolAt(frame, at);
  check(frame, principal > 0n || fee > 0n, 'invalid_argument', E.ZERO_AMOUNT);
  check(frame, principal <= pool.outstanding, 'invalid_argument', E.ABOVE_OUTSTANDING);
  const amount = fits(frame, MODULE, 64, principal + fee);
  transfer(frame, payer, at, pool.asset, amount);
  bookRepayment(frame, at, pool, principal, amount);
}

/** Takes an asset back that settlement had from the pool: against what is outstanding first, the rest as a fee. */
export function repayAsset(frame: Frame, at: string, from: string, asset: string, amount: bigint): void {
  const pool = poolAt(frame, at);
  check(frame, asset === pool.asset, 'invalid_argument', E.WRONG_ASSET);
  transfer(frame, from, at, asset, amount);
  bookRepayment(frame, at, pool, pool.outstanding, amount);
}
