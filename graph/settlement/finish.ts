/**
 * What the chain says of a batch, put into our own words: its status, the books, and cases for people. The
 * entries and the status that tells of them commit together, once.
 */
import type { PoolClient } from 'pg';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import type { Facts } from '../../domain/decision.ts';
import { derivedId } from '../../domain/ids.ts';
import type { BatchStatus } from '../../domain/settlement.ts';
import type { ChainStatus } from '../../tools/aptos/settlement-chain.ts';
import { chainAccount, ensureAccounts, partnerAccount, post, type Transferring } from '../../tools/ledger/index.ts';
import { type BatchChange, type CaseKind, changeBatch, closeCases, raiseCase } from './steps.ts';
import { alteredTerms, shownTerms } from './terms.ts';
import type { DrivenBatch, DriverDeps } from './types.ts';

type Finishing = Pick<DriverDeps, 'clock' | 'settings' | 'log'>;

/**
 * Brings a batch to where the chain has it. Resolves with the batch while a next step may be taken at once, else
 * with null. `afterStep`: a step of ours has just succeeded, and another may follow in the same status.
 */
export async function finishBatch(
  deps: Finishing,
  tx: PoolClient,
  batch: DrivenBatch,
  status: ChainStatus,
  afterStep = false,
): Promise<DrivenBatch | null> {
  // What ended without execution has moved nothing, whatever was bound to it: it goes the way of any that has expired.
  const isVoid = !isBound(batch) && (status.state === 'expired' || status.state === 'refunded');
  if (!isVoid && alteredTerms(batch, status.terms).length > 0) return stopAsMismatched(deps, tx, batch, status, 'terms_differ');
  switch (status.state) {
    case 'absent':
      return whenAbsent(deps, tx, batch, status);
    case 'proposed':
      if (batch.status === 'closed') return moveOn(deps, tx, batch, status, 'proposed');
      if (batch.status !== 'proposed') return rest(deps, tx, batch, status, { setbacks: batch.setbacks + 1 });
      return afterStep ? changeBatch(tx, batch, { setbacks: 0 }, at(deps)) : rest(deps, tx, batch, status);
    case 'approved':
      if (batch.status === 'closed' || batch.status === 'proposed') return moveOn(deps, tx, batch, status, 'approved');
      return rest(deps, tx, batch, status);
    case 'executed':
      // Until it can be paid.
      return isBound(batch) ? rest(deps, tx, batch, status) : moveOn(deps, tx, batch, status, 'executed');
    case 'disputed':
      return whenDisputed(deps, tx, batch, status, afterStep);
    case 'resolved':
      if (!isBound(batch)) return moveOn(deps, tx, batch, status, 'executed');
      return afterStep ? changeBatch(tx, batch, { ...seenOf(status), setbacks: 0 }, at(deps)) : rest(deps, tx, batch, status);
    case 'settled':
      return isBound(batch) ? settleBatch(deps, tx, batch, status) : moveOn(deps, tx, batch, status, 'executed');
    case 'expired':
    case 'refunded':
      if (isBound(batch)) return stopForPeople(deps, tx, batch, status, 'mismatched', 'expired_after_execution');
      // What was put in must be back before what is due goes elsewhere.
      if (status.state === 'expired') return rest(deps, tx, batch, status);
      return stopForPeople(deps, tx, batch, status, 'expired', 'deadline_passed');
    default:
      return rest(deps, tx, batch, status);
  }
}

/** Whether we know that the chain has executed the batch. */
function isBound({ status }: DrivenBatch): boolean {
  return status === 'executed' || status === 'disputed';
}

function at(deps: Finishing): { readonly nowMs: number; readonly leaseMs: number } {
  return { nowMs: deps.clock.now(), leaseMs: deps.settings.leaseMs };
}

/** The next status, with its line in the audit log; the batch is held for its next step. */
async function moveOn(deps: Finishing, tx: PoolClient, batch: DrivenBatch, status: ChainStatus, to: BatchStatus): Promise<DrivenBatch> {
  await note(deps, tx, batch, to, status);
  const { transactionHash, ledgerVersion } = status;
  const proof = to === 'executed' ? { transactionHash, ledgerVersion, ...seenOf(status) } : {};
  return changeBatch(tx, batch, { status: to, setbacks: 0, ...proof }, at(deps));
}

