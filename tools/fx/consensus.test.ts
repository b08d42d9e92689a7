import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { crossRate, parseRate, RATE_SCALE } from '../../domain/rate.ts';
import { consensus, emptySnapshot, median, NOTHING_BEFORE, type Previous } from './consensus.ts';
import { EXPECTATIONS } from './policy.ts';
import type { SourceRates } from './source.ts';
import { volatilityBps } from './volatility.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 8, 30, 12);

type Levels = Partial<Record<Currency, string>>;

function from(source: string, levels: Levels, asOfMs = NOW_MS - HOUR_MS): SourceRates {
  return { source, asOfMs, perUsd: new Map(Object.entries(levels).map(([code, text]) => [code as Currency, parseRate(text)])) };
}

function acceptedBefore(levels: Levels, confirmations: Previous['confirmations'] = []): Previous {
  return { ...NOTHING_BEFORE, accepted: from('consensus', levels).perUsd, confirmations };
}

function refusalOf(sources: readonly SourceRates[], currency: Currency, previous = NOTHING_BEFORE): string | undefined {
  return consensus(sources, previous, NOW_MS).refusals.get(currency)?.code;
}

describe('who must agree', () => {
  it('takes the middle of two fresh publishers and says how far they lie apart', () => {
    const snapshot = consensus([from('open-er-api', { KES: '129' }), from('currency-api', { KES: '129.5' })], NOTHING_BEFORE, NOW_MS);
    const rate = snapshot.rates.get('KES');
    expect(rate?.perUsd).toBe(parseRate('129.25'));
    expect(rate?.disagreementBps).toBe(39);
    expect(rate?.voices.map((voice) => voice.source).sort()).toEqual(['currency-api', 'open-er-api']);
  });

  it('never quotes on one source, fresh or stale', () => {
    const stale = NOW_MS - 3 * DAY_MS;
    expect(refusalOf([from('open-er-api', { KES: '129' })], 'KES')).toBe('one_source');
    expect(refusalOf([from('open-er-api', { KES: '129' }), from('currency-api', { KES: '129' }, stale)], 'KES')).toBe('one_source');
    expect(refusalOf([from('open-er-api', { KES: '129' }, stale)], 'KES')).toBe('no_source');
    expect(refusalOf([], 'KES')).toBe('no_source');
  });

  it('hears two copies of one publisher once, the younger of them', () => {
    const copies = [from('embedded', { KES: '129' }, NOW_MS - 2 * HOUR_MS), from('currency-api', { KES: '129.1' })];
    expect(refusalOf(copies, 'KES')).toBe('one_source');
    const withAnother = consensus([...copies, from('open-er-api', { KES: '129.1' })], NOTHING_BEFORE, NOW_MS);
    expect(withAnother.rates.get('KES')?.voices.map((voice) => voice.source)).not.toContain('embedded');
  });

  it('believes neither of two that lie apart, by the tolerance of the currency', () => {
    const pair = (a: string, b: string): SourceRates[] => [
      from('open-er-api', { KES: a, NGN: a }),
      from('currency-api', { KES: b, NGN: b }),
    ];
    const snapshot = consensus(pair('1000', '1015'), NOTHING_BEFORE, NOW_MS);
    expect(snapshot.refusals.get('KES')?.code).toBe('sources_disagree');
    expect(snapshot.rates.get('NGN')?.disagreementBps).toBe(149);
    expect(refusalOf(pair('1000', '1021'), 'NGN')).toBe('sources_disagree');
    expect(snapshot.dropped.filter((each) => each.currency === 'KES').map((each) => each.code)).toEqual(['outlier', 'outlier']);
  });

  it('outvotes one outlier of three and names it', () => {
    const three = [from('open-er-api', { KES: '129' }), from('currency-api', { KES: '129.3' }), from('third', { KES: '140' })];
    const snapshot = consensus(three, NOTHING_BEFORE, NOW_MS);
    expect(snapshot.rates.get('KES')?.perUsd).toBe(parseRate('129.15'));
    expect(snapshot.rates.get('KES')?.warnings).toContain('source_dropped');
    expect(snapshot.dropped.map((each) => `${each.source} ${each.code}`)).toEqual(['third outlier']);
  });

  it('uses an old embedded copy to tell the scale of live rates, and for nothing else', () => {
    const old = from('embedded', { KES: '129' }, NOW_MS - 60 * DAY_MS);
    const turned = [old, from('open-er-api', { KES: '0.0077' }), from('currency-api', { KES: '0.0077' })];
    const snapshot = consensus(turned, NOTHING_BEFORE, NOW_MS);
    expect(snapshot.refusals.get('KES')?.code).toBe('no_source');
    expect(snapshot.dropped.map((each) => each.code).sort()).toEqual(['inverted', 'inverted', 'stale']);
  });
});

