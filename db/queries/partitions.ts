/**
 * Tables that lie in partitions by id: the next ones are made before ids reach them, and one is dropped whole once it is full and nothing
 * in it must stay. Their rows come in the order of their ids, or nearly so.
 */
import { databaseCodeOf, type Pool, type Queryable } from '../connect.ts';

export type PartitionedTable = 'operator_callbacks';

/** A partition is for what comes in so many days, or for so many ids, whichever is more. */
const PARTITION_DAYS = 30;
const PARTITION_IDS_MIN = 10_000_000;
const DAY_MS = 86_400_000;
/** A rate is not told from less than this. */
const RATE_MS_MIN = DAY_MS / 24;
/** Rows that one statement looks at: few enough for the time a statement has. */
const ROWS_LOOKED_AT_MAX = 50_000;

/** Bounds of ids, the upper one not included; `begins` null for all below. `given` is the last id that was given. */
export interface Partition {
  readonly name: string;
  readonly begins: bigint | null;
  readonly ends: bigint;
  readonly given: bigint;
}

/** Partitions of a table, oldest first, but for the one that takes what no other is for. */
export async function listPartitions(db: Queryable, table: PartitionedTable): Promise<Partition[]> {
  const { rows } = await db.query<Partition>({
    name: 'list_partitions',
    text: 'select name, begins, ends, given from partitions where parent = $1 order by ends',
    values: [table],
  });
  return rows;
}

/**
 * Makes the next partition of a table, unless what is there is enough for as long as one is for. Gives its name, or null; null as well
 * where somebody else was quicker, or the table was in use for too long to wait: the next call makes it.
 */
export async function makePartitionAhead(db: Pool, table: PartitionedTable, nowMs: number): Promise<string | null> {
  const newest = (await listPartitions(db, table)).at(-1);
  if (newest === undefined) return null;
  const width = await widthOf(db, table, newest.given, nowMs);
  if (newest.ends - newest.given >= width) return null;
  const made = await unlessInUse(
    db.query<{ name: string | null }>('select make_partition($1, $2, $3) as name', [table, newest.ends, width]),
  );
  return made?.rows[0]?.name ?? null;
}

/** For how many ids a partition is to be, by how long the newest of them took. */
async function widthOf(db: Queryable, table: PartitionedTable, given: bigint, nowMs: number): Promise<bigint> {
  const { rows } = await db.query<{ id: bigint; received_at: Date }>(
    `select id, received_at from ${table} where id > $1 order by id limit 1`,
    [given - BigInt(PARTITION_IDS_MIN)],
  );
  const oldest = rows[0];
  if (oldest === undefined) return BigInt(PARTITION_IDS_MIN);
  const tookMs = Math.max(RATE_MS_MIN, nowMs - oldest.received_at.getTime());
  const width = Math.ceil((Number(given - oldest.id) / tookMs) * PARTITION_DAYS * DAY_MS);
  return BigInt(Math.max(PARTITION_IDS_MIN, width));
}

/** How many rows lie where no partition was made for them in time; between two partitions, those of one statement at most. They are read and deleted like any other. */
export async function countAstray(db: Queryable, table: PartitionedTable): Promise<number> {
  const partitions = await listPartitions(db, table);
  let astray = 0;
  for (const [index, { ends }] of partitions.entries()) {
    const next = partitions[index + 1]?.begins ?? null;
    if (next === ends) continue;
    const { rows } = await db.query<{ count: number }>(
      `select count(*)::int as count from (select from ${table} where id >= $1 and ($2::bigint is null or id < $2) limit $3) astray`,
      [ends, next, ROWS_LOOKED_AT_MAX],
    );
    astray += rows[0]?.count ?? 0;
  }
  return astray;
}

/**
 * Drops the full partitions of a table, oldest first, in which every row may go by a condition on it and on `$1`, the moment before which
 * rows are out of their time. Gives how many partitions, and how many rows went with them.
 */
export async function dropExpiredPartitions(
  db: Pool,
  table: PartitionedTable,
  mayGo: string,
  before: Date,
): Promise<{ readonly partitions: number; readonly rows: number }> {
  let dropped = { partitions: 0, rows: 0 };
  for (const partition of await listPartitions(db, table)) {
    if (partition.ends > partition.given) break;
    const rows = await rowsThatAllMayGo(db, table, partition, mayGo, before);
    if (rows === null) continue;
    if ((await unlessInUse(db.query('select drop_partition($1)', [partition.name]))) === null) break;
    dropped = { partitions: dropped.partitions + 1, rows: dropped.rows + rows };
  }
  return dropped;
}

/** How many rows a partition has; null as soon as one is found that must stay. */
async function rowsThatAllMayGo(
  db: Queryable,
  table: PartitionedTable,
  { begins, ends }: Partition,
  mayGo: string,
  before: Date,
): Promise<number | null> {
  let [found, after] = [0, begins === null ? null : begins - 1n];
  for (;;) {
    const { rows } = await db.query<{ count: number; stay: boolean | null; last: bigint | null }>(
      `select count(*)::int as count, bool_or(not (${mayGo})) as stay, max(id) as last
       from (select * from ${table} where ($2::bigint is null or id > $2) and id < $3 order by id limit $4) looked_at`,
      [before, after, ends, ROWS_LOOKED_AT_MAX],
    );
    const [looked] = rows;
    if (looked === undefined || looked.last === null) return found;
    if (looked.stay === true) return null;
    [found, after] = [found + looked.count, looked.last];
  }
}

/** What a change of partitions gives, or null where the table stayed in use for longer than others may be kept waiting. */
async function unlessInUse<T>(change: Promise<T>): Promise<T | null> {
  try {
    return await change;
  } catch (error) {
    // 55P03: the lock was not to be had in time; 40P01: somebody waited the other way round.
    if (['55P03', '40P01'].includes(databaseCodeOf(error) ?? '')) return null;
    throw error;
  }
}
