/**
 * Reconciling one rail and day: the operator's statement, or its balance where it gives no statement, against our
 * attempts and the ledger. What the statement tells of an attempt in doubt ends the doubt; what does not agree becomes
 * a break. Doing it again finds the same, and nothing twice.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import {
  bookedAttempts,
  chargesBooked,
  closingOfDay,
  floatAndFlight,
  keepBreaks,
  keepReconciliation,
  keepStatement,
  linesBetween,
  resolveBreaks,
} from '../../db/queries/reconciliation.ts';
import type { Facts } from '../../domain/decision.ts';
import { fault, isFault } from '../../domain/errors.ts';
import type { Money } from '../../domain/money.ts';
import type { Rail } from '../../domain/rail.ts';
import { boundsOfDay, dayIn } from '../../domain/days.ts';
import type { Break } from '../../tools/reconciliation/breaks.ts';
import { compareSides, type Comparison } from '../../tools/reconciliation/match.ts';
import { keptTextOf, type StatementFile, textOfStatement } from '../../tools/reconciliation/file.ts';
import { readStatement } from '../../tools/reconciliation/read.ts';
import type { Statement } from '../../tools/reconciliation/statement.ts';
import { raiseLateSuccess } from '../case/doubts.ts';
import { recordAnswers } from '../effects/record.ts';
import type { GraphDeps } from '../types.ts';
import { GRACE_MS, newBreak } from './found.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What ended within this time before the statement was taken may not stand in it yet. */
const SETTLING_MS = 2 * 60_000;
/** How long before a day an attempt of that day's statement may have been made: prompts live for minutes, doubts for a day. */
const LOOK_BACK_MS = 2 * DAY_MS;

export interface ReconcileRequest {
  readonly rail: Rail;
  /** In the country of the rail: "2026-11-25". */
  readonly day: string;
  /** The statement as the operator gave it; null holds the operator's balance against the ledger. */
  readonly file: StatementFile | null;
  /** When the statement was taken; now unless given. What ended later cannot stand in it. */
  readonly takenAtMs?: number;
  /** The principal who asks, or `system`. */
  readonly by: string;
}

export interface ReconcileReport {
  readonly id: string;
  readonly railId: string;
  readonly day: string;
  readonly basis: 'statement' | 'balance';
  readonly lines: number;
  readonly matched: number;
  /** Attempts in doubt that the statement ended. */
  readonly doubtsEnded: number;
  readonly lateSuccesses: number;
  readonly breaks: readonly Break[];
  /** Breaks that were not known before. */
  readonly newBreaks: number;
  /** Breaks on which both sides agree now. */
  readonly resolved: number;
}

/**
 * Reconciles. Throws `statement_malformed` for a statement that cannot be read, which is kept all the same, and
 * `statement_missing` when there is neither a statement nor a balance.
 */
export async function reconcileDay(deps: GraphDeps, request: ReconcileRequest): Promise<ReconcileReport> {
  boundsOfDay(request.rail.country, request.day);
  return request.file === null ? byBalance(deps, request) : byStatement(deps, request, request.file);
}

async function byStatement(deps: GraphDeps, request: ReconcileRequest, file: StatementFile): Promise<ReconcileReport> {
  const { rail, day } = request;
  const statement = await readOrRefuse(deps, request, file);
  const { id: statementId, sides } = await withTransaction(deps.pool, async (tx) => {
    const id = await keepStatement(tx, keptStatement(deps, request, file, statement, null), deps.clock.now());
    return { id, sides: await gatherSides(tx, request, statement, id, deps.clock.now()) };
  });
  const comparison = compareSides(sides);
  const { doubtsEnded, lateSuccesses } = await endDoubts(deps, comparison);
  const report = await withTransaction(deps.pool, (tx) =>
    conclude(tx, deps, request, {
      basis: 'statement',
      statementId,
      breaks: comparison.breaks,
      agreed: comparison.matched,
      summary: {
        lines: statement.lines.length,
        matched: comparison.matched.length,
        doubtsEnded,
        lateSuccesses,
        chargesMinor: comparison.chargesMinor.toString(),
      },
    }),
  );
  if (report.newBreaks > 0) deps.log.warn({ railId: rail.id, day, breaks: report.newBreaks }, 'reconciliation found breaks');
  return { ...report, lines: statement.lines.length, matched: comparison.matched.length, doubtsEnded, lateSuccesses };
}

