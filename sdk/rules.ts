/** Rules of compliance: drafted by one person, tried in shadow, brought to life by another. */
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';

export interface RuleVersion {
  readonly id: string;
  readonly version: number;
  readonly status: 'draft' | 'shadow' | 'live' | 'retired';
  /** What it says, in the rule language. */
  readonly rule: {
    readonly typology: string;
    readonly title: string;
    readonly effect: 'flag' | 'block' | 'note';
    readonly [key: string]: unknown;
  };
  readonly digest: string;
  readonly note: string;
  readonly madeBy: string;
  readonly submittedBy: string | null;
  readonly submittedAt: string | null;
  readonly approvedBy: string | null;
  readonly approvedAt: string | null;
  readonly endAskedBy: string | null;
  readonly endAskedAt: string | null;
  readonly endedBy: string | null;
  readonly endedAt: string | null;
  readonly createdAt: string;
  /** Of a rule in shadow: payments of 30 days that it would have spoken about, and those of them that went through clear. */
  readonly shadow: { readonly found: number; readonly wouldChange: number } | null;
}

export interface RuleList {
  /** The label of the set in force; it stands in every decision. */
  readonly ruleSet: string | null;
  readonly items: readonly RuleVersion[];
}

export function createRules(transport: Transport) {
  const pathOf = (id: string, rest = ''): string => `/v1/rules/${encodeURIComponent(id)}${rest}`;
  const step =
    (name: 'submit' | 'approve' | 'retire') =>
    (id: string, version: number, options: WriteOptions = {}) =>
      transport.json<RuleVersion>({ method: 'POST', path: pathOf(id, `/versions/${version}/${name}`), ...options });
  return {
    /** Every version of every rule. */
    list: (filter: { readonly status?: RuleVersion['status'] } = {}, options: RequestOptions = {}) =>
      transport.json<RuleList>({ method: 'GET', path: '/v1/rules', query: { ...filter }, ...options }),
    /** Every version of one rule, the newest first. */
    get: (id: string, options: RequestOptions = {}) => transport.json<RuleList>({ method: 'GET', path: pathOf(id), ...options }),
    /** Drafts a rule, or the next version of one. */
    draft: (rule: unknown, note: string, options: WriteOptions = {}) =>
      transport.json<RuleVersion>({ method: 'POST', path: '/v1/rules', body: jsonBody({ rule, note }), ...options }),
    /** Puts a draft into shadow. */
    submit: step('submit'),
    /** Brings a rule from shadow to life; not for whoever made or submitted it. */
    approve: step('approve'),
    /** Ends a rule; a live one when a second person does the same. */
    retire: step('retire'),
  };
}
