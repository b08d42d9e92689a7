/**
 * The accounts of the books: how each kind is named, which side makes it grow, and where its floor is.
 * An account is known by its code everywhere outside the database.
 */
import type { Pool } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';

export type AccountKind =
  | 'float'
  | 'clearing'
  | 'fees'
  | 'position'
  | 'rounding'
  | 'treasury'
  | 'suspense'
  | 'client'
  | 'partner'
  | 'chain';

export interface AccountSpec {
  readonly code: string;
  readonly kind: AccountKind;
  readonly currency: Currency;
  readonly normalSide: 'debit' | 'credit';
  /** Least balance net of what is pending against it, minor units; null: none. */
  readonly floor: bigint | null;
  readonly clientId: string | null;
}

/** Our money at an operator. */
export function floatAccount(railId: string, currency: Currency): AccountSpec {
  return { code: `float:${railId}`, kind: 'float', currency, normalSide: 'debit', floor: 0n, clientId: null };
}

/** What we owe or are owed for payments on their way; zero for every finished payment. */
export function clearingAccount(currency: Currency): AccountSpec {
  return own('clearing', currency);
}

/** What we earned in fees. */
export function feesAccount(currency: Currency): AccountSpec {
  return own('fees', currency);
}

/** What exchanges brought in or took out of a currency. */
export function positionAccount(currency: Currency): AccountSpec {
  return own('position', currency);
}

/** What operators cannot move, cut off payouts. */
export function roundingAccount(currency: Currency): AccountSpec {
  return own('rounding', currency);
}

/** The platform's own money behind the floats. */
export function treasuryAccount(currency: Currency): AccountSpec {
  return own('treasury', currency);
}

/** Money at operators whose owner is not known yet: what reconciliation found and people have still to clear. */
export function suspenseAccount(currency: Currency): AccountSpec {
  return own('suspense', currency);
}

/** What a partner owes for settlements: paid on chain and not yet in our float, less what it paid us and has not taken out yet. */
export function partnerAccount(railId: string, currency: Currency): AccountSpec {
  return { code: `partner:${railId}`, kind: 'partner', currency, normalSide: 'debit', floor: null, clientId: null };
}

/** What settlements on chain brought in less what they paid out. */
export function chainAccount(currency: Currency): AccountSpec {
  return { code: `chain:${currency}`, kind: 'chain', currency, normalSide: 'debit', floor: null, clientId: null };
}

/** A client's balance with us. */
export function clientAccount(clientId: string, currency: Currency): AccountSpec {
  return { code: `client:${clientId}:${currency}`, kind: 'client', currency, normalSide: 'credit', floor: 0n, clientId };
}

/** The five accounts that every currency has. */
export function accountsOfCurrency(currency: Currency): AccountSpec[] {
  return [clearingAccount, feesAccount, positionAccount, roundingAccount, treasuryAccount].map((make) => make(currency));
}

function own(kind: AccountKind, currency: Currency): AccountSpec {
  return { code: `${kind}:${currency}`, kind, currency, normalSide: 'credit', floor: null, clientId: null };
}

const ENSURE_SQL = `
with spec as (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::uuid[])
    as spec(code, kind, currency, normal_side, floor, client_id)
), made as (
  insert into accounts (code, kind, currency, normal_side, floor, client_id)
  select code, kind, currency, normal_side, floor, client_id from spec order by code
  on conflict (code) do nothing
)
select count(*)::int as count from spec join accounts a on a.code = spec.code
where (a.kind, a.currency, a.normal_side) is distinct from (spec.kind, spec.currency, spec.normal_side)`;

/** Accounts that are known to be there, by database: accounts are neither removed nor renamed. */
const KNOWN = new WeakMap<Pool, Set<string>>();

/** Opens the accounts that are missing, and asks the database about each of them once only. Throws as `ensureAccounts` does. */
export async function ensureAccountsOnce(pool: Pool, specs: readonly AccountSpec[]): Promise<void> {
  const known = KNOWN.get(pool) ?? new Set();
  const unknown = new Map(specs.filter((spec) => !known.has(spec.code)).map((spec) => [spec.code, spec]));
  await ensureAccounts(pool, [...unknown.values()]);
  for (const code of unknown.keys()) known.add(code);
  KNOWN.set(pool, known);
}

/** Opens the accounts that are missing. Throws `internal` when one exists as another kind of account. */
export async function ensureAccounts(tx: Queryable, specs: readonly AccountSpec[]): Promise<void> {
  if (specs.length === 0) return;
  const column = <T>(pick: (spec: AccountSpec) => T): T[] => specs.map(pick);
  const { rows } = await tx.query<{ count: number }>({
    name: 'ledger_ensure_accounts',
    text: ENSURE_SQL,
    values: [
      column((spec) => spec.code),
      column((spec) => spec.kind),
      column((spec) => spec.currency),
      column((spec) => spec.normalSide),
      column((spec) => spec.floor),
      column((spec) => spec.clientId),
    ],
  });
  if (rows[0]?.count !== 0) throw fault('internal', { internal: 'an account exists with another kind, currency or side' });
}

/** Row ids by code. Throws `account_not_found` unless every code has an account. */
export async function accountIds(db: Queryable, codes: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await db.query<{ code: string; id: number }>({
    name: 'ledger_account_ids',
    text: 'select code, id from accounts where code = any($1::text[])',
    values: [codes],
  });
  const ids = new Map(rows.map((row) => [row.code, row.id]));
  const missing = codes.find((code) => !ids.has(code));
  if (missing !== undefined) throw fault('account_not_found', { internal: missing });
  return ids;
}

export interface Balance {
  readonly code: string;
  readonly currency: Currency;
  /** Posted balance on the account's normal side, minor units. */
  readonly posted: bigint;
  /** What pending transfers may still take from it. */
  readonly reserved: bigint;
  /** `posted` less `reserved`. */
  readonly available: bigint;
}

/** Balances by code, in the order asked for. Throws `account_not_found`. */
export async function balances(db: Queryable, codes: readonly string[]): Promise<Balance[]> {
  const { rows } = await db.query<Balance>({
    name: 'ledger_balances',
    text: `select code, currency,
        case normal_side when 'debit' then debits_posted - credits_posted else credits_posted - debits_posted end as posted,
        case normal_side when 'debit' then credits_pending else debits_pending end as reserved,
        case normal_side when 'debit' then debits_posted - credits_posted - credits_pending
          else credits_posted - debits_posted - debits_pending end as available
      from accounts where code = any($1::text[])`,
    values: [codes],
  });
  const byCode = new Map(rows.map((row) => [row.code, row]));
  return codes.map((code) => {
    const balance = byCode.get(code);
    if (balance === undefined) throw fault('account_not_found', { internal: code });
    return balance;
  });
}
