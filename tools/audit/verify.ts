/**
 * Verifying: the chain from its first block, and every row it seals. Says what is wrong and where: which
 * block, which source, which row.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { lastBlockNumber, readBlocks, type SealedBlock, type SealedRange, sourceOf } from './chain.ts';
import { compareLeaves, type Leaf, type RowFault } from './compare.ts';
import { type AuditRow, blockHash, FIRST_PREVIOUS_HASH, hashesOf, keysOf, leafHash, leavesOf, type Place, rootOf } from './encoding.ts';
import { sealsOf } from './seal.ts';
import { countBehindSql, isForm, KEY_BOUNDS, readSql, SOURCE_NAMES, SOURCES } from './sources.ts';

/** A block that somebody knows to be right: noted, printed, published, anchored on a chain. */
export interface TrustedBlock {
  readonly number: string;
  readonly hash: string;
}

export interface VerifyDeps {
  readonly pool: Pool;
  /** Checks the keyed hash of every block. */
  readonly keyring: Pick<Keyring, 'seals'>;
}

export type BlockFault = 'block_missing' | 'block_altered' | 'chain_broken' | 'seal_wrong' | 'not_the_trusted' | 'out_of_time';

export interface AuditFinding {
  readonly fault: RowFault | BlockFault;
  /** Null for what is not in any block. */
  readonly block: string | null;
  readonly source: string | null;
  /** Names the row in its source: its id, or its position. */
  readonly key: string | null;
  /** A sentence; carries no content of the row. */
  readonly detail: string;
}

export interface AuditReport {
  readonly findings: readonly AuditFinding[];
  readonly blocks: number;
  readonly rows: number;
  /** Rows that wait for the next block. */
  readonly unsealed: number;
  readonly head: TrustedBlock | null;
}

/** Blocks to hold the chain against: none, one, or many. */
export type Trusted = TrustedBlock | readonly TrustedBlock[] | null;

/** Blocks read at once: a bound on memory. */
const BLOCKS_AT_ONCE = 5n;

/** Verifies the whole audit log as one snapshot shows it, so that a system at work can be checked. */
export async function verifyAudit(deps: VerifyDeps, trusted: Trusted = null): Promise<AuditReport> {
  const client = await deps.pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local statement_timeout = 0');
    await client.query('set local extra_float_digits = 1');
    return await verifyWithin(client, deps, trusted);
  } finally {
    await client.query('rollback').catch(() => undefined);
    client.release();
  }
}

/** Where the walk along the chain stands. */
interface Walk {
  readonly findings: AuditFinding[];
  blocks: number;
  rows: number;
  /** Number the next block must have. */
  next: bigint;
  /** Null behind a missing block: what follows cannot be held against it. */
  previousHash: string | null;
  /** The newest moment of a block so far: what follows was not sealed before it, whatever it says. */
  sealedAtMs: number;
  readonly upTo: Map<string, Place>;
  /** Sources that a block has said something of, so that every later one must. */
  readonly named: Set<string>;
  head: TrustedBlock | null;
  /** Blocks that are trusted and have not come by yet. */
  readonly awaited: TrustedBlock[];
}

/** The same on a connection whose transaction shows one snapshot and writes floats in full. */
export async function verifyWithin(client: PoolClient, deps: Pick<VerifyDeps, 'keyring'>, trusted: Trusted = null): Promise<AuditReport> {
  const walk: Walk = {
    findings: [],
    blocks: 0,
    rows: 0,
    next: 1n,
    previousHash: FIRST_PREVIOUS_HASH,
    sealedAtMs: 0,
    upTo: new Map(SOURCE_NAMES.map((name) => [name, { tx: '0', key: KEY_BOUNDS[SOURCES[name].keyType].first }])),
    named: new Set(),
    head: null,
    awaited: trusted === null ? [] : [trusted].flat(),
  };
  const last = await lastBlockNumber(client);
  for (let from = 0n; from <= last; from += BLOCKS_AT_ONCE) {
    const to = from + BLOCKS_AT_ONCE - 1n;
    for (const block of await readBlocks(client, from, to, { withLeaves: true })) {
      verifyLink(walk, deps, block);
      await verifyRows(client, walk, block);
    }
  }
  for (const { number } of walk.awaited) {
    walk.findings.push(blockFinding('not_the_trusted', number, 'the block that is trusted is not in the chain'));
  }
  const unsealed = await verifyTail(client, walk);
  const { findings, blocks, rows, head } = walk;
  return { findings, blocks, rows, unsealed, head };
}

function blockFinding(fault: BlockFault, block: string | null, detail: string, source: string | null = null): AuditFinding {
  return { fault, block, source, key: null, detail };
}

