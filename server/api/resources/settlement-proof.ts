/** The proof of a payment as it leaves us: from its legs to the root of the batch that pays them. */
import type { Queryable } from '../../../db/connect.ts';
import {
  findProofBatches,
  findProofLegs,
  findProofTrees,
  type ProofBatchRow,
  type ProofLegRow,
  type TreeRows,
} from '../../../db/queries/settlement-proofs.ts';
import type { Currency } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { type BatchTree, indexOfItem, itemAt, proofOfCarried, proofOfItem } from '../../../tools/aptos/items.ts';
import { HASH_BYTES, type MerkleProof } from '../../../tools/aptos/merkle.ts';
import type { SettlementProof } from '../../../tools/aptos/settlement-proof.ts';
import { momentOut } from './common.ts';

/** More trees than this are not hashed again for one proof, where places in them were not kept. */
const TREES_MAX = 16;

/**
 * Makes the proof. Throws `proof_not_ready` while the payment is in no window, `proof_too_long` beyond what one proof may take, `internal`
 * when a batch lacks what it must have.
 */
export async function proveSettlement(db: Queryable, clientId: string, paymentId: string): Promise<SettlementProof> {
  const legs = await findProofLegs(db, clientId, paymentId);
  if (legs === null) throw fault('proof_too_long');
  if (legs.length === 0) throw fault('proof_not_ready');
  const batches = await findProofBatches(db, [...new Set(legs.flatMap(({ way }) => way))]);
  const byId = new Map(batches.map((batch) => [batch.id, batch]));
  const links = linksOf(legs);
  const unplaced = links.filter(({ batchId }) => !byId.get(batchId)?.carriedPath).map(({ carriedTo }) => carriedTo);
  const wanted = new Set([...legs.flatMap(({ way }) => way.slice(0, 1)), ...unplaced]);
  if (wanted.size > TREES_MAX) throw fault('proof_too_long');
  const trees = treesOf(byId, wanted, await findProofTrees(db, [...wanted]));
  return {
    kind: 'capp-settlement-proof',
    paymentId,
    legs: legs.map(({ leg, way }) => legOf(paymentId, leg, trees.get(way[0] ?? ''))),
    carried: links.map((link) => ({ ...link, proof: placeOf(placeIn(byId, trees, link)) })),
    batches: batches.map(batchOf),
  };
}

interface Link {
  readonly batchId: string;
  readonly carriedTo: string;
}

/** Which batch took over which, each once, though both legs lead through it. */
function linksOf(legs: readonly ProofLegRow[]): Link[] {
  const next = new Map(legs.flatMap(({ way }) => way.slice(1).map((carriedTo, index): [string, string] => [way[index] ?? '', carriedTo])));
  return [...next].map(([batchId, carriedTo]) => ({ batchId, carriedTo }));
}

function treesOf(batches: ReadonlyMap<string, ProofBatchRow>, wanted: ReadonlySet<string>, rows: TreeRows): Map<string, BatchTree> {
  const trees = [...wanted].flatMap((batchId): [string, BatchTree][] => {
    const [batch, items] = [batches.get(batchId), rows.items.get(batchId)];
    if (batch === undefined || items === undefined) return [];
    const carried = rows.carried.filter(({ carriedTo }) => carriedTo === batchId);
    return [[batchId, { batchId, currency: batch.currency as Currency, items, carried }]];
  });
  return new Map(trees);
}

/** The place of a batch in the one that took it over, as it was kept, or from the whole tree. */
function placeIn(batches: ReadonlyMap<string, ProofBatchRow>, trees: ReadonlyMap<string, BatchTree>, link: Link): MerkleProof {
  const { carriedIndex: index = null, carriedPath = null } = batches.get(link.batchId) ?? {};
  const [by, tree] = [batches.get(link.carriedTo), trees.get(link.carriedTo)];
  if (index !== null && carriedPath !== null && by !== undefined) return { index, size: by.itemCount, path: hashesOf(carriedPath) };
  if (tree === undefined) throw fault('internal', { internal: `batch ${link.carriedTo} has no tree` });
  return proofOfCarried(tree, link.batchId);
}

function hashesOf(strung: Buffer): string[] {
  return Array.from({ length: strung.length / HASH_BYTES }, (_, index) =>
    strung.toString('hex', index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
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
