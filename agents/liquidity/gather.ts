/**
 * Facts for liquidity, read under lock: from here to the end of the transaction nobody else can spend
 * the float and balances the cohort is about to reserve.
 */
import type { PoolClient } from 'pg';
import { fault } from '../../domain/errors.ts';
import { ON_US } from '../../domain/network.ts';
import { clearingAccount, clientAccount, feesAccount, positionAccount, roundingAccount } from '../../tools/ledger/index.ts';
import type { WorkItem } from '../agent.ts';
import { type LiquidityFacts, type PlanItem, type PlanState, plan, type Waiting } from './decide.ts';
import type { LiquidityPolicy } from './policy.ts';

/** `tx` is the transaction of the durable boundary: what is read here is reserved in the same one. */
export interface LiquidityDeps {
  readonly tx: PoolClient;
  readonly nowMs: number;
}

interface LockedAccount {
  readonly code: string;
  readonly freeMinor: bigint;
  /** Treasury's target when the account is a float, else 0. */
  readonly targetMinor: bigint;
}

// Locks in the order of ids, as everybody does who moves money. NO KEY UPDATE: rows that merely refer to the account need not wait.
const LOCK_SQL = `
select a.code, coalesce(pool.target, 0)::bigint as target,
  case a.normal_side when 'debit' then a.debits_posted - a.credits_posted - a.credits_pending
    else a.credits_posted - a.debits_posted - a.debits_pending end - coalesce(a.floor, 0) as free
from accounts a left join liquidity_pools pool on pool.account_id = a.id
where a.code = any($1::text[]) order by a.id for no key update of a`;

/** Locks accounts by code and says what is free on each: balance less what is pending against it, less its floor. Minor units. */
export async function lockAccounts(tx: PoolClient, codes: readonly string[]): Promise<ReadonlyMap<string, LockedAccount>> {
  if (codes.length === 0) return new Map();
  const { rows } = await tx.query<{ code: string; free: bigint; target: bigint }>({
    name: 'lock_accounts_free',
    text: LOCK_SQL,
    values: [codes],
  });
  return new Map(rows.map((row) => [row.code, { code: row.code, freeMinor: row.free, targetMinor: row.target }]));
}

/** Locks the float accounts of pools until the transaction ends; says what is free in each. Unknown pools are left out. */
export async function lockPools(tx: PoolClient, poolIds: readonly string[]): Promise<PlanState['pools']> {
  return poolsOf(await lockAccounts(tx, poolIds.map(floatCode)));
}

export const floatCode = (poolId: string): string => `float:${poolId}`;

function poolsOf(accounts: ReadonlyMap<string, LockedAccount>): PlanState['pools'] {
  return new Map(
    [...accounts.values()].filter(({ code }) => code.startsWith('float:')).map((account) => [account.code.slice('float:'.length), account]),
  );
}

/**
 * What a payment needs reserved. Before authorisation that is the client's balance (when it pays) and the
 * payout's float; after the collection the float alone; in between both are reserved already.
 */
export function planItemOf({ payment, quote, route }: WorkItem, nowMs: number, policy: LiquidityPolicy): PlanItem {
  if (quote === undefined || route === undefined)
    throw fault('internal', { internal: `payment ${payment.id} needs a quote and a route before liquidity` });
  const isReserved = payment.status === 'authorized' || payment.status === 'collecting';
  const isCollected = payment.status === 'collected' || payment.status === 'disbursing';
  const isFundedByBalance = payment.funding === 'balance' && !isCollected && !isReserved;
  const isPaidOut = payment.delivery === 'wallet' && !isReserved;
  return {
    createdAtMs: payment.createdAtMs,
    waitedMs: Math.max(0, nowMs - payment.createdAtMs),
    waitMsMax: isCollected ? policy.payoutMsMax : policy.queueMsMax,
    funding: isFundedByBalance ? { account: `client:${payment.clientId}:${payment.fromCurrency}`, neededMinor: payment.amountMinor } : null,
    payout: isPaidOut
      ? {
          pools: route.payout.filter((railId) => railId !== ON_US && !payment.payoutSpent.includes(railId)),
          neededMinor: quote.targetMinor,
        }
      : null,
  };
}

