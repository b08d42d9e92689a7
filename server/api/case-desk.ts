/**
 * What officers and clients do to cases, each in one transaction under the lock of the case: decide, escalate, ask
 * for information, answer, put off. The officer is whoever holds the key; a decision is bound to the evidence that
 * was read and to exactly what it says.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import {
  answerQuestion,
  type CaseDecisionRow,
  decideCase,
  escalateCase,
  findCaseDecisions,
  findQuestions,
  joinableDecision,
  markForRescreening,
  type NewCaseDecision,
  requestInformation,
  resolveCase,
} from '../../db/queries/case-decisions.ts';
import { type CaseRow, lockCase, snoozeCase } from '../../db/queries/cases.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import {
  actionDigest,
  type CaseVerdict,
  dueInMs,
  ESCALATED_PRIORITY,
  INFORMATION_WAIT_MS,
  JOINED_VERDICTS,
  reasonApplies,
  SNOOZE_LIMITS,
  verdictApplies,
} from '../../domain/cases.ts';
import { type ErrorCode, fault, isFault } from '../../domain/errors.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { sealText } from '../../tools/privacy/index.ts';
import { type AddedDetails, appended, completeParties } from './added-details.ts';
import type { ApiDeps, Caller } from './deps.ts';

export const NOTE_CONTEXT = 'case_decisions.note';
export const ANSWER_CONTEXT = 'case_information.answer';

/** How long a claim keeps a case from other officers, and an approval counts, unless the settings say otherwise. */
export const DESK_DEFAULTS = { claimMs: 15 * 60_000, approvalMs: 24 * 3_600_000 } as const;

type DeskDeps = Pick<ApiDeps, 'tenants' | 'keyring' | 'clock' | 'desk'>;

export interface Saying {
  readonly verdict: CaseVerdict;
  readonly reasonCode: string;
  readonly note?: string | undefined;
  /** Of the evidence that was read. */
  readonly evidenceDigest: string;
}

const isSenior = (caller: Caller): boolean => caller.scopes.includes('cases:senior');

/**
 * Writes an officer's decision down, if the case still waits for exactly that. Throws `not_found`, `verdict_not_applicable`,
 * `case_not_open`, `case_claimed`, `case_not_claimed`, `evidence_stale`, `maker_is_checker`, `approval_expired`,
 * `approval_differs`, `senior_needed`.
 */
export async function decide(deps: DeskDeps, caller: Caller, caseId: string, saying: Saying): Promise<void> {
  await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
    const row = await lockedCase(tx, caller, caseId);
    const nowMs = deps.clock.now();
    const earlier = await findCaseDecisions(tx, caseId);
    assertMayAct(row, caller, saying, nowMs);
    assertAgrees(row, caller, saying, earlier, nowMs);
    const isLast = approvalsOf(row, earlier).length + 1 >= row.approvalsNeeded;
    await write(tx, row, await decisionOf(tx, deps, row, caller, saying), isLast);
  });
}

async function lockedCase(tx: PoolClient, caller: Caller, caseId: string): Promise<CaseRow> {
  const row = await lockCase(tx, caller.clientId, caseId);
  if (row === null) throw fault('not_found');
  return row;
}

/** The case is one that this verdict ends or moves, and the officer holds it. */
function assertMayAct(row: CaseRow, caller: Caller, saying: Saying, nowMs: number): void {
  if (!verdictApplies(row.kind, saying.verdict)) throw fault('verdict_not_applicable');
  if (!reasonApplies(row.kind, saying.verdict, saying.reasonCode)) throw fault('verdict_not_applicable', { field: 'reasonCode' });
  assertHolds(row, caller, saying.evidenceDigest, nowMs);
  // What was added is not in the evidence until the payment has been screened by it.
  if (row.rescreenSince !== null)
    throw fault('evidence_stale', {
      detail: 'More was said of a party, and the payment is being screened again; read the case again then.',
    });
  if (saying.verdict === 'escalate' && row.escalatedAt !== null)
    throw fault('verdict_not_applicable', { detail: 'The case is escalated already.' });
}

/** It is open, it is the officer's, and the evidence is what was read. */
function assertHolds(row: CaseRow, caller: Caller, evidenceDigest: string, nowMs: number): void {
  if (row.status !== 'open' && row.status !== 'waiting') throw fault('case_not_open');
  const holder = holderOf(row, nowMs);
  if (holder !== null && holder !== caller.principal) throw fault('case_claimed');
  if (holder === null) throw fault('case_not_claimed');
  if (row.evidenceDigest !== evidenceDigest) throw fault('evidence_stale', { field: 'evidenceDigest' });
}

function holderOf(row: CaseRow, nowMs: number): string | null {
  return row.claimedUntil !== null && row.claimedUntil.getTime() > nowMs ? row.claimedBy : null;
}

