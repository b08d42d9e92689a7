/**
 * Approvals of settlement batches by people. An approval is the holder's of the key, for exactly the proposal that was read, once; as
 * many different people as the batch needs must give one. Whose key is kept here says so, and it signs; who keeps the key elsewhere asks
 * what is to be signed, and hands in the signature.
 */
import { z } from '@hono/zod-openapi';
import { type Queryable, withTransaction } from '../../../db/connect.ts';
import { type BatchRow, findSettlementBatch, lockSettlementBatch, writeSettlementApproval } from '../../../db/queries/settlement.ts';
import { findSignedApprovals, writeSignedApproval } from '../../../db/queries/settlement-signed-approvals.ts';
import { fault } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { approvalRequestSchema } from '../../../tools/aptos/approval-request.ts';
import type { ApprovalDesk } from '../../../tools/aptos/approval-desk.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { answers, idParam, idParams } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { digestSchema } from '../resources/common.ts';
import { fileOf, settlementFileSchema } from '../resources/settlement.ts';

/** Larger than 32 signatures and their keys. */
const HEX_MAX = 16_384;

const hexSchema = z
  .string()
  .max(HEX_MAX)
  .regex(/^(?:[0-9a-f]{2})+$/, 'Invalid input: expected bytes in hex');

const approvalSchema = z
  .strictObject({
    proposalDigest: digestSchema.openapi({ description: 'Of the proposal that was read.' }),
    signed: z
      .strictObject({
        transaction: hexSchema.openapi({ description: 'The `bytes` of the approval request.' }),
        authenticator: hexSchema.openapi({ description: 'BCS of the authenticator by the keys of your account over its `message`.' }),
      })
      .optional()
      .openapi({ description: 'By those who keep their key themselves, and by nobody else.' }),
  })
  .openapi('SettlementApprovalRequest');

type Approval = z.infer<typeof approvalSchema>;

/** Mounts the routes of approvals. */
export function mountSettlementApprovals(api: Api): void {
  mountRequest(api);
  mountApproval(api);
}

const OF_CHAIN = [
  'chain_unavailable',
  'chain_behind',
  'chain_mismatch',
  'settlement_approval_replayed',
  'settlement_batch_altered',
] as const;
const OF_BATCH = ['settlement_not_open', 'settlement_proposal_expired', 'settlement_batch_expired', 'settlement_batch_closed'] as const;
const OF_KEY = ['settlement_no_key', 'settlement_key_kept_here'] as const;

function mountRequest(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/settlement/batches/{id}/approval-request',
      operationId: 'requestSettlementApproval',
      tag: 'Settlement',
      summary: 'Ask what to sign to approve a batch, as somebody who keeps the key',
      description:
        'The transaction that approves the batch on the chain for your account, in words and in bytes, good for 15 minutes. Check that the ' +
        'bytes follow from the words before you sign them: `capp settlement sign` does, without any connection.',
      scope: 'settlement:approve',
      params: idParams,
      responses: { 200: answers('What is to be signed.', approvalRequestSchema.meta({ id: 'SettlementApprovalToSign' })) },
      refusals: [...OF_BATCH, ...OF_KEY, ...OF_CHAIN],
    },
    async ({ c, caller }) => {
      const row = await findSettlementBatch(deps.pool, idParam(c));
      if (row === null) throw fault('not_found');
      assertApprovable(row, row.proposalDigest, deps.clock.now());
      const { account, desk } = ownKeyOf(deps, caller);
      const request = await desk.request(row.id, account);
      if (request.proposalDigest !== row.proposalDigest) throw fault('settlement_batch_altered');
      return { status: 200, body: request };
    },
  );
}

function mountApproval(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, Approval>(
    api,
    {
      method: 'post',
      path: '/v1/settlement/batches/{id}/approvals',
      operationId: 'approveSettlementBatch',
      tag: 'Settlement',
      summary: 'Approve a batch that waits for people',
      description:
        'The approver is the holder of the key, who signs on the chain with the key kept for that person, or with a key of their own: then ' +
        '`signed` carries the signed approval request. A batch needs as many different approvers as `approvalsNeeded` says; an approval is ' +
        'for one proposal, once, until its deadline. A signed one that expired, or that the chain refused, may be followed by another.',
      scope: 'settlement:approve',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: approvalSchema },
      responses: { 202: answers('The approval is written down; it goes on the chain from here.', settlementFileSchema) },
      refusals: [
        'settlement_proposal_stale',
        'settlement_already_approved',
        ...OF_BATCH,
        ...OF_KEY,
        ...OF_CHAIN,
        'settlement_key_elsewhere',
        'settlement_approval_malformed',
        'settlement_approval_differs',
        'settlement_approval_gas',
        'settlement_approval_expiry',
        'settlement_approval_sequence',
        'chain_signer_refused',
      ],
    },
    async ({ c, caller, body }) => {
      const batchId = idParam(c);
      const { proposalDigest, signed } = body;
      await (signed === undefined
        ? approve(deps, caller, batchId, proposalDigest)
        : approveSigned(deps, caller, { batchId, proposalDigest, ...signed }));
      deps.notify('settle');
      c.set('logged', { batchId, principal: caller.principal });
      return { status: 202, body: await fileOf(deps.pool, batchId) };
    },
  );
}

