/** Settlement on the sandbox chain, from proposal to payout. */
import { expect, it } from 'vitest';
import { approved, createChainWorld, PARTNER, proposalOf } from '../../tests/chain/world.ts';
import { digestOfTerms, termsOf } from './batch-terms.ts';

it('a batch that the partner owes is proposed, funded by the partner, approved and paid in one go', async () => {
  const world = await createChainWorld();
  const { chain, profile } = world;
  const proposal = proposalOf();
  const before = await world.balance(profile.treasury);
  const proposed = await chain.propose(proposal, 0);
  expect(proposed).toMatchObject({ state: 'proposed', countedBy: [], isFunded: false, terms: { merkleRoot: proposal.merkleRoot } });
  expect(proposed.proposalDigest).toBe(digestOfTerms(profile.contract, termsOf(profile, world.deps.settler.address, proposal, 0)));
  expect(await approved(world, proposal)).toMatchObject({ state: 'approved', countedBy: { length: 2 }, isFunded: true });
  const settled = await chain.execute(proposal.batchId);
  expect(settled).toMatchObject({ state: 'settled', isOver: true });
  expect(settled.reference?.transactionHash).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await world.balance(profile.treasury)).toBe(before + 1_250_000n);
});

it('a batch that we owe is funded from our treasury', async () => {
  const world = await createChainWorld();
  const { chain, profile } = world;
  const proposal = proposalOf({}, -70_000n);
  const partner = profile.partners[PARTNER] ?? '';
  const before = await world.balance(partner);
  await approved(world, proposal);
  expect((await chain.execute(proposal.batchId)).state).toBe('settled');
  expect(await world.balance(partner)).toBe(before + 70_000n);
});
