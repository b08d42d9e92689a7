/** Reports: what they are made from, and where they are kept. Every function is bound to one client's rows. */
import type { Pool } from 'pg';
import type { Reason } from '../../domain/decision.ts';
import type { Queryable } from '../connect.ts';
import type { SealedParties, SealedPerson } from '../person-keys.ts';

export interface ReportPaymentRow extends SealedParties {
  readonly id: string;
  readonly referenceId: string;
  readonly status: string;
  readonly purpose: string;
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly targetAmount: bigint | null;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly senderWallet: string;
  readonly receiverWallet: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly senderSince: Date;
  readonly receiverSince: Date;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}

const PAYMENT_SQL = `select p.id, p.reference_id as "referenceId", p.status, p.purpose, p.amount, p.from_currency as "fromCurrency",
    p.target_amount as "targetAmount", p.to_currency as "toCurrency", p.from_country as "fromCountry", p.to_country as "toCountry",
    p.sender_wallet as "senderWallet", p.receiver_wallet as "receiverWallet", p.sender_id as "senderId", p.receiver_id as "receiverId",
    s.created_at as "senderSince", r.created_at as "receiverSince", p.parties, s.data_key as "senderKey", r.data_key as "receiverKey", p.created_at as "createdAt", p.completed_at as "completedAt"
  from payments p join users s on s.id = p.sender_id join users r on r.id = p.receiver_id`;

/** One payment for a report, or null. */
export async function findReportPayment(db: Pool, clientId: string, paymentId: string): Promise<ReportPaymentRow | null> {
  const result = await db.query<ReportPaymentRow>({
    name: 'find_report_payment',
    text: `${PAYMENT_SQL} where p.id = $2 and p.client_id = $1`,
    values: [clientId, paymentId],
  });
  return result.rows[0] ?? null;
}

/** Paid payments that begin or end in a country and were made from a moment up to another, by id; after an id, so many at most. */
export async function listReportPayments(
  db: Pool,
  wanted: { readonly clientId: string; readonly country: string; readonly from: Date; readonly before: Date },
  page: { readonly afterId: string | null; readonly limit: number },
): Promise<ReportPaymentRow[]> {
  const result = await db.query<ReportPaymentRow>({
    name: 'list_report_payments',
    text: `${PAYMENT_SQL} where p.client_id = $1 and (p.from_country = $2 or p.to_country = $2) and p.status = 'paid'
        and p.created_at >= $3 and p.created_at < $4 and ($5::uuid is null or p.id > $5) order by p.id limit $6`,
    values: [wanted.clientId, wanted.country, wanted.from, wanted.before, page.afterId, page.limit],
  });
  return result.rows;
}

/** Why a payment is reported: the case it has, or what compliance said of it where it has none. */
export interface ReportCaseRow {
  /** Null where there is no case. */
  readonly id: string | null;
  readonly paymentId: string;
  readonly kind: string | null;
  readonly status: string | null;
  readonly reasons: readonly Reason[];
  readonly createdAt: Date;
}

/** A case as a report tells of it, or null. */
export async function findReportCase(db: Pool, clientId: string, caseId: string): Promise<ReportCaseRow | null> {
  const result = await db.query<ReportCaseRow>({
    name: 'find_report_case',
    text: `select id, payment_id as "paymentId", kind, status, reasons, created_at as "createdAt" from cases where id = $2 and client_id = $1`,
    values: [clientId, caseId],
  });
  return result.rows[0] ?? null;
}

/** A payment's newest case, or else what compliance said of it last, as a report tells of it; null when it was never looked at. */
export async function findReportCauseOf(db: Pool, clientId: string, paymentId: string): Promise<ReportCaseRow | null> {
  const result = await db.query<ReportCaseRow>({
    name: 'find_report_cause',
    text: `(select id, payment_id as "paymentId", kind, status, reasons, created_at as "createdAt" from cases
        where payment_id = $2 and client_id = $1 and kind in ('held', 'refused') order by created_at desc limit 1)
      union all
      (select null, payment_id, null, null, reasons::jsonb, created_at from decisions
        where payment_id = $2 and client_id = $1 and agent = 'compliance' order by position desc limit 1)
      limit 1`,
    values: [clientId, paymentId],
  });
  return result.rows[0] ?? null;
}

export interface ReportFindingRow extends SealedPerson {
  readonly id: string;
  readonly userId: string;
  readonly list: string;
  readonly entryId: string;
  readonly topic: string;
  readonly status: string;
  readonly how: string;
  readonly score: number;
  readonly createdAt: Date;
  readonly country: string;
  readonly walletId: string;
  readonly since: Date;
}

/** A finding with its person, sealed, as a report tells of it; null when there is none, or the person was erased. */
export async function findReportFinding(db: Pool, clientId: string, findingId: string): Promise<ReportFindingRow | null> {
  const result = await db.query<ReportFindingRow>({
    name: 'find_report_finding',
    text: `select f.id, u.id as "userId", f.list, f.entry_id as "entryId", f.topic, f.status, f.how, f.score, f.created_at as "createdAt", u.country,
        u.wallet_id as "walletId", u.created_at as since, u.person, u.data_key as "dataKey", u.name, u.phone
      from screening_findings f join users u on u.id = f.user_id where f.id = $2 and f.client_id = $1 and u.erased_at is null`,
    values: [clientId, findingId],
  });
  return result.rows[0] ?? null;
}

