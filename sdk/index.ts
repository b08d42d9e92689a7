/**
 * The client of CAPP's API.
 *
 *     const capp = createCapp({ baseUrl: 'http://127.0.0.1:8080', apiKey });
 *     const payment = await capp.payments.create({ referenceId: 'inv-1', amount: '1250', … });
 *
 * It needs nothing but `fetch`, runs in Node and in browsers, and imports nothing of the house. Webhooks are
 * checked by `verifyWebhook`, with the library of Standard Webhooks. What it
 * throws is a `CappError` with a stable code.
 */
import { createActivity } from './activity.ts';
import { createBatches } from './batches.ts';
import { createCases } from './cases.ts';
import { createFindings } from './findings.ts';
import { createPayments } from './payments.ts';
import { createQuotes } from './quotes.ts';
import { createReconciliation } from './reconciliation.ts';
import { createRules } from './rules.ts';
import { createReports } from './reports.ts';
import { type CappOptions, createTransport } from './transport.ts';
import { createSettlement } from './settlement.ts';
import { createCorridors, createPools, createRates } from './treasury.ts';
import { createWebhooks } from './webhooks.ts';

export type { ActivityFilter, StreamedDecision, StreamOptions } from './activity.ts';
export { BATCH_ROWS_MAX } from './batches.ts';
export type { CaseEvent, CaseFilter, CaseStreamOptions, StreamedCaseEvent } from './cases.ts';
export { CappApiError, CappConnectionError, CappError, type Problem, type ProblemError } from './errors.ts';
export type { Finding, FindingFile } from './findings.ts';
export type { PageOptions } from './pages.ts';
export type { PaymentDetails, PaymentFilter } from './payments.ts';
export type { Quote, QuoteInput } from './quotes.ts';
export type {
  BreakDecision,
  BreakFilter,
  BreakKind,
  BreakStatus,
  BreakVerdict,
  ProposedEntry,
  Reconciliation,
  ReconciliationBreak,
  ReconciliationBreakFile,
} from './reconciliation.ts';
export type { RuleList, RuleVersion } from './rules.ts';
export type { Report, ReportFiling, ReportFilter, ReportInput, ReportKind } from './reports.ts';
export type {
  SettlementApprovalToSign,
  SettlementBatch,
  SettlementBatchFile,
  SettlementCase,
  SettlementFilter,
  SettlementStep,
  SignedApproval,
} from './settlement.ts';
export type { CappOptions, RequestOptions, WriteOptions } from './transport.ts';
export type { Corridor, LiquidityPool, SourceRate } from './treasury.ts';
export type * from './intents.ts';
export type * from './types.ts';
export { verifyWebhook, type WebhookEvent, type WebhookHeaders, webhookTestHeaders } from './webhook-events.ts';
export type {
  DeliveryFilter,
  WebhookDelivery,
  WebhookDeliveryFile,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
  WebhookReplay,
} from './webhooks.ts';

/** Makes a client. Throws `TypeError` for a base URL that is none. */
export function createCapp(options: CappOptions) {
  const transport = createTransport(options);
  return {
    payments: createPayments(transport),
    batches: createBatches(transport),
    quotes: createQuotes(transport),
    cases: createCases(transport),
    findings: createFindings(transport),
    activity: createActivity(transport),
    corridors: createCorridors(transport),
    rates: createRates(transport),
    pools: createPools(transport),
    reconciliation: createReconciliation(transport),
    rules: createRules(transport),
    reports: createReports(transport),
    settlement: createSettlement(transport),
    webhooks: createWebhooks(transport),
  };
}

export type Capp = ReturnType<typeof createCapp>;
