/**
 * The contract between settlement and a chain: net obligations are proposed, approved by enough signers,
 * executed once, and can be asked about.
 *
 * Every call is keyed by the batch id and may be repeated: what was done before is not done again, and
 * the same reference comes back. A call whose transaction left us without a visible result answers
 * `unknown`; `status` is asked until it converges, exactly as with an operator, and nothing is sent
 * anew meanwhile. Calls throw faults of the catalogue only: when nothing was sent, or when the rules of
 * the chain forbid the step.
 */
import type { Currency } from '../../domain/currency.ts';

/** What one partner owes or is owed in one batch. */
export interface NetObligation {
  /** The rail whose operator is the partner. */
  readonly partner: string;
  readonly currency: Currency;
  /** Collected less disbursed: positive, the partner owes us; negative, we owe the partner. Minor units. */
  readonly netMinor: bigint;
}

export interface BatchProposal {
  readonly batchId: string;
  readonly obligation: NetObligation;
  /** Root over the batch's items (see merkle.ts) and their count, bound to the batch at proposal. */
  readonly merkleRoot: string;
  readonly itemCount: number;
  /** Distinct signers that must approve. */
  readonly approvalsNeeded: number;
  /** After this moment the proposal can no longer be approved or executed. */
  readonly deadlineMs: number;
}

/** What the chain holds a batch to, in our words: all that was bound to it at its proposal. */
export interface ChainTerms {
  /** The rail whose account is paid by our treasury, or pays it; null unless it is exactly one partner's of the profile. */
  readonly partner: string | null;
  /** Null for an asset that the profile does not name. */
  readonly currency: Currency | null;
  /** Positive, our treasury is paid; minor units. */
  readonly netMinor: bigint;
  readonly merkleRoot: string;
  readonly itemCount: number;
  readonly approvalsNeeded: number;
  readonly deadlineMs: number;
  /** Whether the digest that approvals name is the one of these terms. */
  readonly isDigestOfTerms: boolean;
}

/** The code by which it is told that the chain holds a term otherwise. */
export const TERM_CODES = {
  partner: 'partner_differs',
  currency: 'currency_differs',
  amount: 'amount_differs',
  root: 'root_differs',
  count: 'count_differs',
  quorum: 'quorum_differs',
  deadline: 'deadline_differs',
  digest: 'digest_differs',
} as const;

export type TermName = keyof typeof TERM_CODES;
export type TermCode = (typeof TERM_CODES)[TermName];

/** Which terms the chain holds otherwise than we proposed them; none when it is the very proposal. */
export function differingTerms(ours: BatchProposal, terms: ChainTerms): TermName[] {
  const isSame: Readonly<Record<TermName, boolean>> = {
    partner: terms.partner === ours.obligation.partner,
    currency: terms.currency === ours.obligation.currency,
    amount: terms.netMinor === ours.obligation.netMinor,
    root: terms.merkleRoot === ours.merkleRoot,
    count: terms.itemCount === ours.itemCount,
    quorum: terms.approvalsNeeded === ours.approvalsNeeded,
    deadline: terms.deadlineMs === ours.deadlineMs,
    digest: terms.isDigestOfTerms,
  };
  return (Object.keys(isSame) as TermName[]).filter((name) => !isSame[name]);
}

/** A signer's consent to exactly one proposal; `proposalDigest` is over all of its fields. */
export interface BatchApproval {
  readonly batchId: string;
  readonly signer: string;
  readonly proposalDigest: string;
  /** Hex. */
  readonly signature: string;
}

/** The consent of a signer whose keys are elsewhere: the very transaction that approves, signed there. */
export interface SignedApproval {
  readonly batchId: string;
  /** The approver's account. */
  readonly signer: string;
  /** Of the proposal that was read. */
  readonly proposalDigest: string;
  /** As the chain encodes it, hex. */
  readonly transaction: string;
  /** The signatures of the account's keys over it, hex. */
  readonly authenticator: string;
}

/**
 * `absent`: the chain does not know the batch, and no transaction of ours can still make it appear · `executed`: binding, and its
 * dispute window open or its payout to be made · `disputed`: frozen until arbiters speak, or their time is over · `resolved`: they
 * have spoken, and the payout is to be made · `settled`: paid, for good · `expired`: past its deadline, what was put in not given
 * back yet · `refunded`: ended without execution, and nothing of anybody's in it
 */
