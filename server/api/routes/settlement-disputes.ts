/**
 * Disputes of settlement batches, within their window: somebody of treasury freezes one, and arbiters who had no part in it say
 * how much of it goes back to its payer. Both are written down here and carried to the chain from there; only the
 * hash of the evidence leaves us.
 */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { type BatchRow, lockSettlementBatch } from '../../../db/queries/settlement.ts';
import {
  findSettlementVotes,
  hasPartInSettlement,
  writeSettlementDispute,
  writeSettlementVote,
} from '../../../db/queries/settlement-disputes.ts';
import { fault } from '../../../domain/errors.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { answers, idParam, idParams } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { digestSchema } from '../resources/common.ts';
import { fileOf, settlementFileSchema } from '../resources/settlement.ts';

const reasonCode = z.string().regex(/^[a-z][a-z0-9_]{1,63}$/, 'Invalid input: expected a code such as amount_differs');

const disputeSchema = z
  .strictObject({
    reasonCode,
    evidenceHash: digestSchema.openapi({ description: 'SHA-256 of the evidence. All of it that goes on the chain.' }),
  })
  .openapi('SettlementDisputeRequest');

const voteSchema = z
  .strictObject({
    reasonCode,
    evidenceHash: digestSchema.openapi({ description: 'Of the evidence that was judged: `evidenceHash` of the batch.' }),
    reversedMinor: z
      .string()
      .regex(/^\d{1,18}$/, 'Invalid input: expected minor units')
      .openapi({ description: 'What goes back to the payer, minor units; `0` lets the payout stand.', example: '25000' }),
  })
  .openapi('SettlementVoteRequest');

/** Mounts the routes of disputes. */
export function mountSettlementDisputes(api: Api): void {
  mountDispute(api);
  mountVote(api);
}

function mountDispute(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof disputeSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/settlement/batches/{id}/dispute',
      operationId: 'disputeSettlementBatch',
      tag: 'Settlement',
      summary: 'Dispute an executed batch before it is paid',
      description:
        'Until `payableAt` an executed batch can be disputed, once. It is frozen on the chain as soon as that has taken the dispute in: ' +
        'its status is `disputed` then. A dispute that comes too late there leaves a case.',
      scope: 'settlement:dispute',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: disputeSchema },
      responses: { 202: answers('The dispute is written down; it goes on the chain from here.', settlementFileSchema) },
      refusals: ['settlement_time_over', 'settlement_not_disputable', 'settlement_already_disputed'],
    },
    async ({ c, caller, body }) => {
      const batchId = idParam(c);
      await dispute(deps, caller, batchId, body);
      deps.notify('settle');
      c.set('logged', { batchId, principal: caller.principal });
      return { status: 202, body: await fileOf(deps.pool, batchId) };
    },
  );
}

/** Writes a dispute down, if the batch is one that can be disputed still. */
async function dispute(deps: ApiDeps, caller: Caller, batchId: string, asked: z.infer<typeof disputeSchema>): Promise<void> {
  const nowMs = deps.clock.now();
  await withTransaction(deps.pool, async (tx) => {
    const row = await lockSettlementBatch(tx, batchId);
    if (row === null) throw fault('not_found');
    if (row.evidenceHash !== null) throw fault('settlement_already_disputed');
    if (row.status !== 'executed' || row.payableAt === null) throw fault('settlement_not_disputable');
    if (row.payableAt.getTime() <= nowMs) throw fault('settlement_time_over');
    const written = await writeSettlementDispute(tx, { batchId, openedBy: caller.principal, ...asked, nowMs });
    if (!written) throw fault('settlement_already_disputed');
  });
}

function mountVote(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof voteSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/settlement/batches/{id}/votes',
      operationId: 'voteOnSettlementDispute',
      tag: 'Settlement',
      summary: 'Judge a dispute, as an arbiter',
      description:
        'Says how much of the batch goes back to its payer. Once as many arbiters as the contract asks for say the same, the dispute is over; ' +
        'until then an arbiter may vote anew. Who approved the batch or asked for the dispute has no vote. If arbiters are silent until ' +
        '`payableAt`, the batch is paid in full.',
      scope: 'settlement:judge',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: voteSchema },
      responses: { 202: answers('The vote is written down; it goes on the chain from here.', settlementFileSchema) },
      refusals: [
        'settlement_time_over',
        'settlement_not_disputed',
        'evidence_stale',
        'settlement_no_key',
        'settlement_arbiter_involved',
        'settlement_already_voted',
      ],
    },
    async ({ c, caller, body }) => {
      const batchId = idParam(c);
      await vote(deps, caller, batchId, body);
      deps.notify('settle');
      c.set('logged', { batchId, principal: caller.principal });
      return { status: 202, body: await fileOf(deps.pool, batchId) };
    },
  );
}

/** Writes an arbiter's vote down, if it can count. */
async function vote(deps: ApiDeps, caller: Caller, batchId: string, given: z.infer<typeof voteSchema>): Promise<void> {
  const nowMs = deps.clock.now();
  const { reasonCode: reason, evidenceHash } = given;
  const reversedAmount = BigInt(given.reversedMinor);
  const arbiter = caller.principal;
  const keyName = deps.settlementKeys?.arbiter(arbiter) ?? null;
  await withTransaction(deps.pool, async (tx) => {
    const row = await lockSettlementBatch(tx, batchId);
    if (row === null) throw fault('not_found');
    assertJudgeable(row, evidenceHash, reversedAmount, nowMs);
    if (keyName === null) throw fault('settlement_no_key');
    if (await hasPartInSettlement(tx, batchId, arbiter)) throw fault('settlement_arbiter_involved');
    const earlier = (await findSettlementVotes(tx, batchId)).filter((each) => each.arbiter === arbiter);
    if (earlier.at(-1)?.reversedAmount === reversedAmount) throw fault('settlement_already_voted');
    const number = earlier.length + 1;
    await writeSettlementVote(tx, { batchId, arbiter, keyName, number, reversedAmount, reasonCode: reason, evidenceHash, nowMs });
  });
}

/** Throws `settlement_not_disputed`, `settlement_time_over`, `evidence_stale`, `validation_failed`. */
function assertJudgeable(row: BatchRow, evidenceHash: string, reversedMinor: bigint, nowMs: number): void {
  if (row.status !== 'disputed') throw fault('settlement_not_disputed');
  if (row.payableAt !== null && row.payableAt.getTime() <= nowMs) throw fault('settlement_time_over');
  if (row.evidenceHash !== evidenceHash) throw fault('evidence_stale', { field: 'evidenceHash' });
  const dueMinor = row.dueAmount < 0n ? -row.dueAmount : row.dueAmount;
  if (reversedMinor > dueMinor)
    throw fault('validation_failed', { field: 'reversedMinor', detail: `Invalid input: the batch settles ${dueMinor} minor units.` });
}
