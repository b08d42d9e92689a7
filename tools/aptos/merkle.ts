/**
 * Merkle trees over settlement items, as in Certificate Transparency (RFC 6962 section 2.1, RFC 9162
 * section 2.1.3): SHA-256, leaves prefixed with 0x00 and nodes with 0x01, so that a node can never pass
 * for a leaf; an odd node is promoted, never doubled.
 *
 * Hashes are lower-case hex at the edge. Anybody can check a proof with SHA-256 alone.
 */
import { createHash, hash } from 'node:crypto';
import type { Currency } from '../../domain/currency.ts';

const HASH_PATTERN = /^[0-9a-f]{64}$/;
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** One leg of one payment in one batch. */
export interface SettlementLeaf {
  readonly batchId: string;
  readonly paymentId: string;
  readonly leg: 'collection' | 'payout';
  readonly amountMinor: bigint;
  readonly currency: Currency;
}

/** An earlier batch of the partner whose due another one took over: it binds that one's root and size. */
export interface CarriedLeaf {
  /** The batch that took it over. */
  readonly batchId: string;
  readonly carriedId: string;
  /** What the earlier batch had left: positive, the partner owes us. Minor units, never zero. */
  readonly dueMinor: bigint;
  readonly currency: Currency;
  /** Root and leaves of the earlier batch's own tree. */
  readonly merkleRoot: string;
  readonly itemCount: number;
}

/** That a leaf stands at a place of a tree of a size: the hashes beside its way up, lowest first. */
export interface MerkleProof {
  readonly index: number;
  readonly size: number;
  readonly path: readonly string[];
}

export const HASH_BYTES = 32;

const LEG_BYTES = { collection: 1, payout: 2 } as const;
/** Stands in a carried leaf where the others have their leg. */
const CARRIED_BYTE = 3;

/**
 * The one encoding of a leaf, 44 bytes: batch id (16), payment id (16), leg (1: collection, 2: payout),
 * amount in minor units (8, big-endian), currency (3, ASCII). Fixed widths leave no two readings.
 * Throws RangeError for ids that are no lower-case UUIDs and amounts outside 1 to 2^63-1.
 */
export function encodeLeaf(leaf: SettlementLeaf): Buffer {
  if (!UUID_PATTERN.test(leaf.batchId) || !UUID_PATTERN.test(leaf.paymentId)) throw new RangeError('a leaf needs lower-case UUIDs');
  if (leaf.amountMinor <= 0n || leaf.amountMinor >= 2n ** 63n) throw new RangeError('a leaf needs a positive amount of at most 63 bits');
  const bytes = Buffer.alloc(44);
  bytes.write(leaf.batchId.replaceAll('-', ''), 0, 'hex');
  bytes.write(leaf.paymentId.replaceAll('-', ''), 16, 'hex');
  bytes.writeUInt8(LEG_BYTES[leaf.leg], 32);
  bytes.writeBigUInt64BE(leaf.amountMinor, 33);
  bytes.write(leaf.currency, 41, 'ascii');
  return bytes;
}

/**
 * The one encoding of a carried leaf, 84 bytes: batch id (16), carried batch's id (16), 3 (1), due in minor units (8, two's
 * complement, big-endian), currency (3, ASCII), the carried batch's root (32) and leaves (8, big-endian). Neither by its width nor by
 * its 33rd byte can it pass for a leg.
 * Throws RangeError for ids that are no lower-case UUIDs, a due of zero or beyond 63 bits, what is no hash, and a count below 1.
 */
export function encodeCarriedLeaf(leaf: CarriedLeaf): Buffer {
  if (!UUID_PATTERN.test(leaf.batchId) || !UUID_PATTERN.test(leaf.carriedId)) throw new RangeError('a leaf needs lower-case UUIDs');
  const size = leaf.dueMinor < 0n ? -leaf.dueMinor : leaf.dueMinor;
  if (size === 0n || size >= 2n ** 63n) throw new RangeError('a carried leaf needs an amount of at most 63 bits, and not zero');
  if (!HASH_PATTERN.test(leaf.merkleRoot)) throw new RangeError('a carried leaf needs a root');
  if (!Number.isSafeInteger(leaf.itemCount) || leaf.itemCount < 1) throw new RangeError('a carried leaf needs a tree with a leaf');
  const bytes = Buffer.alloc(84);
  bytes.write(leaf.batchId.replaceAll('-', ''), 0, 'hex');
  bytes.write(leaf.carriedId.replaceAll('-', ''), 16, 'hex');
  bytes.writeUInt8(CARRIED_BYTE, 32);
  bytes.writeBigInt64BE(leaf.dueMinor, 33);
  bytes.write(leaf.currency, 41, 'ascii');
  bytes.write(leaf.merkleRoot, 44, 'hex');
  bytes.writeBigUInt64BE(BigInt(leaf.itemCount), 76);
  return bytes;
}

const hashBytes = (leaf: Buffer): string => createHash('sha256').update(Buffer.of(0)).update(leaf).digest('hex');

