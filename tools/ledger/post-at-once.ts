/**
 * The short way into the books, for sets that only move money at once, as every payment between balances does: nothing is reserved or
 * ended, so what each account gains is known before, and the rows are inserted without looking for earlier ones.
 *
 * Whatever is in the way, such as an id that is known or an account that is not, undoes the set alone and leaves it to the long way,
 * which can tell what it is.
 */
import type { PoolClient } from 'pg';
import { bigintArray, intArray, plainArray, textArray, uuidArray } from '../../db/arrays.ts';
import type { Movement, Transferring } from './movement.ts';

/** A posted transfer with its id. */
export type AtOnce = Transferring & { readonly id: string; readonly type: 'posted' };

/** Fewer are not worth a savepoint. */
const MOVEMENTS_MIN = 20;

/** The movements, when all of them move money at once and there are enough of them; null otherwise. */
export function onlyAtOnce(movements: readonly (Movement & { readonly id: string })[]): readonly AtOnce[] | null {
  if (movements.length < MOVEMENTS_MIN) return null;
  const isAtOnce = movements.every((movement) => movement.type === 'posted' && movement.expiresAt === undefined);
  return isAtOnce ? (movements as readonly AtOnce[]) : null;
}

// Both the rows and the balances wait for all locks, which are taken in the order of ids.
const POST_AT_ONCE_SQL = `
with account as materialized (
  select found.id, given.position, given.debits, given.credits
  from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as given(code, debits, credits, position)
  left join accounts found on found.code = given.code
), numbered as materialized (
  select array_agg(id order by position) as ids from account
), locked as materialized (
  select id from accounts where id = any((select ids from numbered)::int[]) order by id for no key update
), inserted as (
  insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason, payment_id, attempt_id, link_id)
  select asked.id, 'posted', ids[asked.debit], ids[asked.credit], asked.amount, asked.currency, asked.reason, asked.payment_id,
    asked.attempt_id, asked.link_id
  from numbered, unnest($4::uuid[], $5::int[], $6::int[], $7::bigint[], $8::text[], $9::text[], $10::uuid[], $11::uuid[], $12::uuid[])
    as asked(id, debit, credit, amount, currency, reason, payment_id, attempt_id, link_id)
  where (select count(*) from locked) > 0
  returning 1
), moved as (
  update accounts set debits_posted = debits_posted + account.debits, credits_posted = credits_posted + account.credits, updated_at = now()
  from account where accounts.id = account.id and (select count(*) from locked) > 0
  returning 1
)
select (select count(*)::int from inserted) as inserted, (select count(*)::int from moved) as moved`;

/** `transfers_pkey`, and the references of a transfer that name no account. */
const NEEDS_THE_LONG_WAY: ReadonlySet<unknown> = new Set(['23505', '23502']);

/**
 * Writes the movements and what they do to balances. Says false, with nothing written, when the long way has to look at them; throws what
 * the database says of a set that is wrong.
 */
export async function postAtOnce(tx: PoolClient, movements: readonly AtOnce[]): Promise<boolean> {
  const { codes, columns } = columnsOf(movements);
  await tx.query('savepoint at_once');
  const isWritten = await tx
    .query<{ inserted: number; moved: number }>({ name: 'ledger_post_at_once', text: POST_AT_ONCE_SQL, values: columns })
    .then(({ rows }) => rows[0]?.inserted === movements.length && rows[0].moved === codes)
    .catch((error: unknown) => {
      if (NEEDS_THE_LONG_WAY.has((error as { code?: unknown }).code)) return false;
      throw error;
    });
  await tx.query(isWritten ? 'release savepoint at_once' : 'rollback to savepoint at_once');
  return isWritten;
}

/** Account codes with what each of them gains, and the movements with accounts as places among the codes, from 1. */
function columnsOf(movements: readonly AtOnce[]): { readonly codes: number; readonly columns: unknown[] } {
  const places = new Map<string, number>();
  const [debits, credits]: [bigint[], bigint[]] = [[], []];
  const placeOf = (code: string): number => {
    const known = places.get(code);
    if (known !== undefined) return known;
    places.set(code, debits.push(0n));
    return credits.push(0n);
  };
  const [debtors, creditors]: [number[], number[]] = [[], []];
  for (const { debit, credit, amount } of movements) {
    const [from, to] = [placeOf(debit), placeOf(credit)];
    debtors.push(from);
    creditors.push(to);
    debits[from - 1] = (debits[from - 1] ?? 0n) + amount;
    credits[to - 1] = (credits[to - 1] ?? 0n) + amount;
  }
  const columns = [
    [...places.keys()],
    bigintArray(debits),
    bigintArray(credits),
    uuidArray(movements.map((each) => each.id)),
    intArray(debtors),
    intArray(creditors),
    bigintArray(movements.map((each) => each.amount)),
    plainArray(movements.map((each) => each.currency)),
    textArray(movements.map((each) => each.reason)),
    uuidArray(movements.map((each) => each.paymentId ?? null)),
    uuidArray(movements.map((each) => each.attemptId ?? null)),
    uuidArray(movements.map((each) => each.linkId ?? null)),
  ];
  return { codes: places.size, columns };
}
