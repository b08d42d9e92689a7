/** The entry functions of `capp::settlement` up to execution. By the rules of `move/sources/settlement.move`. */
import { balanceOf, createObject, transfer } from './fungible.ts';
import { assetOf, consume } from './pool-settling.ts';
import { acceptRole, holds, newRoles, offerRole, withdrawRoleOffer } from './roles.ts';
import { payAll, refund } from './settlement-payout.ts';
import {
  ADMIN,
  approvalsThatCount,
  areDistinct,
  assertRunning,
  assertSettlement as check,
  assertSettler,
  type Batch,
  batchAddress,
  batchAt,
  batchExists,
  checkedTotal,
  digestOf,
  DISPUTE_LIMIT_SECS_DEFAULT,
  DISPUTE_LIMIT_SECS_MAX,
  DISPUTE_WINDOW_SECS_MAX,
  E,
  GUARDIAN,
  ROLE_COUNT,
  ROLE_SCOPE,
  rulesForAdmin,
  rulesOf,
  SETTLER,
  STATE,
  type Terms,
  writeBatch,
  writeCap,
  writeRules,
} from './settlement-state.ts';
import type { Frame } from './vm.ts';

const MODULE = 'settlement';
const SIGNERS_MAX = 32;

export function initSettlement(frame: Frame): void {
  writeRules(frame, {
    roles: newRoles(ROLE_SCOPE, frame.contract, ROLE_COUNT),
    paused: false,
    approvers: [],
    approvalsMin: 1n,
    arbiters: [],
    votesNeeded: 1n,
    disputeWindowMinSecs: 0n,
    disputeLimitSecs: DISPUTE_LIMIT_SECS_DEFAULT,
  });
}

export function offer(frame: Frame, by: string, role: bigint, nominee: string): void {
  const rules = rulesOf(frame);
  writeRules(frame, { ...rules, roles: offerRole(frame, rules.roles, by, role, nominee) });
}

export function withdrawOffer(frame: Frame, by: string, role: bigint): void {
  const rules = rulesOf(frame);
  writeRules(frame, { ...rules, roles: withdrawRoleOffer(frame, rules.roles, by, role) });
}

export function accept(frame: Frame, by: string, role: bigint): void {
  const rules = rulesOf(frame);
  writeRules(frame, { ...rules, roles: acceptRole(frame, rules.roles, by, role) });
}

function assertSignerSet(frame: Frame, signers: readonly string[], needed: bigint): void {
  check(frame, signers.length <= SIGNERS_MAX, 'invalid_argument', E.TOO_MANY_SIGNERS);
  check(frame, needed > 0n && needed <= BigInt(signers.length), 'invalid_argument', E.THRESHOLD);
  check(frame, areDistinct(signers), 'invalid_argument', E.DUPLICATE_SIGNER);
}

export function setApprovers(frame: Frame, admin: string, approvers: readonly string[], approvalsMin: bigint): void {
  assertSignerSet(frame, approvers, approvalsMin);
  writeRules(frame, { ...rulesForAdmin(frame, admin), approvers, approvalsMin });
  frame.emit(MODULE, 'ApproversChanged', { approvers, approvals_min: approvalsMin });
}

export function setArbiters(frame: Frame, admin: string, arbiters: readonly string[], votesNeeded: bigint): void {
  assertSignerSet(frame, arbiters, votesNeeded);
  writeRules(frame, { ...rulesForAdmin(frame, admin), arbiters, votesNeeded });
  frame.emit(MODULE, 'ArbitersChanged', { arbiters, votes_needed: votesNeeded });
}

export function setDisputeRules(frame: Frame, admin: string, windowMinSecs: bigint, limitSecs: bigint): void {
  const rules = rulesForAdmin(frame, admin);
  const isGood = windowMinSecs <= DISPUTE_WINDOW_SECS_MAX && limitSecs > 0n && limitSecs <= DISPUTE_LIMIT_SECS_MAX;
  check(frame, isGood, 'invalid_argument', E.TIME);
  writeRules(frame, { ...rules, disputeWindowMinSecs: windowMinSecs, disputeLimitSecs: limitSecs });
  frame.emit(MODULE, 'DisputeRulesChanged', { window_min_secs: windowMinSecs, limit_secs: limitSecs });
}

