/** What `capp::liquidity_pool` stores, and its arithmetic. By the rules of `move/sources/liquidity_pool.move`. */
import { holds, type Roles } from './roles.ts';
import { type Assert, assertIn, fits, type Frame, type Key, namedObjectAddress, textHex } from './vm.ts';

export const assertPool: Assert = assertIn('liquidity_pool');
export const MODULE = 'liquidity_pool';

export const E = {
  NOT_ADMIN: 1,
  NOT_SETTLER: 2,
  NOT_GUARDIAN: 3,
  PAUSED: 4,
  NOT_PAUSED: 5,
  POOL_EXISTS: 6,
  ZERO_AMOUNT: 7,
  FIRST_DEPOSIT_TOO_SMALL: 8,
  TOO_FEW_SHARES: 9,
  TOO_LITTLE_OUT: 10,
  POOL_CAP: 11,
  PROVIDER_CAP: 12,
  EXPOSURE_CAP: 13,
  RESERVATION_CAP: 14,
  NO_POSITION: 15,
  INSUFFICIENT_SHARES: 16,
  INSUFFICIENT_PENDING: 17,
  WITHDRAWAL_LOCKED: 18,
  ILLIQUID: 19,
  INSUFFICIENT_LIQUIDITY: 20,
  RESERVATION_ID_LENGTH: 21,
  RESERVATION_EXISTS: 22,
  NO_RESERVATION: 23,
  RESERVATION_CLOSED: 24,
  RESERVATION_EXPIRED: 25,
  RESERVATION_LIVE: 26,
  ABOVE_RESERVED: 27,
  ABOVE_OUTSTANDING: 28,
  TREASURY_SHARE_TOO_HIGH: 29,
  DELAY_TOO_LONG: 30,
  RESERVATION_TIME: 31,
  NOTHING_TO_CLAIM: 32,
  POOL_WORTHLESS: 33,
  WRONG_ASSET: 34,
} as const;

export const ADMIN = 0n;
export const SETTLER = 1n;
export const GUARDIAN = 2n;
export const TREASURY = 3n;
export const ROLE_COUNT = 4;
export const ROLE_SCOPE = 1n;

export const RESERVATION = { open: 1n, released: 2n, consumed: 3n } as const;

export const LOCKED_SHARES = 1000n;
const BPS = 10_000n;
const TREASURY_SHARE_BPS_MAX = 5_000n;
const WITHDRAWAL_DELAY_SECS_MAX = 2_592_000n;
const RESERVATION_SECS_MAX = 604_800n;
/** Fees per share are kept in units of 2^-64. */
const FEE_SCALE = 1n << 64n;

export type Limits = {
  readonly pool_cap: bigint;
  readonly provider_cap: bigint;
  readonly exposure_cap: bigint;
  readonly reservation_cap: bigint;
};

export type Terms = {
  readonly withdrawal_delay_secs: bigint;
  readonly reservation_secs: bigint;
  readonly treasury_share_bps: bigint;
};

export type Pool = {
  readonly asset: string;
  readonly limits: Limits;
  readonly terms: Terms;
  readonly paused: boolean;
  readonly cash: bigint;
  readonly reserved: bigint;
  readonly outstanding: bigint;
  readonly shares: bigint;
  readonly sharesPending: bigint;
  readonly feePerShare: bigint;
  readonly feeCarry: bigint;
  readonly feesProviders: bigint;
  readonly feesTreasury: bigint;
};

export type Position = {
  readonly shares: bigint;
  readonly pending: bigint;
  readonly unlocksAt: bigint;
  readonly checkpoint: bigint;
  readonly fees: bigint;
};

export type Reservation = { readonly state: bigint; readonly amount: bigint; readonly expiresAt: bigint };

const rolesKey: Key<Roles> = { path: 'pool/roles' };
const poolKey = (at: string): Key<Pool> => ({ path: `pool/${at}` });
const positionKey = (at: string, account: string): Key<Position> => ({ path: `pool/${at}/position/${account}` });
const reservationKey = (at: string, id: string): Key<Reservation> => ({ path: `pool/${at}/reservation/${id}` });

export function poolRoles(frame: Frame): Roles {
  const roles = frame.read(rolesKey);
  if (roles === undefined) throw new Error('the contracts are not published');
  return roles;
}

export const writePoolRoles = (frame: Frame, roles: Roles): void => frame.write(rolesKey, roles);

export function poolAt(frame: Frame, at: string): Pool {
  const pool = frame.read(poolKey(at));
  if (pool === undefined) throw new Error('an object without its pool');
  return pool;
}

export const writePool = (frame: Frame, at: string, pool: Pool): void => frame.write(poolKey(at), pool);
export const positionOf = (frame: Frame, at: string, account: string): Position | undefined => frame.read(positionKey(at, account));
export const writePosition = (frame: Frame, at: string, account: string, position: Position): void =>
  frame.write(positionKey(at, account), position);
export const reservationOf = (frame: Frame, at: string, id: string): Reservation | undefined => frame.read(reservationKey(at, id));
export const writeReservation = (frame: Frame, at: string, id: string, reservation: Reservation): void =>
  frame.write(reservationKey(at, id), reservation);

