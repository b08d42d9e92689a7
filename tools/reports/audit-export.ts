/** What the audit log holds of a client's period, as JSON lines under one head that names the last sealed block. */
import type { Pool } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';

/** Where the client of a row stands: in the row, or with its payment. */
const SOURCES = {
  payment_events: 'r.client_id = $1',
  agent_activity: 'r.client_id = $1',
  decision_commons: 'r.client_id = $1',
  decision_sets: 'r.client_id = $1',
  compliance_records: 'r.client_id = $1',
  audit_events: 'r.client_id = $1',
  case_decisions: 'exists (select from payments p where p.id = r.payment_id and p.client_id = $1)',
  transfers: 'exists (select from payments p where p.id = r.payment_id and p.client_id = $1)',
} as const;

/** Rows of one export at most; a longer period is exported in parts. */
const ROWS_MAX = 50_000;

export interface AuditExport {
  readonly text: string;
  readonly rows: Readonly<Record<string, number>>;
  readonly head: string | null;
}

/** Exports as one snapshot shows it. Throws `report_too_large`. */
export function exportAudit(pool: Pool, clientId: string, from: Date, before: Date): Promise<AuditExport> {
  return withTransaction(
    pool,
    async (tx) => {
      const lines: string[] = [];
      const rows: Record<string, number> = {};
      for (const [source, ofClient] of Object.entries(SOURCES)) {
        const found = await tx.query<{ row: string }>(
          `select to_jsonb(r)::text as row from ${source} r where ${ofClient} and r.created_at >= $2 and r.created_at < $3 order by r.created_at limit $4`,
          [clientId, from, before, ROWS_MAX + 1 - lines.length],
        );
        rows[source] = found.rows.length;
        for (const { row } of found.rows) lines.push(`{"source":"${source}","row":${row}}`);
        if (lines.length > ROWS_MAX) throw fault('report_too_large');
      }
      const last = await tx.query<{ head: string }>(
        `select number || ':' || hash as head from audit_blocks order by audit_blocks.number desc limit 1`,
      );
      const head = last.rows[0]?.head ?? null;
      const first = {
        kind: 'capp-audit-export',
        from: from.toISOString(),
        before: before.toISOString(),
        rows,
        lastBlock: head,
        digest: digestOf(lines.join('\n')),
      };
      return { text: `${[JSON.stringify(first), ...lines].join('\n')}\n`, rows, head };
    },
    { isolation: 'repeatable read' },
  );
}
