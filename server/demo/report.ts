/** What a demo run comes to: pure functions from rows, payments and violations to a report. */
import { reasonForClients } from '../../domain/disclosure.ts';
import type { Payment } from '../../sdk/index.ts';
import type { SettlementReport } from './settlement.ts';
import type { Violation } from '../../tools/ledger/index.ts';

/** A row of the file with what it says must become of it, and what the API said at submission. */
export interface DemoRow {
  readonly line: number;
  readonly referenceId: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  /** A final status, `held`, or `invalid` for a row that must not be taken; null when the file says nothing. */
  readonly expect: string | null;
  readonly expectCode: string | null;
  readonly paymentId: string | null;
  /** Codes of a row that was not taken. */
  readonly codes: readonly string[];
}

export interface Unexpected {
  readonly line: number;
  readonly referenceId: string;
  readonly paymentId: string | null;
  readonly expected: string;
  readonly found: string;
}

export interface CorridorLine {
  readonly corridor: string;
  readonly intents: number;
  readonly paid: number;
  readonly refunded: number;
  readonly held: number;
  readonly rejected: number;
  readonly failed: number;
  readonly invalid: number;
  /** Anything else: cancelled, or still on its way. */
  readonly other: number;
  readonly feeBps: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface DemoReport extends Omit<CorridorLine, 'corridor'> {
  readonly unexpected: number;
  readonly unexpectedRows: readonly Unexpected[];
  readonly corridors: readonly CorridorLine[];
  readonly invariants: 'hold' | readonly Violation[];
  readonly payments: number;
  readonly transfers: number;
  readonly decisions: number;
  readonly settlement: SettlementReport;
  readonly workersKilled: number;
  /** Payments that were paid per second, from the first submission until nineteen in twenty of them were; null without any. */
  readonly perSecond: number | null;
  /** CPU time of all processes, the database included, until as many payments had come to rest, for each of them; null without /proc. */
  readonly cpuMsPerPayment: number | null;
  /** Of the machine's CPU time that went to anybody else meanwhile: with much of it `perSecond` says little. */
  readonly othersPercent: number | null;
  /** From the first submission until the last batch was settled. */
  readonly seconds: number;
}

const ENDS = ['paid', 'refunded', 'held', 'rejected', 'failed', 'invalid'] as const;
type End = (typeof ENDS)[number];

/** Where a row stands: the status of its payment, `invalid` when it was not taken, `missing` when it is gone. */
export function standingOf(row: DemoRow, payments: ReadonlyMap<string, Payment>): string {
  if (row.paymentId === null) return 'invalid';
  return payments.get(row.paymentId)?.status ?? 'missing';
}

/**
 * Rows that did not come to the end their file names. Nothing is expected of the payments that people have
 * since taken elsewhere: an officer who decided a case, a client who asked for the money back.
 */
export function unexpectedRows(
  rows: readonly DemoRow[],
  payments: ReadonlyMap<string, Payment>,
  takenElsewhere: ReadonlySet<string> = new Set(),
): Unexpected[] {
  return rows.flatMap((row): Unexpected[] => {
    if (row.expect === null || (row.paymentId !== null && takenElsewhere.has(row.paymentId))) return [];
    const found = standingOf(row, payments);
    const foundCodes = row.paymentId === null ? row.codes : [payments.get(row.paymentId)?.reasonCode ?? ''];
    // The demonstration asks with a client's key.
    const codeFits = row.expectCode === null || foundCodes.includes(reasonForClients(row.expectCode) ?? '');
    if (found === row.expect && codeFits) return [];
    const { line, referenceId, paymentId } = row;
    const say = (status: string, code: string | null) => (code === null || code === '' ? status : `${status} (${code})`);
    return [{ line, referenceId, paymentId, expected: say(row.expect, row.expectCode), found: say(found, foundCodes.join(' ')) }];
  });
}

/** One line for each corridor, the busiest first. */
export function corridorLines(rows: readonly DemoRow[], payments: ReadonlyMap<string, Payment>): CorridorLine[] {
  const byCorridor = Map.groupBy(rows, (row) => `${row.fromCountry} → ${row.toCountry}`);
  return [...byCorridor]
    .map(([corridor, of]) => ({ corridor, ...summaryOf(of, payments) }))
    .sort((a, b) => b.intents - a.intents || a.corridor.localeCompare(b.corridor));
}

/** Counts, fee and time to paid of a set of rows. */
export function summaryOf(rows: readonly DemoRow[], payments: ReadonlyMap<string, Payment>): Omit<CorridorLine, 'corridor'> {
  const standings = rows.map((row) => standingOf(row, payments));
  const count = (end: End): number => standings.filter((standing) => standing === end).length;
  const counts = Object.fromEntries(ENDS.map((end) => [end, count(end)])) as Record<End, number>;
  const paid = rows.flatMap((row) => {
    const payment = row.paymentId === null ? undefined : payments.get(row.paymentId);
    return payment?.status === 'paid' ? [payment] : [];
  });
  const times = paid.map(timeToPaidMs).sort((a, b) => a - b);
  return {
    intents: rows.length,
    ...counts,
    other: rows.length - ENDS.reduce((sum, end) => sum + counts[end], 0),
    feeBps: meanFeeBps(paid),
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  };
}

function timeToPaidMs(payment: Payment): number {
  return Date.parse(payment.completedAt ?? payment.createdAt) - Date.parse(payment.createdAt);
}

/** Mean of the payments' own fees in basis points: amounts of different currencies cannot be added. One decimal. */
function meanFeeBps(paid: readonly Payment[]): number | null {
  if (paid.length === 0) return null;
  const tenthsOfBps = paid.reduce(
    (sum, payment) => sum + (BigInt(payment.feeAmountMinor ?? '0') * 100_000n) / BigInt(payment.amountMinor),
    0n,
  );
  return Number(tenthsOfBps / BigInt(paid.length)) / 10;
}

/** The value below which a share of the sorted values lies (nearest rank); null without values. */
export function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

/** The last few wait for customers and operators that are slow by intent, and say nothing of the platform. */
export const MEASURED_SHARE = 0.95;

/** Payments paid per second since `submittedAtMs` (milliseconds of the epoch), to one decimal; null without any. */
export function paidPerSecond(payments: readonly Payment[], submittedAtMs: number): number | null {
  const endsMs = payments.flatMap(({ status, completedAt }) =>
    status === 'paid' && completedAt !== null ? [Date.parse(completedAt)] : [],
  );
  const lastMs = percentile(
    endsMs.sort((a, b) => a - b),
    MEASURED_SHARE,
  );
  if (lastMs === null || lastMs <= submittedAtMs) return null;
  return roundToTenth((Math.ceil(endsMs.length * MEASURED_SHARE) * 1_000) / (lastMs - submittedAtMs));
}

/** To one decimal. */
export function roundToTenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Paid payments are in settled batches within this time, on the mean. */
const SETTLED_WITHIN_MS = 5 * 60_000;

/** Whether the run ended well: every row where it must be, every batch settled soon and as the chain has it, and every invariant holding. */
export function isSound(report: DemoReport): boolean {
  const { unsettled, onChain, ledgerIsChain, meanMsToSettled } = report.settlement;
  const isOfOneMind = ledgerIsChain === 'equal' || (ledgerIsChain === 'not_compared' && onChain === 0);
  const isSettled = unsettled === 0 && isOfOneMind && (meanMsToSettled ?? 0) < SETTLED_WITHIN_MS;
  return report.unexpected === 0 && report.other === 0 && report.invariants === 'hold' && isSettled;
}
