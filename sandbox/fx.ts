/**
 * Exchange rates as two public sources serve them, around built-in mid rates of autumn 2026 with a little
 * seeded noise per source and hour. The franc zone keeps its peg to the euro exactly.
 */
import type { Chance } from './random.ts';
import { type Answer, empty, json, type SandboxRequest } from './wire.ts';

/** Units for one US dollar, late September 2026. XOF and XAF follow from EUR. */
const MID_PER_USD: Readonly<Record<string, number>> = {
  CDF: 2311.5,
  EUR: 0.88023,
  GBP: 0.7631,
  GHS: 11.646,
  KES: 129.67,
  MWK: 1734.83,
  MZN: 63.83,
  NGN: 1326.16,
  RWF: 1475.53,
  TZS: 2639.59,
  UGX: 3914.67,
  ZAR: 16.44,
  ZMW: 19.62,
};

/** Units of XOF and of XAF for one euro, fixed since 1999. */
const CFA_PER_EUR = 655.957;

/** No rate strays further from its mid rate than this share. */
const NOISE = 0.0012;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Rates of one source at a moment, by currency code. */
export function ratesOf(chance: Chance, source: string, nowMs: number): Record<string, number> {
  const hour = Math.floor(nowMs / HOUR_MS);
  const rates: Record<string, number> = { USD: 1 };
  for (const [code, mid] of Object.entries(MID_PER_USD)) {
    rates[code] = rounded(mid * (1 + NOISE * (2 * chance.draw('fx', source, code, hour) - 1)));
  }
  rates['XOF'] = rounded((rates['EUR'] ?? 0) * CFA_PER_EUR);
  rates['XAF'] = rates['XOF'];
  return rates;
}

function rounded(rate: number): number {
  return Number(rate.toPrecision(9));
}

/** Answers a request under `/fx`. */
export function serveFx(chance: Chance, nowMs: number, request: SandboxRequest): Answer {
  if (request.method !== 'GET') return empty(405);
  if (request.path === '/open-er-api/v6/latest/USD') return openErApi(chance, nowMs);
  if (request.path === '/currency-api/v1/currencies/usd.min.json') return currencyApi(chance, nowMs);
  return empty(404);
}

/** The form of open.er-api.com: updated once a day, shortly after midnight UTC. */
function openErApi(chance: Chance, nowMs: number): Answer {
  const updatedMs = Math.floor(nowMs / DAY_MS) * DAY_MS + 151_000;
  const lastMs = updatedMs <= nowMs ? updatedMs : updatedMs - DAY_MS;
  const nextMs = lastMs + DAY_MS;
  return json(200, {
    result: 'success',
    provider: 'https://www.exchangerate-api.com',
    documentation: 'https://www.exchangerate-api.com/docs/free',
    terms_of_use: 'https://www.exchangerate-api.com/terms',
    time_last_update_unix: lastMs / 1000,
    time_last_update_utc: new Date(lastMs).toUTCString(),
    time_next_update_unix: nextMs / 1000,
    time_next_update_utc: new Date(nextMs).toUTCString(),
    time_eol_unix: 0,
    base_code: 'USD',
    rates: ratesOf(chance, 'open-er-api', nowMs),
  });
}

/** The form of the currency-api files: a date, and lower-case codes. */
function currencyApi(chance: Chance, nowMs: number): Answer {
  const rates = Object.entries(ratesOf(chance, 'currency-api', nowMs)).map(([code, rate]) => [code.toLowerCase(), rate] as const);
  return json(200, { date: new Date(nowMs).toISOString().slice(0, 10), usd: Object.fromEntries(rates) });
}
