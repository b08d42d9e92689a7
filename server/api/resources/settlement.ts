/** Settlement as it looks from outside: batches, their way over the chain, disputes, cases, proofs. */
import { z } from '@hono/zod-openapi';
import type { Pool } from 'pg';
import {
  type ApprovalRow,
  type BatchRow,
  findSettlementApprovals,
  findSettlementBatch,
  findSettlementSteps,
  type SettlementCaseRow,
  type StepRow,
} from '../../../db/queries/settlement.ts';
import { type DisputeRow, findSettlementDispute, findSettlementVotes, type VoteRow } from '../../../db/queries/settlement-disputes.ts';
import type { Currency } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { BATCH_STATUSES } from '../../../domain/settlement.ts';
import { currencySchema, idSchema, minorSchema, momentOut, momentSchema } from './common.ts';
import { factsSchema, reasonSchema } from './oversight.ts';

const signedMinor = z.string().openapi({ description: 'Minor units; positive, the partner owes us.', example: '-336000' });

export const settlementBatchSchema = z
  .object({
    id: idSchema,
    windowId: idSchema,
    partner: z.string().openapi({ example: 'mtn-ug' }),
    currency: currencySchema,
    paymentCount: z.int(),
    itemCount: z
      .int()
      .openapi({ description: 'Leaves of the Merkle tree: one for each leg, and one for each batch that was carried to it.' }),
    collectedMinor: minorSchema,
    disbursedMinor: minorSchema,
    netMinor: signedMinor,
    carriedMinor: signedMinor.openapi({ description: 'What earlier batches of the partner left on the books.' }),
    dueMinor: signedMinor.openapi({ description: 'Net and carried: what the batch settles.' }),
    reversedMinor: minorSchema.openapi({ description: 'What arbiters on chain gave back of it to its payer.' }),
    merkleRoot: z.string(),
    method: z.enum(['books', 'chain']),
    status: z.enum(BATCH_STATUSES),
    approvalBy: z.enum(['policy', 'people']).nullable(),
    approvalsNeeded: z.int(),
    deadlineAt: momentSchema.nullable(),
    proposalDigest: z.string().nullable().openapi({ description: 'An approval must carry it.' }),
    carriedTo: idSchema.nullable(),
    transactionHash: z.string().nullable(),
    ledgerVersion: z.string().nullable(),
    payableAt: momentSchema.nullable().openapi({
      description: 'When an executed batch is paid if nothing else happens: the end of its dispute window, or of the time arbiters have.',
    }),
    evidenceHash: z
      .string()
      .nullable()
      .openapi({ description: 'Of the evidence of its dispute, as the chain has it; a vote must carry it.' }),
    createdAt: momentSchema,
    settledAt: momentSchema.nullable(),
  })
  .openapi('SettlementBatch');

export function settlementBatchOut(row: BatchRow): z.infer<typeof settlementBatchSchema> {
  return {
    id: row.id,
    windowId: row.windowId,
    partner: row.partner,
    currency: row.currency as Currency,
    paymentCount: row.paymentCount,
    itemCount: row.itemCount,
    collectedMinor: row.collectedAmount.toString(),
    disbursedMinor: row.disbursedAmount.toString(),
    netMinor: row.netAmount.toString(),
    carriedMinor: row.carriedAmount.toString(),
    dueMinor: row.dueAmount.toString(),
    reversedMinor: row.reversedAmount.toString(),
    merkleRoot: row.merkleRoot,
    method: row.method,
    status: row.status,
    approvalBy: row.approvalBy,
    approvalsNeeded: row.approvalsNeeded,
    deadlineAt: momentOut(row.deadlineAt),
    proposalDigest: row.proposalDigest,
    carriedTo: row.carriedTo,
    transactionHash: row.transactionHash,
    ledgerVersion: row.ledgerVersion?.toString() ?? null,
    payableAt: momentOut(row.payableAt),
    evidenceHash: row.evidenceHash,
    createdAt: momentOut(row.createdAt),
    settledAt: momentOut(row.settledAt),
  };
}

const stepSchema = z
  .object({
    kind: z.enum(['propose', 'approve', 'execute', 'pay', 'refund', 'dispute', 'vote']),
    signer: z.string(),
    sequence: z.int(),
    state: z.enum(['sent', 'unknown', 'succeeded', 'failed']),
    reasonCode: z.string().nullable(),
    transactionHash: z.string().nullable(),
    ledgerVersion: z.string().nullable(),
    inquiries: z.int(),
    sentAt: momentSchema,
    resolvedAt: momentSchema.nullable(),
  })
  .openapi('SettlementStep');

const approvalSchema = z
  .object({ approver: z.string(), keyName: z.string(), proposalDigest: z.string(), at: momentSchema })
  .openapi('SettlementApproval');