export function poolAddress(contract: string, asset: string): string {
  return namedObjectAddress(namedObjectAddress(contract, textHex('capp::liquidity_pool')), asset.slice(2));
}

export const poolExists = (frame: Frame, asset: string): boolean => frame.read(poolKey(poolAddress(frame.contract, asset))) !== undefined;

export function assertAdmin(frame: Frame, account: string): void {
  assertPool(frame, holds(poolRoles(frame), ADMIN, account), 'permission_denied', E.NOT_ADMIN);
}

export function assertPoolSettler(frame: Frame, account: string): void {
  assertPool(frame, holds(poolRoles(frame), SETTLER, account), 'permission_denied', E.NOT_SETTLER);
}

export function assertPositive(frame: Frame, amount: bigint): void {
  assertPool(frame, amount > 0n, 'invalid_argument', E.ZERO_AMOUNT);
}

export function assertPoolRunning(frame: Frame, pool: Pool): void {
  assertPool(frame, !pool.paused, 'invalid_state', E.PAUSED);
}

export function checkedTerms(frame: Frame, terms: Terms): Terms {
  assertPool(frame, terms.withdrawal_delay_secs <= WITHDRAWAL_DELAY_SECS_MAX, 'invalid_argument', E.DELAY_TOO_LONG);
  const isTime = terms.reservation_secs > 0n && terms.reservation_secs <= RESERVATION_SECS_MAX;
  assertPool(frame, isTime, 'invalid_argument', E.RESERVATION_TIME);
  assertPool(frame, terms.treasury_share_bps <= TREASURY_SHARE_BPS_MAX, 'invalid_argument', E.TREASURY_SHARE_TOO_HIGH);
  return terms;
}

/** An open reservation of the id. */
export function openReservation(frame: Frame, at: string, id: string): Reservation {
  const reservation = reservationOf(frame, at, id);
  assertPool(frame, reservation !== undefined, 'not_found', E.NO_RESERVATION);
  assertPool(frame, reservation.state === RESERVATION.open, 'invalid_state', E.RESERVATION_CLOSED);
  return reservation;
}

export const assetsOf = (pool: Pool): bigint => pool.cash + pool.outstanding;

/** Rounds down, in favour of those who are in. The first deposit buys a share per unit, less the locked ones. */
export function sharesForDeposit(frame: Frame, pool: Pool, amount: bigint): bigint {
  if (pool.shares === 0n) {
    assertPool(frame, amount > LOCKED_SHARES, 'invalid_argument', E.FIRST_DEPOSIT_TOO_SMALL);
    return amount - LOCKED_SHARES;
  }
  const assets = assetsOf(pool);
  assertPool(frame, assets > 0n, 'invalid_state', E.POOL_WORTHLESS);
  return fits(frame, MODULE, 128, (amount * pool.shares) / assets);
}

/** Rounds down, in favour of those who stay. */
export function amountFor(frame: Frame, pool: Pool, shares: bigint): bigint {
  if (pool.shares === 0n) return 0n;
  return fits(frame, MODULE, 64, (shares * assetsOf(pool)) / pool.shares);
}

/** Cash that is neither reserved nor the worth (rounded up) of pending shares. */
export function freeLiquidity(pool: Pool): bigint {
  const pendingWorth = pool.sharesPending > 0n ? (pool.sharesPending * assetsOf(pool) + pool.shares - 1n) / pool.shares : 0n;
  const promised = pool.reserved + pendingWorth;
  return pool.cash > promised ? pool.cash - promised : 0n;
}

export function feesAt(frame: Frame, position: Position, feePerShare: bigint): bigint {
  return fits(frame, MODULE, 64, position.fees + (position.shares * (feePerShare - position.checkpoint)) / FEE_SCALE);
}

/** The position with its fees brought up to date; a new one where there is none. */
export function creditedPosition(frame: Frame, pool: Pool, at: string, account: string): Position {
  const position = positionOf(frame, at, account);
  const checkpoint = pool.feePerShare;
  if (position === undefined) return { shares: 0n, pending: 0n, unlocksAt: 0n, checkpoint, fees: 0n };
  return { ...position, fees: feesAt(frame, position, checkpoint), checkpoint };
}

/** Splits a fee between treasury and live shares; without live shares all of it is the treasury's. */
export function accrue(frame: Frame, at: string, pool: Pool, fee: bigint): Pool {
  const idle = LOCKED_SHARES + pool.sharesPending;
  const live = pool.shares > idle ? pool.shares - idle : 0n;
  const treasury = live === 0n ? fee : (fee * pool.terms.treasury_share_bps) / BPS;
  const providers = fee - treasury;
  const scaled = providers * FEE_SCALE + pool.feeCarry;
  frame.emit(MODULE, 'FeesAccrued', { pool: at, providers, treasury });
  return {
    ...pool,
    ...(providers > 0n ? { feePerShare: pool.feePerShare + scaled / live, feeCarry: scaled % live } : {}),
    feesProviders: fits(frame, MODULE, 64, pool.feesProviders + providers),
    feesTreasury: fits(frame, MODULE, 64, pool.feesTreasury + treasury),
  };
}
