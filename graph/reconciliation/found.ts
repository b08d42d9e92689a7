/** What was found not to agree, as it is written down for people: by reconciling a day, or before that by a message of an operator's. */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { keepBreaks, type NewBreak } from '../../db/queries/reconciliation.ts';
import type { BreakKind } from '../../domain/breaks.ts';
import { dayIn } from '../../domain/days.ts';
import type { Facts } from '../../domain/decision.ts';
import { railById } from '../../domain/network.ts';
import type { Rail } from '../../domain/rail.ts';
import type { StatedPayment } from '../../tools/mmo/operator.ts';
import { bookedFirst, type BookedAttempt, type Break, repeatedPayment } from '../../tools/reconciliation/breaks.ts';
import type { ProposedEntry } from '../../tools/reconciliation/entries.ts';
import type { GraphDeps } from '../types.ts';

const HOUR_MS = 3_600_000;

/** What ends this close to midnight may stand in the statement of the day after. */
export const GRACE_MS = 10 * 60_000;

/** How long people have to see to a break: money that moved twice or unknown to us goes first. */
const DUE_HOURS: Readonly<Record<BreakKind, number>> = {
  missing_here: 24,
  duplicate: 24,
  amount_differs: 24,
  not_booked: 8,
  balance_differs: 24,
  missing_there: 72,
  fee_differs: 120,
};

/** A break as it is stored when it is found. */
export function newBreak(each: Break, rail: Rail, nowMs: number): NewBreak {
  const { kind, subject, attemptId, paymentId, ourMinor, theirMinor, evidence, entries } = each;
  const dueAtMs = nowMs + DUE_HOURS[kind] * HOUR_MS;
  return {
    kind,
    subject,
    attemptId,
    paymentId,
    ourMinor,
    theirMinor,
    evidence,
    currency: rail.currency,
    entries: entries.map(entryFacts),
    dueAtMs,
  };
}

/** An entry as JSON holds it: the amount as a decimal string of minor units. */
export function entryFacts({ amountMinor, ...entry }: ProposedEntry): Facts {
  return { ...entry, amountMinor: amountMinor.toString() };
}

/** Writes down a break outside a reconciliation, under the day of a moment in the rail's country; says whether it is new. */
export async function raiseBreak(tx: PoolClient, rail: Rail, each: Break, dayOfMs: number, nowMs: number): Promise<boolean> {
  const place = { railId: rail.id, day: dayIn(rail.country, dayOfMs), nowMs };
  return (await keepBreaks(tx, place, [newBreak(each, rail, nowMs)])) > 0;
}

/** A collection that succeeded, as its repeats are held against it. */
export type PaidCollection = Pick<
  BookedAttempt,
  'id' | 'clientId' | 'paymentId' | 'leg' | 'state' | 'amountMinor' | 'sentAtMs' | 'receipt'
> & {
  readonly railId: string;
};

/**
 * Writes down every payment of a collection beyond the one that our books have, under the name by which reconciling the day finds
 * it again: with the entries that owe the money to the client, for two people to post. Gives the operator's ids of those payments.
 */
export async function raiseRepeats(
  deps: Pick<GraphDeps, 'pool' | 'clock' | 'log'>,
  collection: PaidCollection,
  stated: readonly StatedPayment[],
): Promise<readonly string[]> {
  const rail = railById(collection.railId);
  const nowMs = deps.clock.now();
  const moved = stated.map(({ operatorReference, amount, occurredAtMs }) => ({
    operatorReference,
    direction: 'in' as const,
    amountMinor: amount.minor,
    occurredAtMs: occurredAtMs ?? nowMs,
  }));
  const [, ...repeats] = bookedFirst(collection, moved);
  const raised = await withTransaction(deps.pool, async (tx) => {
    let count = 0;
    for (const line of repeats) {
      if (await raiseBreak(tx, rail, repeatedPayment(rail, collection, line), line.occurredAtMs, nowMs)) count += 1;
    }
    return count;
  });
  if (raised > 0) deps.log.warn({ attemptId: collection.id, railId: rail.id, payments: raised }, 'a collection was paid again');
  return repeats.map(({ operatorReference }) => operatorReference);
}
