/** Cases: payments that wait for people. */
import type { AddedDetails } from './intents.ts';
import { followLive, type LiveOptions } from './live.ts';
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { Case, CaseFile, CaseReasons, CaseVerdict, InformationBulkAnswer } from './types.ts';

export interface CaseFilter {
  readonly status?: Case['status'];
  readonly kind?: Case['kind'];
  /** Those that are not closed, whatever their status. */
  readonly live?: boolean;
  /** The officer who holds it; `me` for whoever asks. */
  readonly claimedBy?: string;
  readonly overdue?: boolean;
  readonly snoozed?: boolean;
  readonly escalated?: boolean;
}

/** What happened to a case. */
export interface CaseEvent {
  readonly caseId: string;
  readonly paymentId: string | null;
  /** `overdue`: it was due, and nobody has decided it. */
  readonly type:
    | 'opened'
    | 'claimed'
    | 'claim_released'
    | 'claim_expired'
    | 'snoozed'
    | 'decided'
    | 'escalated'
    | 'information_requested'
    | 'information_received'
    | 'information_overdue'
    | 'details_added'
    | 'rescreened'
    | 'overdue'
    | 'approval_expired'
    | 'approvals_void'
    | 'released'
    | 'rejected'
    | 'resolved'
    | 'withdrawn';
  readonly at: string;
  /** The holder of the key, or `system`. */
  readonly actor: string;
  readonly verdict: 'release' | 'reject' | 'request_information' | 'escalate' | 'resolve' | null;
  readonly reasonCode: string | null;
  readonly round: number | null;
  /** Until when a case is put off, or an approval counts. */
  readonly until: string | null;
  /** Of `overdue`: when the case was due. */
  readonly dueAt: string | null;
}

export interface CaseStreamOptions extends LiveOptions {
  readonly type?: CaseEvent['type'];
  readonly caseId?: string;
}

/** What happened to a case, with its place in the stream, to go on from later. */
export interface StreamedCaseEvent {
  readonly eventId: string;
  readonly event: CaseEvent;
}

async function* streamCaseEvents(transport: Transport, options: CaseStreamOptions): AsyncGenerator<StreamedCaseEvent> {
  const { lastEventId: _from, signal: _signal, ...filter } = options;
  const source = { path: '/v1/cases/stream', query: filter, event: 'case' };
  for await (const { eventId, data } of followLive<CaseEvent>(transport, source, options)) yield { eventId, event: data };
}

export function createCases(transport: Transport) {
  const pathOf = (id: string, verb = ''): string => `/v1/cases/${encodeURIComponent(id)}${verb}`;
  const list = (filter: CaseFilter = {}, options: PageOptions = {}): Promise<Page<Case>> => {
    const { signal, ...place } = options;
    return transport.json<Page<Case>>({ method: 'GET', path: '/v1/cases', query: { ...filter, ...place }, ...(signal ? { signal } : {}) });
  };
  return {
    /** One page, most urgent first. */
    list,
    each: (filter: CaseFilter = {}, options: PageOptions = {}) => pages((cursor) => list(filter, { ...options, ...cursor })),
    /** What happens to cases, as it happens. Reconnects by itself, without a gap, until the signal says stop. */
    stream: (options: CaseStreamOptions = {}) => streamCaseEvents(transport, options),
    /** With the evidence, and its digest that a decision must carry. */
    get: (id: string, options: RequestOptions = {}) => transport.json<CaseFile>({ method: 'GET', path: pathOf(id), ...options }),
    /** Takes a case on for a while; claiming again lengthens the claim. */
    claim: (id: string, options: WriteOptions = {}) => transport.json<Case>({ method: 'POST', path: pathOf(id, '/claim'), ...options }),
    /** Puts a claimed case back for others. */
    releaseClaim: (id: string, options: WriteOptions = {}) =>
      transport.json<Case>({ method: 'POST', path: pathOf(id, '/release-claim'), ...options }),
    /** Adds what was learned of the parties of a held payment, which is then screened again: see `rescreenSince`. */
    addDetails: (id: string, given: AddedDetails & { readonly evidenceDigest: string }, options: WriteOptions = {}) =>
      transport.json<Case>({ method: 'POST', path: pathOf(id, '/details'), body: jsonBody(given), ...options }),
    /** Puts a case off until a moment within a day, three times at most. */
    snooze: (id: string, until: Date, options: WriteOptions = {}) =>
      transport.json<Case>({ method: 'POST', path: pathOf(id, '/snooze'), body: jsonBody({ until: until.toISOString() }), ...options }),
    /** The reasons that each verdict may be given for. */
    reasons: (options: RequestOptions = {}) => transport.json<CaseReasons>({ method: 'GET', path: '/v1/case-reasons', ...options }),
    /** Asks the clients of many cases the same question; each case stands for itself. */
    requestInformation: (request: { caseIds: readonly string[]; reasonCode: string; note?: string }, options: WriteOptions = {}) =>
      transport.json<InformationBulkAnswer>({
        method: 'POST',
        path: '/v1/cases/request-information',
        body: jsonBody(request),
        ...options,
      }),
    /** Says what is to become of a case. The officer is the holder of the key. */
    decide: (id: string, verdict: CaseVerdict, options: WriteOptions = {}) =>
      transport.json<Case>({ method: 'POST', path: pathOf(id, '/decisions'), body: jsonBody(verdict), ...options }),
  };
}
