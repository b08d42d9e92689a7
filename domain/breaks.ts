/** What reconciliation can find that does not agree. */

/**
 * `missing_here`: the operator moved it, our books do not know · `missing_there`: our books have it, the statement does
 * not · `not_booked`: the attempt succeeded, the ledger has no entry for it.
 */
export const BREAK_KINDS = [
  'missing_here',
  'missing_there',
  'amount_differs',
  'duplicate',
  'fee_differs',
  'not_booked',
  'balance_differs',
] as const;

export type BreakKind = (typeof BREAK_KINDS)[number];
