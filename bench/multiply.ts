/**
 * Many stored payments without the hours of making them: payments that went their whole way through the agents and the ledger
 * are multiplied set-wise, with every row that they left anywhere. Copies are older than what they were copied from, belong to
 * people of their own, and stand in the balances, so that every invariant holds over them as well.
 */
import { type Pool, withTransaction } from '../db/connect.ts';

/** Tables in which a payment between balances leaves rows. */
const TABLES = [
  'users',
  'payments',
  'payment_events',
  'quotes',
  'compliance_records',
  'agent_activity',
  'decision_commons',
  'decision_sets',
  'transfers',
  'outbox',
];
/** Columns by which rows belong together, or that name the row itself. */
const NAMES = new Set(['id', 'payment_id', 'sender_id', 'receiver_id', 'quote_id', 'link_id', 'pending_id', 'reservation_id']);
/** Numbered by the table itself, or by the transaction that writes. */
const NUMBERED = new Set(['tx_id', 'position']);

/** Ids that carry their time move back by it; others are drawn anew from the old one and the number of the copy. */
const SHIFT_SQL = `
create or replace function pg_temp.shifted(id uuid, copy integer, back_ms bigint) returns uuid language sql immutable as $$
  select case when uuid_extract_version(id) = 7
    then (lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - back_ms), 12, '0') || substr(replace(id::text, '-', ''), 13))::uuid
    else md5(id::text || ':' || copy)::uuid end
$$`;

export interface Template {
  /** Payments of the template. */
  readonly payments: number;
  /** The milliseconds in which they were made: each copy moves back by so much more. */
  readonly spanMs: number;
}

interface Column {
  readonly name: string;
  readonly type: string;
}

/** Takes what is stored now, all of it paid, as what is copied. Throws when it has left rows where this does not look. */
export async function takeTemplate(pool: Pool): Promise<Template> {
  await assertKnown(pool);
  for (const table of TABLES) await pool.query(`create table bench_${table} as select * from ${table} ${templateOf(table)}`);
  await pool.query(`create table bench_moves as
    select side.account_id, sum(debit)::bigint as debit, sum(credit)::bigint as credit from bench_transfers t
    cross join lateral (values (t.debit_account_id, t.amount, 0::bigint), (t.credit_account_id, 0::bigint, t.amount)) as side(account_id, debit, credit)
    where t.type in ('posted', 'post') group by side.account_id`);
  const { rows } = await pool.query<{ payments: number; span: number; other: number }>(
    `select count(*)::int as payments, (extract(epoch from max(created_at) - min(created_at)) * 1000)::bigint::int + 1000 as span,
       count(*) filter (where status <> 'paid')::int as other from bench_payments`,
  );
  const { payments = 0, span = 0, other = 0 } = rows[0] ?? {};
  if (payments === 0 || other > 0) throw new Error(`${other} of ${payments} payments that are to be copied are not paid`);
  return { payments, spanMs: span };
}

/** Movements that opened the books belong to no payment. */
function templateOf(table: string): string {
  return table === 'transfers' ? 'where payment_id is not null' : '';
}

/** Every table that has grown with the payments must be one of ours, or copies would lack what is there. */
async function assertKnown(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string; rows: bigint }>(
    `select c.relname as name, (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %I', c.relname), false, true, '')))[1]::text::bigint as rows
     from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`,
  );
  const payments = rows.find(({ name }) => name === 'payments')?.rows ?? 0n;
  const unknown = rows.filter(({ name, rows: count }) => count >= payments && payments > 0n && !TABLES.includes(name));
  if (unknown.length > 0) throw new Error(`payments leave rows in ${unknown.map(({ name }) => name).join(', ')}, which are not copied`);
}

/** Adds the copies from one number to another, a transaction each. */
export async function multiply(pool: Pool, template: Template, copies: { readonly from: number; readonly to: number }): Promise<void> {
  const statements = await Promise.all(TABLES.map((table) => copyStatement(pool, table)));
  for (let copy = copies.from; copy <= copies.to; copy += 1) {
    await withTransaction(pool, async (tx) => {
      // Copies are whole by themselves: triggers and references would only cost hours.
      await tx.query('set local session_replication_role = replica');
      await tx.query('set local synchronous_commit = off');
      await tx.query('set local statement_timeout = 0');
      await tx.query(SHIFT_SQL);
      for (const statement of statements) await tx.query(statement, [copy, copy * template.spanMs]);
      await tx.query(
        'update accounts a set debits_posted = debits_posted + debit, credits_posted = credits_posted + credit from bench_moves m where a.id = m.account_id',
      );
    });
  }
}

async function copyStatement(pool: Pool, table: string): Promise<string> {
  const { rows } = await pool.query<Column>(
    `select attname as name, format_type(atttypid, null) as type from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [table],
  );
  const columns = rows.filter(({ name, type }) => !NUMBERED.has(name) && !(name === 'id' && type === 'bigint'));
  return `insert into ${table} (${columns.map(({ name }) => name).join(', ')}) select ${columns.map(valueOf).join(', ')} from bench_${table}
    where $1::integer > 0 and $2::bigint > 0`;
}

function valueOf({ name, type }: Column): string {
  if (type === 'uuid' && NAMES.has(name)) return `pg_temp.shifted(${name}, $1, $2)`;
  if (type.startsWith('timestamp')) return `${name} - $2 * interval '1 millisecond'`;
  if (name === 'reference_id') return `${name} || '-' || $1::integer`;
  if (name === 'phone_index') return `substr(sha256(${name} || int4send($1)), 1, 16)`;
  return name;
}
