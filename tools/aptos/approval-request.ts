/**
 * What somebody who keeps the key elsewhere is asked to sign, in words and in bytes. The bytes follow from the words: whoever signs
 * has them made anew from what was read, and signs nothing else (`checkRequest` of approval.ts).
 */
import { z } from 'zod';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';

const address = z.string().regex(/^0x[0-9a-f]{64}$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/);
/** A whole number without a sign, of up to 64 bits. */
const u64 = z
  .string()
  .regex(/^\d{1,20}$/)
  .refine((text) => BigInt(text) < 1n << 64n);
/** Whole seconds, as the chain counts them. */
const moment = z.iso
  .datetime()
  .regex(/^\d{4}-.*:\d\d(?:\.0+)?Z$/)
  .refine((text) => Date.parse(text) >= 0);
/** Shown to whoever signs: no line of its own, and nothing that moves about on a terminal. */
const shownName = z.string().regex(/^[\x21-\x7e]{1,64}$/);

/** The batch as the contract binds it. */
const batchSchema = z.object({
  id: z.uuid(),
  /** Of its object. */
  address,
  /** By which the contract knows all of the terms; the approval names it. */
  digest: hash,
  partner: shownName,
  currency: z.enum(CURRENCIES as [Currency, ...Currency[]]),
  /** Accounts: the fungible asset, who proposed, who pays, who is paid how much in minor units. */
  asset: address,
  proposer: address,
  payer: address,
  payouts: z.array(z.object({ recipient: address, amountMinor: u64 })),
  merkleRoot: hash,
  itemCount: u64,
  approvalsNeeded: u64,
  deadlineAt: moment,
  disputeWindowSecs: u64,
});

/** The transaction around the approval. */
const transactionSchema = z.object({
  sender: address,
  sequenceNumber: u64,
  /** What gas can cost at most: units times octas (0.00000001 APT) for each. */
  maxGasUnits: u64,
  gasUnitPriceOctas: u64,
  /** Who pays for it; null: the sender. */
  feePayer: address.nullable(),
  expiresAt: moment,
});

export const approvalRequestSchema = z.object({
  kind: z.literal('capp-approval-request'),
  network: z.enum(['mainnet', 'testnet', 'local']),
  chainId: z.int().min(1).max(255),
  contract: address,
  /** The function of the contract that is called, with the batch's address and its digest. */
  function: z.literal('settlement::approve'),
  batch: batchSchema,
  transaction: transactionSchema,
  /** Of the proposal as the platform knows it; whoever hands the approval in names it. */
  proposalDigest: hash,
  /** The transaction in BCS, without any signature. */
  bytes: hex,
  /** The bytes to sign with Ed25519. */
  message: hex,
});

export type ApprovalRequest = z.infer<typeof approvalRequestSchema>;

/** An approval that is signed, ready to be handed in. */
export const signedApprovalSchema = z.object({
  kind: z.literal('capp-signed-approval'),
  batchId: z.uuid(),
  proposalDigest: hash,
  transaction: hex,
  authenticator: hex,
});

export type SignedApprovalFile = z.infer<typeof signedApprovalSchema>;

/** One that only some keys of its account have signed so far; the signatures (64 bytes) by public key. */
export const partlySignedSchema = z.object({
  kind: z.literal('capp-partly-signed-approval'),
  request: approvalRequestSchema,
  signatures: z.record(hash, z.string().regex(/^[0-9a-f]{128}$/)),
});

export type PartlySigned = z.infer<typeof partlySignedSchema>;