describe('large moves', () => {
  const both = (text: string): SourceRates[] => [from('open-er-api', { NGN: text }), from('currency-api', { NGN: text })];

  it('warns above what 99 of 100 days stay below', () => {
    const snapshot = consensus(both('1090'), acceptedBefore({ NGN: '1000' }), NOW_MS);
    expect(snapshot.rates.get('NGN')).toMatchObject({ moveBps: 900, warnings: ['large_move'] });
  });

  it('needs a person above ten percent, whichever way', () => {
    expect(refusalOf(both('1101'), 'NGN', acceptedBefore({ NGN: '1000' }))).toBe('move_needs_person');
    expect(refusalOf(both('899'), 'NGN', acceptedBefore({ NGN: '1000' }))).toBe('move_needs_person');
    expect(refusalOf(both('1100'), 'NGN', acceptedBefore({ NGN: '1000' }))).toBeUndefined();
  });

  it('takes a confirmation for that currency, near that level, for a day', () => {
    const confirmed = (perUsd: string, ageMs: number, currency: Currency = 'NGN') =>
      acceptedBefore({ NGN: '1000' }, [{ currency, perUsd: parseRate(perUsd), atMs: NOW_MS - ageMs }]);
    expect(consensus(both('1400'), confirmed('1390', HOUR_MS), NOW_MS).rates.get('NGN')?.warnings).toEqual([
      'large_move',
      'move_confirmed',
    ]);
    for (const previous of [
      confirmed('1300', HOUR_MS),
      confirmed('1400', 25 * HOUR_MS),
      confirmed('1400', -HOUR_MS),
      confirmed('1400', HOUR_MS, 'KES'),
    ]) {
      expect(refusalOf(both('1400'), 'NGN', previous)).toBe('move_needs_person');
    }
  });
});

describe('the CFA francs', () => {
  it('are the euro times the parity, exactly equal to each other, whatever the sources round', () => {
    const sources = [from('open-er-api', { EUR: '0.8802', XOF: '577.39', XAF: '577.37' }), from('currency-api', { EUR: '0.88023' })];
    const { rates } = consensus(sources, NOTHING_BEFORE, NOW_MS);
    const [euro, west, central] = (['EUR', 'XOF', 'XAF'] as const).map((currency) => rates.get(currency)?.perUsd ?? 0n);
    expect(west).toBe(central);
    expect(crossRate(west ?? 0n, central ?? 0n)).toBe(RATE_SCALE);
    expect((west ?? 0n) * 1000n - (euro ?? 0n) * 655_957n).toBeLessThanOrEqual(500n);
  });

  it('are refused with the euro', () => {
    expect(refusalOf([from('open-er-api', { EUR: '0.88', XOF: '577.24' })], 'XOF')).toBe('one_source');
  });
});

