/** A sandbox chain in virtual time with a client on it: waiting for anything moves the time on. */
import { RAILS } from '../../domain/network.ts';
import type { Fate } from '../../sandbox/aptos/faults.ts';
import type { SandboxChainProfile } from '../../sandbox/aptos/index.ts';
import { createSandbox, type Sandbox, type SandboxOptions } from '../../sandbox/sandbox.ts';
import { type ManualScheduler, manualScheduler } from '../../sandbox/scheduler.ts';
import { type EntryArgs, type EntryName, entryCall } from '../../tools/aptos/functions.ts';
import { type AptosNode, createAptosNode } from '../../tools/aptos/node.ts';
import { type ChainProfile, parseChainProfile } from '../../tools/aptos/profile.ts';
import { poolAddress } from '../../tools/aptos/objects.ts';
import { send as sendStep } from '../../tools/aptos/send.ts';
import { memorySent } from '../../tools/aptos/sent.ts';
import { createAptosBatches, type SettlementDeps } from '../../tools/aptos/create-batches.ts';
import type { AptosBatches, BatchStatus } from '../../tools/aptos/batches.ts';
import type { BatchProposal } from '../../tools/aptos/settlement-chain.ts';
import { type ChainAccount, ed25519Account, localSigner } from '../../tools/aptos/signer.ts';
import type { Fetch } from '../../tools/mmo/http.ts';

export const START_MS = Date.UTC(2026, 0, 5, 9);
export const PARTNER = 'mpesa-ke';
const PARTNERS = RAILS.filter(({ id }) => ['mpesa-ke', 'mtn-ug'].includes(id));

export interface ChainWorld {
  readonly sandbox: Sandbox;
  readonly scheduler: ManualScheduler;
  readonly profile: ChainProfile;
  readonly keys: SandboxChainProfile['keys'];
  readonly node: AptosNode;
  readonly deps: SettlementDeps;
  readonly chain: AptosBatches;
  /** Fates of the next submissions. */
  next(...fates: Fate[]): void;
  account(privateKey: string): ChainAccount;
  /** What somebody holds of KES, minor units. */
  balance(owner: string): Promise<bigint>;
  /** The pool of KES. */
  readonly pool: string;
  /** Somebody calls an entry function; throws the fault when the chain refuses. */
  call<N extends EntryName>(privateKey: string, fn: N, args: EntryArgs<N>): Promise<void>;
  /** Successful calls of a function on the chain. */
  executions(fn: string): Promise<number>;
  /** Another process with the same memory, or with none. */
  reopened(changes?: Partial<SettlementDeps>): AptosBatches;
}

export async function createChainWorld(options: Partial<SandboxOptions> = {}, fetch?: Fetch): Promise<ChainWorld> {
  const scheduler = (options.scheduler as ManualScheduler | undefined) ?? manualScheduler(START_MS);
  const sandbox = await createSandbox({ rails: PARTNERS, chain: {}, scheduler, ...options });
  const shown = sandbox.chainProfile();
  if (shown === null) throw new Error('the chain is not played');
  const { keys } = shown;
  const profile = parseChainProfile(shown);
  const send = fetch ?? sandbox.fetch;
  const node = createAptosNode({ profile, fetch: send, clock: scheduler });
  const account = (key: string): ChainAccount => ed25519Account(localSigner(key));
  const deps: SettlementDeps = {
    node,
    profile,
    clock: scheduler,
    sent: memorySent(),
    sleep: (ms) => scheduler.advance(ms),
    feePayer: account(keys.feePayer),
    settler: account(keys.settler),
    treasury: account(keys.treasury),
    approvers: keys.approvers.slice(0, 2).map(account),
    arbiters: keys.arbiters.map(account),
  };
  return {
    sandbox,
    scheduler,
    profile,
    keys,
    node,
    deps,
    chain: createAptosBatches(deps),
    next: (...fates) => sandbox.changeChain({ next: fates }),
    account,
    balance: (owner) => node.balance(owner, profile.assets.KES ?? ''),
    pool: poolAddress(profile.contract, profile.assets.KES ?? ''),
    async call(privateKey, fn, args) {
      calls += 1;
      const step = { subject: 'test', step: `call ${calls}`, call: entryCall(profile.contract, fn, args), account: account(privateKey) };
      const outcome = await sendStep(deps, step);
      if (outcome.kind === 'refused' || outcome.kind === 'failed') throw outcome.fault;
    },
    executions: (fn) => executionsOf(sandbox, profile, fn),
    reopened: (changes = {}) => createAptosBatches({ ...deps, ...changes }),
  };
}

async function executionsOf(sandbox: Sandbox, { nodeUrl, contract }: ChainProfile, fn: string): Promise<number> {
  const response = await sandbox.fetch(`${nodeUrl}/transactions?limit=100`, { method: 'GET' });
  const all = (await response.json()) as { success: boolean; payload: { function: string } }[];
  return all.filter(({ success, payload }) => success && payload.function === `${contract}::${fn}`).length;
}

let batches = 0;
let calls = 0;

/** A batch of one partner, who owes us unless told otherwise. */
export function proposalOf(changes: Partial<BatchProposal> = {}, netMinor = 1_250_000n): BatchProposal {
  batches += 1;
  return {
    batchId: `0190a0b0-0000-7000-8000-${batches.toString(16).padStart(12, '0')}`,
    obligation: { partner: PARTNER, currency: 'KES', netMinor },
    merkleRoot: 'ab'.repeat(32),
    itemCount: 7,
    approvalsNeeded: 2,
    deadlineMs: START_MS + 3_600_000,
    ...changes,
  };
}

/** Proposes, lets the payer pay, and approves with both policy keys. */
export async function approved(world: ChainWorld, proposal: BatchProposal): Promise<BatchStatus> {
  const { chain, scheduler } = world;
  const { proposalDigest } = await chain.propose(proposal, 0);
  await chain.fund(proposal.batchId);
  await scheduler.advance(3_000);
  for (const signer of chain.signers) await chain.approveAs(proposal.batchId, signer, proposalDigest ?? '');
  return chain.status(proposal.batchId);
}
