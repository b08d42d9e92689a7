/** Keeping what messaging gateways posted and we could not use, and reports that came before the message they are about. */
import type { Queryable } from '../connect.ts';

export const RECORD_CONTEXT = 'gateway_records.body';

export interface GatewayRecord {
  readonly gateway: string;
  readonly kind: string;
  /** Ciphertext. */
  readonly body: Buffer;
  readonly bodyDigest: Buffer;
  readonly sourceAddress: string;
  readonly verdict: 'refused' | 'unmatched';
  readonly reasonCode: string;
  readonly reference: string | null;
}

/** Stores one. */
export async function storeGatewayRecord(db: Queryable, record: GatewayRecord, nowMs: number): Promise<void> {
  await db.query({
    name: 'store_gateway_record',
    text: `insert into gateway_records (gateway, kind, body, body_digest, source_address, received_at, verdict, reason_code, reference)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [
      record.gateway,
      record.kind,
      record.body,
      record.bodyDigest,
      record.sourceAddress,
      new Date(nowMs),
      record.verdict,
      record.reasonCode,
      record.reference,
    ],
  });
}

/** Takes the reports that came before their message was known by this id, oldest first; each is taken once. Gives their ciphertexts. */
export async function takeUnmatchedReports(db: Queryable, gateway: string, reference: string): Promise<Buffer[]> {
  const { rows } = await db.query<{ body: Buffer }>({
    name: 'take_unmatched_reports',
    text: `with taken as (
        update gateway_records set verdict = 'matched' where verdict = 'unmatched' and reference = $2 and gateway = $1 returning id, body
      ) select body from taken order by id`,
    values: [gateway, reference],
  });
  return rows.map((row) => row.body);
}

export interface GatewayRecordRow {
  readonly id: bigint;
  readonly gateway: string;
  readonly kind: string;
  readonly receivedAt: Date;
  readonly verdict: string;
  readonly reasonCode: string;
  readonly sourceAddress: string;
}

/** The newest records, without what stood in them. */
export async function listGatewayRecords(db: Queryable, limit: number): Promise<GatewayRecordRow[]> {
  const { rows } = await db.query<GatewayRecordRow>({
    name: 'list_gateway_records',
    text: `select id, gateway, kind, received_at as "receivedAt", verdict, reason_code as "reasonCode", source_address as "sourceAddress"
      from gateway_records order by id desc limit $1`,
    values: [limit],
  });
  return rows;
}
