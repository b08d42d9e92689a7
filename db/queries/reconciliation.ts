/** Statements, reconciliations and breaks in the database. */
import type { Pool, PoolClient } from 'pg';
import type { Currency } from '../../domain/currency.ts';
import type { Facts } from '../../domain/decision.ts';
import { newId } from '../../domain/ids.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import type { Queryable } from '../connect.ts';
import { keepTextKey } from './text-keys.ts';

export interface NewStatement {
  readonly railId: string;
  readonly day: string;
  readonly format: string;
  /** Why it was refused; null when it was read. */
  readonly reasonCode: string | null;
  /** Ciphertext. */
  readonly body: Buffer;
  /** The wrapped key under which the body is sealed. */
  readonly textKey: Buffer;
  readonly bodyDigest: Buffer;
  readonly openingMinor: bigint | null;
  readonly closingMinor: bigint | null;
  readonly loadedBy: string;
  readonly lines: readonly NewLine[];
}

export interface NewLine {
  readonly position: number;
  readonly operatorReference: string;
  readonly ourReference: string | null;
  readonly direction: string;
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  readonly currency: string;
  readonly occurredAtMs: number;
}

/** Keeps a statement with its lines and gives its id; the same file for the same day is the one kept before. */
export async function keepStatement(tx: PoolClient, statement: NewStatement, nowMs: number): Promise<string> {
  const made = await tx.query<{ id: string }>({
    name: 'keep_statement',
    text: `insert into statements (id, rail_id, day, format, status, reason_code, body, body_digest, line_count, opening_balance, closing_balance,
        loaded_by, created_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (rail_id, day, body_digest) do nothing returning id`,
    values: [
      newId(),
      statement.railId,
      statement.day,
      statement.format,
      statement.reasonCode === null ? 'loaded' : 'refused',
      statement.reasonCode,
      statement.body,
      statement.bodyDigest,
      statement.lines.length,
      statement.openingMinor,
      statement.closingMinor,
      statement.loadedBy,
      new Date(nowMs),
    ],
  });
  const id = made.rows[0]?.id;
  if (id === undefined) return findStatementId(tx, statement);
  await keepTextKey(tx, { id, kind: 'statement', candidate: statement.textKey, nowMs });
  await keepLines(tx, id, statement);
  return id;
}

async function findStatementId(tx: PoolClient, statement: NewStatement): Promise<string> {
  const found = await tx.query<{ id: string }>('select id from statements where rail_id = $1 and day = $2 and body_digest = $3', [
    statement.railId,
    statement.day,
    statement.bodyDigest,
  ]);
  return found.rows[0]?.id ?? '';
}

async function keepLines(tx: PoolClient, statementId: string, { lines, railId }: NewStatement): Promise<void> {
  const column = <T>(pick: (line: NewLine) => T): T[] => lines.map(pick);
  await tx.query({
    name: 'keep_statement_lines',
    text: `insert into statement_lines (statement_id, rail_id, position, operator_reference, our_reference, direction, amount, fee, currency, occurred_at)
      select $1, $2, position, operator_reference, our_reference, direction, amount, fee, currency, occurred_at
      from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[])
        as line(position, operator_reference, our_reference, direction, amount, fee, currency, occurred_at)`,
    values: [
      statementId,
      railId,
      column((line) => line.position),
      column((line) => line.operatorReference),
      column((line) => line.ourReference),
      column((line) => line.direction),
      column((line) => line.amountMinor),
      column((line) => line.feeMinor),
      column((line) => line.currency),
      column((line) => new Date(line.occurredAtMs)),
    ],
  });
}

export interface LineRow {
  readonly position: number;
  readonly operatorReference: string;
  readonly ourReference: string | null;
  readonly direction: 'in' | 'out' | 'fee';
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  readonly currency: Currency;
  readonly occurredAt: Date;
}

