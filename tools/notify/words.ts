/** Amounts, names and references as people read them in a text message. Pure. */
import { formatAmount, type Money } from '../../domain/money.ts';
import { plainText } from './gsm7.ts';
import type { Language } from './language.ts';

/** In French a comma begins the decimal places: "15,000" is fifteen there. */
const SIGNS: Readonly<Record<Language, { readonly thousands: string; readonly decimal: string }>> = {
  en: { thousands: ',', decimal: '.' },
  sw: { thousands: ',', decimal: '.' },
  fr: { thousands: ' ', decimal: ',' },
};

/** "KES 1,250.50", "UGX 36,953", in French "XAF 15 000": thousands apart, no decimal places where all are zero. */
export function amountWords(amount: Money, language: Language): string {
  const { thousands, decimal } = SIGNS[language];
  const [whole = '0', fraction = ''] = formatAmount(amount).split('.');
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, thousands);
  return `${amount.currency} ${grouped}${/[1-9]/.test(fraction) ? `${decimal}${fraction}` : ''}`;
}

const NAME_LENGTH_MAX = 20;

/** A name so short that a text has room for it, and no fuller than it needs: "Wanjiru K." for Wanjiru Njeri Kamau. */
export function nameWords(fullName: string): string {
  const parts = plainText(fullName).trim().split(/\s+/);
  const [first = '', last] = [parts[0], parts.length > 1 ? parts.at(-1) : undefined];
  const initial = Array.from(last ?? '')[0];
  return (
    Array.from(first)
      .slice(0, NAME_LENGTH_MAX - 3)
      .join('') + (initial === undefined ? '' : ` ${initial}.`)
  );
}

/** The last eight digits of a payment's id, as people may read them to somebody. */
export function referenceWords(paymentId: string): string {
  return paymentId.replaceAll('-', '').slice(-8).toUpperCase();
}

/** A template with its `{blanks}` filled in. A blank that nothing fills is a mistake of the program. */
export function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, blank: string) => {
    const value = values[blank];
    if (value === undefined) throw new RangeError(`a text has no ${blank}`);
    return value;
  });
}
