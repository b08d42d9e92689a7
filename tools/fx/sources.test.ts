import { describe, expect, it } from 'vitest';
import { isFault } from '../../domain/errors.ts';
import { RATE_SCALE } from '../../domain/rate.ts';
import type { Fetch } from './body.ts';
import { type RateSource, retryAfterMsOf } from './source.ts';
import { currencyApiSource, embeddedSource, fxSettingsFrom, openErApiSource, rateSources } from './sources.ts';

const LATEST_UNIX = 1_790_640_151;
const openErBody = (rates: string, extra = ''): string =>
  `{"result":"success","time_last_update_unix":${LATEST_UNIX},"base_code":"USD"${extra},"rates":{"USD":1,${rates}}}`;

function answering(body: string | Uint8Array<ArrayBuffer>, status = 200): Fetch {
  return async () => new Response(body, { status });
}

function openEr(fetch: Fetch, timeoutMs = 1000): RateSource {
  return openErApiSource({ baseUrl: 'http://rates.test', fetch, timeoutMs });
}

async function refusalOf(source: RateSource): Promise<Error> {
  const error: unknown = await source.fetch().then(
    () => undefined,
    (refused: unknown) => refused,
  );
  if (!isFault(error, 'rate_source_failed')) throw new Error(`expected a refusal, got ${String(error)}`);
  return error;
}

describe('the open.er-api source', () => {
  it('reads the shape, keeps only known currencies, and takes the time from the source', async () => {
    const asked: string[] = [];
    const fetch: Fetch = async (url, init) => {
      asked.push(`${url} ${init.redirect}`);
      return new Response(openErBody('"KES":129.674695,"NGN":1326.16,"ZZZ":"not looked at"', ',"provider":"x"'));
    };
    const rates = await openEr(fetch).fetch();
    expect(asked).toEqual(['http://rates.test/v6/latest/USD error']);
    expect(rates).toEqual({
      source: 'open-er-api',
      asOfMs: LATEST_UNIX * 1000,
      perUsd: new Map([
        ['KES', 129_674_695_000_000n],
        ['NGN', 1_326_160_000_000_000n],
        ['USD', RATE_SCALE],
      ]),
    });
  });

  it('takes the digits of the text, not those of a float', async () => {
    const rates = await openEr(
      answering(openErBody('"KES":129.123456789012345678,"TZS":98765.123456789012,"UGX":3.9e3,"ZMW":1.5E-7')),
    ).fetch();
    expect(rates.perUsd.get('KES')).toBe(129_123_456_789_012n);
    expect(rates.perUsd.get('TZS')).toBe(98_765_123_456_789_012n);
    expect(rates.perUsd.get('UGX')).toBe(3_900_000_000_000_000n);
    expect(rates.perUsd.get('ZMW')).toBe(150_000n);
  });

  it.each([
    ['no JSON', '<html>maintenance</html>'],
    ['half a body', openErBody('"KES":129').slice(0, -4)],
    ['an error of the source', '{"result":"error","error-type":"unsupported-code"}'],
    ['another base', openErBody('"KES":129').replace('"USD",', '"EUR",')],
    ['a rate as text', openErBody('"KES":"129.67"')],
    ['a rate of zero', openErBody('"KES":0')],
    ['a negative rate', openErBody('"KES":-129.67')],
    ['a rate of null', openErBody('"KES":null')],
    ['an endless number', openErBody(`"KES":1${'0'.repeat(5000)}`)],
    ['an exponent beyond reason', openErBody('"KES":1e400')],
    ['a list instead of rates', openErBody('"KES":1').replace(/\{"USD".*\}\}/, '[1]}')],
    ['a time as text', openErBody('"KES":129').replace(String(LATEST_UNIX), '"yesterday"')],
    ['a time of the year 5000', openErBody('"KES":129').replace(String(LATEST_UNIX), '95617584000')],
    ['nesting to exhaust the stack', `${'['.repeat(60_000)}${']'.repeat(60_000)}`],
    ['nothing', ''],
  ])('refuses %s', async (_what, body) => {
    const error = await refusalOf(openEr(answering(body)));
    expect(error.message).not.toContain('129');
  });

  it('refuses bytes that are no text, and more bytes than agreed', async () => {
    await refusalOf(openEr(answering(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]))));
    await refusalOf(openEr(answering(openErBody(`"KES":129,"note":"${'x'.repeat(200_000)}"`))));
  });

  it('stays away for twenty minutes after a 429, and refuses other statuses', async () => {
    expect(retryAfterMsOf(await refusalOf(openEr(answering('', 429))))).toBe(20 * 60_000);
    expect(retryAfterMsOf(await refusalOf(openEr(answering(openErBody('"KES":129'), 500))))).toBe(0);
  });

  it('gives up on an answer that does not come, and on one that drips for ever', async () => {
    await refusalOf(openEr(() => new Promise<Response>(() => undefined), 5));
    const dripping = new ReadableStream<Uint8Array>({ pull: () => new Promise<void>(() => undefined) });
    await refusalOf(openEr(async () => new Response(dripping), 5));
  });

  it('refuses when nobody listens', async () => {
    const refused: Fetch = async () => {
      throw new TypeError('fetch failed');
    };
    await refusalOf(openEr(refused));
  });

  it('does not let a hostile key reach the prototype', async () => {
    const rates = await openEr(answering(openErBody('"KES":129,"__proto__":{"NGN":5},"constructor":1'))).fetch();
    expect([...rates.perUsd.keys()].sort()).toEqual(['KES', 'USD']);
  });
});

