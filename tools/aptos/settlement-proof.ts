/**
 * Proof that a payment stands in a settlement batch, for whoever has the file and no database.
 *
 * Each leg leads by hashes alone to the root of its batch. Where that batch was not paid itself, because it stayed on the books or
 * missed its deadline, its root and size are a leaf of the batch that took it over, and so on to the one that the chain pays: that one
 * names the transaction by which its root was executed. What the file says of transactions is the prover's word until the chain is
 * asked, and a leg whose way ends on the books is on no chain at all.
 */
import { z } from 'zod';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { formatAmount, money } from '../../domain/money.ts';
import { BATCH_STATUSES, type BatchStatus } from '../../domain/settlement.ts';
import { hashCarriedLeaf, hashLeaf, verifyMerkleProof } from './merkle.ts';
import { proposalDigest } from './proposal.ts';
import type { ChainReader } from './reader.ts';
import {
  type BatchProposal,
  type ChainState,
  type ChainTerms,
  differingTerms,
  TERM_CODES,
  type TermCode,
  type TermName,
} from './settlement-chain.ts';

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const currencySchema = z.enum(CURRENCIES as [Currency, ...Currency[]]);
const minorSchema = z.string().regex(/^-?\d{1,19}$/);
const placeSchema = z.strictObject({ index: z.int().min(0), size: z.int().min(1), path: z.array(hashSchema).max(64) });

/** More batches than a proof is ever written with. */
const BATCHES_MAX = 10_000;

const provenLegSchema = z.strictObject({
  leg: z.enum(['collection', 'payout']),
  amountMinor: z.string().regex(/^[1-9]\d{0,18}$/),
  currency: currencySchema,
  batchId: z.uuid(),
  proof: placeSchema,
});

const carriedSchema = z.strictObject({
  batchId: z.uuid().describe('A batch that was not paid itself.'),
  carriedTo: z.uuid().describe('The batch of the same partner that took over what it had left.'),
  proof: placeSchema.describe('From the leaf of its id, due, root and size to the root of the batch that took it over.'),
});

const provenBatchSchema = z.strictObject({
  id: z.uuid(),
  partner: z.string(),
  currency: currencySchema,
  merkleRoot: hashSchema,
  itemCount: z.int().min(1),
  netMinor: minorSchema,
  dueMinor: minorSchema,
  reversedMinor: z.string().regex(/^\d{1,19}$/),
  method: z.enum(['books', 'chain']),
  status: z.enum(BATCH_STATUSES),
  approvalsNeeded: z.int().min(0),
  deadlineAt: z.iso.datetime().nullable(),
  proposalDigest: hashSchema.nullable(),
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
  carried: z.array(carriedSchema).max(BATCHES_MAX),
  batches: z.array(provenBatchSchema).min(1).max(BATCHES_MAX),
});

export type SettlementProof = z.infer<typeof settlementProofSchema>;
type ProvenBatch = SettlementProof['batches'][number];
type ProvenLeg = SettlementProof['legs'][number];
type Carried = SettlementProof['carried'][number];

/** What a true proof shows of a payment that was not simply paid, gravest first; each is a verdict of its own. */
const SHORTFALLS = ['reversed', 'partly_reversed', 'frozen', 'not_paid', 'not_on_chain'] as const;
export type ProofShortfall = (typeof SHORTFALLS)[number];

/**
 * `inclusion_broken`: hashes do not lead to the root · `file_inconsistent`: parts of the file do not belong together ·
 * `digest_broken`: the digest that was approved is not of the batch in the file · a shortfall: nothing is wrong, and the chain has not paid a
 * leg, or not all of it · the others: the chain holds it otherwise.
 */
export type ProofFaultCode =
  | 'inclusion_broken'
  | 'file_inconsistent'
  | 'digest_broken'
  | ProofShortfall
  | 'status_differs'
  | TermCode
  | 'reversal_differs'
  | 'transaction_differs'
  | 'version_differs';

/** Something that does not hold of a proof, or that it falls short of. */
export interface ProofFault {
  readonly code: ProofFaultCode;
  /** A sentence. */
  readonly detail: string;
}

/**
 * `wrong`: something does not hold. All others hold · `reversed`: arbiters gave all of a leg's batch back to its payer ·
 * `partly_reversed`: they gave back a part · `frozen`: a dispute keeps it from being paid · `not_paid`: it goes over the chain, which has not
 * paid it yet · `not_on_chain`: no batch of the chain pays it.
 */
