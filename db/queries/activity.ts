/** Reading agent activity: one payment's, a client's, and the stream that never skips a row. */
import type { Pool } from 'pg';
import type { Facts, Reason } from '../../domain/decision.ts';
import { isOrdinaryAgent, ORDINARY_OUTCOMES, SET_MAX } from './decisions.ts';
import { windowOf } from './settlement-windows.ts';

export interface ActivityRow {
  /** The transaction that wrote the row; with `position` its place in the stream. */
  readonly txId: string;
  readonly position: bigint;
  readonly id: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly cohortId: string;
  readonly agent: string;
  readonly policyVersion: string;
  readonly factsDigest: string;
  readonly facts: Facts;
  readonly outcome: string;
  readonly reasons: readonly Reason[];
  readonly confidence: number;
  readonly durationUs: number;
  readonly modelId: string | null;
  readonly promptHash: string | null;
  readonly createdAt: Date;
}

const COLUMNS = `tx_id::text as "txId", position, id, client_id as "clientId", payment_id as "paymentId", cohort_id as "cohortId", agent,
  policy_version as "policyVersion", facts_digest as "factsDigest", facts, outcome, reasons, confidence, duration_us as "durationUs",
  model_id as "modelId", prompt_hash as "promptHash", created_at as "createdAt"`;

/** Every decision about a payment, in the order they were taken; that of its settlement window stands for all of its client's payments there. */
export async function findDecisions(db: Pool, paymentId: string): Promise<ActivityRow[]> {
  const result = await db.query<ActivityRow>({
    name: 'find_decisions',
    text: `select ${COLUMNS} from decisions where payment_id = $1 and agent <> 'settlement'
      union all
      select ${COLUMNS.replace('payment_id', '$1::uuid')} from agent_activity where agent = 'settlement' and id = (
        select decision_id from settlement_window_decisions told join payments p on p.id = $1 and p.client_id = told.client_id
        where told.window_id = ${windowOf('$1::uuid')})
      order by position`,
    values: [paymentId],
  });
  return result.rows;
}

/** A place in the stream: transaction, then position inside it. */
export interface StreamPlace {
  readonly txId: string;
  readonly position: bigint;
}

/** A stretch of a stream: from behind a place up to another, that one included. */
export interface StreamStretch {
  readonly after: StreamPlace;
  readonly upTo: StreamPlace;
}

/** Which rows of a stream are read. */
export interface StreamRange extends StreamStretch {
  readonly clientId: string;
  readonly limit: number;
}

export interface ActivityFilter {
  readonly agent?: string | undefined;
  readonly outcome?: string | undefined;
  readonly paymentId?: string | undefined;
  /** Agents of which nothing is listed. */
  readonly without?: readonly string[] | undefined;
}

/** The columns of a decision, of one that has a row of its own and of one of a set. */
const ALONE = `id, tx_id, position, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons,
  confidence, duration_us, model_id, prompt_hash, created_at`;
const OF_A_SET = `one.id, given.tx_id, one.position, given.client_id, given.payment_id, given.cohort_id, one.agent, one.policy_version,
  one.facts_digest, one.facts, one.outcome, one.reasons, one.confidence, one.duration_us, null, null, given.created_at`;

/** A client's activity, newest first, from before a place in the stream on. */
export async function listActivity(
  db: Pool,
  clientId: string,
  filter: ActivityFilter,
  page: { readonly before: StreamPlace | null; readonly limit: number },
): Promise<ActivityRow[]> {
  const { before, limit } = page;
  const values: unknown[] = [clientId, limit];
  const put = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [
    ...(filter.agent === undefined ? [] : [`agent = ${put(filter.agent)}`]),
    ...(filter.outcome === undefined ? [] : [`outcome = ${put(filter.outcome)}`]),
    ...(filter.without === undefined ? [] : [`agent <> all(${put(filter.without)}::text[])`]),
  ].map((condition) => ` and ${condition}`);
  const ofPayment = filter.paymentId === undefined ? '' : ` and payment_id = ${put(filter.paymentId)}`;
  const place = before === null ? null : `(${put(before.txId)}::xid8, ${put(before.position)}::bigint)`;
  const earlier = (position: string): string => (place === null ? '' : ` and (tx_id, ${position}) < ${place}`);
  const alone = `select ${ALONE} from agent_activity where client_id = $1${ofPayment}${conditions.join('')}${earlier('position')}
    order by tx_id desc, position desc limit $2`;
  // A set is walked by the place of its first decision, and those behind the place that was asked for are left out.
  const inSets = `select ${OF_A_SET}
    from (select * from decision_sets where client_id = $1${ofPayment}${earlier('position')} order by tx_id desc, position desc) given
    cross join lateral decisions_in(given) one where true${conditions.join('')}${earlier('one.position')}
    order by given.tx_id desc, given.position desc, one.position desc limit $2`;
  const isAlone =
    (filter.agent !== undefined && !isOrdinaryAgent(filter.agent)) ||
    (filter.outcome !== undefined && !ORDINARY_OUTCOMES.has(filter.outcome));
  const text = `select ${COLUMNS} from (${isAlone ? alone : `(${alone}) union all (${inSets})`}) found
    order by tx_id desc, position desc limit $2`;
  return (await db.query<ActivityRow>(text, values)).rows;
}

