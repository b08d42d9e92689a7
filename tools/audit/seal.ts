/**
 * Sealing: rows that can no longer be joined by earlier ones go into the next block of the chain.
 *
 * A row carries the transaction that wrote it. Below the oldest transaction under way everything is
 * decided, so that the rows there are complete for good, in the order of transaction and key. One sealer
 * works at a time, in any process; the payments' own transactions know nothing of it.
 */
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import type { Clock } from '../../domain/clock.ts';
import { insertBlock, lastBlockNumber, readBlocks, type SealedBlock, type SealedRange } from './chain.ts';
import { blockHash, FIRST_PREVIOUS_HASH, lastKeyOf, leavesOf, type Place, rootOf } from './encoding.ts';
import { FORM, KEY_BOUNDS, sealSql, type Source, SOURCE_NAMES, SOURCES } from './sources.ts';

export interface SealDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  /** Makes the keyed hash of every block. */
  readonly keyring: Pick<Keyring, 'blindIndex'>;
}

export interface SealLimits {
  /** Rows of one source in a block at most: what a proof is cut from, and read again as a whole when it is verified. */
  readonly rowsMax?: number;
  /** Blocks made by one call at most. */
  readonly blocksMax?: number;
  /** The edition to seal in; the newest unless told, as tests of old blocks do. */
  readonly form?: number;
}

export interface Sealed {
  readonly blocks: number;
  readonly rows: number;
  /** The last block made, null when none was. */
  readonly head: { readonly number: string; readonly hash: string } | null;
  /**
   * The database counts its transactions from a lower number than it did: it was restored from a dump that
   * does not keep them. Nothing is sealed until the counter is set forward.
   */
  readonly stalled: boolean;
}

const SEAL_LOCK = 7_263_005;
/** As many as a cohort has transfers or more: a range that ends within a transaction has its rows sorted again for the next. */
const ROWS_MAX = 4_000;
const BLOCKS_MAX = 50;

/**
 * What a row's text is, and in which letters it is sent, must not hang on a setting of the session. Rows come by the index of their
 * transactions, one transaction sorted after the other: by statistics from before a burst the planner would read and sort the whole
 * backlog for every block.
 */
export const BEGIN_SQL = `select pg_try_advisory_xact_lock($1) as locked, ${[
  ['extra_float_digits', '1'],
  ['client_encoding', 'UTF8'],
  ['enable_seqscan', 'off'],
  ['enable_bitmapscan', 'off'],
  ['enable_sort', 'off'],
]
  .map(([setting, value]) => `set_config('${setting}', '${value}', true)`)
  .join(', ')}`;

const SEAL_CONTEXT = 'audit_blocks.seal';

/** Every seal that a block of a moment may carry: of the index keys that were not retired by then. */
export function sealsOf(keyring: Pick<Keyring, 'seals'>, hash: string, sealedAtMs: number): readonly Buffer[] {
  return keyring.seals(hash, SEAL_CONTEXT, sealedAtMs);
}

/** The keyed hash of a block: proves that somebody with the keys sealed it. */
export function sealOf(keyring: Pick<Keyring, 'blindIndex'>, hash: string): Buffer {
  return keyring.blindIndex(hash, SEAL_CONTEXT);
}

/** Seals what is complete, block by block, and says how much it was. Nothing when another process is at it. */
export async function sealAudit(deps: SealDeps, limits: SealLimits = {}): Promise<Sealed> {
  let sealed: Sealed = { blocks: 0, rows: 0, head: null, stalled: false };
  while (sealed.blocks < (limits.blocksMax ?? BLOCKS_MAX)) {
    const outcome = await withTransaction(deps.pool, (tx) => sealNext(tx, deps, limits.rowsMax ?? ROWS_MAX, limits.form ?? FORM));
    if (outcome === 'stalled') return { ...sealed, stalled: true };
    if (outcome === null) return sealed;
    const { header, hash } = outcome;
    sealed = { blocks: sealed.blocks + 1, rows: sealed.rows + header.leafCount, head: { number: header.number, hash }, stalled: false };
    // A block with room left in every range has taken all there was.
    if (header.ranges.every((range) => range.leafCount < (limits.rowsMax ?? ROWS_MAX))) break;
  }
  return sealed;
}

async function sealNext(tx: PoolClient, deps: SealDeps, rowsMax: number, form: number): Promise<SealedBlock | 'stalled' | null> {
  const lock = await tx.query<{ locked: boolean }>({ name: 'seal_begin', text: BEGIN_SQL, values: [SEAL_LOCK] });
  if (lock.rows[0]?.locked !== true) return null;
  const last = await lastBlockNumber(tx);
  const [previous] = last === 0n ? [] : await readBlocks(tx, last, last, { withLeaves: false });
  const horizon = await tx.query<{ xmin: string }>(`select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`);
  const beforeTx = BigInt(horizon.rows[0]?.xmin ?? '0');
  const ranges: SealedRange[] = [];
  for (const name of SOURCE_NAMES) {
    const source = SOURCES[name];
    const after = previous?.ranges.find((range) => range.source === name)?.upTo ?? { tx: '0', key: KEY_BOUNDS[source.keyType].first };
    if (beforeTx <= BigInt(after.tx)) return 'stalled';
    ranges.push(await readRange(tx, source, after, beforeTx, { rowsMax, form }));
  }
  const leafCount = leavesOf(ranges);
  if (leafCount === 0) return null;
  const header = {
    number: (last + 1n).toString(),
    previousHash: previous?.hash ?? FIRST_PREVIOUS_HASH,
    merkleRoot: rootOf(ranges),
    leafCount,
    ranges: ranges.map(({ keys: _keys, hashes: _hashes, ...range }) => range),
    sealedAt: new Date(deps.clock.now()).toISOString(),
  };
  const hash = blockHash(header);
  const block = { header, hash, seal: sealOf(deps.keyring, hash), ranges };
  await insertBlock(tx, block);
  return block;
}

/** The next rows of a source. A range that is not full reaches up to the horizon: nothing can come into it any more. */
async function readRange(
  tx: PoolClient,
  source: Source,
  after: Place,
  beforeTx: bigint,
  { rowsMax, form }: { readonly rowsMax: number; readonly form: number },
): Promise<SealedRange> {
  const { rows } = await tx.query<{ count: number; lastTx: string | null; keys: Buffer | null; hashes: Buffer | null }>({
    name: `seal_${source.name}_${rowsMax}_${form}`,
    text: sealSql(source, rowsMax, form),
    values: [after.tx, after.key, beforeTx.toString()],
  });
  const { count = 0, lastTx, keys, hashes } = rows[0] ?? {};
  const bytes = keys ?? Buffer.alloc(0);
  const lastKey = lastKeyOf(bytes, source.keyType);
  const full = count === rowsMax && lastTx !== null && lastTx !== undefined && lastKey !== undefined;
  const upTo = full ? { tx: lastTx, key: lastKey } : { tx: (beforeTx - 1n).toString(), key: KEY_BOUNDS[source.keyType].last };
  return { source: source.name, form, after, upTo, leafCount: count, keys: bytes, hashes: hashes ?? Buffer.alloc(0) };
}
