/** What is asked of the books: amounts that move or are reserved, and the ends of what was reserved. */
import type { Currency } from '../../domain/currency.ts';

interface MovementPurpose {
  /** Derived from what the movement is for, where a repeat must be recognised; a new one unless given. */
  readonly id?: string;
  readonly paymentId?: string;
  readonly attemptId?: string;
  /** Same for all transfers of one exchange or one closing. */
  readonly linkId?: string;
}

/** `posted` moves the amount at once, `pending` reserves it. */
export interface Transferring extends MovementPurpose {
  readonly type: 'posted' | 'pending';
  /** Account codes. */
  readonly debit: string;
  readonly credit: string;
  /** Minor units, more than zero. */
  readonly amount: bigint;
  readonly currency: Currency;
  readonly reason: string;
  /** When a pending transfer may be expired; never unless given. */
  readonly expiresAt?: Date;
}

/** `post` moves what a pending transfer reserved, in full; `void` and `expire` let it go. Accounts and amount are the pending transfer's own. */
export interface Resolving extends MovementPurpose {
  readonly type: 'post' | 'void' | 'expire';
  readonly pendingId: string;
  /** As the pending transfer unless given. */
  readonly reason?: string;
}

export type Movement = Transferring | Resolving;