/** What a person who would dispute it, or judge, must know of it. */
function seenOf({ payableAtMs, evidenceHash }: ChainStatus): BatchChange {
  return { payableAtMs, evidenceHash };
}

async function note(deps: Finishing, tx: PoolClient, batch: DrivenBatch, to: BatchStatus, status: ChainStatus): Promise<void> {
  const details = {
    approvals: status.approvedBy.length,
    transactionHash: status.transactionHash,
    ledgerVersion: status.ledgerVersion?.toString() ?? null,
    proposalDigest: batch.proposalDigest,
    ...(status.reversedMinor > 0n ? { reversedMinor: status.reversedMinor.toString() } : {}),
  };
  const event = { clientId: null, actor: 'agent:settlement', action: `settlement.${to}`, subject: `settlement_batch:${batch.id}`, details };
  await recordAuditEvents(tx, [event], deps.clock.now());
}

/** Nothing to do now: looks again after a while, and at once when the deadline is there or it can be paid. */
async function rest(deps: Finishing, tx: PoolClient, batch: DrivenBatch, status: ChainStatus, change: BatchChange = {}): Promise<null> {
  const { nowMs } = at(deps);
  const moments = [nowMs + deps.settings.patienceMs, batch.deadlineMs, status.payableAtMs];
  const restUntilMs = Math.min(...moments.filter((moment) => moment !== null && moment > nowMs).map(Number));
  await changeBatch(tx, batch, { ...seenOf(status), ...change, restUntilMs }, at(deps));
  return null;
}

/**
 * A batch that was never proposed and can no longer be has expired. One that the chain did know and does not
 * any more is asked for again, for a node may be behind; after that people must look.
 */
async function whenAbsent(deps: Finishing, tx: PoolClient, batch: DrivenBatch, status: ChainStatus): Promise<null> {
  if (batch.status === 'closed') return stopForPeople(deps, tx, batch, status, 'expired', 'never_proposed');
  const setbacks = batch.setbacks + 1;
  if (setbacks >= deps.settings.setbacksMax) return stopForPeople(deps, tx, batch, status, 'mismatched', 'gone_from_chain');
  const { nowMs } = at(deps);
  await changeBatch(tx, batch, { setbacks, restUntilMs: nowMs + deps.settings.inquiryDelayMs * 2 ** setbacks }, at(deps));
  return null;
}

async function whenDisputed(
  deps: Finishing,
  tx: PoolClient,
  batch: DrivenBatch,
  status: ChainStatus,
  afterStep: boolean,
): Promise<DrivenBatch | null> {
  // After a vote there may be another one to send.
  if (batch.status === 'disputed') return afterStep ? changeBatch(tx, batch, { setbacks: 0 }, at(deps)) : rest(deps, tx, batch, status);
  await raiseCase(tx, batch.id, 'disputed', evidenceOf(batch, status, 'frozen_on_chain'), deps.clock.now());
  await note(deps, tx, batch, 'disputed', status);
  const { transactionHash, ledgerVersion } = status;
  deps.log.warn({ batchId: batch.id }, 'settlement batch disputed');
  return rest(deps, tx, batch, status, { status: 'disputed', setbacks: 0, transactionHash, ledgerVersion });
}

/** The chain says something else than we do: nothing more is done until people have looked. */
export function stopAsMismatched(deps: Finishing, tx: PoolClient, batch: DrivenBatch, status: ChainStatus, reason: string): Promise<null> {
  return stopForPeople(deps, tx, batch, status, 'mismatched', reason);
}

/** Ends the batch's own way; what is due goes into the partner's next batch, or waits for people. */
async function stopForPeople(
  deps: Finishing,
  tx: PoolClient,
  batch: DrivenBatch,
  status: ChainStatus,
  kind: Extract<CaseKind, 'expired' | 'mismatched'>,
  reason: string,
): Promise<null> {
  await raiseCase(tx, batch.id, kind, evidenceOf(batch, status, reason), deps.clock.now());
  await note(deps, tx, batch, kind, status);
  await changeBatch(tx, batch, { status: kind, restUntilMs: deps.clock.now() }, at(deps));
  deps.log.error({ batchId: batch.id, reason }, 'settlement batch needs people');
  return null;
}

