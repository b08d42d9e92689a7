/** Data keys of texts: the row is all there is of a key, and emptying it destroys the texts. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import { LEFT_PAYMENTS, NOBODY_HELD } from './holds.ts';

export type TextKind = 'case' | 'report' | 'statement';

/** The wrapped key of a subject: `candidate` where it has none yet; null when it was destroyed. */
export async function keepTextKey(
  tx: Queryable,
  subject: { readonly id: string; readonly kind: TextKind; readonly candidate: Buffer; readonly nowMs: number },
): Promise<Buffer | null> {
  await tx.query({
    name: 'keep_text_key',
    text: 'insert into text_keys (subject_id, kind, wrapped, made_at) values ($1, $2, $3, $4) on conflict (subject_id) do nothing',
    values: [subject.id, subject.kind, subject.candidate, new Date(subject.nowMs)],
  });
  return (await findTextKeys(tx, [subject.id])).get(subject.id) ?? null;
}

/** The wrapped keys of subjects, where they have one that was not destroyed. */
export async function findTextKeys(db: Queryable | Pool, ids: readonly string[]): Promise<Map<string, Buffer>> {
  const { rows } = await db.query<{ id: string; wrapped: Buffer }>({
    name: 'find_text_keys',
    text: 'select subject_id as id, wrapped from text_keys where subject_id = any($1::uuid[]) and wrapped is not null',
    values: [ids],
  });
  return new Map(rows.map(({ id, wrapped }) => [id, wrapped]));
}

const DESTROY = 'update text_keys set wrapped = null, destroyed_at = $1 where wrapped is not null and';

/**
 * Destroys the keys of what was said about a person's payments: in their cases, and in the reports of those and on the person. Leaves out payments with
 * somebody whom a hold is in force for; see `destroyLeftTexts`. Gives how many.
 */
export async function destroyTextsAbout(tx: Queryable, userId: string, nowMs: number): Promise<number> {
  const result = await tx.query({
    name: 'destroy_texts_about',
    text: `with own as (select p.id from payments p where p.sender_id = $2 and ${NOBODY_HELD}
          union select p.id from payments p where p.receiver_id = $2 and ${NOBODY_HELD}),
        held as (select c.id from cases c where c.payment_id in (select id from own)),
        told as (select r.id from reports r where r.payment_id in (select id from own) or r.case_id in (select id from held)
          or r.finding_id in (select f.id from screening_findings f where f.user_id = $2))
      ${DESTROY} subject_id in (select id from held union all select id from told)`,
    values: [new Date(nowMs), userId],
  });
  return result.rowCount ?? 0;
}

/**
 * Destroys the keys that `destroyTextsAbout` left, once no hold is in force any more. What was written since is about whoever is there
 * yet, and stays. Gives how many.
 */
export async function destroyLeftTexts(db: Queryable, nowMs: number): Promise<number> {
  const result = await db.query({
    name: 'destroy_left_texts',
    text: `with ${LEFT_PAYMENTS},
        about as (select c.id, l.erased_at from left_payments l join cases c on c.payment_id = l.id
          union all select r.id, l.erased_at from left_payments l join reports r on r.payment_id = l.id
          union all select r.id, l.erased_at from left_payments l join cases c on c.payment_id = l.id join reports r on r.case_id = c.id)
      ${DESTROY} exists (select from about where about.id = subject_id and made_at <= about.erased_at)`,
    values: [new Date(nowMs)],
  });
  return result.rowCount ?? 0;
}

/** Destroys the keys of reports and statements from before a moment, unless a hold is in force for somebody who may stand in them. Gives how many. */
export async function destroyAgedTexts(db: Queryable, before: Date, nowMs: number): Promise<number> {
  const result = await db.query({
    name: 'destroy_aged_texts',
    text: `${DESTROY} kind in ('report', 'statement') and made_at < $2 and not exists (
        select from legal_holds h join users u on u.id = h.user_id where h.lifted_at is null
          and (kind = 'statement' or u.client_id = (select r.client_id from reports r where r.id = subject_id)))`,
    values: [new Date(nowMs), before],
  });
  return result.rowCount ?? 0;
}

/** Keys that another key than this one wraps, some of them. */
export async function findOlderWrapped(db: Queryable, currentId: number, limit: number): Promise<{ id: string; wrapped: Buffer }[]> {
  const { rows } = await db.query<{ id: string; wrapped: Buffer }>({
    name: 'find_older_wrapped_texts',
    text: 'select subject_id as id, wrapped from text_keys where wrapped is not null and get_byte(wrapped, 0) <> $1 limit $2',
    values: [currentId, limit],
  });
  return rows;
}

/** Puts other wrapped keys in place, where those are still there that were read. Gives how many. */
export async function changeTextKeys(
  db: Queryable,
  changes: readonly { readonly id: string; readonly before: Buffer; readonly wrapped: Buffer }[],
): Promise<number> {
  const result = await db.query({
    name: 'change_text_keys',
    text: `update text_keys set wrapped = given.wrapped from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as given(id, before, wrapped)
      where subject_id = given.id and text_keys.wrapped = given.before`,
    values: [changes.map(({ id }) => id), changes.map(({ before }) => before), changes.map(({ wrapped }) => wrapped)],
  });
  return result.rowCount ?? 0;
}

/** Keys of texts by the key that wraps them; null: those that were destroyed. */
export async function countTextKeys(db: Queryable): Promise<{ wrappedBy: number | null; texts: bigint }[]> {
  const { rows } = await db.query<{ wrappedBy: number | null; texts: bigint }>(
    'select get_byte(wrapped, 0) as "wrappedBy", count(*) as texts from text_keys group by 1 order by 1',
  );
  return rows;
}