const disputeSchema = z
  .object({ openedBy: z.string(), reasonCode: z.string(), evidenceHash: z.string(), at: momentSchema })
  .openapi('SettlementDispute');

const voteSchema = z
  .object({
    arbiter: z.string(),
    keyName: z.string(),
    number: z.int().openapi({ description: '1 for the first vote of the arbiter on the batch; the last one counts.' }),
    reversedMinor: minorSchema,
    reasonCode: z.string(),
    evidenceHash: z.string(),
    at: momentSchema,
  })
  .openapi('SettlementVote');

export const settlementFileSchema = settlementBatchSchema
  .extend({
    decision: z.object({ policyVersion: z.string(), facts: factsSchema, factsDigest: z.string(), reasons: z.array(reasonSchema) }),
    steps: z.array(stepSchema),
    approvals: z.array(approvalSchema),
    dispute: disputeSchema
      .nullable()
      .openapi({ description: 'The dispute that a person asked for here. Others may open one on the chain.' }),
    votes: z.array(voteSchema),
  })
  .openapi('SettlementBatchFile');

/** A batch with everything that is known of it. Throws `not_found`. */
export async function fileOf(pool: Pool, batchId: string): Promise<z.infer<typeof settlementFileSchema>> {
  const row = await findSettlementBatch(pool, batchId);
  if (row === null) throw fault('not_found');
  const [steps, approvals, dispute, votes] = await Promise.all([
    findSettlementSteps(pool, batchId),
    findSettlementApprovals(pool, batchId),
    findSettlementDispute(pool, batchId),
    findSettlementVotes(pool, batchId),
  ]);
  return settlementFileOut(row, { steps, approvals, dispute, votes });
}

interface FileRows {
  readonly steps: readonly StepRow[];
  readonly approvals: readonly ApprovalRow[];
  readonly dispute: DisputeRow | null;
  readonly votes: readonly VoteRow[];
}

function settlementFileOut(row: BatchRow, { steps, approvals, dispute, votes }: FileRows): z.infer<typeof settlementFileSchema> {
  return {
    ...settlementBatchOut(row),
    decision: { policyVersion: row.policyVersion, facts: { ...row.facts }, factsDigest: row.factsDigest, reasons: [...row.reasons] },
    steps: steps.map(({ sentAt, resolvedAt, ledgerVersion, ...step }) => ({
      ...(step as Pick<z.infer<typeof stepSchema>, 'kind' | 'state'> & typeof step),
      ledgerVersion: ledgerVersion?.toString() ?? null,
      sentAt: momentOut(sentAt),
      resolvedAt: momentOut(resolvedAt),
    })),
    approvals: approvals.map(({ createdAt, ...approval }) => ({ ...approval, at: momentOut(createdAt) })),
    dispute: dispute === null ? null : disputeOut(dispute),
    votes: votes.map(({ createdAt, reversedAmount, ...vote }) => ({
      ...vote,
      reversedMinor: reversedAmount.toString(),
      at: momentOut(createdAt),
    })),
  };
}

function disputeOut({ createdAt, ...dispute }: DisputeRow): z.infer<typeof disputeSchema> {
  return { ...dispute, at: momentOut(createdAt) };
}

export const SETTLEMENT_CASE_STATUSES = ['open', 'resolved'] as const;

export const settlementCaseSchema = z
  .object({
    id: idSchema,
    batchId: idSchema,
    kind: z.enum(['disputed', 'expired', 'mismatched', 'refused', 'reversed']).openapi({
      description:
        '`disputed`: frozen on chain until arbiters speak. `expired`: missed its deadline; what is due goes into the next batch. ' +
        '`mismatched`: the chain says something else than our books. `refused`: the chain keeps refusing a step. ' +
        '`reversed`: arbiters gave back some of it; the books say so, and what becomes of it is agreed with the partner.',
    }),
    status: z.enum(SETTLEMENT_CASE_STATUSES),
    evidence: factsSchema,
    evidenceDigest: z.string(),
    closedBy: z.string().nullable(),
    reasonCode: z.string().nullable(),
    createdAt: momentSchema,
    closedAt: momentSchema.nullable(),
  })
  .openapi('SettlementCase');

export function settlementCaseOut(row: SettlementCaseRow): z.infer<typeof settlementCaseSchema> {
  return {
    ...row,
    kind: row.kind as z.infer<typeof settlementCaseSchema>['kind'],
    status: row.status as z.infer<typeof settlementCaseSchema>['status'],
    evidence: { ...row.evidence },
    createdAt: momentOut(row.createdAt),
    closedAt: momentOut(row.closedAt),
  };
}
