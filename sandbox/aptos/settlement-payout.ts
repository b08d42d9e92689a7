/** `capp::settlement` after execution: payouts, returns and disputes. By the rules of `move/sources/settlement.move`. */
import { balanceOf, transfer } from './fungible.ts';
import { isHash } from './merkle.ts';
import { repayAsset } from './pool-settling.ts';
import { holds } from './roles.ts';
import {
  assertSettlement as check,
  type Batch,
  batchAt,
  type Dispute,
  E,
  GUARDIAN,
  mayBePaid,
  rulesOf,
  SETTLER,
  STATE,
  writeBatch,
} from './settlement-state.ts';
import type { Frame } from './vm.ts';

const MODULE = 'settlement';

function end(frame: Frame, at: string, batch: Batch, state: bigint): Batch {
  frame.emit(MODULE, 'BatchEnded', { batch: at, batch_id: batch.terms.batch_id, state });
  return { ...batch, state };
}

function returnToPayer(frame: Frame, at: string, batch: Batch): Batch {
  const { payer, asset } = batch.terms;
  if (batch.fromPool) repayAsset(frame, payer, at, asset, batch.toReturn);
  else transfer(frame, at, payer, asset, batch.toReturn);
  frame.emit(MODULE, 'Returned', { batch: at, payer, amount: batch.toReturn });
  return { ...batch, toReturn: 0n };
}

/** Ends a proposal; what was funded goes back. */
export function refund(frame: Frame, at: string, batch: Batch, state: bigint): void {
  const returned = batch.funded ? returnToPayer(frame, at, { ...batch, toReturn: batch.total }) : batch;
  writeBatch(frame, at, end(frame, at, returned, state));
}

function payOne(frame: Frame, at: string, batch: Batch, index: number): Batch {
  const recipient = batch.terms.recipients[index] ?? '';
  const amount = (batch.terms.amounts[index] ?? 0n) - (batch.reversals[index] ?? 0n);
  transfer(frame, at, recipient, batch.terms.asset, amount);
  frame.emit(MODULE, 'PayoutPaid', { batch: at, index: BigInt(index), recipient, amount });
  return { ...batch, paid: batch.paid.with(index, true) };
}

function settleIfDone(frame: Frame, at: string, batch: Batch): void {
  const isDone = batch.toReturn === 0n && !batch.paid.includes(false);
  writeBatch(frame, at, isDone ? end(frame, at, batch, STATE.settled) : batch);
}

export function pay(frame: Frame, at: string, index: bigint): void {
  const batch = batchAt(frame, at);
  check(frame, mayBePaid(frame, batch), 'invalid_state', E.NOT_PAYABLE);
  check(frame, index < BigInt(batch.paid.length), 'invalid_argument', E.NO_SUCH_PAYOUT);
  check(frame, batch.paid[Number(index)] === false, 'invalid_state', E.ALREADY_PAID);
  settleIfDone(frame, at, payOne(frame, at, batch, Number(index)));
}

export function payAll(frame: Frame, at: string): void {
  let batch = batchAt(frame, at);
  check(frame, mayBePaid(frame, batch), 'invalid_state', E.NOT_PAYABLE);
  for (let index = 0; index < batch.paid.length; index += 1) {
    if (batch.paid[index] === false) batch = payOne(frame, at, batch, index);
  }
  if (batch.toReturn > 0n) batch = returnToPayer(frame, at, batch);
  settleIfDone(frame, at, batch);
}

export function returnReversed(frame: Frame, at: string): void {
  const batch = batchAt(frame, at);
  check(frame, batch.toReturn > 0n, 'invalid_state', E.NOTHING_TO_RETURN);
  settleIfDone(frame, at, returnToPayer(frame, at, batch));
}

export function sweep(frame: Frame, at: string): void {
  const batch = batchAt(frame, at);
  check(frame, batch.state >= STATE.settled, 'invalid_state', E.NOT_ENDED);
  const toReturn = balanceOf(frame, at, batch.terms.asset);
  check(frame, toReturn > 0n, 'invalid_state', E.NOTHING_TO_RETURN);
  writeBatch(frame, at, returnToPayer(frame, at, { ...batch, toReturn }));
}

