/** The fields Daraja wants in forms of its own: times, passwords, references, amounts and the security credential. */
import type { KeyObject } from 'node:crypto';
import { minorPerMajor } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import type { Money } from '../../../domain/money.ts';
import { encryptUnder } from '../public-key.ts';

/** East Africa Time is three hours ahead of UTC all year. */
const EAT_OFFSET_MS = 3 * 3_600_000;

/** A moment as `YYYYMMDDHHmmss` in Nairobi. */
export function timestampOf(ms: number): string {
  return eatParts(ms).replaceAll(/\D/g, '');
}

/** A moment as `YYYY-MM-DD HH:mm:ss` in Nairobi, as Pull Transactions takes it. */
export function statementTimeOf(ms: number): string {
  return eatParts(ms);
}

/** A moment of Pull Transactions in milliseconds since the epoch; null for anything else. */
export function statementTimeMs(text: string | null): number | null {
  if (!/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/.test(text ?? '')) return null;
  return eatTimeMs((text ?? '').slice(0, 19).replaceAll(/\D/g, ''));
}

function eatParts(ms: number): string {
  return new Date(ms + EAT_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * A moment in Nairobi as Daraja writes it, `YYYYMMDDHHmmss` or `DD.MM.YYYY HH:mm:ss`, in milliseconds since
 * the epoch; null for anything else.
 */
export function eatTimeMs(text: string | null): number | null {
  const [, year, month, day, hours, minutes, seconds] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text ?? '') ?? [];
  const [, dottedDay, dottedMonth, dottedYear, time] = /^(\d\d)\.(\d\d)\.(\d{4}) (\d\d:\d\d:\d\d)$/.exec(text ?? '') ?? [];
  const ms =
    year === undefined
      ? Date.parse(`${dottedYear}-${dottedMonth}-${dottedDay}T${time}Z`)
      : Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
  return Number.isNaN(ms) ? null : ms - EAT_OFFSET_MS;
}

/** The STK password: base64 of short code, passkey and the very timestamp of the same body. */
export function passwordOf(shortCode: string, passkey: string, timestamp: string): string {
  return Buffer.from(shortCode + passkey + timestamp).toString('base64');
}

const REFERENCE_ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const REFERENCE_LENGTH = 12;

/**
 * The 12 characters by which a payment is found in Safaricom's statement again, and which a customer enters who pays by
 * themselves: the first 60 bits of the request id that are not its version. Two of a billion references meet with a chance
 * below 1 in 2.
 */
export function accountReferenceOf(requestId: string): string {
  const hex = requestId.replaceAll('-', '');
  let rest = BigInt(`0x${hex.slice(0, 12)}${hex.slice(13, 16)}`);
  let text = '';
  for (let place = 0; place < REFERENCE_LENGTH; place += 1) {
    text = (REFERENCE_ALPHABET[Number(rest % 32n)] ?? '') + text;
    rest /= 32n;
  }
  return text;
}

/** The first and the last request id that a reference may be of. */
export interface RequestRange {
  readonly first: string;
  readonly last: string;
}

/** A reference as a customer may have typed it, in the form in which we write it; null for what is none. */
export function readAccountReference(text: string | null): string | null {
  const plain = (text ?? '').toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return /^[0-9A-HJKMNP-TV-Z]{12}$/.test(plain) ? plain : null;
}

/** Which request ids a reference, in the form in which we write it, can be of: request ids have the shape of version 4. */
export function requestRangeOf(reference: string): RequestRange {
  let value = 0n;
  for (const character of reference) value = value * 32n + BigInt(REFERENCE_ALPHABET.indexOf(character));
  const hex = value.toString(16).padStart(15, '0');
  const start = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12)}`;
  return { first: `${start}-0000-000000000000`, last: `${start}-ffff-ffffffffffff` };
}

/** Whole shillings as Daraja takes them. The caller has refused anything else; what comes here all the same is never rounded. */
export function shillingsOf(amount: Money): string {
  if (amount.currency !== 'KES') throw fault('currency_mismatch', { internal: `${amount.currency} over M-Pesa` });
  if (amount.minor <= 0n || amount.minor % minorPerMajor('KES') !== 0n) throw new RangeError('M-Pesa takes whole shillings, one at least');
  return (amount.minor / minorPerMajor(amount.currency)).toString();
}

/** A 12-digit Kenyan mobile number without plus, or null when it is not one. */
export function kenyanMsisdn(phone: string): string | null {
  return /^\+254[17]\d{8}$/.test(phone) ? phone.slice(1) : null;
}

/** The initiator's password under Safaricom's RSA key with PKCS #1 v1.5 padding, as base64. */
export function securityCredentialOf(password: string, key: KeyObject): string {
  return encryptUnder(key, password, 'pkcs1');
}
