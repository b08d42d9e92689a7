import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeLeaf, hashLeaf, merkleProof, merkleRoot, type SettlementLeaf, verifyMerkleProof } from './merkle.ts';

const sha = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const leavesOf = (count: number) => Array.from({ length: count }, (_, index) => hex(`leaf ${index}`));

/** The definition of RFC 6962 section 2.1, word for word: split at the largest power of two below the size. */
function rootByDefinition(leaves: readonly string[]): string {
  if (leaves.length === 1) return leaves[0] ?? '';
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)].map((half) => Buffer.from(rootByDefinition(half), 'hex'));
  return sha(Buffer.of(1), left ?? Buffer.of(), right ?? Buffer.of()).toString('hex');
}

const LEAF: SettlementLeaf = {
  batchId: '0190a0b0-0000-7000-8000-000000000001',
  paymentId: '0190a0b0-0000-7000-8000-0000000000ff',
  leg: 'payout',
  amountMinor: 125_050n,
  currency: 'KES',
};

describe('leaf', () => {
  it('is encoded in 44 fixed bytes', () => {
    expect(encodeLeaf(LEAF).toString('hex')).toBe(
      '0190a0b000007000800000000000000101' + '90a0b00000700080000000000000ff' + '02' + '000000000001e87a' + '4b4553',
    );
  });

  it('is hashed with the prefix 0x00', () => {
    expect(hashLeaf(LEAF)).toBe(sha(Buffer.of(0), encodeLeaf(LEAF)).toString('hex'));
  });

  it('differs in every field', () => {
    const others: Partial<SettlementLeaf>[] = [
      { batchId: LEAF.paymentId },
      { paymentId: LEAF.batchId },
      { leg: 'collection' },
      { amountMinor: 125_051n },
      { currency: 'UGX' },
    ];
    const hashes = [LEAF, ...others.map((other) => ({ ...LEAF, ...other }))].map(hashLeaf);
    expect(new Set(hashes).size).toBe(others.length + 1);
  });

  it.each([
    { amountMinor: 0n },
    { amountMinor: -1n },
    { amountMinor: 2n ** 63n },
    { batchId: 'x' },
    { paymentId: LEAF.paymentId.toUpperCase() },
  ])('refuses %o', (wrong) => {
    expect(() => encodeLeaf({ ...LEAF, ...wrong })).toThrow(RangeError);
  });
});

describe('tree', () => {
  it('agrees with the definition of RFC 6962 for every size up to 70', () => {
    for (let size = 1; size <= 70; size++) expect(merkleRoot(leavesOf(size))).toBe(rootByDefinition(leavesOf(size)));
  });

  it('has the leaf as the root of a tree of one, and no root without leaves', () => {
    expect(merkleRoot(leavesOf(1))).toBe(leavesOf(1)[0]);
    expect(() => merkleRoot([])).toThrow(RangeError);
    expect(() => merkleRoot(['ff'])).toThrow(RangeError);
  });

  it('does not take a tree with its last leaf doubled for the same tree', () => {
    const leaves = leavesOf(3);
    expect(merkleRoot([...leaves, leaves[2] ?? ''])).not.toBe(merkleRoot(leaves));
  });
});

const someTree = fc.integer({ min: 1, max: 130 }).chain((size) => fc.record({ size: fc.constant(size), index: fc.nat({ max: size - 1 }) }));

describe('proof', () => {
  it('verifies for every leaf of every tree', () => {
    fc.assert(
      fc.property(someTree, ({ size, index }) => {
        const leaves = leavesOf(size);
        const proof = merkleProof(leaves, index);
        expect(proof.path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(verifyMerkleProof(leaves[index] ?? '', proof, merkleRoot(leaves))).toBe(true);
      }),
    );
  });

  it('fails for another leaf, another place, a changed, missing or added hash, and another root', () => {
    fc.assert(
      fc.property(someTree, fc.nat(), fc.nat(), ({ size, index }, other, bit) => {
        const leaves = leavesOf(size);
        const root = merkleRoot(leaves);
        const leaf = leaves[index] ?? '';
        const proof = merkleProof(leaves, index);
        expect(verifyMerkleProof(hex('no leaf'), proof, root)).toBe(false);
        expect(verifyMerkleProof(leaf, proof, hex('no root'))).toBe(false);
        expect(verifyMerkleProof(leaf, { ...proof, path: [...proof.path, hex('more')] }, root)).toBe(false);
        if (other % size !== index) expect(verifyMerkleProof(leaf, { ...proof, index: other % size }, root)).toBe(false);
        if (proof.path.length === 0) return;
        expect(verifyMerkleProof(leaf, { ...proof, path: proof.path.slice(1) }, root)).toBe(false);
        const spoilt = proof.path.with(bit % proof.path.length, hex(`spoilt ${bit}`));
        expect(verifyMerkleProof(leaf, { ...proof, path: spoilt }, root)).toBe(false);
      }),
    );
  });

  it('cannot pass a node for a leaf: the same bytes hashed as a leaf give another hash', () => {
    const leaves = leavesOf(4);
    const node = merkleRoot(leaves.slice(0, 2));
    const forged = sha(Buffer.of(0), Buffer.from((leaves[0] ?? '') + (leaves[1] ?? ''), 'hex')).toString('hex');
    expect(forged).not.toBe(node);
    const proof = { index: 0, size: 2, path: [merkleRoot(leaves.slice(2))] };
    expect(verifyMerkleProof(forged, proof, merkleRoot(leaves))).toBe(false);
  });

  it.each([
    { index: -1, size: 1, path: [] },
    { index: 1, size: 1, path: [] },
    { index: 0.5, size: 2, path: [] },
    { index: 0, size: 2, path: ['zz'] },
  ])('answers false to malformed %o', (proof) => {
    const leaf = leavesOf(1)[0] ?? '';
    expect(verifyMerkleProof(leaf, proof, leaf)).toBe(false);
  });

  it('is not made for an index outside the tree', () => {
    expect(() => merkleProof(leavesOf(2), 2)).toThrow(RangeError);
  });
});
