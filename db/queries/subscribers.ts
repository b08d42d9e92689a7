/** What people told us of themselves: their language, their name, whether they want text messages. By keyed hash of the number. */
import type { Queryable } from '../connect.ts';

/** The scope of the hash by which somebody is found. */
export const SUBSCRIBER_SCOPE = 'subscribers.phone';
/** Where names are encrypted for. */
export const SUBSCRIBER_NAME_CONTEXT = 'subscribers.name';

export interface SubscriberRow {
  readonly phoneIndex: Buffer;
  readonly language: string | null;
  /** Ciphertext. */
  readonly name: Buffer | null;
  readonly optedOutAt: Date | null;
}

/** Those of the people we know something of, by the hex of their hash. */
export async function findSubscribers(db: Queryable, phoneIndexes: readonly Buffer[]): Promise<Map<string, SubscriberRow>> {
  if (phoneIndexes.length === 0) return new Map();
  const { rows } = await db.query<SubscriberRow>({
    name: 'find_subscribers',
    text: `select phone_index as "phoneIndex", language, name, opted_out_at as "optedOutAt" from subscribers where phone_index = any($1::bytea[])`,
    values: [phoneIndexes],
  });
  return new Map(rows.map((row) => [row.phoneIndex.toString('hex'), row]));
}

/**
 * What is known of one person, whose rows stand under one index key or several, the newest first: the newest word on each, and no texts
 * where any row refuses them.
 */
export function subscriberOf(found: ReadonlyMap<string, SubscriberRow>, phoneIndexes: readonly Buffer[]): SubscriberRow | undefined {
  const rows = phoneIndexes.flatMap((index) => found.get(index.toString('hex')) ?? []);
  const newest = rows[0];
  if (newest === undefined) return undefined;
  return {
    phoneIndex: newest.phoneIndex,
    language: rows.find(({ language }) => language !== null)?.language ?? null,
    name: rows.find(({ name }) => name !== null)?.name ?? null,
    optedOutAt: rows.find(({ optedOutAt }) => optedOutAt !== null)?.optedOutAt ?? null,
  };
}

/** Keeps what somebody told of themselves; what is not given stays as it was. */
export async function rememberSubscriber(
  db: Queryable,
  subscriber: { readonly phoneIndex: Buffer; readonly language: string | null; readonly name: Buffer | null },
  nowMs: number,
): Promise<void> {
  await db.query({
    name: 'remember_subscriber',
    text: `insert into subscribers (phone_index, language, name, created_at, updated_at) values ($1, $2, $3, $4, $4)
      on conflict (phone_index) do update set language = coalesce(excluded.language, subscribers.language),
        name = coalesce(excluded.name, subscribers.name), updated_at = excluded.updated_at`,
    values: [subscriber.phoneIndex, subscriber.language, subscriber.name, new Date(nowMs)],
  });
}

/**
 * Moves what people told us to the hash of their number under the index key in use; where something stands there already, it takes
 * over what it does not say itself, and a wish for no texts. Gives how many rows went.
 */
export async function reindexSubscribers(
  db: Queryable,
  changes: readonly { readonly phoneIndex: Buffer; readonly olderIndex: Buffer }[],
): Promise<number> {
  if (changes.length === 0) return 0;
  const result = await db.query({
    name: 'reindex_subscribers',
    text: `with given as (select * from unnest($1::bytea[], $2::bytea[]) as given(phone_index, older_index)),
        gone as (delete from subscribers using given where subscribers.phone_index = given.older_index
          returning given.phone_index, language, name, opted_out_at, opt_out_source, created_at, updated_at)
      insert into subscribers as kept (phone_index, language, name, opted_out_at, opt_out_source, created_at, updated_at)
      select distinct on (phone_index) * from gone order by phone_index, opted_out_at nulls last
      on conflict (phone_index) do update set language = coalesce(kept.language, excluded.language), name = coalesce(kept.name, excluded.name),
        opted_out_at = coalesce(kept.opted_out_at, excluded.opted_out_at), opt_out_source = coalesce(kept.opt_out_source, excluded.opt_out_source)`,
    values: [changes.map(({ phoneIndex }) => phoneIndex), changes.map(({ olderIndex }) => olderIndex)],
  });
  return result.rowCount ?? 0;
}

export type OptOutSource = 'keyword' | 'gateway' | 'operator';

/** Notes that somebody wants no text messages; false when that was known. */
export async function optOut(db: Queryable, phoneIndex: Buffer, source: OptOutSource, nowMs: number): Promise<boolean> {
  const result = await db.query({
    name: 'opt_out',
    text: `insert into subscribers (phone_index, opted_out_at, opt_out_source, created_at, updated_at) values ($1, $3, $2, $3, $3)
      on conflict (phone_index) do update set opted_out_at = excluded.opted_out_at, opt_out_source = excluded.opt_out_source,
        updated_at = excluded.updated_at where subscribers.opted_out_at is null`,
    values: [phoneIndex, source, new Date(nowMs)],
  });
  return result.rowCount === 1;
}

/** Notes that somebody wants text messages again, under every hash of their number; false when they never refused them. */
export async function optIn(db: Queryable, phoneIndexes: readonly Buffer[], nowMs: number): Promise<boolean> {
  const result = await db.query({
    name: 'opt_in',
    text: `update subscribers set opted_out_at = null, opt_out_source = null, updated_at = $2 where phone_index = any($1::bytea[]) and opted_out_at is not null`,
    values: [phoneIndexes, new Date(nowMs)],
  });
  return (result.rowCount ?? 0) > 0;
}

export interface OptOutRow {
  readonly phoneIndex: Buffer;
  readonly optedOutAt: Date;
  readonly source: OptOutSource;
}

/** Who wants no text messages, the newest first; whose number it is nobody can tell from it. */
export async function listOptOuts(db: Queryable, limit: number): Promise<OptOutRow[]> {
  const { rows } = await db.query<OptOutRow>({
    name: 'list_opt_outs',
    text: `select phone_index as "phoneIndex", opted_out_at as "optedOutAt", opt_out_source as source from subscribers
      where opted_out_at is not null order by opted_out_at desc limit $1`,
    values: [limit],
  });
  return rows;
}
