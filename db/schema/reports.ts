/** Reports for authorities and partners. The file holds names and numbers and is ciphertext; everything beside it is free of them. */
import { sql } from 'drizzle-orm';
import { check, date, index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment } from './columns.ts';
import { clients } from './parties.ts';
import { payments } from './payments.ts';
import { screeningFindings } from './rules.ts';

export const reports = pgTable(
  'reports',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** `str`, `sar`, `ctr`, `travel_rule`, `audit`. */
    kind: text('kind').notNull(),
    /** The country whose authority it is for; null for a message to a partner and for the audit export. */
    country: text('country'),
    caseId: uuid('case_id'),
    /** What re-screening found, where the report is about that. */
    findingId: uuid('finding_id').references(() => screeningFindings.id),
    paymentId: uuid('payment_id').references(() => payments.id),
    /** The days it is about, the last one included; null for a report on one case or payment. */
    periodFrom: date('period_from'),
    periodTo: date('period_to'),
    mediaType: text('media_type').notNull(),
    fileName: text('file_name').notNull(),
    /** The file, encrypted. */
    content: bytea('content').notNull(),
    /** SHA-256 of the file in clear, hex. */
    contentDigest: text('content_digest').notNull(),
    /** What can be told of it without names: figures, gaps to be filled in, sources. */
    details: jsonb('details').notNull().$type<Readonly<Record<string, unknown>>>(),
    /** When the law wants it filed, where it says so. */
    dueAt: moment('due_at'),
    madeBy: text('made_by').notNull(),
    createdAt: createdAt(),
    filedBy: text('filed_by'),
    filedAt: moment('filed_at'),
    /** The number the authority gave it. */
    filingReference: text('filing_reference'),
  },
  (table) => [
    check('reports_kind', sql`${table.kind} in ('str', 'sar', 'ctr', 'travel_rule', 'audit')`),
    check('reports_filed', sql`(${table.filedAt} is null) = (${table.filedBy} is null)`),
    index('reports_client').on(table.clientId, table.id),
    index('reports_case').on(table.caseId).where(sql`${table.caseId} is not null`),
    index('reports_finding').on(table.findingId).where(sql`${table.findingId} is not null`),
    index('reports_payment').on(table.paymentId).where(sql`${table.paymentId} is not null`),
  ],
);
