/**
 * What can be wrong between settlement and its chain: each ends in a code of its own, nothing is executed twice, and nothing is
 * stuck for good.
 */
import { describe, expect, it } from 'vitest';
import { isFault } from '../../domain/errors.ts';
import { ed25519Account, type KeySigner, localSigner } from '../../tools/aptos/signer.ts';
import { approved, createChainWorld, PARTNER, proposalOf, START_MS } from './world.ts';

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return isFault(error) ? error.code : String(error);
}

describe('refused for sure, and nothing happened', () => {
  it('a wrong signer: no key of ours, an approver whom the chain does not know, a settler without the role', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    const { proposalDigest } = await world.chain.propose(proposal, 0);
    expect(await codeOf(world.chain.approveAs(proposal.batchId, world.profile.treasury, proposalDigest ?? ''))).toBe(
      'chain_signer_refused',
    );
    const stranger = world.account('7'.repeat(64));
    const strange = world.reopened({ approvers: [stranger], settler: stranger });
    expect(await codeOf(strange.approveAs(proposal.batchId, stranger.address, proposalDigest ?? ''))).toBe('settlement_approver_unknown');
    expect(await codeOf(strange.propose(proposalOf(), 0))).toBe('chain_signer_refused');
    expect(await world.chain.status(proposal.batchId)).toMatchObject({ state: 'proposed', countedBy: [] });
  });

  it('too few approvals', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf({}, -5_000n);
    const { proposalDigest } = await world.chain.propose(proposal, 0);
    await world.chain.fund(proposal.batchId);
    await world.chain.approveAs(proposal.batchId, world.chain.signers[0] ?? '', proposalDigest ?? '');
    expect(await codeOf(world.chain.execute(proposal.batchId))).toBe('settlement_approvals_missing');
    await world.chain.approveAs(proposal.batchId, world.chain.signers[1] ?? '', proposalDigest ?? '');
    expect((await world.chain.execute(proposal.batchId)).state).toBe('settled');
    expect(await world.executions('settlement::execute_and_pay')).toBe(1);
  });

  it('an expired batch, whose money goes back to its payer', async () => {
    const world = await createChainWorld();
    const before = await world.balance(world.profile.treasury);
    const proposal = proposalOf({ deadlineMs: START_MS + 600_000 }, -5_000n);
    await approved(world, proposal);
    expect(await codeOf(world.chain.refund(proposal.batchId))).toBe('settlement_batch_unexpired');
    await world.scheduler.advance(600_000);
    expect((await world.chain.status(proposal.batchId)).state).toBe('expired');
    expect(await codeOf(world.chain.execute(proposal.batchId))).toBe('settlement_batch_expired');
    expect(await world.chain.refund(proposal.batchId)).toMatchObject({ state: 'expired', isOver: true });
    expect(await world.balance(world.profile.treasury)).toBe(before);
  });

  it('a changed amount', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    const { proposalDigest } = await world.chain.propose(proposal, 0);
    const altered = { ...proposal, obligation: { ...proposal.obligation, netMinor: 9_999n } };
    expect(await codeOf(world.chain.propose(altered, 0))).toBe('settlement_batch_altered');
    const [signer = ''] = world.chain.signers;
    expect(await codeOf(world.chain.approveAs(proposal.batchId, signer, 'ff'.repeat(32)))).toBe('settlement_batch_altered');
    expect((await world.chain.propose(proposal, 0)).proposalDigest).toBe(proposalDigest);
    expect(await world.executions('settlement::propose')).toBe(1);
  });

  it.each([
    ['a net of zero', proposalOf({}, 0n)],
    ['a partner without an account', proposalOf({ obligation: { partner: 'nobody', currency: 'KES', netMinor: 5n } })],
    ['more approvals than there are approvers', proposalOf({ approvalsNeeded: 9 })],
  ])('terms that the contract does not settle: %s', async (_what, proposal) => {
    const world = await createChainWorld();
    expect(await codeOf(world.chain.propose(proposal, 0))).toBe('settlement_terms_invalid');
    expect(await world.executions('settlement::propose')).toBe(0);
  });

  it('a pause, which ends', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    await approved(world, proposal);
    const { guardian, publisher } = world.keys;
    await world.call(guardian, 'settlement::pause', []);
    expect(await codeOf(world.chain.execute(proposal.batchId))).toBe('settlement_paused');
    expect(await codeOf(world.chain.propose(proposalOf(), 0))).toBe('settlement_paused');
    await world.call(publisher, 'settlement::resume', []);
    expect((await world.chain.execute(proposal.batchId)).state).toBe('settled');
  });

  it('a paused pool: nothing is reserved of it, and what is lent can be repaid', async () => {
    const world = await createChainWorld();
    const pool = world.pool;
    await world.call(world.keys.guardian, 'liquidity_pool::pause', [pool]);
    expect(await codeOf(world.call(world.keys.settler, 'liquidity_pool::reserve', [pool, 'aa', 5_000n]))).toBe('pool_paused');
    await world.call(world.keys.publisher, 'liquidity_pool::resume', [pool]);
    expect(await codeOf(world.call(world.keys.settler, 'liquidity_pool::reserve', [pool, 'aa', 10n ** 15n]))).toBe('pool_short');
    await world.call(world.keys.settler, 'liquidity_pool::reserve', [pool, 'aa', 5_000n]);
    expect(await world.node.view('liquidity_pool::reservation', pool, 'aa')).toMatchObject([1n, 5_000n, expect.any(BigInt)]);
  });

  it('a partner who does not pay: the batch is not executed, and expires', async () => {
    const world = await createChainWorld({ chain: { faults: { unfunded: 1 } } });
    const proposal = proposalOf();
    expect(await approved(world, proposal)).toMatchObject({ state: 'approved', isFunded: false });
    expect(await codeOf(world.chain.execute(proposal.batchId))).toBe('settlement_batch_unfunded');
    await world.scheduler.advance(3_600_000);
    expect(await world.chain.refund(proposal.batchId)).toMatchObject({ state: 'expired', isOver: true });
  });
});

