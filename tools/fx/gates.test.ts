import { describe, expect, it } from 'vitest';
import type { Currency } from '../../domain/currency.ts';
import { parseRate } from '../../domain/rate.ts';
import { type GateContext, inspectSource, type Observation } from './gates.ts';
import { isFresh, weekdayMs } from './policy.ts';
import type { CrossQuote, SourceRates } from './source.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A Wednesday. */
const NOW_MS = Date.UTC(2026, 8, 30, 12);

type Levels = Partial<Record<Currency, string>>;

function ratesOf(levels: Levels, asOfMs = NOW_MS, crosses: readonly CrossQuote[] = []): SourceRates {
  const perUsd = new Map(Object.entries(levels).map(([currency, text]) => [currency as Currency, parseRate(text)]));
  return { source: 'open-er-api', asOfMs, perUsd, crosses };
}

function contextOf(known: Levels = {}, seen: readonly Observation[] = []): GateContext {
  const levels = ratesOf(known).perUsd;
  return {
    levelOf: (currency) => levels.get(currency),
    history: new Map([['open-er-api', new Map([['KES' as Currency, seen]])]]),
    nowMs: NOW_MS,
  };
}

function codesOf(rates: SourceRates, context = contextOf()): string[] {
  return inspectSource(rates, context).dropped.map((each) => `${each.currency ?? '*'} ${each.code}`);
}

describe('the age of a source', () => {
  it.each([
    ['Tuesday noon, on Wednesday at two', '2026-09-29T12:00Z', '2026-09-30T14:00Z', true],
    ['Tuesday noon, a minute later', '2026-09-29T12:00Z', '2026-09-30T14:01Z', false],
    ['Friday midnight, on Monday at two (74 hours)', '2026-10-02T00:00Z', '2026-10-05T02:00Z', true],
    ['Friday midnight, a minute later', '2026-10-02T00:00Z', '2026-10-05T02:01Z', false],
    ['Thursday midnight, on Saturday', '2026-10-01T00:00Z', '2026-10-03T00:00Z', false],
    ['Saturday midnight, on Tuesday at two', '2026-10-03T00:00Z', '2026-10-06T02:00Z', true],
    ['two weekends ago', '2026-09-25T00:00Z', '2026-10-05T00:00Z', false],
    ['the epoch', '1970-01-01T00:00Z', '2026-09-30T12:00Z', false],
    ['half an hour ahead', '2026-09-30T12:30Z', '2026-09-30T12:00Z', true],
    ['two hours ahead', '2026-09-30T14:00Z', '2026-09-30T12:00Z', false],
  ])('%s', (_what, asOf, now, fresh) => {
    expect(isFresh(Date.parse(asOf), Date.parse(now))).toBe(fresh);
  });

  it('counts no hour of a weekend, and never fewer hours for a longer time', () => {
    expect(weekdayMs(Date.UTC(2026, 9, 3), Date.UTC(2026, 9, 5))).toBe(0);
    let before = 0;
    for (let hours = 0; hours < 200; hours++) {
      const counted = weekdayMs(NOW_MS, NOW_MS + hours * HOUR_MS);
      expect(counted).toBeGreaterThanOrEqual(before);
      before = counted;
    }
  });

  it('drops the whole source when it is stale, ahead of time, or sells dollars for something else', () => {
    expect(codesOf(ratesOf({ KES: '129' }, NOW_MS - 27 * HOUR_MS))).toEqual(['* stale']);
    expect(codesOf(ratesOf({ KES: '129' }, NOW_MS + 2 * HOUR_MS))).toEqual(['* from_the_future']);
    expect(codesOf(ratesOf({ KES: '129', USD: '1.01' }))).toEqual(['* base']);
    expect(codesOf(ratesOf({ KES: '129', USD: '1' }))).toEqual([]);
  });
});

describe('scale and direction', () => {
  const known = contextOf({ KES: '129', ZMW: '19.6', MZN: '63.8', EUR: '0.88' });

  it('drops old codes and cents for shillings', () => {
    expect(codesOf(ratesOf({ ZMW: '19600', MZN: '63800', KES: '12900' }), known)).toEqual(['ZMW scale', 'MZN scale', 'KES scale']);
  });

  it('knows a rate that was turned round', () => {
    expect(codesOf(ratesOf({ KES: '0.00775', ZMW: '0.051' }), known)).toEqual(['KES inverted', 'ZMW inverted']);
  });

  it('leaves real devaluations to the gates that ask a second source', () => {
    expect(codesOf(ratesOf({ KES: '190', ZMW: '8' }), known)).toEqual([]);
    expect(codesOf(ratesOf({ KES: '12900' }))).toEqual([]);
  });
});

describe('the parity of the CFA franc', () => {
  it('passes a source that rounds to four digits, and hands no franc on', () => {
    const inspection = inspectSource(ratesOf({ EUR: '0.8802', XOF: '577.39', XAF: '577.3895' }), contextOf());
    expect(inspection.dropped).toEqual([]);
    expect([...inspection.kept.keys()]).toEqual(['EUR']);
  });

  it('drops euro and franc when they do not fit, a turned-round euro among them', () => {
    expect(codesOf(ratesOf({ EUR: '0.88', XOF: '581', XAF: '577.24' }))).toEqual(['EUR peg', 'XOF peg']);
    expect(codesOf(ratesOf({ EUR: '1.136', XOF: '577.24', XAF: '577.24' }))).toEqual(['EUR peg', 'XOF peg', 'XAF peg']);
  });
});

describe('the triangle', () => {
  it('drops a currency whose direct pair is not what it is over USD', () => {
    const crosses: CrossQuote[] = [
      { from: 'EUR', to: 'KES', rate: parseRate('147.3') },
      { from: 'EUR', to: 'NGN', rate: parseRate('1507') },
    ];
    expect(codesOf(ratesOf({ EUR: '0.88', KES: '129.67', NGN: '1340' }, NOW_MS, crosses))).toEqual(['NGN triangle']);
  });
});

describe('a frozen figure', () => {
  const daysAgo = (days: number, text: string): Observation => ({ asOfMs: NOW_MS - days * DAY_MS, rate: parseRate(text) });

  it('counts for nothing after five days without a change', () => {
    const seen = [6, 5, 4, 3, 2, 1].map((days) => daysAgo(days, '129'));
    expect(codesOf(ratesOf({ KES: '129' }), contextOf({}, seen))).toEqual(['KES frozen']);
  });

  it('counts again with its first change, and before five days', () => {
    const seen = [6, 5, 4, 3, 2, 1].map((days) => daysAgo(days, '129'));
    expect(codesOf(ratesOf({ KES: '129.01' }), contextOf({}, seen))).toEqual([]);
    expect(codesOf(ratesOf({ KES: '129' }), contextOf({}, [daysAgo(6, '128'), ...seen.slice(2)]))).toEqual([]);
  });

  it('is no sign of anything where the central bank holds the rate', () => {
    const context = contextOf();
    const history = new Map([['open-er-api', new Map([['MZN' as Currency, [daysAgo(20, '63.8'), daysAgo(1, '63.8')]]])]]);
    expect(codesOf(ratesOf({ MZN: '63.8' }), { ...context, history })).toEqual([]);
  });
});