/**
 * The place behind every row that can be read for good: all rows of transactions that are over. A
 * row written later, or not committed yet, comes after it.
 */
export async function streamHead(db: Pool): Promise<StreamPlace> {
  const result = await db.query<{ txId: string }>({
    name: 'stream_head',
    text: `select (pg_snapshot_xmin(pg_current_snapshot())::text::numeric - 1)::text as "txId"`,
  });
  return { txId: result.rows[0]?.txId ?? '0', position: 2n ** 63n - 1n };
}

const STREAMED = '(tx_id, position) <= ($3::xid8, $4::bigint) and client_id = $5';

/**
 * Rows of one client in a stretch of the stream, in its order. The stretch ends at or before a head: rows of transactions that could
 * still be joined by an earlier one lie behind that, so that no reader who goes on from there ever misses one.
 */
export async function readStream(db: Pool, range: StreamRange): Promise<ActivityRow[]> {
  const result = await db.query<ActivityRow>({
    name: 'read_stream',
    text: `select ${COLUMNS} from (
        (select ${ALONE} from agent_activity
          where (tx_id, position) > ($1::xid8, $2::bigint) and ${STREAMED} order by tx_id, position limit $6)
        union all
        (select ${OF_A_SET}
          from (select * from decision_sets where (tx_id, position) > ($1::xid8, $2::bigint - ${SET_MAX}) and ${STREAMED}
            order by tx_id, position limit $6 + 1) given
          cross join lateral decisions_in(given) one
          where (given.tx_id, one.position) > ($1::xid8, $2::bigint)
            and (given.tx_id, one.position) <= ($3::xid8, $4::bigint))
      ) found order by tx_id, position limit $6`,
    values: [range.after.txId, range.after.position, range.upTo.txId, range.upTo.position, range.clientId, range.limit],
  });
  return result.rows;
}

/** The clients that a stretch of the stream has rows of. */
export async function listStreamClients(db: Pool, { after, upTo }: StreamStretch): Promise<string[]> {
  const { rows } = await db.query<{ clientId: string }>({
    name: 'list_stream_clients',
    text: `select distinct client_id as "clientId" from (
        select client_id from agent_activity where (tx_id, position) > ($1::xid8, $2::bigint) and (tx_id, position) <= ($3::xid8, $4::bigint)
        union all
        select client_id from decision_sets
          where (tx_id, position) > ($1::xid8, $2::bigint - ${SET_MAX}) and (tx_id, position) <= ($3::xid8, $4::bigint)
      ) found`,
    values: [after.txId, after.position, upTo.txId, upTo.position],
  });
  return rows.map(({ clientId }) => clientId);
}

/** By what an agent first decided a payment. */
export interface FirstDecision {
  readonly paymentId: string;
  readonly facts: Facts;
}

export interface FirstDecisionsRange {
  readonly agent: string;
  /** Decided from then on; null: from the beginning. */
  readonly sinceMs: number | null;
  /** Decided before; null: up to the end. */
  readonly untilMs: number | null;
  /** Null: from the beginning. */
  readonly after: StreamPlace | null;
  /** How many rows of the stream are walked at once. */
  readonly limit: number;
}

/**
 * The next rows of the stream, of all clients, and of those the first decision of an agent about each payment in a stretch of time: a
 * payment is told once, however often it was decided. `next` is where to go on from, null at the end; a page may hold no decision.
 */
export async function readFirstDecisions(
  db: Pool,
  { agent, sinceMs, untilMs, after, limit }: FirstDecisionsRange,
): Promise<{ readonly decisions: FirstDecision[]; readonly next: StreamPlace | null }> {
  const { rows } = await db.query<StreamPlace & { readonly paymentId: string; readonly facts: Facts | null }>({
    name: 'read_first_decisions',
    text: `select walked.tx_id::text as "txId", walked.position, walked.payment_id as "paymentId", one.facts
      from (
        (select tx_id, position, payment_id, created_at, agent, facts, null::decision_sets as given
          from agent_activity where (tx_id, position) > ($1::xid8, $2::bigint) order by tx_id, position limit $3)
        union all
        (select tx_id, position, payment_id, created_at, null, null, given
          from decision_sets given where (tx_id, position) > ($1::xid8, $2::bigint) order by tx_id, position limit $3)
        order by tx_id, position limit $3) walked
      left join lateral (
        select walked.facts where walked.agent = $4
        union all
        (select facts from decisions_in(walked.given) where agent = $4 order by position limit 1)
      ) one on ($5::timestamptz is null or walked.created_at >= $5) and ($6::timestamptz is null or walked.created_at < $6)
        and not exists (select from decisions earlier where earlier.payment_id = walked.payment_id and earlier.position < walked.position
          and earlier.agent = $4 and ($5::timestamptz is null or earlier.created_at >= $5))
      order by walked.tx_id, walked.position`,
    values: [after?.txId ?? '0', after?.position ?? 0n, limit, agent, dateOf(sinceMs), dateOf(untilMs)],
  });
  const last = rows.length < limit ? undefined : rows.at(-1);
  return {
    decisions: rows.flatMap(({ paymentId, facts }) => (facts === null ? [] : [{ paymentId, facts }])),
    next: last === undefined ? null : { txId: last.txId, position: last.position },
  };
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
