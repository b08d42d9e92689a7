import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { convert, crossRate, parseRate, RATE_SCALE } from '../../domain/rate.ts';
import { decideExchangeRate } from './decide.ts';
import type { ExchangeRateFacts, LegFacts, StoredQuoteFacts } from './facts.ts';
import { pairVolatilityBps, SPREAD_POLICY, spreadOf, validityMsOf } from './policy.ts';

const HOUR_MS = 3_600_000;
/** A Wednesday. */
const NOW_MS = Date.UTC(2026, 8, 30, 12);

function leg(currency: Currency, perUsd: string, more: Partial<LegFacts> = {}): LegFacts {
  const voices = ['open-er-api', 'currency-api'].map((source) => ({ source, asOfMs: NOW_MS - 6 * HOUR_MS }));
  return {
    currency,
    perUsd: parseRate(perUsd).toString(),
    refusal: null,
    voices,
    disagreementBps: 10,
    volatilityBps: 40,
    warnings: [],
    ...more,
  };
}

const KES = leg('KES', '129.67');
const UGX = leg('UGX', '3914.67');

function factsOf(more: Partial<ExchangeRateFacts> = {}): ExchangeRateFacts {
  return {
    nowMs: NOW_MS,
    newQuoteId: '0190a000-0000-7000-8000-000000000001',
    amountMinor: '500000',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    fromCountry: 'KE',
    toCountry: 'UG',
    corridor: { id: 'KE-UG', feeMinor: '6000' },
    payoutPlaces: 0,
    legs: [KES, UGX],
    clientQuote: 'none',
    ...more,
  };
}

function storedQuote(more: Partial<StoredQuoteFacts> = {}): StoredQuoteFacts {
  return {
    id: '0190a000-0000-7000-8000-000000000002',
    signatureValid: true,
    usedByAnother: false,
    amountMinor: '500000',
    feeMinor: '6000',
    exchangedMinor: '147000',
    rate: parseRate('29.9').toString(),
    midRate: parseRate('30.1').toString(),
    spreadBps: 66,
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    fromCountry: 'KE',
    toCountry: 'UG',
    policyVersion: 'fx-2025.9',
    createdAtMs: NOW_MS - 60_000,
    expiresAtMs: NOW_MS + 1,
    ...more,
  };
}

function codeOf(facts: ExchangeRateFacts): string {
  const verdict = decideExchangeRate(facts);
  if (verdict.outcome === 'refused') expect(verdict.reasons[0]?.code).toBe(verdict.data.refusalCode);
  expect(verdict.outcome === 'quoted').toBe(verdict.data.quote !== null);
  return verdict.data.refusalCode ?? 'quoted';
}

describe('a new quote', () => {
  it('takes the cross over USD, the fee from the list, and rounds for the house', () => {
    const verdict = decideExchangeRate(factsOf());
    const midRate = crossRate(parseRate('129.67'), parseRate('3914.67'));
    // 40 base, a quarter of 57, half of 20, and a quarter of 57 over a quarter of a day.
    expect(verdict.data.quote).toEqual({
      id: '0190a000-0000-7000-8000-000000000001',
      amountMinor: 500_000n,
      feeMinor: 6_000n,
      exchangedMinor: 148_106n,
      targetMinor: 148_106n,
      rate: (midRate * 9931n) / 10_000n,
      midRate,
      spreadBps: 69,
      createdAtMs: NOW_MS,
      expiresAtMs: NOW_MS + validityMsOf(57),
      policyVersion: SPREAD_POLICY.version,
    });
    expect(verdict.data.isNew).toBe(true);
    expect(verdict.reasons.map((each) => each.code)).toEqual(['sources', 'sources', 'spread']);
  });

  it('exchanges nothing and keeps nothing between two wallets of one currency', () => {
    const none = leg('XOF', '577', { perUsd: null, refusal: 'one_source', voices: [] });
    const facts = factsOf({
      fromCurrency: 'XOF',
      toCurrency: 'XOF',
      fromCountry: 'CI',
      toCountry: 'SN',
      amountMinor: '10003',
      legs: [none, none],
    });
    const quote = decideExchangeRate(facts).data.quote;
    expect(quote).toMatchObject({ rate: RATE_SCALE, midRate: RATE_SCALE, spreadBps: 0, exchangedMinor: 4003n, targetMinor: 4003n });
  });

  it('takes exactly one for one between the two CFA francs, and the base spread for moving it', () => {
    const facts = factsOf({
      fromCurrency: 'XOF',
      toCurrency: 'XAF',
      fromCountry: 'SN',
      toCountry: 'CM',
      legs: [leg('XOF', '577'), leg('XAF', '577')],
    });
    expect(decideExchangeRate(facts).data.quote).toMatchObject({ midRate: RATE_SCALE, spreadBps: SPREAD_POLICY.baseBps.XOF });
  });

  it('cuts the target to what the rails move, and leaves the exchanged amount whole', () => {
    const facts = factsOf({
      fromCurrency: 'UGX',
      toCurrency: 'KES',
      fromCountry: 'UG',
      toCountry: 'KE',
      legs: [UGX, KES],
      payoutPlaces: 0,
    });
    const quote = decideExchangeRate(facts).data.quote;
    expect((quote?.targetMinor ?? 1n) % 100n).toBe(0n);
    expect((quote?.exchangedMinor ?? 0n) - (quote?.targetMinor ?? 0n)).toBeGreaterThan(0n);
    expect((quote?.exchangedMinor ?? 0n) - (quote?.targetMinor ?? 0n)).toBeLessThan(100n);
  });

  it('is short after a move that few days see', () => {
    const quote = decideExchangeRate(factsOf({ legs: [KES, { ...UGX, warnings: ['large_move'] }] })).data.quote;
    expect((quote?.expiresAtMs ?? 0) - NOW_MS).toBe(30_000);
  });
});

