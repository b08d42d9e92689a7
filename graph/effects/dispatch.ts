/**
 * Sending what attempts ask for. An attempt is marked `sent`, and that is committed, before its first
 * byte leaves; whoever dies in between leaves an attempt that is inquired, never one that is sent again.
 */
import { withTransaction } from '../../db/connect.ts';
import { APPROVAL_TOPIC } from '../../db/queries/transitions.ts';
import { GRANT_TERMS_COLUMNS, type GrantTermsRow, grantTermsOf } from '../../db/queries/grants.ts';
import { notHaltedSql } from '../../db/queries/halts.ts';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import type { EffectRequest, OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import { failed } from '../../tools/mmo/reasons.ts';
import { createGrantDesk, createRenewer, type GrantDesk, reportRefusal } from '../grants.ts';
import type { GraphDeps } from '../types.ts';
import { createRailPump, nameOf, type Pump } from './pump.ts';
import { withinRates } from './rates.ts';
import { inquiryDelayMs, type Recorder, sealHandle } from './record.ts';

interface SendRow extends GrantTermsRow {
  request_id: string;
  sent_at: Date;
  parties: Buffer;
  /** The wrapped data key of whose wallet it is. */
  party_key: Buffer | null;
}

const CLAIM_SQL = `
with picked as (
  select id from attempts where state = 'created' and rail_id <> all($5::text[]) and grant_expires_at > $2
    and ${notHaltedSql('attempts')}
  order by id limit $1 for update skip locked
)
update attempts a set state = 'sent', sent_at = $2, updated_at = $2, next_inquiry_at = $3, lease_token = $4
from picked, payments p
where a.id = picked.id and p.id = a.payment_id
returning ${GRANT_TERMS_COLUMNS}, a.request_id, a.sent_at, p.parties,
  (select users.data_key from users where users.id = case a.leg when 'payout' then p.receiver_id else p.sender_id end) as party_key`;

/** A pump that sends created attempts, each once, and records what came back. */
export function dispatchPump(deps: GraphDeps, recorder: Recorder): Pump {
  const desk = createGrantDesk(deps.keyring);
  const renew = createRenewer(deps, desk);
  return createRailPump<SendRow>(deps, {
    what: 'dispatch',
    claim: withinRates(deps, ['collection', 'payout'], async (limit, excluded) => {
      const claimed = await claimGranted(deps, desk, limit, excluded);
      return claimed.length === 0 && (await renew()) > 0 ? claimGranted(deps, desk, limit, excluded) : claimed;
    }),
    work: (row) => send(deps, desk, recorder, row),
  });
}

async function claimGranted(deps: GraphDeps, desk: GrantDesk, limit: number, saturated: readonly string[]): Promise<readonly SendRow[]> {
  const claimed = await claimToSend(deps, limit, saturated);
  await desk.fetch(
    deps.pool,
    claimed.map((row) => row.grant_id),
  );
  return claimed;
}

async function claimToSend(deps: GraphDeps, limit: number, saturated: readonly string[]): Promise<readonly SendRow[]> {
  const nowMs = deps.clock.now();
  // An attempt whose sender dies is looked at once its request cannot be under way any more.
  const overdueAt = new Date(nowMs + deps.settings.sendTimeoutMs + deps.settings.inquiryDelayMs);
  const claimed = await deps.pool.query<SendRow>({
    name: 'claim_attempts',
    text: CLAIM_SQL,
    values: [limit, new Date(nowMs), overdueAt, newId(), saturated],
  });
  // A statement gives back what it changed in the order of its plan; who came first is sent first.
  return claimed.rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function send(deps: GraphDeps, desk: GrantDesk, recorder: Recorder, row: SendRow): Promise<void> {
  const outcome = await ask(deps, desk, row);
  if (outcome.state === 'failed' && outcome.reasonCode === 'operator_busy') {
    await deps.rates?.pause(row.rail_id, row.leg === 'collection' ? 'collection' : 'payout');
  }
  await recorder.submit({
    attemptId: row.id,
    outcome,
    handle: outcome.handle ?? {},
    stored: null,
    nextInquiryAtMs: deps.clock.now() + inquiryDelayMs(deps.settings, 0),
  });
}

/** Sends one request; an error of our own code leaves the outcome unknown, for it may have happened after the send. */
async function ask(deps: GraphDeps, desk: GrantDesk, row: SendRow): Promise<Outcome> {
  try {
    const operator = deps.operators(row.rail_id);
    const request = requestOf(deps, row);
    const refused = await refuse(deps, desk, row, request.phone);
    if (refused !== null) return refused;
    return row.leg === 'collection' ? await operator.collect(request) : await operator.disburse(request);
  } catch (error) {
    deps.log.error({ attemptId: row.id, railId: row.rail_id, error: nameOf(error) }, 'operator client failed');
    return { state: 'unknown', reasonCode: 'client_error' };
  }
}

/**
 * Null when a grant covers what is about to be sent, and to this very number; else the failure that is sure, for nothing was sent. The
 * number may have been found under an index key that has aged since.
 */
async function refuse(deps: GraphDeps, desk: GrantDesk, row: SendRow, phone: string): Promise<Outcome | null> {
  const terms = grantTermsOf(row);
  const nowMs = deps.clock.now();
  const whys = deps.keyring
    .blindIndexes(phone, row.client_id)
    .map((index) => desk.refusal(row.grant_id, { ...terms, payeeIndex: index.toString('hex') }, nowMs));
  const why = whys.includes(null) ? null : whys[0];
  if (why === null || why === undefined) return null;
  await withTransaction(deps.pool, (tx) => reportRefusal(tx, deps, row, why));
  return failed('grant_refused');
}

function requestOf(deps: GraphDeps, row: SendRow): EffectRequest {
  // A refund goes back to whoever paid.
  const role = row.leg === 'payout' ? 'receiver' : 'sender';
  const { phone } = deps.keyring.people.openParty({ parties: row.parties, senderKey: row.party_key, receiverKey: row.party_key }, role);
  if (phone === '') throw fault('internal', { internal: `attempt ${row.id} is to somebody who was erased` });
  return {
    requestId: row.request_id,
    amount: money(row.amount, row.currency),
    phone,
    callbackUrl: deps.callbacks.urlOf(row.rail_id, row.id),
    sentAtMs: row.sent_at.getTime(),
    note: row.leg === 'refund' ? 'CAPP refund' : 'CAPP transfer',
    remember: (handle) => remember(deps, row.id, handle),
  };
}

// A page that somebody must lead the payer to is announced with the ids by which it is found, and without its address:
// that is for whoever asks for the payment with the client's key.
const REMEMBER_SQL = `
with kept as (
  update attempts set operator_handle = $2 where id = $1 and state in ('sent', 'pending', 'unknown') returning id, payment_id, client_id
), announced as (
  insert into outbox (client_id, payment_id, topic, payload, created_at)
  select kept.client_id, kept.payment_id, '${APPROVAL_TOPIC}', jsonb_build_object(
    'paymentId', p.id, 'referenceId', p.reference_id, 'status', p.status, 'attemptId', kept.id, 'approval', 'page', 'at', $3::timestamptz), $3::timestamptz
  from kept join payments p on p.id = kept.payment_id where $4::boolean
)
select id from kept`;

/** Keeps an operator's ids with an open attempt; rejects once it has ended, so that nothing is sent for it any more. */
async function remember(deps: GraphDeps, attemptId: string, handle: OperatorHandle): Promise<void> {
  const isPage = handle['paymentUrl'] !== undefined;
  const result = await deps.pool.query({
    name: 'remember_handle',
    text: REMEMBER_SQL,
    values: [attemptId, sealHandle(deps, handle), new Date(deps.clock.now()), isPage],
  });
  if (result.rowCount !== 1) throw fault('lease_lost', { internal: 'the attempt ended before its call was made' });
  if (isPage) deps.notify('webhooks');
}
