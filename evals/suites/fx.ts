/**
 * Exchange rates: would the quotes of the past have paid for the risk they took, and would any have been made
 * on a bad tick?
 *
 * Every day of a series of daily rates is looked at as it was: the board hears a source that says the day's
 * rate and a second one that lies as far off as two sources usually do; the policy quotes each pair or refuses.
 * A quote is right when the pair moved against it, over the hours it held, by no more than its spread. Ticks
 * that were taken back the next day are played once more with a second source that stayed: none may be quoted.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { decideExchangeRate } from '../../agents/exchange-rate/decide.ts';
import type { ExchangeRateFacts } from '../../agents/exchange-rate/facts.ts';
import { CURRENCIES, type Currency, isCurrency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';
import { crossRate, parseRate } from '../../domain/rate.ts';
import { consensus, NOTHING_BEFORE, type Previous, type RateSnapshot } from '../../tools/fx/consensus.ts';
import type { Observation } from '../../tools/fx/gates.ts';
import { cfaFromEuro } from '../../tools/fx/gates.ts';
import { EXPECTATIONS, isCfa } from '../../tools/fx/policy.ts';
import type { SourceRates } from '../../tools/fx/source.ts';
import { dataFolder } from '../dataset.ts';
import { meanOf, quantileOf, share } from '../scorers.ts';
import { seededRandom } from '../statistics.ts';
import { type CaseResult, type Metrics, slicesBy, type Suite, type SuiteOptions, type SuiteRun } from '../suite.ts';
import { policyTarget } from '../targets/target.ts';

interface Day {
  readonly date: string;
  readonly perUsd: ReadonlyMap<Currency, bigint>;
}

const PAIRS: readonly (readonly [Currency, Currency])[] = [
  ['KES', 'UGX'],
  ['KES', 'TZS'],
  ['UGX', 'RWF'],
  ['TZS', 'KES'],
  ['NGN', 'GHS'],
  ['GHS', 'NGN'],
  ['ZAR', 'ZMW'],
  ['ZMW', 'CDF'],
  ['XOF', 'GHS'],
  ['XAF', 'NGN'],
  ['RWF', 'KES'],
  ['ZAR', 'MWK'],
];
const DAY_MS = 86_400_000;
const HISTORY_DAYS = 60;
/** A move of this size that is gone the next day was no move: basis points. */
const TICK_BPS = 500;
const TICK_LEFT_BPS = 200;

export const fxSuite: Suite = { name: 'fx', about: 'quotes of past days against what the rates did next', run: runFx };

interface Quoted {
  readonly date: string;
  readonly pair: string;
  readonly outcome: string;
  readonly refusal: string;
  readonly spreadBps: number;
  readonly validityMs: number;
  /** How the pair moved against us over the time the quote held, basis points. */
  readonly againstBps: number;
}

async function runFx(options: SuiteOptions): Promise<SuiteRun> {
  const { days, name, digest } = await readDays(options);
  options.tell(`${days.length} days, ${PAIRS.length} pairs`);
  const target = policyTarget('exchange-rate policy', (facts: ExchangeRateFacts) => decideExchangeRate(facts));
  const quotes: Quoted[] = [];
  let previous: Previous = NOTHING_BEFORE;
  for (const [at, day] of days.entries()) {
    const snapshot = consensus(voicesOf(day, seededRandom(at)), previous, noonOf(day));
    const next = days[at + 1];
    if (next !== undefined) {
      for (const [from, to] of PAIRS) {
        if (![day, next].every((each) => each.perUsd.has(from) && each.perUsd.has(to))) continue;
        const { outcome, data } = await target.run(factsOf(snapshot, from, to, noonOf(day)));
        const validityMs = data.quote === null ? 0 : data.quote.expiresAtMs - data.quote.createdAtMs;
        const againstBps = againstOver(day, next, from, to, validityMs);
        quotes.push({
          date: day.date,
          pair: `${from}-${to}`,
          outcome,
          refusal: data.refusalCode ?? '',
          spreadBps: data.quote?.spreadBps ?? 0,
          validityMs,
          againstBps,
        });
      }
    }
    previous = remember(previous, day, noonOf(day));
  }
  const ticks = badTicks(days);
  const results = quotes.map(resultOf);
  const byId = new Map(quotes.map((quote) => [idOf(quote), quote]));
  const measure = (group: readonly CaseResult[]): Metrics => metricsOf(group.flatMap((result) => byId.get(result.id) ?? []));
  const ticksQuoted = ticks.filter(isTickQuoted).length;
  return {
    suite: 'fx',
    target: target.name,
    dataset: { name, digest },
    metrics: { ...metricsOf(quotes), badTicks: ticks.length, badTicksQuoted: ticksQuoted },
    slices: ['pair', 'year'].flatMap((by) => slicesBy(results, by, measure)),
    results,
    rivals: [50, 150].map((spreadBps) => {
      const fixed = quotes.map((quote): Quoted => ({ ...quote, outcome: 'quoted', spreadBps }));
      return {
        name: `always ${spreadBps} bps, no gates`,
        metrics: { ...metricsOf(fixed), badTicks: ticks.length, badTicksQuoted: ticks.length },
        correct: fixed.map(isCovered),
      };
    }),
    remarks: [
      'Moves within a quote are the move to the next day, shrunk by the square root of the time it held.',
      `Bad ticks are moves of more than ${TICK_BPS} bps that were gone the next day.`,
    ],
  };
}

