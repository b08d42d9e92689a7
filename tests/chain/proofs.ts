/** Proofs for tests of `capp proof`, of payments that a sandbox chain has paid. */
import { approved, type ChainWorld, PARTNER, proposalOf } from './world.ts';
import { indexOfItem, packItems, proofOfCarried, proofOfItem, rootBatch } from '../../tools/aptos/items.ts';
import type { MerkleProof } from '../../tools/aptos/merkle.ts';
import { proposalDigest } from '../../tools/aptos/proposal.ts';
import type { SettlementProof } from '../../tools/aptos/settlement-proof.ts';

export const PAYMENT = '0190a0b0-1111-7000-8000-000000000002';
export const AMOUNT = 50_000n;

export type Batch = SettlementProof['batches'][number];

export const OTHER = '0190a0b0-1111-7000-8000-0000000000ff';
export const OTHER_BATCH = '0190a0b0-2222-7000-8000-000000000001';
export const OTHER_TREE = {
  batchId: OTHER_BATCH,
  currency: 'KES',
  items: packItems([{ paymentId: OTHER, leg: 'collection', amountMinor: AMOUNT }]),
  carried: [],
} as const;

/** A batch that is on the books alone, and the leg of a payment that is all of it. */
export const otherBatch = (): Batch => ({
  id: OTHER_BATCH,
  partner: PARTNER,
  currency: 'KES',
  merkleRoot: rootBatch(OTHER_TREE).root,
  itemCount: 1,
  netMinor: AMOUNT.toString(),
  dueMinor: AMOUNT.toString(),
  reversedMinor: '0',
  method: 'books',
  status: 'settled',
  approvalsNeeded: 0,
  deadlineAt: null,
  proposalDigest: null,
  transactionHash: null,
  ledgerVersion: null,
  settledAt: null,
});
export const otherLeg = (): SettlementProof['legs'][number] => ({
  leg: 'collection',
  amountMinor: AMOUNT.toString(),
  currency: 'KES',
  batchId: OTHER_BATCH,
  proof: { index: 0, size: 1, path: [] },
});
export const carriedOf = ({ id, dueMinor, merkleRoot, itemCount }: Batch) => ({
  carriedId: id,
  dueMinor: BigInt(dueMinor),
  merkleRoot,
  itemCount,
});
export const copyOf = ({ path, ...place }: MerkleProof) => ({ ...place, path: [...path] });

export interface PaidProofs {
  /** The batch that the chain has paid. */
  readonly paying: Batch;
  /** Of a payment in it. */
  readonly proof: SettlementProof;
  /** Of one in a batch on the books, which it took over. */
  readonly carried: SettlementProof;
  /** The transaction that proposed it. */
  readonly proposedBy: string;
}

/** Settles a batch of five payments, and one that it took over, on the chain of a world. */
export async function settleProven(world: ChainWorld): Promise<PaidProofs> {
  const deadlineMs = Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000;
  const bare = proposalOf({ deadlineMs, itemCount: 6 });
  const items = packItems(
    [1, 2, 3, 4, 5].map((number) => ({
      paymentId: `0190a0b0-1111-7000-8000-00000000000${number}`,
      leg: 'collection' as const,
      amountMinor: number === 2 ? AMOUNT : BigInt(number),
    })),
  );
  const tree = { batchId: bare.batchId, currency: 'KES', items, carried: [carriedOf(otherBatch())] } as const;
  const proposal = { ...bare, merkleRoot: rootBatch(tree).root };
  await approved(world, proposal);
  const { reference, steps } = await world.chain.execute(proposal.batchId);
  const paying: Batch = {
    id: proposal.batchId,
    partner: proposal.obligation.partner,
    currency: 'KES',
    merkleRoot: proposal.merkleRoot,
    itemCount: 6,
    netMinor: (1_250_000n - AMOUNT).toString(),
    dueMinor: '1250000',
    reversedMinor: '0',
    method: 'chain',
    status: 'settled',
    approvalsNeeded: proposal.approvalsNeeded,
    deadlineAt: new Date(deadlineMs).toISOString(),
    proposalDigest: proposalDigest(proposal),
    transactionHash: reference?.transactionHash ?? null,
    ledgerVersion: reference?.ledgerVersion.toString() ?? null,
    settledAt: null,
  };
  const place = proofOfItem(tree, indexOfItem(items, PAYMENT, 'collection'));
  const proof: SettlementProof = {
    kind: 'capp-settlement-proof',
    paymentId: PAYMENT,
    legs: [{ leg: 'collection', amountMinor: AMOUNT.toString(), currency: 'KES', batchId: tree.batchId, proof: copyOf(place) }],
    carried: [],
    batches: [paying],
  };
  const carried: SettlementProof = {
    kind: 'capp-settlement-proof',
    paymentId: OTHER,
    legs: [otherLeg()],
    carried: [{ batchId: OTHER_BATCH, carriedTo: tree.batchId, proof: copyOf(proofOfCarried(tree, OTHER_BATCH)) }],
    batches: [otherBatch(), paying],
  };
  return { paying, proof, carried, proposedBy: steps['propose']?.transactionHash ?? '' };
}
