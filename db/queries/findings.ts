/** What re-screening found among known people: kept as it was found, closed when it is so no more, decided by officers. */
import type { Queryable } from '../connect.ts';

export interface NewFinding {
  readonly id: string;
  readonly client_id: string;
  readonly user_id: string;
  readonly list: string;
  readonly entry_id: string;
  /** SHA-256 of what the entry says of the party. */
  readonly entry_digest: string;
  readonly topic: string;
  readonly score: number;
  readonly how: string;
  readonly grounds: readonly string[];
}

const FOUND = `jsonb_to_recordset($1::jsonb) as found(id uuid, client_id uuid, user_id uuid, list text, entry_id text, entry_digest text,
        topic text, score real, how text, grounds jsonb)`;

/**
 * Stores what is new of what was found; gives how much that was. What officers said of an entry as it is stays, and whoever is
 * confirmed is not found again, but for an office holder whose entry says by now that they are barred; an entry that has changed
 * since is another finding.
 */
export async function storeFindings(tx: Queryable, listVersion: string, findings: readonly NewFinding[]): Promise<number> {
  if (findings.length === 0) return 0;
  const result = await tx.query({
    name: 'store_screening_findings',
    text: `insert into screening_findings (id, client_id, user_id, list, entry_id, entry_digest, topic, list_version, score, how, grounds)
      select id, client_id, user_id, list, entry_id, entry_digest, topic, $2, score, how, grounds from ${FOUND}
      where not exists (select from screening_findings f
        where (f.user_id, f.list, f.entry_id) = (found.user_id, found.list, found.entry_id)
          and f.status = 'confirmed' and (f.topic <> 'pep' or found.topic = 'pep'))
      on conflict (user_id, list, entry_id, entry_digest) where status <> 'closed' do nothing`,
    values: [JSON.stringify(findings), listVersion],
  });
  return result.rowCount ?? 0;
}

/** Writes down of findings from before it was kept what the entry says, where they are found just so again: from then on a change of it is seen. */
export async function keepEntryDigests(tx: Queryable, findings: readonly NewFinding[]): Promise<void> {
  if (findings.length === 0) return;
  await tx.query({
    name: 'keep_entry_digests',
    text: `update screening_findings f set entry_digest = found.entry_digest from ${FOUND}
      where (f.user_id, f.list, f.entry_id, f.score, f.how) = (found.user_id, found.list, found.entry_id, found.score, found.how)
        and f.entry_digest is null and f.status <> 'closed' and not exists (select from screening_findings other
          where (other.user_id, other.list, other.entry_id, other.entry_digest)
            = (found.user_id, found.list, found.entry_id, found.entry_digest) and other.status <> 'closed')`,
    values: [JSON.stringify(findings)],
  });
}

/** A finding that waits for officers, or bars somebody. */
export interface StandingFinding {
  readonly id: string;
  readonly list: string;
  readonly entryId: string;
  readonly status: 'open' | 'confirmed';
  readonly isDelisted: boolean;
}

/** What stands against some people. */
export async function standingFindings(tx: Queryable, userIds: readonly string[]): Promise<StandingFinding[]> {
  const result = await tx.query<StandingFinding>({
    name: 'standing_findings',
    text: `select id, list, entry_id as "entryId", status, delisted_at is not null as "isDelisted"
      from screening_findings where user_id = any($1::uuid[]) and status in ('open', 'confirmed')`,
    values: [userIds],
  });
  return result.rows;
}

/** Closes those of some open findings that were not found again just so: the entry is gone, has changed, or is like the person no more. */
export async function closeFindings(
  tx: Queryable,
  ids: readonly string[],
  findings: readonly NewFinding[],
  listVersion: string,
  nowMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.query({
    name: 'close_screening_findings',
    text: `with closed as (
        update screening_findings f set status = 'closed', resolved_by = 'system', resolved_at = $3
        where f.id = any($2::uuid[]) and f.status = 'open' and not exists (select from ${FOUND}
          where (f.user_id, f.list, f.entry_id, f.entry_digest, f.score, f.how)
            = (found.user_id, found.list, found.entry_id, found.entry_digest, found.score, found.how))
        returning f.id, f.client_id
      )
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, 'system', 'screening.closed', 'finding:' || id, jsonb_build_object('listVersion', $4::text), $3 from closed`,
    values: [JSON.stringify(findings), ids, new Date(nowMs), listVersion],
  });
}

/** Writes down of confirmed findings whose entry is gone when that was seen, and of those whose entry is back that it is. */
export async function markDelisted(tx: Queryable, gone: readonly string[], back: readonly string[], nowMs: number): Promise<void> {
  if (gone.length === 0 && back.length === 0) return;
  await tx.query({
    name: 'mark_delisted',
    text: `with marked as (
        update screening_findings set delisted_at = case when id = any($1::uuid[]) then $3::timestamptz end
        where status = 'confirmed' and (id = any($1::uuid[]) or id = any($2::uuid[])) returning id, client_id, delisted_at
      )
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, 'system', case when delisted_at is null then 'screening.listed_again' else 'screening.delisted' end,
        'finding:' || id, '{}', $3 from marked`,
    values: [gone, back, new Date(nowMs)],
  });
}

export const FINDING_STATUSES = ['open', 'dismissed', 'confirmed', 'lifted', 'closed'] as const;
export type FindingStatus = (typeof FINDING_STATUSES)[number];

export interface FindingRow {
  readonly id: string;
  readonly userId: string;
  readonly list: string;
  readonly entryId: string;
  readonly topic: string;
  readonly listVersion: string;
  readonly score: number;
  readonly how: string;
  readonly grounds: readonly string[];
  readonly status: FindingStatus;
  readonly createdAt: Date;
  readonly resolvedBy: string | null;
  readonly resolvedAt: Date | null;
  readonly confirmAskedBy: string | null;
  readonly confirmAskedAt: Date | null;
  readonly liftAskedBy: string | null;
  readonly liftAskedAt: Date | null;
  readonly liftedBy: string | null;
  readonly liftedAt: Date | null;
  readonly delistedAt: Date | null;
}

