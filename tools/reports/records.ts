/** What reports are made from, with names and numbers in clear, and the file that comes of it. */
import type { Pool } from 'pg';
import type { Keyring } from '../../db/keyring.ts';
import { findReportPayment, listReportPayments, type ReportPaymentRow } from '../../db/queries/reports.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { dayOf, walletById } from '../../domain/network.ts';
import type { ReportingEntities } from './entity.ts';
import { type GoamlInput, writeGoaml } from './goaml.ts';
import { moneyOf, type ReportParty, type ReportPayment } from './subject.ts';
import { faultsOfGoaml } from './validate.ts';

export interface ReportDeps {
  /** Shows the rows of the client that reports, and no others. */
  readonly pool: Pool;
  /** Shows the whole audit log: a proof is made from the leaves beside the client's own. */
  readonly auditLog: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly entities: ReportingEntities;
}

/** Who has it made, for which client. */
export interface ReportMaker {
  readonly clientId: string;
  readonly principal: string;
}

/** A file with what may be told of it. */
export interface Made {
  readonly content: string;
  readonly mediaType: string;
  readonly extension: string;
  readonly country: string | null;
  readonly caseId?: string | null;
  readonly findingId?: string;
  readonly paymentId?: string;
  readonly period?: { readonly from: string; readonly to: string };
  readonly dueAtMs?: number;
  readonly details: Readonly<Record<string, unknown>>;
}

export const XML = 'application/xml';
const PAYMENTS_MAX = 20_000;
const PAGE = 1_000;

/** Writes goAML and holds it against its schema: what is not valid is not kept. */
export async function goaml(input: GoamlInput): Promise<Pick<Made, 'content' | 'details'>> {
  const { xml, gaps } = writeGoaml(input);
  const faults = await faultsOfGoaml(xml);
  if (faults.length > 0) throw fault('report_invalid', { detail: `The report does not hold against its schema: ${faults.join(', ')}.` });
  return { content: xml, details: { form: 'goAML 4.0.2', payments: input.payments.length, gaps, sampleEntity: input.entity.sample } };
}

/** A client's payment in clear. Throws `not_found`. */
export async function paymentOf(deps: ReportDeps, maker: ReportMaker, paymentId: string): Promise<ReportPayment> {
  const row = await findReportPayment(deps.pool, maker.clientId, paymentId);
  if (row === null) throw fault('not_found');
  return opened(deps, row);
}

/** Paid payments of a period that begin or end in a country. Throws `report_too_large`. */
export async function paymentsOf(
  deps: ReportDeps,
  maker: ReportMaker,
  country: string,
  period: { readonly from: Date; readonly before: Date },
): Promise<ReportPayment[]> {
  const found: ReportPayment[] = [];
  for (let afterId: string | null = null; ; ) {
    const rows: ReportPaymentRow[] = await listReportPayments(
      deps.pool,
      { clientId: maker.clientId, country, ...period },
      { afterId, limit: PAGE },
    );
    found.push(...rows.map((row) => opened(deps, row)));
    if (found.length > PAYMENTS_MAX) throw fault('report_too_large');
    if (rows.length < PAGE) return found;
    afterId = rows.at(-1)?.id ?? null;
  }
}

/** A row with its parties in clear. */
function opened(deps: ReportDeps, row: ReportPaymentRow): ReportPayment {
  const parties = deps.keyring.people.openParties(row);
  const partyOf = (role: 'sender' | 'receiver', country: string, walletId: string, userId: string, since: Date): ReportParty => {
    const wallet = walletById(walletId, dayOf(row.createdAt.getTime()));
    return { ...parties[role], country, walletId, operator: `${wallet.name} (${wallet.operator})`, userId, knownSinceMs: since.getTime() };
  };
  return {
    id: row.id,
    referenceId: row.referenceId,
    status: row.status,
    purpose: row.purpose,
    sent: moneyOf(row.amount, row.fromCurrency),
    received: row.targetAmount === null ? null : moneyOf(row.targetAmount, row.toCurrency as Currency),
    sender: partyOf('sender', row.fromCountry, row.senderWallet, row.senderId, row.senderSince),
    receiver: partyOf('receiver', row.toCountry, row.receiverWallet, row.receiverId, row.receiverSince),
    createdAtMs: row.createdAt.getTime(),
    completedAtMs: row.completedAt?.getTime() ?? null,
  };
}
