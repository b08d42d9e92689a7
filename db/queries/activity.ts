/** Reading agent activity: one payment's, a client's, and the stream that never skips a row. */
import type { Pool } from 'pg';
import type { Facts, Reason } from '../../domain/decision.ts';
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
    text: `select ${COLUMNS} from agent_activity where payment_id = $1 and agent <> 'settlement'
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

/** Which rows of a stream are read. */
export interface StreamRange {
  readonly after: StreamPlace;
  readonly upTo: StreamPlace | null;
  /** Null for all clients. */
  readonly clientId: string | null;
  readonly limit: number;
}

export interface ActivityFilter {
  readonly agent?: string | undefined;
  readonly outcome?: string | undefined;
  readonly paymentId?: string | undefined;
  /** Agents of which nothing is listed. */
  readonly without?: readonly string[] | undefined;
}

/** A client's activity, newest first, from before a place in the stream on. */
export async function listActivity(
  db: Pool,
  clientId: string,
  filter: ActivityFilter,
  page: { readonly before: StreamPlace | null; readonly limit: number },
): Promise<ActivityRow[]> {
  const values: unknown[] = [clientId];
  const conditions = ['client_id = $1'];
  const where = (condition: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    values.push(value);
    conditions.push(condition.replace('?', `$${values.length}`));
  };
  where('agent = ?', filter.agent);
  where('outcome = ?', filter.outcome);
  where('payment_id = ?', filter.paymentId);
  where('agent <> all(?::text[])', filter.without);
  if (page.before !== null) {
    values.push(page.before.txId, page.before.position);
    conditions.push(`(tx_id, position) < ($${values.length - 1}::xid8, $${values.length}::bigint)`);
  }
  values.push(page.limit);
  const text = `select ${COLUMNS} from agent_activity where ${conditions.join(' and ')}
    order by tx_id desc, position desc limit $${values.length}`;
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

/**
 * Rows of the stream after a place, up to another if one is given, in stream order, over all clients
 * or of one. Rows of transactions that could still be joined by an earlier one are held back, so that
 * no reader who goes on from the last row it saw ever misses one.
 */
export async function readStream(db: Pool, range: StreamRange): Promise<ActivityRow[]> {
  const result = await db.query<ActivityRow>({
    name: 'read_stream',
    text: `select ${COLUMNS} from agent_activity
      where (tx_id, position) > ($1::xid8, $2::bigint) and tx_id < pg_snapshot_xmin(pg_current_snapshot())
        and ($3::xid8 is null or (tx_id, position) <= ($3::xid8, $4::bigint))
        and ($5::uuid is null or client_id = $5)
      order by tx_id, position limit $6`,
    values: [range.after.txId, range.after.position, range.upTo?.txId ?? null, range.upTo?.position ?? null, range.clientId, range.limit],
  });
  return result.rows;
}
