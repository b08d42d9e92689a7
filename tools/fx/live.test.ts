/** The live sources against the sandbox that speaks their forms, over days: nothing is refused, nothing is frozen. */
import { describe, expect, it } from 'vitest';
import { CURRENCIES } from '../../domain/currency.ts';
import { serveFx } from '../../sandbox/fx.ts';
import { createChance } from '../../sandbox/random.ts';
import { consensus, NOTHING_BEFORE } from './consensus.ts';
import type { Observation, RateHistory } from './gates.ts';
import { publisherOf } from './source.ts';
import { rateSources } from './sources.ts';

const DAY_MS = 86_400_000;

describe('the live sources', () => {
  it('give a rate of every currency on each of twelve days', async () => {
    let nowMs = Date.UTC(2026, 10, 20, 6);
    const chance = createChance('rates');
    const sources = rateSources({
      openErApiUrl: 'http://sandbox.test/open-er-api',
      currencyApiUrl: 'http://sandbox.test/currency-api/',
      fetch: async (url) => {
        const { pathname, searchParams } = new URL(url);
        const answer = serveFx(chance, nowMs, { method: 'GET', path: pathname, query: searchParams, headers: {}, body: '' });
        if (answer === 'cut') throw new TypeError('the connection was cut');
        return new Response(answer.body, { status: answer.status });
      },
    });
    const seen = new Map<string, Map<string, Observation[]>>();
    for (let day = 0; day < 12; day++, nowMs += DAY_MS) {
      const heard = await Promise.all(sources.map((source) => source.fetch()));
      const snapshot = consensus(heard, { ...NOTHING_BEFORE, sourceHistory: seen as RateHistory }, nowMs);
      expect([...snapshot.refusals.values()]).toEqual([]);
      expect(snapshot.rates.size).toBe(CURRENCIES.length);
      expect(
        snapshot.rates
          .get('NGN')
          ?.voices.map((voice) => publisherOf(voice.source))
          .sort(),
      ).toEqual(['exchangerate-api', 'fawazahmed0']);
      for (const { source, asOfMs, perUsd } of heard) {
        const history = seen.get(source) ?? new Map<string, Observation[]>();
        for (const [currency, rate] of perUsd) history.set(currency, [...(history.get(currency) ?? []), { asOfMs, rate }]);
        seen.set(source, history);
      }
    }
  });
});
