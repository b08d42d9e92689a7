/**
 * What goes over the wire, as TypeScript sees it. Amounts are decimal strings, in major units or, where
 * the name says so, in minor units; moments are ISO 8601 in UTC.
 */
import type { ProblemError } from './errors.ts';
import type { PartyDetails } from './intents.ts';

export type PaymentStatus =
  | 'accepted'
  | 'held'
  | 'released'
  | 'queued'
  | 'authorized'
  | 'collecting'
  | 'collected'
  | 'disbursing'
  | 'refunding'
  | 'paid'
  | 'refunded'
  | 'rejected'
  | 'failed'
  | 'cancelled';

export interface PaymentParty {
  /** Masked. */
  readonly phone: string;
  readonly country: string;
  readonly walletId: string;
}

export interface Payment {
  readonly id: string;
  readonly referenceId: string;
  readonly batchId: string | null;
  readonly status: PaymentStatus;
  readonly reasonCode: string | null;
  readonly reason: string | null;
  readonly amount: string;
  readonly amountMinor: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly feeAmount: string | null;
  readonly feeAmountMinor: string | null;
  readonly targetAmount: string | null;
  readonly targetAmountMinor: string | null;
  readonly funding: 'wallet' | 'balance';
  readonly delivery: 'wallet' | 'balance';
  readonly sender: PaymentParty;
  readonly receiver: PaymentParty;
  readonly preference: string;
  readonly purpose: string;
  readonly quoteId: string | null;
  readonly refundRequestedAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly authorizedAt: string | null;
  readonly collectedAt: string | null;
  readonly completedAt: string | null;
}

export interface PaymentEvent {
  readonly at: string;
  readonly from: PaymentStatus | null;
  readonly to: PaymentStatus;
  readonly reasonCode: string | null;
  readonly cause: string;
}

export interface Reason {
  readonly code: string;
  readonly text: string;
}

export interface Decision {
  readonly id: string;
  readonly at: string;
  readonly paymentId: string;
  readonly cohortId: string;
  readonly agent: string;
  readonly policyVersion: string;
  readonly outcome: string;
  readonly reasons: readonly Reason[];
  /** 0 to 1. */
  readonly confidence: number;
  readonly durationUs: number;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Empty where the facts are not shown. */
  readonly factsDigest: string;
  readonly modelId: string | null;
  readonly promptHash: string | null;
}

export interface Attempt {
  readonly id: string;
  readonly paymentId: string;
  readonly leg: 'collection' | 'payout' | 'refund';
  readonly sequence: number;
  readonly railId: string;
  readonly state: 'created' | 'sent' | 'pending' | 'unknown' | 'succeeded' | 'failed';
  readonly amount: string;
  readonly amountMinor: string;
  readonly currency: string;
  readonly receipt: string | null;
  readonly reasonCode: string | null;
  readonly inquiries: number;
  /** When the operator is asked next, while the outcome is open. */
  readonly nextInquiryAt: string | null;
  /** How long the outcome has been open, milliseconds. */
  readonly openForMs: number | null;
  readonly createdAt: string;
  readonly sentAt: string | null;
  readonly resolvedAt: string | null;
  /** When its operator first said otherwise than is recorded. */
  readonly contradictedAt: string | null;
}

export interface Transfer {
  readonly id: string;
  readonly type: 'posted' | 'pending' | 'post' | 'void' | 'expire';
  readonly reason: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  readonly amount: string;
  readonly amountMinor: string;
  readonly currency: string;
  readonly pendingId: string | null;
  readonly linkId: string | null;
  readonly createdAt: string;
}

/** How a payer approves: by a page to lead them to, or a prompt, with what to dial when none came. */
export interface PayerApproval {
  readonly attemptId: string;
  readonly kind: 'page' | 'prompt';
  readonly url: string | null;
  readonly dial: string | null;
}

