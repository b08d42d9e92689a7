/**
 * What operators say of a transaction that is not so: another amount, the opposite of its end. Only what they say changes; books
 * and statements are as they are, so that whoever asks those finds the truth.
 */
import type { Transaction } from './journal.ts';

/** How long after its end a transaction that flips is still told as it is, in unscaled milliseconds. */
const FLIP_AFTER_MS = 2_000;

/** A transaction as its operator tells it now. */
export function told(transaction: Transaction, nowMs: number, speed: number): Transaction {
  const { wrongAmount, flips } = transaction.lies ?? {};
  const settledAtMs = transaction.settledAtMs;
  const hasFlipped = flips === true && settledAtMs !== null && nowMs - settledAtMs >= FLIP_AFTER_MS / speed;
  const seen = hasFlipped ? opposite(transaction) : transaction;
  return wrongAmount === true ? { ...seen, amountMinor: 2n * seen.amountMinor } : seen;
}

/** A transaction that ended the other way. */
export function opposite(transaction: Transaction): Transaction {
  if (transaction.state === 'pending') return transaction;
  return transaction.state === 'succeeded'
    ? { ...transaction, state: 'failed', failure: 'declined', code: null }
    : { ...transaction, state: 'succeeded', failure: null, code: null };
}
