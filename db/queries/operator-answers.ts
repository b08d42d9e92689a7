/** Keeping answers of operators that could not be used. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import type { SealedMessage } from './callbacks.ts';

/** The place that bodies are sealed for. */
export const ANSWER_CONTEXT = 'operator_answers.body';

export interface NewAnswer {
  readonly railId: string;
  readonly product: string;
  /** The request it was given to: an attempt goes by its own id at its operator. Null, or nobody's, where none was at work. */
  readonly requestId: string | null;
  /** HTTP status. */
  readonly status: number;
  readonly reasonCode: string;
  /** Ciphertext. */
  readonly body: Buffer;
  readonly bodyDigest: Buffer;
}

/** Stores answers; those that came before, word for word and for the same, are counted. */
export async function storeAnswers(db: Queryable, answers: readonly NewAnswer[], nowMs: number): Promise<void> {
  const column = <T>(pick: (each: NewAnswer) => T): T[] => answers.map(pick);
  await db.query({
    name: 'store_answers',
    // Whoever counts the same rows at the same time locks them in the same order.
    text: `insert into operator_answers as known
        (attempt_id, rail_id, product, reason_code, body_digest, status, body, times, received_at, last_received_at)
      select a.id, given.rail_id, given.product, given.reason_code, given.body_digest, min(given.status), (array_agg(given.body))[1],
        count(*), $8, $8
      from unnest($1::text[], $2::text[], $3::uuid[], $4::smallint[], $5::text[], $6::bytea[], $7::bytea[])
        as given(rail_id, product, request_id, status, reason_code, body, body_digest)
      left join attempts a on a.request_id = given.request_id and a.rail_id = given.rail_id
      group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
      on conflict on constraint operator_answers_same
        do update set times = known.times + excluded.times, last_received_at = greatest(known.last_received_at, excluded.last_received_at)`,
    values: [
      column((each) => each.railId),
      column((each) => each.product),
      column((each) => each.requestId),
      column((each) => each.status),
      column((each) => each.reasonCode),
      column((each) => each.body),
      column((each) => each.bodyDigest),
      new Date(nowMs),
    ],
  });
}

/** An answer as people look at it: not its body, which names people. */
export interface AnswerView {
  readonly id: bigint;
  readonly railId: string;
  readonly product: string;
  readonly attemptId: string | null;
  readonly status: number;
  readonly reasonCode: string;
  readonly times: number;
  readonly receivedAt: Date;
  readonly lastReceivedAt: Date;
}

const VIEW = `n.id, n.rail_id as "railId", n.product, n.attempt_id as "attemptId", n.status, n.reason_code as "reasonCode", n.times,
  n.received_at as "receivedAt", n.last_received_at as "lastReceivedAt"`;

/** Answers to a client's attempts, and those to none, newest first, from before an id on. */
export async function listAnswers(
  db: Pool,
  clientId: string,
  filter: { readonly railId?: string | undefined; readonly attemptId?: string | undefined },
  page: { readonly before: string | null; readonly limit: number },
): Promise<AnswerView[]> {
  const { rows } = await db.query<AnswerView>({
    name: 'list_answers',
    text: `select ${VIEW} from operator_answers n left join attempts a on a.id = n.attempt_id
      where (n.attempt_id is null or a.client_id = $1) and ($2::text is null or n.rail_id = $2)
        and ($3::uuid is null or n.attempt_id = $3) and ($4::bigint is null or n.id < $4)
      order by n.id desc limit $5`,
    values: [clientId, filter.railId ?? null, filter.attemptId ?? null, page.before, page.limit],
  });
  return rows;
}

/** The answers that came last, whoever's, for whoever runs the platform. */
export async function listNewestAnswers(db: Queryable, limit: number): Promise<AnswerView[]> {
  const { rows } = await db.query<AnswerView>({
    name: 'list_newest_answers',
    text: `select ${VIEW} from operator_answers n order by n.last_received_at desc, n.id desc limit $1`,
    values: [limit],
  });
  return rows;
}

/** The body of an answer as it is sealed, and whose attempt it was given to, for whoever runs the platform; null when there is none. */
export async function findAnswerBody(db: Queryable, id: string): Promise<SealedMessage | null> {
  const { rows } = await db.query<SealedMessage>({
    name: 'find_answer_body',
    text: `select n.body, a.client_id as "clientId", a.payment_id as "paymentId" from operator_answers n
      left join attempts a on a.id = n.attempt_id where n.id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/**
 * Answers that could not be used and came since a moment (milliseconds), by rail and reason; codes that no table knows count as one reason.
 * One that came before as well, the same for the same attempt, counts as often as it ever came.
 */
export async function countAnswers(
  db: Queryable,
  sinceMs: number,
): Promise<readonly { readonly railId: string; readonly reasonCode: string; readonly count: number }[]> {
  const { rows } = await db.query<{ railId: string; reasonCode: string; count: number }>({
    name: 'count_answers',
    text: `select rail_id as "railId", split_part(reason_code, ':', 1) as "reasonCode", sum(times)::int as count from operator_answers
      where last_received_at >= $1 group by 1, 2`,
    values: [new Date(sinceMs)],
  });
  return rows;
}