/** SHA-256(0x00 ‖ leaf), hex. */
export function hashLeaf(leaf: SettlementLeaf): string {
  return hashBytes(encodeLeaf(leaf));
}

/** The same of a carried leaf. */
export function hashCarriedLeaf(leaf: CarriedLeaf): string {
  return hashBytes(encodeCarriedLeaf(leaf));
}

function hashNode(left: string, right: string): string {
  return createHash('sha256').update(Buffer.of(1)).update(left, 'hex').update(right, 'hex').digest('hex');
}

/** Writes the hash of `bytes` at a place. A string is made three times as fast as a buffer of its own. */
export function digestInto(target: Buffer, at: number, bytes: Buffer): void {
  target.write(hash('sha256', bytes, 'binary'), at, HASH_BYTES, 'binary');
}

/** The level above of hashes strung together, 32 bytes each: neighbours hashed in pairs, an odd last one promoted. */
function hashesAbove(level: Buffer): Buffer {
  const count = level.length / HASH_BYTES;
  const above = Buffer.allocUnsafe(Math.ceil(count / 2) * HASH_BYTES);
  const node = Buffer.alloc(1 + 2 * HASH_BYTES);
  node[0] = 1;
  for (let index = 0; index < count; index += 2) {
    const to = (index / 2) * HASH_BYTES;
    if (index + 1 === count) level.copy(above, to, index * HASH_BYTES);
    else {
      level.copy(node, 1, index * HASH_BYTES, (index + 2) * HASH_BYTES);
      digestInto(above, to, node);
    }
  }
  return above;
}

/** Root over leaf hashes in their order, hex. Throws RangeError for no leaves or for what is no hash. */
export function merkleRoot(leaves: readonly string[]): string {
  return rootOfHashes(strung(leaves));
}

/** The root over hashes strung together, hex, and the ways of some of them to it. */
export interface HashTree {
  readonly root: string;
  /** In the order in which they were asked for. */
  readonly proofs: readonly MerkleProof[];
}

/** Makes it of the hashes at `indexes`, in one pass. Throws RangeError for no hashes, and for an index that is not there. */
export function treeOfHashes(hashes: Buffer, indexes: readonly number[]): HashTree {
  if (hashes.length === 0 || hashes.length % HASH_BYTES !== 0) throw new RangeError('a tree needs a leaf, and whole hashes');
  const size = hashes.length / HASH_BYTES;
  if (indexes.some((index) => !Number.isInteger(index) || index < 0 || index >= size)) throw new RangeError('no hash at this index');
  const ways = indexes.map((index) => ({ index, at: index, path: [] as string[] }));
  let level = hashes;
  while (level.length > HASH_BYTES) {
    for (const way of ways) {
      const sibling = (way.at % 2 === 0 ? way.at + 1 : way.at - 1) * HASH_BYTES;
      if (sibling < level.length) way.path.push(level.toString('hex', sibling, sibling + HASH_BYTES));
      way.at = Math.floor(way.at / 2);
    }
    level = hashesAbove(level);
  }
  return { root: level.toString('hex'), proofs: ways.map(({ index, path }) => ({ index, size, path })) };
}

/** The root over hashes strung together. Throws RangeError for none. */
export function rootOfHashes(hashes: Buffer): string {
  return treeOfHashes(hashes, []).root;
}

/** The way of one of the hashes strung together to their root. Throws RangeError for an index that is not there. */
export function proofOfHash(hashes: Buffer, index: number): MerkleProof {
  const [proof] = treeOfHashes(hashes, [index]).proofs;
  if (proof === undefined) throw new RangeError('no hash at this index');
  return proof;
}

/** Proof that the leaf at `index` is in the tree. Throws RangeError for an index outside it. */
export function merkleProof(leaves: readonly string[], index: number): MerkleProof {
  return proofOfHash(strung(leaves), index);
}

/**
 * Says whether the proof leads from the leaf hash to the root. False for anything malformed; a proof
 * with a hash too many or too few, or for another place of the tree, never passes. Make the leaf hash
 * from the leaf itself (`hashLeaf`) and take root and size from who is trusted, not from the prover.
 */
export function verifyMerkleProof(leaf: string, proof: MerkleProof, root: string): boolean {
  const { index, size, path } = proof;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (![leaf, root, ...path].every((hash) => HASH_PATTERN.test(hash))) return false;
  let hash = leaf;
  let used = 0;
  let at = index;
  for (let last = size - 1; last > 0; last = Math.floor(last / 2)) {
    // The last node of an odd level has no neighbour and is promoted.
    if (at % 2 === 1 || at < last) {
      const sibling = path[used++];
      if (sibling === undefined) return false;
      hash = at % 2 === 1 ? hashNode(sibling, hash) : hashNode(hash, sibling);
    }
    at = Math.floor(at / 2);
  }
  return used === path.length && hash === root;
}

function strung(leaves: readonly string[]): Buffer {
  if (!leaves.every((leaf) => HASH_PATTERN.test(leaf))) throw new RangeError('a leaf must be a SHA-256 in lower-case hex');
  return Buffer.from(leaves.join(''), 'hex');
}