const COLUMNS = `id, user_id as "userId", list, entry_id as "entryId", topic, list_version as "listVersion", score, how, grounds, status,
  created_at as "createdAt", resolved_by as "resolvedBy", resolved_at as "resolvedAt", confirm_asked_by as "confirmAskedBy",
  confirm_asked_at as "confirmAskedAt", lift_asked_by as "liftAskedBy", lift_asked_at as "liftAskedAt", lifted_by as "liftedBy",
  lifted_at as "liftedAt", delisted_at as "delistedAt"`;

/** A client's findings in the order in which they were made. */
export async function listFindings(
  db: Queryable,
  clientId: string,
  filter: { readonly status?: string | undefined },
  page: { readonly afterId: string | null; readonly limit: number },
): Promise<FindingRow[]> {
  const result = await db.query<FindingRow>({
    name: 'list_screening_findings',
    text: `select ${COLUMNS} from screening_findings
      where client_id = $1 and ($2::text is null or status = $2) and ($3::uuid is null or id > $3) order by id limit $4`,
    values: [clientId, filter.status ?? null, page.afterId, page.limit],
  });
  return result.rows;
}

/** One finding of a client, or null. */
export async function findFinding(db: Queryable, clientId: string, id: string): Promise<FindingRow | null> {
  const result = await db.query<FindingRow>({
    name: 'find_screening_finding',
    text: `select ${COLUMNS} from screening_findings where client_id = $1 and id = $2`,
    values: [clientId, id],
  });
  return result.rows[0] ?? null;
}

/**
 * Locks a client's finding for a decision, or null; and its person, so that of two findings that are decided at once the second sees
 * what the first came to.
 */
export async function lockFinding(tx: Queryable, clientId: string, id: string): Promise<FindingRow | null> {
  const result = await tx.query<FindingRow>({
    name: 'lock_screening_finding',
    text: `select ${COLUMNS} from screening_findings where client_id = $1 and id = $2 for update`,
    values: [clientId, id],
  });
  const [row] = result.rows;
  if (row === undefined) return null;
  await tx.query({ name: 'lock_found_person', text: 'select from users where id = $1 for no key update', values: [row.userId] });
  return row;
}

/** A step of a locked finding: who takes it, and when. */
export interface FindingStep {
  readonly id: string;
  readonly by: string;
  readonly nowMs: number;
}

async function change(tx: Queryable, name: string, set: string, { id, by, nowMs }: FindingStep, before = ''): Promise<FindingRow> {
  const text = `${before} update screening_findings set ${set} where id = $1 returning ${COLUMNS}`;
  const result = await tx.query<FindingRow>({ name, text, values: [id, by, new Date(nowMs)] });
  return result.rows[0] as FindingRow;
}

/** Says that the person is not the listed party. */
export async function dismissFinding(tx: Queryable, step: FindingStep): Promise<FindingRow> {
  return change(tx, 'dismiss_finding', `status = 'dismissed', resolved_by = $2, resolved_at = $3`, step);
}

/** Asks for another officer who confirms it too. */
export async function askToConfirm(tx: Queryable, step: FindingStep): Promise<FindingRow> {
  return change(tx, 'ask_to_confirm', 'confirm_asked_by = $2, confirm_asked_at = $3', step);
}

/** Asks for another officer who lifts what was confirmed too. */
export async function askToLift(tx: Queryable, step: FindingStep): Promise<FindingRow> {
  return change(tx, 'ask_to_lift', 'lift_asked_by = $2, lift_asked_at = $3', step);
}

/** Other findings that bar the person of the finding `$1`. */
const OTHER_BARS = `select b.kyc_before from screening_findings b join screening_findings f on f.id = $1 and f.user_id = b.user_id
  where b.id <> $1 and b.status = 'confirmed' and b.topic <> 'pep'`;

/** Confirms it. The identity of whoever is listed counts as rejected, so that every payment of theirs is refused; an office holder's does not. */
export async function confirmFinding(tx: Queryable, step: FindingStep): Promise<FindingRow> {
  // Somebody who is barred already had another standing before the first bar, if it is known.
  const set = `status = 'confirmed', resolved_by = $2, resolved_at = $3, kyc_before = case when topic = 'pep' then null
    when exists (${OTHER_BARS}) then (${OTHER_BARS} and b.kyc_before is not null limit 1)
    else (select u.kyc_status from users u where u.id = user_id) end`;
  const barred = `with barred as (
    update users set kyc_status = 'rejected', updated_at = $3 where id = (select user_id from screening_findings where id = $1 and topic <> 'pep'))`;
  return change(tx, 'confirm_finding', set, step, barred);
}

/**
 * Lifts what was confirmed: the identity of the person counts for what it did before, unless another finding bars them too. Where that is
 * not known it has to be checked anew.
 */
export async function liftFinding(tx: Queryable, step: FindingStep): Promise<FindingRow> {
  const row = await change(tx, 'lift_finding', `status = 'lifted', lifted_by = $2, lifted_at = $3`, step);
  await tx.query({
    name: 'restore_standing',
    text: `update users u set kyc_status = coalesce(f.kyc_before, 'none'), updated_at = $2 from screening_findings f
      where f.id = $1 and f.topic <> 'pep' and u.id = f.user_id and u.kyc_status = 'rejected' and not exists (${OTHER_BARS})`,
    values: [step.id, new Date(step.nowMs)],
  });
  return row;
}