export type ProofVerdict = 'holds' | ProofShortfall | 'wrong';

/** The gravest that was found. */
export function verdictOf(faults: readonly ProofFault[]): ProofVerdict {
  if (faults.length === 0) return 'holds';
  const codes = new Set<string>(faults.map(({ code }) => code));
  const found = SHORTFALLS.filter((code) => codes.has(code));
  return found.length === codes.size ? (found[0] ?? 'wrong') : 'wrong';
}

/** Reads a proof file. Throws `malformed_body` for what is none. */
export function readSettlementProof(value: unknown): SettlementProof {
  const parsed = settlementProofSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const detail = 'This is no settlement proof as this version of CAPP writes it. Fetch it with: capp proof get PAYMENT';
  throw fault('malformed_body', { detail });
}

/** The batches that a leg leads through, from the one that holds it to the last one in the file. Ends where they go round in a circle. */
export function wayOf(proof: SettlementProof, leg: Pick<ProvenLeg, 'batchId'>): readonly ProvenBatch[] {
  const batches = new Map(proof.batches.map((batch) => [batch.id, batch]));
  const next = new Map(proof.carried.map(({ batchId, carriedTo }) => [batchId, carriedTo]));
  const way = new Map<string, ProvenBatch>();
  for (let at = batches.get(leg.batchId); at !== undefined && !way.has(at.id); at = batches.get(next.get(at.id) ?? '')) way.set(at.id, at);
  return [...way.values()];
}

/** Whether a batch is to be paid over the chain itself: the others go into another one, or wait to. */
export function isPaidByChain({ method, status }: Pick<ProvenBatch, 'method' | 'status'>): boolean {
  return method === 'chain' && status !== 'expired';
}

/** What does not hold of a proof; nothing when every leg leads to its last root. Needs SHA-256 alone. */
export function checkSettlementProof(proof: SettlementProof): ProofFault[] {
  const batches = new Map(proof.batches.map((batch) => [batch.id, batch]));
  const reached = new Set(proof.legs.flatMap((leg) => wayOf(proof, leg).map(({ id }) => id)));
  const idle = proof.batches.filter(({ id }) => !reached.has(id));
  return [
    ...proof.legs.flatMap((leg) => wrongLeg(proof.paymentId, leg, batches.get(leg.batchId))),
    ...proof.carried.flatMap((link) => wrongLink(link, batches.get(link.batchId), batches.get(link.carriedTo))),
    ...proof.batches.flatMap(wrongDigest),
    ...twice(proof.legs.map(({ leg }) => leg)).map(() => inconsistent('a leg stands twice in the file')),
    ...twice(proof.batches.map(({ id }) => id)).map(() => inconsistent('a batch stands twice in the file')),
    ...twice(proof.carried.map(({ batchId }) => batchId)).map((id) => inconsistent(`batch ${id} is taken over twice`)),
    ...idle.map(({ id }) => inconsistent(`no leg of the file is in batch ${id}`)),
  ];
}

const inconsistent = (detail: string): ProofFault => ({ code: 'file_inconsistent', detail });

/** What stands more than once. */
function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function wrongLeg(paymentId: string, leg: ProvenLeg, batch: ProvenBatch | undefined): ProofFault[] {
  const name = `the ${leg.leg}`;
  if (batch === undefined) return [inconsistent(`${name} names a batch that is not in the file`)];
  if (leg.currency !== batch.currency) return [inconsistent(`${name} is of another currency than its batch`)];
  if (leg.proof.size !== batch.itemCount) return [inconsistent(`${name} is proven for a tree of another size`)];
  const { currency } = leg;
  const leaf = hashLeaf({ batchId: batch.id, paymentId, leg: leg.leg, amountMinor: BigInt(leg.amountMinor), currency });
  if (verifyMerkleProof(leaf, leg.proof, batch.merkleRoot)) return [];
  return [{ code: 'inclusion_broken', detail: `${name} does not lead to the root of its batch` }];
}

