/**
 * Who consents to a batch. Keys of the policy do so by themselves where the decision says that the amount is
 * within their limits; keys of people are used only once their person has approved exactly this proposal. Who keeps the key elsewhere
 * has handed in the transaction, signed.
 */
import type { Pool } from 'pg';
import { findSignedApprovals, type SignedApprovalRow } from '../../db/queries/settlement-signed-approvals.ts';
import { fault, isFault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import type { ChainStatus, SettlementChain } from '../../tools/aptos/settlement-chain.ts';
import { findTries, type Tries } from './tries.ts';
import type { Approver, DrivenBatch, DriverDeps } from './types.ts';

/** An approval that is written down. */
export interface Consent {
  readonly signer: string;
  /** Sends it; null for one that was signed elsewhere and can no longer be sent. */
  readonly give: ((chain: SettlementChain) => Promise<ChainStatus>) | null;
}

/** One that can be sent. */
export interface ReadyConsent extends Consent {
  readonly give: NonNullable<Consent['give']>;
}

const POLICY = /^policy:/;

/** Failures of any kind after which another key of the policy is asked as well. */
const FAILURES_BORNE = 2;

/**
 * The next approval to send, or null when everybody who consented is on chain already. `approved` are the signers who are. One that
 * failed goes behind those that were not tried, so that one whom the chain does not know holds up nobody else.
 */
export async function nextConsent(deps: DriverDeps, batch: DrivenBatch, approved: ReadonlySet<string>): Promise<ReadyConsent | null> {
  const digest = batch.proposalDigest;
  if (digest === null) return null;
  const tried = await findTries(deps.pool, batch.id, 'approve');
  if (batch.approvalBy === 'policy') {
    await writeApprovals(deps.pool, batch.id, digest, policyKeys(deps, batch.approvalsNeeded, approved, tried), deps.clock.now());
  }
  const consents = await findConsents(deps, batch);
  const waiting = consents.flatMap(({ signer, give }) => (give === null || approved.has(signer) ? [] : [{ signer, give }]));
  const failures = ({ signer }: ReadyConsent): number => tried.get(signer)?.failures ?? 0;
  return waiting.toSorted((left, right) => failures(left) - failures(right))[0] ?? null;
}

/**
 * The keys of the policy that consent: so many that are of use, in their order, and those before them that were tried in vain. One is
 * of no use once the chain has refused it for good, or its approval has failed again and again.
 */
function policyKeys(
  { approvers }: Pick<DriverDeps, 'approvers'>,
  needed: number,
  approved: ReadonlySet<string>,
  tried: ReadonlyMap<string, Tries>,
): Approver[] {
  const chosen = new Map<string, Approver>();
  let ofUse = 0;
  for (const key of approvers) {
    if (ofUse === needed) break;
    // Two names of one signer count once on the chain.
    if (!POLICY.test(key.approver) || chosen.has(key.signer)) continue;
    chosen.set(key.signer, key);
    const { refusals = 0, failures = 0 } = tried.get(key.signer) ?? {};
    if (approved.has(key.signer) || (refusals === 0 && failures < FAILURES_BORNE)) ofUse += 1;
  }
  return [...chosen.values()];
}

/** Everybody who has consented to exactly the proposal of the batch, by a key that is here or a signature, in the order they did. */
export async function findConsents(deps: DriverDeps, batch: DrivenBatch): Promise<Consent[]> {
  const digest = batch.proposalDigest;
  if (digest === null) return [];
  const [written, signed] = await Promise.all([findApprovals(deps.pool, batch.id, digest), findSignedApprovals(deps.pool, batch.id)]);
  // Above the limits only people count, whoever wrote the row.
  const counting = written.filter(({ approver }) => batch.approvalBy !== 'people' || !POLICY.test(approver));
  return counting.flatMap((approval) => consentBy(deps, batch, digest, approval, signed) ?? []);
}

interface WrittenApproval {
  readonly approver: string;
  readonly keyName: string;
}

/** Approvals of a proposal, in the order they were given. */
async function findApprovals(pool: Pool, batchId: string, digest: string): Promise<WrittenApproval[]> {
  const { rows } = await pool.query<WrittenApproval>({
    name: 'find_settlement_approvals',
    text: `select approver, key_name as "keyName" from settlement_approvals where batch_id = $1 and proposal_digest = $2 order by created_at, approver`,
    values: [batchId, digest],
  });
  return rows;
}

/** How an approval gets onto the chain: by the key that is kept here, or as it was signed elsewhere; null where neither is here. */
function consentBy(
  { approvers, log, clock }: DriverDeps,
  { id: batchId }: DrivenBatch,
  digest: string,
  { approver, keyName }: WrittenApproval,
  handedIn: readonly SignedApprovalRow[],
): Consent | null {
  const key = approvers.find((each) => each.approver === approver && each.keyName === keyName);
  if (key !== undefined) {
    const { signer } = key;
    return {
      signer,
      give: async (chain) => chain.approve({ batchId, signer, proposalDigest: digest, signature: await signatureOf(key, digest) }),
    };
  }
  const signed = handedIn.find((each) => each.approver === approver);
  if (signed === undefined) {
    log.warn({ batchId, approver }, 'the key of an approver is not here');
    return null;
  }
  const { signer, transaction, authenticator } = signed;
  // Another can be handed in for one that is of no use any more.
  const isOver = signed.isRefused || signed.expiresAt.getTime() <= clock.now();
  const give: Consent['give'] = (chain) => chain.approveSigned({ batchId, signer, proposalDigest: digest, transaction, authenticator });
  return { signer, give: isOver ? null : give };
}

/** A signature. Throws `settlement_key_silent` when the key does not answer: nothing was sent then, and the approval has failed for sure. */
async function signatureOf(key: Approver, digest: string): Promise<string> {
  try {
    return await key.sign(digest);
  } catch (cause) {
    if (isFault(cause)) throw cause;
    throw fault('settlement_key_silent', { internal: `the key of ${key.approver} does not sign`, cause });
  }
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
