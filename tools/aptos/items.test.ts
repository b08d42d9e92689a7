import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Item, indexOfItem, itemAt, itemCount, packItems, proofOfItem, rootOfItems } from './items.ts';
import { hashLeaf, merkleProof, merkleRoot, verifyMerkleProof } from './merkle.ts';

const OF = { batchId: '0190a5c0-0000-7000-8000-00000000000a', currency: 'UGX' } as const;

const someItems: fc.Arbitrary<Item[]> = fc.uniqueArray(
  fc.record({
    paymentId: fc.uuid(),
    leg: fc.constantFrom('collection', 'payout'),
    amountMinor: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  }),
  { minLength: 1, maxLength: 40, selector: (item) => `${item.paymentId} ${item.leg}` },
);

test('strung-together items have the root and the proofs of single leaves', () => {
  fc.assert(
    fc.property(someItems, (items) => {
      const packed = packItems(items);
      const ordered = Array.from({ length: itemCount(packed) }, (_, index) => itemAt(packed, index));
      const leaves = ordered.map((item) => hashLeaf({ ...OF, ...item }));
      expect(rootOfItems(OF, packed)).toBe(merkleRoot(leaves));
      for (const [index, item] of ordered.entries()) {
        expect(indexOfItem(packed, item.paymentId, item.leg)).toBe(index);
        const proof = proofOfItem(OF, packed, index);
        expect(proof).toEqual(merkleProof(leaves, index));
        expect(verifyMerkleProof(leaves[index] ?? '', proof, rootOfItems(OF, packed))).toBe(true);
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
  expect(() => proofOfItem(OF, packed, -1)).toThrow(RangeError);
  expect(() => rootOfItems(OF, Buffer.alloc(0))).toThrow(RangeError);
});
