/**
 * A chain in memory for tests of the driver: it keeps the rules of the contract, and does as a test scripts
 * it: loses a call before or after it took effect, takes it in later, refuses it, or goes down with the caller.
 */
import type { Pool } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { proposalDigest } from '../../tools/aptos/proposal.ts';
import type { ChainReader } from '../../tools/aptos/reader.ts';
import {
  type BatchProposal,
  type ChainState,
  type ChainStatus,
  type ChainTerms,
  type SettlementChain,
  stepName,
  type StepReference,
  voteSigner,
} from '../../tools/aptos/settlement-chain.ts';
import { driveSettlement } from './driver.ts';
import { type Approver, type Arbiter, DEFAULT_DRIVER_SETTINGS, type DriverDeps } from './types.ts';

/** What becomes of one call. `late`: taken in after so many milliseconds. */
export type Fate = 'done' | 'lost' | 'answer_lost' | 'refused' | 'unreachable' | { readonly lateMs: number };

export interface CallSeen {
  readonly call: 'propose' | 'approve' | 'execute' | 'pay' | 'refund' | 'dispute' | 'vote' | 'status';
  readonly batchId: string;
}

interface Held {
  readonly proposal: BatchProposal;
  readonly approvals: Set<string>;
  state: Exclude<ChainState, 'absent' | 'unknown'>;
  executions: number;
  payableAtMs: number | null;
  reversedMinor: bigint;
  evidenceHash: string | null;
  /** The last word of each arbiter. */
  readonly votes: Map<string, bigint>;
  readonly steps: Record<string, StepReference>;
  hash: string;
  version: bigint;
}

export interface MemoryChain extends SettlementChain {
  readonly calls: CallSeen[];
  readonly batches: ReadonlyMap<string, Held>;
  /** Decides what becomes of a call; everything is done unless a test says otherwise. */
  fate: (seen: CallSeen) => Fate;
  /** How long batches may be disputed once they are executed, milliseconds. */
  disputeWindowMs: number;
  /** How long arbiters have to judge, milliseconds, and how many of them must say the same. */
  disputeLimitMs: number;
  votesNeeded: number;
  /** Moves a batch as somebody else on the chain would. */
  set(batchId: string, state: Held['state']): void;
  /** Somebody else freezes an executed batch, until arbiters speak or so long has passed. */
  freeze(batchId: string, limitMs: number): void;
  /** Arbiters give so much back to the payer. */
  resolve(batchId: string, reversedMinor: bigint): void;
  /** How often the contract executed anything. */
  executions(batchId: string): number;
}

/** An approver whose signature the chain in memory takes. */
export const memoryApprover = (approver: string): Approver => ({
  approver,
  keyName: `key of ${approver}`,
  signer: `0x${approver}`,
  sign: async (digest) => `0x${approver} signs ${digest}`,
});

/** What an approver with a key elsewhere signs for the chain in memory. */
export const memoryTransaction = (signer: string): string => Buffer.from(`${signer} approves`).toString('hex');

/** An arbiter whose vote the chain in memory takes. */
export const memoryArbiter = (arbiter: string): Arbiter => ({ arbiter, keyName: `key of ${arbiter}`, signer: `0x${arbiter}` });

/** What the driver needs, with nobody but these people and a log that says nothing. */
export function memoryDeps(
  parts: Pick<DriverDeps, 'pool' | 'clock' | 'chain'>,
  people: { readonly approvers: readonly string[]; readonly arbiters?: readonly string[] },
): DriverDeps {
  const silent = (): void => undefined;
  return {
    ...parts,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    approvers: people.approvers.map(memoryApprover),
    arbiters: (people.arbiters ?? []).map(memoryArbiter),
    settings: DEFAULT_DRIVER_SETTINGS,
  };
}

