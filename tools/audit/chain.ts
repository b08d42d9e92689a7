/** The chain in the database: its blocks and what each covers of each source. */
import { bytesArray } from '../../db/arrays.ts';
import type { Queryable } from '../../db/connect.ts';
import type { AuditRange, BlockHeader } from './encoding.ts';
import { type Source, SOURCES, type SourceName } from './sources.ts';

/** A range with what was sealed in it: keys and leaf hashes, strung together in the order of the rows. */
export interface SealedRange extends AuditRange {
  readonly keys: Buffer;
  readonly hashes: Buffer;
}

export interface SealedBlock {
  readonly header: BlockHeader;
  readonly hash: string;
  /** A keyed hash of the hash. */
  readonly seal: Buffer;
  readonly ranges: readonly SealedRange[];
}

interface BlockRow {
  number: string;
  previousHash: string;
  merkleRoot: string;
  leafCount: number;
  sealedAt: string;
  hash: string;
  seal: Buffer;
}

interface RangeRow {
  blockNumber: string;
  source: SourceName;
  form: number;
  afterTx: string;
  afterKey: string;
  upToTx: string;
  upToKey: string;
  leafCount: number;
  keys: Buffer;
  hashes: Buffer;
}

const RANGE_COLUMNS = `block_number::text as "blockNumber", source, form, after_tx::text as "afterTx", after_key as "afterKey",
  up_to_tx::text as "upToTx", up_to_key as "upToKey", leaf_count as "leafCount"`;

/** Blocks with these numbers and all between that exist, in their order. `withLeaves` reads keys and hashes too. */
export async function readBlocks(
  db: Queryable,
  from: bigint,
  to: bigint,
  options: { readonly withLeaves: boolean },
): Promise<SealedBlock[]> {
  const blocks = await db.query<BlockRow>(
    `select number::text, previous_hash as "previousHash", merkle_root as "merkleRoot", leaf_count as "leafCount",
       to_char(sealed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "sealedAt", hash, seal
     from audit_blocks where number between $1 and $2 order by audit_blocks.number`,
    [from, to],
  );
  const leaves = options.withLeaves ? 'keys, hashes' : `''::bytea as keys, ''::bytea as hashes`;
  const ranges = await db.query<RangeRow>(
    `select ${RANGE_COLUMNS}, ${leaves} from audit_ranges where block_number between $1 and $2 order by block_number, source collate "C"`,
    [from, to],
  );
  const byBlock = Map.groupBy(ranges.rows, (row) => row.blockNumber);
  return blocks.rows.map(({ hash, seal, ...rest }) => {
    const sealed = (byBlock.get(rest.number) ?? []).map(rangeOf);
    const header = { ...rest, ranges: sealed.map(({ keys: _keys, hashes: _hashes, ...range }) => range) };
    return { header, hash, seal, ranges: sealed };
  });
}

function rangeOf(row: RangeRow): SealedRange {
  const { source, form, leafCount, keys, hashes } = row;
  const [after, upTo] = [
    { tx: row.afterTx, key: row.afterKey },
    { tx: row.upToTx, key: row.upToKey },
  ];
  return { source, form, after, upTo, leafCount, keys, hashes };
}

/** Number of the last block, 0 when there is none. */
export async function lastBlockNumber(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ last: bigint }>('select coalesce(max(number), 0) as last from audit_blocks');
  return rows[0]?.last ?? 0n;
}

/** Adds a block. The database refuses a second block after the same one. */
export async function insertBlock(tx: Queryable, block: SealedBlock): Promise<void> {
  const { header, hash, seal, ranges } = block;
  await tx.query({
    name: 'insert_audit_block',
    text: `with block as (
        insert into audit_blocks (number, previous_hash, merkle_root, leaf_count, sealed_at, hash, seal)
        values ($1, $2, $3, $4, $5, $6, $7)
      )
      insert into audit_ranges (block_number, source, form, after_tx, after_key, up_to_tx, up_to_key, leaf_count, keys, hashes)
      select $1, * from unnest($8::text[], $9::smallint[], $10::xid8[], $11::text[], $12::xid8[], $13::text[], $14::int[], $15::bytea[], $16::bytea[])`,
    values: [
      header.number,
      header.previousHash,
      header.merkleRoot,
      header.leafCount,
      header.sealedAt,
      hash,
      seal,
      ranges.map((range) => range.source),
      ranges.map((range) => range.form),
      ranges.map((range) => range.after.tx),
      ranges.map((range) => range.after.key),
      ranges.map((range) => range.upTo.tx),
      ranges.map((range) => range.upTo.key),
      ranges.map((range) => range.leafCount),
      bytesArray(ranges.map((range) => range.keys)),
      bytesArray(ranges.map((range) => range.hashes)),
    ],
  });
}

/** The source of a range, or null for a name that is none: a row may have been forged. */
export function sourceOf(name: string): Source | null {
  return Object.hasOwn(SOURCES, name) ? SOURCES[name as SourceName] : null;
}