/**
 * Accounts that what a cohort reserves will touch, clearing accounts included, so that all are locked at once and in one order. What
 * goes from balance to balance is closed in the same transaction, and touches every account of an exchange.
 */
function accountsOf(items: readonly WorkItem[], planItems: readonly PlanItem[]): string[] {
  return [
    ...new Set(
      planItems.flatMap((each, index) => {
        const payment = items[index]?.payment;
        if (payment === undefined) return [];
        return [
          ...(each.payout === null ? [] : [...each.payout.pools.map(floatCode), `clearing:${payment.toCurrency}`]),
          ...(each.funding === null ? [] : [each.funding.account, `clearing:${payment.fromCurrency}`]),
          ...(each.funding === null || payment.delivery === 'wallet' ? [] : accountsOfExchange(payment)),
        ];
      }),
    ),
  ];
}

function accountsOfExchange({ clientId, fromCurrency, toCurrency }: WorkItem['payment']): string[] {
  return [
    feesAccount(fromCurrency),
    positionAccount(fromCurrency),
    positionAccount(toCurrency),
    clearingAccount(toCurrency),
    roundingAccount(toCurrency),
    clientAccount(clientId, toCurrency),
  ].map((account) => account.code);
}

/**
 * SQL for what each of some queued payments waits for, as its latest liquidity decision saw it: terms and
 * routes are not written before a payment is authorised. `source` yields their id and created_at.
 */
export function needsOfQueued(source: string): string {
  return `
    select queued.created_at, said.facts #>> '{payout,pools,0,pool}' as pool, (said.facts #>> '{payout,neededMinor}')::bigint as needed
    from (${source}) queued cross join lateral (
      select facts from agent_activity where payment_id = queued.id and agent = 'liquidity' order by position desc limit 1
    ) said`;
}

/** Payment ids are ordered by time, so the first of the index are the oldest. */
export const WAITING_SQL = `
select * from (${needsOfQueued(`
  select p.id, p.created_at from payments_by_status s join payments p on p.id = s.payment_id
  where s.status = 'queued' and p.created_at <= $1 and p.id <> all($2::uuid[]) order by s.payment_id limit $4
`)}) needs where pool = any($3::text[])`;

/** Payments outside the cohort that have waited too long to be passed at these pools. Read it once the pools are locked. */
async function readWaiting(
  deps: LiquidityDeps,
  cohortIds: readonly string[],
  poolIds: readonly string[],
  policy: LiquidityPolicy,
): Promise<Waiting[]> {
  if (poolIds.length === 0) return [];
  const { rows } = await deps.tx.query<{ pool: string; needed: bigint; created_at: Date }>({
    name: 'read_waiting_payments',
    text: WAITING_SQL,
    values: [new Date(deps.nowMs - policy.overtakeMsMax), cohortIds, poolIds, policy.waitingMax],
  });
  return rows.map((row) => ({ pool: row.pool, neededMinor: row.needed, createdAtMs: row.created_at.getTime() }));
}

/** Locks, reads and puts into facts what each payment of the cohort finds at its turn; in the order of the items. */
export async function gatherLiquidityFacts(
  deps: LiquidityDeps,
  policy: LiquidityPolicy,
  items: readonly WorkItem[],
): Promise<LiquidityFacts[]> {
  const planItems = items.map((item) => planItemOf(item, deps.nowMs, policy));
  const accounts = await lockAccounts(deps.tx, accountsOf(items, planItems));
  const pools = poolsOf(accounts);
  const waiting = await readWaiting(
    deps,
    items.map((item) => item.payment.id),
    [...pools.keys()],
    policy,
  );
  const balances = new Map([...accounts.values()].map((account) => [account.code, account.freeMinor]));
  return plan({ pools, balances, waiting }, planItems, policy).map((each) => each.facts);
}
