/** Checkpoints of the case graph: stored set-wise, read one thread at a time. */
import type { Pool } from 'pg';
import { textArray } from '../arrays.ts';
import type { Queryable } from '../connect.ts';

/** A value as its codec wrote it: the type it named, and the text. */
export type Coded = readonly [type: string, text: string];

export interface NewCheckpoint {
  readonly threadId: string;
  readonly namespace: string;
  readonly id: string;
  readonly parentId: string | null;
  /** JSON of the checkpoint without its values. */
  readonly state: string;
  /** JSON. */
  readonly metadata: string;
  /** Values of the channels that have another version than in the parent; a channel that was emptied is left out. */
  readonly changed: Readonly<Record<string, Coded>>;
}

export interface NewWrite {
  readonly threadId: string;
  readonly namespace: string;
  readonly checkpointId: string;
  readonly taskId: string;
  readonly taskPath: string;
  /** Below zero: replaces what the task wrote there before. Else what is there stays. */
  readonly position: number;
  readonly channel: string;
  readonly value: Coded;
}

/**
 * Stores checkpoints, none of them twice, and no two of one thread: a child reads its parent. A channel whose version is
 * its parent's has its parent's value, so that every row is whole.
 */
export async function storeCheckpoints(db: Pool, checkpoints: readonly NewCheckpoint[]): Promise<void> {
  if (checkpoints.length === 0) return;
  const column = (pick: (each: NewCheckpoint) => string) => textArray(checkpoints.map(pick));
  await db.query({
    name: 'store_checkpoints',
    text: `insert into checkpoints (thread_id, namespace, id, parent_id, state, metadata, channel_values)
      select thread_id, namespace, id, parent_id, state::jsonb, metadata::jsonb, coalesce((
          select jsonb_object_agg(kept.key, kept.value) from checkpoints parent, jsonb_each(parent.channel_values) kept
          where parent.thread_id = given.thread_id and parent.namespace = given.namespace and parent.id = given.parent_id
            and parent.state -> 'channel_versions' -> kept.key = given.state::jsonb -> 'channel_versions' -> kept.key
        ), '{}') || changed::jsonb
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        as given(thread_id, namespace, id, parent_id, state, metadata, changed)
      on conflict (thread_id, namespace, id) do update
        set state = excluded.state, metadata = excluded.metadata, channel_values = excluded.channel_values`,
    values: [
      column((each) => each.threadId),
      column((each) => each.namespace),
      column((each) => each.id),
      checkpoints.map((each) => each.parentId),
      column((each) => each.state),
      column((each) => each.metadata),
      column((each) => JSON.stringify(each.changed)),
    ],
  });
}

/** Stores writes, none of them twice. */
export async function storeWrites(db: Pool, writes: readonly NewWrite[]): Promise<void> {
  if (writes.length === 0) return;
  const column = (pick: (each: NewWrite) => string) => textArray(writes.map(pick));
  await db.query({
    name: 'store_checkpoint_writes',
    text: `insert into checkpoint_writes (thread_id, namespace, checkpoint_id, task_id, task_path, position, channel, type, value)
      select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::text[])
      on conflict (thread_id, namespace, checkpoint_id, task_id, position) do update
        set task_path = excluded.task_path, channel = excluded.channel, type = excluded.type, value = excluded.value
        where excluded.position < 0`,
    values: [
      column((each) => each.threadId),
      column((each) => each.namespace),
      column((each) => each.checkpointId),
      column((each) => each.taskId),
      column((each) => each.taskPath),
      writes.map((each) => each.position),
      column((each) => each.channel),
      column((each) => each.value[0]),
      column((each) => each.value[1]),
    ],
  });
}

export interface CheckpointRow {
  readonly threadId: string;
  readonly namespace: string;
  readonly id: string;
  readonly parentId: string | null;
  readonly state: { readonly v: number; readonly id: string; readonly ts: string };
  readonly channelValues: Readonly<Record<string, Coded>>;
  readonly metadata: unknown;
  /** In the order in which the graph takes them in. */
  readonly writes: readonly (readonly [taskId: string, channel: string, ...value: Coded])[] | null;
  /** What the parent's tasks sent on, where the format of the checkpoint is too old to hold it. */
  readonly sends: readonly Coded[] | null;
}

export interface CheckpointSearch {
  readonly threadId?: string | undefined;
  readonly namespace?: string | undefined;
  readonly id?: string | undefined;
  /** Older than this one. */
  readonly before?: string | undefined;
  /** Metadata that must be there. */
  readonly filter?: Readonly<Record<string, unknown>> | undefined;
  readonly limit?: number | undefined;
}

/** By code point, as the graph itself orders the writes of a step. */
const WRITES_ORDER = 'order by w.task_path collate "C", w.task_id collate "C", w.position';
/** The format from which on a checkpoint holds what its parent's tasks sent on. */
const FORMAT_WITH_SENDS = 4;

const SELECT_SQL = `
select c.thread_id as "threadId", c.namespace, c.id, c.parent_id as "parentId", c.state, c.channel_values as "channelValues", c.metadata,
  (select json_agg(json_build_array(w.task_id, w.channel, w.type, w.value) ${WRITES_ORDER}) from checkpoint_writes w
    where w.thread_id = c.thread_id and w.namespace = c.namespace and w.checkpoint_id = c.id) as writes,
  case when (c.state ->> 'v')::int < ${FORMAT_WITH_SENDS} then (
    select json_agg(json_build_array(w.type, w.value) ${WRITES_ORDER}) from checkpoint_writes w
    where w.thread_id = c.thread_id and w.namespace = c.namespace and w.checkpoint_id = c.parent_id and w.channel = $1) end as sends
from checkpoints c`;

/** Checkpoints that are looked for, the newest first. `sendsChannel` is where tasks put what they send on. */
export async function findCheckpoints(db: Queryable | Pool, sendsChannel: string, search: CheckpointSearch): Promise<CheckpointRow[]> {
  const values: unknown[] = [sendsChannel];
  const conditions: string[] = [];
  // One prepared statement for each set of conditions.
  let name = 'find_checkpoints';
  const where = (condition: string, by: string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition.replace('?', `$${values.length}`));
    name += `_${by}`;
  };
  where('c.thread_id = ?', 'thread', search.threadId);
  where('c.namespace = ?', 'namespace', search.namespace);
  where('c.id = ?', 'id', search.id);
  where('c.id < ?', 'before', search.before);
  where('c.metadata @> ?::jsonb', 'filter', search.filter === undefined ? undefined : JSON.stringify(search.filter));
  values.push(search.limit ?? null);
  const text = `${SELECT_SQL}${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`} order by c.id desc limit $${values.length}`;
  return (await db.query<CheckpointRow>({ name, text, values })).rows;
}

/** Forgets threads; gives how many checkpoints they had. */
export async function deleteThreads(db: Queryable | Pool, threadIds: readonly string[]): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'delete_threads',
    text: `with writes as (delete from checkpoint_writes where thread_id = any($1::text[])),
        gone as (delete from checkpoints where thread_id = any($1::text[]) returning 1)
      select count(*)::int as count from gone`,
    values: [threadIds],
  });
  return rows[0]?.count ?? 0;
}