export function openDispute(frame: Frame, by: string, at: string, evidenceHash: string): void {
  const rules = rulesOf(frame);
  const batch = batchAt(frame, at);
  const isParty =
    by === batch.terms.payer || batch.terms.recipients.includes(by) || holds(rules.roles, SETTLER, by) || holds(rules.roles, GUARDIAN, by);
  check(frame, isParty, 'permission_denied', E.NOT_PARTY);
  check(frame, isHash(evidenceHash), 'invalid_argument', E.HASH_LENGTH);
  check(frame, batch.state === STATE.executed, 'invalid_state', E.NOT_EXECUTED);
  check(frame, frame.nowSecs < batch.windowEndsAt, 'invalid_state', E.WINDOW_OVER);
  const resolveBy = frame.nowSecs + rules.disputeLimitSecs;
  const dispute: Dispute = { opener: by, evidenceHash, resolveBy, votesNeeded: rules.votesNeeded, votes: [] };
  writeBatch(frame, at, { ...batch, state: STATE.disputed, dispute });
  frame.emit(MODULE, 'DisputeOpened', { batch: at, opener: by, evidence_hash: evidenceHash, resolve_by: resolveBy });
}

/** The sum of the reversals, none of which may exceed its payout. */
function checkedReversal(frame: Frame, batch: Batch, reversals: readonly bigint[]): bigint {
  check(frame, reversals.length === batch.terms.amounts.length, 'invalid_argument', E.LENGTH_MISMATCH);
  const areCovered = reversals.every((reversal, index) => reversal <= (batch.terms.amounts[index] ?? 0n));
  check(frame, areCovered, 'invalid_argument', E.REVERSAL_TOO_HIGH);
  return reversals.reduce((sum, reversal) => sum + reversal, 0n);
}

/** Whether an account had a part in the batch that keeps it from judging a dispute. */
function isInvolved(batch: Batch, dispute: Dispute, account: string): boolean {
  const { proposer, payer, recipients } = batch.terms;
  return [proposer, payer, dispute.opener, ...batch.approvals, ...recipients].includes(account);
}

const same = (left: readonly bigint[], right: readonly bigint[]): boolean =>
  left.length === right.length && left.every((value, index) => value === right[index]);

/** An arbiter's later vote replaces the earlier one, in its place. */
function withVote(dispute: Dispute, arbiter: string, reversals: readonly bigint[]): Dispute {
  const index = dispute.votes.findIndex((vote) => vote.arbiter === arbiter);
  const vote = { arbiter, reversals };
  return { ...dispute, votes: index < 0 ? [...dispute.votes, vote] : dispute.votes.with(index, vote) };
}

export function vote(frame: Frame, arbiter: string, at: string, reversals: readonly bigint[]): void {
  const rules = rulesOf(frame);
  check(frame, rules.arbiters.includes(arbiter), 'permission_denied', E.NOT_ARBITER);
  const batch = batchAt(frame, at);
  check(frame, batch.state === STATE.disputed && batch.dispute !== null, 'invalid_state', E.NOT_DISPUTED);
  const reversed = checkedReversal(frame, batch, reversals);
  check(frame, !isInvolved(batch, batch.dispute, arbiter), 'permission_denied', E.ARBITER_IS_PARTY);
  check(frame, frame.nowSecs < batch.dispute.resolveBy, 'invalid_state', E.DISPUTE_LAPSED);
  const dispute = withVote(batch.dispute, arbiter, reversals);
  frame.emit(MODULE, 'ArbiterVoted', { batch: at, arbiter, reversals });
  const agreeing = dispute.votes.filter((cast) => same(cast.reversals, reversals) && rules.arbiters.includes(cast.arbiter));
  if (BigInt(agreeing.length) < dispute.votesNeeded) return writeBatch(frame, at, { ...batch, dispute });
  writeBatch(frame, at, {
    ...batch,
    dispute,
    state: STATE.resolved,
    reversals,
    toReturn: reversed,
    // Nothing is left to pay where all is reversed.
    paid: batch.paid.map((isPaid, index) => isPaid || reversals[index] === batch.terms.amounts[index]),
  });
  frame.emit(MODULE, 'DisputeResolved', { batch: at, reversals, reversed });
}