/** Lines of a rail's other statements between two moments. */
export async function linesBetween(db: Queryable, railId: string, fromMs: number, untilMs: number, exceptId: string): Promise<LineRow[]> {
  const { rows } = await db.query<LineRow>({
    name: 'statement_lines_between',
    text: `select position, operator_reference as "operatorReference", our_reference as "ourReference", direction, amount as "amountMinor",
        fee as "feeMinor", currency, occurred_at as "occurredAt"
      from statement_lines where rail_id = $1 and occurred_at >= $2 and occurred_at < $3 and statement_id <> $4`,
    values: [railId, new Date(fromMs), new Date(untilMs), exceptId],
  });
  return rows;
}

/** Whether a statement of a rail has the movement of a receipt, which statements may write in capitals. */
export async function isStated(db: Queryable, railId: string, receipt: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'receipt_stated',
    text: `select 1 from statement_lines where rail_id = $1 and operator_reference = any($2::text[]) and direction <> 'fee' limit 1`,
    values: [railId, [receipt, receipt.toUpperCase()]],
  });
  return rowCount === 1;
}

/** What the newest statement of a day ended with; null when there is none, or it does not tell. */
export async function closingOfDay(db: Queryable, railId: string, day: string): Promise<bigint | null> {
  const { rows } = await db.query<{ closing: bigint | null }>({
    name: 'statement_closing',
    text: `select closing_balance as closing from statements where rail_id = $1 and day = $2 and status = 'loaded' order by created_at desc limit 1`,
    values: [railId, day],
  });
  return rows[0]?.closing ?? null;
}

export interface BookedAttemptRow {
  readonly id: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly requestId: string;
  readonly state: 'sent' | 'pending' | 'unknown' | 'succeeded' | 'failed';
  readonly applied: boolean;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly receipt: string | null;
  readonly sentAt: Date;
  readonly resolvedAt: Date | null;
  readonly bookedMinor: bigint | null;
}

/** The attempts of a rail made between two moments, each with what the ledger moved on the rail's float for it. */
export async function bookedAttempts(db: Queryable, railId: string, fromMs: number, untilMs: number): Promise<BookedAttemptRow[]> {
  const { rows } = await db.query<BookedAttemptRow>({
    name: 'booked_attempts',
    text: `select a.id, a.client_id as "clientId", a.payment_id as "paymentId", a.leg, a.request_id as "requestId", a.state, a.applied,
        a.amount as "amountMinor", a.currency, a.receipt, a.sent_at as "sentAt", a.resolved_at as "resolvedAt", booked.amount as "bookedMinor"
      from attempts a
      left join lateral (
        select sum(t.amount)::bigint as amount from transfers t join accounts float on float.code = 'float:' || a.rail_id
        where t.payment_id = a.payment_id and t.attempt_id = a.id and t.type in ('posted', 'post')
          and float.id in (t.debit_account_id, t.credit_account_id)
      ) booked on true
      where a.rail_id = $1 and a.created_at >= $2 and a.created_at < $3 and a.sent_at is not null`,
    values: [railId, new Date(fromMs), new Date(untilMs)],
  });
  return rows;
}

/** Operator charges of a day that people have booked, minor units. */
export async function chargesBooked(db: Queryable, railId: string, day: string): Promise<bigint> {
  const { rows } = await db.query<{ charges: bigint }>({
    name: 'charges_booked',
    text: `select coalesce(sum(case when t.debit_account_id = float.id then -t.amount else t.amount end), 0)::bigint as charges
      from breaks b join break_decisions d on d.break_id = b.id and d.link_id is not null
        join transfers t on t.link_id = d.link_id and t.reason = 'operator_charges' join accounts float on float.code = 'float:' || b.rail_id
      where b.rail_id = $1 and b.day = $2 and b.kind = 'fee_differs' and float.id in (t.debit_account_id, t.credit_account_id)`,
    values: [railId, day],
  });
  return rows[0]?.charges ?? 0n;
}