/** The whole story of a payment. */
export interface Explanation {
  readonly payment: Payment;
  /** Rails in the order they are to be tried, per leg. */
  readonly route: { readonly collection: readonly string[]; readonly payout: readonly string[] };
  readonly timeline: readonly PaymentEvent[];
  readonly decisions: readonly Decision[];
  readonly attempts: readonly Attempt[];
  readonly transfers: readonly Transfer[];
  /** For keys that may read cases; others see none. */
  readonly cases: readonly ExplainedCase[];
}

/** A case with what was decided, without the officers' notes. */
export interface ExplainedCase extends Case {
  readonly decisions: readonly Omit<CaseDecision, 'note'>[];
}

export interface BatchRow {
  /** Where in the request: 1 is the first row. */
  readonly line: number;
  readonly referenceId: string | null;
  readonly status: 'accepted' | 'replayed' | 'rejected';
  readonly paymentId?: string;
  readonly errors?: readonly ProblemError[];
}

export interface BatchAnswer {
  readonly batchId: string;
  readonly accepted: number;
  readonly replayed: number;
  readonly rejected: number;
  readonly rows: readonly BatchRow[];
}

/** How far a batch has come. */
export interface BatchState {
  readonly batchId: string;
  readonly createdAt: string;
  /** Rows taken, payments that existed already not counted. */
  readonly accepted: number;
  readonly rejected: number;
  readonly byStatus: Readonly<Partial<Record<PaymentStatus, number>>>;
}

export type CaseStatus = 'open' | 'deciding' | 'waiting' | 'released' | 'rejected' | 'withdrawn' | 'resolved';
export type CaseVerdictName = 'release' | 'reject' | 'request_information' | 'escalate' | 'resolve';

export interface Case {
  readonly id: string;
  readonly paymentId: string;
  /** What it waits for: a release, an operator's word, people who put the books right, or who say whom a payment was refused for. */
  readonly kind: 'held' | 'in_doubt' | 'late_success' | 'contradicted' | 'refused';
  /** The attempt that a case of operators' words is about. */
  readonly attemptId: string | null;
  /** `waiting`: the client was asked for information; officers may still decide. */
  readonly status: CaseStatus;
  /** 0 to 100, the higher the sooner. */
  readonly priority: number;
  readonly reasons: readonly Reason[];
  readonly amount: string;
  readonly amountMinor: string;
  readonly currency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly approvalsNeeded: number;
  /** What was said in an earlier round counts for nothing. */
  readonly round: number;
  readonly claimedBy: string | null;
  readonly claimedUntil: string | null;
  readonly escalatedAt: string | null;
  readonly escalatedBy: string | null;
  readonly snoozedUntil: string | null;
  readonly snoozeCount: number;
  readonly informationDueAt: string | null;
  /** Since when the payment waits to be screened again, because more was said of a party. */
  readonly rescreenSince: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly dueAt: string;
  readonly overdue: boolean;
  readonly closedAt: string | null;
}

export interface CaseDecision {
  readonly id: string;
  readonly at: string;
  readonly officer: string;
  readonly senior: boolean;
  readonly verdict: CaseVerdictName;
  readonly reasonCode: string;
  readonly note: string | null;
  readonly evidenceDigest: string;
  readonly round: number;
  /** SHA-256 of exactly what was agreed to. */
  readonly actionDigest: string;
  /** Until when a release counts. */
  readonly expiresAt: string | null;
  readonly appliedAt: string | null;
}

/** How a name met an entry of a list. */
export interface CaseHit {
  readonly party: 'sender' | 'receiver';
  readonly list: string;
  readonly entryId: string;
  readonly program: string;
  readonly how: string;
  readonly score: number;
  readonly weak: boolean;
  readonly topic: string;
  readonly grounds: readonly string[];
  readonly explanation: string;
  /** The case in which officers said that the person is somebody else, where that counts still. */
  readonly clearedByCase: string | null;
  /** The listed party; null when it is on no list in force any more. */
  readonly listed: ListedParty | null;
  /** How the words of both names meet. */
  readonly comparison: string | null;
}

