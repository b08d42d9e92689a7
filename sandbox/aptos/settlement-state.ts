/** What `capp::settlement` stores, and its digest. By the rules of `move/sources/settlement.move`. */
import { isHash } from './merkle.ts';
import { holds, type Roles } from './roles.ts';
import { type Assert, assertIn, type Frame, type Key, littleEndian, namedObjectAddress, sha256, textHex, uleb } from './vm.ts';

export const assertSettlement: Assert = assertIn('settlement');

export const E = {
  NOT_ADMIN: 1,
  NOT_SETTLER: 2,
  NOT_GUARDIAN: 3,
  NOT_APPROVER: 4,
  NOT_ARBITER: 5,
  NOT_PAYER: 6,
  NOT_PARTY: 7,
  PAUSED: 8,
  NOT_PAUSED: 9,
  DUPLICATE_SIGNER: 10,
  THRESHOLD: 11,
  TOO_MANY_SIGNERS: 12,
  TIME: 13,
  ASSET_NOT_ALLOWED: 14,
  BATCH_CAP: 15,
  BATCH_ID_LENGTH: 16,
  BATCH_EXISTS: 17,
  HASH_LENGTH: 18,
  NO_ITEMS: 19,
  RECIPIENT_COUNT: 20,
  LENGTH_MISMATCH: 21,
  ZERO_AMOUNT: 22,
  BAD_RECIPIENT: 23,
  APPROVALS_NEEDED: 24,
  DEADLINE: 25,
  DISPUTE_WINDOW: 26,
  NOT_PROPOSED: 27,
  EXPIRED: 28,
  NOT_EXPIRED: 29,
  ALREADY_FUNDED: 30,
  NOT_FUNDED: 31,
  WRONG_POOL: 32,
  DIGEST_MISMATCH: 33,
  APPROVER_IS_PARTY: 34,
  ALREADY_APPROVED: 35,
  NOT_APPROVED: 36,
  TOO_FEW_APPROVALS: 37,
  NOT_EXECUTED: 38,
  WINDOW_OVER: 39,
  NOT_PAYABLE: 40,
  NO_SUCH_PAYOUT: 41,
  ALREADY_PAID: 42,
  NOT_DISPUTED: 43,
  DISPUTE_LAPSED: 44,
  ARBITER_IS_PARTY: 45,
  REVERSAL_TOO_HIGH: 46,
  NOTHING_TO_RETURN: 47,
  NOT_ENDED: 48,
  FUNDED_SHORT: 49,
} as const;

export const ADMIN = 0n;
export const SETTLER = 1n;
export const GUARDIAN = 2n;
export const ROLE_COUNT = 3;
export const ROLE_SCOPE = 2n;

export const STATE = { proposed: 1n, executed: 2n, disputed: 3n, resolved: 4n, settled: 5n, expired: 6n, cancelled: 7n } as const;

const RECIPIENTS_MAX = 64;
const DEADLINE_SECS_MAX = 2_592_000n;
export const DISPUTE_WINDOW_SECS_MAX = 2_592_000n;
export const DISPUTE_LIMIT_SECS_MAX = 7_776_000n;
export const DISPUTE_LIMIT_SECS_DEFAULT = 604_800n;

export type Rules = {
  readonly roles: Roles;
  readonly paused: boolean;
  readonly approvers: readonly string[];
  readonly approvalsMin: bigint;
  readonly arbiters: readonly string[];
  readonly votesNeeded: bigint;
  readonly disputeWindowMinSecs: bigint;
  readonly disputeLimitSecs: bigint;
};

export type Terms = {
  readonly batch_id: string;
  readonly asset: string;
  readonly proposer: string;
  readonly payer: string;
  readonly recipients: readonly string[];
  readonly amounts: readonly bigint[];
  readonly merkle_root: string;
  readonly item_count: bigint;
  readonly approvals_needed: bigint;
  readonly deadline: bigint;
  readonly dispute_window_secs: bigint;
};

export type Dispute = {
  readonly opener: string;
  readonly evidenceHash: string;
  readonly resolveBy: bigint;
  readonly votesNeeded: bigint;
  readonly votes: readonly { readonly arbiter: string; readonly reversals: readonly bigint[] }[];
};

export type Batch = {
  readonly terms: Terms;
  readonly digest: string;
  readonly total: bigint;
  readonly state: bigint;
  readonly approvals: readonly string[];
  readonly funded: boolean;
  readonly fromPool: boolean;
  readonly executedAt: bigint;
  readonly windowEndsAt: bigint;
  readonly paid: readonly boolean[];
  readonly reversals: readonly bigint[];
  readonly toReturn: bigint;
  readonly dispute: Dispute | null;
};

const rulesKey: Key<Rules> = { path: 'settlement/rules' };
const capKey = (asset: string): Key<bigint> => ({ path: `settlement/cap/${asset}` });
const batchKey = (at: string): Key<Batch> => ({ path: `settlement/batch/${at}` });

export function rulesOf(frame: Frame): Rules {
  const rules = frame.read(rulesKey);
  if (rules === undefined) throw new Error('the contracts are not published');
  return rules;
}

export const writeRules = (frame: Frame, rules: Rules): void => frame.write(rulesKey, rules);
export const capOf = (frame: Frame, asset: string): bigint => frame.read(capKey(asset)) ?? 0n;
export const writeCap = (frame: Frame, asset: string, cap: bigint): void => frame.write(capKey(asset), cap);