export interface NewBreak {
  readonly kind: string;
  readonly subject: string;
  readonly attemptId: string | null;
  readonly paymentId: string | null;
  readonly ourMinor: bigint | null;
  readonly theirMinor: bigint | null;
  readonly currency: string;
  readonly evidence: Facts;
  readonly entries: readonly Facts[];
  readonly dueAtMs: number;
}

/** Writes down what was found, each break once. A break that has ended stays as it is. Resolves with how many are new. */
export async function keepBreaks(
  tx: PoolClient,
  place: { readonly railId: string; readonly day: string; readonly nowMs: number },
  found: readonly NewBreak[],
): Promise<number> {
  if (found.length === 0) return 0;
  const column = <T>(pick: (each: NewBreak) => T): T[] => found.map(pick);
  const { rows } = await tx.query<{ isNew: boolean }>({
    name: 'keep_breaks',
    text: `insert into breaks (id, rail_id, day, kind, subject, attempt_id, payment_id, our_amount, their_amount, currency, evidence, proposed_entries,
        found_at, last_seen_at, due_at, updated_at)
      select id, $1, $2, kind, subject, attempt_id, payment_id, ours, theirs, currency, evidence::jsonb, entries::jsonb, $3, $3, due_at, $3
      from unnest($4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[],
        $14::timestamptz[]) as found(id, kind, subject, attempt_id, payment_id, ours, theirs, currency, evidence, entries, due_at)
      on conflict (rail_id, kind, subject) do update set last_seen_at = $3, updated_at = $3,
        evidence = case when breaks.status = 'open' then excluded.evidence else breaks.evidence end,
        our_amount = case when breaks.status = 'open' then excluded.our_amount else breaks.our_amount end,
        their_amount = case when breaks.status = 'open' then excluded.their_amount else breaks.their_amount end,
        proposed_entries = case when breaks.status = 'open' then excluded.proposed_entries else breaks.proposed_entries end
      returning xmax = 0 as "isNew"`,
    values: [
      place.railId,
      place.day,
      new Date(place.nowMs),
      column(() => newId()),
      column((each) => each.kind),
      column((each) => each.subject),
      column((each) => each.attemptId),
      column((each) => each.paymentId),
      column((each) => each.ourMinor),
      column((each) => each.theirMinor),
      column((each) => each.currency),
      column((each) => JSON.stringify(each.evidence)),
      column((each) => JSON.stringify(each.entries)),
      column((each) => new Date(each.dueAtMs)),
    ],
  });
  return rows.filter(({ isNew }) => isNew).length;
}

/**
 * Ends open breaks of a day that the same kind of run did not find again, and those of attempts on which the sides agree now. Never a
 * `duplicate`, nor what was moved for an attempt of ours that failed: an older statement lacks the movement, or the one of the day
 * beside has it, and what has ended is never opened again. A success that its operator takes back ends when a statement has it.
 */
export async function resolveBreaks(
  tx: PoolClient,
  place: { readonly railId: string; readonly day: string; readonly nowMs: number },
  found: readonly Pick<NewBreak, 'kind' | 'subject'>[],
  agreedAttempts: readonly string[],
  basis: 'statement' | 'balance',
): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>({
    name: 'resolve_breaks',
    text: `update breaks set status = 'resolved', closed_at = $3, updated_at = $3
      where rail_id = $1 and status = 'open' and kind <> 'duplicate' and (kind <> 'missing_here' or attempt_id is null) and kind || ' ' || subject <> all($4::text[]) and (subject like 'balance:%') = $6
        and ((kind = 'missing_there' and attempt_id = any($5::uuid[])) or (day = $2 and not (kind = 'missing_there'
          and exists (select 1 from attempts a where a.id = breaks.attempt_id and a.contradicted_at is not null))))
      returning id`,
    values: [
      place.railId,
      place.day,
      new Date(place.nowMs),
      found.map(({ kind, subject }) => `${kind} ${subject}`),
      agreedAttempts,
      basis === 'balance',
    ],
  });
  return rows.map(({ id }) => id);
}

