/** What the settlement driver works with. */
import type { Pool } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import type { Currency } from '../../domain/currency.ts';
import type { BatchStatus } from '../../domain/settlement.ts';
import type { SettlementChain } from '../../tools/aptos/settlement-chain.ts';
import type { Log } from '../types.ts';

/** A key that may consent to batches. Whose it is decides when it is used. */
export interface Approver {
  /** `policy:<name>` for a key that consents under limits, or the principal of a person. */
  readonly approver: string;
  /** Our name for the key, which stands in the approval: whoever takes approvals in needs no key and no address. */
  readonly keyName: string;
  /** The chain's name for the key. */
  readonly signer: string;
  /** Signs the digest of a proposal; hex. */
  sign(proposalDigest: string): Promise<string>;
}

/** A key that is kept for a person who judges disputes. */
export interface Arbiter {
  /** The person's principal. */
  readonly arbiter: string;
  readonly keyName: string;
  /** The chain's name for the key, which signs there. */
  readonly signer: string;
}

export interface DriverSettings {
  /** How long a batch is held by one worker, milliseconds; longer than any single call. */
  readonly leaseMs: number;
  /** How long after it was sent a transaction may still be taken in by the chain, milliseconds, with the clocks' difference. */
  readonly transactionLifeMs: number;
  /** First wait before the chain is asked again, and the longest, milliseconds. */
  readonly inquiryDelayMs: number;
  readonly inquiryDelayMsMax: number;
  /** Wait before another look at a batch that waits for people, or for arbiters, milliseconds. */
  readonly patienceMs: number;
  /** How long a proposal may be approved and executed, milliseconds. */
  readonly proposalLifeMs: number;
  /** Setbacks in a row after which people are told. */
  readonly setbacksMax: number;
  /** Batches worked at once. */
  readonly batchesMax: number;
}

export const DEFAULT_DRIVER_SETTINGS: DriverSettings = {
  leaseMs: 60_000,
  transactionLifeMs: 90_000,
  inquiryDelayMs: 1_000,
  inquiryDelayMsMax: 60_000,
  patienceMs: 60_000,
  proposalLifeMs: 24 * 3_600_000,
  setbacksMax: 5,
  batchesMax: 16,
};

export interface DriverDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log;
  readonly chain: SettlementChain;
  /** Keys of the policy and of people; those of people are used only once their person has approved. */
  readonly approvers: readonly Approver[];
  readonly arbiters: readonly Arbiter[];
  readonly settings: DriverSettings;
}

export type StepKind = 'propose' | 'approve' | 'execute' | 'pay' | 'refund' | 'dispute' | 'vote';

/** A batch as the driver holds it. */
export interface DrivenBatch {
  readonly id: string;
  readonly partner: string;
  readonly currency: Currency;
  readonly dueMinor: bigint;
  readonly merkleRoot: string;
  readonly itemCount: number;
  readonly status: BatchStatus;
  readonly approvalBy: 'policy' | 'people';
  readonly approvalsNeeded: number;
  readonly deadlineMs: number | null;
  readonly proposalDigest: string | null;
  readonly setbacks: number;
  /** The evidence of the dispute that a person asked for here, or null. */
  readonly disputeAsked: string | null;
  /** Fences a slow worker: every write names it. */
  readonly leaseToken: string;
}

/** A step that was sent and whose outcome is not recorded. */
export interface OpenStep {
  readonly id: string;
  readonly kind: StepKind;
  /** Whose approval it is, or whose vote and the how manieth of theirs; empty for other steps. */
  readonly signer: string;
  readonly sentAtMs: number;
  readonly inquiries: number;
}
