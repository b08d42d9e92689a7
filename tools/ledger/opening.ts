/** Opening the books: the accounts of the network, its pools, and the money they begin with. */
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { demoFloatMinor } from '../../domain/demo-float.ts';
import { derivedId } from '../../domain/ids.ts';
import type { Money } from '../../domain/money.ts';
import { RAILS } from '../../domain/network.ts';
import type { Rail } from '../../domain/rail.ts';
import { accountsOfCurrency, clientAccount, ensureAccounts, floatAccount } from './accounts.ts';
import type { Movement } from './movement.ts';
import { post } from './post.ts';

export interface OpeningOptions {
  /** The network unless given. */
  readonly rails?: readonly Rail[];
  /** Opening float of a rail, minor units; what the demo begins with unless given. Zero leaves the float empty. */
  readonly floatMinor?: (rail: Rail) => bigint;
}

/**
 * Opens every account and pool of the network, and pays each float in once: debit float, credit treasury.
 * Safe to run at every start; a float that was opened before keeps what it has.
 */
export async function seedBooks(pool: Pool, options: OpeningOptions = {}): Promise<void> {
  const rails = options.rails ?? RAILS;
  const floatMinor = options.floatMinor ?? demoFloatMinor;
  const currencies = [...new Set(rails.map((rail) => rail.currency))];
  await withTransaction(pool, async (tx) => {
    await ensureAccounts(tx, [...currencies.flatMap(accountsOfCurrency), ...rails.map((rail) => floatAccount(rail.id, rail.currency))]);
    await ensurePools(tx, rails, floatMinor);
    await post(tx, await missing(tx, openings(rails, floatMinor)));
  });
}

/** Takes money in for a client's balance: debit treasury, credit client. The same reference pays in once. */
export async function fundClient(tx: PoolClient, clientId: string, amount: Money, reference: string): Promise<void> {
  const account = clientAccount(clientId, amount.currency);
  await ensureAccounts(tx, [...accountsOfCurrency(amount.currency), account]);
  const id = derivedId('client_funding', clientId, reference);
  const { minor, currency } = amount;
  await post(tx, [
    { id, type: 'posted', debit: `treasury:${currency}`, credit: account.code, amount: minor, currency, reason: 'client_funding' },
  ]);
}

function openings(rails: readonly Rail[], floatMinor: (rail: Rail) => bigint): (Movement & { readonly id: string })[] {
  return rails
    .filter((rail) => floatMinor(rail) > 0n)
    .map((rail) => ({
      id: derivedId('opening', rail.id),
      type: 'posted',
      debit: `float:${rail.id}`,
      credit: `treasury:${rail.currency}`,
      amount: floatMinor(rail),
      currency: rail.currency,
      reason: 'opening',
    }));
}

/** Openings not yet in the books: a later version may open floats with other amounts, and that is no conflict. */
async function missing<T extends { readonly id: string }>(tx: PoolClient, movements: readonly T[]): Promise<T[]> {
  const { rows } = await tx.query<{ id: string }>('select id from transfers where id = any($1::uuid[])', [movements.map(({ id }) => id)]);
  const known = new Set(rows.map(({ id }) => id));
  return movements.filter(({ id }) => !known.has(id));
}

/** A pool asks for a rebalance below a fifth of what it began with, up to all of it; one that began empty, never. */
async function ensurePools(tx: PoolClient, rails: readonly Rail[], floatMinor: (rail: Rail) => bigint): Promise<void> {
  await tx.query(
    `insert into liquidity_pools (id, account_id, currency, country, low_water, target)
      select rail.id, account.id, rail.currency, rail.country, rail.target / 5, rail.target
      from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as rail(id, currency, country, target)
      join accounts account on account.code = 'float:' || rail.id
      on conflict (id) do update set low_water = excluded.low_water, target = excluded.target
        where liquidity_pools.target = 0 and excluded.target > 0`,
    [rails.map((rail) => rail.id), rails.map((rail) => rail.currency), rails.map((rail) => rail.country), rails.map(floatMinor)],
  );
}
