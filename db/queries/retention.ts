/** Deleting by age what no law holds, a bounded number of rows at a time, and writing down what was done. */
import type { Pool, Queryable } from '../connect.ts';
import { deleteThreads } from './checkpoints.ts';
import { nobodyHeldOf } from './holds.ts';
import { dropExpiredPartitions } from './partitions.ts';

/** Rows of one statement: enough to keep up, few enough that nobody waits for them. */
const ROWS_MAX = 5_000;

/** Callbacks that may go: read, out of their time, and of nobody who is held. */
const CALLBACKS_MAY_GO = `received_at < $1 and processed_at is not null
  and ${nobodyHeldOf('(select a.payment_id from attempts a where a.id = attempt_id)')}`;

/**
 * How each kind is deleted: everything of it before `$1`, `$2` rows at most, never what is still in work, nor what belongs to a payment
 * of somebody who is held. What belongs to no payment cannot be told to be anybody's.
 */
const DELETE_SQL = {
  idempotency_keys: `delete from idempotency_keys where ctid = any(array(select ctid from idempotency_keys where created_at < $1 limit $2))`,
  ussd_sessions: `delete from ussd_sessions where id in
    (select id from ussd_sessions where expires_at < $1 and ${nobodyHeldOf('payment_id')} order by expires_at limit $2)`,
  operator_callbacks: `delete from operator_callbacks where id in
    (select id from operator_callbacks where ${CALLBACKS_MAY_GO} order by id limit $2)`,
  operator_answers: `delete from operator_answers where id in
    (select id from operator_answers where last_received_at < $1
      and ${nobodyHeldOf('(select a.payment_id from attempts a where a.id = attempt_id)')} order by last_received_at limit $2)`,
  operator_balances: `delete from operator_balances where id in (select id from operator_balances where asked_at < $1 order by asked_at limit $2)`,
  gateway_records: `delete from gateway_records where id in (select id from gateway_records where received_at < $1 order by received_at limit $2)`,
  webhook_deliveries: `delete from webhook_deliveries where id in
    (select id from webhook_deliveries where created_at < $1 and state <> 'waiting' and ${nobodyHeldOf('payment_id')} limit $2)`,
  sms_messages: `delete from sms_messages where id in
    (select id from sms_messages where created_at < $1 and state not in ('queued', 'sending') and ${nobodyHeldOf('payment_id')} limit $2)`,
} as const;

export type DeletedKind = keyof typeof DELETE_SQL;

/** Deletes rows of a kind that are older than a moment; gives how many, at most those of one statement. */
export async function deleteExpired(db: Queryable, kind: DeletedKind, before: Date): Promise<number> {
  const result = await db.query({ name: `expire_${kind}`, text: DELETE_SQL[kind], values: [before, ROWS_MAX] });
  return result.rowCount ?? 0;
}

/** Drops the partitions of callbacks all of which are older than a moment and may go; gives how many partitions, and rows with them. */
export function dropExpiredCallbacks(db: Pool, before: Date): Promise<{ readonly partitions: number; readonly rows: number }> {
  return dropExpiredPartitions(db, 'operator_callbacks', CALLBACKS_MAY_GO, before);
}

/** Deletes the checkpoints of cases that were closed before a moment, but of those who are held; gives how many cases. A thread is named after its case. */
export async function deleteCheckpoints(db: Queryable, before: Date): Promise<number> {
  const { rows } = await db.query<{ id: string }>({
    text: `select c.id::text as id from cases c where c.closed_at < $1 and ${nobodyHeldOf('c.payment_id')}
        and exists (select from checkpoints k where k.thread_id = c.id::text) limit $2`,
    values: [before, ROWS_MAX],
  });
  if (rows.length > 0)
    await deleteThreads(
      db,
      rows.map(({ id }) => id),
    );
  return rows.length;
}

/** Begins a run of retention, unless one began after a moment. Gives its id, or null. */
export async function beginRetention(
  db: Queryable,
  run: { readonly id: string; readonly notAfter: Date; readonly nowMs: number },
): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>({
    name: 'begin_retention',
    text: `with lock as (select pg_try_advisory_xact_lock(hashtext('capp retention')) as held),
        begun as (
          insert into retention_runs (id, started_at) select $1, $3 from lock
          where held and not exists (select from retention_runs where started_at > $2) returning id
        ), told as (
          insert into audit_events (client_id, actor, action, subject, created_at)
          select null, 'system', 'retention.begun', 'retention:' || id, $3 from begun
        )
      select id from begun`,
    values: [run.id, run.notAfter, new Date(run.nowMs)],
  });
  return rows[0]?.id ?? null;
}

/** Somebody whose data did not open, and what of it: no word of them. */
export interface PersonFailure {
  readonly userId: string;
  readonly reason: string;
}

/** What a run did, by kind how much. Under `failed` how many people it could not go on with, and the first of them under `failures`. */
export interface RetentionReport {
  readonly failures?: readonly PersonFailure[];
  readonly [kind: string]: number | readonly PersonFailure[] | undefined;
}

/** Writes down what a run did. */
export async function endRetention(db: Queryable, id: string, report: RetentionReport, nowMs: number): Promise<void> {
  await db.query({
    name: 'end_retention',
    text: `with ended as (update retention_runs set finished_at = $2, report = $3 where id = $1 and finished_at is null returning id, report)
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select null, 'system', 'retention.ended', 'retention:' || id, report, $2 from ended`,
    values: [id, new Date(nowMs), JSON.stringify(report)],
  });
}

export interface RetentionRun {
  readonly id: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly report: RetentionReport;
}

/** The newest runs. */
export async function listRetentionRuns(db: Queryable, limit: number): Promise<RetentionRun[]> {
  const { rows } = await db.query<RetentionRun>(
    `select id, started_at as "startedAt", finished_at as "finishedAt", report from retention_runs order by started_at desc limit $1`,
    [limit],
  );
  return rows;
}