/** A block by itself, and as the one that follows the block before. */
function verifyLink(walk: Walk, deps: Pick<VerifyDeps, 'keyring'>, block: SealedBlock): void {
  const { header, hash, seal, ranges } = block;
  const tell = (fault: BlockFault, detail: string): void => void walk.findings.push(blockFinding(fault, header.number, detail));
  if (BigInt(header.number) !== walk.next) {
    tell('block_missing', `blocks ${walk.next} to ${BigInt(header.number) - 1n} are gone`);
    walk.previousHash = null;
  }
  if (walk.previousHash !== null && header.previousHash !== walk.previousHash)
    tell('chain_broken', 'it does not follow the block before it');
  const actual = blockHash(header);
  if (actual !== hash) tell('block_altered', 'its hash does not fit what it says');
  walk.sealedAtMs = Math.max(walk.sealedAtMs, Date.parse(header.sealedAt));
  const seals = sealsOf(deps.keyring, hash, walk.sealedAtMs);
  if (!seals.some((expected) => seal.length === expected.length && timingSafeEqual(seal, expected)))
    tell('seal_wrong', 'it was not sealed with the keys of this platform');
  if (rootOf(ranges) !== header.merkleRoot || leavesOf(ranges) !== header.leafCount)
    tell('block_altered', 'its leaves do not lead to its Merkle root');
  for (const trusted of walk.awaited.filter((each) => each.number === header.number)) {
    walk.awaited.splice(walk.awaited.indexOf(trusted), 1);
    if (actual !== trusted.hash) tell('not_the_trusted', `its hash is ${actual}, not the one that is trusted`);
  }
  walk.blocks += 1;
  walk.next = BigInt(header.number) + 1n;
  walk.previousHash = hash;
  walk.head = { number: header.number, hash };
}

async function verifyRows(db: Queryable, walk: Walk, block: SealedBlock): Promise<void> {
  const { number } = block.header;
  for (const name of SOURCE_NAMES) {
    const range = block.ranges.find((each) => each.source === name);
    if (range === undefined && SOURCES[name].isLate === true && !walk.named.has(name)) continue;
    walk.named.add(name);
    if (range === undefined) walk.findings.push(blockFinding('block_altered', number, `it says nothing of ${name}`, name));
    else await verifyRange(db, walk, number, range);
  }
  for (const range of block.ranges) {
    if (sourceOf(range.source) === null) walk.findings.push(blockFinding('block_altered', number, `there is no source ${range.source}`));
  }
}

async function verifyRange(db: Queryable, walk: Walk, number: string, range: SealedRange): Promise<void> {
  const source = SOURCES[range.source];
  const tell = (detail: string): void => void walk.findings.push(blockFinding('block_altered', number, detail, source.name));
  const after = walk.upTo.get(source.name) as Place;
  if (!isForm(range.form)) return tell(`its leaves are of form ${range.form}, which this version does not know`);
  if (range.after.tx !== after.tx || range.after.key !== after.key) tell('its range does not begin where the one before ends');
  if (!isPlace(range.upTo, source.keyType)) return tell('its range does not end at a place');
  const keys = keysOf(range.keys, source.keyType);
  const sealed = hashesOf(range.hashes).map((hash, at): Leaf => ({ key: keys[at] ?? '', hash: hash.toString('hex') }));
  if (sealed.length !== range.leafCount || keys.length !== range.leafCount) tell('it does not hold as many leaves as it says');
  // From where the last range ended, whatever this one says: no row can hide between two ranges.
  const { rows } = await db.query<AuditRow>({
    name: `audit_read_${source.name}_${range.form}`,
    text: readSql(source, range.form),
    values: [after.tx, after.key, range.upTo.tx, range.upTo.key],
  });
  const found = rows.map((row): Leaf => ({ key: row[source.key] ?? '', hash: leafHash(source.name, range.form, row) ?? '' }));
  for (const { fault, key } of compareLeaves(sealed, found)) {
    walk.findings.push({ fault, block: number, source: source.name, key, detail: ROW_SENTENCES[fault] });
  }
  walk.rows += found.length;
  walk.upTo.set(source.name, range.upTo);
}

const ROW_SENTENCES: Readonly<Record<RowFault, string>> = {
  changed: 'changed since it was sealed',
  removed: 'sealed, and gone',
  inserted: 'put in among rows that were sealed without it',
  moved: 'not in the order in which it was sealed',
};

function isPlace(place: Place, keyType: 'bigint' | 'uuid'): boolean {
  const isKey = keyType === 'bigint' ? /^\d{1,19}$/ : /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  return /^\d{1,20}$/.test(place.tx) && isKey.test(place.key);
}

/** What no block holds yet. Rows of transactions that have not begun would wait there for ever. */
async function verifyTail(db: Queryable, walk: Walk): Promise<number> {
  let unsealed = 0;
  for (const name of SOURCE_NAMES) {
    const after = walk.upTo.get(name) as Place;
    const { rows } = await db.query<{ count: number; future: number }>(countBehindSql(SOURCES[name]), [after.tx, after.key]);
    const { count = 0, future = 0 } = rows[0] ?? {};
    unsealed += count;
    if (future > 0) walk.findings.push(blockFinding('out_of_time', null, `${future} rows name a transaction that has not begun`, name));
  }
  return unsealed;
}