describe('a refusal to quote', () => {
  it.each([
    ['a currency without a trusted rate', { legs: [KES, { ...UGX, perUsd: null, refusal: 'sources_disagree', voices: [] }] }],
    ['one source only', { legs: [{ ...KES, voices: KES.voices.slice(0, 1) }, UGX] }],
    ['the same source twice', { legs: [{ ...KES, voices: [KES.voices[0], KES.voices[0]] }, UGX] }],
    ['sources that went stale since the board looked', { nowMs: NOW_MS + 21 * HOUR_MS }],
    [
      'one of two sources stale',
      { legs: [{ ...KES, voices: [KES.voices[0], { source: 'currency-api', asOfMs: NOW_MS - 27 * HOUR_MS }] }, UGX] },
    ],
  ])('%s: rate_unavailable', (_what, more) => {
    expect(codeOf(factsOf(more as Partial<ExchangeRateFacts>))).toBe('rate_unavailable');
  });

  it.each([
    ['the fee takes it all', { amountMinor: '6000' }, 'amount_below_minimum'],
    [
      'what is left is less than the rails move',
      { toCurrency: 'KES', fromCurrency: 'UGX', legs: [UGX, KES], amountMinor: '6010' },
      'amount_below_minimum',
    ],
    ['no corridor', { corridor: null }, 'corridor_unavailable'],
    [
      'more than the books can hold',
      { amountMinor: (2n ** 63n - 1n).toString(), fromCurrency: 'UGX', toCurrency: 'KES', legs: [UGX, KES] },
      'amount_out_of_range',
    ],
  ])('%s', (_what, more, code) => {
    expect(codeOf(factsOf(more as Partial<ExchangeRateFacts>))).toBe(code);
  });
});

describe("a client's own quote", () => {
  it('is kept to the letter, even when no rate is to be had by now', () => {
    const verdict = decideExchangeRate(
      factsOf({ clientQuote: storedQuote(), legs: [{ ...KES, perUsd: null, refusal: 'no_source' }, UGX] }),
    );
    expect(verdict.outcome).toBe('quoted');
    expect(verdict.data.isNew).toBe(false);
    expect(verdict.data.quote).toMatchObject({ rate: parseRate('29.9'), exchangedMinor: 147_000n, policyVersion: 'fx-2025.9' });
  });

  it.each([
    ['missing' as const, 'quote_not_found'],
    [storedQuote({ signatureValid: false }), 'quote_altered'],
    [storedQuote({ usedByAnother: true }), 'quote_used'],
    [storedQuote({ expiresAtMs: NOW_MS }), 'quote_expired'],
    [storedQuote({ amountMinor: '500001' }), 'quote_mismatch'],
    [storedQuote({ fromCurrency: 'TZS' }), 'quote_mismatch'],
    [storedQuote({ toCurrency: 'RWF' }), 'quote_mismatch'],
    [storedQuote({ fromCountry: 'TZ' }), 'quote_mismatch'],
    [storedQuote({ toCountry: 'RW' }), 'quote_mismatch'],
    [storedQuote({ signatureValid: false, usedByAnother: true, expiresAtMs: 0 }), 'quote_altered'],
  ])('is refused, never repriced (%#)', (clientQuote, code) => {
    expect(codeOf(factsOf({ clientQuote }))).toBe(code);
  });
});

