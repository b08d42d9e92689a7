/** What became of the demo's payments after they were paid: batches, netting, time until settled, ledger and chain. */
import { setTimeout as delay } from 'node:timers/promises';
import { SETTLEMENT_POLICY, usdMicrosOfMinor } from '../../agents/settlement/index.ts';
import type { Pool } from '../../db/connect.ts';
import { windowOf } from '../../db/queries/settlement-windows.ts';
import type { Currency } from '../../domain/currency.ts';
import { ON_US } from '../../domain/network.ts';
import type { ChainComparison } from '../verify-chain.ts';

export interface SettlementReport {
  readonly batches: number;
  /** Payments in them. */
  readonly netted: number;
  readonly onChain: number;
  readonly onBooks: number;
  /** Batches for the chain that are not settled. */
  readonly unsettled: number;
  /** What was collected and paid out at partners for each unit that is owed after netting, at the policy's round rates; null without any net. */
  readonly nettingRatio: number | null;
  /** Batches whose due nobody has paid: on the books or expired, it waits for a later batch. None of these is among the unsettled. */
  readonly carried: number;
  /** Paid payments with a leg in such a batch, in one that was taken over by it, or in one that the chain has not paid yet. */
  readonly paymentsCarried: number;
  /** From paid until what pays its legs was settled, mean over the other payments, milliseconds; what was carried is settled by what pays it. */
  readonly meanMsToSettled: number | null;
  readonly ledgerIsChain: 'equal' | 'differs' | 'not_compared';
}

const POLL_MS = 500;
const SETTLEMENT_MS_MAX = 180_000;

/** Waits, within a bound, until every paid payment is netted and every batch is settled. */
export async function untilSettled(pool: Pool, paymentIds: readonly (string | null)[]): Promise<void> {
  const deadline = performance.now() + SETTLEMENT_MS_MAX;
  while (performance.now() < deadline) {
    const left = await pool.query<{ left: number }>(
      `select (select count(*) from payments p where id = any($1::uuid[]) and status = 'paid' and ${windowOf('p.id')} is null)::int
         + (select count(*) from settlement_batches where status in ('closed', 'proposed', 'approved', 'executed'))::int as left`,
      [paymentIds],
    );
    if (left.rows[0]?.left === 0) return;
    await delay(POLL_MS);
  }
}

interface BatchRow {
  method: string;
  status: string;
  partner: string;
  currency: Currency;
  gross: bigint;
  net: bigint;
}

/** Each leg's way ends in a batch that the chain has paid, in one with nothing due, or in one whose due is yet to be paid. */
const WAITED_SQL = `with recursive way as (
    select id as start, carried_to, due_amount, method, status, settled_at from settlement_batches
    union all
    select way.start, n.carried_to, n.due_amount, n.method, n.status, n.settled_at
    from way join settlement_batches n on n.id = way.carried_to
  ), ended as (
    select start, case when due_amount = 0 or (method = 'chain' and status = 'settled') then settled_at end as at from way where carried_to is null
  ), payment as (
    select p.id, p.completed_at, max(ended.at) as at, bool_and(ended.at is not null) as is_settled
    from payments p cross join lateral (select ${windowOf('p.id')} as id) as netted
    cross join lateral (values ('collection', p.from_currency, p.funding), ('payout', p.to_currency, p.delivery)) as moved(leg, currency, means)
    join settlement_batches b on b.window_id = netted.id and b.currency = moved.currency and b.partner = case moved.means
      when 'balance' then '${ON_US}'
      else (select a.rail_id from attempts a where a.payment_id = p.id and a.leg = moved.leg and a.state = 'succeeded') end
    join ended on ended.start = b.id
    where p.status = 'paid' group by p.id
  )
  select avg(extract(epoch from at - completed_at) * 1000) filter (where is_settled)::float8 as ms,
    (count(*) filter (where not is_settled))::int as carried,
    (select count(*) from settlement_batches where carried_to is null and due_amount <> 0 and (method = 'books' or status = 'expired'))::int as open
  from payment`;

/** Reads what the settlement came to. */
export async function settlementReport(pool: Pool, chain: ChainComparison): Promise<SettlementReport> {
  const { rows } = await pool.query<BatchRow>(
    `select method, status, partner, currency, collected_amount + disbursed_amount as gross, abs(net_amount) as net from settlement_batches`,
  );
  const netted = await pool.query<{ netted: number }>('select coalesce(sum(payment_count), 0)::int as netted from settlement_windows');
  const waited = await pool.query<{ ms: number | null; carried: number; open: number }>(WAITED_SQL);
  const partners = rows.filter((row) => row.partner !== ON_US);
  const sum = (pick: (row: BatchRow) => bigint): bigint =>
    partners.reduce((total, row) => total + usdMicrosOfMinor(pick(row), row.currency, SETTLEMENT_POLICY), 0n);
  const [gross, net] = [sum((row) => row.gross), sum((row) => row.net)];
  const { ms = null, carried = 0, open = 0 } = waited.rows[0] ?? {};
  return {
    batches: rows.length,
    netted: netted.rows[0]?.netted ?? 0,
    onChain: rows.filter((row) => row.method === 'chain').length,
    onBooks: rows.filter((row) => row.method === 'books').length,
    unsettled: rows.filter((row) => row.status !== 'settled').length,
    carried: open,
    paymentsCarried: carried,
    nettingRatio: net === 0n ? null : Number((gross * 100n) / net) / 100,
    meanMsToSettled: ms === null ? null : Math.round(ms),
    ledgerIsChain: chain.state !== 'compared' ? 'not_compared' : chain.violations.length === 0 ? 'equal' : 'differs',
  };
}
