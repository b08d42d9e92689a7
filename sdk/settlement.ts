/** Settlement: batches with their way over the chain, approvals, cases, and proofs of payments. */
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { Reason } from './types.ts';

export interface SettlementBatch {
  readonly id: string;
  readonly windowId: string;
  /** The rail whose operator owes or is owed; `on_us` for legs that no operator moved. */
  readonly partner: string;
  readonly currency: string;
  readonly paymentCount: number;
  /** Leaves of the Merkle tree: one for each leg, and one for each batch that was carried to it. */
  readonly itemCount: number;
  readonly collectedMinor: string;
  readonly disbursedMinor: string;
  /** Minor units; positive, the partner owes us. */
  readonly netMinor: string;
  readonly carriedMinor: string;
  readonly dueMinor: string;
  /** What arbiters gave back of it, without a sign. */
  readonly reversedMinor: string;
  readonly merkleRoot: string;
  readonly method: 'books' | 'chain';
  readonly status: 'closed' | 'proposed' | 'approved' | 'executed' | 'disputed' | 'settled' | 'expired' | 'mismatched';
  readonly approvalBy: 'policy' | 'people' | null;
  readonly approvalsNeeded: number;
  readonly deadlineAt: string | null;
  readonly proposalDigest: string | null;
  readonly carriedTo: string | null;
  readonly transactionHash: string | null;
  readonly ledgerVersion: string | null;
  /** When an executed batch is paid if nothing else happens; until then it can be disputed, and a dispute judged. */
  readonly payableAt: string | null;
  /** Of the evidence of its dispute, as the chain has it; a vote must carry it. */
  readonly evidenceHash: string | null;
  readonly createdAt: string;
  readonly settledAt: string | null;
}

export interface SettlementStep {
  readonly kind: 'propose' | 'approve' | 'execute' | 'pay' | 'refund' | 'dispute' | 'vote';
  readonly signer: string;
  readonly sequence: number;
  readonly state: 'sent' | 'unknown' | 'succeeded' | 'failed';
  readonly reasonCode: string | null;
  readonly transactionHash: string | null;
  readonly ledgerVersion: string | null;
  readonly inquiries: number;
  readonly sentAt: string;
  readonly resolvedAt: string | null;
}

export interface SettlementBatchFile extends SettlementBatch {
  readonly decision: {
    readonly policyVersion: string;
    readonly facts: Readonly<Record<string, unknown>>;
    readonly factsDigest: string;
    readonly reasons: readonly Reason[];
  };
  readonly steps: readonly SettlementStep[];
  readonly approvals: readonly {
    readonly approver: string;
    readonly keyName: string;
    readonly proposalDigest: string;
    readonly at: string;
  }[];
  readonly dispute: {
    readonly openedBy: string;
    readonly reasonCode: string;
    readonly evidenceHash: string;
    readonly at: string;
  } | null;
  readonly votes: readonly {
    readonly arbiter: string;
    readonly keyName: string;
    /** 1 for the arbiter's first; the last one counts. */
    readonly number: number;
    readonly reversedMinor: string;
    readonly reasonCode: string;
    readonly evidenceHash: string;
    readonly at: string;
  }[];
}

export interface SettlementCase {
  readonly id: string;
  readonly batchId: string;
  readonly kind: 'disputed' | 'expired' | 'mismatched' | 'refused' | 'reversed';
  readonly status: 'open' | 'resolved';
  readonly evidence: Readonly<Record<string, unknown>>;
  /** Whoever closes the case names it. */
  readonly evidenceDigest: string;
  readonly closedBy: string | null;
  readonly reasonCode: string | null;
  readonly createdAt: string;
  readonly closedAt: string | null;
}

/** A place in a Merkle tree: the hashes beside the way to the root, lowest first. */
export interface MerklePlace {
  readonly index: number;
  readonly size: number;
  readonly path: readonly string[];
}

/** That a payment is in its settlement batches. Anybody can check it with SHA-256 alone. */
export interface SettlementProof {
  readonly kind: 'capp-settlement-proof';
  readonly paymentId: string;
  readonly legs: readonly {
    readonly leg: 'collection' | 'payout';
    readonly amountMinor: string;
    readonly currency: string;
    readonly batchId: string;
    readonly proof: MerklePlace;
  }[];
  /** Batches that were not paid themselves, each with its place in the tree of the one that took it over. */
  readonly carried: readonly { readonly batchId: string; readonly carriedTo: string; readonly proof: MerklePlace }[];
  /** Every batch that a leg leads through. */
  readonly batches: readonly Pick<
    SettlementBatch,
    | 'id'
    | 'partner'
    | 'currency'
    | 'merkleRoot'
    | 'itemCount'
    | 'netMinor'
    | 'dueMinor'
    | 'reversedMinor'
    | 'method'
    | 'status'
    | 'approvalsNeeded'
    | 'deadlineAt'
    | 'proposalDigest'
    | 'transactionHash'
    | 'ledgerVersion'
    | 'settledAt'
  >[];
}