it('a key service that fails: nothing was sent, and a later call goes through once', async () => {
  const world = await createChainWorld();
  const proposal = proposalOf();
  await approved(world, proposal);
  const key = localSigner(world.keys.settler);
  let failures = 1;
  const service: KeySigner = {
    publicKey: key.publicKey,
    sign: async (message) => {
      failures -= 1;
      if (failures >= 0) throw new Error('the key service is down');
      return key.sign(message);
    },
  };
  const chain = world.reopened({ settler: ed25519Account(service) });
  expect(await codeOf(chain.execute(proposal.batchId))).toContain('the key service is down');
  expect((await world.deps.sent.ofSubject(proposal.batchId)).some(({ step }) => step === 'execute')).toBe(false);
  expect((await chain.execute(proposal.batchId)).state).toBe('settled');
  expect(await world.executions('settlement::execute_and_pay')).toBe(1);
});

describe('a node that is of no use', () => {
  it.each([
    ['silent', 'chain_unavailable'],
    ['foreign', 'chain_mismatch'],
  ] as const)('%s: nothing is sent', async (mode, code) => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    await approved(world, proposal);
    world.sandbox.changeChain({ mode });
    expect(await codeOf(world.chain.execute(proposal.batchId))).toBe(code);
    expect(await codeOf(world.chain.status(proposal.batchId))).toBe(code);
    world.sandbox.changeChain({ mode: 'up' });
    expect((await world.chain.execute(proposal.batchId)).state).toBe('settled');
    expect(await world.executions('settlement::execute_and_pay')).toBe(1);
  });

  it('behind: what it does not know is not taken for what is not there', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    await approved(world, proposal);
    world.sandbox.changeChain({ mode: 'behind' });
    await world.scheduler.advance(40_000);
    expect(await codeOf(world.chain.execute(proposal.batchId))).toBe('chain_behind');
    world.sandbox.changeChain({ mode: 'up' });
    expect((await world.chain.execute(proposal.batchId)).state).toBe('settled');
    expect(await world.executions('settlement::execute_and_pay')).toBe(1);
  });

  it('full: the code says so, and a later call goes through', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    world.sandbox.changeChain({ mode: 'full' });
    expect(await codeOf(world.chain.propose(proposal, 0))).toBe('chain_busy');
    expect((await world.chain.status(proposal.batchId)).state).toBe('absent');
    world.sandbox.changeChain({ mode: 'up' });
    expect((await world.chain.propose(proposal, 0)).state).toBe('proposed');
  });
});

