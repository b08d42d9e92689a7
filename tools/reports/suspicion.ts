/** Suspicions: about a payment, with its case or without one, and about a person whom re-screening found. */
import { findReportCase, findReportCauseOf, findReportFinding, type ReportCaseRow } from '../../db/queries/reports.ts';
import { fault } from '../../domain/errors.ts';
import { dayOf, walletById } from '../../domain/network.ts';
import type { GoamlInput } from './goaml.ts';
import { actionOf, findingActionOf, findingReasonOf, reasonOf } from './narrative.ts';
import { goaml, type Made, paymentOf, type ReportDeps, type ReportMaker, XML } from './records.ts';
import { reportingOf, suspicionDueMs } from './reporting.ts';
import { type ReportParty, type ReportPayment, totalsIn } from './subject.ts';

/** What every suspicion is asked for with. */
interface SuspicionAsked {
  readonly country: string;
  readonly note: string;
  readonly suspectedAtMs: number | null;
}

/** Of a payment. Throws `not_found`, `report_country_unknown`, `report_form_unavailable`, `report_invalid`. */
export async function suspicion(
  deps: ReportDeps,
  maker: ReportMaker,
  request: SuspicionAsked & { readonly kind: 'str' | 'sar'; readonly about: { readonly caseId: string } | { readonly paymentId: string } },
  id: string,
  nowMs: number,
): Promise<Made> {
  const { about } = request;
  const found =
    'caseId' in about
      ? await findReportCase(deps.pool, maker.clientId, about.caseId)
      : await findReportCauseOf(deps.pool, maker.clientId, about.paymentId);
  if (found === null) throw fault('not_found');
  const payment = await paymentOf(deps, maker, found.paymentId);
  if (![payment.sender.country, payment.receiver.country].includes(request.country))
    throw fault('report_country_unknown', { detail: 'Neither side of the payment is in that country.' });
  const input = { ...suspicionWords(payment, found, request.note), payments: [payment] };
  const made = await suspicionFile(deps, request, input, found.createdAt, id, nowMs);
  return { ...made, caseId: found.id, paymentId: payment.id };
}

/** A person is suspected, and no payment: there is none, or all of theirs are refused. */
export async function suspicionOfPerson(
  deps: ReportDeps,
  maker: ReportMaker,
  request: SuspicionAsked & { readonly kind: 'str' | 'sar'; readonly findingId: string },
  id: string,
  nowMs: number,
): Promise<Made> {
  const found = await findReportFinding(deps.pool, maker.clientId, request.findingId);
  if (found === null) throw fault('not_found');
  if (found.country !== request.country) throw fault('report_country_unknown', { detail: 'The person is not in that country.' });
  const { userId, country, walletId } = found;
  const wallet = walletById(walletId, dayOf(nowMs));
  const named = deps.keyring.people.openPerson(found);
  const person: ReportParty = {
    name: named.name,
    phone: named.phone,
    country,
    walletId,
    operator: `${wallet.name} (${wallet.operator})`,
    userId,
    knownSinceMs: found.since.getTime(),
    ...(named.details === undefined ? {} : { details: named.details }),
  };
  const input = {
    reason: findingReasonOf(person, found, request.note),
    action: findingActionOf(found),
    ruleCodes: [found.topic === 'pep' ? 'pep_possible' : 'sanctions_possible_match'],
    payments: [],
    people: [person],
  };
  return { ...(await suspicionFile(deps, request, input, found.createdAt, id, nowMs)), findingId: found.id };
}

/** The file of a suspicion, with when the country wants it. */
async function suspicionFile(
  deps: ReportDeps,
  request: SuspicionAsked & { readonly kind: 'str' | 'sar' },
  input: Pick<GoamlInput, 'reason' | 'action' | 'ruleCodes' | 'payments' | 'people'>,
  foundAt: Date,
  id: string,
  nowMs: number,
): Promise<Made> {
  const reporting = reportingOf(request.country, dayOf(nowMs));
  if (reporting.form !== 'goAML') throw fault('report_form_unavailable');
  const suspectedMs = request.suspectedAtMs ?? foundAt.getTime();
  const written = await goaml({
    ...input,
    kind: request.kind === 'str' ? 'STR' : 'SAR',
    country: request.country,
    currency: reporting.currency,
    reference: id,
    submittedAtMs: nowMs,
    entity: deps.entities(request.country),
  });
  return {
    ...written,
    mediaType: XML,
    extension: 'xml',
    country: request.country,
    dueAtMs: suspicionDueMs(suspectedMs, reporting.suspicion),
    details: {
      ...written.details,
      totals: totalsIn(input.payments, request.country),
      authority: reporting.authority,
      source: reporting.source,
      suspectedAt: new Date(suspectedMs).toISOString(),
      uncertain: reporting.uncertain,
    },
  };
}

function suspicionWords(payment: ReportPayment, found: ReportCaseRow, note: string): Pick<GoamlInput, 'reason' | 'action' | 'ruleCodes'> {
  return {
    reason: reasonOf(payment, found.reasons, note),
    action: actionOf(payment, found),
    ruleCodes: found.reasons.map((reason) => reason.code),
  };
}