describe('laws', () => {
  const level = fc.bigInt({ min: RATE_SCALE, max: 5000n * RATE_SCALE });
  const sourceIds = ['open-er-api', 'currency-api', 'third', 'fourth', 'fifth'];

  it('the rate lies between its voices, and the order of sources does not matter', () => {
    fc.assert(
      fc.property(level, fc.array(fc.integer({ min: -150, max: 150 }), { minLength: 1, maxLength: 5 }), (base, bps) => {
        const sources = bps.map(
          (each, index): SourceRates => ({
            source: sourceIds[index] ?? '',
            asOfMs: NOW_MS,
            perUsd: new Map([['GHS' as Currency, (base * BigInt(10_000 + each)) / 10_000n]]),
          }),
        );
        const snapshot = consensus(sources, NOTHING_BEFORE, NOW_MS);
        expect(consensus(sources.toReversed(), NOTHING_BEFORE, NOW_MS).rates.get('GHS')?.perUsd).toBe(snapshot.rates.get('GHS')?.perUsd);
        const rate = snapshot.rates.get('GHS');
        if (rate === undefined) return;
        const heard = rate.voices.map((voice) => voice.perUsd);
        expect(rate.voices.length).toBeGreaterThanOrEqual(2);
        expect(heard.some((each) => each <= rate.perUsd) && heard.some((each) => each >= rate.perUsd)).toBe(true);
        expect(rate.disagreementBps).toBeLessThanOrEqual(2 * EXPECTATIONS.GHS.toleranceBps + 1);
      }),
    );
  });

  it('one lying publisher among three honest ones moves the rate by no more than they lie apart', () => {
    fc.assert(
      fc.property(level, fc.bigInt({ min: 1n, max: 10_000n * RATE_SCALE }), (base, lie) => {
        const honest = ['open-er-api', 'currency-api', 'third'].map(
          (source, index): SourceRates => ({
            source,
            asOfMs: NOW_MS,
            perUsd: new Map([['KES' as Currency, base + (base * BigInt(index)) / 10_000n]]),
          }),
        );
        const liar: SourceRates = { source: 'liar', asOfMs: NOW_MS, perUsd: new Map([['KES' as Currency, lie]]) };
        const rate = consensus([...honest, liar], NOTHING_BEFORE, NOW_MS).rates.get('KES');
        expect(rate?.perUsd).toBeGreaterThanOrEqual(base);
        expect(rate?.perUsd).toBeLessThanOrEqual(base + (base * 2n) / 10_000n);
      }),
    );
  });

  it('every currency has a rate or a refusal, never both', () => {
    for (const snapshot of [emptySnapshot(NOW_MS), consensus([from('open-er-api', { KES: '129' })], NOTHING_BEFORE, NOW_MS)]) {
      for (const currency of CURRENCIES) expect(snapshot.rates.has(currency)).not.toBe(snapshot.refusals.has(currency));
    }
  });

  it('the median of an even number is the middle of the two in the middle', () => {
    expect(median([4n, 1n, 3n, 100n])).toBe(4n);
    expect(median([7n])).toBe(7n);
  });
});

describe('volatility', () => {
  const days = (rates: readonly number[]) => rates.map((rate, index) => ({ asOfMs: index * DAY_MS, rate: BigInt(Math.round(rate * 1e6)) }));

  it('is the long-run figure until there is history', () => {
    expect(volatilityBps([], 40)).toBe(40);
    expect(volatilityBps(days([100, 150, 100]), 40)).toBe(40);
  });

  it('falls in a calm time to half of the long-run figure and no further', () => {
    expect(volatilityBps(days(Array.from({ length: 40 }, () => 100)), 40)).toBe(20);
  });

  it('rises with a break and with a longer restless time', () => {
    const calm = Array.from({ length: 30 }, (_unused, index) => 100 + (index % 2) * 0.3);
    const broken = volatilityBps(days([...calm, 140]), 40);
    expect(broken).toBeGreaterThan(500);
    expect(volatilityBps(days(calm), 40)).toBeLessThan(60);
    expect(volatilityBps(days(calm.map((rate, index) => rate + (index % 2) * 2)), 40)).toBeGreaterThan(150);
  });
});
