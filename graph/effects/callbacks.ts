/**
 * Reading the callbacks that the API stored. A callback is a rumour: it names an attempt by its
 * unguessable address, and unless its operator's message is sufficient by itself, the operator is
 * asked before anything is believed. What fits no attempt, or contradicts one, is quarantined.
 */
import { CALLBACK_CONTEXT } from '../../db/queries/callbacks.ts';
import { createGroupCommit } from '../../db/group-commit.ts';
import { type ErrorCode, isFault } from '../../domain/errors.ts';
import type { CallbackEvent, OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import { raiseLateSuccess } from '../case/doubts.ts';
import type { GraphDeps } from '../types.ts';
import { checkedAmount, inquire, loadOpenAttempts, type OpenAttempt } from './inquire.ts';
import { createRailPump, type Pump } from './pump.ts';
import { inquiryDelayMs, isEnd, noteContradictions, type Recorded, type Recorder } from './record.ts';
import { judgeRepeat } from './repeats.ts';

const CLOSED_AT_ONCE_MAX = 500;

type Verdict = { readonly verdict: 'matched' | 'duplicate' | 'quarantined'; readonly reasonCode: string | null };

interface CallbackRow {
  id: bigint;
  rail_id: string;
  attempt_id: string | null;
  body: Buffer;
  received_at: Date;
}

const CLAIM_SQL = `
with picked as (
  select id from operator_callbacks where processed_at is null and (lease_until is null or lease_until < $2) and rail_id <> all($4::text[])
  order by id limit $1 for update skip locked
)
update operator_callbacks c set lease_until = $3 from picked where c.id = picked.id
returning c.id, c.rail_id, c.attempt_id, c.body, c.received_at`;

/** A callback with the attempt its address names, or at an address that many share the reference in it. */
interface Arrived extends CallbackRow {
  readonly isShared: boolean;
  readonly attempt: (OpenAttempt & { readonly state: string }) | undefined;
}

/** A pump that reads stored callbacks. */
export function callbackPump(deps: GraphDeps, recorder: Recorder): Pump {
  const closing = createGroupCommit({ flush: (judged: readonly Judged[]) => closeCallbacks(deps, judged), groupMax: CLOSED_AT_ONCE_MAX });
  return createRailPump<Arrived>(deps, {
    what: 'callback',
    claim: (limit, saturated) => claimArrived(deps, limit, saturated),
    work: async (row) => {
      const verdict = await judge(deps, recorder, row);
      // What waits for the operator's statement is claimed again once its lease is over.
      if (verdict !== 'later') await closing.submit({ id: row.id, attemptId: row.attempt?.id ?? null, ...verdict });
    },
  });
}

async function claimArrived(deps: GraphDeps, limit: number, saturated: readonly string[]): Promise<readonly Arrived[]> {
  const nowMs = deps.clock.now();
  const claimed = await deps.pool.query<CallbackRow>({
    name: 'claim_callbacks',
    text: CLAIM_SQL,
    values: [limit, new Date(nowMs), new Date(nowMs + deps.settings.sendTimeoutMs * 2), saturated],
  });
  if (claimed.rows.length === 0) return [];
  const rows = claimed.rows.map((row) => ({ row, attemptId: row.attempt_id ?? namedAttempt(deps, row) }));
  const attempts = await loadOpenAttempts(
    deps,
    rows.flatMap(({ attemptId }) => attemptId ?? []),
  );
  return rows.map(({ row, attemptId }) => ({ ...row, isShared: row.attempt_id === null, attempt: attempts.get(attemptId ?? '') }));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The attempt that a message at a shared address is about: an attempt's id is what its operator knows it by. */
function namedAttempt(deps: GraphDeps, row: CallbackRow): string | null {
  const told = parse(deps, row);
  const reference = typeof told === 'string' ? '' : (told.ourReference?.toLowerCase() ?? '');
  return UUID.test(reference) ? reference : null;
}

interface Judged extends Verdict {
  readonly id: bigint;
  readonly attemptId: string | null;
}

/** Verdicts of callbacks that are read at the same time share one statement. */
async function closeCallbacks(deps: GraphDeps, judged: readonly Judged[]): Promise<undefined[]> {
  await deps.pool.query({
    name: 'close_callbacks',
    text: `update operator_callbacks c set processed_at = $4, lease_until = null, verdict = done.verdict, reason_code = done.reason,
             attempt_id = coalesce(c.attempt_id, done.attempt_id)
           from unnest($1::bigint[], $2::text[], $3::text[], $5::uuid[]) as done(id, verdict, reason, attempt_id) where c.id = done.id`,
    values: [
      judged.map((each) => each.id),
      judged.map((each) => each.verdict),
      judged.map((each) => each.reasonCode),
      new Date(deps.clock.now()),
      judged.map((each) => each.attemptId),
    ],
  });
  return judged.map(() => undefined);
}

async function judge(deps: GraphDeps, recorder: Recorder, row: Arrived): Promise<Verdict | 'later'> {
  const { attempt } = row;
  const told = parse(deps, row);
  if (attempt === undefined)
    return { verdict: 'quarantined', reasonCode: row.isShared && typeof told === 'string' ? told : 'callback_unknown' };
  if (attempt.railId !== row.rail_id) return { verdict: 'quarantined', reasonCode: 'rail_differs' };
  if (typeof told === 'string') return { verdict: 'quarantined', reasonCode: told };
  // At an address that everybody may know nothing is believed without asking.
  const event = row.isShared ? { ...told, trust: 'confirm' as const } : told;
  if (attempt.state === 'succeeded' || attempt.state === 'failed')
    return afterTheEnd(deps, event, { ...attempt, state: attempt.state }, row);
  const isAnother = event.isUnasked === true && !namesTheSame(event, attempt);
  if (!namesTheSame(isAnother ? { ...event, outcome: withoutIds(event.outcome) } : event, attempt))
    return { verdict: 'quarantined', reasonCode: 'reference_differs' };
  // An address is told to the operator with the request, so nobody can answer before it was sent.
  if (attempt.state === 'created') return { verdict: 'quarantined', reasonCode: 'not_sent' };
  const isRumour = event.trust === 'confirm' && checkedAmount(event.outcome, attempt) !== event.outcome;
  const teaches = !row.isShared && !isAnother && !isRumour;
  const { recorded, receipt } = await learn(deps, recorder, attempt, teaches ? event : { ...event, outcome: NOTHING_LEARNT });
  switch (recorded) {
    case 'recorded': {
      const matched = unlessOfAnotherAmount(event, attempt, 'matched');
      if (receipt !== null) return repeated(deps, event, { ...attempt, receipt }, row, matched);
      return event.isUnasked === true ? whileOpen(deps, row) : matched;
    }
    case 'ended_before':
      return event.isUnasked === true ? whileOpen(deps, row) : unlessOfAnotherAmount(event, attempt, 'duplicate');
    case 'contradicts':
      return { verdict: 'quarantined', reasonCode: 'contradicts_outcome' };
  }
}

/** A verdict, unless the message tells of a success over another amount than ours: that is set aside, where people look, whatever came of it. */
function unlessOfAnotherAmount(event: CallbackEvent, attempt: OpenAttempt, verdict: Verdict['verdict']): Verdict {
  const told = checkedAmount(event.outcome, attempt);
  return told === event.outcome ? { verdict, reasonCode: null } : { verdict: 'quarantined', reasonCode: 'amount_differs' };
}

/** The event, or the code for which its operator cannot have sent it. */
function parse(deps: GraphDeps, row: CallbackRow): CallbackEvent | ErrorCode {
  try {
    return deps.operators(row.rail_id).parseCallback(deps.keyring.decrypt(row.body, CALLBACK_CONTEXT));
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

/**
 * A late callback that says the same is a repeat; one that says otherwise changes nothing. When it says
 * that a failed attempt has moved money after all, people get a case, unless the operator denies it.
 */
async function afterTheEnd(
  deps: GraphDeps,
  event: CallbackEvent,
  attempt: OpenAttempt & { state: 'succeeded' | 'failed' },
  row: Arrived,
): Promise<Verdict | 'later'> {
  const { isShared } = row;
  if (!isEnd(event.outcome) || event.outcome.state === attempt.state) {
    const same = unlessOfAnotherAmount(event, attempt, 'duplicate');
    return attempt.state === 'succeeded' && namesTheSame({ ...event, outcome: withoutIds(event.outcome) }, attempt)
      ? repeated(deps, event, attempt, row, same)
      : same;
  }
  if (namesTheSame(event, attempt)) {
    const told = checkedAmount(event.outcome, attempt);
    // Ids that came with it may be what the operator has to be asked by; at an address that many know they are nobody's word.
    const handle = isShared ? attempt.handle : { ...attempt.handle, ...event.outcome.handle };
    const word = event.trust === 'sufficient' ? told : await inquire(deps, { ...attempt, handle });
    if (isEnd(word) && word.state !== attempt.state) await noteContradictions(deps, [{ attemptId: attempt.id, outcome: word }]);
    else if (!isEnd(word) && told.state === 'succeeded' && !isShared) await raiseLateSuccess(deps, attempt.id, 'message');
  }
  return { verdict: 'quarantined', reasonCode: 'contradicts_outcome' };
}

/** What a message is that tells of a success: about a second payment, or as it would be otherwise. */
async function repeated(
  deps: GraphDeps,
  event: CallbackEvent,
  attempt: OpenAttempt,
  row: Arrived,
  otherwise: Verdict,
): Promise<Verdict | 'later'> {
  switch (await judgeRepeat(deps, event, attempt, row.received_at.getTime())) {
    case 'not_again':
      return otherwise;
    case 'paid_again':
      return { verdict: 'matched', reasonCode: 'paid_again' };
    case 'not_stated':
      return event.isUnasked === true ? { verdict: 'quarantined', reasonCode: 'not_stated' } : otherwise;
    case 'ask_later':
      return 'later';
  }
}

/** A payment that nobody asked for is looked at again until the collection has ended, for it may be made besides the one asked for. */
function whileOpen(deps: GraphDeps, row: Arrived): Verdict | 'later' {
  const settlesWithinMs = deps.operators(row.rail_id).stated?.settlesWithinMs ?? 0;
  return deps.clock.now() - row.received_at.getTime() < settlesWithinMs ? 'later' : { verdict: 'matched', reasonCode: null };
}

/** An outcome without what only its own payment is known by: a second payment of one collection has other ids. */
function withoutIds({ handle: _ids, ...outcome }: Outcome): Outcome {
  return outcome;
}

/**
 * Where the attempt and the callback both carry an id, they must agree. A callback that is believed
 * without asking must name our request.
 */
function namesTheSame(event: CallbackEvent, attempt: OpenAttempt): boolean {
  if (event.ourReference === null ? event.trust === 'sufficient' : event.ourReference !== attempt.requestId) return false;
  if (event.isAbout?.(attempt.requestId) === false) return false;
  const told = event.outcome.handle ?? {};
  return Object.entries(told).every(([key, value]) => attempt.handle[key] === undefined || attempt.handle[key] === value);
}

/** What a message at a shared address may add to an attempt, one about a second payment that nobody asked for, and one of another amount that proves nothing. */
const NOTHING_LEARNT: Outcome = { state: 'pending' };

interface Learnt {
  readonly recorded: Recorded;
  /** That of the end the attempt came to; null while it is open, or failed. */
  readonly receipt: string | null;
}

async function learn(deps: GraphDeps, recorder: Recorder, attempt: OpenAttempt, event: CallbackEvent): Promise<Learnt> {
  const receipt = event.outcome.state === 'succeeded' ? event.outcome.receipt : '';
  const handle: OperatorHandle = {
    ...attempt.handle,
    ...event.outcome.handle,
    ...(receipt === '' ? {} : { callbackReceipt: receipt }),
  };
  const believed = event.trust === 'sufficient' ? checkedAmount(event.outcome, attempt) : await inquire(deps, { ...attempt, handle });
  const outcome = believed.state === 'succeeded' && believed.receipt === '' ? { ...believed, receipt } : believed;
  const recorded = await recorder.submit({
    attemptId: attempt.id,
    outcome,
    handle: { ...handle, ...outcome.handle },
    stored: attempt.stored,
    // The operator said something a moment ago: its books will agree soon.
    nextInquiryAtMs: deps.clock.now() + inquiryDelayMs(deps.settings, attempt.railId, 0),
  });
  return { recorded, receipt: outcome.state === 'succeeded' ? outcome.receipt : null };
}
