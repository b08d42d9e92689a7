/** The settlement agent's chain on the sandbox chain, through all of its four calls. */
import { expect, it } from 'vitest';
import { createChainWorld, PARTNER, proposalOf } from '../../tests/chain/world.ts';
import { termsOf } from './batch-terms.ts';
import { proposalDigest } from './proposal.ts';
import { anchorAudit, auditAnchorKeeper, lastAnchor } from './registry.ts';
import { consentOf, createAptosSettlement } from './settlement.ts';
import { differingTerms } from './settlement-chain.ts';
import { ed25519Account, localSigner } from './signer.ts';

async function agentWorld() {
  const world = await createChainWorld();
  const chain = createAptosSettlement(world.deps);
  const consents = world.keys.approvers.slice(0, 2).map((key) => consentOf(ed25519Account(localSigner(key))));
  const approve = async (batchId: string, digest: string) => {
    for (const { signer, sign } of consents) {
      await chain.approve({ batchId, signer, proposalDigest: digest, signature: await sign(digest) });
    }
  };
  return { world, chain, consents, approve };
}

it('what we owe is proposed and funded, approved by two keys, executed and paid', async () => {
  const { world, chain, consents, approve } = await agentWorld();
  const proposal = proposalOf({}, -340_000n);
  const partner = world.profile.partners[PARTNER] ?? '';
  const before = await world.balance(partner);
  expect(await chain.status(proposal.batchId)).toMatchObject({ state: 'absent', transactionHash: null });
  expect(await chain.propose(proposal)).toMatchObject({
    state: 'proposed',
    approvedBy: [],
    terms: { merkleRoot: proposal.merkleRoot, partner: PARTNER, netMinor: -340_000n, isDigestOfTerms: true },
  });
  await approve(proposal.batchId, proposalDigest(proposal));
  expect(await chain.status(proposal.batchId)).toMatchObject({ state: 'approved', approvedBy: { length: 2 } });
  const mandate = { proposalDigest: proposalDigest(proposal), approvedBy: consents.map(({ signer }) => signer) };
  const executed = await chain.execute(proposal.batchId, mandate);
  expect(executed).toMatchObject({ state: 'settled', transactionHash: expect.stringMatching(/^0x/), ledgerVersion: expect.any(BigInt) });
  expect(await world.balance(partner)).toBe(before + 340_000n);
  // Every call again: nothing happens twice, and the same reference comes back.
  expect(await chain.propose(proposal)).toEqual(executed);
  expect(await chain.execute(proposal.batchId, mandate)).toEqual(executed);
  expect(await world.balance(partner)).toBe(before + 340_000n);
});

it('consent counts only by the key it is said to be of, and for the proposal on the chain', async () => {
  const { chain, consents } = await agentWorld();
  const proposal = proposalOf();
  await chain.propose(proposal);
  const digest = proposalDigest(proposal);
  const [first, second] = consents;
  const signature = (await first?.sign(digest)) ?? '';
  const approval = { batchId: proposal.batchId, signer: second?.signer ?? '', proposalDigest: digest, signature };
  await expect(chain.approve(approval)).rejects.toMatchObject({ code: 'chain_signer_refused' });
  const other = proposalDigest({ ...proposal, obligation: { ...proposal.obligation, netMinor: 1n } });
  const altered = { ...approval, signer: first?.signer ?? '', proposalDigest: other, signature: (await first?.sign(other)) ?? '' };
  await expect(chain.approve(altered)).rejects.toMatchObject({ code: 'settlement_batch_altered' });
  expect(await chain.status(proposal.batchId)).toMatchObject({ state: 'proposed', approvedBy: [] });
});

it('nothing is approved or executed but what was proposed here, and by those who approved it here', async () => {
  const { world, chain, consents, approve } = await agentWorld();
  // Somebody with the settler's key put other amounts on the chain under the id of our batch.
  const ours = proposalOf({}, -340_000n);
  const theirs = { ...ours, obligation: { ...ours.obligation, netMinor: -3_400_000n } };
  await chain.propose(theirs);
  const digest = proposalDigest(ours);
  await expect(chain.propose(ours)).rejects.toMatchObject({ code: 'settlement_batch_altered' });
  await expect(approve(ours.batchId, digest)).rejects.toMatchObject({ code: 'settlement_batch_altered' });
  await approve(ours.batchId, proposalDigest(theirs));
  const approvedBy = consents.map(({ signer }) => signer);
  await expect(chain.execute(ours.batchId, { proposalDigest: digest, approvedBy })).rejects.toMatchObject({
    code: 'settlement_batch_altered',
  });
  const [one = ''] = approvedBy;
  await expect(chain.execute(ours.batchId, { proposalDigest: proposalDigest(theirs), approvedBy: [one] })).rejects.toMatchObject({
    code: 'settlement_approvers_differ',
  });
  expect([await world.executions('settlement::execute'), await world.executions('settlement::execute_and_pay')]).toEqual([0, 0]);
});

it('terms between others than our treasury and one partner are of no proposal of ours', async () => {
  const { world, chain, consents } = await agentWorld();
  const { profile, keys } = world;
  const proposal = proposalOf({}, -340_000n);
  const partner = profile.partners[PARTNER] ?? '';
  const terms = termsOf(profile, world.deps.settler.address, proposal, 0);
  await world.call(keys.settler, 'settlement::propose', [
    terms.batchId,
    terms.asset,
    terms.payer,
    [partner, profile.contract],
    [170_000n, 170_000n],
    terms.merkleRoot,
    terms.itemCount,
    terms.approvalsNeeded,
    terms.deadlineSecs,
    0n,
  ]);
  const { terms: seen } = await chain.status(proposal.batchId);
  expect(seen === null ? null : differingTerms(proposal, seen)).toEqual(['partner']);
  const [consent] = consents;
  const digest = proposalDigest(proposal);
  const approval = { batchId: proposal.batchId, signer: consent?.signer ?? '', proposalDigest: digest, signature: '' };
  await expect(chain.approve({ ...approval, signature: (await consent?.sign(digest)) ?? '' })).rejects.toMatchObject({
    code: 'settlement_batch_altered',
  });
});

it('the head of the audit chain is anchored once a block, and blocks only go up', async () => {
  const { world } = await agentWorld();
  const deps = { ...world.deps, reporter: world.account(world.keys.reporter) };
  expect(await lastAnchor(world.node)).toBeNull();
  const head = 'cd'.repeat(32);
  const anchored = await anchorAudit(deps, 12n, head);
  expect(anchored).toMatchObject({ state: 'anchored', reference: { transactionHash: expect.stringMatching(/^0x/) } });
  expect(await anchorAudit(deps, 12n, head)).toEqual(anchored);
  expect(await lastAnchor(world.node)).toMatchObject({ index: 0n, block: 12n, head });
  await expect(anchorAudit(deps, 11n, head)).rejects.toMatchObject({ code: 'registry_entry_invalid' });
  expect(await world.executions('compliance_registry::anchor_audit')).toBe(1);
  const keeper = auditAnchorKeeper(deps);
  expect(await keeper.anchor(11n, head)).toEqual({ state: 'overtaken' });
  expect(await keeper.anchor(20n, head)).toMatchObject({ state: 'anchored' });
  expect(await keeper.anchor(12n, head)).toMatchObject({ state: 'anchored' });
  expect(await keeper.anchor(15n, head)).toEqual({ state: 'overtaken' });
});
