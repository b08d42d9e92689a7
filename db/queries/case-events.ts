/** What happens to cases, from the audit log: the stream that officers follow. */
import type { Pool } from 'pg';
import type { StreamPlace, StreamRange, StreamStretch } from './activity.ts';

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

/** Acts on cases of one client in a stretch of the stream, in its order, like `readStream` of agents' activity. */
export async function readCaseEvents(db: Pool, range: StreamRange): Promise<CaseEventRow[]> {
  const result = await db.query<Omit<CaseEventRow, 'position'> & { readonly position: string | bigint }>({
    name: 'read_case_events',
    text: `select tx_id::text as "txId", id as position, client_id as "clientId", actor, action, subject, payment_id as "paymentId", details,
        created_at as "createdAt"
      from audit_events
      where (tx_id, id) > ($1::xid8, $2::bigint) and (tx_id, id) <= ($3::xid8, $4::bigint) and client_id = $5 and subject like 'case:%'
      order by tx_id, id limit $6`,
    values: [range.after.txId, range.after.position, range.upTo.txId, range.upTo.position, range.clientId, range.limit],
  });
  return result.rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}

/** The clients that a stretch of the stream has acts on cases of. */
export async function listCaseEventClients(db: Pool, { after, upTo }: StreamStretch): Promise<string[]> {
  const { rows } = await db.query<{ clientId: string }>({
    name: 'list_case_event_clients',
    text: `select distinct client_id as "clientId" from audit_events
      where (tx_id, id) > ($1::xid8, $2::bigint) and (tx_id, id) <= ($3::xid8, $4::bigint) and client_id is not null and subject like 'case:%'`,
    values: [after.txId, after.position, upTo.txId, upTo.position],
  });
  return rows.map(({ clientId }) => clientId);
}
