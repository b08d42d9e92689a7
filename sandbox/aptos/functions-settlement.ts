/** The functions of `capp::settlement` as clients call them. */
import { open, optional, signed, view } from './declare.ts';
import { leafHash, verifyPath } from './merkle.ts';
import { holderOf, nomineeOf } from './roles.ts';
import * as batches from './settlement.ts';
import { openDispute, pay, payAll, returnReversed, sweep, vote } from './settlement-payout.ts';
import { approvalsThatCount, batchAddress, batchAt, batchExists, capOf, mayBePaid, rulesOf, STATE } from './settlement-state.ts';
import { type Frame, littleEndian } from './vm.ts';

export const SETTLEMENT_ENTRIES = {
  offer_role: signed(['u64', 'address'], batches.offer),
  withdraw_role_offer: signed(['u64'], batches.withdrawOffer),
  accept_role: signed(['u64'], batches.accept),
  set_approvers: signed(['vector<address>', 'u64'], batches.setApprovers),
  set_arbiters: signed(['vector<address>', 'u64'], batches.setArbiters),
  set_dispute_rules: signed(['u64', 'u64'], batches.setDisputeRules),
  set_batch_cap: signed(['object<Metadata>', 'u64'], batches.setBatchCap),
  pause: signed([], batches.pause),
  resume: signed([], batches.resume),
  propose: signed(
    ['vector<u8>', 'object<Metadata>', 'address', 'vector<address>', 'vector<u64>', 'vector<u8>', 'u64', 'u64', 'u64', 'u64'],
    (frame, settler, id, asset, payer, recipients, amounts, root, count, needed, deadline, window) =>
      batches.propose(frame, settler, {
        batch_id: id,
        asset,
        payer,
        recipients,
        amounts,
        merkle_root: root,
        item_count: count,
        approvals_needed: needed,
        deadline,
        dispute_window_secs: window,
      }),
  ),
  fund: signed(['object<Batch>'], batches.fund),
  fund_from_pool: signed(['object<Batch>', 'object<Pool>', 'vector<u8>'], batches.fundFromPool),
  approve: signed(['object<Batch>', 'vector<u8>'], batches.approve),
  withdraw_approval: signed(['object<Batch>'], batches.withdrawApproval),
  execute: signed(['object<Batch>'], batches.execute),
  execute_and_pay: signed(['object<Batch>'], batches.executeAndPay),
  cancel: signed(['object<Batch>'], batches.cancel),
  refund_expired: open(['object<Batch>'], batches.refundExpired),
  pay: open(['object<Batch>', 'u64'], pay),
  pay_all: open(['object<Batch>'], payAll),
  return_reversed: open(['object<Batch>'], returnReversed),
  sweep: open(['object<Batch>'], sweep),
  open_dispute: signed(['object<Batch>', 'vector<u8>'], openDispute),
  vote: signed(['object<Batch>', 'vector<u64>'], vote),
};

function isExecutable(frame: Frame, at: string): boolean {
  const batch = batchAt(frame, at);
  const rules = rulesOf(frame);
  return (
    batch.state === STATE.proposed &&
    !rules.paused &&
    batch.funded &&
    frame.nowSecs < batch.terms.deadline &&
    approvalsThatCount(rules, batch.approvals) >= batch.terms.approvals_needed
  );
}

function verifyLeaf(frame: Frame, at: string, leaf: string, index: bigint, path: readonly string[]): boolean {
  const { terms } = batchAt(frame, at);
  return verifyPath(leaf, index, terms.item_count, path, terms.merkle_root);
}

const NOBODY = `0x${'0'.repeat(64)}`;

export const SETTLEMENT_VIEWS = {
  batch_address: view(['vector<u8>'], ['address'], (frame, id) => [batchAddress(frame.contract, id)]),
  batch_exists: view(['vector<u8>'], ['bool'], (frame, id) => [batchExists(frame, id)]),
  state: view(['object<Batch>'], ['u8'], (frame, at) => [batchAt(frame, at).state]),
  terms: view(['object<Batch>'], ['Terms'], (frame, at) => [batchAt(frame, at).terms]),
  root_and_count: view(['object<Batch>'], ['vector<u8>', 'u64'], (frame, at) => {
    const { terms } = batchAt(frame, at);
    return [terms.merkle_root, terms.item_count];
  }),
  digest: view(['object<Batch>'], ['vector<u8>'], (frame, at) => [batchAt(frame, at).digest]),
  funding: view(['object<Batch>'], ['u64', 'bool'], (frame, at) => {
    const batch = batchAt(frame, at);
    return [batch.total, batch.funded];
  }),
  approvals: view(['object<Batch>'], ['vector<address>'], (frame, at) => [batchAt(frame, at).approvals]),
  is_executable: view(['object<Batch>'], ['bool'], (frame, at) => [isExecutable(frame, at)]),
  is_payable: view(['object<Batch>'], ['bool'], (frame, at) => [mayBePaid(frame, batchAt(frame, at))]),
  execution: view(['object<Batch>'], ['u64', 'u64'], (frame, at) => {
    const batch = batchAt(frame, at);
    return [batch.executedAt, batch.windowEndsAt];
  }),
  payouts: view(['object<Batch>'], ['vector<bool>', 'vector<u64>'], (frame, at) => {
    const batch = batchAt(frame, at);
    return [batch.paid, batch.reversals];
  }),
  dispute: view(['object<Batch>'], ['address', 'vector<u8>', 'u64', 'u64'], (frame, at) => {
    const { dispute } = batchAt(frame, at);
    if (dispute === null) return [NOBODY, '', 0n, 0n];
    return [dispute.opener, dispute.evidenceHash, dispute.resolveBy, BigInt(dispute.votes.length)];
  }),
  verify_leaf: view(['object<Batch>', 'vector<u8>', 'u64', 'vector<vector<u8>>'], ['bool'], (frame, at, leaf, index, path) => [
    verifyLeaf(frame, at, leaf, index, path),
  ]),
  verify_item: view(
    ['object<Batch>', 'vector<u8>', 'u8', 'u64', 'vector<u8>', 'u64', 'vector<vector<u8>>'],
    ['bool'],
    (frame, at, paymentId, leg, amountMinor, currency, index, path) => {
      if (paymentId.length !== 32 || currency.length !== 6) return [false];
      const amount = Buffer.from(littleEndian(amountMinor, 8), 'hex').reverse().toString('hex');
      const item = batchAt(frame, at).terms.batch_id + paymentId + littleEndian(leg, 1) + amount + currency;
      return [verifyLeaf(frame, at, leafHash(item), index, path)];
    },
  ),
  approvers: view([], ['vector<address>', 'u64'], (frame) => {
    const rules = rulesOf(frame);
    return [rules.approvers, rules.approvalsMin];
  }),
  arbiters: view([], ['vector<address>', 'u64'], (frame) => {
    const rules = rulesOf(frame);
    return [rules.arbiters, rules.votesNeeded];
  }),
  dispute_rules: view([], ['u64', 'u64'], (frame) => {
    const rules = rulesOf(frame);
    return [rules.disputeWindowMinSecs, rules.disputeLimitSecs];
  }),
  batch_cap: view(['object<Metadata>'], ['u64'], (frame, asset) => [capOf(frame, asset)]),
  is_paused: view([], ['bool'], (frame) => [rulesOf(frame).paused]),
  role_holder: view(['u64'], ['address'], (frame, role) => [holderOf(frame, rulesOf(frame).roles, role)]),
  role_nominee: view(['u64'], ['option<address>'], (frame, role) => [optional(nomineeOf(frame, rulesOf(frame).roles, role))]),
};