export interface NewReconciliation {
  readonly railId: string;
  readonly day: string;
  readonly basis: 'statement' | 'balance' | 'none';
  readonly statementId: string | null;
  readonly summary: Facts;
  readonly startedBy: string;
}

/** Writes down that a day was reconciled; gives the id. */
export async function keepReconciliation(tx: PoolClient, run: NewReconciliation, nowMs: number): Promise<string> {
  const id = newId();
  await tx.query({
    name: 'keep_reconciliation',
    text: `insert into reconciliations (id, rail_id, day, basis, statement_id, summary, started_by, created_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [id, run.railId, run.day, run.basis, run.statementId, JSON.stringify(run.summary), run.startedBy, new Date(nowMs)],
  });
  return id;
}

/** By what each rail was reconciled for a day. */
export async function reconciledRails(db: Pool, day: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await db.query<{ railId: string; bases: string[] }>({
    name: 'reconciled_rails',
    text: 'select rail_id as "railId", array_agg(distinct basis) as bases from reconciliations where day = $1 group by rail_id',
    values: [day],
  });
  return new Map(rows.map(({ railId, bases }) => [railId, bases]));
}

/** Rails over which anything was tried between two moments. */
export async function railsWithAttempts(db: Pool, fromMs: number, untilMs: number): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ railId: string }>({
    name: 'rails_with_attempts',
    text: 'select distinct rail_id as "railId" from attempts where created_at >= $1 and created_at < $2',
    values: [new Date(fromMs), new Date(untilMs)],
  });
  return new Set(rows.map(({ railId }) => railId));
}

export interface ReconciliationRow {
  readonly id: string;
  readonly railId: string;
  readonly day: string;
  readonly basis: string;
  readonly summary: Facts;
  readonly startedBy: string;
  readonly createdAt: Date;
}

/** Reconciliations, newest first, from before a place on. */
export async function listReconciliations(
  db: Pool,
  filter: { readonly railId?: string | undefined; readonly day?: string | undefined },
  page: { readonly before: { readonly createdAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<ReconciliationRow[]> {
  const { rows } = await db.query<ReconciliationRow>({
    name: 'list_reconciliations',
    text: `select id, rail_id as "railId", to_char(day, 'YYYY-MM-DD') as day, basis, summary, started_by as "startedBy", created_at as "createdAt"
      from reconciliations where ($1::text is null or rail_id = $1) and ($2::date is null or day = $2)
        and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
      order by created_at desc, id desc limit $5`,
    values: [filter.railId ?? null, filter.day ?? null, page.before?.createdAt ?? null, page.before?.id ?? null, page.limit],
  });
  return rows;
}

/** What may still move on a rail's float, and what stands there now, minor units. */
export async function floatAndFlight(
  db: Queryable,
  railId: string,
): Promise<{ readonly ledgerMinor: bigint; readonly comingMinor: bigint; readonly leavingMinor: bigint } | null> {
  const { rows } = await db.query<{ ledger: bigint; coming: bigint; leaving: bigint }>({
    name: 'float_and_flight',
    text: `select p.balance as ledger, coalesce(flight.coming, 0)::bigint as coming, coalesce(flight.leaving, 0)::bigint as leaving
      from liquidity_pools p left join lateral (
        select sum(a.amount) filter (where a.leg = 'collection') as coming, sum(a.amount) filter (where a.leg <> 'collection') as leaving
        from attempts a where a.rail_id = p.id and (a.state in ('sent', 'pending', 'unknown') or (a.state = 'succeeded' and not a.applied))
      ) flight on true where p.id = $1`,
    values: [railId],
  });
  const row = rows[0];
  return row === undefined ? null : { ledgerMinor: row.ledger, comingMinor: row.coming, leavingMinor: row.leaving };
}
