/**
 * Entries that would put the books right, as they are proposed for each kind of break. They name no payment: its
 * own entries stay as they are. What cannot be told to be anybody's goes over the suspense account of the currency,
 * from where people clear it once they know.
 */
import type { Currency } from '../../domain/currency.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import { clientAccount, floatAccount, suspenseAccount, treasuryAccount } from '../ledger/index.ts';
import type { Direction } from './statement.ts';

/** An entry of the ledger as it is proposed: it is not posted. */
export interface ProposedEntry {
  readonly debit: string;
  readonly credit: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly reason: string;
}

export interface EntryPlace {
  readonly railId: string;
  readonly currency: Currency;
}

function entry(debit: string, credit: string, amountMinor: bigint, { currency }: EntryPlace, reason: string): ProposedEntry {
  return { debit, credit, amountMinor, currency, reason };
}

/** The float moves by as much as the operator moved more (positive) or less (negative) than our books say. */
export function floatCorrection(place: EntryPlace, differenceMinor: bigint, reason: string): readonly ProposedEntry[] {
  if (differenceMinor === 0n) return [];
  const float = floatAccount(place.railId, place.currency).code;
  const suspense = suspenseAccount(place.currency).code;
  return differenceMinor > 0n
    ? [entry(float, suspense, differenceMinor, place, reason)]
    : [entry(suspense, float, -differenceMinor, place, reason)];
}

/** What a movement of the operator's did to our float. */
export function floatEffect(direction: Direction, amountMinor: bigint): bigint {
  return direction === 'in' ? amountMinor : -amountMinor;
}

/** Money that nobody's entries tell of: what came in is the client's, who owes it to the payer; what went out is our loss until it is recovered. */
function movedUnbooked(
  place: EntryPlace & { readonly clientId: string },
  direction: Direction,
  amountMinor: bigint,
  reason: string,
): readonly ProposedEntry[] {
  const float = floatAccount(place.railId, place.currency).code;
  return direction === 'in'
    ? [entry(float, clientAccount(place.clientId, place.currency).code, amountMinor, place, reason)]
    : [entry(treasuryAccount(place.currency).code, float, amountMinor, place, reason)];
}

/** A second movement for one attempt. */
export function duplicateEntries(
  place: EntryPlace & { readonly clientId: string },
  direction: Direction,
  amountMinor: bigint,
): readonly ProposedEntry[] {
  return movedUnbooked(place, direction, amountMinor, 'reconciliation_duplicate');
}

/** What an operator moved for an attempt that our books hold as failed: its payment was or will be settled without it. */
export function lateSuccessEntries(
  attempt: EntryPlace & { readonly leg: Leg; readonly clientId: string; readonly amountMinor: bigint },
): readonly ProposedEntry[] {
  const direction = attempt.leg === 'collection' ? 'in' : 'out';
  return movedUnbooked(attempt, direction, attempt.amountMinor, `late_${attempt.leg}`);
}

/** What the operator charged and we have not booked; the other way round where it charged less. */
export function chargeEntries(place: EntryPlace, differenceMinor: bigint): readonly ProposedEntry[] {
  if (differenceMinor === 0n) return [];
  const [float, treasury] = [floatAccount(place.railId, place.currency).code, treasuryAccount(place.currency).code];
  return differenceMinor > 0n
    ? [entry(treasury, float, differenceMinor, place, 'operator_charges')]
    : [entry(float, treasury, -differenceMinor, place, 'operator_charges')];
}
