/** The gates against six and a half years of daily rates; runs where the data folder lies beside the project. */
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { type Currency, isCurrency } from '../../domain/currency.ts';
import { parseRate } from '../../domain/rate.ts';
import { consensus, NOTHING_BEFORE, type Previous } from './consensus.ts';
import { isCfa, isFresh } from './policy.ts';
import type { SourceRates } from './source.ts';

const DATA = new URL('../../../shared/data/fx/usd_african_daily_2020-2026.csv', import.meta.url);
const DAILY: readonly Record<string, string>[] = existsSync(DATA) ? parse(readFileSync(DATA), { columns: true }) : [];
const PAIRS = new URL('../../../shared/data/fx/fawazahmed0_vs_oxr_snapshots.csv', import.meta.url);
const SNAPSHOTS: readonly Record<string, string>[] = existsSync(PAIRS) ? parse(readFileSync(PAIRS), { columns: true }) : [];
const DAY_MS = 86_400_000;

/** A column of the data; ETB is no currency of ours and is read in the place of one with the same tolerance. */
function seriesOf(column: string, fromDate: string, untilDate: string): { date: string; perUsd: bigint }[] {
  return DAILY.filter((row) => (row['date'] ?? '') >= fromDate && (row['date'] ?? '') <= untilDate && row[column]).map((row) => ({
    date: row['date'] ?? '',
    perUsd: parseRate(row[column] ?? ''),
  }));
}

function bothSay(currency: Currency, atMs: number, first: bigint, second: bigint): SourceRates[] {
  const of = (source: string, perUsd: bigint): SourceRates => ({ source, asOfMs: atMs, perUsd: new Map([[currency, perUsd]]) });
  return [of('open-er-api', first), of('currency-api', second)];
}

function before(currency: Currency, perUsd: bigint, confirmations: Previous['confirmations'] = []): Previous {
  return { ...NOTHING_BEFORE, accepted: new Map([[currency, perUsd]]), confirmations };
}

