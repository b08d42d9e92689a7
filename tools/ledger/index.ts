export {
  type AccountKind,
  type AccountSpec,
  accountIds,
  accountsOfCurrency,
  type Balance,
  balances,
  chainAccount,
  clearingAccount,
  clientAccount,
  ensureAccounts,
  ensureAccountsOnce,
  feesAccount,
  floatAccount,
  partnerAccount,
  positionAccount,
  roundingAccount,
  suspenseAccount,
  treasuryAccount,
} from './accounts.ts';
export { CHECKS, checkBooks, type Violation } from './checks.ts';
export { type ExpiredReservation, EXPIRED_AT_ONCE_MAX, expireReservations } from './expire.ts';
export { fundClient, type OpeningOptions, seedBooks } from './opening.ts';
export type { Movement, Resolving, Transferring } from './movement.ts';
export { post } from './post.ts';
export { voidHolds } from './holds.ts';
