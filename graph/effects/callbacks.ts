/**
 * Reading the callbacks that the API stored. A callback is a rumour: it names an attempt by its
 * unguessable address, and unless its operator's message is sufficient by itself, the operator is
 * asked before anything is believed. What fits no attempt, or contradicts one, is quarantined.
 */
import { isFault } from '../../domain/errors.ts';
import type { CallbackEvent, OperatorHandle } from '../../tools/mmo/operator.ts';
import type { GraphDeps } from '../types.ts';
import { checkedAmount, inquire, loadOpenAttempts, type OpenAttempt } from './inquire.ts';
import { inquiryDelayMs, isEnd, type Recorder } from './record.ts';

type Verdict = { readonly verdict: 'matched' | 'duplicate' | 'quarantined'; readonly reasonCode: string | null };

interface CallbackRow {
  id: bigint;
  rail_id: string;
  attempt_id: string | null;
  body: Buffer;
}

const CLAIM_SQL = `
with picked as (
  select id from operator_callbacks where processed_at is null and (lease_until is null or lease_until < $2)
  order by id limit $1 for update skip locked
)
update operator_callbacks c set lease_until = $3 from picked where c.id = picked.id
returning c.id, c.rail_id, c.attempt_id, c.body`;

/** Works through up to `limit` stored callbacks; resolves with their number. */
export async function processCallbacks(deps: GraphDeps, recorder: Recorder, limit: number): Promise<number> {
  const nowMs = deps.clock.now();
  const claimed = await deps.pool.query<CallbackRow>({
    name: 'claim_callbacks',
    text: CLAIM_SQL,
    values: [limit, new Date(nowMs), new Date(nowMs + deps.settings.sendTimeoutMs * 2)],
  });
  if (claimed.rows.length === 0) return 0;
  const attempts = await loadOpenAttempts(deps, claimed.rows.flatMap((row) => row.attempt_id ?? []));
  const verdicts = await Promise.all(claimed.rows.map((row) => judge(deps, recorder, row, attempts.get(row.attempt_id ?? ''))));
  await deps.pool.query({
    name: 'close_callbacks',
    text: `update operator_callbacks c set processed_at = $4, lease_until = null, verdict = done.verdict, reason_code = done.reason
           from unnest($1::bigint[], $2::text[], $3::text[]) as done(id, verdict, reason) where c.id = done.id`,
    values: [
      claimed.rows.map((row) => row.id),
      verdicts.map((verdict) => verdict.verdict),
      verdicts.map((verdict) => verdict.reasonCode),
      new Date(deps.clock.now()),
    ],
  });
  return claimed.rows.length;
}

async function judge(
  deps: GraphDeps,
  recorder: Recorder,
  row: CallbackRow,
  attempt: (OpenAttempt & { readonly state: string }) | undefined,
): Promise<Verdict> {
  if (attempt === undefined) return { verdict: 'quarantined', reasonCode: 'callback_unknown' };
  if (attempt.railId !== row.rail_id) return { verdict: 'quarantined', reasonCode: 'rail_differs' };
  const event = parse(deps, row);
  if (event === null) return { verdict: 'quarantined', reasonCode: 'malformed_body' };
  if (attempt.state === 'succeeded' || attempt.state === 'failed') return afterTheEnd(event, attempt.state);
  if (!namesTheSame(event, attempt.handle)) return { verdict: 'quarantined', reasonCode: 'reference_differs' };
  await learn(deps, recorder, attempt, event);
  return { verdict: 'matched', reasonCode: null };
}

function parse(deps: GraphDeps, row: CallbackRow): CallbackEvent | null {
  try {
    return deps.operators(row.rail_id).parseCallback(deps.keyring.decrypt(row.body, 'operator_callbacks.body'));
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}

/** A late callback that says the same is a repeat; one that says otherwise is for people to look at. */
function afterTheEnd(event: CallbackEvent, state: 'succeeded' | 'failed'): Verdict {
  if (!isEnd(event.outcome) || event.outcome.state === state) return { verdict: 'duplicate', reasonCode: null };
  return { verdict: 'quarantined', reasonCode: 'contradicts_outcome' };
}

/** Where both the stored answer and the callback carry an id of the operator, they must agree. */
function namesTheSame(event: CallbackEvent, handle: OperatorHandle): boolean {
  const told = event.outcome.handle ?? {};
  return Object.entries(told).every(([key, value]) => handle[key] === undefined || handle[key] === value);
}

async function learn(deps: GraphDeps, recorder: Recorder, attempt: OpenAttempt, event: CallbackEvent): Promise<void> {
  const receipt = event.outcome.state === 'succeeded' ? event.outcome.receipt : '';
  const handle: OperatorHandle = {
    ...attempt.handle,
    ...event.outcome.handle,
    ...(receipt === '' ? {} : { callbackReceipt: receipt }),
  };
  const believed =
    event.trust === 'sufficient' ? checkedAmount(event.outcome, attempt) : await inquire(deps, { ...attempt, handle });
  const outcome = believed.state === 'succeeded' && believed.receipt === '' ? { ...believed, receipt } : believed;
  await recorder.submit({
    attemptId: attempt.id,
    outcome,
    handle: { ...handle, ...outcome.handle },
    // The operator said something a moment ago: its books will agree soon.
    nextInquiryAtMs: deps.clock.now() + inquiryDelayMs(deps.settings, 0),
  });
}
