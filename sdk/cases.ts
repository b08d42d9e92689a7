/** Cases: payments that wait for people. */
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { Case, CaseFile, CaseVerdict } from './types.ts';

export interface CaseFilter {
  readonly status?: Case['status'];
  readonly kind?: Case['kind'];
  /** The officer who holds it. */
  readonly claimedBy?: string;
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
    /** Says whether the payment may go on. The officer is the holder of the key. */
    decide: (id: string, verdict: CaseVerdict, options: WriteOptions = {}) =>
      transport.json<Case>({ method: 'POST', path: pathOf(id, '/decisions'), body: jsonBody(verdict), ...options }),
  };
}
