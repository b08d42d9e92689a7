/**
 * Exchange rates as whole numbers: units of the target currency for one unit of the source
 * currency, times 10^12. Twelve decimal places keep NGN → USD exact to far below a minor unit.
 */
import { type Currency, exponentOf } from './currency.ts';
import { fault } from './errors.ts';
import { divide, type Money, money, type Rounding } from './money.ts';

/** What one unit of rate is scaled by. */
export const RATE_SCALE = 10n ** 12n;

/** Parses a decimal string ("129.67469522", "1.3e-7") into a scaled rate. Throws `rate_malformed`. */
export function parseRate(text: string): bigint {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,2}))?$/i.exec(text.trim());
  if (!match) throw fault('rate_malformed');
  const fraction = match[2] ?? '';
  const shift = 12 + Number(match[3] ?? '0') - fraction.length;
  const digits = BigInt((match[1] ?? '') + fraction);
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : divide(digits, 10n ** BigInt(-shift), 'half_even');
  if (scaled <= 0n) throw fault('rate_malformed');
  return scaled;
}

/** Writes a scaled rate as a decimal string without trailing zeros. */
export function formatRate(rate: bigint): string {
  const fraction = (rate % RATE_SCALE).toString().padStart(12, '0').replace(/0+$/, '');
  return fraction === '' ? `${rate / RATE_SCALE}` : `${rate / RATE_SCALE}.${fraction}`;
}

/** Converts money into another currency at a scaled rate, rounded as said to the target's minor unit. */
export function convert(value: Money, target: Currency, rate: bigint, rounding: Rounding): Money {
  const numerator = value.minor * rate * 10n ** BigInt(exponentOf(target));
  const divisor = RATE_SCALE * 10n ** BigInt(exponentOf(value.currency));
  return money(divide(numerator, divisor, rounding), target);
}

/** The rate from A to B when both are quoted as units per one USD: usdB / usdA. */
export function crossRate(perUsdFrom: bigint, perUsdTo: bigint): bigint {
  return divide(perUsdTo * RATE_SCALE, perUsdFrom, 'half_even');
}
