/**
 * A payment intent: what a client asks for, checked and typed, before anything has been decided.
 *
 * `parseIntent` reads the external shape and names everything that is wrong with it at once. It never
 * throws for what it was given, and no error repeats a name, a number or any other value.
 */
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import { corridorBetween } from './corridor.ts';
import { CURRENCIES, type Currency, isCurrency, minorPerMajor } from './currency.ts';
import type { Json } from './decision.ts';
import { ERRORS, type ErrorCode, Fault, fault } from './errors.ts';
import { sha256 } from './ids.ts';
import { formatAmount, type Money, parseAmount } from './money.ts';
import { COUNTRIES, countryByCode, today } from './network.ts';
import {
  DETAIL_COLUMNS,
  detailCodeOf,
  detailsFromCells,
  type FieldCheck,
  PARTY_DETAIL_FIELDS,
  type PartyDetails,
  type PartyDetailsInput,
  readDetails,
} from './party.ts';
import { parsePhone } from './phone.ts';
import type { Country } from './rail.ts';

export const PREFERENCES = ['cheapest', 'fastest', 'most_reliable'] as const;
export type Preference = (typeof PREFERENCES)[number];

export const PURPOSES = ['family_support', 'education', 'medical', 'business', 'goods', 'salary', 'savings', 'gift', 'other'] as const;
export type Purpose = (typeof PURPOSES)[number];

export interface Party {
  readonly name: string;
  /** E.164, with plus. */
  readonly phone: string;
  readonly country: Country;
  readonly walletId: string;
  /** What else the client says of the party; left out when it says nothing. */
  readonly details?: PartyDetails;
}

export interface PaymentIntent {
  readonly referenceId: string;
  /** What the sender pays in all, fee included. */
  readonly amount: Money;
  readonly toCurrency: Currency;
  readonly sender: Party;
  readonly receiver: Party;
  readonly funding: 'wallet' | 'balance';
  readonly delivery: 'wallet' | 'balance';
  readonly preference: Preference;
  readonly purpose: Purpose;
  readonly quoteId: string | null;
}

/** One thing that is wrong with an intent. `field` is a dotted path of the external shape, '' for the whole. */
export interface IntentError {
  readonly code: ErrorCode;
  readonly field: string;
  readonly detail: string;
}

export type IntentVerdict =
  | { readonly ok: true; readonly line: number | null; readonly intent: PaymentIntent }
  | { readonly ok: false; readonly line: number | null; readonly errors: readonly IntentError[] };

export const NAME_LENGTH_MAX = 140;

/** More major units than this are a mistake in any currency, and far from what the ledger cannot hold. */
export const AMOUNT_MAJOR_MAX = 10n ** 12n;

const COUNTRY_CODES = COUNTRIES.map((entry) => entry.country);

const partySchema = z.strictObject({
  name: z.string().min(1).max(NAME_LENGTH_MAX).meta({ description: 'Full name, in any script.', example: 'Wanjiru Kamau' }),
  phone: z.string().min(1).max(32).meta({ description: 'Mobile number, local or international writing.', example: '0712 345678' }),
  country: z.enum(COUNTRY_CODES).meta({ description: 'ISO 3166-1 alpha-2.', example: 'KE' }),
  ...PARTY_DETAIL_FIELDS,
});

/** The external shape of an intent; `parseIntent` checks by it and then looks closer. */
export const intentInputSchema = z.strictObject({
  referenceId: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,64}$/, 'Invalid input: expected 1 to 64 of A-Z a-z 0-9 . _ : -')
    .meta({ description: "The client's own reference, unique per client.", example: 'inv-2026-000123' }),
  amount: z.string().min(1).max(32).meta({ description: 'What the sender pays in all, in major units.', example: '1250' }),
  fromCurrency: z.enum(CURRENCIES).meta({ description: "ISO 4217, the currency of the sender's country.", example: 'KES' }),
  toCurrency: z.enum(CURRENCIES).meta({ description: "ISO 4217, the currency of the receiver's country.", example: 'UGX' }),
  sender: partySchema,
  receiver: partySchema,
  preference: z.enum(PREFERENCES).optional().meta({ description: 'What counts most for the route; cheapest when absent.' }),
  purpose: z.enum(PURPOSES).optional().meta({ description: 'Why the money is sent; other when absent.' }),
  funding: z.enum(['wallet', 'balance']).optional().meta({ description: "Paid by the sender's wallet (default) or the client's balance." }),
  delivery: z.enum(['wallet', 'balance']).optional().meta({ description: "Paid to the receiver's wallet (default) or a balance here." }),
  quoteId: z.uuid().optional().meta({ description: 'The quote to travel at; a new one is made when absent.' }),
});

export type IntentInput = z.infer<typeof intentInputSchema>;

/**
 * Reads one intent in its external shape. `line` is handed through; `asOf` is the day (UTC) whose
 * wallets and corridors count. Unknown fields are refused. A refusal carries every error found.
 */