/** Makes a chain with so many approvers that count. */
export function memoryChain(clock: Clock): MemoryChain {
  const batches = new Map<string, Held>();
  const waiting: { readonly atMs: number; readonly apply: () => void }[] = [];
  const calls: CallSeen[] = [];
  let version = 100n;
  const touch = (held: Held): void => {
    version += 1n;
    held.version = version;
    held.hash = `0x${version.toString(16).padStart(64, '0')}`;
  };
  const bringUpToDate = (): void => {
    for (const each of waiting.splice(0)) {
      if (each.atMs <= clock.now()) each.apply();
      else waiting.push(each);
    }
    for (const held of batches.values()) {
      if ((held.state === 'proposed' || held.state === 'approved') && clock.now() >= held.proposal.deadlineMs) held.state = 'expired';
    }
  };
  const unknown: ChainStatus = {
    state: 'unknown',
    approvedBy: [],
    transactionHash: null,
    ledgerVersion: null,
    terms: null,
    payableAtMs: null,
    isPayable: false,
    reversedMinor: 0n,
    evidenceHash: null,
    steps: {},
  };
  const isPayable = ({ state, payableAtMs }: Held): boolean =>
    state === 'resolved' || ((state === 'executed' || state === 'disputed') && payableAtMs !== null && clock.now() >= payableAtMs);
  const statusOf = (batchId: string): ChainStatus => {
    const held = batches.get(batchId);
    if (held === undefined) return { ...unknown, state: 'absent' };
    const { state, approvals, hash: transactionHash, version: ledgerVersion, proposal, payableAtMs, reversedMinor } = held;
    const { obligation, approvalsNeeded, deadlineMs, merkleRoot, itemCount } = proposal;
    const terms = { ...obligation, merkleRoot, itemCount, approvalsNeeded, deadlineMs, isDigestOfTerms: true };
    const more = { payableAtMs, isPayable: isPayable(held), reversedMinor, evidenceHash: held.evidenceHash, steps: { ...held.steps } };
    return { state, approvedBy: [...approvals], transactionHash, ledgerVersion, terms, ...more };
  };
  /** Applies a call by the rules; true when the rules allowed it or it had been done before. */
  const call = async (seen: CallSeen, apply: () => boolean): Promise<ChainStatus> => {
    calls.push(seen);
    bringUpToDate();
    const fate = chain.fate(seen);
    if (fate === 'unreachable') throw fault('service_unreachable');
    if (fate === 'lost') return unknown;
    if (typeof fate === 'object') {
      waiting.push({ atMs: clock.now() + fate.lateMs, apply });
      return unknown;
    }
    if (fate === 'refused' || !apply()) throw fault('illegal_transition');
    return fate === 'answer_lost' ? unknown : statusOf(seen.batchId);
  };
  const heldOf = (batchId: string): Held => {
    const held = batches.get(batchId);
    if (held === undefined) throw new Error('no such batch on chain');
    return held;
  };
  const approveIn = (batchId: string, signer: string, digest: string): boolean => {
    const held = batches.get(batchId);
    if (held === undefined || proposalDigest(held.proposal) !== digest) return false;
    if (held.approvals.has(signer)) return true;
    if (held.state !== 'proposed' && held.state !== 'approved') return false;
    held.approvals.add(signer);
    if (held.approvals.size >= held.proposal.approvalsNeeded) held.state = 'approved';
    touch(held);
    held.steps[stepName('approve', signer)] = { transactionHash: held.hash, ledgerVersion: held.version };
    return true;
  };
  const chain: MemoryChain = {
    calls,
    batches,
    disputeWindowMs: 0,
    disputeLimitMs: 7 * 24 * 3_600_000,
    votesNeeded: 2,
    fate: () => 'done',
    set: (batchId, state) => {
      const held = heldOf(batchId);
      held.state = state;
      touch(held);
    },
    freeze: (batchId, limitMs) => {
      chain.set(batchId, 'disputed');
      const held = heldOf(batchId);
      held.payableAtMs = clock.now() + limitMs;
      held.evidenceHash ??= digestOf(`evidence of somebody else on ${batchId}`);
    },
    resolve: (batchId, reversedMinor) => {
      chain.set(batchId, 'resolved');
      heldOf(batchId).reversedMinor = reversedMinor;
    },
    executions: (batchId) => batches.get(batchId)?.executions ?? 0,
    propose: (proposal) =>
      call({ call: 'propose', batchId: proposal.batchId }, () => {
        const held = batches.get(proposal.batchId);
        if (held !== undefined) return proposalDigest(held.proposal) === proposalDigest(proposal);
        if (clock.now() >= proposal.deadlineMs) return false;
        const fresh = {
          executions: 0,
          payableAtMs: null,
          reversedMinor: 0n,
          evidenceHash: null,
          votes: new Map(),
          steps: {},
          hash: '',
          version: 0n,
        };
        const made: Held = { proposal, approvals: new Set(), state: 'proposed', ...fresh };
        touch(made);
        batches.set(proposal.batchId, made);
        return true;
      }),
    approve: ({ batchId, signer, proposalDigest: digest, signature }) =>
      call({ call: 'approve', batchId }, () => signature === `${signer} signs ${digest}` && approveIn(batchId, signer, digest)),
    approveSigned: ({ batchId, signer, proposalDigest: digest, transaction, authenticator }) =>
      call({ call: 'approve', batchId }, () => {
        return (
          transaction === memoryTransaction(signer) && authenticator === `${signer} signs ${digest}` && approveIn(batchId, signer, digest)
        );
      }),
    execute: (batchId, mandate) =>
      call({ call: 'execute', batchId }, () => {
        const held = batches.get(batchId);
        if (held === undefined) return false;
        if (proposalDigest(held.proposal) !== mandate.proposalDigest) throw fault('settlement_batch_altered');
        const agreed = mandate.approvedBy.filter((signer) => held.approvals.has(signer)).length;
        if (agreed < held.proposal.approvalsNeeded) throw fault('settlement_approvers_differ');
        if (held.executions > 0) return true;
        if (held.state !== 'approved') return false;
        held.state = chain.disputeWindowMs === 0 ? 'settled' : 'executed';
        held.payableAtMs = clock.now() + chain.disputeWindowMs;
        held.executions += 1;
        touch(held);
        return true;
      }),
    pay: (batchId) =>
      call({ call: 'pay', batchId }, () => {
        const held = batches.get(batchId);
        if (held?.state === 'settled') return true;
        if (held === undefined || !isPayable(held)) return false;
        held.state = 'settled';
        return true;
      }),
    dispute: (batchId, evidenceHash) =>
      call({ call: 'dispute', batchId }, () => {
        const held = batches.get(batchId);
        if (held === undefined) return false;
        if (held.evidenceHash !== null) return true;
        if (held.state !== 'executed' || held.payableAtMs === null || clock.now() >= held.payableAtMs) return false;
        held.evidenceHash = evidenceHash;
        chain.freeze(batchId, chain.disputeLimitMs);
        held.steps['dispute'] = { transactionHash: held.hash, ledgerVersion: held.version };
        return true;
      }),
    vote: (vote) =>
      call({ call: 'vote', batchId: vote.batchId }, () => {
        const held = batches.get(vote.batchId);
        if (held === undefined) return false;
        const name = stepName('vote', voteSigner(vote));
        if (held.steps[name] !== undefined) return true;
        if (held.state !== 'disputed' || isPayable(held)) return false;
        held.votes.set(vote.signer, vote.reversedMinor);
        touch(held);
        held.steps[name] = { transactionHash: held.hash, ledgerVersion: held.version };
        const agreeing = [...held.votes.values()].filter((reversedMinor) => reversedMinor === vote.reversedMinor).length;
        if (agreeing >= chain.votesNeeded) chain.resolve(vote.batchId, vote.reversedMinor);
        return true;
      }),
    refund: (batchId) =>
      call({ call: 'refund', batchId }, () => {
        const held = batches.get(batchId);
        if (held?.state === 'refunded') return true;
        if (held?.state !== 'expired') return false;
        held.state = 'refunded';
        return true;
      }),
    status: async (batchId) => {
      calls.push({ call: 'status', batchId });
      bringUpToDate();
      const fate = chain.fate({ call: 'status', batchId });
      if (fate === 'unreachable') throw fault('service_unreachable');
      return fate === 'done' ? statusOf(batchId) : unknown;
    },
  };
  return chain;
}

