/**
 * Proof that a payment stands in a settlement batch, for whoever has the file and no database: each leg leads by
 * hashes alone to the root of its batch, and the batch names the transaction by which that root was executed on
 * the chain. What the file says of root and transaction is the prover's word until the chain is asked.
 */
import { z } from 'zod';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { hashLeaf, verifyMerkleProof } from './merkle.ts';
import type { ChainReader } from './reader.ts';
import type { ChainState } from './settlement-chain.ts';

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const currencySchema = z.enum(CURRENCIES as [Currency, ...Currency[]]);
const minorSchema = z.string().regex(/^-?\d{1,19}$/);

export const provenLegSchema = z.strictObject({
  leg: z.enum(['collection', 'payout']),
  amountMinor: z.string().regex(/^[1-9]\d{0,18}$/),
  currency: currencySchema,
  batchId: z.uuid(),
  proof: z.strictObject({ index: z.int().min(0), size: z.int().min(1), path: z.array(hashSchema).max(64) }),
});

export const provenBatchSchema = z.strictObject({
  id: z.uuid(),
  partner: z.string(),
  currency: currencySchema,
  merkleRoot: hashSchema,
  itemCount: z.int().min(1),
  netMinor: minorSchema,
  dueMinor: minorSchema,
  method: z.enum(['books', 'chain']),
  status: z.string(),
  transactionHash: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .nullable(),
  ledgerVersion: z.string().regex(/^\d+$/).nullable(),
  settledAt: z.string().nullable(),
});

export const settlementProofSchema = z.strictObject({
  kind: z.literal('capp-settlement-proof'),
  paymentId: z.uuid(),
  legs: z.array(provenLegSchema).min(1).max(2),
  batches: z.array(provenBatchSchema).min(1).max(2),
});

export type SettlementProof = z.infer<typeof settlementProofSchema>;

/** Reads a proof file. Throws `malformed_body` for what is none. */
export function readSettlementProof(value: unknown): SettlementProof {
  const parsed = settlementProofSchema.safeParse(value);
  if (!parsed.success) throw fault('malformed_body', { detail: 'This is no settlement proof that CAPP wrote.' });
  return parsed.data;
}

/** What does not hold of a proof, in sentences; nothing when every leg leads to its root. Needs SHA-256 alone. */
export function checkSettlementProof(proof: SettlementProof): string[] {
  const batches = new Map(proof.batches.map((batch) => [batch.id, batch]));
  const faults = proof.legs.flatMap((leg) => {
    const name = `the ${leg.leg}`;
    const batch = batches.get(leg.batchId);
    if (batch === undefined) return [`${name} names a batch that is not in the file`];
    if (leg.currency !== batch.currency) return [`${name} is of another currency than its batch`];
    if (leg.proof.size !== batch.itemCount) return [`${name} is proven for a tree of another size`];
    const leaf = hashLeaf({
      batchId: batch.id,
      paymentId: proof.paymentId,
      leg: leg.leg,
      amountMinor: BigInt(leg.amountMinor),
      currency: leg.currency,
    });
    return verifyMerkleProof(leaf, leg.proof, batch.merkleRoot) ? [] : [`${name} does not lead to the root of its batch`];
  });
  const legs = proof.legs.map((leg) => leg.leg);
  const named = new Set(proof.legs.map((leg) => leg.batchId));
  const idle = proof.batches.filter((batch) => !named.has(batch.id));
  return [
    ...faults,
    ...(new Set(legs).size === legs.length ? [] : ['a leg stands twice in the file']),
    ...(batches.size === proof.batches.length ? [] : ['a batch stands twice in the file']),
    ...idle.map((batch) => `no leg of the file is in batch ${batch.id}`),
  ];
}

/** What the chain itself says of the batches of a proof: whether each was executed as the file has it, by the transaction it names. */
export async function checkOnChain(reader: ChainReader, proof: SettlementProof): Promise<string[]> {
  const faults = await Promise.all(proof.batches.map((batch) => wrongOnChain(reader, batch)));
  return proof.batches.flatMap(({ id }, index) => (faults[index] ?? []).map((what) => `batch ${id} ${what}`));
}

type ProvenBatch = SettlementProof['batches'][number];

const EXECUTED: readonly ChainState[] = ['executed', 'disputed', 'resolved', 'settled'];

async function wrongOnChain(reader: ChainReader, batch: ProvenBatch): Promise<string[]> {
  const seen = await reader.status(batch.id);
  if (batch.method === 'books') return seen.state === 'absent' ? [] : [`is ${seen.state} on the chain, and on the books in the file`];
  if (!EXECUTED.includes(seen.state)) return [`is ${seen.state} on the chain, not executed`];
  const differs = [
    [seen.merkleRoot === batch.merkleRoot, 'root'],
    [seen.itemCount === batch.itemCount, 'number of items'],
    [seen.partner === batch.partner, 'partner'],
    [seen.currency === batch.currency, 'currency'],
    [seen.dueMinor === BigInt(batch.dueMinor), 'amount'],
  ] as const;
  const faults = differs.flatMap(([isSame, what]) => (isSame ? [] : [`has another ${what} on the chain`]));
  return [...faults, ...(await wrongTransaction(reader, batch))];
}

/** A file that was written before the execution names no transaction. */
async function wrongTransaction(reader: ChainReader, batch: ProvenBatch): Promise<string[]> {
  const { transactionHash, ledgerVersion } = batch;
  if (transactionHash === null) return ledgerVersion === null ? [] : ['has a version and no transaction in the file'];
  const executed = (await reader.executions(transactionHash)).find(({ batchId }) => batchId === batch.id);
  if (executed === undefined) return [`was not executed by transaction ${transactionHash}`];
  return [
    ...(executed.merkleRoot === batch.merkleRoot ? [] : [`was executed with another root by transaction ${transactionHash}`]),
    ...(executed.ledgerVersion.toString() === ledgerVersion ? [] : [`was executed at version ${executed.ledgerVersion} of the ledger`]),
  ];
}