/** The transaction that approves a batch, in words and in bytes; the bytes follow from the words. Numbers are decimal strings. */
export interface SettlementApprovalToSign {
  readonly kind: 'capp-approval-request';
  readonly network: 'mainnet' | 'testnet' | 'local';
  readonly chainId: number;
  readonly contract: string;
  readonly function: 'settlement::approve';
  readonly batch: {
    readonly id: string;
    readonly address: string;
    readonly digest: string;
    readonly partner: string;
    readonly currency: string;
    readonly asset: string;
    readonly proposer: string;
    readonly payer: string;
    readonly payouts: readonly { readonly recipient: string; readonly amountMinor: string }[];
    readonly merkleRoot: string;
    readonly itemCount: string;
    readonly approvalsNeeded: string;
    readonly deadlineAt: string;
    readonly disputeWindowSecs: string;
  };
  readonly transaction: {
    readonly sender: string;
    readonly sequenceNumber: string;
    readonly maxGasUnits: string;
    readonly gasUnitPriceOctas: string;
    /** Null: the sender pays. */
    readonly feePayer: string | null;
    readonly expiresAt: string;
  };
  readonly proposalDigest: string;
  /** BCS of the transaction, hex. */
  readonly bytes: string;
  /** What is to be signed with Ed25519, hex. */
  readonly message: string;
}

/** An approval that is signed. */
export interface SignedApproval {
  /** The `bytes` of the request. */
  readonly transaction: string;
  /** BCS of the authenticator by the keys of the account over its `message`, hex. */
  readonly authenticator: string;
}

export interface SettlementFilter {
  readonly status?: SettlementBatch['status'];
  readonly method?: SettlementBatch['method'];
  readonly partner?: string;
}

export function createSettlement(transport: Transport) {
  const list = (filter: SettlementFilter = {}, options: PageOptions = {}): Promise<Page<SettlementBatch>> => {
    const { signal, ...place } = options;
    const query = { ...filter, ...place };
    return transport.json<Page<SettlementBatch>>({ method: 'GET', path: '/v1/settlement/batches', query, ...(signal ? { signal } : {}) });
  };
  const at = (id: string): string => `/v1/settlement/batches/${encodeURIComponent(id)}`;
  return {
    /** One page of batches, newest first. */
    list,
    each: (filter: SettlementFilter = {}, options: PageOptions = {}) => pages((cursor) => list(filter, { ...options, ...cursor })),
    get: (id: string, options: RequestOptions = {}) => transport.json<SettlementBatchFile>({ method: 'GET', path: at(id), ...options }),
    /** Consents to exactly the proposal that was read; `signed` by those who keep their key themselves. */
    approve: (id: string, proposalDigest: string, { signed, ...options }: WriteOptions & { readonly signed?: SignedApproval } = {}) => {
      const body = jsonBody(signed === undefined ? { proposalDigest } : { proposalDigest, signed });
      return transport.json<SettlementBatchFile>({ method: 'POST', path: `${at(id)}/approvals`, body, ...options });
    },
    /** What those who keep their key sign to approve a batch; good for 15 minutes. */
    approvalRequest: (id: string, options: RequestOptions = {}) =>
      transport.json<SettlementApprovalToSign>({ method: 'GET', path: `${at(id)}/approval-request`, ...options }),
    /** Freezes an executed batch before it is paid. `evidenceHash`: SHA-256 of the evidence, hex. */
    dispute: (id: string, dispute: { readonly reasonCode: string; readonly evidenceHash: string }, options: WriteOptions = {}) =>
      transport.json<SettlementBatchFile>({ method: 'POST', path: `${at(id)}/dispute`, body: jsonBody(dispute), ...options }),
    /** Judges a dispute as an arbiter: how much of the batch goes back to its payer, minor units. */
    vote: (
      id: string,
      vote: { readonly reversedMinor: string; readonly reasonCode: string; readonly evidenceHash: string },
      options: WriteOptions = {},
    ) => transport.json<SettlementBatchFile>({ method: 'POST', path: `${at(id)}/votes`, body: jsonBody(vote), ...options }),
    /** One page of what people must look at, newest first. */
    cases: (filter: { readonly status?: SettlementCase['status'] } = {}, options: PageOptions = {}): Promise<Page<SettlementCase>> => {
      const { signal, ...place } = options;
      const query = { ...filter, ...place };
      return transport.json<Page<SettlementCase>>({ method: 'GET', path: '/v1/settlement/cases', query, ...(signal ? { signal } : {}) });
    },
    resolveCase: (id: string, resolution: { readonly reasonCode: string; readonly evidenceDigest: string }, options: WriteOptions = {}) =>
      transport.json<SettlementCase>({
        method: 'POST',
        path: `/v1/settlement/cases/${encodeURIComponent(id)}/resolution`,
        body: jsonBody(resolution),
        ...options,
      }),
  };
}
