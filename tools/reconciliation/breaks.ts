/** Breaks: what they say, and how they name attempts and movements, whoever finds them. */
import type { BreakKind } from '../../domain/breaks.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Facts } from '../../domain/decision.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import type { Rail } from '../../domain/rail.ts';
import { duplicateEntries, type EntryPlace, floatCorrection, floatEffect, lateSuccessEntries, type ProposedEntry } from './entries.ts';
import type { StatementLine } from './statement.ts';

/** One of our attempts with what the ledger booked on the float for it. */
export interface BookedAttempt {
  readonly id: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly requestId: string;
  readonly state: 'sent' | 'pending' | 'unknown' | 'succeeded' | 'failed';
  readonly applied: boolean;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly receipt: string | null;
  readonly sentAtMs: number;
  readonly resolvedAtMs: number | null;
  /** Minor units that its transfers moved on the float; null when there is none. */
  readonly bookedMinor: bigint | null;
}

export interface Break {
  readonly kind: BreakKind;
  /** With rail and kind it names the break, so that it is found once. */
  readonly subject: string;
  readonly attemptId: string | null;
  readonly paymentId: string | null;
  readonly ourMinor: bigint | null;
  readonly theirMinor: bigint | null;
  readonly evidence: Facts;
  readonly entries: readonly ProposedEntry[];
}

/** What a movement has to tell to be held against others of its attempt. */
type Moved = Pick<StatementLine, 'operatorReference' | 'direction' | 'amountMinor' | 'occurredAtMs'>;

/** A line as evidence; charge and position where it stands in a statement that tells them. */
export function evidenceOf({ feeMinor, position, ...line }: Moved & Partial<StatementLine>): Facts {
  return {
    operatorReference: line.operatorReference,
    direction: line.direction,
    amountMinor: line.amountMinor.toString(),
    ...(feeMinor === undefined ? {} : { feeMinor: feeMinor.toString() }),
    occurredAt: new Date(line.occurredAtMs).toISOString(),
    ...(position === undefined ? {} : { position }),
  };
}

/** The float that a rail's entries move. */
export function place({ rail }: { readonly rail: Rail }): EntryPlace {
  return { railId: rail.id, currency: rail.currency };
}

/** What of an attempt stands in the evidence of its breaks. */
type AttemptTold = Pick<BookedAttempt, 'id' | 'paymentId' | 'leg' | 'state' | 'amountMinor' | 'sentAtMs' | 'receipt'>;

/** An attempt as evidence, with the ids by which its break names it. */
export function about(attempt: AttemptTold): Pick<Break, 'attemptId' | 'paymentId'> & { readonly facts: Facts } {
  const facts = {
    attemptId: attempt.id,
    leg: attempt.leg,
    state: attempt.state,
    amountMinor: attempt.amountMinor.toString(),
    sentAt: new Date(attempt.sentAtMs).toISOString(),
    receipt: attempt.receipt,
  };
  return { attemptId: attempt.id, paymentId: attempt.paymentId, facts };
}

/**
 * The movements of one attempt, the one that our books have first: that of its receipt, else the earliest of its amount. So the
 * others are the same, whoever looks and in whatever order a statement names them.
 */
export function bookedFirst<Line extends Moved>(
  attempt: Pick<BookedAttempt, 'receipt' | 'amountMinor'>,
  lines: readonly Line[],
): readonly Line[] {
  const rank = ({ operatorReference, amountMinor }: Line): number => {
    if (operatorReference.toUpperCase() === attempt.receipt?.toUpperCase()) return 0;
    return amountMinor === attempt.amountMinor ? 1 : 2;
  };
  return lines.toSorted(
    (a, b) => rank(a) - rank(b) || a.occurredAtMs - b.occurredAtMs || (a.operatorReference < b.operatorReference ? -1 : 1),
  );
}

/** A movement beyond the one that an attempt asked for, with the entries that put the books right. */
export function repeatedPayment(
  rail: Rail,
  attempt: AttemptTold & Pick<BookedAttempt, 'clientId'>,
  line: Moved & Partial<StatementLine>,
): Break {
  const { facts, ...ids } = about(attempt);
  return {
    kind: 'duplicate',
    subject: `line:${line.direction}:${line.operatorReference}`,
    ...ids,
    ourMinor: attempt.amountMinor,
    theirMinor: line.amountMinor,
    evidence: { attempt: facts, line: evidenceOf(line), why: 'the operator moved money for this attempt before' },
    entries: duplicateEntries({ ...place({ rail }), clientId: attempt.clientId }, line.direction, line.amountMinor),
  };
}

/**
 * Money that an operator moved for an attempt we hold as failed, with the entries that put the books right. One break for one attempt,
 * whoever tells of it first: a message, an inquiry, or the statement with its line.
 */
export function movedAfterAll(rail: Rail, attempt: AttemptTold & Pick<BookedAttempt, 'clientId'>, told: Facts): Break {
  const { facts, ...ids } = about(attempt);
  return {
    kind: 'missing_here',
    subject: `attempt:${attempt.id}`,
    ...ids,
    ourMinor: null,
    theirMinor: attempt.amountMinor,
    evidence: { attempt: facts, ...told, why: 'recorded as failed here' },
    entries: lateSuccessEntries({ ...place({ rail }), leg: attempt.leg, clientId: attempt.clientId, amountMinor: attempt.amountMinor }),
  };
}

/** A success of ours that moved nothing there: no statement has it, or the operator says so. The float's movement is taken back. */
export function movedNothing(rail: Rail, attempt: AttemptTold, told: Facts): Break {
  const { facts, ...ids } = about(attempt);
  const effect = floatEffect(attempt.leg === 'collection' ? 'in' : 'out', attempt.amountMinor);
  return {
    kind: 'missing_there',
    subject: `attempt:${attempt.id}`,
    ...ids,
    ourMinor: attempt.amountMinor,
    theirMinor: null,
    evidence: { attempt: facts, ...told },
    entries: floatCorrection(place({ rail }), -effect, 'reconciliation_missing_there'),
  };
}
