/**
 * Writing down what operators answered. Answers of many attempts share one statement; an attempt that
 * has ended never changes again.
 */
import { HANDLE_CONTEXT } from '../../db/queries/callbacks.ts';
import { createGroupCommit, type GroupCommit } from '../../db/group-commit.ts';
import { fault } from '../../domain/errors.ts';
import type { OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import type { Doubt, Reason } from '../../tools/mmo/reasons.ts';
import { raiseSaid, saidBy } from '../case/doubts.ts';
import type { GraphDeps, GraphSettings } from '../types.ts';

/** An answer to be written to an attempt. */
export interface Answer {
  readonly attemptId: string;
  readonly outcome: Outcome;
  /** Operator ids known so far, old and new together. */
  readonly handle: OperatorHandle;
  /** The ids as they were stored when `handle` was put together: somebody else may have stored others since. */
  readonly stored: Buffer | null;
  /** When to ask (again) while it is open, milliseconds since the epoch. */
  readonly nextInquiryAtMs: number;
}

/** Whether the attempt took the answer, or had ended before; `contradicts`: with another end than the answer says. */
export type Recorded = 'recorded' | 'ended_before' | 'contradicts';

export type Recorder = GroupCommit<Answer, Recorded>;

/** Makes the writer that all effects of a process share. */
export function createRecorder(deps: GraphDeps): Recorder {
  return createGroupCommit({
    flush: (answers: readonly Answer[]) => recordAnswers(deps, answers),
    groupMax: 500,
    keyOf: (answer) => answer.attemptId,
  });
}

/** A doubt that stands until the end, whatever else is told of the attempt while it is open: no further question takes it away. */
const OTHER_AMOUNT = 'amount_mismatch' satisfies Doubt;

const RECORD_SQL = `
update attempts a set
  state = answer.state,
  receipt = coalesce(answer.receipt, a.receipt),
  reason_code = case when answer.state in ('pending', 'unknown') and a.reason_code = '${OTHER_AMOUNT}' then a.reason_code else answer.reason end,
  retry = answer.retry,
  is_unsent = answer.unsent,
  operator_handle = coalesce(answer.handle, a.operator_handle),
  next_inquiry_at = case when answer.state in ('pending', 'unknown') then answer.next_inquiry_at end,
  resolved_at = case when answer.state in ('succeeded', 'failed') then $8::timestamptz end,
  lease_token = null, lease_until = null,
  updated_at = $8
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[], $9::bytea[], $10::boolean[])
  as answer(id, state, receipt, reason, retry, handle, next_inquiry_at, stored, unsent)
where a.id = answer.id and a.state in ('sent', 'pending', 'unknown')
  and (answer.handle is null or a.operator_handle is not distinct from answer.stored)
returning a.id`;

/** Ids of one attempt are stored by few; who loses this often against others gives up, and the attempt is inquired again. */
const ROUNDS_MAX = 5;

/** Writes a set of answers, at most one for each attempt, and says for each whether it was taken. */
export async function recordAnswers(deps: GraphDeps, answers: readonly Answer[]): Promise<Recorded[]> {
  const recorded = new Map<string, Recorded>();
  let left = answers;
  for (let round = 1; left.length > 0; round += 1) {
    if (round > ROUNDS_MAX) throw fault('lease_lost', { internal: `${left.length} attempts were written by others all the time` });
    const taken = await write(deps, left);
    for (const id of taken) recorded.set(id, 'recorded');
    const refused = left.filter((answer) => !taken.has(answer.attemptId));
    left = refused.length === 0 ? [] : await lookAgain(deps, refused, recorded);
  }
  if (answers.some((answer) => recorded.get(answer.attemptId) === 'recorded' && isEnd(answer.outcome))) deps.notify('outcomes');
  return answers.map((answer) => recorded.get(answer.attemptId) ?? 'ended_before');
}

async function write(deps: GraphDeps, answers: readonly Answer[]): Promise<Set<string>> {
  const result = await deps.pool.query<{ id: string }>({
    name: 'record_answers',
    text: RECORD_SQL,
    values: [
      answers.map((answer) => answer.attemptId),
      answers.map((answer) => answer.outcome.state),
      answers.map((answer) => (answer.outcome.state === 'succeeded' ? plainReceipt(answer.outcome.receipt) : null)),
      answers.map((answer) => ('reasonCode' in answer.outcome ? answer.outcome.reasonCode : null)),
      answers.map((answer) => (answer.outcome.state === 'failed' ? answer.outcome.retry : null)),
      answers.map((answer) => sealHandle(deps, answer.handle)),
      answers.map((answer) => new Date(answer.nextInquiryAtMs)),
      new Date(deps.clock.now()),
      answers.map((answer) => answer.stored),
      answers.map(({ outcome }) => outcome.state === 'failed' && outcome.isUnsent === true),
    ],
  });
  return new Set(result.rows.map((row) => row.id));
}

const RECEIPT_LENGTH_MAX = 128;

/** A receipt is the operator's text: what a database cannot hold must not keep the answers beside it from being written. */
function plainReceipt(receipt: string): string | null {
  return receipt.replaceAll(/[^\x20-\x7e]/g, '').slice(0, RECEIPT_LENGTH_MAX) || null;
}

interface Standing {
  id: string;
  state: string;
  reason_code: string | null;
  operator_handle: Buffer | null;
}

/**
 * Why answers were not taken. Where ids have been stored meanwhile, they are added and the answer comes back to be
 * written; where the attempt has ended, the answer must not say anything else.
 */
async function lookAgain(deps: GraphDeps, refused: readonly Answer[], recorded: Map<string, Recorded>): Promise<Answer[]> {
  const found = await deps.pool.query<Standing>({
    name: 'look_at_attempts',
    text: 'select id, state, reason_code, operator_handle from attempts where id = any($1::uuid[])',
    values: [refused.map((answer) => answer.attemptId)],
  });
  const standing = new Map(found.rows.map((row) => [row.id, row]));
  const again: Answer[] = [];
  const contradictions: Answer[] = [];
  for (const answer of refused) {
    const row = standing.get(answer.attemptId);
    if (row !== undefined && ['sent', 'pending', 'unknown'].includes(row.state)) {
      again.push({ ...answer, handle: { ...openHandle(deps, row.operator_handle), ...answer.handle }, stored: row.operator_handle });
    } else {
      const contradicts = row !== undefined && contradictsEnd(answer.outcome, row);
      recorded.set(answer.attemptId, contradicts ? 'contradicts' : 'ended_before');
      if (contradicts) contradictions.push(answer);
    }
  }
  await noteContradictions(deps, contradictions);
  return again;
}

/**
 * The reason that says that the operator never had the request: one that took it after all contradicts it. `no_payment_found` says
 * less, that the payer never paid: an acknowledgement that was on its way all the time fits beside it.
 */
const NEVER_HAD = 'never_received' satisfies Reason;

function contradictsEnd(outcome: Outcome, ended: Pick<Standing, 'state' | 'reason_code'>): boolean {
  if (ended.state !== 'succeeded' && ended.state !== 'failed') return false;
  if (isEnd(outcome)) return outcome.state !== ended.state;
  return outcome.state === 'pending' && ended.state === 'failed' && ended.reason_code === NEVER_HAD;
}

/** What cannot be true is marked for people, and they get a case. Nothing else changes. */
export async function noteContradictions(deps: GraphDeps, contradictions: readonly Pick<Answer, 'attemptId' | 'outcome'>[]): Promise<void> {
  if (contradictions.length === 0) return;
  await deps.pool.query({
    name: 'note_contradictions',
    // That money moved after all is not forgotten over what is said later.
    text: `update attempts a set contradicted_at = coalesce(a.contradicted_at, $2),
        contradicted_by = case when a.contradicted_by = 'succeeded' then a.contradicted_by else said.state end,
        contradicted_reason = case when a.contradicted_by = 'succeeded' then a.contradicted_reason else said.reason end
      from unnest($1::uuid[], $3::text[], $4::text[]) as said(id, state, reason) where a.id = said.id`,
    values: [
      contradictions.map((each) => each.attemptId),
      new Date(deps.clock.now()),
      contradictions.map(({ outcome }) => outcome.state),
      contradictions.map(({ outcome }) => ('reasonCode' in outcome ? outcome.reasonCode : null)),
    ],
  });
  for (const { attemptId, outcome } of contradictions) {
    deps.log.error({ attemptId, said: outcome.state }, 'operator contradicts a recorded outcome');
    await raiseSaid(deps, attemptId, saidBy(outcome));
  }
}

/** Says whether an outcome is final. */
export function isEnd(outcome: Outcome): boolean {
  return outcome.state === 'succeeded' || outcome.state === 'failed';
}

/** The operator's ids encrypted, or null for none. */
export function sealHandle(deps: GraphDeps, handle: OperatorHandle): Buffer | null {
  return Object.keys(handle).length === 0 ? null : deps.keyring.encrypt(JSON.stringify(handle), HANDLE_CONTEXT);
}

/** The operator's ids as stored, or none. */
export function openHandle(deps: GraphDeps, sealed: Buffer | null): OperatorHandle {
  return sealed === null ? {} : (JSON.parse(deps.keyring.decrypt(sealed, HANDLE_CONTEXT)) as OperatorHandle);
}

type InquirySettings = Pick<GraphSettings, 'inquiryDelayMs' | 'inquiryDelayMsMax' | 'inquiryDelaysMs'>;

/**
 * How long to wait before the next inquiry about an attempt over a rail: the first delay, doubled for each inquiry made, up to the
 * longest. Milliseconds.
 */
export function inquiryDelayMs(settings: InquirySettings, railId: string, inquiries: number): number {
  const { first, longest } = settings.inquiryDelaysMs[railId] ?? { first: settings.inquiryDelayMs, longest: settings.inquiryDelayMsMax };
  return Math.min(longest, first * 2 ** Math.min(inquiries, 20));
}
