/** What the chain knows of a batch, put together from its views and from what became of our transactions. */
import { type ErrorCode, isFault } from '../../domain/errors.ts';
import type { BatchTerms } from './functions.ts';
import type { AptosNode } from './node.ts';
import type { SentTransaction } from './sent.ts';
import type { BatchState, BatchStatus, ChainReference } from './batches.ts';

const STATES: Readonly<Record<string, BatchState>> = {
  '1': 'proposed',
  '2': 'executed',
  '3': 'disputed',
  '4': 'resolved',
  '5': 'settled',
  '6': 'expired',
  '7': 'cancelled',
};

/** Steps that bring a batch to a state, the decisive one first. */
const CAUSES: Readonly<Partial<Record<BatchState, readonly string[]>>> = {
  proposed: ['propose'],
  approved: ['propose'],
  executed: ['execute'],
  disputed: ['dispute'],
  resolved: ['execute'],
  settled: ['pay', 'execute'],
  expired: ['refund', 'propose'],
  cancelled: ['cancel'],
};

/** A batch as its views tell it. */
export interface BatchView {
  readonly state: BatchState;
  /** Those of `approvedBy` who are approvers still. */
  readonly countedBy: readonly string[];
  readonly approvedBy: readonly string[];
  readonly isFunded: boolean;
  readonly isOver: boolean;
  readonly digest: string;
  readonly terms: BatchTerms;
  /** When an executed or disputed batch can be paid if nothing else happens. */
  readonly payableAtMs: number | null;
  readonly isPayable: boolean;
  readonly reversedMinor: bigint;
  /** Of the evidence that a dispute was opened with; null while there was none. */
  readonly evidenceHash: string | null;
}

/** Reads the batch at an address; null when there is none. */
export async function readBatch(node: AptosNode, batchId: string, at: string): Promise<BatchView | null> {
  const [exists] = await node.view('settlement::batch_exists', batchId);
  if (!exists) return null;
  const [ledger, [code], [terms], [digest], [, isFunded], [approvals], [approvers], [, reversals], [isPayable]] = await Promise.all([
    node.ledger(),
    node.view('settlement::state', at),
    node.view('settlement::terms', at),
    node.view('settlement::digest', at),
    node.view('settlement::funding', at),
    node.view('settlement::approvals', at),
    node.view('settlement::approvers'),
    node.view('settlement::payouts', at),
    node.view('settlement::is_payable', at),
  ]);
  const countedBy = approvals.filter((account) => approvers.includes(account));
  const kept = STATES[code.toString()] ?? 'unknown';
  const isLate = ledger.timestampUs / 1_000_000n >= terms.deadlineSecs;
  const isApproved = BigInt(countedBy.length) >= terms.approvalsNeeded;
  return {
    state: kept !== 'proposed' ? kept : isLate ? 'expired' : isApproved ? 'approved' : 'proposed',
    countedBy,
    approvedBy: approvals,
    isFunded,
    isOver: ['settled', 'expired', 'cancelled'].includes(kept),
    digest,
    terms,
    isPayable,
    reversedMinor: reversals.reduce((sum, reversal) => sum + reversal, 0n),
    ...(await readDispute(node, { state: kept, windowSecs: terms.disputeWindowSecs }, at)),
  };
}

/** The end of the dispute window, or of the arbiters' time, and the evidence. Only a batch with a window can have been in dispute. */
async function readDispute(
  node: AptosNode,
  { state, windowSecs }: { readonly state: BatchState; readonly windowSecs: bigint },
  at: string,
): Promise<Pick<BatchView, 'payableAtMs' | 'evidenceHash'>> {
  if (state === 'executed') {
    const [, windowEndsAt] = await node.view('settlement::execution', at);
    return { payableAtMs: Number(windowEndsAt) * 1_000, evidenceHash: null };
  }
  const mayHaveBeen = windowSecs > 0n && (state === 'disputed' || state === 'resolved' || state === 'settled');
  if (!mayHaveBeen) return { payableAtMs: null, evidenceHash: null };
  const [, evidenceHash, resolveBy] = await node.view('settlement::dispute', at);
  return { payableAtMs: state === 'disputed' ? Number(resolveBy) * 1_000 : null, evidenceHash: evidenceHash === '' ? null : evidenceHash };
}

function referenceOf(sent: SentTransaction): ChainReference | null {
  if (sent.state !== 'executed' || sent.hash === null || sent.version === null) return null;
  return { transactionHash: sent.hash, ledgerVersion: sent.version, gasUsed: sent.gasUsed ?? 0n, gasUnitPrice: sent.gasUnitPrice ?? 0n };
}

/** Faults by which a node, or the way to it, cannot tell what is on the chain. */
const UNSEEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['chain_unavailable', 'chain_behind', 'chain_mismatch']);

/**
 * How a batch stands after something was sent for it. That the chain cannot be asked now is no fault then, for a fault would say that
 * nothing was sent: what came of it is unknown.
 */
export async function unknownIfUnseen(look: () => Promise<BatchStatus>): Promise<BatchStatus> {
  try {
    return await look();
  } catch (error) {
    if (!isFault(error) || !UNSEEN.has(error.code)) throw error;
    return { ...statusFrom(null, []), state: 'unknown' };
  }
}

/** Puts views and transactions together. A transaction that is open makes the state unknown. */
export function statusFrom(batch: BatchView | null, sent: readonly SentTransaction[]): BatchStatus {
  const steps: Record<string, ChainReference> = {};
  for (const each of sent) {
    const reference = referenceOf(each);
    if (reference !== null) steps[each.step] = reference;
  }
  const isOpen = sent.some(({ state }) => state === 'open');
  const state = isOpen ? 'unknown' : (batch?.state ?? 'absent');
  const cause = (CAUSES[state] ?? []).find((step) => steps[step] !== undefined);
  return {
    state,
    countedBy: batch?.countedBy ?? [],
    approvedBy: batch?.approvedBy ?? [],
    isFunded: batch?.isFunded ?? false,
    isOver: batch?.isOver ?? false,
    reference: cause === undefined ? null : (steps[cause] ?? null),
    steps,
    terms: batch?.terms ?? null,
    proposalDigest: batch?.digest ?? null,
    payableAtMs: batch?.payableAtMs ?? null,
    isPayable: batch?.isPayable ?? false,
    reversedMinor: batch?.reversedMinor ?? 0n,
    evidenceHash: batch?.evidenceHash ?? null,
  };
}
