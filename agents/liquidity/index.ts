/**
 * The liquidity agent: reserves the float a payout needs (and the client's balance, when that pays),
 * queues what must wait, refuses what has waited too long, and proposes rebalances.
 *
 * `gather` locks the accounts, `apply` reserves on them; both belong to one transaction, so that the sum
 * of all reservations never passes what is there, however many workers run.
 */
import type { PoolClient } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import type { Verdict } from '../../domain/decision.ts';
import { fault } from '../../domain/errors.ts';
import { derivedId, newId } from '../../domain/ids.ts';
import { type Movement, post } from '../../tools/ledger/index.ts';
import type { Agent, WorkItem } from '../agent.ts';
import { decideLiquidity, type LiquidityData, type LiquidityFacts, type LiquidityOutcome } from './decide.ts';
import { floatCode, gatherLiquidityFacts, type LiquidityDeps, planItemOf } from './gather.ts';
import { LIQUIDITY_POLICY, type LiquidityPolicy } from './policy.ts';

export {
  decideLiquidity,
  type LiquidityData,
  type LiquidityFacts,
  type LiquidityOutcome,
  type PlanItem,
  type PlanState,
  plan,
} from './decide.ts';
export { type LiquidityDeps, lockPools } from './gather.ts';
export { LIQUIDITY_POLICY, type LiquidityPolicy } from './policy.ts';
export { type PoolLevel, proposeRebalances, type RebalanceProposal, readPoolLevels, recordProposals } from './rebalance.ts';

/** Id of the pending transfer that holds a payment's part of its client's balance. A payment is funded once. */
export function fundingReservationId(paymentId: string): string {
  return derivedId('funding', paymentId);
}

/** What a payment holds from now on. */
export interface Reserved {
  readonly paymentId: string;
  /** The pending transfer to be posted or voided by whoever ends the payment. */
  readonly reservationId: string;
  /** Payout rails with the reserved one first; empty when no operator pays out. */
  readonly payout: readonly string[];
}

interface Reservation extends Reserved {
  readonly movements: readonly Movement[];
}

/** What one verdict reserves; null when nothing is to be held. */
function reservationOf(
  item: WorkItem,
  verdict: Verdict<LiquidityOutcome, LiquidityData>,
  nowMs: number,
  policy: LiquidityPolicy,
): Reservation | null {
  if (verdict.outcome !== 'reserve') return null;
  const { payment } = item;
  const { funding, payout } = planItemOf(item, nowMs, policy);
  const { poolId } = verdict.data;
  if (payout !== null && (poolId === null || !payout.pools.includes(poolId))) {
    throw fault('internal', { internal: `payment ${payment.id} was to be reserved at a pool that is not on its route` });
  }
  const expiresAt = new Date(nowMs + policy.reservationMs);
  const common = { type: 'pending', paymentId: payment.id, expiresAt } as const;
  const fundingId = fundingReservationId(payment.id);
  const movements: Movement[] = [];
  if (funding !== null) {
    const { fromCurrency: currency } = payment;
    movements.push({
      ...common,
      id: fundingId,
      debit: funding.account,
      credit: `clearing:${currency}`,
      amount: funding.neededMinor,
      currency,
      reason: 'funding',
    });
  }
  const payoutId = newId();
  if (payout !== null && poolId !== null) {
    const { toCurrency: currency } = payment;
    movements.push({
      ...common,
      id: payoutId,
      debit: `clearing:${currency}`,
      credit: floatCode(poolId),
      amount: payout.neededMinor,
      currency,
      reason: 'reservation',
    });
  }
  if (movements.length === 0) return null;
  return { movements, paymentId: payment.id, reservationId: payout === null ? fundingId : payoutId, payout: verdict.data.payout };
}

// The reserved rail comes first from now on, for the payout must go where its float is held.
const APPLY_SQL = `
update payments p set reservation_id = r.reservation_id,
  payout_route = case when r.payout = '' then p.payout_route else string_to_array(r.payout, ',') end
from unnest($1::uuid[], $2::uuid[], $3::text[]) as r(id, reservation_id, payout)
where p.id = r.id`;

/**
 * Writes the pending transfers of every `reserve` and says what each payment holds; the caller writes that to
 * the payments. Throws `floor_passed` should an account not cover them, which the locks of `gather` rule out.
 */
export async function reserve(
  tx: PoolClient,
  items: readonly WorkItem[],
  verdicts: readonly Verdict<LiquidityOutcome, LiquidityData>[],
  nowMs: number,
  policy: LiquidityPolicy = LIQUIDITY_POLICY,
): Promise<readonly Reserved[]> {
  const reservations = items.flatMap((item, index) => {
    const verdict = verdicts[index];
    return (verdict && reservationOf(item, verdict, nowMs, policy)) ?? [];
  });
  await post(
    tx,
    reservations.flatMap((each) => each.movements),
  );
  return reservations;
}

/** Reserves as `reserve` does and points the payments at what they hold. */
export async function applyReservations(
  tx: PoolClient,
  items: readonly WorkItem[],
  verdicts: readonly Verdict<LiquidityOutcome, LiquidityData>[],
  nowMs: number,
  policy: LiquidityPolicy = LIQUIDITY_POLICY,
): Promise<void> {
  const reserved = await reserve(tx, items, verdicts, nowMs, policy);
  if (reserved.length === 0) return;
  await tx.query({
    name: 'apply_reservations',
    text: APPLY_SQL,
    values: [
      reserved.map((each) => each.paymentId),
      reserved.map((each) => each.reservationId),
      reserved.map((each) => each.payout.join(',')),
    ],
  });
}

/** Makes the agent. Outcomes: `reserve`, `queue`, `refuse` with `liquidity_timeout` or `insufficient_funds`. */
export function createLiquidityAgent(
  deps: { readonly clock: Clock },
  policy: LiquidityPolicy = LIQUIDITY_POLICY,
): Agent<LiquidityDeps, LiquidityFacts, LiquidityOutcome, LiquidityData> {
  return {
    name: 'liquidity',
    policyVersion: policy.version,
    ownFacts: ['funding', 'payout', 'waitedMs'],
    gather: (given, items) => gatherLiquidityFacts(given, policy, items),
    decide: decideLiquidity,
    apply: (tx, items, verdicts) => applyReservations(tx, items, verdicts, deps.clock.now(), policy),
  };
}
