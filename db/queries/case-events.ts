/** What happens to cases, from the audit log: the stream that officers follow. */
import type { Pool } from 'pg';
import type { StreamPlace, StreamRange } from './activity.ts';

export interface CaseEventRow extends StreamPlace {
  readonly clientId: string | null;
  /** Who did it: the principal of a key, or `system`. */
  readonly actor: string;
  /** `case.claimed` and so on; acts on other things too. */
  readonly action: string;
  /** `case:<id>` */
  readonly subject: string;
  readonly paymentId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
}

/**
 * Acts after a place, in the order of the stream, like `readStream` of agents' activity. Acts on other things than cases
 * are among them, so that whoever goes on from the last row does not read those again and again.
 */
export async function readCaseEvents(db: Pool, range: StreamRange): Promise<CaseEventRow[]> {
  const result = await db.query<Omit<CaseEventRow, 'position'> & { readonly position: string | bigint }>({
    name: 'read_case_events',
    text: `select tx_id::text as "txId", id as position, client_id as "clientId", actor, action, subject, payment_id as "paymentId", details,
        created_at as "createdAt"
      from audit_events
      where (tx_id, id) > ($1::xid8, $2::bigint) and tx_id < pg_snapshot_xmin(pg_current_snapshot())
        and ($3::xid8 is null or (tx_id, id) <= ($3::xid8, $4::bigint))
        and ($5::uuid is null or client_id = $5)
      order by tx_id, id limit $6`,
    values: [range.after.txId, range.after.position, range.upTo?.txId ?? null, range.upTo?.position ?? null, range.clientId, range.limit],
  });
  return result.rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}
