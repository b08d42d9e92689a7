/** The proof of a payment as it leaves us: from its legs to the root of the batch that pays them. */
import type { CarriedRow, ProofBatchRow, ProofRows } from '../../../db/queries/settlement-proofs.ts';
import type { Currency } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { type BatchTree, indexOfItem, itemAt, proofOfCarried, proofOfItem } from '../../../tools/aptos/items.ts';
import type { MerkleProof } from '../../../tools/aptos/merkle.ts';
import type { SettlementProof } from '../../../tools/aptos/settlement-proof.ts';
import { momentOut } from './common.ts';

/** Makes the proof. Throws `internal` when a batch lacks an item that it must have. */
export function settlementProofOf(paymentId: string, { legs, batches, carried }: ProofRows): SettlementProof {
  const trees = new Map(batches.map((batch) => [batch.id, treeOf(batch, carried)]));
  const links = carried.filter(({ carriedId, carriedTo }) => trees.has(carriedId) && trees.has(carriedTo));
  return {
    kind: 'capp-settlement-proof',
    paymentId,
    legs: legs.map(({ leg, batchId }) => legOf(paymentId, leg, trees.get(batchId))),
    carried: links.flatMap(({ carriedId, carriedTo }) => {
      const tree = trees.get(carriedTo);
      return tree === undefined ? [] : [{ batchId: carriedId, carriedTo, proof: placeOf(proofOfCarried(tree, carriedId)) }];
    }),
    batches: batches.map(batchOf),
  };
}

function treeOf({ id, currency, items }: ProofBatchRow, carried: readonly CarriedRow[]): BatchTree {
  return { batchId: id, currency: currency as Currency, items, carried: carried.filter(({ carriedTo }) => carriedTo === id) };
}

const placeOf = ({ path, ...place }: MerkleProof) => ({ ...place, path: [...path] });

function legOf(paymentId: string, leg: 'collection' | 'payout', tree: BatchTree | undefined): SettlementProof['legs'][number] {
  const index = tree === undefined ? -1 : indexOfItem(tree.items, paymentId, leg);
  if (tree === undefined || index < 0) throw fault('internal', { internal: `no batch holds the ${leg} of ${paymentId}` });
  const { batchId, currency, items } = tree;
  const amountMinor = itemAt(items, index).amountMinor.toString();
  return { leg, amountMinor, currency, batchId, proof: placeOf(proofOfItem(tree, index)) };
}

function batchOf(row: ProofBatchRow): SettlementProof['batches'][number] {
  return {
    id: row.id,
    partner: row.partner,
    currency: row.currency as Currency,
    merkleRoot: row.merkleRoot,
    itemCount: row.itemCount,
    netMinor: row.netAmount.toString(),
    dueMinor: row.dueAmount.toString(),
    reversedMinor: row.reversedAmount.toString(),
    method: row.method,
    status: row.status,
    approvalsNeeded: row.approvalsNeeded,
    deadlineAt: momentOut(row.deadlineAt),
    proposalDigest: row.proposalDigest,
    transactionHash: row.transactionHash,
    ledgerVersion: row.ledgerVersion?.toString() ?? null,
    settledAt: momentOut(row.settledAt),
  };
}
