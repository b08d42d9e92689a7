/** Writing down acts that leave no row of their own elsewhere, in the transaction of the act. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';

export interface AuditEvent {
  /** Whose data it is about; null for acts on the platform itself. */
  readonly clientId: string | null;
  /** Who did it: the principal of a key, `agent:<name>`, `operator:<name>`, or `system`. */
  readonly actor: string;
  /** What was done: `payment.cancelled`. */
  readonly action: string;
  /** What it was done to: `case:<id>`. */
  readonly subject: string;
  readonly paymentId?: string | null;
  /** What else must be known later; no personal data. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Writes acts in their order. In the transaction that does what they tell of, so that neither is there without the other. */
export async function recordAuditEvents(tx: Queryable | Pool, events: readonly AuditEvent[], nowMs: number): Promise<void> {
  if (events.length === 0) return;
  await tx.query({
    name: 'record_audit_events',
    text: `insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, actor, action, subject, payment_id, details::jsonb, $7
      from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[]) with ordinality
        as event(client_id, actor, action, subject, payment_id, details, place) order by place`,
    values: [
      events.map((event) => event.clientId),
      events.map((event) => event.actor),
      events.map((event) => event.action),
      events.map((event) => event.subject),
      events.map((event) => event.paymentId ?? null),
      events.map((event) => JSON.stringify(event.details ?? {})),
      new Date(nowMs),
    ],
  });
}
