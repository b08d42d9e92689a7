/**
 * Writing down what operators answered. Answers of many attempts share one statement; an attempt that
 * has ended never changes again.
 */
import { createGroupCommit, type GroupCommit } from '../../db/group-commit.ts';
import type { OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import type { GraphDeps } from '../types.ts';

/** An answer to be written to an attempt. */
export interface Answer {
  readonly attemptId: string;
  readonly outcome: Outcome;
  /** Operator ids known so far, old and new together. */
  readonly handle: OperatorHandle;
  /** When to ask (again) while it is open, milliseconds since the epoch. */
  readonly nextInquiryAtMs: number;
}

/** Whether the attempt took the answer, or had ended before. */
export type Recorded = 'recorded' | 'ended_before';

export type Recorder = GroupCommit<Answer, Recorded>;

/** Makes the writer that all effects of a process share. */
export function createRecorder(deps: GraphDeps): Recorder {
  return createGroupCommit({
    flush: (answers: readonly Answer[]) => recordAnswers(deps, answers),
    groupMax: 500,
    keyOf: (answer) => answer.attemptId,
  });
}

const RECORD_SQL = `
update attempts a set
  state = answer.state,
  receipt = coalesce(answer.receipt, a.receipt),
  reason_code = answer.reason,
  retry = answer.retry,
  operator_handle = coalesce(answer.handle, a.operator_handle),
  next_inquiry_at = case when answer.state in ('pending', 'unknown') then answer.next_inquiry_at end,
  resolved_at = case when answer.state in ('succeeded', 'failed') then $8::timestamptz end,
  lease_token = null, lease_until = null,
  updated_at = $8
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[])
  as answer(id, state, receipt, reason, retry, handle, next_inquiry_at)
where a.id = answer.id and a.state in ('sent', 'pending', 'unknown')
returning a.id`;

/** Writes a set of answers, at most one for each attempt, and says for each whether it was taken. */
export async function recordAnswers(deps: GraphDeps, answers: readonly Answer[]): Promise<Recorded[]> {
  const result = await deps.pool.query<{ id: string }>({
    name: 'record_answers',
    text: RECORD_SQL,
    values: [
      answers.map((answer) => answer.attemptId),
      answers.map((answer) => answer.outcome.state),
      answers.map((answer) => (answer.outcome.state === 'succeeded' ? answer.outcome.receipt || null : null)),
      answers.map((answer) => ('reasonCode' in answer.outcome ? answer.outcome.reasonCode : null)),
      answers.map((answer) => (answer.outcome.state === 'failed' ? answer.outcome.retry : null)),
      answers.map((answer) => sealHandle(deps, answer.handle)),
      answers.map((answer) => new Date(answer.nextInquiryAtMs)),
      new Date(deps.clock.now()),
    ],
  });
  const taken = new Set(result.rows.map((row) => row.id));
  if (answers.some((answer) => taken.has(answer.attemptId) && isEnd(answer.outcome))) deps.notify('outcomes');
  return answers.map((answer) => (taken.has(answer.attemptId) ? 'recorded' : 'ended_before'));
}

/** Says whether an outcome is final. */
export function isEnd(outcome: Outcome): boolean {
  return outcome.state === 'succeeded' || outcome.state === 'failed';
}

const HANDLE_CONTEXT = 'attempts.operator_handle';

/** The operator's ids encrypted, or null for none. */
export function sealHandle(deps: GraphDeps, handle: OperatorHandle): Buffer | null {
  return Object.keys(handle).length === 0 ? null : deps.keyring.encrypt(JSON.stringify(handle), HANDLE_CONTEXT);
}

/** The operator's ids as stored, or none. */
export function openHandle(deps: GraphDeps, sealed: Buffer | null): OperatorHandle {
  return sealed === null ? {} : (JSON.parse(deps.keyring.decrypt(sealed, HANDLE_CONTEXT)) as OperatorHandle);
}

/**
 * How long to wait before the next inquiry: the first delay, doubled for each inquiry made, up to the
 * maximum. Milliseconds.
 */
export function inquiryDelayMs(settings: { inquiryDelayMs: number; inquiryDelayMsMax: number }, inquiries: number): number {
  return Math.min(settings.inquiryDelayMsMax, settings.inquiryDelayMs * 2 ** Math.min(inquiries, 20));
}
