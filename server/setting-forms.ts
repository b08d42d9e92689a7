/** Settings whose text is more than a word or a number: lists, figures by name, addresses. */
import type { FourEyesRule } from '../domain/cases.ts';
import { CURRENCIES } from '../domain/currency.ts';
import { fault } from '../domain/errors.ts';
import { parseAmount } from '../domain/money.ts';
import { RAILS } from '../domain/network.ts';

/** The names in a list with commas. */
export function namesIn(text: string): string[] {
  return text.split(',').flatMap((word) => word.trim() || []);
}

/** Milliseconds by rail, as `mtn-ug=600000,hub-ke=900000`. Throws `config_invalid` for what is no rail. */
export function limitsByRail(text: string): Record<string, number> {
  const entries = text.split(',').flatMap((entry) => (entry === '' ? [] : [entry.split('=')]));
  const unknown = entries.find(([rail]) => !RAILS.some(({ id }) => id === rail))?.[0];
  if (unknown !== undefined)
    throw fault('config_invalid', { field: 'CAPP_DOUBT_LIMITS_MS', detail: `CAPP_DOUBT_LIMITS_MS names ${unknown}, which is no rail.` });
  return Object.fromEntries(entries.map(([rail, ms]) => [rail, Number(ms)]));
}

/** Whole amounts by currency, as `KES=100000`, in minor units. Throws `config_invalid` for what is no currency. */
export function amountsByCurrency(text: string): FourEyesRule['fourEyesAmounts'] {
  const entries = text.split(',').flatMap((entry) => (entry === '' ? [] : [entry.split('=')]));
  return Object.fromEntries(
    entries.map(([name = '', amount = '']) => {
      const currency = CURRENCIES.find((each) => each === name);
      if (currency === undefined)
        throw fault('config_invalid', {
          field: 'CAPP_FOUR_EYES_AMOUNTS',
          detail: `CAPP_FOUR_EYES_AMOUNTS names ${name}, which is no currency.`,
        });
      return [currency, parseAmount(amount, currency).minor];
    }),
  );
}

/** Makes sure that a setting that is set is an address of one of two schemes. Throws `config_invalid`; the address is not repeated. */
export function assertUrl(name: string, value: string | null, schemes: readonly [string, string]): void {
  if (value === null) return;
  if (!URL.canParse(value)) throw fault('config_invalid', { field: name, detail: `${name} is not an address.` });
  if (schemes.includes(new URL(value).protocol.slice(0, -1))) return;
  throw fault('config_invalid', { field: name, detail: `${name} must begin with ${schemes[0]}:// or ${schemes[1]}://.` });
}