export function parseIntent(input: unknown, line: number | null = null, asOf: string = today()): IntentVerdict {
  const shape = intentInputSchema.safeParse(input);
  const errors = shape.success ? [] : shape.error.issues.flatMap((issue) => explainIssue(issue, input));
  const broken = new Set(errors.map((error) => error.field));
  const check: FieldCheck = (field, read) => {
    if (broken.has(field)) return undefined;
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      errors.push({ code: error.code, field: error.field ?? field, detail: error.detail });
      return undefined;
    }
  };
  // A broken field is never read: its check returns before it touches the text.
  const textAt = (field: string): string => valueAt(input, field) as string;
  if (broken.has('')) return { ok: false, line, errors };

  const fromCurrency = check('fromCurrency', () => currencyOf(textAt('fromCurrency'), countryAt(input, 'sender', broken), asOf));
  const toCurrency = check('toCurrency', () => currencyOf(textAt('toCurrency'), countryAt(input, 'receiver', broken), asOf));
  const typedCurrency = broken.has('fromCurrency') ? null : (textAt('fromCurrency') as Currency);
  const amount = check('amount', () => amountOf(textAt('amount'), typedCurrency));
  const sender = readParty('sender', input, broken, check, asOf);
  const receiver = readParty('receiver', input, broken, check, asOf);
  check('receiver.country', () => assertPair(sender, receiver, asOf));

  if (!shape.success || errors.length > 0 || !amount || !fromCurrency || !toCurrency || !isParty(sender) || !isParty(receiver)) {
    return { ok: false, line, errors };
  }
  const { referenceId, funding, delivery, preference, purpose, quoteId } = shape.data;
  const intent: PaymentIntent = {
    referenceId,
    amount,
    toCurrency,
    sender,
    receiver,
    funding: funding ?? 'wallet',
    delivery: delivery ?? 'wallet',
    preference: preference ?? 'cheapest',
    purpose: purpose ?? 'other',
    quoteId: quoteId ?? null,
  };
  return { ok: true, line, intent };
}

/** What could be read of a party; what could not is missing and has its error. */
type ReadParty = { readonly [Key in keyof Party]?: Party[Key] | undefined };

function isParty(party: ReadParty): party is Party {
  return party.name !== undefined && party.phone !== undefined && party.country !== undefined && party.walletId !== undefined;
}

function readParty(role: 'sender' | 'receiver', input: unknown, broken: ReadonlySet<string>, check: FieldCheck, asOf: string): ReadParty {
  if (broken.has(role)) return {};
  const name = check(`${role}.name`, () => nameOf(valueAt(input, `${role}.name`) as string));
  const country = countryAt(input, role, broken) ?? undefined;
  const number = country && check(`${role}.phone`, () => parsePhone(valueAt(input, `${role}.phone`) as string, country, asOf));
  const given = valueAt(input, role) as PartyDetailsInput;
  const details = readDetails(given, (field, read) => check(`${role}.${field}`, read), asOf);
  return { name, country, phone: number?.e164, walletId: number?.walletId, ...(details === null ? {} : { details }) };
}

/** Throws `same_party`, `corridor_unavailable`. What could not be read was refused before. */
function assertPair(sender: ReadParty, receiver: ReadParty, asOf: string): void {
  if (sender.phone !== undefined && sender.phone === receiver.phone) throw fault('same_party', { field: 'receiver.phone' });
  if (sender.country && receiver.country) corridorBetween(sender.country, receiver.country, asOf);
}

function countryAt(input: unknown, role: 'sender' | 'receiver', broken: ReadonlySet<string>): Country | null {
  return broken.has(role) || broken.has(`${role}.country`) ? null : (valueAt(input, `${role}.country`) as Country);
}

/** Throws `unknown_currency`, or `currency_mismatch` when the country has another one. */
function currencyOf(code: string, country: Country | null, asOf: string): Currency {
  if (!isCurrency(code)) throw fault('unknown_currency');
  if (country !== null && countryByCode(country, asOf).currency !== code) throw fault('currency_mismatch');
  return code;
}

/**
 * Throws `amount_malformed`, `amount_not_positive`, `amount_too_precise`, `amount_out_of_range`. Without a
 * currency the number of decimal places cannot be judged, so only the form is, and nothing comes back.
 */
function amountOf(text: string, currency: Currency | null): Money | undefined {
  const plain = text.trim();
  if (!/^-?\d+(\.\d+)?$/.test(plain)) throw fault('amount_malformed');
  if (plain.startsWith('-') || /^[0.]+$/.test(plain)) throw fault('amount_not_positive');
  if (/^0*[1-9]\d{16}/.test(plain)) throw fault('amount_out_of_range');
  if (currency === null) return undefined;
  const amount = parseAmount(plain, currency);
  if (amount.minor > AMOUNT_MAJOR_MAX * minorPerMajor(currency)) throw fault('amount_out_of_range');
  return amount;
}

/**
 * Letters with their marks, digits, punctuation, spaces and the two accents people use as apostrophes.
 * Leaves out control, invisible, direction-changing, symbol and unassigned characters.
 */