/** Nobody says yes or no twice in a round; a second approval is of the same action as the first, in time; an escalated case is a senior's. */
function assertAgrees(row: CaseRow, caller: Caller, saying: Saying, earlier: readonly CaseDecisionRow[], nowMs: number): void {
  const { verdict } = saying;
  const isJoined = JOINED_VERDICTS.includes(verdict);
  if (!isJoined && verdict !== 'reject') return;
  const approvals = approvalsOf(row, earlier);
  if (approvals.some((each) => each.officer === caller.principal)) throw fault('maker_is_checker');
  if (isJoined) {
    if (approvals.some((each) => each.expiresAt !== null && each.expiresAt.getTime() <= nowMs)) throw fault('approval_expired');
    if (approvals.some((each) => each.actionDigest !== actionOf(row, saying))) throw fault('approval_differs', { field: 'reasonCode' });
  }
  const isLast = verdict === 'reject' || approvals.length + 1 >= row.approvalsNeeded;
  const hasSenior = isSenior(caller) || (isJoined && approvals.some((each) => each.senior));
  if (row.escalatedAt !== null && isLast && !hasSenior) throw fault('senior_needed');
}

/** What was agreed to in the present round. */
function approvalsOf(row: CaseRow, earlier: readonly CaseDecisionRow[]): CaseDecisionRow[] {
  return earlier.filter((each) => each.round === row.round && JOINED_VERDICTS.includes(each.verdict));
}

function actionOf(row: CaseRow, { verdict, reasonCode }: Saying): string {
  const { id: caseId, paymentId, evidenceDigest, round } = row;
  return actionDigest({ caseId, paymentId, evidenceDigest, verdict, reasonCode, round });
}

async function decisionOf(tx: PoolClient, deps: DeskDeps, row: CaseRow, caller: Caller, saying: Saying): Promise<NewCaseDecision> {
  const nowMs = deps.clock.now();
  const sealed = (text: string) => sealText(tx, deps.keyring, { id: row.id, kind: 'case' }, { text, context: NOTE_CONTEXT, nowMs });
  const approvalMs = deps.desk?.approvalMs ?? DESK_DEFAULTS.approvalMs;
  return {
    id: newId(),
    clientId: caller.clientId,
    caseId: row.id,
    paymentId: row.paymentId,
    officer: caller.principal,
    senior: isSenior(caller),
    verdict: saying.verdict,
    reasonCode: saying.reasonCode,
    note: saying.note === undefined ? null : await sealed(saying.note),
    evidenceDigest: row.evidenceDigest,
    round: row.round,
    actionDigest: actionOf(row, saying),
    expiresAtMs: saying.verdict === 'release' || (saying.verdict === 'resolve' && row.approvalsNeeded > 1) ? nowMs + approvalMs : null,
    nowMs,
  };
}

/** Puts down what an officer said; `isLast`: nobody has to join it. */
async function write(tx: PoolClient, row: CaseRow, decision: NewCaseDecision, isLast: boolean): Promise<void> {
  const { nowMs } = decision;
  switch (decision.verdict) {
    case 'release':
    case 'reject':
      return decideCase(tx, decision);
    case 'resolve':
      return isLast ? resolveCase(tx, decision) : joinableDecision(tx, decision);
    case 'escalate': {
      const priority = Math.max(row.priority, ESCALATED_PRIORITY);
      return escalateCase(tx, decision, { priority, dueAtMs: nowMs + dueInMs(priority) });
    }
    case 'request_information':
      return requestInformation(tx, decision, { id: newId(), dueAtMs: nowMs + INFORMATION_WAIT_MS });
  }
}

export interface BulkVerdict {
  readonly caseId: string;
  readonly outcome: 'requested' | 'refused';
  /** Why it was refused, a code of the catalogue. */
  readonly code: ErrorCode | null;
}

/** Asks the same question about many cases: the only thing officers say in bulk. Each stands for itself; one that somebody else holds is left. */
export async function requestInBulk(
  deps: DeskDeps,
  caller: Caller,
  asked: { readonly caseIds: readonly string[]; readonly reasonCode: string; readonly note?: string | undefined },
): Promise<BulkVerdict[]> {
  const verdicts: BulkVerdict[] = [];
  for (const caseId of new Set(asked.caseIds)) {
    try {
      await withTransaction(deps.tenants.writing(caller.clientId), (tx) => requestOne(tx, deps, caller, caseId, asked));
      verdicts.push({ caseId, outcome: 'requested', code: null });
    } catch (error) {
      if (!isFault(error)) throw error;
      verdicts.push({ caseId, outcome: 'refused', code: error.code });
    }
  }
  return verdicts;
}

