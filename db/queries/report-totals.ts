/** What was filed with authorities, added up. */
import type { Queryable } from '../connect.ts';

export interface FiledTotal {
  readonly kind: 'str' | 'sar' | 'ctr';
  /** `YYYYMM`: of a threshold report the month its period ends in, of a suspicion that of its filing, UTC. */
  readonly period: string;
  readonly currency: string;
  /** Payments that the reports tell of, and what they came to in minor units. */
  readonly payments: bigint;
  readonly amountMinor: bigint;
  /** SHA-256 of each file, hex. */
  readonly contentDigests: readonly string[];
}

/** By kind, month and currency. Reports that tell of no payment, and those made before amounts were kept with them, are in none. */
export async function filedTotals(db: Queryable): Promise<FiledTotal[]> {
  const { rows } = await db.query<Omit<FiledTotal, 'amountMinor'> & { readonly amountMinor: string }>({
    name: 'sum_filed_reports',
    text: `select r.kind, to_char(case r.kind when 'ctr' then r.period_to else (r.filed_at at time zone 'UTC')::date end, 'YYYYMM') as period,
        t.currency, sum(t.payments)::bigint as payments, sum(t."amountMinor"::numeric)::text as "amountMinor",
        array_agg(r.content_digest order by r.content_digest) as "contentDigests"
      from reports r cross join lateral jsonb_to_recordset(r.details -> 'totals') as t(currency text, payments bigint, "amountMinor" text)
      where r.filed_at is not null and r.kind in ('str', 'sar', 'ctr') and t.payments > 0
      group by 1, 2, 3 order by 2, 1, 3`,
  });
  return rows.map((row) => ({ ...row, amountMinor: BigInt(row.amountMinor) }));
}
