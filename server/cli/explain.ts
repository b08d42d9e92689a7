/** Tells a payment's whole story as text: what happened when, what the agents decided and why, what moved. */
import type { Attempt, Decision, Explanation, ExplainedCase, Payment, PaymentEvent } from '../../sdk/index.ts';
import { printable, renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** The story of a payment, ready to print. Pure: the same explanation always gives the same text. */
export function renderExplanation(explanation: Explanation, terminal: Pick<Terminal, 'isTty'>): string {
  const { payment, route, timeline, decisions, attempts, transfers, cases } = explanation;
  const startMs = Date.parse(payment.createdAt);
  const transferRows = transfers.map((transfer) => [
    sinceStart(startMs, transfer.createdAt),
    transfer.type,
    transfer.reason,
    transfer.debitAccount,
    transfer.creditAccount,
    `${transfer.amount} ${transfer.currency}`,
  ]);
  const sections: [string, string[]][] = [
    ['States', timeline.map((event) => stateLine(startMs, event))],
    ['Decisions', decisions.flatMap((decision) => decisionLines(startMs, decision))],
    ['Route', routeLines(route)],
    ['Attempts', attempts.map((attempt) => attemptLine(startMs, attempt))],
    ['Cases', cases.flatMap((each) => caseLines(startMs, each))],
    ['Transfers', transfers.length === 0 ? [] : renderTable(terminal, TRANSFER_COLUMNS, transferRows).split('\n')],
  ];
  const told = sections.map(([title, lines]) => `${title}\n${indent(lines.length === 0 ? ['none'] : lines)}`);
  return [headOf(payment), ...told].join('\n\n');
}

const TRANSFER_COLUMNS = [
  { title: 'after', align: 'right' },
  { title: 'type' },
  { title: 'reason' },
  { title: 'debit' },
  { title: 'credit' },
  { title: 'amount', align: 'right' },
] as const;

function headOf(payment: Payment): string {
  const target = payment.targetAmount === null ? payment.toCurrency : `${payment.targetAmount} ${payment.toCurrency}`;
  const fee = payment.feeAmount === null ? 'not known yet' : `${payment.feeAmount} ${payment.fromCurrency}`;
  const why = payment.reasonCode === null ? '' : ` (${payment.reasonCode}${payment.reason === null ? '' : `: ${payment.reason}`})`;
  const end = payment.completedAt === null ? '' : `, ended ${sinceStart(Date.parse(payment.createdAt), payment.completedAt)} later`;
  return [
    `Payment ${payment.id}, reference ${printable(payment.referenceId)}`,
    `  ${payment.status}${why}`,
    `  ${payment.amount} ${payment.fromCurrency} → ${target}, fee ${fee}`,
    `  from ${payment.sender.phone} (${payment.sender.walletId}) to ${payment.receiver.phone} (${payment.receiver.walletId})`,
    `  ${payment.preference}, ${payment.purpose}; accepted ${payment.createdAt}${end}`,
  ].join('\n');
}

function stateLine(startMs: number, event: PaymentEvent): string {
  const why = event.reasonCode === null ? '' : `  ${event.reasonCode}`;
  return `${sinceStart(startMs, event.at).padStart(9)}  ${event.to.padEnd(11)}${why}  by ${event.cause}`;
}

function decisionLines(startMs: number, decision: Decision): string[] {
  const model = decision.modelId === null ? '' : `, model ${decision.modelId}`;
  const sure = `${Math.round(decision.confidence * 100)} % sure`;
  const policy = `${decision.policyVersion}, ${sure}, ${decision.durationUs} µs${model}`;
  return [
    `${sinceStart(startMs, decision.at).padStart(9)}  ${decision.agent}: ${decision.outcome}  (${policy})`,
    ...decision.reasons.map((reason) => `${' '.repeat(11)}- ${printable(reason.text)} [${reason.code}]`),
  ];
}

function routeLines(route: Explanation['route']): string[] {
  const legs = [
    { title: 'collection', rails: route.collection },
    { title: 'payout', rails: route.payout },
  ];
  return legs.filter(({ rails }) => rails.length > 0).map(({ title, rails }) => `${title.padEnd(10)}  ${rails.join(', then ')}`);
}

function attemptLine(startMs: number, attempt: Attempt): string {
  const facts = [
    attempt.receipt === null ? null : `receipt ${printable(attempt.receipt)}`,
    attempt.reasonCode,
    attempt.sentAt !== null && attempt.resolvedAt !== null ? `took ${sinceStart(Date.parse(attempt.sentAt), attempt.resolvedAt)}` : null,
    attempt.inquiries === 0 ? null : `inquired ${attempt.inquiries === 1 ? 'once' : `${attempt.inquiries} times`}`,
  ].filter((fact) => fact !== null);
  const what = `${attempt.leg} ${attempt.sequence} over ${attempt.railId}, ${attempt.amount} ${attempt.currency}: ${attempt.state}`;
  return `${sinceStart(startMs, attempt.createdAt).padStart(9)}  ${what}${facts.length === 0 ? '' : `  (${facts.join(', ')})`}`;
}

function caseLines(startMs: number, each: ExplainedCase): string[] {
  return [
    `${sinceStart(startMs, each.createdAt).padStart(9)}  case ${each.id}: ${each.status}`,
    ...each.reasons.map((reason) => `${' '.repeat(11)}- ${printable(reason.text)} [${reason.code}]`),
    ...each.decisions.map(
      (said) => `${sinceStart(startMs, said.at).padStart(9)}  ${printable(said.officer)} said ${said.verdict} [${said.reasonCode}]`,
    ),
  ];
}

/** Time since a moment: `0 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`. */
function sinceStart(startMs: number, at: string): string {
  const ms = Math.max(0, Date.parse(at) - startMs);
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => (line === '' ? line : `  ${line}`)).join('\n');
}