/** A party of a sanctions list, as officers see it. */
export interface ListedParty {
  readonly type: string;
  readonly names: readonly string[];
  readonly weakNames: readonly string[];
  readonly datesOfBirth: readonly string[];
  readonly countries: readonly string[];
  readonly documents: readonly string[];
  readonly program: string;
  readonly listVersion: string;
}

/** A person as officers read them: the name in clear, the number masked, and what else the client said. */
export interface ShownPerson extends PartyDetails {
  readonly name: string;
  readonly phone: string;
}

/** A party's other payments. */
export interface PartyHistory {
  readonly last90Days: readonly {
    readonly role: 'sender' | 'receiver';
    readonly status: PaymentStatus;
    readonly currency: string;
    readonly count: number;
    readonly amount: string;
    readonly firstAt: string;
    readonly lastAt: string;
  }[];
  readonly newest: readonly {
    readonly id: string;
    readonly role: 'sender' | 'receiver';
    readonly status: PaymentStatus;
    readonly amount: string;
    readonly currency: string;
    readonly fromCountry: string;
    readonly toCountry: string;
    readonly createdAt: string;
  }[];
}

/** Another case in which a party of this payment is a party. */
export interface LinkedCase {
  readonly id: string;
  readonly paymentId: string;
  readonly kind: Case['kind'];
  readonly status: CaseStatus;
  readonly priority: number;
  readonly reasons: readonly Reason[];
  readonly createdAt: string;
  readonly closedAt: string | null;
  readonly links: readonly { readonly party: 'sender' | 'receiver'; readonly as: 'sender' | 'receiver' }[];
}

/** A question about a held payment, as its client sees it. */
export interface PaymentQuestion {
  readonly id: string;
  readonly code: string;
  readonly question: string;
  readonly askedAt: string;
  readonly dueAt: string;
  readonly answeredAt: string | null;
}

/** The same with the answer, for officers. The answer is the client's own words: untrusted. */
export interface CaseInformation extends PaymentQuestion {
  readonly answer: string | null;
  readonly answeredBy: string | null;
}

/** A case with everything an officer decides on. */
export interface CaseFile extends Case {
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly evidenceDigest: string;
  readonly payment: Payment & { readonly timeline: readonly PaymentEvent[] };
  readonly parties: {
    readonly sender: ShownPerson;
    readonly receiver: ShownPerson;
  };
  readonly hits: readonly CaseHit[];
  readonly history: { readonly sender: PartyHistory; readonly receiver: PartyHistory };
  readonly linkedCases: readonly LinkedCase[];
  readonly agentDecisions: readonly Decision[];
  readonly information: readonly CaseInformation[];
  readonly decisions: readonly CaseDecision[];
  /** The first approval of a release that needs two. */
  readonly pendingApproval: {
    readonly officer: string;
    readonly verdict: CaseVerdictName;
    readonly reasonCode: string;
    readonly actionDigest: string;
    readonly expiresAt: string;
  } | null;
  /** What an adviser says of the case: to be read after the evidence. */
  readonly advice: Readonly<Record<string, unknown>> | null;
}

export interface CaseVerdict {
  readonly verdict: CaseVerdictName;
  /** One of the verdict's reasons: see `reasons()`. */
  readonly reasonCode: string;
  /** Of the evidence that was read. */
  readonly evidenceDigest: string;
  readonly note?: string;
}

/** The reasons that each verdict may be given for. */
export interface CaseReasons {
  readonly verdicts: readonly { readonly verdict: CaseVerdictName; readonly reasons: readonly Reason[] }[];
}

/** What became of each case of a request for information. */
export interface InformationBulkAnswer {
  readonly requested: number;
  readonly refused: number;
  readonly cases: readonly {
    readonly caseId: string;
    readonly outcome: 'requested' | 'refused';
    readonly code: string | null;
    readonly detail: string | null;
  }[];
}

/** One page of a list; `nextCursor` is null on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}