/** Reads a statement; one that cannot be read is kept with its reason before it is refused. */
async function readOrRefuse(deps: GraphDeps, request: ReconcileRequest, file: StatementFile): Promise<Statement> {
  try {
    const statement = readStatement(request.rail, textOfStatement(file));
    return ofDay(request, statement);
  } catch (error) {
    if (!isFault(error, 'statement_malformed')) throw error;
    const refused: Statement = { format: 'unknown', lines: [], openingMinor: null, closingMinor: null };
    await withTransaction(deps.pool, (tx) => keepStatement(tx, keptStatement(deps, request, file, refused, error.code), deps.clock.now()));
    throw error;
  }
}

/** The part of a statement that is about the day. Balances count only when that is all of it. */
function ofDay({ rail, day }: ReconcileRequest, statement: Statement): Statement {
  const { fromMs, untilMs } = boundsOfDay(rail.country, day);
  const lines = statement.lines.filter(({ occurredAtMs }) => occurredAtMs >= fromMs && occurredAtMs < untilMs);
  if (lines.length === statement.lines.length) return statement;
  if (lines.length === 0) throw fault('statement_malformed', { detail: 'The statement has movements, and none of them is of that day.' });
  return { ...statement, lines, openingMinor: null, closingMinor: null };
}

function keptStatement(deps: GraphDeps, request: ReconcileRequest, file: StatementFile, statement: Statement, reasonCode: string | null) {
  const text = keptTextOf(file);
  const textKey = deps.keyring.texts.create();
  return {
    railId: request.rail.id,
    day: request.day,
    format: statement.format,
    reasonCode,
    body: deps.keyring.texts.seal(textKey, text, 'statements.body'),
    textKey,
    bodyDigest: deps.keyring.blindIndex(text, 'statements.body'),
    openingMinor: statement.openingMinor,
    closingMinor: statement.closingMinor,
    loadedBy: request.by,
    lines: statement.lines,
  };
}

async function gatherSides(tx: PoolClient, request: ReconcileRequest, statement: Statement, statementId: string, nowMs: number) {
  const { rail, day, takenAtMs = nowMs } = request;
  const { fromMs, untilMs } = boundsOfDay(rail.country, day);
  const attempts = await bookedAttempts(tx, rail.id, fromMs - LOOK_BACK_MS, untilMs);
  const neighbours = await linesBetween(tx, rail.id, fromMs - DAY_MS, untilMs + DAY_MS, statementId);
  const lineOf = ({ occurredAt, ...line }: (typeof neighbours)[number]) => ({ ...line, occurredAtMs: occurredAt.getTime() });
  return {
    rail,
    day,
    statement,
    neighbours: neighbours.map(lineOf),
    attempts: attempts.map(({ sentAt, resolvedAt, ...row }) => ({
      ...row,
      sentAtMs: sentAt.getTime(),
      resolvedAtMs: resolvedAt?.getTime() ?? null,
    })),
    dueFromMs: fromMs - GRACE_MS,
    dueUntilMs: Math.min(untilMs - GRACE_MS, takenAtMs - SETTLING_MS),
    chargesBookedMinor: await chargesBooked(tx, rail.id, day),
    openingExpectedMinor: await closingOfDay(tx, rail.id, dayIn(rail.country, fromMs - HOUR_MS)),
  };
}

