/**
 * The items of a batch strung together: 25 bytes each, in the order of payment id, collection before payout.
 * They are kept as one value, for a window holds tens of thousands; leaf hashes, root and proofs are made
 * from them, the same as merkle.ts makes from single leaves.
 */
import type { Currency } from '../../domain/currency.ts';
import { digestInto, HASH_BYTES, type MerkleProof, proofOfHash, rootOfHashes, type SettlementLeaf } from './merkle.ts';

/** Payment id (16), leg (1: collection, 2: payout), amount in minor units (8, big-endian). */
export const ITEM_BYTES = 25;
const LEAF_BYTES = 45;

/** Which batch the items are of: both are part of every leaf. */
export interface ItemsOf {
  readonly batchId: string;
  readonly currency: Currency;
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

/** Leaf hashes of all items, 32 bytes each, in their order. The leaf is that of `encodeLeaf`, behind its 0x00. */
function leafHashes(of: ItemsOf, items: Buffer): Buffer {
  const count = itemCount(items);
  const leaf = Buffer.alloc(LEAF_BYTES);
  leaf.write(of.batchId.replaceAll('-', ''), 1, 'hex');
  leaf.write(of.currency, 42, 'ascii');
  const hashes = Buffer.allocUnsafe(count * HASH_BYTES);
  for (let index = 0; index < count; index += 1) {
    items.copy(leaf, 17, index * ITEM_BYTES, (index + 1) * ITEM_BYTES);
    digestInto(hashes, index * HASH_BYTES, leaf);
  }
  return hashes;
}

/** Merkle root over a batch's items, hex. Throws RangeError for none. */
export function rootOfItems(of: ItemsOf, items: Buffer): string {
  if (itemCount(items) === 0) throw new RangeError('a tree needs a leaf');
  return rootOfHashes(leafHashes(of, items));
}

/** The way of the item at `index` to the root. Throws RangeError for an index that is not there. */
export function proofOfItem(of: ItemsOf, items: Buffer, index: number): MerkleProof {
  return proofOfHash(leafHashes(of, items), index);
}
