/**
 * What people asked of settlement and what was done for them, held against the chain: nobody's key has signed what its person did not ask
 * for, every step that counts as done is on the chain once, and a dispute has ended in our books as arbiters have judged it.
 */
import type { Pool } from 'pg';
import type { KeyNames } from './chain.ts';
import type { BatchHistory } from './chain-history.ts';

type Histories = ReadonlyMap<string, BatchHistory>;

/** What we know of one batch of the chain. */
interface BatchRecord {
  readonly id: string;
  readonly status: string;
  readonly approvalBy: 'policy' | 'people';
  readonly reversed: bigint;
  readonly evidenceHash: string | null;
  /** Evidence of the dispute that a person asked for. */
  readonly asked: string | null;
  /** `kind:status` of its cases. */
  readonly cases: readonly string[];
  /** Key and person of each approval. */
  readonly approvals: readonly { readonly keyName: string; readonly approver: string }[];
  readonly votes: readonly { readonly keyName: string; readonly number: number; readonly reversed: string }[];
  /** Steps that count as done: kind and signer. */
  readonly done: readonly { readonly kind: string; readonly signer: string }[];
}

/** Everything that is wrong, a sentence each. */
export async function wrongDisputes(pool: Pool, keyNames: KeyNames, histories: Histories): Promise<string[]> {
  const records = await readRecords(pool);
  return records.flatMap((record) => {
    const history = histories.get(record.id);
    const wrong = history === undefined ? [] : [...wrongKeys(record, history, keyNames), ...wrongSteps(record, history)];
    return [...wrong, ...wrongDispute(record, history)].map((what) => `batch ${record.id} ${what}`);
  });
}

async function readRecords(pool: Pool): Promise<BatchRecord[]> {
  const { rows } = await pool.query<BatchRecord>(
    `select b.id, b.status, b.approval_by as "approvalBy", b.reversed_amount as reversed, b.evidence_hash as "evidenceHash",
       (select d.evidence_hash from settlement_disputes d where d.batch_id = b.id) as asked,
       coalesce((select json_agg(c.kind || ':' || c.status) from settlement_cases c where c.batch_id = b.id), '[]') as cases,
       coalesce((select json_agg(json_build_object('keyName', a.key_name, 'approver', a.approver))
         from settlement_approvals a where a.batch_id = b.id and a.proposal_digest = b.proposal_digest), '[]') as approvals,
       coalesce((select json_agg(json_build_object('keyName', v.key_name, 'number', v.number, 'reversed', v.reversed_amount::text))
         from settlement_votes v where v.batch_id = b.id), '[]') as votes,
       coalesce((select json_agg(json_build_object('kind', s.kind, 'signer', s.signer))
         from settlement_steps s where s.batch_id = b.id and s.state = 'succeeded'), '[]') as done
     from settlement_batches b where b.method = 'chain' order by b.id`,
  );
  return rows;
}

/** A key signs for its person alone: approvals of exactly this proposal, disputes that were asked for, votes that were given. */
function wrongKeys(record: BatchRecord, history: BatchHistory, keyNames: KeyNames): string[] {
  const isPolicy = (approver: string): boolean => approver.startsWith('policy:');
  const consented = new Set(
    record.approvals.filter(({ approver }) => record.approvalBy === 'policy' || !isPolicy(approver)).map(({ keyName }) => keyName),
  );
  const given = new Set(record.votes.map(({ keyName, reversed }) => `${keyName} ${reversed}`));
  const strangers = [...history.approvedBy].filter((address) => !consented.has(keyNames.of(address)));
  const unasked = history.votes.filter(({ arbiter, reversedMinor }) => !given.has(`${keyNames.of(arbiter)} ${reversedMinor}`));
  const { dispute } = history;
  const isOurs = dispute?.opener === keyNames.settler;
  return [
    ...strangers.map((address) => `was approved with ${keyNames.of(address)}, for nobody who may approve it`),
    ...unasked.map(({ arbiter }) => `was judged with ${keyNames.of(arbiter)} as its arbiter has not said`),
    ...(isOurs && dispute?.evidenceHash !== record.asked ? ['was disputed by us on other evidence than anybody gave'] : []),
  ];
}

/** Steps that may be taken once by each signer, and those on the chain, are the same. */
function wrongSteps(record: BatchRecord, history: BatchHistory): string[] {
  const counted = new Map<string, number>();
  for (const { kind, signer } of record.done) {
    const name = kind === 'vote' ? `vote of ${signer.replace(/:\d+$/, '')}` : kind === 'approve' ? `approval of ${signer}` : kind;
    counted.set(name, (counted.get(name) ?? 0) + 1);
  }
  const seen = new Map<string, number>();
  const see = (name: string): void => void seen.set(name, (seen.get(name) ?? 0) + 1);
  for (const address of history.approvedBy) see(`approval of ${address}`);
  for (const { arbiter } of history.votes) see(`vote of ${arbiter}`);
  const names = [...new Set([...counted.keys(), ...seen.keys()])].filter((name) => /^(vote|approval) of /.test(name));
  const once = ['propose', 'execute', 'pay', 'refund', 'dispute'].filter((kind) => (counted.get(kind) ?? 0) > 1);
  return [
    ...names
      .filter((name) => counted.get(name) !== seen.get(name))
      .map((name) => `has a ${name} ${seen.get(name) ?? 0} times on chain, and ${counted.get(name) ?? 0} times among our steps`),
    ...once.map((kind) => `has more than one ${kind} that counts as done`),
    ...(counted.has('dispute') && history.dispute === null ? ['has a dispute that counts as opened, and none on chain'] : []),
  ];
}

/** A dispute has frozen the batch or left a case, what arbiters gave back is in our books, and nothing of it is open at the end. */
function wrongDispute(record: BatchRecord, history: BatchHistory | undefined): string[] {
  const { status, reversed, evidenceHash, asked } = record;
  const has = (kind: string): boolean => record.cases.some((each) => each.startsWith(`${kind}:`));
  const dispute = history?.dispute ?? null;
  const judged = history?.reversedMinor ?? 0n;
  if (status !== 'settled') return dispute === null ? [] : [`was disputed on chain and is ${status}`];
  return [
    ...(dispute === null && asked !== null && !has('refused') ? ['was to be disputed, was not, and nobody was told'] : []),
    ...(evidenceHash === (dispute?.evidenceHash ?? null) ? [] : ['has other evidence than its dispute on chain']),
    ...(reversed === judged ? [] : [`has ${reversed} reversed in our books, ${judged} on chain`]),
    ...(has('reversed') === judged > 0n ? [] : ['was told of as reversed, or not, against what arbiters judged']),
    ...(record.cases.includes('disputed:open') ? ['has come to its end with its dispute still open'] : []),
  ];
}
