/** The words of a suspicious-transaction report: who, what, when, where, why and how, as it stands in the records. No word of guilt. */
import { formatAmount } from '../../domain/money.ts';
import type { Reason } from '../../domain/decision.ts';
import { cleaned, cut, type ReportPayment } from './subject.ts';

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
export function actionOf(payment: ReportPayment, ofCase: { readonly kind: string; readonly status: string } | null): string {
  const done = ofCase?.kind === 'refused' ? 'refused at once' : 'held for review';
  const held = ofCase === null ? 'The payment was not held.' : `The payment was ${done}; the case is ${ofCase.status}.`;
  return `${held} The payment is ${payment.status}. The customer was not told of the suspicion.`;
}

function dayText(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