function wrongLink(link: Carried, from: ProvenBatch | undefined, to: ProvenBatch | undefined): ProofFault[] {
  const name = `batch ${link.batchId}`;
  if (from === undefined || to === undefined) return [inconsistent(`${name}, or the one that took it over, is not in the file`)];
  if (isPaidByChain(from)) return [inconsistent(`${name} is paid by the chain itself, and taken over besides`)];
  if (from.partner !== to.partner || from.currency !== to.currency)
    return [inconsistent(`${name} was taken over by one of another partner or currency`)];
  if (BigInt(from.dueMinor) === 0n) return [inconsistent(`${name} had nothing left to take over`)];
  if (link.proof.size !== to.itemCount) return [inconsistent(`${name} is proven for a tree of another size`)];
  const { currency, merkleRoot, itemCount } = from;
  const leaf = hashCarriedLeaf({
    batchId: to.id,
    carriedId: from.id,
    dueMinor: BigInt(from.dueMinor),
    currency,
    merkleRoot,
    itemCount,
  });
  if (verifyMerkleProof(leaf, link.proof, to.merkleRoot)) return [];
  return [{ code: 'inclusion_broken', detail: `${name} does not lead to the root of the batch that took it over` }];
}

/** What was put before the approvers of a batch, by the file. */
function proposalOf(batch: ProvenBatch): BatchProposal {
  return {
    batchId: batch.id,
    obligation: { partner: batch.partner, currency: batch.currency, netMinor: BigInt(batch.dueMinor) },
    merkleRoot: batch.merkleRoot,
    itemCount: batch.itemCount,
    approvalsNeeded: batch.approvalsNeeded,
    deadlineMs: batch.deadlineAt === null ? 0 : Date.parse(batch.deadlineAt),
  };
}

function wrongDigest(batch: ProvenBatch): ProofFault[] {
  if (batch.proposalDigest === null || batch.proposalDigest === proposalDigest(proposalOf(batch))) return [];
  return [{ code: 'digest_broken', detail: `batch ${batch.id} is not the one that its proposal's digest is of` }];
}

/**
 * What the chain itself says otherwise than a proof: of each batch that is paid there, its state, what was bound to it, what arbiters
 * gave back, and the transaction that executed it, and whether it has been paid in full; of each that was taken over, that it was not paid there as well. A leg that no
 * batch of the chain pays is `not_on_chain`.
 */
export async function checkOnChain(reader: ChainReader, proof: SettlementProof): Promise<ProofFault[]> {
  const faults = await Promise.all(
    proof.batches.map((batch) => (isPaidByChain(batch) ? wrongOnChain(reader, batch) : paidBesides(reader, batch))),
  );
  return [...faults.flat(), ...proof.legs.flatMap((leg) => notOnChain(leg, wayOf(proof, leg).at(-1)))];
}

function notOnChain({ leg }: ProvenLeg, last: ProvenBatch | undefined): ProofFault[] {
  if (last === undefined || isPaidByChain(last)) return [];
  const isOpen = BigInt(last.dueMinor) !== 0n;
  const why = isOpen
    ? 'what is due there waits for the next batch of its partner that a chain pays'
    : 'nothing is due there that a chain would pay';
  return [{ code: 'not_on_chain', detail: `the ${leg} ends in batch ${last.id}, which no chain has paid: ${why}` }];
}

/** What the chain may have made of a batch since the file was written, or be about to. */
const EXECUTED: readonly ChainState[] = ['executed', 'disputed', 'resolved', 'settled'];
const ENDED: readonly ChainState[] = ['expired', 'refunded'];
const REACHED: Readonly<Record<BatchStatus, readonly ChainState[]>> = {
  closed: ['absent', 'proposed', 'approved', ...ENDED, ...EXECUTED],
  proposed: ['proposed', 'approved', ...ENDED, ...EXECUTED],
  approved: ['approved', ...ENDED, ...EXECUTED],
  executed: EXECUTED,
  disputed: ['disputed', 'resolved', 'settled'],
  settled: ['settled'],
  expired: ['absent', 'refunded'],
  mismatched: [],
};

async function paidBesides(reader: ChainReader, batch: ProvenBatch): Promise<ProofFault[]> {
  const { state } = await reader.status(batch.id);
  const expected = batch.method === 'books' ? ['absent'] : REACHED.expired;
  if (expected.includes(state)) return [];
  return [statusDiffers(batch, state, batch.method === 'books' ? 'on the books' : batch.status)];
}