/** Accepted rates of a day (UTC): the newest of each currency up to its end, units for one USD times 10^12. */
export async function ratesOn(db: Pool, day: string): Promise<Map<string, bigint>> {
  const result = await db.query<{ currency: string; rate: bigint | string }>({
    name: 'rates_on',
    text: `select distinct on (currency) currency, rate from exchange_rates
      where source = 'consensus' and as_of < ($1::date + 1)::timestamp at time zone 'UTC'
      order by currency, as_of desc`,
    values: [day],
  });
  return new Map(result.rows.map((row) => [row.currency, BigInt(row.rate)]));
}

export interface ReportRow {
  readonly id: string;
  readonly kind: 'str' | 'sar' | 'ctr' | 'travel_rule' | 'audit';
  readonly country: string | null;
  readonly caseId: string | null;
  readonly findingId: string | null;
  readonly paymentId: string | null;
  readonly periodFrom: string | null;
  readonly periodTo: string | null;
  readonly mediaType: string;
  readonly fileName: string;
  readonly contentDigest: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly dueAt: Date | null;
  readonly madeBy: string;
  readonly createdAt: Date;
  readonly filedBy: string | null;
  readonly filedAt: Date | null;
  readonly filingReference: string | null;
}

const REPORT_COLUMNS = `id, kind, country, case_id as "caseId", finding_id as "findingId", payment_id as "paymentId", period_from::text as "periodFrom", period_to::text as "periodTo",
  media_type as "mediaType", file_name as "fileName", content_digest as "contentDigest", details, due_at as "dueAt", made_by as "madeBy",
  created_at as "createdAt", filed_by as "filedBy", filed_at as "filedAt", filing_reference as "filingReference"`;

export interface NewReport extends Omit<ReportRow, 'createdAt' | 'filedBy' | 'filedAt' | 'filingReference'> {
  readonly clientId: string;
  /** Ciphertext. */
  readonly content: Buffer;
  readonly nowMs: number;
}

/** Keeps a report. */
export async function insertReport(tx: Queryable, report: NewReport): Promise<ReportRow> {
  const result = await tx.query<ReportRow>({
    name: 'insert_report',
    text: `insert into reports (id, client_id, kind, country, case_id, payment_id, period_from, period_to, media_type, file_name, content,
        content_digest, details, due_at, made_by, created_at, finding_id)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) returning ${REPORT_COLUMNS}`,
    values: [
      report.id,
      report.clientId,
      report.kind,
      report.country,
      report.caseId,
      report.paymentId,
      report.periodFrom,
      report.periodTo,
      report.mediaType,
      report.fileName,
      report.content,
      report.contentDigest,
      JSON.stringify(report.details),
      report.dueAt,
      report.madeBy,
      new Date(report.nowMs),
      report.findingId,
    ],
  });
  return result.rows[0] as ReportRow;
}

/** A client's report without its file, or null. */
export async function findReport(db: Queryable | Pool, clientId: string, reportId: string): Promise<ReportRow | null> {
  const result = await db.query<ReportRow>({
    name: 'find_report',
    text: `select ${REPORT_COLUMNS} from reports where id = $2 and client_id = $1`,
    values: [clientId, reportId],
  });
  return result.rows[0] ?? null;
}

/** The file of a client's report, as ciphertext, or null. */
export async function findReportContent(db: Queryable | Pool, clientId: string, reportId: string): Promise<Buffer | null> {
  const result = await db.query<{ content: Buffer }>({
    name: 'find_report_content',
    text: 'select content from reports where id = $2 and client_id = $1',
    values: [clientId, reportId],
  });
  return result.rows[0]?.content ?? null;
}

/** A client's reports, the newest first, from after an id on. */
export async function listReports(
  db: Pool,
  clientId: string,
  filter: { readonly kind?: string | undefined; readonly filed?: boolean | undefined; readonly caseId?: string | undefined },
  page: { readonly afterId: string | null; readonly limit: number },
): Promise<ReportRow[]> {
  const result = await db.query<ReportRow>({
    name: 'list_reports',
    text: `select ${REPORT_COLUMNS} from reports where client_id = $1 and ($2::text is null or kind = $2)
        and ($3::boolean is null or (filed_at is not null) = $3) and ($4::uuid is null or case_id = $4) and ($5::uuid is null or id < $5)
      order by id desc limit $6`,
    values: [clientId, filter.kind ?? null, filter.filed ?? null, filter.caseId ?? null, page.afterId, page.limit],
  });
  return result.rows;
}

/** Writes down that a report was filed; null when it was before. */
export async function fileReport(
  tx: Queryable,
  filing: {
    readonly clientId: string;
    readonly reportId: string;
    readonly principal: string;
    readonly reference: string | null;
    readonly filedAtMs: number;
  },
): Promise<ReportRow | null> {
  const result = await tx.query<ReportRow>({
    name: 'file_report',
    text: `update reports set filed_by = $3, filed_at = $4, filing_reference = $5
      where id = $2 and client_id = $1 and filed_at is null returning ${REPORT_COLUMNS}`,
    values: [filing.clientId, filing.reportId, filing.principal, new Date(filing.filedAtMs), filing.reference],
  });
  return result.rows[0] ?? null;
}
