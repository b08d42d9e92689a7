/** Batches: many intents in one request, with a verdict for each. */
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';
import type { BatchAnswer, BatchState } from './types.ts';

/** What one request may carry. */
export const BATCH_ROWS_MAX = 10_000;

export function createBatches(transport: Transport) {
  return {
    /**
     * Submits intents as they are: what is wrong with one is said in its row of the answer, the others go
     * on. Rows of the answer stand in the order of the intents.
     */
    submit: (intents: readonly unknown[], options: WriteOptions = {}) =>
      transport.json<BatchAnswer>({ method: 'POST', path: '/v1/payments/batches', body: jsonBody({ intents }), ...options }),
    /** How far its payments have come, by status. */
    get: (id: string, options: RequestOptions = {}) =>
      transport.json<BatchState>({ method: 'GET', path: `/v1/payments/batches/${encodeURIComponent(id)}`, ...options }),
  };
}
