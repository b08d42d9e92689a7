/** How much people send: sizes as real mobile money has them, within what every wallet and tier on the way takes. */
import { exponentOf } from '../domain/currency.ts';
import { countryByCode } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';
import { EXAMPLES_DAY } from './people.ts';
import type { Random } from './random.ts';

interface Purse {
  /** Units of the currency for one US dollar, November 2026, for sizes only. */
  readonly perUsd: number;
  /** What one person of the country sends or gets in all in the file at most: well under the lowest limit of any wallet and tier. */
  readonly most: number;
  /** People send multiples of this. */
  readonly step: number;
}

const PURSES: Readonly<Partial<Record<Country, Purse>>> = {
  KE: { perUsd: 129, most: 70_000, step: 50 },
  UG: { perUsd: 3_650, most: 600_000, step: 500 },
  TZ: { perUsd: 2_500, most: 1_000_000, step: 500 },
  RW: { perUsd: 1_450, most: 500_000, step: 100 },
  GH: { perUsd: 11, most: 1_800, step: 5 },
  NG: { perUsd: 1_480, most: 30_000, step: 100 },
  CI: { perUsd: 560, most: 120_000, step: 100 },
  SN: { perUsd: 560, most: 120_000, step: 100 },
  CM: { perUsd: 560, most: 250_000, step: 100 },
  ZM: { perUsd: 23, most: 10_000, step: 5 },
  ZA: { perUsd: 17.5, most: 1_800, step: 5 },
};

export function purseOf(country: Country): Purse {
  const purse = PURSES[country];
  if (!purse) throw new RangeError('no purse for this country');
  return purse;
}

/**
 * Transfers of mobile money are log-normal. The spread is that of the genuine TRANSFER rows of PaySim
 * (standard deviation of the logarithm 1.25, Lopez-Rojas et al. 2016), a little narrower because the
 * tail above the limits is cut; the middle is what people send home at once.
 */
const MEDIAN_USD = 24;
const LOG_DEVIATION = 1.1;
export const LEAST_USD = 2;

/** A size in US dollars that both ends can take, `roomUsd` at most. */
export function drawUsd(random: Random, roomUsd: number): number {
  for (;;) {
    const usd = MEDIAN_USD * Math.exp(LOG_DEVIATION * random.normal());
    if (usd >= LEAST_USD && usd <= roomUsd) return usd;
  }
}

/** A size as a person would key it in: mostly round, now and then to the last cent where there are cents. */
export function writeAmount(random: Random, country: Country, usd: number): string {
  const { perUsd, step } = purseOf(country);
  const { currency } = countryByCode(country, EXAMPLES_DAY);
  const exact = usd * perUsd;
  const habit = random.next();
  if (habit < 0.08 && exponentOf(currency) === 2 && country !== 'KE' && country !== 'TZ') return exact.toFixed(2);
  if (habit < 0.2) return String(Math.round(exact));
  return String(Math.max(step, Math.round(exact / step) * step));
}