describe.skipIf(DAILY.length === 0)('days of the past', () => {
  it.each([
    ['CDF', 'CDF', '2020-12-06', '2020-12-07'],
    ['ETB', 'MWK', '2021-12-27', '2021-12-28'],
    ['RWF', 'RWF', '2022-03-13', '2022-03-14'],
  ] as const)('refuses the bad tick of %s while the other source stays where it was', (column, currency, lastGood, bad) => {
    const [good, tick] = seriesOf(column, lastGood, bad);
    if (good === undefined || tick === undefined) throw new Error('the day is not in the data');
    const nowMs = Date.parse(bad) + 12 * 3_600_000;
    const snapshot = consensus(bothSay(currency, nowMs, tick.perUsd, good.perUsd), before(currency, good.perUsd), nowMs);
    expect(snapshot.refusals.get(currency)?.code).toBe('sources_disagree');
    // Not even a person's word makes a rate of it.
    const confirmed = before(currency, good.perUsd, [{ currency, perUsd: tick.perUsd, atMs: nowMs }]);
    expect(consensus(bothSay(currency, nowMs, tick.perUsd, good.perUsd), confirmed, nowMs).rates.has(currency)).toBe(false);
  });

  it.each([
    ['NGN', '2023-06-16', '2023-06-17'],
    ['NGN', '2024-02-08', '2024-02-09'],
    ['MWK', '2023-11-14', '2023-11-15'],
  ] as const)('passes the break of %s on %s once two sources agree and a person has seen it', (currency, lastOld, broke) => {
    const [old, now] = seriesOf(currency, lastOld, broke);
    if (old === undefined || now === undefined) throw new Error('the day is not in the data');
    const nowMs = Date.parse(broke) + 12 * 3_600_000;
    const alone = consensus(bothSay(currency, nowMs, now.perUsd, now.perUsd).slice(0, 1), before(currency, old.perUsd), nowMs);
    expect(alone.refusals.get(currency)?.code).toBe('one_source');
    const agreed = consensus(bothSay(currency, nowMs, now.perUsd, now.perUsd), before(currency, old.perUsd), nowMs);
    expect(agreed.refusals.get(currency)).toMatchObject({ code: 'move_needs_person', proposedPerUsd: now.perUsd });
    expect(agreed.dropped).toEqual([]);
    const seen = before(currency, old.perUsd, [{ currency, perUsd: now.perUsd, atMs: nowMs }]);
    expect(consensus(bothSay(currency, nowMs, now.perUsd, now.perUsd), seen, nowMs).rates.get(currency)?.perUsd).toBe(now.perUsd);
  });

  it('quotes KES, UGX and EUR on every day, and refuses every step above ten percent', () => {
    const columns = ['KES', 'UGX', 'EUR', 'NGN', 'GHS', 'CDF'] as const;
    const refused = new Map<Currency, number>();
    let accepted: Map<Currency, bigint> = new Map();
    let days = 0;
    for (const row of DAILY) {
      const nowMs = Date.parse(row['date'] ?? '') + 6 * 3_600_000;
      const perUsd = new Map(
        columns.flatMap((currency) => (row[currency] ? [[currency as Currency, parseRate(row[currency])] as const] : [])),
      );
      const near = new Map([...perUsd].map(([currency, rate]) => [currency, (rate * 10_008n) / 10_000n]));
      const sources: SourceRates[] = [
        { source: 'open-er-api', asOfMs: nowMs, perUsd },
        { source: 'currency-api', asOfMs: nowMs, perUsd: near },
      ];
      const snapshot = consensus(sources, { ...NOTHING_BEFORE, accepted }, nowMs);
      days += 1;
      for (const currency of columns) if (!snapshot.rates.has(currency)) refused.set(currency, (refused.get(currency) ?? 0) + 1);
      for (const rate of snapshot.rates.values()) {
        const last = accepted.get(rate.currency);
        if (last !== undefined && !isCfa(rate.currency)) expect(rate.moveBps).toBeLessThanOrEqual(1000);
      }
      // A person looks once a day: from the next day on the new level counts.
      accepted = new Map([...perUsd].map(([currency, rate]) => [currency, rate]));
    }
    expect(days).toBeGreaterThan(2300);
    for (const currency of ['KES', 'UGX', 'EUR'] as const) expect(refused.get(currency) ?? 0).toBe(0);
    expect(refused.get('NGN')).toBeGreaterThanOrEqual(4);
    expect(refused.get('CDF')).toBeGreaterThanOrEqual(2);
    expect([...refused.values()].reduce((sum, each) => sum + each, 0)).toBeLessThan(40);
  });

  it('drops the sources that stood still, such as GHS before 2023-01-03', () => {
    const series = seriesOf('GHS', '2022-12-20', '2023-01-02');
    const last = series.at(-1);
    if (last === undefined) throw new Error('the days are not in the data');
    const seen = series.map((each) => ({ asOfMs: Date.parse(each.date), rate: each.perUsd }));
    const nowMs = Date.parse(last.date) + 3_600_000;
    expect(isFresh(Date.parse(last.date), nowMs)).toBe(true);
    const sourceHistory = new Map(['open-er-api', 'currency-api'].map((source) => [source, new Map([['GHS' as Currency, seen]])]));
    const snapshot = consensus(
      bothSay('GHS', Date.parse(last.date), last.perUsd, last.perUsd),
      { ...NOTHING_BEFORE, sourceHistory },
      nowMs,
    );
    expect(snapshot.dropped.map((each) => each.code)).toEqual(['frozen', 'frozen']);
    expect(nowMs - Date.parse(series[0]?.date ?? '')).toBeGreaterThan(5 * DAY_MS);
  });
});

describe.skipIf(SNAPSHOTS.length === 0)('two real publishers on the same day', () => {
  it('agree within the tolerances nearly always, and where they do not, nothing is quoted', () => {
    const judged = SNAPSHOTS.flatMap((row) => {
      const currency = row['currency'] ?? '';
      if (!isCurrency(currency) || !row['oxr_usd'] || !row['fawazahmed0_usd'] || isCfa(currency)) return [];
      const nowMs = Date.parse(row['date'] ?? '');
      const sources = bothSay(currency, nowMs, parseRate(row['oxr_usd']), parseRate(row['fawazahmed0_usd']));
      const rate = consensus(sources, NOTHING_BEFORE, nowMs).rates.get(currency);
      return [{ currency, apartBps: Math.abs(Number(row['diff_bp'])), quoted: rate !== undefined }];
    });
    expect(judged.length).toBeGreaterThan(90);
    expect(judged.filter((each) => each.quoted).length / judged.length).toBeGreaterThan(0.97);
    for (const each of judged) if (each.apartBps > 210) expect(each.quoted).toBe(false);
  });
});
