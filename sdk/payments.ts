/** Payments: one at a time. Many at once go as a batch. */
import { type Page, type PageOptions, pages } from './pages.ts';
import type { SettlementProof } from './settlement.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { AddedDetails, IntentInput } from './intents.ts';
import type { Attempt, Explanation, PayerApproval, Payment, PaymentEvent, PaymentQuestion, PaymentStatus } from './types.ts';

export interface PaymentFilter {
  readonly status?: PaymentStatus;
  /** `KE-UG`. */
  readonly corridor?: string;
  /** ISO 8601; from this moment on. */
  readonly createdFrom?: string;
  /** ISO 8601; before this moment. */
  readonly createdBefore?: string;
  readonly referenceId?: string;
  readonly batchId?: string;
}

export interface PaymentDetails extends Payment {
  readonly timeline: readonly PaymentEvent[];
  readonly attempts: readonly Attempt[];
  /** What the payer has to do, while the collection waits for them. */
  readonly approval: PayerApproval | null;
}

export function createPayments(transport: Transport) {
  const list = (filter: PaymentFilter = {}, options: PageOptions = {}): Promise<Page<Payment>> => {
    const { signal, ...place } = options;
    return transport.json<Page<Payment>>({
      method: 'GET',
      path: '/v1/payments',
      query: { ...filter, ...place },
      ...(signal ? { signal } : {}),
    });
  };
  return {
    /** Submits one intent; its reference makes it safe to submit again. */
    create: (intent: IntentInput, options: WriteOptions = {}) =>
      transport.json<Payment>({ method: 'POST', path: '/v1/payments', body: jsonBody(intent), ...options }),
    get: (id: string, options: RequestOptions = {}) =>
      transport.json<PaymentDetails>({ method: 'GET', path: `/v1/payments/${encodeURIComponent(id)}`, ...options }),
    /** The whole story: timeline, decisions, attempts, transfers. */
    explain: (id: string, options: RequestOptions = {}) =>
      transport.json<Explanation>({ method: 'GET', path: `/v1/payments/${encodeURIComponent(id)}/explanation`, ...options }),
    /** That the payment is in its settlement batches: see `capp proof verify`. */
    proof: (id: string, options: RequestOptions = {}) =>
      transport.json<SettlementProof>({ method: 'GET', path: `/v1/payments/${encodeURIComponent(id)}/proof`, ...options }),
    /** One page, newest first. */
    list,
    /** Every payment that fits, page by page. */
    each: (filter: PaymentFilter = {}, options: PageOptions = {}) => pages((cursor) => list(filter, { ...options, ...cursor })),
    cancel: (id: string, options: WriteOptions = {}) =>
      transport.json<Payment>({ method: 'POST', path: `/v1/payments/${encodeURIComponent(id)}/cancel`, ...options }),
    /** Asks for the sender's money to be sent back. */
    refund: (id: string, options: WriteOptions = {}) =>
      transport.json<Payment>({ method: 'POST', path: `/v1/payments/${encodeURIComponent(id)}/refund`, ...options }),
    /** What officers ask about a held payment. */
    questions: (id: string, options: RequestOptions = {}) =>
      transport.json<{ readonly items: readonly PaymentQuestion[] }>({
        method: 'GET',
        path: `/v1/payments/${encodeURIComponent(id)}/information`,
        ...options,
      }),
    /** Answers one of them; each is answered once. What is said of a party is added to what is known, and the payment is screened again. */
    answer: (id: string, given: AddedDetails & { readonly questionId: string; readonly answer: string }, options: WriteOptions = {}) =>
      transport.json<{ readonly items: readonly PaymentQuestion[] }>({
        method: 'POST',
        path: `/v1/payments/${encodeURIComponent(id)}/information`,
        body: jsonBody(given),
        ...options,
      }),
  };
}
