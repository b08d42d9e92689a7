/** Cases: payments that wait for people. */
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { Case, CaseFile, CaseReasons, CaseVerdict, InformationBulkAnswer } from './types.ts';

export interface CaseFilter {
  readonly status?: Case['status'];
  readonly kind?: Case['kind'];
  /** Those that are not closed, whatever their status. */
  readonly live?: boolean;
  /** The officer who holds it. */
  readonly claimedBy?: string;
  readonly overdue?: boolean;
  readonly snoozed?: boolean;
  readonly escalated?: boolean;
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
    /** With the evidence, and its digest that a decision must carry. */
    get: (id: string, options: RequestOptions = {}) => transport.json<CaseFile>({ method: 'GET', path: pathOf(id), ...options }),
    /** Takes a case on for a while; claiming again lengthens the claim. */
    claim: (id: string, options: WriteOptions = {}) => transport.json<Case>({ method: 'POST', path: pathOf(id, '/claim'), ...options }),
    /** Puts a claimed case back for others. */
    releaseClaim: (id: string, options: WriteOptions = {}) =>
      transport.json<Case>({ method: 'POST', path: pathOf(id, '/release-claim'), ...options }),
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
