/** Re-screening of known people: who they are, and how far it is. What it finds is in `findings.ts`. */
import type { Queryable } from '../connect.ts';
import type { SealedPerson } from '../person-keys.ts';

export interface KnownPerson extends SealedPerson {
  readonly id: string;
  readonly clientId: string;
}

/** Whether everybody was screened: an edition is a version of the lists and a way to score. */
export async function isRescreened(db: Queryable, edition: string): Promise<boolean> {
  const result = await db.query({
    name: 'is_rescreened',
    text: 'select 1 from rescreenings where list_version = $1 and finished_at is not null',
    values: [edition],
  });
  return result.rows.length > 0;
}

/** When a screening is begun: behind every other one, however the clocks of the processes go, so that the newest is known. */
const BEGUN = `greatest($2::timestamptz, (select max(started_at) + interval '1 millisecond' from rescreenings))`;

/**
 * Begins the screening against an edition anew where others were begun after it and before the lists came that are in force: they went
 * back to an earlier edition, and what was closed meanwhile is found again. Gives whether it was so.
 */
export async function renewRescreening(
  db: Queryable,
  { edition, takenAtMs, nowMs }: { readonly edition: string; readonly takenAtMs: number; readonly nowMs: number },
): Promise<boolean> {
  const result = await db.query({
    name: 'renew_rescreening',
    text: `update rescreenings r set started_at = ${BEGUN}, updated_at = $2, finished_at = null, last_user_id = null
      where list_version = $1 and started_at < (select max(started_at) from rescreenings)
        and $3 > (select max(started_at) from rescreenings)`,
    values: [edition, new Date(nowMs), new Date(takenAtMs)],
  });
  return result.rowCount === 1;
}

/** A screening in hand. */
export interface TakenRescreening {
  readonly lastUserId: string | null;
  /** None was begun after it: what it does not find is so no more. */
  readonly isNewest: boolean;
}

/** Takes the screening against an edition in hand, beginning it where there is none; null when another process has it in hand, or it is done. */
export async function takeRescreening(tx: Queryable, edition: string, nowMs: number): Promise<TakenRescreening | null> {
  await tx.query({
    name: 'begin_rescreening',
    text: `insert into rescreenings (list_version, started_at) values ($1, ${BEGUN}) on conflict do nothing`,
    values: [edition, new Date(nowMs)],
  });
  const result = await tx.query<TakenRescreening>({
    name: 'take_rescreening',
    text: `select last_user_id as "lastUserId", started_at >= (select max(started_at) from rescreenings) as "isNewest"
      from rescreenings where list_version = $1 and finished_at is null for update skip locked`,
    values: [edition],
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

export interface RescreeningProgress {
  readonly edition: string;
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
    values: [progress.edition, progress.lastUserId, progress.screened, progress.findings, new Date(progress.nowMs), progress.isDone],
  });
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
