/** A node that falls silent behind a submission: what was sent is unknown, and nobody is told that it was not. */
import { expect, it } from 'vitest';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import type { AptosBatches, BatchStatus } from '../../tools/aptos/batches.ts';
import { createAptosSettlement } from '../../tools/aptos/settlement.ts';
import type { Fetch } from '../../tools/mmo/http.ts';
import { approved, type ChainWorld, createChainWorld, proposalOf, START_MS } from './world.ts';

/** A world whose node can be made to answer nothing more once it has taken a transaction. */
async function silencedWorld(): Promise<{ readonly world: ChainWorld; readonly silence: (isOn: boolean) => void }> {
  let [isArmed, isSilent] = [false, false];
  let sandbox: Sandbox | null = null;
  const fetch: Fetch = async (url, init) => {
    if (isSilent) throw new TypeError('fetch failed', { cause: Object.assign(new Error('closed'), { code: 'UND_ERR_SOCKET' }) });
    const answer = await (sandbox as Sandbox).fetch(url, init);
    if (isArmed && init.method === 'POST' && new URL(url).pathname.endsWith('/transactions')) isSilent = true;
    return answer;
  };
  const scheduler = manualScheduler(START_MS);
  const world = await createChainWorld({ scheduler }, fetch);
  sandbox = world.sandbox;
  return {
    world,
    silence: (isOn) => {
      [isArmed, isSilent] = [isOn, false];
    },
  };
}

const WINDOW_SECS = 600;
const EVIDENCE = 'cd'.repeat(32);

/** Brings a batch with a dispute window to where it can be disputed, or judged. */
async function executed({ chain, scheduler }: ChainWorld, isDisputed = false) {
  const proposal = proposalOf();
  const { proposalDigest } = await chain.propose(proposal, WINDOW_SECS);
  await scheduler.advance(3_000);
  for (const signer of chain.signers) await chain.approveAs(proposal.batchId, signer, proposalDigest ?? '');
  await chain.execute(proposal.batchId);
  if (isDisputed) await chain.dispute(proposal.batchId, EVIDENCE);
  return proposal;
}

type Prepared = { readonly batchId: string; readonly call: (chain: AptosBatches) => Promise<BatchStatus> };

const STEPS: readonly (readonly [string, string, (world: ChainWorld) => Promise<Prepared>])[] = [
  [
    'a proposal',
    'propose',
    async () => {
      const proposal = proposalOf();
      return { batchId: proposal.batchId, call: (chain) => chain.propose(proposal, 0) };
    },
  ],
  [
    'an approval',
    'approve',
    async ({ chain }) => {
      const proposal = proposalOf();
      const { proposalDigest } = await chain.propose(proposal, 0);
      return {
        batchId: proposal.batchId,
        call: (again) => again.approveAs(proposal.batchId, chain.signers[0] ?? '', proposalDigest ?? ''),
      };
    },
  ],
  [
    'an execution',
    'execute_and_pay',
    async (world) => {
      const proposal = proposalOf();
      await approved(world, proposal);
      return { batchId: proposal.batchId, call: (chain) => chain.execute(proposal.batchId) };
    },
  ],
  [
    'a dispute',
    'open_dispute',
    async (world) => {
      const { batchId } = await executed(world);
      return { batchId, call: (chain) => chain.dispute(batchId, EVIDENCE) };
    },
  ],
  [
    'a vote',
    'vote',
    async (world) => {
      const { batchId } = await executed(world, true);
      const signer = world.deps.arbiters[0]?.address ?? '';
      return { batchId, call: (chain) => chain.vote({ batchId, signer, number: 1, reversedMinor: 5n }) };
    },
  ],
  [
    'a payout',
    'pay_all',
    async (world) => {
      const { batchId } = await executed(world);
      await world.scheduler.advance((WINDOW_SECS + 1) * 1_000);
      return { batchId, call: (chain) => chain.pay(batchId) };
    },
  ],
  [
    'a refund',
    'refund_expired',
    async (world) => {
      const proposal = proposalOf({ deadlineMs: world.scheduler.now() + 60_000 });
      await world.chain.propose(proposal, 0);
      await world.scheduler.advance(61_000);
      return { batchId: proposal.batchId, call: (chain) => chain.refund(proposal.batchId) };
    },
  ],
];

it.each(STEPS)(
  '%s that the chain took in before its node fell silent is unknown, and later seen to be done once',
  async (_what, fn, prepare) => {
    const { world, silence } = await silencedWorld();
    const { batchId, call } = await prepare(world);
    silence(true);
    expect((await call(world.chain)).state).toBe('unknown');
    silence(false);
    await world.scheduler.advance(2_000);
    expect((await world.chain.status(batchId)).state).not.toBe('unknown');
    await call(world.chain);
    expect(await world.executions(`settlement::${fn}`)).toBe(1);
  },
);

it('a proposal stands though the node falls silent before we have put in what we owe', async () => {
  const { world, silence } = await silencedWorld();
  const settlement = createAptosSettlement(world.deps);
  const proposal = proposalOf({}, -5_000n);
  silence(true);
  expect((await settlement.propose(proposal)).state).toBe('unknown');
  silence(false);
  await world.scheduler.advance(2_000);
  expect((await settlement.status(proposal.batchId)).state).toBe('proposed');
});
