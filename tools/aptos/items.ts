/**
 * The tree of a batch: its items, then the earlier batches that it took over.
 *
 * Items are strung together: 25 bytes each, in the order of payment id, collection before payout. They are kept as one value, for a
 * window holds tens of thousands; leaf hashes, root and proofs are made from them, the same as merkle.ts makes from single leaves.
 */
import type { Currency } from '../../domain/currency.ts';
import {
  type CarriedLeaf,
  digestInto,
  HASH_BYTES,
  hashCarriedLeaf,
  type MerkleProof,
  proofOfHash,
  treeOfHashes,
  type SettlementLeaf,
} from './merkle.ts';

/** Payment id (16), leg (1: collection, 2: payout), amount in minor units (8, big-endian). */
export const ITEM_BYTES = 25;
const LEAF_BYTES = 45;

/** An earlier batch as the tree of the one that took it over has it. */
export type CarriedBatch = Omit<CarriedLeaf, 'batchId' | 'currency'>;

/** What the tree of a batch is made of. Its id and currency are part of every leaf. */
export interface BatchTree {
  readonly batchId: string;
  readonly currency: Currency;
  /** Strung together; see `packItems`. */
  readonly items: Buffer;
  /** In any order: they stand behind the items by ascending id. */
  readonly carried: readonly CarriedBatch[];
}

export type Item = Pick<SettlementLeaf, 'paymentId' | 'leg' | 'amountMinor'>;

/** Strings items together, in the order in which they are kept. */
export function packItems(items: readonly Item[]): Buffer {
  const packed = items.map(({ paymentId, leg, amountMinor }) => {
    const bytes = Buffer.alloc(ITEM_BYTES);
    bytes.write(paymentId.replaceAll('-', ''), 0, 'hex');
    bytes.writeUInt8(leg === 'collection' ? 1 : 2, 16);
    bytes.writeBigInt64BE(amountMinor, 17);
    return bytes;
  });
  return Buffer.concat(packed.toSorted(Buffer.compare));
}

export function itemCount(items: Buffer): number {
  return Math.floor(items.length / ITEM_BYTES);
}

/** The item at a place. Throws RangeError for a place that is not there. */
export function itemAt(items: Buffer, index: number): Item {
  if (!Number.isInteger(index) || index < 0 || index >= itemCount(items)) throw new RangeError('no item at this index');
  const bytes = items.subarray(index * ITEM_BYTES, (index + 1) * ITEM_BYTES);
  const hex = bytes.toString('hex', 0, 16);
  return {
    paymentId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    leg: bytes.readUInt8(16) === 1 ? 'collection' : 'payout',
    amountMinor: bytes.readBigInt64BE(17),
  };
}

/** Where a leg of a payment stands, or -1. */
export function indexOfItem(items: Buffer, paymentId: string, leg: Item['leg']): number {
  const wanted = Buffer.alloc(17);
  wanted.write(paymentId.replaceAll('-', ''), 0, 'hex');
  wanted.writeUInt8(leg === 'collection' ? 1 : 2, 16);
  let [low, high] = [0, itemCount(items) - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const order = items.compare(wanted, 0, 17, middle * ITEM_BYTES, middle * ITEM_BYTES + 17);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** How many leaves the tree has: one for each leg, and one for each batch that was taken over. */
export function leafCount({ items, carried }: Pick<BatchTree, 'items' | 'carried'>): number {
  return itemCount(items) + carried.length;
}

const byId = (carried: readonly CarriedBatch[]): CarriedBatch[] => carried.toSorted((a, b) => (a.carriedId < b.carriedId ? -1 : 1));

/** Leaf hashes of the whole tree, 32 bytes each, in their order. The leaf of an item is that of `encodeLeaf`, behind its 0x00. */
function leafHashes({ batchId, currency, items, carried }: BatchTree): Buffer {
  const count = itemCount(items);
  const leaf = Buffer.alloc(LEAF_BYTES);
  leaf.write(batchId.replaceAll('-', ''), 1, 'hex');
  leaf.write(currency, 42, 'ascii');
  const hashes = Buffer.allocUnsafe((count + carried.length) * HASH_BYTES);
  for (let index = 0; index < count; index += 1) {
    items.copy(leaf, 17, index * ITEM_BYTES, (index + 1) * ITEM_BYTES);
    digestInto(hashes, index * HASH_BYTES, leaf);
  }
  for (const [index, each] of byId(carried).entries()) {
    hashes.write(hashCarriedLeaf({ batchId, currency, ...each }), (count + index) * HASH_BYTES, 'hex');
  }
  return hashes;
}

/** The root of a batch, and where each batch that it took over stands in its tree. */
export interface RootedBatch {
  readonly root: string;
  readonly carried: readonly { readonly carriedId: string; readonly place: MerkleProof }[];
}

/** Makes both in one pass. Throws RangeError for a tree without a leaf. */
export function rootBatch(tree: BatchTree): RootedBatch {
  const count = itemCount(tree.items);
  const carried = byId(tree.carried);
  const indexes = carried.map((_, index) => count + index);
  const { root, proofs } = treeOfHashes(leafHashes(tree), indexes);
  return { root, carried: proofs.map((place, index) => ({ carriedId: carried[index]?.carriedId ?? '', place })) };
}

/** The way of the item at `index` to the root. Throws RangeError for an index that is not there. */
export function proofOfItem(tree: BatchTree, index: number): MerkleProof {
  if (index >= itemCount(tree.items)) throw new RangeError('no item at this index');
  return proofOfHash(leafHashes(tree), index);
}

/** The way of a batch that was taken over to the root of the one that took it over. Throws RangeError for one that was not. */
export function proofOfCarried(tree: BatchTree, carriedId: string): MerkleProof {
  const place = byId(tree.carried).findIndex((each) => each.carriedId === carriedId);
  if (place < 0) throw new RangeError('the batch was not taken over by this one');
  return proofOfHash(leafHashes(tree), itemCount(tree.items) + place);
}
