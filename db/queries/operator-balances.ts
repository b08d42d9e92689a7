/** Questions for balances that operators tell by a message, and what they came to. */
import type { Currency } from '../../domain/currency.ts';
import { type Money, money } from '../../domain/money.ts';
import type { Queryable } from '../connect.ts';

/** What a question came to. */
export type BalanceEnd = { readonly amount: Money } | { readonly reasonCode: string };

/** The latest question whose answer may do, as `BalanceStore.latest` says. */
export async function latestQuestion(
  db: Queryable,
  { railId, account }: { readonly railId: string; readonly account: string },
  since: { readonly notBeforeMs: number; readonly openSinceMs: number },
): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>({
    name: 'latest_balance_question',
    text: `select id from operator_balances where rail_id = $1 and account = $2 and asked_at >= $3
        and (amount is not null or (ended_at is null and asked_at >= $4))
      order by asked_at desc, id desc limit 1`,
    values: [railId, account, new Date(since.notBeforeMs), new Date(since.openSinceMs)],
  });
  return rows[0]?.id ?? null;
}

/** Begins a question. */
export async function openQuestion(
  db: Queryable,
  question: { readonly id: string; readonly railId: string; readonly account: string; readonly tokenHash: Buffer },
  nowMs: number,
): Promise<void> {
  await db.query({
    name: 'open_balance_question',
    text: 'insert into operator_balances (id, rail_id, account, token_hash, asked_at) values ($1, $2, $3, $4, $5)',
    values: [question.id, question.railId, question.account, question.tokenHash, new Date(nowMs)],
  });
}

const END = `update operator_balances set ended_at = $2, amount = $3, currency = $4, reason_code = $5 where ended_at is null and`;

function endValues(end: BalanceEnd, nowMs: number): unknown[] {
  return [
    new Date(nowMs),
    'amount' in end ? end.amount.minor : null,
    'amount' in end ? end.amount.currency : null,
    'amount' in end ? null : end.reasonCode,
  ];
}

/** Ends a question by its id. */
export async function endQuestion(db: Queryable, id: string, end: BalanceEnd, nowMs: number): Promise<void> {
  await db.query({ name: 'end_balance_question', text: `${END} id = $1`, values: [id, ...endValues(end, nowMs)] });
}

/** What a question came to; null while it is open, or where there is none. */
export async function findBalanceEnd(db: Queryable, id: string): Promise<BalanceEnd | null> {
  const { rows } = await db.query<{ amount: bigint | null; currency: Currency; reason_code: string | null }>({
    name: 'find_balance_end',
    text: 'select amount, currency, reason_code from operator_balances where id = $1 and ended_at is not null',
    values: [id],
  });
  const [row] = rows;
  if (row === undefined) return null;
  return row.amount === null ? { reasonCode: row.reason_code ?? '' } : { amount: money(row.amount, row.currency) };
}

/** The question whose address was called. */
export async function findQuestion(
  db: Queryable,
  tokenHash: Buffer,
): Promise<{ readonly id: string; readonly railId: string; readonly isOpen: boolean } | null> {
  const { rows } = await db.query<{ id: string; railId: string; isOpen: boolean }>({
    name: 'find_balance_question',
    text: `select id, rail_id as "railId", ended_at is null as "isOpen" from operator_balances where token_hash = $1`,
    values: [tokenHash],
  });
  return rows[0] ?? null;
}
