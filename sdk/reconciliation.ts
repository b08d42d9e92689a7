/** Reconciliation: what was held against the operators' statements, and what does not agree. */
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';

export interface Reconciliation {
  readonly id: string;
  readonly railId: string;
  /** In the country of the rail: "2026-11-25". */
  readonly day: string;
  /** What our books were held against; `none`: a day that could not be reconciled. */
  readonly basis: 'statement' | 'balance' | 'none';
  readonly summary: Readonly<Record<string, unknown>>;
  readonly startedBy: string;
  readonly createdAt: string;
}

export type BreakKind =
  | 'missing_here'
  | 'missing_there'
  | 'amount_differs'
  | 'duplicate'
  | 'fee_differs'
  | 'not_booked'
  | 'balance_differs';

export type BreakStatus = 'open' | 'proposed' | 'posted' | 'dismissed' | 'resolved';

/** One thing on which the sides do not agree. Amounts are minor units as text. */
export interface ReconciliationBreak {
  readonly id: string;
  readonly railId: string;
  readonly day: string;
  readonly kind: BreakKind;
  readonly attemptId: string | null;
  readonly paymentId: string | null;
  readonly ourAmountMinor: string | null;
  readonly theirAmountMinor: string | null;
  readonly currency: string;
  readonly status: BreakStatus;
  /** Since it was found, until its end. */
  readonly ageMs: number;
  readonly overdue: boolean;
  readonly foundAt: string;
  readonly lastSeenAt: string;
  readonly dueAt: string;
  readonly closedAt: string | null;
}

export interface ProposedEntry {
  readonly debit: string;
  readonly credit: string;
  readonly amountMinor: string;
  readonly currency: string;
  readonly reason: string;
}

export interface BreakDecision {
  readonly principal: string;
  readonly action: 'propose' | 'approve' | 'reject';
  readonly reasonCode: string;
  readonly entries: readonly ProposedEntry[];
  readonly entriesDigest: string;
  /** The link of the transfers that were posted. */
  readonly linkId: string | null;
  readonly at: string;
}

export interface ReconciliationBreakFile extends ReconciliationBreak {
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly proposedEntries: readonly ProposedEntry[];
  /** Of the entries proposed last, or found with the break; an approval names it. */
  readonly entriesDigest: string;
  readonly decisions: readonly BreakDecision[];
}

export interface BreakFilter {
  readonly status?: BreakStatus;
  readonly kind?: BreakKind;
  readonly railId?: string;
  readonly day?: string;
}

/** What one person says about a break. Whoever proposes never approves. */
export type BreakVerdict =
  /** Other entries than those found with it; none at all dismisses it. */
  | { readonly action: 'propose'; readonly reasonCode: string; readonly entries?: readonly ProposedEntry[] }
  /** Of exactly the entries that were read. */
  | { readonly action: 'approve'; readonly reasonCode: string; readonly entriesDigest: string }
  | { readonly action: 'reject'; readonly reasonCode: string };

export function createReconciliation(transport: Transport) {
  const listOf =
    <Item, Filter extends object>(path: string) =>
    (filter: Filter, options: PageOptions = {}): Promise<Page<Item>> => {
      const { signal, ...place } = options;
      return transport.json<Page<Item>>({ method: 'GET', path, query: { ...filter, ...place }, ...(signal ? { signal } : {}) });
    };
  const runs = listOf<Reconciliation, { readonly railId?: string; readonly day?: string }>('/v1/reconciliations');
  const breaks = listOf<ReconciliationBreak, BreakFilter>('/v1/breaks');
  const pathOf = (id: string, verb = ''): string => `/v1/breaks/${encodeURIComponent(id)}${verb}`;
  return {
    /** One page of what was reconciled, newest first. */
    runs: (filter: { readonly railId?: string; readonly day?: string } = {}, options: PageOptions = {}) => runs(filter, options),
    /** One page of what does not agree, the oldest first. */
    breaks: (filter: BreakFilter = {}, options: PageOptions = {}) => breaks(filter, options),
    eachBreak: (filter: BreakFilter = {}, options: PageOptions = {}) => pages((cursor) => breaks(filter, { ...options, ...cursor })),
    /** With its evidence, its entries and what people said. */
    getBreak: (id: string, options: RequestOptions = {}) =>
      transport.json<ReconciliationBreakFile>({ method: 'GET', path: pathOf(id), ...options }),
    /** Proposes entries that end a break, or approves or rejects those of another. The person is the holder of the key. */
    decide: (id: string, verdict: BreakVerdict, options: WriteOptions = {}) =>
      transport.json<ReconciliationBreakFile>({ method: 'POST', path: pathOf(id, '/decisions'), body: jsonBody(verdict), ...options }),
  };
}