async function requestOne(
  tx: PoolClient,
  deps: DeskDeps,
  caller: Caller,
  caseId: string,
  { reasonCode, note }: { readonly reasonCode: string; readonly note?: string | undefined },
): Promise<void> {
  const row = await lockedCase(tx, caller, caseId);
  const nowMs = deps.clock.now();
  if (!verdictApplies(row.kind, 'request_information')) throw fault('verdict_not_applicable');
  // One that waits for an answer already is not asked about again by the dozen.
  if (row.status !== 'open') throw fault('case_not_open');
  const holder = holderOf(row, nowMs);
  if (holder !== null && holder !== caller.principal) throw fault('case_claimed');
  const { evidenceDigest } = row;
  const saying: Saying = { verdict: 'request_information', reasonCode, note, evidenceDigest };
  await write(tx, row, await decisionOf(tx, deps, row, caller, saying), true);
}

/** Puts a case off. Throws `not_found`, `case_not_open`, `case_claimed`, `snooze_limit`, and `validation_failed` for a moment past or too far. */
export async function snooze(deps: DeskDeps, caller: Caller, caseId: string, untilMs: number): Promise<void> {
  await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
    const row = await lockedCase(tx, caller, caseId);
    const nowMs = deps.clock.now();
    if (untilMs <= nowMs || untilMs > nowMs + SNOOZE_LIMITS.ms) {
      const detail = `A case is put off until a moment within the next ${SNOOZE_LIMITS.ms / 3_600_000} hours.`;
      throw fault('validation_failed', { field: 'until', detail });
    }
    if (row.status !== 'open' && row.status !== 'waiting') throw fault('case_not_open');
    const holder = holderOf(row, nowMs);
    if (holder !== null && holder !== caller.principal) throw fault('case_claimed');
    if (row.snoozeCount >= SNOOZE_LIMITS.count) throw fault('snooze_limit');
    await snoozeCase(tx, { caseId, clientId: caller.clientId, officer: caller.principal, nowMs, untilMs });
  });
}

/**
 * Keeps a client's answer, with what it adds of the parties, and brings the case back. Throws `not_found`, `question_closed`, and what
 * `completeParties` throws.
 */
export async function answer(
  deps: DeskDeps,
  caller: Caller,
  paymentId: string,
  given: AddedDetails & { readonly questionId: string; readonly answer: string },
): Promise<void> {
  await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
    const asked = (await findQuestions(tx, caller.clientId, paymentId)).find((each) => each.id === given.questionId);
    if (asked === undefined) throw fault('not_found');
    const row = await lockedCase(tx, caller, asked.caseId);
    const isLive = row.status === 'open' || row.status === 'waiting' || row.status === 'deciding';
    // Read again under the lock: somebody else may have answered meanwhile.
    const now = (await findQuestions(tx, caller.clientId, paymentId)).find((each) => each.id === given.questionId);
    if (!isLive || now === undefined || now.answeredAt !== null) throw fault('question_closed');
    const nowMs = deps.clock.now();
    const subject = { id: row.id, kind: 'case' } as const;
    const sealed = await sealText(tx, deps.keyring, subject, { text: given.answer, context: ANSWER_CONTEXT, nowMs });
    const answerDigest = digestOf(sealed.toString('hex'));
    const completed = await completeParties(tx, deps, caller, row, given);
    // The evidence names an answer by the digest of its ciphertext: what is said is in it, without the words.
    const answered = { questionId: asked.id, code: asked.code, answerDigest, answeredAt: new Date(nowMs).toISOString() };
    const evidence = {
      ...row.evidence,
      information: appended(row.evidence['information'], { ...answered, ...completed?.evidence }),
    };
    await answerQuestion(tx, {
      questionId: asked.id,
      clientId: caller.clientId,
      caseId: row.id,
      actor: caller.principal,
      answer: sealed,
      answerDigest,
      evidence,
      evidenceDigest: digestOf(canonicalJson(evidence)),
      rescreen: completed !== null,
      nowMs,
    });
    await completed?.store();
  });
}

/**
 * Adds what an officer learned of the parties of a held payment, which is then screened again. Nothing happens where nothing new is
 * said. Throws `not_found`, `verdict_not_applicable`, `case_not_open`, `case_claimed`, `case_not_claimed`, `evidence_stale`, and what
 * `completeParties` throws.
 */
export async function addToParties(
  deps: DeskDeps,
  caller: Caller,
  caseId: string,
  given: AddedDetails & { readonly evidenceDigest: string },
): Promise<void> {
  await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
    const row = await lockedCase(tx, caller, caseId);
    const nowMs = deps.clock.now();
    if (row.kind !== 'held') throw fault('verdict_not_applicable', { detail: 'More is said of the parties of a held payment alone.' });
    assertHolds(row, caller, given.evidenceDigest, nowMs);
    const completed = await completeParties(tx, deps, caller, row, given);
    if (completed === null) return;
    const told = { by: caller.principal, at: new Date(nowMs).toISOString(), ...completed.evidence };
    const evidence = { ...row.evidence, details: appended(row.evidence['details'], told) };
    const evidenceDigest = digestOf(canonicalJson(evidence));
    await markForRescreening(tx, { caseId, clientId: caller.clientId, evidence, evidenceDigest, nowMs });
    await completed.store();
  });
}
