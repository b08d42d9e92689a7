/**
 * The sources CAPP knows: two live ones, each behind a base address from the configuration, and the copy
 * that came with the installation.
 *
 * Shapes: ExchangeRate-API "open access" (https://www.exchangerate-api.com/docs/free), attribution
 * required, one update a day; fawazahmed0/exchange-api (CC0), one version a day, `date` with lower-case
 * codes under the code of the base.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { type Fetch, readBody } from './body.ts';
import {
  type CrossQuote,
  checkBody,
  dayBeginMs,
  parseDecimalJson,
  type RateSource,
  ratesSchema,
  type SourceRates,
  sourceFailed,
  unixSeconds,
} from './source.ts';

/** The public addresses; configuration names them, nothing goes there by itself. */
export const PUBLIC_ADDRESSES = {
  openErApi: 'https://open.er-api.com',
  currencyApi: 'https://cdn.jsdelivr.net/npm/@fawazahmed0/currency-api@latest',
  currencyApiFallback: 'https://latest.currency-api.pages.dev',
} as const;

export interface LiveSourceOptions {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  /** Over the whole exchange, milliseconds; 10 seconds unless told. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** Real bodies have 3 to 8 kB. */
const BODY_BYTES_MAX = 131_072;

const openErBody = z.object({
  result: z.literal('success'),
  base_code: z.literal('USD'),
  time_last_update_unix: unixSeconds,
  rates: ratesSchema((currency) => currency),
});

/** ExchangeRate-API's open endpoint. */
export function openErApiSource(options: LiveSourceOptions): RateSource {
  const id = 'open-er-api';
  return {
    id,
    async fetch() {
      const body = checkBody(openErBody, parseDecimalJson(await read(id, `${options.baseUrl}/v6/latest/USD`, options), id), id);
      return { source: id, asOfMs: body.time_last_update_unix, perUsd: body.rates };
    },
  };
}

const lowerCase = (currency: Currency): string => currency.toLowerCase();
const currencyApiUsd = z.object({ date: dayBeginMs, usd: ratesSchema(lowerCase) });
const currencyApiEur = z.object({ date: dayBeginMs, eur: ratesSchema(lowerCase) });

/** The daily currency-api over a content network; the fallback address is asked when the first gives nothing usable. */
export function currencyApiSource(options: LiveSourceOptions & { readonly fallbackUrl?: string }): RateSource {
  const id = 'currency-api';
  const from = async (baseUrl: string): Promise<SourceRates> => {
    const text = await read(id, `${baseUrl}/v1/currencies/usd.min.json`, options);
    const body = checkBody(currencyApiUsd, parseDecimalJson(text, id), id);
    return { source: id, asOfMs: body.date, perUsd: body.usd };
  };
  return {
    id,
    fetch: () =>
      from(options.baseUrl).catch((error: unknown) => {
        if (options.fallbackUrl === undefined) throw error;
        return from(options.fallbackUrl);
      }),
  };
}

/**
 * The same publisher's figures as they were on the day of the installed package. Soon too old to quote on;
 * good for telling scale and direction of a live rate, and as history for a new installation.
 */
export function embeddedSource(readPackageFile: (path: string) => Promise<string> = readInstalled): RateSource {
  const id = 'embedded';
  const load = async <Schema extends z.ZodType>(schema: Schema, base: string): Promise<z.output<Schema>> => {
    const text = await readPackageFile(`v1/currencies/${base}.min.json`).catch((cause: unknown) => {
      throw sourceFailed(id, `no rates of ${base} are installed`, cause);
    });
    return checkBody(schema, parseDecimalJson(text, id), id);
  };
  return {
    id,
    async fetch() {
      const [usd, eur] = await Promise.all([load(currencyApiUsd, 'usd'), load(currencyApiEur, 'eur')]);
      const crosses = [...eur.eur].map(([to, rate]): CrossQuote => ({ from: 'EUR', to, rate }));
      return { source: id, asOfMs: Math.min(usd.date, eur.date), perUsd: usd.usd, crosses };
    },
  };
}

async function readInstalled(path: string): Promise<string> {
  const require = createRequire(import.meta.url);
  return readFile(require.resolve(`@fawazahmed0/currency-api/${path}`), 'utf8');
}

function read(sourceId: string, url: string, options: LiveSourceOptions): Promise<string> {
  return readBody({ sourceId, url, fetch: options.fetch, timeoutMs: options.timeoutMs ?? TIMEOUT_MS, maxBytes: BODY_BYTES_MAX });
}

export interface FxSettings {
  /** Base addresses of the live sources; empty or missing: the source is off. */
  readonly openErApiUrl?: string | undefined;
  readonly currencyApiUrl?: string | undefined;
  readonly currencyApiFallbackUrl?: string | undefined;
  readonly fetch?: Fetch;
  readonly timeoutMs?: number;
}

/** Reads the addresses from `CAPP_FX_OPEN_ER_API_URL`, `CAPP_FX_CURRENCY_API_URL` and `CAPP_FX_CURRENCY_API_FALLBACK_URL`. */
export function fxSettingsFrom(env: Readonly<Record<string, string | undefined>>): FxSettings {
  return {
    openErApiUrl: env['CAPP_FX_OPEN_ER_API_URL'],
    currencyApiUrl: env['CAPP_FX_CURRENCY_API_URL'],
    currencyApiFallbackUrl: env['CAPP_FX_CURRENCY_API_FALLBACK_URL'],
  };
}

/** The embedded source and every live one that has an address. Throws `config_invalid` for what is no web address. */
export function rateSources(settings: FxSettings): RateSource[] {
  const doFetch: Fetch = settings.fetch ?? ((url, init) => fetch(url, init));
  const options = (baseUrl: string): LiveSourceOptions => ({
    baseUrl: webAddress(baseUrl),
    fetch: doFetch,
    ...(settings.timeoutMs === undefined ? {} : { timeoutMs: settings.timeoutMs }),
  });
  const sources = [embeddedSource()];
  if (settings.openErApiUrl) sources.push(openErApiSource(options(settings.openErApiUrl)));
  if (settings.currencyApiUrl) {
    const fallback = settings.currencyApiFallbackUrl;
    sources.push(currencyApiSource({ ...options(settings.currencyApiUrl), ...(fallback ? { fallbackUrl: webAddress(fallback) } : {}) }));
  }
  return sources;
}

function webAddress(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw fault('config_invalid', { detail: 'CAPP_FX_*_URL must be http or https addresses, or empty.' });
  }
  return text.replace(/\/+$/, '');
}
