/** The words of a suspicious-transaction report: who, what, when, where, why and how, as it stands in the records. No word of guilt. */
import { formatAmount } from '../../domain/money.ts';
import type { Reason } from '../../domain/decision.ts';
import { cleaned, cut, type ReportParty, type ReportPayment } from './subject.ts';

const ADDED_MAX = 2_000;

/** Why it is reported. `added` is what the officer wrote. */
export function reasonOf(payment: ReportPayment, reasons: readonly Reason[], added: string): string {
  const { sender, receiver, sent, received } = payment;
  const parts = [
    `${cleaned(sender.name)} (${sender.phone}, ${sender.operator}, ${sender.country}) sent ${formatAmount(sent)} ${sent.currency} to ` +
      `${cleaned(receiver.name)} (${receiver.phone}, ${receiver.operator}, ${receiver.country}) on ${new Date(payment.createdAtMs).toISOString()}` +
      `${received === null ? '' : `, who was to receive ${formatAmount(received)} ${received.currency}`}.`,
    `Stated purpose: ${payment.purpose.replaceAll('_', ' ')}. Reference: ${payment.referenceId}. Known to us since ` +
      `${dayText(sender.knownSinceMs)} (sender) and ${dayText(receiver.knownSinceMs)} (receiver).`,
    reasons.length === 0 ? '' : `Found by our rules: ${reasons.map((reason) => reason.text).join(' ')}`,
    added === '' ? '' : `The reporting officer adds: ${cut(cleaned(added), ADDED_MAX)}`,
  ];
  return cut(parts.filter((part) => part !== '').join(' '), 4_000);
}

/** What was done about it. */
export function actionOf(payment: ReportPayment, ofCase: { readonly kind: string | null; readonly status: string | null }): string {
  return `${doneOf(ofCase)} The payment is ${payment.status}. The customer was not told of the suspicion.`;
}

function doneOf({ kind, status }: { readonly kind: string | null; readonly status: string | null }): string {
  if (status === null) return 'The payment was not held.';
  if (kind === 'held') return `The payment was held for review; the case is ${status}.`;
  if (kind === 'refused') return `The payment was refused at once; the case is ${status}.`;
  return `The case is about what an operator says of the payment; it is ${status}.`;
}

/** Why a person is reported whom re-screening found; no payment is looked at. */
export function findingReasonOf(
  person: ReportParty,
  found: { readonly list: string; readonly entryId: string; readonly how: string; readonly score: number; readonly createdAt: Date },
  added: string,
): string {
  const parts = [
    `${cleaned(person.name)} (${person.phone}, ${person.operator}, ${person.country}), known to us since ${dayText(person.knownSinceMs)}, ` +
      `was found on ${found.createdAt.toISOString()} to be like entry ${cleaned(found.entryId)} of ${cleaned(found.list)}: ${found.how}, ` +
      `score ${found.score.toFixed(2)}.`,
    added === '' ? '' : `The reporting officer adds: ${cut(cleaned(added), ADDED_MAX)}`,
  ];
  return cut(parts.filter((part) => part !== '').join(' '), 4_000);
}

/** What was done about a finding; an office holder is not barred. */
export function findingActionOf({ status, topic }: { readonly status: string; readonly topic: string }): string {
  const done = status === 'confirmed' && topic !== 'pep' ? 'Payments of the person are refused.' : `The finding is ${status}.`;
  return `${done} The customer was not told of the suspicion.`;
}

function dayText(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
