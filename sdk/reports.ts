/** Reports for authorities and partners, and the switch of the investigator's model. */
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';

export type ReportKind = 'str' | 'sar' | 'ctr' | 'travel_rule' | 'audit';

export interface Report {
  readonly id: string;
  readonly kind: ReportKind;
  readonly country: string | null;
  readonly caseId: string | null;
  /** What re-screening found, where the report is about that. */
  readonly findingId: string | null;
  readonly paymentId: string | null;
  readonly period: { readonly from: string; readonly to: string } | null;
  readonly mediaType: string;
  readonly fileName: string;
  /** SHA-256 of the file. */
  readonly contentDigest: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly dueAt: string | null;
  readonly madeBy: string;
  readonly createdAt: string;
  readonly filedBy: string | null;
  readonly filedAt: string | null;
  readonly filingReference: string | null;
}

interface Suspicion {
  readonly country: string;
  readonly note?: string;
  readonly suspectedAt?: string;
}

export type ReportInput =
  | ({ readonly kind: 'str' | 'sar'; readonly caseId: string } & Suspicion)
  | ({ readonly kind: 'str' | 'sar'; readonly paymentId: string } & Suspicion)
  | ({ readonly kind: 'sar'; readonly findingId: string } & Suspicion)
  | { readonly kind: 'ctr'; readonly country: string; readonly from: string; readonly to: string }
  | { readonly kind: 'travel_rule'; readonly paymentId: string }
  | { readonly kind: 'audit'; readonly paymentId: string }
  | { readonly kind: 'audit'; readonly from: string; readonly to: string };

export interface ReportFilter {
  readonly kind?: ReportKind;
  readonly filed?: 'true' | 'false';
  readonly caseId?: string;
}

export interface ReportFiling {
  /** The number the authority gave it. */
  readonly filingReference?: string;
  readonly filedAt?: string;
}

export function createReports(transport: Transport) {
  const pathOf = (id: string, verb = ''): string => `/v1/reports/${encodeURIComponent(id)}${verb}`;
  const list = (filter: ReportFilter = {}, options: PageOptions = {}): Promise<Page<Report>> => {
    const { signal, ...place } = options;
    return transport.json<Page<Report>>({
      method: 'GET',
      path: '/v1/reports',
      query: { ...filter, ...place },
      ...(signal ? { signal } : {}),
    });
  };
  return {
    make: (input: ReportInput, options: WriteOptions = {}) =>
      transport.json<Report>({ method: 'POST', path: '/v1/reports', body: jsonBody(input), ...options }),
    /** One page, the newest first. */
    list,
    each: (filter: ReportFilter = {}, options: PageOptions = {}) => pages((cursor) => list(filter, { ...options, ...cursor })),
    get: (id: string, options: RequestOptions = {}) => transport.json<Report>({ method: 'GET', path: pathOf(id), ...options }),
    /** The file, with names and numbers; reading it is written into the audit log. */
    file: async (id: string, options: RequestOptions = {}): Promise<string> => {
      const response = await transport.open({ method: 'GET', path: pathOf(id, '/file'), ...options });
      return response.text();
    },
    /** Writes down that it was filed. */
    markFiled: (id: string, filing: ReportFiling = {}, options: WriteOptions = {}) =>
      transport.json<Report>({ method: 'POST', path: pathOf(id, '/filing'), body: jsonBody(filing), ...options }),
  };
}