export function setBatchCap(frame: Frame, admin: string, asset: string, cap: bigint): void {
  rulesForAdmin(frame, admin);
  writeCap(frame, asset, cap);
  frame.emit(MODULE, 'BatchCapChanged', { asset, cap });
}

export function pause(frame: Frame, guardian: string): void {
  const rules = rulesOf(frame);
  const isAllowed = holds(rules.roles, GUARDIAN, guardian) || holds(rules.roles, ADMIN, guardian);
  check(frame, isAllowed, 'permission_denied', E.NOT_GUARDIAN);
  assertRunning(frame, rules);
  writeRules(frame, { ...rules, paused: true });
  frame.emit(MODULE, 'PauseChanged', { paused: true, by: guardian });
}

export function resume(frame: Frame, admin: string): void {
  const rules = rulesForAdmin(frame, admin);
  check(frame, rules.paused, 'invalid_state', E.NOT_PAUSED);
  writeRules(frame, { ...rules, paused: false });
  frame.emit(MODULE, 'PauseChanged', { paused: false, by: admin });
}

export function propose(frame: Frame, settler: string, offered: Omit<Terms, 'proposer'>): void {
  const rules = rulesOf(frame);
  assertSettler(frame, rules, settler);
  assertRunning(frame, rules);
  const terms: Terms = { ...offered, proposer: settler };
  const total = checkedTotal(frame, rules, terms);
  check(frame, !batchExists(frame, terms.batch_id), 'already_exists', E.BATCH_EXISTS);
  const at = batchAddress(frame.contract, terms.batch_id);
  const digest = digestOf(frame.contract, terms);
  createObject(frame, at, 'Batch');
  writeBatch(frame, at, {
    terms,
    digest,
    total,
    state: STATE.proposed,
    approvals: [],
    funded: false,
    fromPool: false,
    executedAt: 0n,
    windowEndsAt: 0n,
    paid: terms.recipients.map(() => false),
    reversals: terms.recipients.map(() => 0n),
    toReturn: 0n,
    dispute: null,
  });
  frame.work(10);
  frame.emit(MODULE, 'BatchProposed', { batch: at, terms, digest, total });
}

function assertProposed(frame: Frame, batch: Batch): void {
  check(frame, batch.state === STATE.proposed, 'invalid_state', E.NOT_PROPOSED);
}

function assertOpenProposal(frame: Frame, batch: Batch): void {
  assertProposed(frame, batch);
  check(frame, frame.nowSecs < batch.terms.deadline, 'invalid_state', E.EXPIRED);
}

function assertFundable(frame: Frame, batch: Batch): void {
  assertRunning(frame, rulesOf(frame));
  assertOpenProposal(frame, batch);
  check(frame, !batch.funded, 'already_exists', E.ALREADY_FUNDED);
}

export function fund(frame: Frame, payer: string, at: string): void {
  const batch = batchAt(frame, at);
  assertFundable(frame, batch);
  check(frame, payer === batch.terms.payer, 'permission_denied', E.NOT_PAYER);
  const held = balanceOf(frame, at, batch.terms.asset);
  transfer(frame, payer, at, batch.terms.asset, batch.total);
  markFunded(frame, at, { ...batch, funded: true }, held);
}

/** What has come to what was `held` must be the whole total. */
function markFunded(frame: Frame, at: string, batch: Batch, held: bigint): void {
  const arrived = balanceOf(frame, at, batch.terms.asset) - held;
  check(frame, arrived === batch.total, 'invalid_state', E.FUNDED_SHORT);
  writeBatch(frame, at, batch);
  frame.emit(MODULE, 'BatchFunded', { batch: at, payer: batch.terms.payer, amount: arrived });
}

