/**
 * Asking operators what became of earlier requests, with growing waits, until each is an end. This is
 * how a lost answer, a lost callback or a dead worker converges.
 */
import type { Currency } from '../../domain/currency.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import { money } from '../../domain/money.ts';
import type { OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import { type Doubt, unknown } from '../../tools/mmo/reasons.ts';
import type { GraphDeps } from '../types.ts';
import { createRailPump, nameOf, type Pump } from './pump.ts';
import { type Claimable, withinRates } from './rates.ts';
import { inquiryDelayMs, openHandle, type Recorder } from './record.ts';

/** An open attempt as an inquiry needs it. */
export interface OpenAttempt {
  readonly id: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly railId: string;
  readonly requestId: string;
  /** Whether it takes a collection back by the operator's own operation. */
  readonly takesBack: boolean;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  /** The operator's id of the movement that ended it; null before that. */
  readonly receipt: string | null;
  readonly handle: OperatorHandle;
  /** The same as it is stored. */
  readonly stored: Buffer | null;
  readonly sentAtMs: number;
  readonly inquiries: number;
}

interface OpenRow {
  id: string;
  client_id: string;
  payment_id: string;
  leg: Leg;
  rail_id: string;
  request_id: string;
  takes_back: string | null;
  amount: bigint;
  currency: Currency;
  receipt: string | null;
  operator_handle: Buffer | null;
  sent_at: Date;
  inquiries: number;
}

const OPEN_COLUMNS = `a.id, a.client_id, a.payment_id, a.leg, a.rail_id, a.request_id, a.takes_back, a.amount, a.currency, a.receipt, a.operator_handle,
  a.sent_at, a.inquiries`;

const CLAIM_SQL = `
with picked as (
  select id from attempts where state in ('sent', 'pending', 'unknown') and next_inquiry_at <= $2 and rail_id <> all($4::text[])
    and rail_id || ' inquiry' <> all($5::text[]) and ($6::text is null or rail_id || ' inquiry' = $6)
  order by next_inquiry_at limit $1 for update skip locked
)
update attempts a set inquiries = a.inquiries + 1, next_inquiry_at = $3, updated_at = $2
from picked where a.id = picked.id
returning ${OPEN_COLUMNS}`;

/** A pump that asks about attempts whose next inquiry is due. */
export function inquiryPump(deps: GraphDeps, recorder: Recorder): Pump {
  return createRailPump<OpenRow>(deps, {
    what: 'inquiry',
    claim: withinRates(deps, ['inquiry'], (claimable) => claimDue(deps, claimable)),
    work: (row) => inquireAndRecord(deps, recorder, openAttemptOf(deps, row)),
  });
}

async function claimDue(deps: GraphDeps, { limit, saturated, excluded, only }: Claimable): Promise<readonly OpenRow[]> {
  const nowMs = deps.clock.now();
  // Should this process die, somebody else asks again after the time a request may take.
  const againAt = new Date(nowMs + deps.settings.sendTimeoutMs + deps.settings.inquiryDelayMs);
  const claimed = await deps.pool.query<OpenRow>({
    name: 'claim_inquiries',
    text: CLAIM_SQL,
    values: [limit, new Date(nowMs), againAt, saturated, excluded, only],
  });
  return claimed.rows;
}

async function inquireAndRecord(deps: GraphDeps, recorder: Recorder, attempt: OpenAttempt): Promise<void> {
  const outcome = await inquire(deps, attempt);
  await recorder.submit({
    attemptId: attempt.id,
    outcome: withKnownReceipt(outcome, attempt.handle),
    handle: { ...attempt.handle, ...outcome.handle },
    stored: attempt.stored,
    nextInquiryAtMs: deps.clock.now() + inquiryDelayMs(deps.settings, attempt.railId, attempt.inquiries),
  });
}

/** Asks once. An error of our own code tells nothing about the payment: unknown. */
export async function inquire(deps: GraphDeps, attempt: OpenAttempt): Promise<Outcome> {
  const amount = money(attempt.amountMinor, attempt.currency);
  try {
    const outcome = await deps.operators(attempt.railId).inquire({
      requestId: attempt.requestId,
      leg: attempt.leg === 'collection' ? 'collection' : attempt.takesBack ? 'refund' : 'payout',
      amount,
      handle: attempt.handle,
      sentAtMs: attempt.sentAtMs,
      nowMs: deps.clock.now(),
      callbackUrl: deps.callbacks.urlOf(attempt.railId, attempt.id),
    });
    if (outcome.state === 'unknown' && outcome.reasonCode === ('busy' satisfies Doubt)) await deps.rates?.pause(attempt.railId, 'inquiry');
    return checkedAmount(outcome, attempt);
  } catch (error) {
    deps.log.error({ attemptId: attempt.id, railId: attempt.railId, error: nameOf(error) }, 'inquiry failed');
    return { state: 'unknown', reasonCode: 'client_error' };
  }
}

/** A success over another amount than ours is not the success of this attempt: people must look. */
export function checkedAmount(outcome: Outcome, attempt: { readonly amountMinor: bigint; readonly currency: Currency }): Outcome {
  if (outcome.state !== 'succeeded' || outcome.amount === null) return outcome;
  if (outcome.amount.minor === attempt.amountMinor && outcome.amount.currency === attempt.currency) return outcome;
  return unknown('amount_mismatch', outcome.handle);
}

/** Some status queries name no receipt; the callback did. */
function withKnownReceipt(outcome: Outcome, handle: OperatorHandle): Outcome {
  return outcome.state === 'succeeded' && outcome.receipt === '' ? { ...outcome, receipt: handle['callbackReceipt'] ?? '' } : outcome;
}

/** Loads attempts for a look at them, whatever their state. */
export async function loadOpenAttempts(
  deps: GraphDeps,
  ids: readonly string[],
): Promise<Map<string, OpenAttempt & { readonly state: string }>> {
  const result = await deps.pool.query<OpenRow & { state: string }>({
    name: 'load_attempts',
    text: `select ${OPEN_COLUMNS}, a.state from attempts a where a.id = any($1::uuid[])`,
    values: [ids],
  });
  return new Map(result.rows.map((row) => [row.id, { ...openAttemptOf(deps, row), state: row.state }]));
}

function openAttemptOf(deps: GraphDeps, row: OpenRow): OpenAttempt {
  return {
    id: row.id,
    clientId: row.client_id,
    paymentId: row.payment_id,
    leg: row.leg,
    railId: row.rail_id,
    requestId: row.request_id,
    takesBack: row.takes_back !== null,
    amountMinor: row.amount,
    currency: row.currency,
    receipt: row.receipt,
    handle: openHandle(deps, row.operator_handle),
    stored: row.operator_handle,
    sentAtMs: row.sent_at?.getTime() ?? 0,
    inquiries: row.inquiries,
  };
}