/** The batch at the address of an object that is one. */
export function batchAt(frame: Frame, at: string): Batch {
  const batch = frame.read(batchKey(at));
  if (batch === undefined) throw new Error('an object without its batch');
  return batch;
}

export const writeBatch = (frame: Frame, at: string, batch: Batch): void => frame.write(batchKey(at), batch);

export function batchAddress(contract: string, batchId: string): string {
  return namedObjectAddress(namedObjectAddress(contract, textHex('capp::settlement')), batchId);
}

export const batchExists = (frame: Frame, batchId: string): boolean =>
  frame.read(batchKey(batchAddress(frame.contract, batchId))) !== undefined;

export function rulesForAdmin(frame: Frame, account: string): Rules {
  const rules = rulesOf(frame);
  assertSettlement(frame, holds(rules.roles, ADMIN, account), 'permission_denied', E.NOT_ADMIN);
  return rules;
}

export function assertSettler(frame: Frame, rules: Rules, account: string): void {
  assertSettlement(frame, holds(rules.roles, SETTLER, account), 'permission_denied', E.NOT_SETTLER);
}

export function assertRunning(frame: Frame, rules: Rules): void {
  assertSettlement(frame, !rules.paused, 'invalid_state', E.PAUSED);
}

export function areDistinct(accounts: readonly string[]): boolean {
  return new Set(accounts).size === accounts.length;
}

/** Holds the terms against the rules and answers the sum of the amounts. */
export function checkedTotal(frame: Frame, rules: Rules, terms: Terms): bigint {
  const check: typeof assertSettlement = assertSettlement;
  check(frame, terms.batch_id.length === 32, 'invalid_argument', E.BATCH_ID_LENGTH);
  check(frame, isHash(terms.merkle_root), 'invalid_argument', E.HASH_LENGTH);
  check(frame, terms.item_count > 0n, 'invalid_argument', E.NO_ITEMS);
  const { approvals_needed: needed } = terms;
  const isReachable = needed >= rules.approvalsMin && needed <= BigInt(rules.approvers.length);
  check(frame, isReachable, 'invalid_argument', E.APPROVALS_NEEDED);
  const isInTime = terms.deadline > frame.nowSecs && terms.deadline <= frame.nowSecs + DEADLINE_SECS_MAX;
  check(frame, isInTime, 'invalid_argument', E.DEADLINE);
  const window = terms.dispute_window_secs;
  const isWindow = window >= rules.disputeWindowMinSecs && window <= DISPUTE_WINDOW_SECS_MAX;
  check(frame, isWindow, 'invalid_argument', E.DISPUTE_WINDOW);
  const total = payoutsTotal(frame, terms);
  const cap = capOf(frame, terms.asset);
  check(frame, cap > 0n, 'permission_denied', E.ASSET_NOT_ALLOWED);
  check(frame, total <= cap, 'resource_exhausted', E.BATCH_CAP);
  return total;
}

function payoutsTotal(frame: Frame, terms: Terms): bigint {
  const check: typeof assertSettlement = assertSettlement;
  const { recipients, amounts } = terms;
  check(frame, recipients.length > 0 && recipients.length <= RECIPIENTS_MAX, 'invalid_argument', E.RECIPIENT_COUNT);
  check(frame, recipients.length === amounts.length, 'invalid_argument', E.LENGTH_MISMATCH);
  const isGood = areDistinct(recipients) && !recipients.includes(terms.payer);
  check(frame, isGood, 'invalid_argument', E.BAD_RECIPIENT);
  check(frame, !amounts.includes(0n), 'invalid_argument', E.ZERO_AMOUNT);
  frame.work(recipients.length);
  return amounts.reduce((sum, amount) => sum + amount, 0n);
}

const bytes = (hex: string): string => uleb(hex.length / 2) + hex;
const u64 = (value: bigint): string => littleEndian(value, 8);

/** SHA-256 over BCS of domain, contract address and terms. */
export function digestOf(contract: string, terms: Terms): string {
  return sha256(
    [
      bytes(textHex('capp.settlement.v1')),
      contract.slice(2),
      bytes(terms.batch_id),
      terms.asset.slice(2),
      terms.proposer.slice(2),
      terms.payer.slice(2),
      uleb(terms.recipients.length) + terms.recipients.map((address) => address.slice(2)).join(''),
      uleb(terms.amounts.length) + terms.amounts.map(u64).join(''),
      bytes(terms.merkle_root),
      u64(terms.item_count),
      u64(terms.approvals_needed),
      u64(terms.deadline),
      u64(terms.dispute_window_secs),
    ].join(''),
  );
}

/** Approvals of those who are approvers still. */
export function approvalsThatCount(rules: Rules, approvals: readonly string[]): bigint {
  return BigInt(approvals.filter((account) => rules.approvers.includes(account)).length);
}

/** After the window, after a resolution, or when arbiters let the time for one pass. */
export function mayBePaid(frame: Frame, batch: Batch): boolean {
  return (
    batch.state === STATE.resolved ||
    (batch.state === STATE.executed && frame.nowSecs >= batch.windowEndsAt) ||
    (batch.state === STATE.disputed && batch.dispute !== null && frame.nowSecs >= batch.dispute.resolveBy)
  );
}
