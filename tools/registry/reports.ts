/**
 * What the registry on the chain is told of reports to authorities: for each kind, month and currency how many payments were reported
 * and what they came to, under the hash of the files that were filed. Nothing of a single report goes there.
 *
 * Threshold reports count towards the month their period ends in, and are told once they are filed; one that is filed later is a revision.
 * Of suspicions the month of filing counts, and nothing is said before it is over: nobody shall learn from the chain that one was filed
 * today.
 */
import { filedTotals, type FiledTotal } from '../../db/queries/report-totals.ts';
import { insertRecord, latestRecords, type RegistryRow } from '../../db/queries/registry.ts';
import type { Queryable } from '../../db/connect.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import { digestOf, newId } from '../../domain/ids.ts';

/** The contract's numbers for kinds of reports. */
export const REPORT_KINDS = { str: 1n, sar: 2n, ctr: 3n } as const;

/** SHA-256 that stands for the files of a month: of their digests in ascending order. Whoever has the files can make it. */
export function documentOf(contentDigests: readonly string[]): string {
  return digestOf(canonicalJson(['capp.reports.v1', ...contentDigests.toSorted()]));
}

function subjectOf({ kind, period, currency }: FiledTotal): string {
  return `report ${kind} ${period} ${currency}`;
}

/** The month of a moment, `YYYYMM`, UTC. */
function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7).replace('-', '');
}

/** Commits a row for the next month of which the registry was told something else, or nothing; null when there is none. */
export async function beginReport(db: Queryable, nowMs: number): Promise<RegistryRow | null> {
  const totals = (await filedTotals(db)).filter(({ kind, period }) => kind === 'ctr' || period < monthOf(nowMs));
  const latest = await latestRecords(db, totals.map(subjectOf));
  for (const total of totals) {
    const { kind, period, currency, payments, amountMinor, contentDigests } = total;
    const subject = subjectOf(total);
    const content = {
      kind: REPORT_KINDS[kind].toString(),
      period,
      currency,
      count: payments.toString(),
      amountMinor: amountMinor.toString(),
      document: documentOf(contentDigests),
    };
    const last = latest.find((each) => each.subject === subject);
    if (last?.content['document'] === content.document) continue;
    const row = await insertRecord(db, { id: newId(), kind: 'report', subject, content }, nowMs);
    if (row !== null) return row;
  }
  return null;
}
