/** Re-screening of known people: how far it is, and what it found. */
import type { Queryable } from '../connect.ts';
import type { SealedPerson } from '../person-keys.ts';

export interface KnownPerson extends SealedPerson {
  readonly id: string;
  readonly clientId: string;
}

/** Whether everybody was screened against a version of the lists. */
export async function isRescreened(db: Queryable, listVersion: string): Promise<boolean> {
  const result = await db.query({
    name: 'is_rescreened',
    text: 'select 1 from rescreenings where list_version = $1 and finished_at is not null',
    values: [listVersion],
  });
  return result.rows.length > 0;
}

/** Takes the screening against a version in hand, beginning it where there is none; null when another process has it in hand, or it is done. */
export async function takeRescreening(
  tx: Queryable,
  listVersion: string,
  nowMs: number,
): Promise<{ readonly lastUserId: string | null } | null> {
  await tx.query({
    name: 'begin_rescreening',
    text: 'insert into rescreenings (list_version, started_at) values ($1, $2) on conflict do nothing',
    values: [listVersion, new Date(nowMs)],
  });
  const result = await tx.query<{ lastUserId: string | null }>({
    name: 'take_rescreening',
    text: `select last_user_id as "lastUserId" from rescreenings where list_version = $1 and finished_at is null for update skip locked`,
    values: [listVersion],
  });
  return result.rows[0] ?? null;
}

/** The next people in the order of their ids. */
export async function readKnownPeople(db: Queryable, afterId: string | null, limit: number): Promise<KnownPerson[]> {
  const result = await db.query<KnownPerson>({
    name: 'known_people',
    text: `select id, client_id as "clientId", person, data_key as "dataKey", name, phone from users where erased_at is null and ($1::uuid is null or id > $1) order by id limit $2`,
    values: [afterId, limit],
  });
  return result.rows;
}

export interface NewFinding {
  readonly id: string;
  readonly client_id: string;
  readonly user_id: string;
  readonly list: string;
  readonly entry_id: string;
  readonly score: number;
  readonly how: string;
  readonly grounds: readonly string[];
}

/** Stores what is new of what was found; gives how much that was. What was found before stays as people left it. */
export async function storeFindings(tx: Queryable, listVersion: string, findings: readonly NewFinding[]): Promise<number> {
  if (findings.length === 0) return 0;
  const result = await tx.query({
    name: 'store_screening_findings',
    text: `insert into screening_findings (id, client_id, user_id, list, entry_id, list_version, score, how, grounds)
      select id, client_id, user_id, list, entry_id, $2, score, how, grounds
      from jsonb_to_recordset($1::jsonb)
        as finding(id uuid, client_id uuid, user_id uuid, list text, entry_id text, score real, how text, grounds jsonb)
      on conflict do nothing`,
    values: [JSON.stringify(findings), listVersion],
  });
  return result.rowCount ?? 0;
}

export interface RescreeningProgress {
  readonly listVersion: string;
  readonly lastUserId: string | null;
  readonly screened: number;
  readonly findings: number;
  readonly isDone: boolean;
  readonly nowMs: number;
}

/** Writes down how far it is. */
export async function advanceRescreening(tx: Queryable, progress: RescreeningProgress): Promise<void> {
  await tx.query({
    name: 'advance_rescreening',
    text: `update rescreenings set last_user_id = coalesce($2, last_user_id), screened = screened + $3, findings = findings + $4,
        updated_at = $5, finished_at = case when $6 then $5::timestamptz end where list_version = $1`,
    values: [progress.listVersion, progress.lastUserId, progress.screened, progress.findings, new Date(progress.nowMs), progress.isDone],
  });
}

export interface FindingRow {
  readonly id: string;
  readonly userId: string;
  readonly list: string;
  readonly entryId: string;
  readonly listVersion: string;
  readonly score: number;
  readonly how: string;
  readonly grounds: readonly string[];
  readonly status: 'open' | 'dismissed' | 'confirmed';
  readonly createdAt: Date;
  readonly resolvedBy: string | null;
  readonly resolvedAt: Date | null;
}

const COLUMNS = `id, user_id as "userId", list, entry_id as "entryId", list_version as "listVersion", score, how, grounds, status,
  created_at as "createdAt", resolved_by as "resolvedBy", resolved_at as "resolvedAt"`;

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

/**
 * Decides an open finding, once. A confirmed one takes the person's identity for rejected, so that every payment of theirs
 * is refused from then on. Null when there is none that is open.
 */
export async function resolveFinding(
  tx: Queryable,
  decided: {
    readonly clientId: string;
    readonly id: string;
    readonly status: 'dismissed' | 'confirmed';
    readonly by: string;
    readonly nowMs: number;
  },
): Promise<FindingRow | null> {
  const result = await tx.query<FindingRow>({
    name: 'resolve_screening_finding',
    text: `with decided as (
        update screening_findings set status = $3, resolved_by = $4, resolved_at = $5
        where id = $2 and client_id = $1 and status = 'open' returning *
      ), barred as (
        update users set kyc_status = 'rejected', updated_at = $5
        where $3 = 'confirmed' and id in (select user_id from decided)
      )
      select ${COLUMNS} from decided`,
    values: [decided.clientId, decided.id, decided.status, decided.by, new Date(decided.nowMs)],
  });
  return result.rows[0] ?? null;
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

/** A client's person, sealed; null when there is none of that id, or the person was erased. */
export async function findKnownPerson(
  db: Queryable,
  clientId: string,
  userId: string,
): Promise<(KnownPerson & { readonly country: string }) | null> {
  const result = await db.query<KnownPerson & { readonly country: string }>({
    name: 'find_known_person',
    text: `select id, client_id as "clientId", country, person, data_key as "dataKey", name, phone
      from users where client_id = $1 and id = $2 and erased_at is null`,
    values: [clientId, userId],
  });
  return result.rows[0] ?? null;
}

/** Whether a client has a finding at all. */
export async function hasFinding(db: Queryable, clientId: string, id: string): Promise<boolean> {
  const result = await db.query({
    name: 'has_screening_finding',
    text: 'select 1 from screening_findings where id = $2 and client_id = $1',
    values: [clientId, id],
  });
  return result.rows.length > 0;
}
