/**
 * Three sides held against each other: what the operator's statement says it moved, what our attempts say became of
 * them, and what the ledger booked for them. Pure: the same sides always give the same breaks.
 */
import { shortIdOf } from '../../domain/ids.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import type { Rail } from '../../domain/rail.ts';
import { accountReferenceOf } from '../mmo/mpesa/fields.ts';
import {
  about,
  bookedFirst,
  type BookedAttempt,
  type Break,
  evidenceOf,
  movedAfterAll,
  movedNothing,
  place,
  repeatedPayment,
} from './breaks.ts';
import { chargeEntries, floatCorrection, floatEffect } from './entries.ts';
import type { Direction, Statement, StatementLine } from './statement.ts';

/** An open attempt that the statement has: the operator has told its end. */
export interface Resolution {
  readonly attemptId: string;
  readonly receipt: string;
  readonly amountMinor: bigint;
}

export interface Sides {
  readonly rail: Rail;
  readonly day: string;
  readonly statement: Statement;
  /** Lines of the rail's other statements that may be about attempts of this one: days overlap by minutes. */
  readonly neighbours: readonly StatementLine[];
  readonly attempts: readonly BookedAttempt[];
  /** Attempts that ended within these bounds must be in a statement. */
  readonly dueFromMs: number;
  readonly dueUntilMs: number;
  /** Operator charges of the day that the ledger has already, minor units. */
  readonly chargesBookedMinor: bigint;
  /** What the statement of the day before ended with; null when there is none, or it does not tell. */
  readonly openingExpectedMinor: bigint | null;
}

export interface Comparison {
  /** Attempts on which all sides agree, or agree once their resolution is written. */
  readonly matched: readonly string[];
  readonly resolutions: readonly Resolution[];
  /** Attempts recorded as failed that the operator moved money for. */
  readonly lateSuccesses: readonly string[];
  readonly breaks: readonly Break[];
  readonly chargesMinor: bigint;
}

/** Compares the sides of one rail and day. */
export function compareSides(sides: Sides): Comparison {
  const byReference = referencesOf(sides);
  const takenBy = new Map<string, StatementLine[]>();
  const breaks: Break[] = [];
  const seen = new Set<string>();
  for (const line of movements(sides.statement.lines)) {
    const key = `${line.direction} ${line.operatorReference}`;
    const attempt = attemptOf(byReference, line);
    if (seen.has(key)) breaks.push(repeatedLine(sides, line, attempt));
    else if (attempt === undefined) breaks.push(missingHere(sides, line));
    else takenBy.set(attempt.id, [...(takenBy.get(attempt.id) ?? []), line]);
    seen.add(key);
  }
  for (const line of movements(sides.neighbours)) {
    const attempt = attemptOf(byReference, line);
    if (attempt === undefined || seen.has(`${line.direction} ${line.operatorReference}`)) continue;
    seen.add(`${line.direction} ${line.operatorReference}`);
    takenBy.set(attempt.id, [...(takenBy.get(attempt.id) ?? []), line]);
  }
  const verdicts = sides.attempts.map((attempt) => judge(sides, attempt, takenBy.get(attempt.id) ?? []));
  return {
    matched: verdicts.flatMap(({ matched }, index) => (matched ? [sides.attempts[index]?.id ?? ''] : [])),
    resolutions: verdicts.flatMap(({ resolution }) => resolution ?? []),
    lateSuccesses: verdicts.flatMap(({ lateSuccess }) => lateSuccess ?? []),
    breaks: [...breaks, ...verdicts.flatMap((verdict) => verdict.breaks), ...chargesBreak(sides), ...balanceBreaks(sides)],
    chargesMinor: chargesOf(sides.statement.lines),
  };
}

function movements(lines: readonly StatementLine[]): readonly StatementLine[] {
  return lines.filter(({ direction }) => direction !== 'fee');
}

function directionOf(leg: Leg): Direction {
  return leg === 'collection' ? 'in' : 'out';
}

/** Every name by which a statement may tell an attempt. */
function referencesOf({ attempts, rail }: Sides): ReadonlyMap<string, BookedAttempt> {
  const names = new Map<string, BookedAttempt>();
  for (const attempt of attempts) {
    const direction = directionOf(attempt.leg);
    const own = [
      attempt.requestId,
      shortIdOf(attempt.requestId),
      ...(rail.protocol === 'mpesa' ? [accountReferenceOf(attempt.requestId)] : []),
    ];
    for (const name of own) names.set(`${direction} ours ${name.toUpperCase()}`, attempt);
    if (attempt.receipt !== null) names.set(`${direction} theirs ${attempt.receipt.toUpperCase()}`, attempt);
  }
  return names;
}

