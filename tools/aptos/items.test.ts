import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CarriedBatch,
  indexOfItem,
  type Item,
  itemAt,
  itemCount,
  leafCount,
  packItems,
  proofOfCarried,
  proofOfItem,
  rootBatch,
} from './items.ts';
import { encodeCarriedLeaf, encodeLeaf, hashCarriedLeaf, hashLeaf, merkleProof, merkleRoot, verifyMerkleProof } from './merkle.ts';

const OF = { batchId: '0190a5c0-0000-7000-8000-00000000000a', currency: 'UGX' } as const;

const someItems: fc.Arbitrary<Item[]> = fc.uniqueArray(
  fc.record({
    paymentId: fc.uuid(),
    leg: fc.constantFrom('collection', 'payout'),
    amountMinor: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  }),
  { minLength: 1, maxLength: 40, selector: (item) => `${item.paymentId} ${item.leg}` },
);

const someCarried: fc.Arbitrary<CarriedBatch[]> = fc.uniqueArray(
  fc.record({
    carriedId: fc.uuid(),
    dueMinor: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).chain((size) => fc.constantFrom(size, -size)),
    merkleRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    itemCount: fc.integer({ min: 1, max: 50_000 }),
  }),
  { maxLength: 5, selector: ({ carriedId }) => carriedId },
);

test('strung-together items have the root and the proofs of single leaves', () => {
  fc.assert(
    fc.property(someItems, someCarried, (items, carried) => {
      const packed = packItems(items);
      const tree = { ...OF, items: packed, carried };
      const ordered = Array.from({ length: itemCount(packed) }, (_, index) => itemAt(packed, index));
      const behind = carried.toSorted((a, b) => (a.carriedId < b.carriedId ? -1 : 1));
      const leaves = [
        ...ordered.map((item) => hashLeaf({ ...OF, ...item })),
        ...behind.map((batch) => hashCarriedLeaf({ ...OF, ...batch })),
      ];
      const { root, carried: places } = rootBatch(tree);
      expect([root, leafCount(tree)]).toEqual([merkleRoot(leaves), leaves.length]);
      for (const [index, { carriedId }] of behind.entries()) {
        const proof = proofOfCarried(tree, carriedId);
        expect([proof, places[index]]).toEqual([merkleProof(leaves, ordered.length + index), { carriedId, place: proof }]);
        expect(verifyMerkleProof(leaves[proof.index] ?? '', proof, root)).toBe(true);
      }
      for (const [index, item] of ordered.entries()) {
        expect(indexOfItem(packed, item.paymentId, item.leg)).toBe(index);
        const proof = proofOfItem(tree, index);
        expect(proof).toEqual(merkleProof(leaves, index));
        expect(verifyMerkleProof(leaves[index] ?? '', proof, root)).toBe(true);
      }
      expect(new Set(ordered.map((item) => JSON.stringify({ ...item, amountMinor: String(item.amountMinor) })))).toEqual(
        new Set(items.map((item) => JSON.stringify({ ...item, amountMinor: String(item.amountMinor) }))),
      );
    }),
  );
});

test('an item that is not there has no place and no proof', () => {
  const packed = packItems([{ paymentId: '0190a5c0-0000-7000-8000-000000000001', leg: 'collection', amountMinor: 5n }]);
  expect(indexOfItem(packed, '0190a5c0-0000-7000-8000-000000000001', 'payout')).toBe(-1);
  expect(indexOfItem(packed, '0190a5c0-0000-7000-8000-000000000002', 'collection')).toBe(-1);
  expect(() => itemAt(packed, 1)).toThrow(RangeError);
  const tree = { ...OF, items: packed, carried: [CARRIED] };
  expect(() => proofOfItem(tree, -1)).toThrow(RangeError);
  expect(() => proofOfItem(tree, 1)).toThrow(RangeError);
  expect(() => proofOfCarried(tree, OF.batchId)).toThrow(RangeError);
  expect(() => rootBatch({ ...OF, items: Buffer.alloc(0), carried: [] })).toThrow(RangeError);
});

const CARRIED = { carriedId: '0190a5c0-0000-7000-8000-00000000000b', dueMinor: -5n, merkleRoot: 'ab'.repeat(32), itemCount: 3 };

test('a batch that was taken over is bound with everything that is said of it, and passes for no leg', () => {
  const leaf = { ...OF, ...CARRIED };
  const changes = [
    { batchId: CARRIED.carriedId },
    { carriedId: OF.batchId },
    { dueMinor: 5n },
    { currency: 'KES' as const },
    { merkleRoot: 'ac'.repeat(32) },
    { itemCount: 4 },
  ];
  const hashes = [leaf, ...changes.map((change) => ({ ...leaf, ...change }))].map(hashCarriedLeaf);
  expect(new Set(hashes).size).toBe(changes.length + 1);
  const leg = encodeLeaf({ ...OF, paymentId: CARRIED.carriedId, leg: 'payout', amountMinor: 5n });
  expect([leg.length, encodeCarriedLeaf(leaf).length, leg[32], encodeCarriedLeaf(leaf)[32]]).toEqual([44, 84, 2, 3]);
  for (const wrong of [{ dueMinor: 0n }, { dueMinor: 2n ** 63n }, { itemCount: 0 }, { merkleRoot: 'AB'.repeat(32) }, { carriedId: 'x' }]) {
    expect(() => encodeCarriedLeaf({ ...leaf, ...wrong })).toThrow(RangeError);
  }
});