describe('a transaction whose outcome is not known', () => {
  it.each([
    ['the answer is lost', 'lost_answer'],
    ['the node fails', 'error'],
    ['the request is lost', 'lost_request'],
    ['it is committed late', 'slow'],
    ['it is unknown, and committed late', 'hidden'],
    ['it is accepted and lost', 'dropped'],
  ] as const)('%s: executed once in the end', async (_what, fate) => {
    const world = await createChainWorld();
    const proposal = proposalOf({}, -5_000n);
    await approved(world, proposal);
    const partner = world.profile.partners[PARTNER] ?? '';
    const before = await world.balance(partner);
    world.next(fate);
    let status = await world.chain.execute(proposal.batchId);
    for (let looks = 0; status.state === 'unknown' && looks < 20; looks += 1) {
      await world.scheduler.advance(5_000);
      status = await world.chain.status(proposal.batchId);
    }
    if (status.state === 'approved') status = await world.chain.execute(proposal.batchId);
    expect(status).toMatchObject({ state: 'settled', reference: { transactionHash: expect.stringMatching(/^0x/) } });
    expect(await world.executions('settlement::execute_and_pay')).toBe(1);
    expect(await world.balance(partner)).toBe(before + 5_000n);
  });

  it('lost after submission: unknown until its expiry has passed on the chain, then absent, and only then sent anew', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    world.next('dropped', 'dropped');
    expect((await world.chain.propose(proposal, 0)).state).toBe('unknown');
    const [first] = await world.deps.sent.ofSubject(proposal.batchId);
    // The same bytes may go out again; another transaction may not.
    expect((await world.chain.propose(proposal, 0)).state).toBe('unknown');
    expect((await world.deps.sent.ofSubject(proposal.batchId))[0]?.editions).toEqual(first?.editions);
    expect((await world.chain.status(proposal.batchId)).state).toBe('unknown');
    await world.scheduler.advance(60_000);
    expect((await world.chain.status(proposal.batchId)).state).toBe('absent');
    expect(await world.chain.propose(proposal, 0)).toMatchObject({ state: 'proposed' });
    expect((await world.deps.sent.latest(proposal.batchId, 'propose'))?.attempt).toBe(2);
  });

  it('while a node that is behind answers, nothing is proven absent', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    world.next('dropped');
    expect((await world.chain.propose(proposal, 0)).state).toBe('unknown');
    world.sandbox.changeChain({ mode: 'behind' });
    await world.scheduler.advance(120_000);
    const [sent] = await world.deps.sent.ofSubject(proposal.batchId);
    await codeOf(world.chain.status(proposal.batchId));
    expect((await world.deps.sent.ofSubject(proposal.batchId))[0]?.state).toBe(sent?.state);
    world.sandbox.changeChain({ mode: 'up' });
    expect((await world.chain.status(proposal.batchId)).state).toBe('absent');
  });

  it('another process that finds it goes on with the same transaction', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    await approved(world, proposal);
    world.next('hidden');
    const [one, two] = [world.reopened(), world.reopened()];
    const outcomes = await Promise.all([one.execute(proposal.batchId), two.execute(proposal.batchId)]);
    expect(outcomes.length).toBe(2);
    await world.scheduler.advance(30_000);
    expect((await world.chain.status(proposal.batchId)).state).toBe('settled');
    expect(await world.executions('settlement::execute_and_pay')).toBe(1);
  });

  it('a price that rises while it waits: a dearer edition with the same nonce goes through, and one of them executes', async () => {
    const world = await createChainWorld();
    const proposal = proposalOf();
    await approved(world, proposal);
    // The price rises after it is read and before the transaction gets anywhere.
    const chain = world.reopened({ node: { ...world.node, submit: risingOnce(world) } });
    expect((await chain.execute(proposal.batchId)).state).toBe('settled');
    const sent = await world.deps.sent.latest(proposal.batchId, 'execute');
    expect(sent?.editions.map(({ gasUnitPrice }) => gasUnitPrice)).toEqual([100n, 400n]);
    expect(sent?.gasUnitPrice).toBe(400n);
    await world.scheduler.advance(60_000);
    expect(await world.executions('settlement::execute_and_pay')).toBe(1);
  });
});

function risingOnce(world: Awaited<ReturnType<typeof createChainWorld>>): typeof world.node.submit {
  return async (bytes) => {
    world.sandbox.changeChain({ gasPrice: '400' });
    return world.node.submit(bytes);
  };
}
