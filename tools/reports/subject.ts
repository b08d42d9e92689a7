/** A payment as reports tell of it, with names and numbers in clear: made when a report is made, and kept nowhere. */
import type { Currency } from '../../domain/currency.ts';
import { type Money, money } from '../../domain/money.ts';
import type { PartyDetails } from '../../domain/party.ts';

export interface ReportParty {
  readonly name: string;
  /** E.164. */
  readonly phone: string;
  readonly country: string;
  readonly walletId: string;
  readonly operator: string;
  /** Our own id of the person: the customer id of messages. */
  readonly userId: string;
  readonly knownSinceMs: number;
  /** What else its client said of the party. */
  readonly details?: PartyDetails;
}

export interface ReportPayment {
  readonly id: string;
  readonly referenceId: string;
  readonly status: string;
  readonly purpose: string;
  readonly sent: Money;
  /** What the receiver gets; null while it is not known. */
  readonly received: Money | null;
  readonly sender: ReportParty;
  readonly receiver: ReportParty;
  readonly createdAtMs: number;
  readonly completedAtMs: number | null;
}

/** The payment's amount on one country's side; null when that side has none yet. */
export function amountIn(payment: ReportPayment, country: string): Money | null {
  if (payment.sender.country === country) return payment.sent;
  return payment.receiver.country === country ? payment.received : null;
}

/** Payments of one currency, as a report may tell of them without names; amounts in minor units. */
export interface ReportTotal {
  readonly currency: string;
  readonly payments: number;
  readonly amountMinor: string;
}

/** What payments come to in a country, in each of its currencies. */
export function totalsIn(payments: readonly ReportPayment[], country: string): ReportTotal[] {
  const amounts = payments.flatMap((payment) => amountIn(payment, country) ?? []);
  return [...Map.groupBy(amounts, ({ currency }) => currency)].map(([currency, each]) => ({
    currency,
    payments: each.length,
    amountMinor: each.reduce((sum, { minor }) => sum + minor, 0n).toString(),
  }));
}

/** A name in the parts that forms ask for: the last word is the family name. A single word has no first name, and the form is told so. */
export function nameParts(name: string): { readonly first: string; readonly last: string; readonly complete: boolean } {
  const words = cleaned(name).split(' ');
  const last = words.at(-1) ?? '';
  if (words.length < 2) return { first: 'Not given', last: last === '' ? 'Not given' : cut(last, 100), complete: false };
  return { first: cut(words.slice(0, -1).join(' '), 100), last: cut(last, 100), complete: true };
}

/** Text without characters that XML cannot hold or that nobody can see, and with single spaces. */
export function cleaned(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, ' ')
    .replace(/[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** At most so many characters, cut between two of them. */
export function cut(text: string, max: number): string {
  return text.length <= max
    ? text
    : text
        .slice(0, max)
        .toWellFormed()
        .replace(/\uFFFD$/, '');
}

/** Minor units of a row as money. */
export function moneyOf(minor: bigint, currency: string): Money {
  return money(minor, currency as Currency);
}
