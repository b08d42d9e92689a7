/**
 * Sending what attempts ask for. An attempt is marked `sent`, and that is committed, before its first
 * byte leaves; whoever dies in between leaves an attempt that is inquired, never one that is sent again.
 */
import { withTransaction } from '../../db/connect.ts';
import { APPROVAL_TOPIC } from '../../db/queries/transitions.ts';
import {
  GRANT_TERMS_COLUMNS,
  type GrantTermsRow,
  grantTermsOf,
  PAYEE_NUMBER_COLUMNS,
  type PayeeNumberRow,
} from '../../db/queries/grants.ts';
import { notHaltedSql } from '../../db/queries/halts.ts';
import { fault } from '../../domain/errors.ts';
import type { GrantRefusal } from '../../domain/grant.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import type { EffectRequest, OperatorClient, OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import { unsent } from '../../tools/mmo/reasons.ts';
import { type CheckedGrant, createGrantDesk, createRenewer, grantRefusal, numberRefusal, openNumber, reportRefusal } from '../grants.ts';
import type { GraphDeps } from '../types.ts';
import { createContacts, type TellContact } from './contact.ts';
import { createRailPump, nameOf, type Pump } from './pump.ts';
import { type Claimable, withinRates } from './rates.ts';
import { inquiryDelayMs, type Recorder, sealHandle } from './record.ts';

interface SendRow extends GrantTermsRow, PayeeNumberRow {
  request_id: string;
  takes_back: string | null;
  /** The collection that is taken back, as it ended: null where there is none that succeeded. */
  original: { request_id: string; receipt: string | null; amount: string } | null;
  sent_at: Date;
}

/** A claimed attempt with the grant it names; undefined when there is none. */
type GrantedRow = SendRow & { readonly grant: CheckedGrant | undefined };

const ORIGINAL = `(select jsonb_build_object('request_id', o.request_id, 'receipt', o.receipt, 'amount', o.amount::text) from attempts o
  where o.id = a.takes_back and o.payment_id = a.payment_id and o.rail_id = a.rail_id and o.leg = 'collection' and o.state = 'succeeded') as original`;

/** What an attempt counts as for its operator's limits, as `productKey` writes it. */
const PRODUCT = `rail_id || case leg when 'collection' then ' collection' else ' payout' end`;

const CLAIM_SQL = `
with picked as (
  select id from attempts where state = 'created' and rail_id <> all($5::text[]) and grant_expires_at > $2
    and ${PRODUCT} <> all($6::text[]) and ($7::text is null or ${PRODUCT} = $7)
    and ${notHaltedSql('attempts')}
  order by id limit $1 for update skip locked
)
update attempts a set state = 'sent', sent_at = $2, updated_at = $2, next_inquiry_at = $3, lease_token = $4
from picked, payments p
where a.id = picked.id and p.id = a.payment_id
returning ${GRANT_TERMS_COLUMNS}, ${PAYEE_NUMBER_COLUMNS}, a.request_id, a.sent_at, a.takes_back, ${ORIGINAL}`;

/** A pump that sends created attempts, each once, and records what came back. */
export function dispatchPump(deps: GraphDeps, recorder: Recorder): Pump {
  const desk = createGrantDesk(deps.keyring);
  const renew = createRenewer(deps, desk);
  const tell = createContacts(deps);
  return createRailPump<GrantedRow>(deps, {
    what: 'dispatch',
    claim: withinRates(deps, ['collection', 'payout'], async (claimable) => {
      // First, or a backlog that never ends would keep them waiting for ever.
      await renew();
      const claimed = await claimToSend(deps, claimable);
      const grants = await desk.fetch(
        deps.pool,
        claimed.map((row) => row.grant_id),
      );
      return claimed.map((row) => ({ ...row, grant: grants.get(row.grant_id) }));
    }),
    work: (row) => send(deps, { recorder, tell }, row),
  });
}

async function claimToSend(deps: GraphDeps, { limit, saturated, excluded, only }: Claimable): Promise<readonly SendRow[]> {
  const nowMs = deps.clock.now();
  // An attempt whose sender dies is looked at once its request cannot be under way any more.
  const overdueAt = new Date(nowMs + deps.settings.sendTimeoutMs + deps.settings.inquiryDelayMs);
  const claimed = await deps.pool.query<SendRow>({
    name: 'claim_attempts',
    text: CLAIM_SQL,
    values: [limit, new Date(nowMs), overdueAt, newId(), saturated, excluded, only],
  });
  // A statement gives back what it changed in the order of its plan; who came first is sent first.
  return claimed.rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function send(deps: GraphDeps, { recorder, tell }: { recorder: Recorder; tell: TellContact }, row: GrantedRow): Promise<void> {
  const outcome = await ask(deps, row);
  if (outcome.state === 'failed' && outcome.reasonCode === 'operator_busy') {
    await deps.rates?.pause(row.rail_id, row.leg === 'collection' ? 'collection' : 'payout');
  }
  await recorder.submit({
    attemptId: row.id,
    outcome,
    handle: outcome.handle ?? {},
    stored: null,
    nextInquiryAtMs: deps.clock.now() + inquiryDelayMs(deps.settings, row.rail_id, 0),
  });
  await tell(row.rail_id, row.leg, outcome);
}

/** Sends one request; an error of our own code leaves the outcome unknown, for it may have happened after the send. */
async function ask(deps: GraphDeps, row: GrantedRow): Promise<Outcome> {
  try {
    const granted = openGranted(deps, row);
    if ('why' in granted) {
      await withTransaction(deps.pool, (tx) => reportRefusal(tx, deps, row, granted.why));
      return unsent('grant_refused');
    }
    const operator = deps.operators(row.rail_id);
    const request = requestOf(deps, row, granted.phone);
    if (row.leg === 'collection') return await operator.collect(request);
    return row.takes_back === null ? await operator.disburse(request) : await takeBack(operator, request, row);
  } catch (error) {
    deps.log.error({ attemptId: row.id, railId: row.rail_id, error: nameOf(error) }, 'operator client failed');
    return { state: 'unknown', reasonCode: 'client_error' };
  }
}

/** Has the operator take a collection back. Without the collection there is nothing to take back, and nothing is sent. */
async function takeBack(operator: OperatorClient, request: EffectRequest, { original, currency }: SendRow): Promise<Outcome> {
  if (original === null) return unsent('receipt_missing');
  const { request_id: requestId, receipt, amount } = original;
  return operator.refund({ ...request, original: { requestId, receipt: receipt ?? '', amount: money(BigInt(amount), currency) } });
}

/**
 * The number to send to, when a grant covers the attempt and exactly this number; else why nothing may be sent. What the rows alone
 * show is told before anything is opened, so that a payee who was put in place of another is refused though their key opens nothing.
 */
function openGranted({ keyring, clock }: GraphDeps, row: GrantedRow): { readonly phone: string } | { readonly why: GrantRefusal } {
  const nowMs = clock.now();
  const byRows = grantRefusal(row.grant, grantTermsOf(row), nowMs);
  if (byRows !== null && byRows !== 'terms_differ') return { why: byRows };
  let phone: string;
  try {
    phone = openNumber(keyring, row);
  } catch (error) {
    if (byRows === null) throw error;
    return { why: byRows };
  }
  const why = numberRefusal(keyring, row, row.grant, { phone, nowMs });
  return why === null ? { phone } : { why };
}

function requestOf(deps: GraphDeps, row: SendRow, phone: string): EffectRequest {
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