export function fundFromPool(frame: Frame, settler: string, at: string, pool: string, reservationId: string): void {
  assertSettler(frame, rulesOf(frame), settler);
  const batch = batchAt(frame, at);
  assertFundable(frame, batch);
  const isPayer = pool === batch.terms.payer && assetOf(frame, pool) === batch.terms.asset;
  check(frame, isPayer, 'invalid_argument', E.WRONG_POOL);
  const held = balanceOf(frame, at, batch.terms.asset);
  consume(frame, settler, pool, reservationId, batch.total, at);
  markFunded(frame, at, { ...batch, funded: true, fromPool: true }, held);
}

export function approve(frame: Frame, approver: string, at: string, digest: string): void {
  const rules = rulesOf(frame);
  assertRunning(frame, rules);
  check(frame, rules.approvers.includes(approver), 'permission_denied', E.NOT_APPROVER);
  const batch = batchAt(frame, at);
  assertOpenProposal(frame, batch);
  check(frame, digest === batch.digest, 'invalid_argument', E.DIGEST_MISMATCH);
  const isParty = approver === batch.terms.proposer || batch.terms.recipients.includes(approver);
  check(frame, !isParty, 'permission_denied', E.APPROVER_IS_PARTY);
  check(frame, !batch.approvals.includes(approver), 'already_exists', E.ALREADY_APPROVED);
  const approvals = [...batch.approvals, approver];
  writeBatch(frame, at, { ...batch, approvals });
  frame.emit(MODULE, 'BatchApproved', { batch: at, approver, approvals: BigInt(approvals.length) });
}

export function withdrawApproval(frame: Frame, approver: string, at: string): void {
  const batch = batchAt(frame, at);
  assertProposed(frame, batch);
  const index = batch.approvals.indexOf(approver);
  check(frame, index >= 0, 'not_found', E.NOT_APPROVED);
  // The last one takes the place, as `swap_remove` does.
  const last = batch.approvals.at(-1) ?? approver;
  writeBatch(frame, at, { ...batch, approvals: batch.approvals.with(index, last).slice(0, -1) });
  frame.emit(MODULE, 'ApprovalWithdrawn', { batch: at, approver });
}

export function execute(frame: Frame, settler: string, at: string): void {
  const rules = rulesOf(frame);
  assertSettler(frame, rules, settler);
  assertRunning(frame, rules);
  const batch = batchAt(frame, at);
  assertOpenProposal(frame, batch);
  const isApproved = approvalsThatCount(rules, batch.approvals) >= batch.terms.approvals_needed;
  check(frame, isApproved, 'permission_denied', E.TOO_FEW_APPROVALS);
  check(frame, batch.funded, 'invalid_state', E.NOT_FUNDED);
  const windowEndsAt = frame.nowSecs + batch.terms.dispute_window_secs;
  writeBatch(frame, at, { ...batch, state: STATE.executed, executedAt: frame.nowSecs, windowEndsAt });
  frame.emit(MODULE, 'BatchExecuted', {
    batch: at,
    batch_id: batch.terms.batch_id,
    merkle_root: batch.terms.merkle_root,
    total: batch.total,
    window_ends_at: windowEndsAt,
  });
}

export function executeAndPay(frame: Frame, settler: string, at: string): void {
  execute(frame, settler, at);
  payAll(frame, at);
}

export function cancel(frame: Frame, by: string, at: string): void {
  const { roles } = rulesOf(frame);
  check(frame, holds(roles, SETTLER, by) || holds(roles, ADMIN, by), 'permission_denied', E.NOT_SETTLER);
  const batch = batchAt(frame, at);
  assertProposed(frame, batch);
  refund(frame, at, batch, STATE.cancelled);
}

export function refundExpired(frame: Frame, at: string): void {
  const batch = batchAt(frame, at);
  assertProposed(frame, batch);
  check(frame, frame.nowSecs >= batch.terms.deadline, 'invalid_state', E.NOT_EXPIRED);
  refund(frame, at, batch, STATE.expired);
}
