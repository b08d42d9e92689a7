/** Threshold reports as CSV (RFC 4180), for countries whose form is not public. */
import { formatAmount } from '../../domain/money.ts';
import { amountIn, cleaned } from './subject.ts';
import type { ThresholdFinding } from './thresholds.ts';

const COLUMNS = [
  'threshold',
  'limit',
  'payment_id',
  'reference',
  'date',
  'amount_local',
  'currency_local',
  'sender_name',
  'sender_number',
  'sender_country',
  'receiver_name',
  'receiver_number',
  'receiver_country',
  'purpose',
] as const;

/** One line for each payment of each finding. */
export function thresholdCsv(findings: readonly ThresholdFinding[], country: string): string {
  const lines = findings.flatMap(({ threshold, limit, payments }) =>
    payments.map((payment) => {
      const local = amountIn(payment, country);
      return [
        threshold.id,
        formatAmount(limit),
        payment.id,
        payment.referenceId,
        new Date(payment.createdAtMs).toISOString(),
        local === null ? '' : formatAmount(local),
        limit.currency,
        payment.sender.name,
        payment.sender.phone,
        payment.sender.country,
        payment.receiver.name,
        payment.receiver.phone,
        payment.receiver.country,
        payment.purpose,
      ];
    }),
  );
  return [[...COLUMNS], ...lines]
    .map((line) => line.map(cell).join(','))
    .join('\r\n')
    .concat('\r\n');
}

/** A cell that a spreadsheet takes as text: what would be read as a formula is not. */
function cell(value: string): string {
  const text = cleaned(value);
  const safe = /^[=@\t\r]|^[+-](?!\d)/.test(text) ? `'${text}` : text;
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