export type ChainState =
  | 'absent'
  | 'proposed'
  | 'approved'
  | 'executed'
  | 'disputed'
  | 'resolved'
  | 'settled'
  | 'expired'
  | 'refunded'
  | 'unknown';

/** What was approved, and by whom: the chain must agree before a batch is executed. */
export interface ExecutionMandate {
  readonly proposalDigest: string;
  /** Signers who consented to exactly that proposal; of these as many must stand on the chain as the batch needs. */
  readonly approvedBy: readonly string[];
}

/** An arbiter's judgement of a dispute. */
export interface DisputeVote {
  readonly batchId: string;
  readonly signer: string;
  /** 1 for the arbiter's first; a later one takes the place of the earlier. */
  readonly number: number;
  /** What goes back to the payer, minor units; 0 lets the payout stand. */
  readonly reversedMinor: bigint;
}

/** A step of ours that the chain has executed. */
export interface StepReference {
  readonly transactionHash: string;
  readonly ledgerVersion: bigint;
}

export interface ChainStatus {
  readonly state: ChainState;
  /** Accounts whose approvals the chain counts. */
  readonly approvedBy: readonly string[];
  /**
   * Hash and ledger version of the transaction that executed the batch, or before that of the one that brought it to this state;
   * null while there is none.
   */
  readonly transactionHash: string | null;
  readonly ledgerVersion: bigint | null;
  /** Null while the chain does not know the batch. They differ from ours only if something is wrong, which becomes a case. */
  readonly terms: ChainTerms | null;
  /** When an executed batch, or one in dispute, can be paid if nothing else happens; null where that is not known yet, or over. */
  readonly payableAtMs: number | null;
  /** Whether the chain would let it be paid now, by its own clock. */
  readonly isPayable: boolean;
  /** What arbiters gave back to the payer, minor units. */
  readonly reversedMinor: bigint;
  /** Hash of the evidence that a dispute was opened with, hex; null while there was none. */
  readonly evidenceHash: string | null;
  /** Every step of ours that the chain has executed, by name: see `stepName`. */
  readonly steps: Readonly<Record<string, StepReference>>;
}

/** How a step is named: its kind, and whose it is where several may take it. */
export function stepName(kind: string, signer = ''): string {
  return signer === '' ? kind : `${kind}:${signer}`;
}

/** The signer of a vote as steps name it, for an arbiter may judge anew. */
export function voteSigner({ signer, number }: Pick<DisputeVote, 'signer' | 'number'>): string {
  return `${signer}:${number}`;
}

export interface SettlementChain {
  /** Puts a batch before its signers. Repeating it with the same content is harmless, with other content refused. */
  propose(proposal: BatchProposal): Promise<ChainStatus>;
  /** Adds one signer's approval. The same signer counts once. */
  approve(approval: BatchApproval): Promise<ChainStatus>;
  /** Adds the approval of a signer whose keys are elsewhere; it can be sent until its transaction expires. The same signer counts once. */
  approveSigned(approval: SignedApproval): Promise<ChainStatus>;
  /**
   * Executes an approved batch, once; without a dispute window it is paid with that. Sends nothing, and throws `settlement_batch_altered`
   * when the chain holds other terms than those of the mandate, `settlement_approvers_differ` when it counts too few of its signers.
   */
  execute(batchId: string, mandate: ExecutionMandate): Promise<ChainStatus>;
  /** Pays an executed batch whose time to be disputed is over, or whose dispute is judged, and gives back what was reversed. */
  pay(batchId: string): Promise<ChainStatus>;
  /** Ends a proposal whose deadline has passed; what was put in goes back to its payer. The contract lets anybody do it. */
  refund(batchId: string): Promise<ChainStatus>;
  /** Freezes an executed batch within its dispute window; only the hash of the evidence goes there. Repeating it is harmless. */
  dispute(batchId: string, evidenceHash: string): Promise<ChainStatus>;
  /** Adds an arbiter's vote on a batch in dispute. Each vote counts once. */
  vote(vote: DisputeVote): Promise<ChainStatus>;
  /** What the chain knows of the batch; changes nothing. */
  status(batchId: string): Promise<ChainStatus>;
}
