/** The life of a settlement batch: what may follow what, whoever takes the step. */

export const BATCH_STATUSES = ['closed', 'proposed', 'approved', 'executed', 'disputed', 'settled', 'expired', 'mismatched'] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/**
 * `closed`: netted, its amount fixed · `proposed`: before its approvers on chain · `approved`: enough of them
 * have consented · `executed`: binding on chain, to be paid there · `disputed`: frozen on chain until arbiters speak ·
 * `settled`: paid and checked on chain, and in the books, or carried on the books · `expired`: missed its deadline and ended on chain,
 * what is due goes into the partner's next batch · `mismatched`: the chain says something else than we do; people look at it, and
 * it goes on from where it stood.
 */
export const BATCH_TRANSITIONS: Readonly<Record<BatchStatus, readonly BatchStatus[]>> = {
  closed: ['proposed', 'approved', 'executed', 'expired', 'mismatched'],
  proposed: ['approved', 'executed', 'disputed', 'expired', 'mismatched'],
  approved: ['executed', 'disputed', 'expired', 'mismatched'],
  executed: ['disputed', 'settled', 'mismatched'],
  disputed: ['executed', 'settled', 'mismatched'],
  settled: [],
  expired: [],
  mismatched: ['closed', 'proposed', 'approved', 'executed', 'disputed', 'settled', 'expired'],
};

/** Where a batch still has steps to take on chain. */
export const DRIVEN_STATUSES: readonly BatchStatus[] = ['closed', 'proposed', 'approved', 'executed', 'disputed'];

/** How long after it was netted a batch is first held against the chain, and between two looks at one that is open; milliseconds. */
export const COMPARISON_MS = 3_600_000;

/** `books`: what is due stays in the float at the partner and goes into the partner's next batch. */
export type SettlementMethod = 'books' | 'chain';