describe('the currency-api source', () => {
  const body = '{"date":"2026-09-29","usd":{"usd":1,"kes":129.67469522,"1inch":9.9}}';

  it('dates its rates by the day and reads lower-case codes', async () => {
    const rates = await currencyApiSource({ baseUrl: 'http://cdn.test', fetch: answering(body) }).fetch();
    expect(rates.asOfMs).toBe(Date.UTC(2026, 8, 29));
    expect(rates.perUsd.get('KES')).toBe(129_674_695_220_000n);
  });

  it('asks the fallback when the first address gives nothing usable', async () => {
    const asked: string[] = [];
    const fetch: Fetch = async (url) => {
      asked.push(url);
      return url.startsWith('http://cdn.test') ? new Response('gone', { status: 503 }) : new Response(body);
    };
    const rates = await currencyApiSource({ baseUrl: 'http://cdn.test', fallbackUrl: 'http://other.test', fetch }).fetch();
    expect(rates.source).toBe('currency-api');
    expect(asked).toEqual(['http://cdn.test/v1/currencies/usd.min.json', 'http://other.test/v1/currencies/usd.min.json']);
  });

  it.each(['2026-02-30', '29.09.2026', 'latest'])('refuses the date %s', async (date) => {
    await refusalOf(currencyApiSource({ baseUrl: 'http://cdn.test', fetch: answering(body.replace('2026-09-29', date)) }));
  });
});

describe('the embedded source', () => {
  it('reads the installed package, with pairs that do not go over USD', async () => {
    const rates = await embeddedSource().fetch();
    expect(rates.perUsd.get('USD')).toBe(RATE_SCALE);
    expect(rates.perUsd.size).toBe(15);
    expect(rates.crosses?.find((cross) => cross.to === 'KES')?.rate).toBeGreaterThan(100n * RATE_SCALE);
  });

  it('refuses when the package is not there', async () => {
    await refusalOf(embeddedSource(() => Promise.reject(new Error('ENOENT'))));
  });
});

describe('the configuration of sources', () => {
  it('turns a live source on by its address', () => {
    const ids = (env: Record<string, string>): string[] => rateSources(fxSettingsFrom(env)).map((source) => source.id);
    expect(ids({})).toEqual(['embedded']);
    expect(ids({ CAPP_FX_OPEN_ER_API_URL: '', CAPP_FX_CURRENCY_API_URL: 'http://127.0.0.1:1/cdn/' })).toEqual(['embedded', 'currency-api']);
    expect(ids({ CAPP_FX_OPEN_ER_API_URL: 'https://open.er-api.com' })).toEqual(['embedded', 'open-er-api']);
  });

  it.each(['rates.test', 'file:///etc/passwd'])('refuses %s as an address', (address) => {
    expect(() => rateSources({ openErApiUrl: address })).toThrow('config_invalid');
  });
});
