/** What re-screening found among known people since a list changed: one officer dismisses it, two confirm it, two lift what was confirmed. */
import type { PageOptions } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { ListedParty, Page, ShownPerson } from './types.ts';

export interface Finding {
  readonly id: string;
  readonly userId: string;
  readonly list: string;
  readonly entryId: string;
  /** `pep`: somebody who holds a public office, and is never barred. */
  readonly topic: string;
  /** The lists that first said so. */
  readonly listVersion: string;
  readonly score: number;
  readonly how: string;
  readonly grounds: readonly string[];
  readonly status: 'open' | 'dismissed' | 'confirmed' | 'lifted' | 'closed';
  readonly createdAt: string;
  readonly resolvedBy: string | null;
  readonly resolvedAt: string | null;
  /** What one officer said and another has to join. */
  readonly pending: { readonly verdict: 'confirmed' | 'lifted'; readonly officer: string; readonly expiresAt: string } | null;
  readonly liftedBy: string | null;
  readonly liftedAt: string | null;
  /** When the entry of a confirmed finding was seen to be gone. */
  readonly delistedAt: string | null;
}

/** The person beside the listed party. */
export interface FindingFile extends Finding {
  readonly person: ShownPerson & { readonly country: string };
  readonly listed: ListedParty | null;
  readonly comparison: string | null;
}

export function createFindings(transport: Transport) {
  const pathOf = (id: string, rest = ''): string => `/v1/screening-findings/${encodeURIComponent(id)}${rest}`;
  return {
    /** One page, the oldest first. */
    list: (filter: { readonly status?: Finding['status'] } = {}, options: PageOptions = {}): Promise<Page<Finding>> => {
      const { signal, ...place } = options;
      const query = { ...filter, ...place };
      return transport.json<Page<Finding>>({ method: 'GET', path: '/v1/screening-findings', query, ...(signal ? { signal } : {}) });
    },
    /** The file of a finding. That you looked is recorded. */
    get: (id: string, options: RequestOptions = {}) => transport.json<FindingFile>({ method: 'GET', path: pathOf(id), ...options }),
    /** Dismisses a finding, confirms it or lifts that; the last two are `pending` until another officer says the same. */
    resolve: (id: string, verdict: 'dismissed' | 'confirmed' | 'lifted', options: WriteOptions = {}) =>
      transport.json<Finding>({ method: 'POST', path: pathOf(id, '/resolution'), body: jsonBody({ verdict }), ...options }),
  };
}