async function readDays({ dataset, env }: SuiteOptions): Promise<{ days: Day[]; name: string; digest: string }> {
  const folder = dataFolder(env);
  const path = dataset ?? (folder === null ? '' : join(folder, 'fx', 'usd_african_daily_2020-2026.csv'));
  if (path === '' || !existsSync(path)) {
    throw fault('not_found', { detail: 'The fx suite needs a CSV of daily rates for one USD (date, KES, UGX …): give it with --dataset.' });
  }
  const text = await readFile(path, 'utf8');
  const rows = parse(text, { columns: true, bom: true, skip_empty_lines: true }) as Record<string, string>[];
  const days = rows.map((row): Day => {
    const rates = Object.entries(row).flatMap(([currency, rate]) =>
      isCurrency(currency) && rate !== '' ? [[currency, parseRate(rate)] as const] : [],
    );
    return { date: row['date'] ?? '', perUsd: new Map(rates) };
  });
  if (days.some((day) => Number.isNaN(Date.parse(day.date)))) throw fault('config_invalid', { detail: `${path}: a row without a date.` });
  return { days, name: path.split('/').at(-1) ?? path, digest: digestOf(text) };
}

function noonOf(day: Day): number {
  return Date.parse(day.date) + DAY_MS / 2;
}

/** The day's rates, and a second opinion within a fifth of what two sources may differ by. */
function voicesOf(day: Day, random: () => number): SourceRates[] {
  const asOfMs = noonOf(day);
  const rates = [...day.perUsd].filter(([currency]) => !isCfa(currency));
  const second = rates.map(([currency, rate]): [Currency, bigint] => {
    const offBps = Math.round((random() - 0.5) * 2 * (EXPECTATIONS[currency].toleranceBps / 5));
    return [currency, (rate * BigInt(10_000 + offBps)) / 10_000n];
  });
  return [
    { source: 'open-er-api', asOfMs, perUsd: new Map(rates) },
    { source: 'currency-api', asOfMs, perUsd: new Map(second) },
  ];
}

/** A person looks once a day, so the next day starts from the level of this one. */
function remember(previous: Previous, day: Day, atMs: number): Previous {
  const acceptedHistory = new Map<Currency, readonly Observation[]>(previous.acceptedHistory);
  for (const [currency, rate] of day.perUsd) {
    acceptedHistory.set(currency, [...(acceptedHistory.get(currency) ?? []), { asOfMs: atMs, rate }].slice(-HISTORY_DAYS));
  }
  return { ...previous, accepted: day.perUsd, acceptedHistory };
}