/** Writes down what the statement tells of attempts in doubt, and raises those that had been taken for failed. */
async function endDoubts(deps: GraphDeps, { resolutions, lateSuccesses }: Comparison) {
  const { rows } = await deps.pool.query<{ id: string; currency: Money['currency'] }>(
    'select id, currency from attempts where id = any($1::uuid[])',
    [resolutions.map(({ attemptId }) => attemptId)],
  );
  const currencies = new Map(rows.map((row) => [row.id, row.currency]));
  const answers = resolutions.flatMap(({ attemptId, receipt, amountMinor }) => {
    const currency = currencies.get(attemptId);
    const outcome = { state: 'succeeded' as const, receipt, amount: currency === undefined ? null : { minor: amountMinor, currency } };
    return currency === undefined ? [] : [{ attemptId, outcome, handle: {}, stored: null, nextInquiryAtMs: deps.clock.now() }];
  });
  const recorded = answers.length === 0 ? [] : await recordAnswers(deps, answers);
  let raised = 0;
  for (const attemptId of lateSuccesses) if (await raiseLateSuccess(deps, attemptId, 'statement')) raised += 1;
  return { doubtsEnded: recorded.filter((each) => each === 'recorded').length, lateSuccesses: raised };
}

interface Conclusion {
  readonly basis: 'statement' | 'balance';
  readonly statementId: string | null;
  readonly breaks: readonly Break[];
  /** Attempts on which the sides agree. */
  readonly agreed: readonly string[];
  readonly summary: Facts;
}

/** Writes breaks and run in one transaction, and ends the breaks that are none any more. */
async function conclude(tx: PoolClient, deps: GraphDeps, request: ReconcileRequest, conclusion: Conclusion): Promise<ReconcileReport> {
  const { rail, day, by } = request;
  const nowMs = deps.clock.now();
  const place = { railId: rail.id, day, nowMs };
  const found = conclusion.breaks.map((each) => newBreak(each, rail, nowMs));
  const newBreaks = await keepBreaks(tx, place, found);
  const resolved = await resolveBreaks(tx, place, found, conclusion.agreed, conclusion.basis);
  const counts = Object.fromEntries([...Map.groupBy(found, ({ kind }) => kind)].map(([kind, list]) => [kind, list.length]));
  const summary = { ...conclusion.summary, breaks: counts, newBreaks, resolved: resolved.length };
  const { basis, statementId } = conclusion;
  const id = await keepReconciliation(tx, { railId: rail.id, day, basis, statementId, summary, startedBy: by }, nowMs);
  const event = {
    clientId: null,
    actor: by,
    action: 'reconciliation.done',
    subject: `reconciliation:${id}`,
    details: { railId: rail.id, day, ...summary },
  };
  await recordAuditEvents(tx, [event], nowMs);
  return {
    id,
    railId: rail.id,
    day,
    basis,
    lines: 0,
    matched: 0,
    doubtsEnded: 0,
    lateSuccesses: 0,
    breaks: conclusion.breaks,
    newBreaks,
    resolved: resolved.length,
  };
}

/** The operator's balance against the float: they may differ by what is on its way, and by no more. */
async function byBalance(deps: GraphDeps, request: ReconcileRequest): Promise<ReconcileReport> {
  const { rail, day } = request;
  // Read before and after: what ends meanwhile is on its way in the first look, or booked in the second.
  const before = await floatAndFlight(deps.pool, rail.id);
  const told = await deps.operators(rail.id).balance({ notBeforeMs: deps.clock.now() });
  const after = await floatAndFlight(deps.pool, rail.id);
  if (told === null || before === null || after === null) throw fault('statement_missing');
  const lowest = min(before.ledgerMinor - before.leavingMinor, after.ledgerMinor - after.leavingMinor);
  const highest = max(before.ledgerMinor + before.comingMinor, after.ledgerMinor + after.comingMinor);
  const agrees = told.minor >= lowest && told.minor <= highest;
  const evidence = {
    why: 'the operator’s balance is not the float of the ledger, whatever of what is under way has arrived',
    comingMinor: after.comingMinor.toString(),
    leavingMinor: after.leavingMinor.toString(),
  };
  const differs: Break = {
    kind: 'balance_differs',
    subject: `balance:${day}`,
    attemptId: null,
    paymentId: null,
    ourMinor: after.ledgerMinor,
    theirMinor: told.minor,
    evidence,
    entries: [],
  };
  return withTransaction(deps.pool, (tx) =>
    conclude(tx, deps, request, {
      basis: 'balance',
      statementId: null,
      breaks: agrees ? [] : [differs],
      agreed: [],
      summary: { balanceMinor: told.minor.toString(), ledgerMinor: after.ledgerMinor.toString() },
    }),
  );
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