const NAME = /^[\p{L}\p{M}\p{N}\p{P}\p{Zs}`´]+$/u;

/** A name that is its own composed form. */
const PLAIN_NAME = /^[A-Za-z]{2,40}(?: [A-Za-z]{1,40}){0,5}$/;

/** A name in composed form with single spaces. Throws `name_missing`, `name_invalid`. */
export function nameOf(text: string): string {
  if (PLAIN_NAME.test(text)) return text;
  const name = text
    .normalize('NFC')
    .replace(/\p{Zs}+/gu, ' ')
    .trim();
  if (name === '') throw fault('name_missing');
  if (!NAME.test(name)) throw fault('name_invalid');
  if ((name.match(/\p{L}/gu) ?? []).length < 2) throw fault('name_invalid', { detail: 'A name has at least two letters.' });
  return name;
}

function valueAt(input: unknown, field: string): unknown {
  const dot = field.indexOf('.');
  if (dot !== -1) return valueAt(valueAt(input, field.slice(0, dot)), field.slice(dot + 1));
  return typeof input === 'object' && input !== null && Object.hasOwn(input, field) ? (input as Record<string, unknown>)[field] : undefined;
}

/** The catalogue's words for what the schema found. */
function explainIssue(issue: z.core.$ZodIssue, input: unknown): IntentError[] {
  const path = issue.path.map(String);
  const field = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .slice(0, 10)
      .map((key) => ({ code: 'validation_failed', field: unknownField(path, key), detail: 'There is no such field.' }));
  }
  const code = detailCodeOf(path.slice(1)) ?? codeFor(path.at(-1) ?? '', field === '' ? input : valueAt(input, field));
  return [{ code, field, detail: detailOf(code, issue) }];
}

function detailOf(code: ErrorCode, issue: z.core.$ZodIssue): string {
  if (code === 'validation_failed') return issue.message;
  // The commonest slip: an amount that looks right and is a JSON number.
  if (code === 'amount_malformed' && issue.code === 'invalid_type') return 'The amount must be a string, such as "1250.50".';
  return ERRORS[code].title;
}

/** A key is named only when it looks like one: what else stands in its place may be a person's data. */
function unknownField(path: readonly string[], key: string): string {
  return [...path, /^[a-z][A-Za-z_]{0,31}$/.test(key) ? key : '?'].join('.');
}

function codeFor(key: string, value: unknown): ErrorCode {
  const absent = value === undefined || value === null || value === '';
  switch (key) {
    case 'referenceId':
      return absent ? 'reference_missing' : 'validation_failed';
    case 'amount':
      return 'amount_malformed';
    case 'fromCurrency':
    case 'toCurrency':
      return 'unknown_currency';
    case 'name':
      return absent ? 'name_missing' : 'name_invalid';
    case 'phone':
      return 'phone_invalid';
    case 'country':
      return typeof value === 'string' && /^[A-Z]{2}$/.test(value) ? 'corridor_unavailable' : 'validation_failed';
    default:
      return 'validation_failed';
  }
}

/** The flat columns of a CSV of intents, in their order. Others are ignored. */
export const INTENT_COLUMNS = [
  'reference_id',
  'amount',
  'from_currency',
  'to_currency',
  'sender_name',
  'sender_phone',
  'sender_country',
  'receiver_name',
  'receiver_phone',
  'receiver_country',
  'preference',
  'purpose',
  'funding',
  'delivery',
  'quote_id',
] as const;

/** The columns that say more of the parties: `sender_date_of_birth`. Any of them may be left out. */
export const PARTY_COLUMNS: readonly string[] = (['sender', 'receiver'] as const).flatMap((role) =>
  DETAIL_COLUMNS.map(([column]) => `${role}_${column}`),
);

/** A CSV record as the external shape, for `parseIntent`: empty cells count as absent. */
export function intentFromRecord(record: Readonly<Record<string, string>>): Record<string, unknown> {
  const cell = (column: string): string | undefined => record[column]?.trim() || undefined;
  const party = (role: 'sender' | 'receiver') =>
    present({
      name: cell(`${role}_name`),
      phone: cell(`${role}_phone`),
      country: cell(`${role}_country`),
      ...detailsFromCells((column) => cell(`${role}_${column}`)),
    });
  return present({
    referenceId: cell('reference_id'),
    amount: cell('amount'),
    fromCurrency: cell('from_currency'),
    toCurrency: cell('to_currency'),
    sender: party('sender'),
    receiver: party('receiver'),
    preference: cell('preference'),
    purpose: cell('purpose'),
    funding: cell('funding'),
    delivery: cell('delivery'),
    quoteId: cell('quote_id'),
  });
}

function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** SHA-256 over the canonical JSON (RFC 8785) of an intent: two requests for the same thing share it. */
export function fingerprintOf(intent: PaymentIntent): Buffer {
  const amount = { value: formatAmount(intent.amount), currency: intent.amount.currency };
  return sha256(canonicalJson({ ...intent, amount } as unknown as Json));
}