/** The account of a caller who keeps its keys. Throws `settlement_no_key` and `settlement_key_kept_here`. */
function ownKeyOf({ settlementKeys, approvalDesk }: ApiDeps, { principal }: Caller): { account: string; desk: ApprovalDesk } {
  const account = settlementKeys?.ownAccount?.(principal) ?? null;
  if (account !== null && approvalDesk !== undefined) return { account, desk: approvalDesk };
  throw fault(account === null && settlementKeys?.approver(principal) ? 'settlement_key_kept_here' : 'settlement_no_key');
}

/** Writes down the approval of a person whose key is kept here, if the batch still waits for exactly that. */
async function approve(deps: ApiDeps, caller: Caller, batchId: string, proposalDigest: string): Promise<void> {
  const nowMs = deps.clock.now();
  const { principal: approver } = caller;
  const keyName = deps.settlementKeys?.approver(approver) ?? null;
  await withTransaction(deps.pool, async (tx) => {
    await lockApprovable(tx, batchId, proposalDigest, nowMs);
    if (keyName === null) throw fault('settlement_no_key');
    if (deps.settlementKeys?.ownAccount?.(approver)) throw fault('settlement_key_elsewhere');
    const approval = { id: newId(), batchId, approver, keyName, proposalDigest, nowMs };
    if (!(await writeSettlementApproval(tx, approval))) throw fault('settlement_already_approved');
  });
}

interface Handed {
  readonly batchId: string;
  readonly proposalDigest: string;
  readonly transaction: string;
  readonly authenticator: string;
}

/**
 * Writes down an approval that was signed elsewhere, if it is that and the batch still waits for it. The chain is asked before anything
 * is locked; whoever sends it looks at all of it again.
 */
async function approveSigned(deps: ApiDeps, caller: Caller, { batchId, proposalDigest, ...signed }: Handed): Promise<void> {
  const { principal: approver } = caller;
  const row = await findSettlementBatch(deps.pool, batchId);
  if (row === null) throw fault('not_found');
  assertApprovable(row, proposalDigest, deps.clock.now());
  const { account: signer, desk } = ownKeyOf(deps, caller);
  await assertNoneStands(deps.pool, batchId, approver, deps.clock.now());
  const expiresAtMs = await desk.check({ batchId, proposalDigest, signer, ...signed });
  const nowMs = deps.clock.now();
  await withTransaction(deps.pool, async (tx) => {
    await lockApprovable(tx, batchId, proposalDigest, nowMs);
    await assertNoneStands(tx, batchId, approver, nowMs);
    const isFirst = await writeSettlementApproval(tx, { id: newId(), batchId, approver, keyName: signer, proposalDigest, nowMs });
    // One that is there already must be this approver's own, with nothing signed that can still count.
    const handedIn = isFirst ? [] : (await findSignedApprovals(tx, batchId)).filter((each) => each.approver === approver);
    if (!isFirst && handedIn[0]?.signer !== signer) throw fault('settlement_already_approved');
    const written = await writeSignedApproval(tx, {
      id: newId(),
      batchId,
      approver,
      signer,
      ...signed,
      expiresAt: new Date(expiresAtMs),
      nowMs,
    });
    if (!written) throw fault('settlement_already_approved');
  });
}

/** Throws `settlement_already_approved` while an approval that this person signed before may still count. */
async function assertNoneStands(db: Queryable, batchId: string, approver: string, nowMs: number): Promise<void> {
  const latest = (await findSignedApprovals(db, batchId)).find((each) => each.approver === approver);
  if (latest !== undefined && !latest.isRefused && latest.expiresAt.getTime() > nowMs) throw fault('settlement_already_approved');
}

async function lockApprovable(tx: Queryable, batchId: string, proposalDigest: string, nowMs: number): Promise<void> {
  const row = await lockSettlementBatch(tx, batchId);
  if (row === null) throw fault('not_found');
  assertApprovable(row, proposalDigest, nowMs);
}

/** Throws `settlement_not_open`, `settlement_proposal_stale`, `settlement_proposal_expired`. */
function assertApprovable(row: BatchRow, proposalDigest: string | null, nowMs: number): void {
  if (row.status !== 'proposed' || row.proposalDigest === null) throw fault('settlement_not_open');
  if (row.proposalDigest !== proposalDigest) throw fault('settlement_proposal_stale', { field: 'proposalDigest' });
  if (row.deadlineAt === null || row.deadlineAt.getTime() <= nowMs) throw fault('settlement_proposal_expired');
}
