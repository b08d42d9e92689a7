/**
 * Tampering with the audit log, as somebody would who owns the database: random changes, removals, insertions and reorderings of
 * sealed rows, and edits of the chain itself, each undone before the next.
 */
import type { PoolClient } from 'pg';
import { columnsOf, type Source, SOURCE_NAMES, type SourceName, SOURCES } from './sources.ts';
import { type AuditFinding, type Trusted, type TrustedBlock, type VerifyDeps, verifyWithin } from './verify.ts';

export interface Edit {
  /** One of `EDIT_NAMES`. */
  readonly kind: string;
  readonly source: SourceName;
  /** Whole numbers that pick rows, columns and blocks. */
  readonly random: readonly number[];
}

/** Removes whatever would be in the way of an intruder who owns the database: constraints, unique indexes, triggers. */
export async function disarm(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ drop: string }>(
    `select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) as drop from pg_constraint
     where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'u', 'p') and conrelid::regclass::text = any($1)
     union all select format('drop index if exists %s', indexrelid::regclass) from pg_index where indisunique and indrelid::regclass::text = any($1)`,
    [[...SOURCE_NAMES, 'audit_blocks', 'audit_ranges']],
  );
  for (const { drop } of rows) await client.query(drop).catch(() => undefined);
  await client.query('set session_replication_role = replica');
}

/** A document with something more in it. */
const alteredJson = (document: string): string =>
  `case jsonb_typeof(${document}) when 'array' then ${document} || '["x"]' else ${document} || '{"x": 1.50}' end`;

/** Another value of the same type, as an SQL expression. */
function otherValue(type: string, column: string): string {
  // Other digits in any case: these four are a part of the time in ids that begin with it, and have been `feed`.
  if (type === 'uuid')
    return `coalesce(overlay(${column}::text placing translate(substr(${column}::text, 10, 4), '0123456789abcdef', '123456789abcdef0') from 10 for 4)::uuid, gen_random_uuid())`;
  if (type === 'jsonb') return alteredJson(`coalesce(${column}, '{}')`);
  if (type === 'json') return `(${alteredJson(`${column}::jsonb`)})::json`;
  if (type.endsWith('[]')) return `${column} || ${column}`;
  if (type === 'bytea') return `${column} || '\\x00'::bytea`;
  if (type === 'xid8') return `(${column}::text::bigint + 1)::text::xid8`;
  if (type.startsWith('timestamp')) return `coalesce(${column}, '2026-01-01Z') + interval '1 millisecond'`;
  if (type === 'boolean') return `not ${column}`;
  if (type === 'real') return `${column} * 1.0000002::real`;
  if (type === 'text') return `coalesce(${column}, '') || ' '`;
  return `coalesce(${column}, 0) + 1`;
}

export interface Row {
  readonly key: string;
  readonly at: string;
}

/** The rows of a source, by where they are stored: a key may stand twice. */
export async function rowsOf(client: PoolClient, source: Source): Promise<Row[]> {
  return (await client.query<Row>(`select ${source.key}::text as key, ctid::text as at from ${source.name} order by tx_id, ${source.key}`))
    .rows;
}

type Act = (client: PoolClient, source: Source, random: readonly number[]) => Promise<void>;

const pick = <T>(items: readonly T[], random: number): T => items[random % items.length] as T;

const ACTS: Readonly<Record<string, Act>> = {
  change: async (client, source, [row = 0, column = 0]) => {
    const name = pick(columnsOf(source), column);
    const type = await client.query<{ type: string }>(
      `select format_type(atttypid, null) as type from pg_attribute where attrelid = $1::regclass and attname = $2`,
      [source.name, name],
    );
    const { at } = pick(await rowsOf(client, source), row);
    await client.query(`update ${source.name} set ${name} = ${otherValue(type.rows[0]?.type ?? '', name)} where ctid = $1`, [at]);
  },
  delete: async (client, source, [row = 0]) => {
    await client.query(`delete from ${source.name} where ctid = $1`, [pick(await rowsOf(client, source), row).at]);
  },
  insert: async (client, source, [row = 0]) => {
    const { at } = pick(await rowsOf(client, source), row);
    const columns = columnsOf(source).filter((name) => name !== 'id' && name !== source.key);
    const names = [...new Set([...('id' in source.columns ? ['id'] : []), source.key])];
    const fresh = names.map((name) =>
      name === source.key && source.keyType === 'bigint' ? '0 - (random() * 1e9)::bigint + 2e9::bigint' : 'gen_random_uuid()',
    );
    await client.query(
      `insert into ${source.name} (${[...names, ...columns].join(', ')}) select ${[...fresh, ...columns].join(', ')} from ${source.name} where ctid = $1`,
      [at],
    );
  },
  duplicate: async (client, source, [row = 0]) => {
    await client.query(`insert into ${source.name} select * from ${source.name} where ctid = $1`, [
      pick(await rowsOf(client, source), row).at,
    ]);
  },
  reorder: async (client, source, [one = 0, other = 0]) => {
    const rows = await rowsOf(client, source);
    const [a, b] = [pick(rows, one), pick(rows, one + 1 + (other % (rows.length - 1)))];
    await client.query(
      `with pair as (select ctid as at, tx_id, ${source.key} as key from ${source.name} where ctid = any($1::tid[]))
       update ${source.name} r set tx_id = pair.tx_id, ${source.key} = pair.key from pair
       where r.ctid = any($1::tid[]) and pair.at <> r.ctid`,
      [[a.at, b.at]],
    );
  },
};

