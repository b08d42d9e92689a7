/**
 * What became of each batch by the chain's own events, read in their order and held against what the contract promises, with nothing
 * taken from the sandbox's rules: approvals before execution, one execution, no payout while a batch can be disputed or is in
 * dispute, each recipient paid once, and all of what was funded paid or given back.
 */
import { ledgerTransactions, type SandboxChain } from './chain-ledger.ts';

export interface ChainVote {
  readonly arbiter: string;
  readonly reversedMinor: bigint;
}

/** One batch, as its events tell of it. */
export interface BatchHistory {
  readonly id: string;
  readonly totalMinor: bigint;
  readonly approvalsNeeded: number;
  readonly windowSecs: bigint;
  readonly approvedBy: Set<string>;
  executions: number;
  windowEndsAt: bigint;
  dispute: { readonly opener: string; readonly evidenceHash: string; readonly resolveBy: bigint } | null;
  readonly votes: ChainVote[];
  /** What arbiters gave back, once they have judged. */
  reversedMinor: bigint | null;
  paidMinor: bigint;
  returnedMinor: bigint;
  fundedMinor: bigint;
  readonly paidIndexes: Set<string>;
  isOver: boolean;
  /** What is wrong with it, a sentence each. */
  readonly wrong: string[];
}

/** Arbiters who must say the same, as the sandbox's chain begins. */
const VOTES_NEEDED = 2;

type Data = Readonly<Record<string, unknown>>;

/** Reads every batch's history, by its id. */
export async function readHistories(chain: SandboxChain): Promise<ReadonlyMap<string, BatchHistory>> {
  const byAddress = new Map<string, BatchHistory>();
  const prefix = `${chain.profile.contract}::settlement::`;
  for (const { events, atSecs } of await ledgerTransactions(chain)) {
    for (const { type, data } of events) {
      if (!type.startsWith(prefix)) continue;
      const name = type.slice(prefix.length);
      const at = String(data['batch']);
      if (name === 'BatchProposed') byAddress.set(at, openHistory(data));
      const history = byAddress.get(at);
      if (history !== undefined) READERS[name]?.(history, data, atSecs);
    }
  }
  return new Map([...byAddress.values()].map((history) => [history.id, history]));
}

const hexOf = (value: unknown): string => String(value).replace(/^0x/, '');
const amountsOf = (value: unknown): bigint => (value as string[]).reduce((sum, each) => sum + BigInt(each), 0n);

function openHistory(data: Data): BatchHistory {
  const terms = data['terms'] as Data;
  return {
    id: hexOf(terms['batch_id']).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    totalMinor: amountsOf(terms['amounts']),
    approvalsNeeded: Number(terms['approvals_needed']),
    windowSecs: BigInt(String(terms['dispute_window_secs'])),
    approvedBy: new Set(),
    executions: 0,
    windowEndsAt: 0n,
    dispute: null,
    votes: [],
    reversedMinor: null,
    paidMinor: 0n,
    returnedMinor: 0n,
    fundedMinor: 0n,
    paidIndexes: new Set(),
    isOver: false,
    wrong: [],
  };
}

/** What each event does to the history of its batch, and must find there. */
const READERS: Readonly<Record<string, (history: BatchHistory, data: Data, atSecs: bigint) => void>> = {
  BatchFunded(history, data) {
    if (history.fundedMinor > 0n) history.wrong.push('was funded twice');
    history.fundedMinor += BigInt(String(data['amount']));
  },
  BatchApproved(history, data) {
    const approver = String(data['approver']);
    if (history.approvedBy.has(approver)) history.wrong.push(`was approved twice by ${approver}`);
    if (history.executions > 0) history.wrong.push('was approved after its execution');
    history.approvedBy.add(approver);
  },
  ApprovalWithdrawn: (history, data) => void history.approvedBy.delete(String(data['approver'])),
  BatchExecuted(history, data) {
    history.executions += 1;
    history.windowEndsAt = BigInt(String(data['window_ends_at']));
    if (history.approvedBy.size < history.approvalsNeeded) history.wrong.push('was executed with too few approvals');
    if (history.fundedMinor !== history.totalMinor) history.wrong.push('was executed without its funds');
  },
  DisputeOpened(history, data, atSecs) {
    if (history.executions === 0 || history.dispute !== null || atSecs >= history.windowEndsAt)
      history.wrong.push('was disputed when it could not be');
    const [opener, evidenceHash, resolveBy] = [String(data['opener']), hexOf(data['evidence_hash']), BigInt(String(data['resolve_by']))];
    history.dispute = { opener, evidenceHash, resolveBy };
  },
  ArbiterVoted(history, data, atSecs) {
    if (history.dispute === null || history.reversedMinor !== null || atSecs >= history.dispute.resolveBy)
      history.wrong.push('was judged when it could not be');
    history.votes.push({ arbiter: String(data['arbiter']), reversedMinor: amountsOf(data['reversals']) });
  },
  DisputeResolved(history, data) {
    const reversedMinor = amountsOf(data['reversals']);
    const last = new Map(history.votes.map((vote) => [vote.arbiter, vote.reversedMinor]));
    if ([...last.values()].filter((each) => each === reversedMinor).length < VOTES_NEEDED)
      history.wrong.push('was resolved by fewer arbiters than it takes');
    history.reversedMinor = reversedMinor;
  },
  PayoutPaid(history, data, atSecs) {
    const index = String(data['index']);
    if (history.paidIndexes.has(index)) history.wrong.push(`paid its recipient ${index} twice`);
    history.paidIndexes.add(index);
    history.paidMinor += BigInt(String(data['amount']));
    const { dispute, windowEndsAt, reversedMinor, executions } = history;
    const isDue = dispute === null ? atSecs >= windowEndsAt : reversedMinor !== null || atSecs >= dispute.resolveBy;
    if (executions === 0 || !isDue) history.wrong.push('was paid before it could be');
  },
  Returned: (history, data) => void (history.returnedMinor += BigInt(String(data['amount']))),
  BatchEnded(history) {
    history.isOver = true;
    if (history.paidMinor + history.returnedMinor !== history.fundedMinor) {
      const { paidMinor, returnedMinor, fundedMinor } = history;
      history.wrong.push(`had ${fundedMinor} put in, paid ${paidMinor} and gave back ${returnedMinor}`);
    }
    if (history.executions > 0 && history.returnedMinor !== (history.reversedMinor ?? 0n)) {
      history.wrong.push(`gave back ${history.returnedMinor}, where arbiters reversed ${history.reversedMinor ?? 0n}`);
    }
  },
};
