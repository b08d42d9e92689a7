/** Facts for settlement: paid payments that no batch holds yet, with every try of their legs. */
import type { PoolClient } from 'pg';
import type { Currency } from '../../domain/currency.ts';
import type { AttemptState, Leg } from '../../domain/lifecycle.ts';
import { ON_US } from '../../domain/network.ts';
import { closingCause, doubtOf, type NettableLeg, netLegs, type SettlementFacts, type SettlementLegFacts } from './decide.ts';
import type { SettlementPolicy } from './policy.ts';

/** A payment in the window, with the facts its verdict is made from. */
export interface WindowPayment {
  readonly paymentId: string;
  readonly clientId: string;
  readonly completedAtMs: number;
  readonly facts: SettlementFacts;
}

interface Row {
  id: string;
  client_id: string;
  status: string;
  amount: bigint;
  target_amount: bigint | null;
  from_currency: Currency;
  to_currency: Currency;
  funding: 'wallet' | 'balance';
  delivery: 'wallet' | 'balance';
  completed_at: Date;
  attempt_leg: Leg | null;
  attempt_rail: string | null;
  attempt_state: AttemptState | null;
  attempt_amount: bigint | null;
}

// Payments another settlement run holds are left to it.
export const WINDOW_SQL = `
with picked as (
  select p.id, p.client_id, p.status, p.amount, p.target_amount, p.from_currency, p.to_currency, p.funding, p.delivery, p.completed_at
  from payments_by_status unsettled join payments p on p.id = unsettled.payment_id
  where unsettled.status = 'paid' and p.status = 'paid' and p.settlement_batch_id is null
  order by unsettled.payment_id limit $1 for no key update of p skip locked
)
select p.*, a.leg as attempt_leg, a.rail_id as attempt_rail, a.state as attempt_state, a.amount as attempt_amount
from picked p left join attempts a on a.payment_id = p.id
order by p.completed_at, p.id, a.leg, a.sequence`;

/** Locks and reads the window, oldest payment first, and judges whether it closes. */
export async function gatherWindow(tx: PoolClient, nowMs: number, policy: SettlementPolicy): Promise<WindowPayment[]> {
  const { rows } = await tx.query<Row>({ name: 'read_settlement_window', text: WINDOW_SQL, values: [policy.windowMax] });
  const read = [...Map.groupBy(rows, (row) => row.id).values()].flatMap((each) => {
    const [payment] = each;
    return payment === undefined ? [] : [{ payment, facts: factsOf(payment, each) }];
  });
  const sound = read.filter((each) => doubtOf(each.facts) === null);
  const closedBy = closingCause(
    {
      paymentCount: sound.length,
      oldestPaidAtMs: Math.min(...sound.map((each) => each.payment.completed_at.getTime())),
      positions: netLegs(sound.flatMap((each) => nettableLegs(each.payment.id, each.facts.legs))),
    },
    nowMs,
    policy,
  );
  return read.map(({ payment, facts }) => ({
    paymentId: payment.id,
    clientId: payment.client_id,
    completedAtMs: payment.completed_at.getTime(),
    facts: { ...facts, closedBy },
  }));
}

/** The legs of a payment as they are netted; those without a confirmed amount are left out. */
export function nettableLegs(paymentId: string, legs: readonly SettlementLegFacts[]): NettableLeg[] {
  return legs.flatMap(({ leg, partner, currency, confirmedMinor }) =>
    partner === null || confirmedMinor === null ? [] : [{ paymentId, leg, partner, currency, amountMinor: BigInt(confirmedMinor) }],
  );
}

function factsOf(payment: Row, tries: readonly Row[]): Omit<SettlementFacts, 'closedBy'> {
  return {
    status: payment.status,
    legs: [
      legFactsOf('collection', payment.amount, payment.from_currency, payment.funding, tries),
      legFactsOf('payout', payment.target_amount ?? 0n, payment.to_currency, payment.delivery, tries),
    ],
    refunds: tries.filter((each) => each.attempt_leg === 'refund' && each.attempt_state !== 'failed').length,
  };
}

function legFactsOf(
  leg: 'collection' | 'payout',
  expected: bigint,
  currency: Currency,
  by: 'wallet' | 'balance',
  rows: readonly Row[],
): SettlementLegFacts {
  const tries = rows.filter((row) => row.attempt_leg === leg);
  const success = tries.find((row) => row.attempt_state === 'succeeded');
  const isOnUs = by === 'balance';
  return {
    leg,
    partner: isOnUs ? ON_US : (success?.attempt_rail ?? null),
    currency,
    expectedMinor: String(expected),
    confirmedMinor: isOnUs ? String(expected) : (success?.attempt_amount?.toString() ?? null),
    openTries: tries.filter((row) => row.attempt_state !== 'succeeded' && row.attempt_state !== 'failed').length,
  };
}
