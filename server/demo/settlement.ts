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
  /** From paid until every batch of the payment's window was settled, mean over payments, milliseconds. */
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

/** Reads what the settlement came to. */
export async function settlementReport(pool: Pool, chain: ChainComparison): Promise<SettlementReport> {
  const { rows } = await pool.query<BatchRow>(
    `select method, status, partner, currency, collected_amount + disbursed_amount as gross, abs(net_amount) as net from settlement_batches`,
  );
  const netted = await pool.query<{ netted: number }>('select coalesce(sum(payment_count), 0)::int as netted from settlement_windows');
  const waited = await pool.query<{ ms: number | null }>(
    `select avg(extract(epoch from ended.at - p.completed_at) * 1000)::float8 as ms from payments p
     cross join lateral (select max(b.settled_at) as at from settlement_batches b where b.window_id = ${windowOf('p.id')}) as ended
     where p.status = 'paid' and ended.at is not null`,
  );
  const partners = rows.filter((row) => row.partner !== ON_US);
  const sum = (pick: (row: BatchRow) => bigint): bigint =>
    partners.reduce((total, row) => total + usdMicrosOfMinor(pick(row), row.currency, SETTLEMENT_POLICY), 0n);
  const [gross, net] = [sum((row) => row.gross), sum((row) => row.net)];
  const ms = waited.rows[0]?.ms ?? null;
  return {
    batches: rows.length,
    netted: netted.rows[0]?.netted ?? 0,
    onChain: rows.filter((row) => row.method === 'chain').length,
    onBooks: rows.filter((row) => row.method === 'books').length,
    unsettled: rows.filter((row) => row.status !== 'settled').length,
    nettingRatio: net === 0n ? null : Number((gross * 100n) / net) / 100,
    meanMsToSettled: ms === null ? null : Math.round(ms),
    ledgerIsChain: chain.state !== 'compared' ? 'not_compared' : chain.violations.length === 0 ? 'equal' : 'differs',
  };
}