function statusDiffers({ id }: ProvenBatch, state: ChainState, inFile: string): ProofFault {
  return { code: 'status_differs', detail: `batch ${id} is ${state} on the chain, and ${inFile} in the file` };
}

const TERM_WORDS: Readonly<Record<TermName, string>> = {
  partner: 'partner or recipient',
  currency: 'currency',
  amount: 'amount',
  root: 'root',
  count: 'number of items',
  quorum: 'number of approvals it needs',
  deadline: 'deadline',
  digest: 'digest than that of its terms',
};

async function wrongOnChain(reader: ChainReader, batch: ProvenBatch): Promise<ProofFault[]> {
  const { state, terms, reversedMinor } = await reader.status(batch.id);
  const isThere = terms !== null || state === 'absent';
  if (!isThere || !REACHED[batch.status].includes(state)) return [statusDiffers(batch, state, batch.status), ...termFaults(batch, terms)];
  // A file from before the payout cannot tell of what arbiters gave back since.
  const isReversed = reversedMinor === BigInt(batch.reversedMinor) || (batch.status !== 'settled' && BigInt(batch.reversedMinor) === 0n);
  const reversal = `batch ${batch.id} had ${reversedMinor} given back on the chain, and ${batch.reversedMinor} in the file`;
  return [
    ...termFaults(batch, terms),
    ...(isReversed ? [] : [{ code: 'reversal_differs', detail: reversal } as const]),
    ...(await wrongTransaction(reader, batch)),
    ...shortOf(batch, state, reversedMinor),
  ];
}

function termFaults(batch: ProvenBatch, terms: ChainTerms | null): ProofFault[] {
  if (terms === null) return [];
  return differingTerms(proposalOf(batch), terms).map(
    (name): ProofFault => ({ code: TERM_CODES[name], detail: `batch ${batch.id} has another ${TERM_WORDS[name]} on the chain` }),
  );
}

/** What keeps a batch whose state is one that the file leads to from having been paid in full. */
function shortOf({ id, dueMinor, currency }: ProvenBatch, state: ChainState, reversedMinor: bigint): ProofFault[] {
  const due = BigInt(dueMinor) < 0n ? -BigInt(dueMinor) : BigInt(dueMinor);
  const amount = (minor: bigint) => `${formatAmount(money(minor, currency))} ${currency}`;
  const given = `arbiters gave ${amount(reversedMinor)} of ${amount(due)} of batch ${id} back to its payer`;
  const left = reversedMinor < due ? `, and ${amount(due - reversedMinor)} ${state === 'settled' ? 'was' : 'is yet to be'} paid` : '';
  const reversal: ProofFault[] =
    reversedMinor === 0n ? [] : [{ code: reversedMinor < due ? 'partly_reversed' : 'reversed', detail: `${given}${left}` }];
  if (state === 'settled') return reversal;
  if (state === 'disputed')
    return [...reversal, { code: 'frozen', detail: `batch ${id} is frozen by a dispute on the chain, and not paid` }];
  return [...reversal, { code: 'not_paid', detail: `batch ${id} is ${state} on the chain, and not paid${isOver(state)}` }];
}

/** What ended there is paid by a later batch, of which a newer file tells. */
const isOver = (state: ChainState): string => (ENDED.includes(state) ? '; fetch the proof anew' : ' yet');

/** A file that was written before the execution names no transaction. */
async function wrongTransaction(reader: ChainReader, batch: ProvenBatch): Promise<ProofFault[]> {
  const { id, transactionHash, ledgerVersion } = batch;
  if (transactionHash === null)
    return ledgerVersion === null ? [] : [inconsistent(`batch ${id} has a version and no transaction in the file`)];
  const executed = (await reader.executions(transactionHash)).find(({ batchId }) => batchId === id);
  const differs = (detail: string): ProofFault => ({ code: 'transaction_differs', detail: `batch ${id} ${detail} ${transactionHash}` });
  if (executed === undefined) return [differs('was not executed by transaction')];
  const version = `batch ${id} was executed at version ${executed.ledgerVersion} of the ledger`;
  return [
    ...(executed.merkleRoot === batch.merkleRoot ? [] : [differs('was executed with another root by transaction')]),
    ...(executed.ledgerVersion.toString() === ledgerVersion ? [] : [{ code: 'version_differs', detail: version } as const]),
  ];
}