describe('laws of every quote', () => {
  const bps = fc.integer({ min: 0, max: 600 });
  const level = fc.bigInt({ min: RATE_SCALE / 10n, max: 5000n * RATE_SCALE });
  const currency = fc.constantFrom(...CURRENCIES.filter((each) => each !== 'USD'));
  const anyLeg = fc.record({ perUsd: level, disagreementBps: bps, volatilityBps: bps, ageHours: fc.integer({ min: 0, max: 26 }) });
  const anyFacts = fc
    .record({
      from: currency,
      to: currency,
      first: anyLeg,
      second: anyLeg,
      amount: fc.bigInt({ min: 1n, max: 10n ** 12n }),
      fee: fc.bigInt({ min: 0n, max: 10n ** 6n }),
      places: fc.integer({ min: 0, max: 2 }),
    })
    .map(({ from, to, first, second, amount, fee, places }) => {
      const legOf = (code: Currency, of: typeof first): LegFacts => ({
        ...leg(code, '1', { disagreementBps: of.disagreementBps, volatilityBps: of.volatilityBps }),
        perUsd: of.perUsd.toString(),
        voices: ['open-er-api', 'currency-api'].map((source) => ({ source, asOfMs: NOW_MS - of.ageHours * HOUR_MS })),
      });
      return factsOf({
        fromCurrency: from,
        toCurrency: to,
        amountMinor: amount.toString(),
        corridor: { id: 'any', feeMinor: (fee < amount ? fee : amount).toString() },
        payoutPlaces: places,
        legs: [legOf(from, first), legOf(to, second)],
      });
    });

  it('never better than the middle of the market, never more than was exchanged, always short-lived', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { quote } = decideExchangeRate(facts).data;
        if (quote === null) return;
        expect(quote.rate).toBeLessThanOrEqual(quote.midRate);
        expect(quote.rate * 10_000n).toBeLessThanOrEqual(quote.midRate * BigInt(10_000 - quote.spreadBps));
        const left = { minor: quote.amountMinor - quote.feeMinor, currency: facts.fromCurrency };
        expect(quote.exchangedMinor).toBeLessThanOrEqual(convert(left, facts.toCurrency, quote.midRate, 'down').minor);
        expect(quote.targetMinor).toBeLessThanOrEqual(quote.exchangedMinor);
        expect(quote.targetMinor).toBeGreaterThan(0n);
        expect(quote.spreadBps).toBeLessThanOrEqual(SPREAD_POLICY.spreadBpsMax);
        expect(quote.spreadBps === 0).toBe(facts.fromCurrency === facts.toCurrency);
        const validityMs = quote.expiresAtMs - quote.createdAtMs;
        expect(validityMs).toBeGreaterThanOrEqual(30_000);
        expect(validityMs).toBeLessThanOrEqual(300_000);
      }),
      { numRuns: 500 },
    );
  });

  it('the same verdict again from facts that went through JSON', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        expect(decideExchangeRate(JSON.parse(JSON.stringify(facts)))).toEqual(decideExchangeRate(facts));
      }),
    );
  });

  it('more in, never less out', () => {
    fc.assert(
      fc.property(anyFacts, fc.bigInt({ min: 0n, max: 10n ** 9n }), (facts, extra) => {
        const more = { ...facts, amountMinor: (BigInt(facts.amountMinor) + extra).toString() };
        const [less, greater] = [facts, more].map((each) => decideExchangeRate(each).data.quote?.targetMinor ?? 0n);
        expect(greater).toBeGreaterThanOrEqual(less ?? 0n);
      }),
    );
  });

  it('a round trip over any pair gains nothing', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const free = { ...facts, corridor: { id: 'any', feeMinor: '0' } };
        const there = decideExchangeRate(free).data.quote;
        if (there === null) return;
        const [first, second] = facts.legs;
        const back = decideExchangeRate({
          ...free,
          fromCurrency: facts.toCurrency,
          toCurrency: facts.fromCurrency,
          legs: [second, first],
          amountMinor: there.targetMinor.toString(),
        }).data.quote;
        if (back !== null) expect(back.targetMinor).toBeLessThanOrEqual(there.amountMinor);
      }),
    );
  });

  it('doubt widens the spread and shortens the quote, never the other way', () => {
    fc.assert(
      fc.property(bps, bps, bps, bps, fc.integer({ min: 0, max: 74 }), (vol, moreVol, apart, moreApart, hours) => {
        const calm = { from: 'KES' as const, to: 'UGX' as const, volatilityBps: vol, disagreementBps: apart, ageMs: hours * HOUR_MS };
        const base = spreadOf(calm).totalBps;
        expect(spreadOf({ ...calm, volatilityBps: vol + moreVol }).totalBps).toBeGreaterThanOrEqual(base);
        expect(spreadOf({ ...calm, disagreementBps: apart + moreApart }).totalBps).toBeGreaterThanOrEqual(base);
        expect(spreadOf({ ...calm, ageMs: calm.ageMs + HOUR_MS }).totalBps).toBeGreaterThanOrEqual(base);
        expect(validityMsOf(vol + moreVol)).toBeLessThanOrEqual(validityMsOf(vol));
        expect(pairVolatilityBps(vol, moreVol)).toBeGreaterThanOrEqual(Math.max(vol, moreVol));
      }),
    );
  });
});