function attemptOf(byReference: ReadonlyMap<string, BookedAttempt>, line: StatementLine): BookedAttempt | undefined {
  const ours = line.ourReference === null ? undefined : byReference.get(`${line.direction} ours ${line.ourReference.toUpperCase()}`);
  return ours ?? byReference.get(`${line.direction} theirs ${line.operatorReference.toUpperCase()}`);
}

function missingHere(sides: Sides, line: StatementLine): Break {
  // Nothing is guessed from an amount, but people should see what may be meant.
  const alike = sides.attempts.filter(
    (attempt) => isOpen(attempt) && attempt.amountMinor === line.amountMinor && directionOf(attempt.leg) === line.direction,
  );
  return {
    kind: 'missing_here',
    subject: `line:${line.direction}:${line.operatorReference}`,
    attemptId: null,
    paymentId: null,
    ourMinor: null,
    theirMinor: line.amountMinor,
    evidence: { line: evidenceOf(line), openAttemptsOfTheAmount: alike.slice(0, 10).map(({ id }) => id) },
    entries: floatCorrection(place(sides), floatEffect(line.direction, line.amountMinor), 'reconciliation_missing_here'),
  };
}

/** One receipt is one movement: a line that repeats it says nothing new, unless the account says that money moved again. */
function repeatedLine(sides: Sides, line: StatementLine, attempt: BookedAttempt | undefined): Break {
  const evidence = { line: evidenceOf(line), why: 'the statement names one receipt twice' };
  return {
    kind: 'duplicate',
    subject: `line:${sides.day}:${line.position}:${line.operatorReference}`,
    attemptId: attempt?.id ?? null,
    paymentId: attempt?.paymentId ?? null,
    ourMinor: attempt?.amountMinor ?? null,
    theirMinor: line.amountMinor,
    evidence,
    entries: [],
  };
}

interface Verdict {
  readonly matched: boolean;
  readonly breaks: readonly Break[];
  readonly resolution?: Resolution;
  readonly lateSuccess?: string;
}

function isOpen({ state }: Pick<BookedAttempt, 'state'>): boolean {
  return state === 'sent' || state === 'pending' || state === 'unknown';
}

/** What the statement makes of one attempt. */
function judge(sides: Sides, attempt: BookedAttempt, lines: readonly StatementLine[]): Verdict {
  const [first, ...more] = bookedFirst(attempt, lines);
  const again = more.map((line) => repeatedPayment(sides.rail, attempt, line));
  if (first === undefined) {
    const absent = attempt.state === 'succeeded' && isDue(sides, attempt) ? [movedNothing(sides.rail, attempt, {})] : [];
    return { matched: false, breaks: [...absent, ...bookingBreaks(sides, attempt)] };
  }
  if (first.amountMinor !== attempt.amountMinor) return { matched: false, breaks: [amountDiffers(sides, attempt, first), ...again] };
  if (isOpen(attempt)) {
    const resolution = { attemptId: attempt.id, receipt: first.operatorReference, amountMinor: first.amountMinor };
    return { matched: true, breaks: again, resolution };
  }
  if (attempt.state === 'failed')
    return { matched: false, breaks: [movedAfterAll(sides.rail, attempt, { line: evidenceOf(first) }), ...again], lateSuccess: attempt.id };
  return { matched: true, breaks: [...again, ...bookingBreaks(sides, attempt)] };
}

function isDue(sides: Sides, { resolvedAtMs }: BookedAttempt): boolean {
  return resolvedAtMs !== null && resolvedAtMs >= sides.dueFromMs && resolvedAtMs < sides.dueUntilMs;
}

