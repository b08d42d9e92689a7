/**
 * Making reports. Names and numbers are decrypted here, go into the file and nowhere else; the file is
 * encrypted before it is stored, and making it is an act of the audit log.
 */
import { withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { findReportPayment, insertReport, ratesOn, type ReportRow } from '../../db/queries/reports.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { dayOf } from '../../domain/network.ts';
import { exportPayment } from '../audit/index.ts';
import { sealText } from '../privacy/texts.ts';
import { exportAudit } from './audit-export.ts';
import { thresholdCsv } from './csv.ts';
import { goaml, type Made, paymentOf, paymentsOf, type ReportDeps, type ReportMaker, XML } from './records.ts';
import { type PerUsd, reportingOf } from './reporting.ts';
import { suspicion, suspicionOfPerson } from './suspicion.ts';
import { totalsIn } from './subject.ts';
import { overThresholds } from './thresholds.ts';
import { writeTravelRule } from './travel-rule.ts';

export type ReportRequest =
  /** A suspicion about the payment of a case, or about a payment. `suspectedAtMs`: when it arose; when it was found unless told. */
  | {
      readonly kind: 'str' | 'sar';
      readonly about: { readonly caseId: string } | { readonly paymentId: string };
      readonly country: string;
      readonly note: string;
      readonly suspectedAtMs: number | null;
    }
  /** A suspicion about a person whom re-screening found. */
  | {
      readonly kind: 'sar';
      readonly about: { readonly findingId: string };
      readonly country: string;
      readonly note: string;
      readonly suspectedAtMs: number | null;
    }
  /** Payments of the days from `from` to `to`, both included, that reach a threshold of the country. */
  | { readonly kind: 'ctr'; readonly country: string; readonly from: string; readonly to: string }
  | { readonly kind: 'travel_rule'; readonly paymentId: string }
  | { readonly kind: 'audit'; readonly paymentId: string }
  | { readonly kind: 'audit'; readonly from: string; readonly to: string };

/** The context in which a report's file is encrypted. */
export const REPORT_CONTEXT = 'reports.content';
const DAY_MS = 86_400_000;
const PERIOD_DAYS_MAX = 366;

/**
 * Makes a report and keeps it. Throws `not_found` for a case or payment of nobody or of another client, `report_country_unknown`,
 * `report_form_unavailable`, `report_period_invalid`, `report_too_large`, `reporting_entity_missing`, `rate_unavailable`, and
 * `report_invalid` with the elements at fault when the file does not hold against its schema.
 */
export async function makeReport(deps: ReportDeps, maker: ReportMaker, request: ReportRequest): Promise<ReportRow> {
  const id = newId();
  const nowMs = deps.clock.now();
  const made = await fileOf(deps, maker, request, id, nowMs);
  const report = (content: Buffer) => ({
    id,
    clientId: maker.clientId,
    kind: request.kind,
    country: made.country,
    caseId: made.caseId ?? null,
    findingId: made.findingId ?? null,
    paymentId: made.paymentId ?? null,
    periodFrom: made.period?.from ?? null,
    periodTo: made.period?.to ?? null,
    mediaType: made.mediaType,
    fileName: `${request.kind}-${id}.${made.extension}`,
    content,
    contentDigest: digestOf(made.content),
    details: made.details,
    dueAt: made.dueAtMs === undefined ? null : new Date(made.dueAtMs),
    madeBy: maker.principal,
    nowMs,
  });
  return withTransaction(deps.pool, async (tx) => {
    const sealing = { text: made.content, context: REPORT_CONTEXT, nowMs };
    const row = await insertReport(tx, report(await sealText(tx, deps.keyring, { id, kind: 'report' }, sealing)));
    const details = {
      kind: request.kind,
      country: made.country,
      contentDigest: digestOf(made.content),
      caseId: made.caseId ?? null,
      findingId: made.findingId ?? null,
    };
    const act = { clientId: maker.clientId, actor: maker.principal, action: 'report.made', subject: `report:${id}` };
    await recordAuditEvents(tx, [{ ...act, paymentId: made.paymentId ?? null, details }], nowMs);
    return row;
  });
}

function fileOf(deps: ReportDeps, maker: ReportMaker, request: ReportRequest, id: string, nowMs: number): Promise<Made> {
  switch (request.kind) {
    case 'str':
    case 'sar':
      return 'findingId' in request.about
        ? suspicionOfPerson(deps, maker, { ...request, findingId: request.about.findingId }, id, nowMs)
        : suspicion(deps, maker, { ...request, about: request.about }, id, nowMs);
    case 'ctr':
      return threshold(deps, maker, request, id, nowMs);
    case 'travel_rule':
      return travelRule(deps, maker, request.paymentId);
    case 'audit':
      return 'paymentId' in request ? auditOfPayment(deps, maker, request.paymentId) : auditOfPeriod(deps, maker, request);
  }
}

async function threshold(
  deps: ReportDeps,
  maker: ReportMaker,
  request: Extract<ReportRequest, { kind: 'ctr' }>,
  id: string,
  nowMs: number,
): Promise<Made> {
  const { country } = request;
  const period = periodOf(request);
  const reporting = reportingOf(country, request.to);
  const payments = await paymentsOf(deps, maker, country, period);
  const rates = new Map<string, Map<string, bigint>>();
  for (const day of new Set(payments.map((payment) => dayOf(payment.createdAtMs)))) rates.set(day, await ratesOn(deps.pool, day));
  const perUsdOn =
    (day: string): PerUsd =>
    (currency) =>
      rates.get(day)?.get(currency) ?? null;
  const findings = overThresholds(payments, reporting, perUsdOn);
  const reported = [...new Map(findings.flatMap((each) => each.payments).map((payment) => [payment.id, payment])).values()];
  const counts = Object.fromEntries(
    reporting.thresholds.map(({ id: rule }) => [rule, findings.filter((each) => each.threshold.id === rule).length]),
  );
  const details = {
    authority: reporting.authority,
    source: reporting.source,
    looked: payments.length,
    payments: reported.length,
    totals: totalsIn(reported, country),
    findings: counts,
    uncertain: reporting.uncertain,
  };
  const shared = { country, period: { from: request.from, to: request.to } };
  // goAML wants at least one transaction; a period with nothing to report is told by the list itself.
  if (reporting.form !== 'goAML' || reported.length === 0) {
    return {
      ...shared,
      content: thresholdCsv(findings, country),
      mediaType: 'text/csv',
      extension: 'csv',
      details: { ...details, form: 'CSV' },
    };
  }
  const written = await goaml({
    kind: 'CTR',
    country,
    currency: reporting.currency,
    reference: id,
    submittedAtMs: nowMs,
    entity: deps.entities(country),
    reason: `Payments of ${request.from} to ${request.to} that reach a reporting threshold (${reporting.source}).`,
    action: 'Reported for their amount.',
    ruleCodes: [],
    payments: reported,
  });
  return { ...shared, content: written.content, mediaType: XML, extension: 'xml', details: { ...details, ...written.details } };
}

async function travelRule(deps: ReportDeps, maker: ReportMaker, paymentId: string): Promise<Made> {
  const payment = await paymentOf(deps, maker, paymentId);
  const { message, missing, missingNext } = writeTravelRule(payment, deps.entities(payment.sender.country));
  return {
    content: `${JSON.stringify(message, null, 2)}\n`,
    mediaType: 'application/json',
    extension: 'json',
    country: null,
    paymentId,
    details: { form: 'IVMS 101', missing, missingNext },
  };
}

async function auditOfPayment(deps: ReportDeps, maker: ReportMaker, paymentId: string): Promise<Made> {
  if ((await findReportPayment(deps.pool, maker.clientId, paymentId)) === null) throw fault('not_found');
  const proof = await exportPayment(deps.auditLog, paymentId);
  const details = { form: 'capp-audit-proof', rows: proof.rows.length, unsealed: proof.unsealed };
  return { content: `${JSON.stringify(proof)}\n`, mediaType: 'application/json', extension: 'json', country: null, paymentId, details };
}

async function auditOfPeriod(deps: ReportDeps, maker: ReportMaker, request: { readonly from: string; readonly to: string }): Promise<Made> {
  const { from, before } = periodOf(request);
  const { text, rows, head } = await exportAudit(deps.auditLog, maker.clientId, from, before);
  const details = { form: 'capp-audit-export', rows, lastBlock: head };
  return {
    content: text,
    mediaType: 'application/x-ndjson',
    extension: 'ndjson',
    country: null,
    period: { from: request.from, to: request.to },
    details,
  };
}

/** The days as moments, UTC. Throws `report_period_invalid`. */
function periodOf({ from, to }: { readonly from: string; readonly to: string }): { readonly from: Date; readonly before: Date } {
  const [first, last] = [Date.parse(`${from}T00:00:00Z`), Date.parse(`${to}T00:00:00Z`)];
  const days = (last - first) / DAY_MS + 1;
  if (!(days >= 1 && days <= PERIOD_DAYS_MAX)) throw fault('report_period_invalid');
  return { from: new Date(first), before: new Date(last + DAY_MS) };
}
