/**
 * Phone numbers: what people write, turned into E.164 and the wallet behind it.
 *
 * Whether a number is a mobile number of its country is libphonenumber's knowledge; which operator
 * serves it is read from the prefixes of `network.ts`, the longest first. Where numbers are portable
 * the prefix is a hint, and the operator's own answer is the truth. No error repeats the number.
 */
import { type CountryCode, Metadata, type PhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/mobile';
import { fault } from './errors.ts';
import { COUNTRIES, today, walletsOfCountry } from './network.ts';
import type { Country } from './rail.ts';

export interface WalletNumber {
  /** With plus: "+254712345678". */
  readonly e164: string;
  readonly country: Country;
  readonly walletId: string;
}

/** Longest text that can still be one number with its separators. */
const TEXT_LENGTH_MAX = 32;

/** Digits and the separators people put between them; an international mark only in front. */
const WRITING = /^\+?[\d\s().\-/\u2010-\u2013]+$/;

/** Exit codes of the countries served all begin so; no national number does. */
const EXIT_CODE = /^0{2,3}(?=[1-9])/;

/**
 * Reads a number as written in a country: "0712 345678", "+254 712 345678", "254712345678",
 * "00254712345678". `asOf` is the day (UTC) whose wallets count.
 *
 * Throws `phone_invalid` (no mobile number), `phone_country_mismatch` (a mobile number of another
 * country), `wallet_unknown` (no operator CAPP reaches has the prefix).
 */
export function parsePhone(text: string, country: Country, asOf: string = today()): WalletNumber {
  if (isE164Of(text, country)) {
    return { e164: text, country, walletId: walletOfNational(text.slice(1 + callingCodeOf(country).length), country, asOf) };
  }
  if (text.length > TEXT_LENGTH_MAX || !WRITING.test(text.trim())) throw fault('phone_invalid');
  const plain = text.replace(/[^\d+]/g, '').replace(EXIT_CODE, '+');
  const callingCode = callingCodeOf(country);
  const e164 = e164Of(plain, country, callingCode);
  if (e164 !== null) return { e164, country, walletId: walletOfNational(e164.slice(1 + callingCode.length), country, asOf) };
  const number = readNumber(plain, country);
  if (number.countryCallingCode !== callingCode) throw fault('phone_country_mismatch');
  const national = number.number.slice(1 + callingCode.length);
  return { e164: number.number, country, walletId: walletOfNational(national, country, asOf) };
}

/** E.164 numbers of a country's mobile numbering plan, from libphonenumber's own data, by country. */
const E164 = new Map<Country, RegExp>();

/**
 * Whether a text is a mobile number of the country as programs write it. What is not may still be one: people's spellings
 * take the way over the library, which costs thirty times as much.
 */
function isE164Of(text: string, country: Country): boolean {
  let pattern = E164.get(country);
  if (pattern === undefined) {
    pattern = e164Pattern(country);
    E164.set(country, pattern);
  }
  return pattern.test(text);
}

/** The prefix of numbers within the country, where it is one digit for all of them; null elsewhere. */
const TRUNK_DIGITS = new Map<Country, string | null>();

function trunkDigitOf(country: Country): string | null {
  let digit = TRUNK_DIGITS.get(country);
  if (digit === undefined) {
    const metadata = new Metadata();
    metadata.selectNumberingPlan(country as CountryCode);
    // Where there is no prefix the library holds the number 0 instead of a text.
    const prefix: unknown = (metadata.numberingPlan as Partial<NumberingPlan> | undefined)?.nationalPrefixForParsing?.();
    digit = typeof prefix === 'string' && /^\d$/.test(prefix) ? prefix : null;
    TRUNK_DIGITS.set(country, digit);
  }
  return digit;
}

/** The number that digits stand for, with or without plus, as the library would read them; null where only it can tell. */
function e164Of(plain: string, country: Country, callingCode: string): string | null {
  if (plain.startsWith('+')) return isE164Of(plain, country) ? plain : null;
  const digit = trunkDigitOf(country);
  if (digit === null || !plain.startsWith(digit)) return null;
  const e164 = `+${callingCode}${plain.slice(1)}`;
  return isE164Of(e164, country) ? e164 : null;
}

const NOTHING = /^\b$/;

function e164Pattern(country: Country): RegExp {
  const metadata = new Metadata();
  metadata.selectNumberingPlan(country as CountryCode);
  const plan = metadata.numberingPlan as (Metadata['numberingPlan'] & NumberingPlan) | undefined;
  const national = plan?.type('MOBILE')?.pattern();
  if (plan === undefined || national === undefined) return NOTHING;
  // A national prefix written in between is dropped when a number is left without it.
  const prefix = plan.nationalPrefixForParsing();
  const guard = prefix ? `(?!(?:${prefix})(?:${plan.nationalNumberPattern()})$)` : '';
  return new RegExp(`^\\+${callingCodeOf(country)}${guard}(?:${national})$`);
}

/** What the library has besides its declared types. */
interface NumberingPlan {
  type(name: 'MOBILE'): { pattern(): string } | undefined;
  nationalNumberPattern(): string;
  nationalPrefixForParsing(): string | undefined;
}

/** A valid mobile number of any country; without plus the given country is tried first. */
function readNumber(plain: string, country: Country): PhoneNumber {
  const asWritten = parsePhoneNumberFromString(plain, country as CountryCode);
  if (asWritten?.isValid()) return asWritten;
  if (!plain.startsWith('+') && !plain.startsWith('0')) {
    const international = parsePhoneNumberFromString(`+${plain}`);
    if (international?.isValid()) return international;
  }
  throw fault('phone_invalid');
}

/** The wallet whose prefix matches the national number best. Throws `wallet_unknown`. */
export function walletOfNational(national: string, country: Country, asOf: string = today()): string {
  let walletId: string | undefined;
  let matched = 0;
  for (const wallet of walletsOfCountry(country, asOf)) {
    for (const prefix of wallet.nationalPrefixes) {
      if (prefix.length > matched && national.startsWith(prefix)) {
        walletId = wallet.id;
        matched = prefix.length;
      }
    }
  }
  if (walletId === undefined) throw fault('wallet_unknown');
  return walletId;
}

const CALLING_CODES: ReadonlyMap<Country, string> = new Map(COUNTRIES.map(({ country, callingCode }) => [country, callingCode]));

function callingCodeOf(country: Country): string {
  const callingCode = CALLING_CODES.get(country);
  if (callingCode === undefined) throw fault('wallet_unknown', { internal: `no country entry for ${country}` });
  return callingCode;
}

/** Calling code of an E.164 number of a country CAPP serves, or null. No calling code begins another. */
function callingCodeIn(e164: string): string | null {
  return COUNTRIES.find((entry) => e164.startsWith(`+${entry.callingCode}`))?.callingCode ?? null;
}

/** The national part of an E.164 number; in Côte d'Ivoire it keeps its zero. Throws `phone_invalid`. */
export function nationalNumber(e164: string): string {
  const callingCode = callingCodeIn(e164);
  if (callingCode === null) throw fault('phone_invalid');
  return e164.slice(1 + callingCode.length);
}

/** An E.164 number without its plus, as M-Pesa and MTN want it. Throws `phone_invalid` without one. */
export function msisdn(e164: string): string {
  if (!/^\+[1-9]\d{6,14}$/.test(e164)) throw fault('phone_invalid');
  return e164.slice(1);
}

/** For display: calling code and the last three digits, "+254••••••678". Of anything else nothing is shown. */
export function maskPhone(e164: string): string {
  const callingCode = callingCodeIn(e164);
  const hidden = e164.length - 1 - (callingCode?.length ?? 0) - 3;
  if (callingCode === null || hidden < 3) return '•••';
  return `+${callingCode}${'•'.repeat(hidden)}${e164.slice(-3)}`;
}