function amountDiffers(sides: Sides, attempt: BookedAttempt, line: StatementLine): Break {
  const { facts, ...ids } = about(attempt);
  const booked = attempt.state === 'succeeded' ? attempt.amountMinor : 0n;
  const difference = floatEffect(line.direction, line.amountMinor) - floatEffect(line.direction, booked);
  return {
    kind: 'amount_differs',
    subject: `attempt:${attempt.id}`,
    ...ids,
    ourMinor: attempt.amountMinor,
    theirMinor: line.amountMinor,
    evidence: { attempt: facts, line: evidenceOf(line) },
    // An attempt still in doubt books nothing: what the difference is can only be told once people have ended it.
    entries: isOpen(attempt) ? [] : floatCorrection(place(sides), difference, 'reconciliation_amount_differs'),
  };
}

/** The ledger against the attempt: an end that was worked in must stand in the books, with its amount. */
function bookingBreaks(sides: Sides, attempt: BookedAttempt): readonly Break[] {
  if (attempt.state !== 'succeeded' || !attempt.applied || attempt.bookedMinor === attempt.amountMinor) return [];
  const { facts, ...ids } = about(attempt);
  const effect = (minor: bigint) => floatEffect(directionOf(attempt.leg), minor);
  return [
    {
      kind: 'not_booked',
      subject: `attempt:${attempt.id}`,
      ...ids,
      ourMinor: attempt.bookedMinor,
      theirMinor: attempt.amountMinor,
      evidence: { attempt: facts },
      entries: floatCorrection(place(sides), effect(attempt.amountMinor) - effect(attempt.bookedMinor ?? 0n), 'reconciliation_not_booked'),
    },
  ];
}

/** What the operator charged: on lines of movements, and on lines of their own. */
export function chargesOf(lines: readonly StatementLine[]): bigint {
  return lines.reduce((sum, line) => sum + line.feeMinor + (line.direction === 'fee' ? line.amountMinor : 0n), 0n);
}

/** What the rail's tariff asks for a movement, rounded up to the minor unit. */
export function tariffOf(rail: Pick<Rail, 'costBps' | 'costFixedMinor'>, amountMinor: bigint): bigint {
  return (amountMinor * BigInt(rail.costBps) + 9_999n) / 10_000n + rail.costFixedMinor;
}

const OFF_TARIFF_SHOWN = 20;

/** One break for the charges of a day: what was charged against what is booked, with the lines that are off the tariff. */
function chargesBreak(sides: Sides): readonly Break[] {
  const { rail, day, statement, chargesBookedMinor } = sides;
  const charged = chargesOf(statement.lines);
  if (charged === chargesBookedMinor) return [];
  const offTariff = movements(statement.lines).filter((line) => line.feeMinor > 0n && line.feeMinor !== tariffOf(rail, line.amountMinor));
  return [
    {
      kind: 'fee_differs',
      // Once some are booked, what is still missing is another break.
      subject: chargesBookedMinor === 0n ? `charges:${day}` : `charges:${day}:${chargesBookedMinor}`,
      attemptId: null,
      paymentId: null,
      ourMinor: chargesBookedMinor,
      theirMinor: charged,
      evidence: {
        offTariffCount: offTariff.length,
        offTariff: offTariff.slice(0, OFF_TARIFF_SHOWN).map((line) => ({
          ...evidenceOf(line),
          tariffMinor: tariffOf(rail, line.amountMinor).toString(),
        })),
      },
      entries: chargeEntries(place(sides), charged - chargesBookedMinor),
    },
  ];
}

/** A statement must go on where the one before ended, and its lines must lead from its beginning to its end. */
function balanceBreaks(sides: Sides): readonly Break[] {
  const { statement, day, openingExpectedMinor } = sides;
  const { openingMinor, closingMinor, lines } = statement;
  if (openingMinor === null || closingMinor === null) return [];
  const found: Break[] = [];
  const differs = (subject: string, ourMinor: bigint, theirMinor: bigint, why: string) =>
    found.push({
      kind: 'balance_differs',
      subject,
      attemptId: null,
      paymentId: null,
      ourMinor,
      theirMinor,
      evidence: { why },
      entries: [],
    });
  const effect = lines.reduce(
    (sum, line) => sum + (line.direction === 'in' ? line.amountMinor : -line.amountMinor) - line.feeMinor,
    openingMinor,
  );
  if (effect !== closingMinor)
    differs(`closing:${day}`, effect, closingMinor, 'the lines do not lead from the opening to the closing balance');
  if (openingExpectedMinor !== null && openingExpectedMinor !== openingMinor)
    differs(`opening:${day}`, openingExpectedMinor, openingMinor, 'the statement does not begin with what the one before ended with');
  return found;
}
