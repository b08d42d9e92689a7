/**
 * What must hold when everything has come to rest: every wish that was answered has its one payment, each
 * payment its end, each client the news of it, and every invariant holds, the operators' books included.
 */
import type { Pool } from 'pg';
import type { Keyring } from '../db/keyring.ts';
import { TERMINAL_STATUSES } from '../domain/lifecycle.ts';
import { RAILS } from '../domain/network.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { verifyDatabase } from '../server/verify.ts';
import { type OperatorBooks, referenceOf } from '../server/verify-operators.ts';
import type { Wish } from './intents.ts';
import type { Answered } from './people.ts';

export interface EvidenceDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly quoteKey: Buffer;
  readonly sandbox: Sandbox;
  readonly wishes: readonly Wish[];
  readonly answers: ReadonlyMap<number, Answered>;
  /** Bodies of webhooks by event id. */
  readonly received: ReadonlyMap<string, string>;
}

/** Everything that is wrong, a sentence each; none when all is well. */
export async function findViolations(deps: EvidenceDeps): Promise<string[]> {
  const { violations } = await verifyDatabase(deps.pool, {
    quoteKey: deps.quoteKey,
    keyring: deps.keyring,
    sandboxFolder: async () => booksOf(deps.sandbox),
    looksMax: 1,
  });
  return [
    ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
    ...(await wrongWithWishes(deps)),
    ...(await wrongWithNews(deps)),
    ...(await wrongWithWork(deps)),
    ...(await wrongWithOperators(deps)),
  ];
}

function booksOf(sandbox: Sandbox): ReadonlyMap<string, OperatorBooks> {
  return new Map(
    RAILS.filter((rail) => rail.protocol !== 'on_us').map((rail) => {
      const books = sandbox.books(rail.id);
      const transactions = books.transactions.map((entry) => ({ ...entry, amountMinor: entry.amountMinor.toString() }));
      return [rail.id, { railId: rail.id, balanceMinor: books.balanceMinor.toString(), transactions }];
    }),
  );
}

interface PaymentRow {
  readonly id: string;
  readonly reference_id: string;
  readonly status: string;
  readonly reason_code: string | null;
}

async function paymentsOf(pool: Pool): Promise<PaymentRow[]> {
  return (await pool.query<PaymentRow>('select id, reference_id, status, reason_code from payments order by id')).rows;
}

/** Nothing is lost, nothing is there that nobody wanted, and everything has ended. */
async function wrongWithWishes(deps: EvidenceDeps): Promise<string[]> {
  const payments = await paymentsOf(deps.pool);
  const byReference = new Map(payments.map((payment) => [payment.reference_id, payment]));
  const known = new Set(deps.wishes.map((wish) => wish.intent.referenceId));
  const open = payments.filter((payment) => !TERMINAL_STATUSES.includes(payment.status as (typeof TERMINAL_STATUSES)[number]));
  return [
    ...payments.filter((payment) => !known.has(payment.reference_id)).map((payment) => `payment ${payment.id} was wanted by nobody`),
    ...open.map(
      (payment) => `payment ${payment.reference_id} never ended: it is ${payment.status} (${payment.reason_code ?? 'no reason'})`,
    ),
    ...deps.wishes.flatMap((wish) => {
      const { referenceId } = wish.intent;
      const [answer, payment] = [deps.answers.get(wish.index), byReference.get(referenceId)];
      if (answer === undefined) return [`${referenceId} was never answered`];
      if ('refusal' in answer)
        return payment === undefined && !answer.refusal.startsWith('two')
          ? []
          : [`${referenceId} was refused with ${answer.refusal}, and there is a payment`];
      return payment?.id === answer.paymentId ? [] : [`${referenceId} was answered with payment ${answer.paymentId}, which does not exist`];
    }),
  ];
}

/** A client hears of the end of each payment. */
async function wrongWithNews(deps: EvidenceDeps): Promise<string[]> {
  const told = new Map<string, Set<string>>();
  for (const body of deps.received.values()) {
    const { type, data } = JSON.parse(body) as { type: string; data: { paymentId?: string } };
    if (data.paymentId === undefined) continue;
    told.set(data.paymentId, (told.get(data.paymentId) ?? new Set()).add(type));
  }
  const payments = await paymentsOf(deps.pool);
  return payments.flatMap((payment) => {
    const ends = [...(told.get(payment.id) ?? [])].filter((topic) =>
      (TERMINAL_STATUSES as readonly string[]).includes(topic.slice('payment.'.length)),
    );
    return ends.length === 1 && ends[0] === `payment.${payment.status}`
      ? []
      : [`the client of ${payment.reference_id}, which is ${payment.status}, was told of ${ends.join(' and ') || 'no end'}`];
  });
}

/** Nothing is left to be done. */
async function wrongWithWork(deps: EvidenceDeps): Promise<string[]> {
  const { rows } = await deps.pool.query<{ open: number; unread: number; unplanned: number }>(
    `select (select count(*) from attempts where state not in ('succeeded', 'failed'))::int as open,
       (select count(*) from operator_callbacks where processed_at is null)::int as unread,
       (select count(*) from outbox where planned_at is null)::int as unplanned`,
  );
  const left = rows[0] ?? { open: 0, unread: 0, unplanned: 0 };
  return Object.entries({
    'attempts are open': left.open,
    'callbacks are unread': left.unread,
    'events are unplanned': left.unplanned,
  }).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
}

/** By the operators' books alone, whatever our attempts say of their ends: a payment has at most one movement of each leg. */
async function wrongWithOperators(deps: EvidenceDeps): Promise<string[]> {
  const { rows } = await deps.pool.query<{ payment_id: string; leg: string; rail_id: string; request_id: string }>(
    'select payment_id, leg, rail_id, request_id from attempts',
  );
  const legs = new Map(rows.map((row) => [`${row.rail_id} ${referenceOf(row)}`, `${row.leg} of payment ${row.payment_id}`]));
  const moved = new Map<string, number>();
  for (const [railId, { transactions }] of booksOf(deps.sandbox)) {
    for (const { ourReference, state } of transactions) {
      const leg = state === 'succeeded' ? legs.get(`${railId} ${ourReference}`) : undefined;
      if (leg !== undefined) moved.set(leg, (moved.get(leg) ?? 0) + 1);
    }
  }
  return [...moved].flatMap(([leg, count]) => (count === 1 ? [] : [`operators moved the ${leg} ${count} times`]));
}

/** The logical state at the end, line by line: what two runs of one seed must agree on besides their history. */
export async function stateLines(pool: Pool): Promise<string[]> {
  const lines = async (sql: string): Promise<string[]> => (await pool.query<{ line: string }>(sql)).rows.map(({ line }) => line);
  return [
    ...(await lines(
      `select concat_ws(' ', 'payment', reference_id, id, status, reason_code, fee_amount, target_amount) as line from payments order by reference_id`,
    )),
    ...(await lines(
      `select concat_ws(' ', 'attempt', id, rail_id, leg, sequence, state, reason_code, amount) as line from attempts order by payment_id, leg, sequence`,
    )),
    ...(await lines(
      `select concat_ws(' ', 'account', code, debits_posted, credits_posted, debits_pending, credits_pending) as line from accounts order by code`,
    )),
  ];
}