function factsOf(snapshot: RateSnapshot, from: Currency, to: Currency, nowMs: number): ExchangeRateFacts {
  const legOf = (currency: Currency): ExchangeRateFacts['legs'][0] => {
    const rate = snapshot.rates.get(currency);
    return {
      currency,
      perUsd: rate?.perUsd.toString() ?? null,
      refusal: snapshot.refusals.get(currency)?.code ?? null,
      voices: rate?.voices.map(({ source, asOfMs }) => ({ source, asOfMs })) ?? [],
      disagreementBps: rate?.disagreementBps ?? 0,
      volatilityBps: rate?.volatilityBps ?? 0,
      warnings: rate?.warnings ?? [],
    };
  };
  return {
    nowMs,
    newQuoteId: '00000000-0000-7000-8000-000000000000',
    amountMinor: '100000000',
    fromCurrency: from,
    toCurrency: to,
    fromCountry: 'KE',
    toCountry: 'UG',
    corridor: { id: `${from}-${to}`, feeMinor: '0' },
    payoutPlaces: 0,
    legs: [legOf(from), legOf(to)],
    clientQuote: 'none',
  };
}

function midOf(day: Day, from: Currency, to: Currency): bigint {
  const perUsd = (currency: Currency): bigint =>
    isCfa(currency) ? cfaFromEuro(day.perUsd.get('EUR') ?? 0n) : (day.perUsd.get(currency) ?? 0n);
  return crossRate(perUsd(from), perUsd(to));
}

/** We owe the target currency: it is against us when more of the source buys less of it. */
function againstOver(day: Day, next: Day, from: Currency, to: Currency, validityMs: number): number {
  const [now, then] = [midOf(day, from, to), midOf(next, from, to)];
  if (now === 0n) return 0;
  const moveBps = Number(((now - then) * 10_000n * 100n) / now) / 100;
  return moveBps * Math.sqrt(validityMs / DAY_MS);
}

function idOf(quote: Quoted): string {
  return `${quote.date} ${quote.pair}`;
}

function isCovered(quote: Quoted): boolean {
  return quote.outcome === 'quoted' && quote.againstBps <= quote.spreadBps;
}

function resultOf(quote: Quoted): CaseResult {
  return {
    id: idOf(quote),
    correct: isCovered(quote),
    tags: { pair: quote.pair, year: quote.date.slice(0, 4) },
    note:
      quote.outcome === 'quoted'
        ? `spread ${quote.spreadBps} bps, moved ${quote.againstBps.toFixed(1)} bps against it`
        : `refused: ${quote.refusal}`,
  };
}

function metricsOf(quotes: readonly Quoted[]): Metrics {
  const made = quotes.filter((quote) => quote.outcome === 'quoted');
  return {
    quotedShare: share(made.length, quotes.length),
    coverage: share(made.filter(isCovered).length, made.length),
    meanSpreadBps: meanOf(made.map((quote) => quote.spreadBps)),
    p95SpreadBps: quantileOf(
      made.map((quote) => quote.spreadBps),
      0.95,
    ),
    meanMarginBps: meanOf(made.map((quote) => quote.spreadBps - quote.againstBps)),
    meanValiditySeconds: meanOf(made.map((quote) => quote.validityMs / 1_000)),
  };
}

interface Tick {
  readonly currency: Currency;
  readonly before: bigint;
  readonly rate: bigint;
  readonly atMs: number;
}

function distanceBps(a: bigint, b: bigint): number {
  return Number(((a > b ? a - b : b - a) * 10_000n) / b);
}

function badTicks(days: readonly Day[]): Tick[] {
  return CURRENCIES.filter((currency) => currency !== 'USD' && !isCfa(currency)).flatMap((currency) =>
    days.flatMap((day, at): Tick[] => {
      const [before, rate, after] = [days[at - 1]?.perUsd.get(currency), day.perUsd.get(currency), days[at + 1]?.perUsd.get(currency)];
      if (before === undefined || rate === undefined || after === undefined) return [];
      const isTick = distanceBps(rate, before) > TICK_BPS && distanceBps(after, before) < TICK_LEFT_BPS;
      return isTick ? [{ currency, before, rate, atMs: noonOf(day) }] : [];
    }),
  );
}

/** One source shows the tick, the other stayed where it was. */
function isTickQuoted({ currency, before, rate, atMs }: Tick): boolean {
  const say = (source: string, perUsd: bigint): SourceRates => ({ source, asOfMs: atMs, perUsd: new Map([[currency, perUsd]]) });
  const snapshot = consensus(
    [say('open-er-api', rate), say('currency-api', before)],
    { ...NOTHING_BEFORE, accepted: new Map([[currency, before]]) },
    atMs,
  );
  return snapshot.rates.has(currency);
}