/** A status of the chain with other terms than it has. */
export function withTerms(status: ChainStatus, changes: Partial<ChainTerms>): ChainStatus {
  return { ...status, terms: status.terms === null ? null : { ...status.terms, ...changes } };
}

/** The chain in memory as somebody without a key reads it. */
export function memoryReader(chain: MemoryChain): ChainReader {
  return {
    status: (batchId) => chain.status(batchId),
    async executions(transactionHash) {
      const executed = [...chain.batches].filter(([, held]) => held.hash === transactionHash && held.executions > 0);
      return executed.map(([batchId, { proposal, version }]) => ({ batchId, merkleRoot: proposal.merkleRoot, ledgerVersion: version }));
    },
  };
}

export interface BatchFixture {
  readonly partner?: string;
  readonly currency?: string;
  /** Signed: positive, the partner owes us. */
  readonly dueMinor?: bigint;
  readonly approvalBy?: 'policy' | 'people';
}

/** Writes a closed window with one batch for the chain, as the settlement agent would; gives the batch's id. */
export async function insertBatch(pool: Pool, fixture: BatchFixture): Promise<string> {
  const [id, windowId] = [newId(), newId()];
  const due = fixture.dueMinor ?? -1_000_000n;
  await pool.query(
    `insert into settlement_windows (id, number, closed_by, payment_count, base_snapshot, snapshot, after_tx, after_event, policy_version, facts, facts_digest)
      select $1, count(*) + 1, 'age', 1, '1:1:', '1:1:', '0', 0, 'test', '{}', '' from settlement_windows`,
    [windowId],
  );
  await pool.query(
    `insert into settlement_batches (id, window_id, partner, currency, payment_count, item_count, collected_amount, disbursed_amount, net_amount,
        due_amount, merkle_root, method, status, policy_version, facts, facts_digest, reasons, approval_by, approvals_needed, next_step_at)
      values ($1, $2, $3, $4, 1, 1, greatest($5::bigint, 0), greatest(-$5::bigint, 0), $5, $5, $6, 'chain', 'closed', 'test', '{}', '', '[]', $7, 2, '-infinity')`,
    [id, windowId, fixture.partner ?? 'mtn-ug', fixture.currency ?? 'UGX', due, digestOf(id), fixture.approvalBy ?? 'policy'],
  );
  return id;
}

interface BatchState {
  readonly status: string;
  readonly proven: boolean;
  readonly settled_at: Date | null;
}

/** Where a batch stands. */
export async function stateOfBatch(pool: Pool, id: string): Promise<BatchState | undefined> {
  const { rows } = await pool.query<BatchState>(
    'select status, transaction_hash is not null as proven, settled_at from settlement_batches where id = $1',
    [id],
  );
  return rows[0];
}

/** Drives and lets time pass until nothing is left to do, at most so often. */
export async function driveToEnd(deps: DriverDeps, clock: { advance(ms: number): void }, rounds = 60, stepMs = 30_000): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await driveSettlement(deps);
    const { rows } = await deps.pool.query(
      `select 1 from settlement_batches where method = 'chain' and status not in ('settled', 'expired', 'mismatched')`,
    );
    if (rows.length === 0) return;
    clock.advance(stepMs);
  }
}
