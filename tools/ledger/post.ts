/**
 * Writing into the books. Any number of movements go in one round trip, all or none: the transfers are
 * inserted as a set, and every account they touch is updated once. Accounts are locked in the order of
 * their ids, so that two callers never wait for each other in a circle.
 *
 * A transfer with an id that is known and the same content is left as it is, so writing the same step
 * twice moves money once.
 */
import type { PoolClient } from 'pg';
import { momentArray, plainArray, textArray, uuidArray } from '../../db/arrays.ts';
import { databaseFault } from '../../db/connect.ts';
import { type Fault, fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import type { Movement, Transferring } from './movement.ts';
import { onlyAtOnce, postAtOnce } from './post-at-once.ts';

const POST_SQL = `
with code as materialized (
  select given.position, account.id
  from unnest($1::text[]) with ordinality as given(code, position) join accounts account on account.code = given.code
), asked as materialized (
  select * from unnest($2::uuid[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::uuid[], $10::uuid[],
    $11::uuid[], $12::uuid[], $13::timestamptz[]) as asked(id, type, debit, credit, amount, currency, reason, payment_id, attempt_id,
    link_id, pending_id, expires_at)
), transferring as materialized (
  select asked.id, asked.type, debit.id as debit_account_id, credit.id as credit_account_id, asked.amount, asked.currency, asked.reason,
    asked.payment_id, asked.attempt_id, asked.link_id, asked.expires_at
  from asked join code debit on debit.position = asked.debit join code credit on credit.position = asked.credit
  where asked.type in ('posted', 'pending')
), held as materialized (
  select id, debit_account_id, credit_account_id, amount, currency, reason, payment_id
  from transfers where id = any($12::uuid[]) and type = 'pending'
  union
  select id, debit_account_id, credit_account_id, amount, currency, reason, payment_id from transferring where type = 'pending'
), movement as materialized (
  select id, type, null::uuid as pending_id, debit_account_id, credit_account_id, amount, currency, reason, payment_id, attempt_id,
    link_id, expires_at
  from transferring
  union all
  select asked.id, asked.type, asked.pending_id, held.debit_account_id, held.credit_account_id, held.amount, held.currency,
    coalesce(asked.reason, held.reason), coalesce(asked.payment_id, held.payment_id), asked.attempt_id, asked.link_id, null
  from asked join held on held.id = asked.pending_id where asked.type in ('post', 'void', 'expire')
), locked as materialized (
  select id from accounts
  where id in (select debit_account_id from movement union all select credit_account_id from movement)
  order by id for no key update
), inserted as (
  insert into transfers (id, type, pending_id, debit_account_id, credit_account_id, amount, currency, reason, payment_id, attempt_id,
    link_id, expires_at)
  -- Counting the locks takes them all before the first row goes in.
  select id, type, pending_id, debit_account_id, credit_account_id, amount, currency, reason, payment_id, attempt_id, link_id, expires_at
  from movement where (select count(*) from locked) > 0
  on conflict (id) do nothing
  returning type, debit_account_id, credit_account_id, amount
), effect as (
  select debit_account_id, credit_account_id,
    case when type in ('posted', 'post') then amount else 0 end as posted,
    case when type = 'pending' then amount when type = 'posted' then 0 else -amount end as pending
  from inserted
), delta as (
  select account_id, sum(debits_posted)::bigint as debits_posted, sum(credits_posted)::bigint as credits_posted,
    sum(debits_pending)::bigint as debits_pending, sum(credits_pending)::bigint as credits_pending
  from (
    select debit_account_id, posted, 0, pending, 0 from effect
    union all
    select credit_account_id, 0, posted, 0, pending from effect
  ) as side(account_id, debits_posted, credits_posted, debits_pending, credits_pending)
  group by account_id
), moved as (
  update accounts set
    debits_posted = accounts.debits_posted + delta.debits_posted,
    credits_posted = accounts.credits_posted + delta.credits_posted,
    debits_pending = accounts.debits_pending + delta.debits_pending,
    credits_pending = accounts.credits_pending + delta.credits_pending,
    updated_at = now()
  from delta where accounts.id = delta.account_id
)
select count(*)::int as inserted from inserted`;

/**
 * Writes movements into the books and returns their ids in the order given.
 *
 * Throws `floor_passed` (an account would go below its floor), `transfer_not_pending` (no such pending
 * transfer, or it was ended before), `transfer_conflict` (the id is known with other content),
 * `account_not_found`, `currency_mismatch` (an account is of another currency), `amount_not_positive`.
 * After any of them the transaction can only be rolled back.
 */
export async function post(tx: PoolClient, movements: readonly Movement[]): Promise<string[]> {
  if (movements.length === 0) return [];
  const named: readonly Named[] = movements.every(isNamed) ? movements : movements.map((each) => ({ ...each, id: each.id ?? newId() }));
  const atOnce = onlyAtOnce(named);
  const isPosted =
    atOnce !== null &&
    (await postAtOnce(tx, atOnce).catch((error: unknown) => {
      throw ledgerFault(error);
    }));
  if (!isPosted) await postEach(tx, named);
  return named.map((movement) => movement.id);
}

type Named = Movement & { readonly id: string };

function isNamed(movement: Movement): movement is Named {
  return movement.id !== undefined;
}

/** Writes movements of any kind, leaving out those that are in the books already. */
async function postEach(tx: PoolClient, named: readonly Named[]): Promise<void> {
  const written = await tx.query<{ inserted: number }>({ name: 'ledger_post', text: POST_SQL, values: columnsOf(named) }).catch((error) => {
    throw ledgerFault(error);
  });
  // Fewer rows than movements: each of those left out was written before, or something is wrong with it.
  if (written.rows[0]?.inserted === named.length) return;
  const found = await findFault(tx, named);
  if (found === null) return;
  await abort(tx);
  throw found;
}

function columnsOf(movements: readonly Named[]): unknown[] {
  const positions = new Map<string, number>();
  const positionOf = (code: string): number => {
    const known = positions.get(code) ?? positions.size + 1;
    positions.set(code, known);
    return known;
  };
  const column = <T>(pick: (movement: Named) => T): T[] => movements.map(pick);
  const transferring = <T>(pick: (movement: Transferring) => T) => column((each) => ('pendingId' in each ? null : pick(each)));
  const columns = [
    uuidArray(column((each) => each.id)),
    plainArray(column((each) => each.type)),
    plainArray(transferring((each) => positionOf(each.debit))),
    plainArray(transferring((each) => positionOf(each.credit))),
    plainArray(transferring((each) => each.amount)),
    plainArray(transferring((each) => each.currency)),
    textArray(column((each) => each.reason ?? null)),
    uuidArray(column((each) => each.paymentId ?? null)),
    uuidArray(column((each) => each.attemptId ?? null)),
    uuidArray(column((each) => each.linkId ?? null)),
    uuidArray(column((each) => ('pendingId' in each ? each.pendingId : null))),
    momentArray(transferring((each) => each.expiresAt?.getTime() ?? null)),
  ];
  return [[...positions.keys()], ...columns];
}

interface StoredTransfer {
  readonly id: string;
  readonly type: string;
  readonly pendingId: string | null;
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly reason: string;
  readonly paymentId: string | null;
  readonly attemptId: string | null;
  readonly linkId: string | null;
}

/** What is wrong with movements of which some were not inserted; null when all of them are in the books as asked. */
async function findFault(tx: PoolClient, movements: readonly Named[]): Promise<Fault | null> {
  const { rows } = await tx.query<StoredTransfer>({
    name: 'ledger_stored_transfers',
    text: `select transfer.id, type, pending_id as "pendingId", debit.code as debit, credit.code as credit, amount, transfer.currency,
        reason, payment_id as "paymentId", attempt_id as "attemptId", link_id as "linkId"
      from transfers transfer join accounts debit on debit.id = debit_account_id join accounts credit on credit.id = credit_account_id
      where transfer.id = any($1::uuid[])`,
    values: [movements.map((movement) => movement.id)],
  });
  const stored = new Map(rows.map((row) => [row.id, row]));
  for (const movement of movements) {
    const transfer = stored.get(movement.id.toLowerCase());
    if (transfer === undefined) {
      return 'pendingId' in movement
        ? fault('transfer_not_pending', { internal: `no pending transfer ${movement.pendingId}` })
        : fault('account_not_found', { internal: `${movement.debit} or ${movement.credit}` });
    }
    if (!isSame(movement, transfer)) return fault('transfer_conflict', { internal: `transfer ${movement.id}` });
  }
  return null;
}

/** Same in all that was asked for; when a pending transfer expires may differ, for it follows the clock of each try. */
function isSame(movement: Movement, stored: StoredTransfer): boolean {
  const common =
    movement.type === stored.type && (movement.attemptId ?? null) === stored.attemptId && (movement.linkId ?? null) === stored.linkId;
  if ('pendingId' in movement) {
    return (
      common &&
      movement.pendingId === stored.pendingId &&
      (movement.reason ?? stored.reason) === stored.reason &&
      (movement.paymentId ?? stored.paymentId) === stored.paymentId
    );
  }
  return (
    common &&
    movement.debit === stored.debit &&
    movement.credit === stored.credit &&
    movement.amount === stored.amount &&
    movement.currency === stored.currency &&
    movement.reason === stored.reason &&
    (movement.paymentId ?? null) === stored.paymentId
  );
}

/** Makes sure that nothing of a refused set can be committed, even by a caller that swallows the fault. */
async function abort(tx: PoolClient): Promise<void> {
  await tx.query(`do $$ begin raise exception 'the books refused a set of movements'; end $$`).catch(() => undefined);
}

function ledgerFault(error: unknown): unknown {
  const constraint = (error as { constraint?: string }).constraint;
  if (constraint === 'transfers_debit_account' || constraint === 'transfers_credit_account') {
    return fault('currency_mismatch', { internal: `constraint ${constraint}`, cause: error });
  }
  if (constraint === 'transfers_amount') return fault('amount_not_positive', { cause: error });
  return databaseFault(error);
}
