/**
 * Who consents to a batch. Keys of the policy do so by themselves where the decision says that the amount is
 * within their limits; keys of people are used only once their person has approved exactly this proposal.
 */
import type { Pool } from 'pg';
import { newId } from '../../domain/ids.ts';
import type { Approver, DrivenBatch, DriverDeps } from './types.ts';

/** An approval that is written down. */
export interface Consent {
  readonly signer: string;
  readonly digest: string;
  readonly sign: () => Promise<string>;
}

const POLICY = /^policy:/;

/** The next approval to send, or null when everybody who consented is on chain already. `approved` are the signers who are. */
export async function nextConsent(deps: DriverDeps, batch: DrivenBatch, approved: ReadonlySet<string>): Promise<Consent | null> {
  const digest = batch.proposalDigest;
  if (digest === null) return null;
  const ofPolicy = deps.approvers.filter(({ approver }) => POLICY.test(approver)).slice(0, batch.approvalsNeeded);
  if (batch.approvalBy === 'policy') await writeApprovals(deps.pool, batch.id, digest, ofPolicy, deps.clock.now());
  return (await findConsents(deps, batch)).find(({ signer }) => !approved.has(signer)) ?? null;
}

/** Everybody who has consented to exactly the proposal of the batch and whose key is here, in the order they did. */
export async function findConsents(deps: DriverDeps, batch: DrivenBatch): Promise<Consent[]> {
  const digest = batch.proposalDigest;
  if (digest === null) return [];
  const consents: Consent[] = [];
  const written = await deps.pool.query<{ approver: string; keyName: string }>({
    name: 'find_settlement_approvals',
    text: `select approver, key_name as "keyName" from settlement_approvals where batch_id = $1 and proposal_digest = $2 order by created_at, approver`,
    values: [batch.id, digest],
  });
  for (const { approver, keyName } of written.rows) {
    // Above the limits only people count, whoever wrote the row.
    if (batch.approvalBy === 'people' && POLICY.test(approver)) continue;
    const key = deps.approvers.find((each) => each.approver === approver && each.keyName === keyName);
    if (key === undefined) deps.log.warn({ batchId: batch.id, approver }, 'the key of an approver is not here');
    else consents.push({ signer: key.signer, digest, sign: () => key.sign(digest) });
  }
  return consents;
}

/** Writes approvals down, each approver and each key once. */
async function writeApprovals(pool: Pool, batchId: string, digest: string, approvers: readonly Approver[], nowMs: number): Promise<void> {
  await pool.query({
    name: 'write_settlement_approvals',
    text: `with written as (
        insert into settlement_approvals (id, batch_id, approver, key_name, proposal_digest, created_at)
        select id, $2, approver, key_name, $5, $6 from unnest($1::uuid[], $3::text[], $4::text[]) as given(id, approver, key_name)
        on conflict do nothing returning approver
      )
      insert into audit_events (actor, action, subject, details, created_at)
      select approver, 'settlement.approval_given', 'settlement_batch:' || $2, jsonb_build_object('proposalDigest', $5::text), $6 from written`,
    values: [
      approvers.map(() => newId()),
      batchId,
      approvers.map(({ approver }) => approver),
      approvers.map(({ keyName }) => keyName),
      digest,
      new Date(nowMs),
    ],
  });
}