/** Each with what it does to the block `$1`. */
const CHAIN_EDITS: readonly string[] = [
  'delete from audit_blocks where number = $1',
  'delete from audit_ranges where block_number = $1',
  `delete from audit_ranges where block_number = $1 and source = 'transfers'`,
  `with gone as (delete from audit_ranges where block_number >= $1) delete from audit_blocks where number >= $1`,
  `update audit_blocks set merkle_root = repeat('0', 64) where number = $1`,
  `update audit_blocks set hash = repeat('1', 64) where number = $1`,
  `update audit_blocks set previous_hash = repeat('2', 64) where number = $1`,
  `update audit_blocks set sealed_at = sealed_at + interval '1 second' where number = $1`,
  'update audit_blocks set leaf_count = leaf_count + 1 where number = $1',
  `update audit_blocks set seal = seal || '\\x00'::bytea where number = $1`,
  `update audit_blocks set seal = sha256(seal) where number = $1`,
  `update audit_ranges set up_to_tx = '99999999' where block_number = $1 and source = 'payment_events'`,
  `update audit_ranges set after_tx = '0', after_key = '1' where block_number = $1 and source = 'payment_events'`,
  `update audit_ranges set hashes = sha256(hashes) || hashes where block_number = $1 and source = 'payment_events'`,
  `update audit_ranges set keys = sha256(keys) where block_number = $1 and source = 'transfers'`,
  `update audit_ranges set source = 'elsewhere' where block_number = $1 and source = 'transfers'`,
  'update audit_ranges set form = 1 where block_number = $1',
  'update audit_ranges set form = form + 1 where block_number = $1',
  `update audit_blocks set number = case number when $1 then $1 + 1 else $1 end where number in ($1, $1 + 1)`,
  `with other as (select * from audit_ranges where block_number = $1)
   update audit_ranges r set block_number = r.block_number + 500 from other where r.block_number = $1 and r.source = other.source`,
];

/** What may be done to rows; `chain` is done to the chain itself. */
export const EDIT_NAMES: readonly string[] = [...Object.keys(ACTS), 'chain'];

/** Makes an edit, in the transaction of the client. Gives its name in words. */
export async function tamper(client: PoolClient, { kind, source, random }: Edit, head: TrustedBlock): Promise<string> {
  const [first = 0, second = 0] = random;
  if (kind === 'chain') {
    const block = 1n + (BigInt(first) % BigInt(head.number));
    const sql = pick(CHAIN_EDITS, second).replaceAll('$1', String(block));
    await client.query(sql);
    return sql;
  }
  await (ACTS[kind] as Act)(client, SOURCES[source], random);
  return `${kind} in ${source} with ${random.join(', ')}`;
}

/** Does something and verifies, then undoes it: what was found. */
export async function findingsAfter<T>(
  client: PoolClient,
  deps: VerifyDeps,
  act: () => Promise<T>,
  trusted: Trusted,
): Promise<{ readonly findings: readonly AuditFinding[]; readonly result: T }> {
  await client.query('savepoint before_edit');
  const result = await act();
  const { findings } = await verifyWithin(client, deps, trusted);
  await client.query('rollback to before_edit');
  return { findings, result };
}

export interface Tried {
  readonly tried: number;
  readonly found: number;
  /** Edits by kind. */
  readonly byKind: Readonly<Record<string, number>>;
  /** Those that verification did not see. */
  readonly missed: readonly string[];
  /** Those of rows whose block and row it did not name. */
  readonly unplaced: readonly string[];
}

/** Edits in one transaction: as long as it is open nothing that others write on this server is sealed. */
const EDITS_AT_ONCE = 20;

/** Tries edits one after the other, in transactions that are rolled back. The log must verify before. */
export async function tryEdits(client: PoolClient, deps: VerifyDeps, head: TrustedBlock, edits: readonly Edit[]): Promise<Tried> {
  const [missed, unplaced, byKind]: [string[], string[], Record<string, number>] = [[], [], {}];
  await client.query('begin');
  const before = await verifyWithin(client, deps, head);
  if (before.findings.length > 0) throw new Error('the audit log does not verify as it is');
  for (const [at, edit] of edits.entries()) {
    if (at > 0 && at % EDITS_AT_ONCE === 0) await client.query('rollback and chain');
    const isChain = edit.kind === 'chain';
    const { findings, result } = await findingsAfter(client, deps, () => tamper(client, edit, head), isChain ? head : null);
    byKind[edit.kind] = (byKind[edit.kind] ?? 0) + 1;
    if (findings.length === 0) missed.push(result);
    if (!isChain && !findings.some((each) => each.source === edit.source && each.block !== null && each.key !== null))
      unplaced.push(result);
  }
  await client.query('rollback');
  return { tried: edits.length, found: edits.length - missed.length, byKind, missed, unplaced };
}