function evidenceOf(batch: DrivenBatch, status: ChainStatus, reason: string): Facts {
  return {
    reason,
    batchId: batch.id,
    partner: batch.partner,
    currency: batch.currency,
    dueMinor: batch.dueMinor.toString(),
    ourStatus: batch.status,
    itemCount: batch.itemCount,
    merkleRoot: batch.merkleRoot,
    approvalsNeeded: batch.approvalsNeeded,
    deadlineMs: batch.deadlineMs,
    chainState: status.state,
    chainTerms: status.terms === null ? null : shownTerms(status.terms),
    chainApprovedBy: status.approvedBy,
    differs: alteredTerms(batch, status.terms),
    reversedMinor: status.reversedMinor.toString(),
    evidenceHash: status.evidenceHash,
    transactionHash: status.transactionHash,
    ledgerVersion: status.ledgerVersion?.toString() ?? null,
  };
}

/** What a batch writes into the books: paid on chain, the partner owes it to our float; paid to us, we owe it to the partner. */
export function settlementMovement(batch: Pick<DrivenBatch, 'id' | 'partner' | 'currency' | 'dueMinor'>): Transferring {
  const { dueMinor, currency } = batch;
  const [partner, chain] = [partnerAccount(batch.partner, currency).code, chainAccount(currency).code];
  return {
    id: derivedId('transfer', 'settlement', batch.id),
    type: 'posted',
    debit: dueMinor < 0n ? partner : chain,
    credit: dueMinor < 0n ? chain : partner,
    amount: dueMinor < 0n ? -dueMinor : dueMinor,
    currency,
    reason: 'settlement',
    linkId: batch.id,
  };
}

/** What arbiters gave back goes the other way; the settlement itself stands beside it. */
export function reversalMovement(batch: Parameters<typeof settlementMovement>[0], reversedMinor: bigint): Transferring {
  const { debit, credit, ...settlement } = settlementMovement(batch);
  const id = derivedId('transfer', 'settlement reversal', batch.id);
  return { ...settlement, id, debit: credit, credit: debit, amount: reversedMinor, reason: 'settlement_reversal' };
}

/**
 * The chain has it paid, with our root: into the books, once, together with the status. What arbiters reversed is given back in
 * the books as well, and people agree with the partner on what becomes of it.
 */
async function settleBatch(deps: Finishing, tx: PoolClient, batch: DrivenBatch, status: ChainStatus): Promise<null> {
  const { nowMs } = at(deps);
  const { transactionHash, ledgerVersion, reversedMinor, evidenceHash } = status;
  const dueMinor = batch.dueMinor < 0n ? -batch.dueMinor : batch.dueMinor;
  if (reversedMinor > dueMinor) return stopForPeople(deps, tx, batch, status, 'mismatched', 'reversed_more_than_due');
  await ensureAccounts(tx, [partnerAccount(batch.partner, batch.currency), chainAccount(batch.currency)]);
  await post(tx, [settlementMovement(batch), ...(reversedMinor > 0n ? [reversalMovement(batch, reversedMinor)] : [])]);
  await closeCases(tx, batch.id, ['disputed', 'refused', 'mismatched'], nowMs);
  if (reversedMinor > 0n) await raiseCase(tx, batch.id, 'reversed', evidenceOf(batch, status, 'reversed_by_arbiters'), nowMs);
  // Of a dispute that somebody else opened first the chain holds their evidence.
  if (batch.disputeAsked !== null && evidenceHash === null)
    await raiseCase(tx, batch.id, 'refused', evidenceOf(batch, status, 'not_disputed_in_time'), nowMs);
  await note(deps, tx, batch, 'settled', status);
  await changeBatch(
    tx,
    batch,
    { status: 'settled', setbacks: 0, restUntilMs: nowMs, settledAtMs: nowMs, transactionHash, ledgerVersion, reversedMinor, evidenceHash },
    at(deps),
  );
  return null;
}
