/**
 * Searching bytes for values in every form in which they may have got there: as they are, without accents, as screening folds names, in
 * hexadecimal, base64 at any offset, percent-encoding, JSON escapes and UTF-16. What is too short to be looked for anywhere, the parts
 * of a name and numbers as they are dialled at home, is looked for as a word of its own. One pass over the bytes, whatever is sought.
 */
import { nationalNumber, parsePhone } from '../../domain/phone.ts';
import type { Country } from '../../domain/rail.ts';
import { normaliseName, plainWords } from '../../tools/sanctions/name.ts';

export interface Found {
  /** Index of the value; words come after the values. */
  readonly value: number;
  readonly encoding: string;
  readonly offset: number;
}

export interface Needles {
  /** Values that are looked for, and the forms of them. */
  readonly values: number;
  readonly forms: number;
  /** Everything that is found in some bytes, up to `max`. */
  search(bytes: Uint8Array, max?: number): Found[];
}

/** Shorter forms would be found in anything. */
const BYTES_MIN = 6;
/** Shorter parts of names are common words and syllables. */
export const WORD_MIN = 5;
const PREFIX = 4;
const FILTER_BITS = 24;

interface Form {
  readonly value: number;
  readonly encoding: string;
  readonly bytes: Buffer;
  /** Whether a byte next to it makes it a part of something else. */
  readonly isJoined: (neighbour: number | undefined) => boolean;
}

/** Base64 of a text that begins at any offset: the characters that do not depend on what stands before and behind it. */
function base64Forms(text: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), text])
      .toString('base64')
      .replace(/=+$/, '');
    const head = shift === 0 ? 0 : shift === 1 ? 2 : 3;
    const whole = Math.floor(((shift + text.length) * 8) / 6);
    return encoded.slice(head, whole);
  });
}

const asciiJson = (text: string): string =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Every form of a text, by name; equal ones once. */
export function formsOf(text: string): Map<string, string> {
  const utf8 = Buffer.from(text, 'utf8');
  const forms: [string, string | Buffer][] = [
    ['utf8', utf8],
    ['upper case', text.toUpperCase()],
    ['lower case', text.toLowerCase()],
    ...foldedForms(text),
    ['hex', utf8.toString('hex')],
    ['HEX', utf8.toString('hex').toUpperCase()],
    ['json', asciiJson(text)],
    ['percent', encodeURIComponent(text)],
    ['form', encodeURIComponent(text).replaceAll('%20', '+')],
    ['utf16', Buffer.from(text, 'utf16le')],
    ...base64Forms(utf8).map((form, shift): [string, string] => [`base64+${shift}`, form]),
    ...base64Forms(utf8).map((form, shift): [string, string] => [`base64url+${shift}`, form.replaceAll('+', '-').replaceAll('/', '_')]),
  ];
  const byBytes = new Map<string, string>();
  for (const [name, form] of forms) {
    const latin = (typeof form === 'string' ? Buffer.from(form, 'utf8') : form).toString('latin1');
    if (latin.length >= BYTES_MIN && !byBytes.has(latin)) byBytes.set(latin, name);
  }
  return new Map([...byBytes].map(([latin, name]) => [name, latin]));
}

/** The text without accents, and as screening folds names, in each case. */
function foldedForms(text: string): [string, string][] {
  // Numbers have none.
  if (!/\p{L}/u.test(text)) return [];
  const [plain, screened] = [plainWords(text).join(' '), normaliseName(text).tokens.join(' ')];
  return [
    ['without accents', plain],
    ['without accents, upper case', plain.toUpperCase()],
    ['without accents, lower case', plain.toLowerCase()],
    ['as screened', screened],
  ];
}

/** The forms of a word: plain ones, and hexadecimal where it is long enough not to be found in anything. */
function wordFormsOf(word: string): [string, string, boolean][] {
  const plain: [string, string][] = [
    ['a word', word],
    ['a word, upper case', word.toUpperCase()],
    ['a word, lower case', word.toLowerCase()],
    ...foldedForms(word),
  ];
  const byText = new Map<string, string>();
  for (const [name, text] of plain) if (text.length >= WORD_MIN && !byText.has(text)) byText.set(text, name);
  const words = [...byText].map(([text, name]): [string, string, boolean] => [name, Buffer.from(text).toString('latin1'), true]);
  const long = [...byText].filter(([text]) => text.length > WORD_MIN);
  return [...words, ...long.map(([text, name]): [string, string, boolean] => [`${name}, hex`, Buffer.from(text).toString('hex'), false])];
}

/** Whether a byte belongs to a word: a letter or digit of ASCII, or a part of any other character. */
const isOfWord = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte >= 0x80);

/** Whether a byte is a digit, decimal or hexadecimal: identifiers, digests and times hold any short row of digits by chance. */
const isOfDigits = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66));

const isOfNothing = (): boolean => false;

/** Makes a search for some values wherever they stand, and for some words that stand alone; digits stand in no longer row of digits. */
export function createNeedles(values: readonly string[], words: readonly string[] = []): Needles {
  const filter = new Uint8Array(1 << (FILTER_BITS - 3));
  const byPrefix = new Map<number, Form[]>();
  let forms = 0;
  const seek = (value: number, encoding: string, latin: string, isJoined: Form['isJoined']): void => {
    const bytes = Buffer.from(latin, 'latin1');
    const prefix = bytes.readUInt32BE(0);
    const slot = Math.imul(prefix, 0x9e3779b1) >>> (32 - FILTER_BITS);
    filter[slot >> 3] = (filter[slot >> 3] as number) | (1 << (slot & 7));
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), { value, encoding, bytes, isJoined }]);
    forms += 1;
  };
  for (const [value, text] of values.entries()) {
    const isNumber = /^\d+$/.test(text);
    for (const [encoding, latin] of formsOf(text)) seek(value, encoding, latin, isNumber && encoding === 'utf8' ? isOfDigits : isOfNothing);
  }
  for (const [index, word] of words.entries())
    for (const [encoding, latin, isWord] of wordFormsOf(word))
      seek(values.length + index, encoding, latin, isWord ? isOfWord : isOfNothing);

  function search(bytes: Uint8Array, max = 100): Found[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found: Found[] = [];
    let window = 0;
    for (let at = 0; at < buffer.length && found.length < max; at += 1) {
      window = ((window << 8) | (buffer[at] as number)) >>> 0;
      if (at < PREFIX - 1) continue;
      const slot = Math.imul(window, 0x9e3779b1) >>> (32 - FILTER_BITS);
      if (((filter[slot >> 3] as number) & (1 << (slot & 7))) === 0) continue;
      const offset = at - PREFIX + 1;
      for (const form of byPrefix.get(window) ?? []) {
        const end = offset + form.bytes.length;
        if (!buffer.subarray(offset, end).equals(form.bytes)) continue;
        if (form.isJoined(buffer[offset - 1]) || form.isJoined(buffer[end])) continue;
        found.push({ value: form.value, encoding: form.encoding, offset });
      }
    }
    return found;
  }

  return { values: values.length + words.length, forms, search };
}

/** How a person's number may be written wherever it stands: with its plus, without it, and as it is dialled at home. */
export function phoneForms(e164: string): string[] {
  return [e164, e164.slice(1), `0${nationalNumber(e164)}`];
}

/** What is sought of a person: what stands for them anywhere, and what does so only as a word of its own. */
export function soughtOf(person: {
  readonly name: string;
  readonly phone: string;
  readonly country: Country;
  /** What else was said of them by which they could be known. */
  readonly said?: readonly string[];
}): Sought {
  const e164 = readNumber(person.phone, person.country);
  const parts = [...person.name.split(/[\s,.-]+/), ...plainWords(person.name)].filter((part) => part.length >= WORD_MIN);
  const numbers = e164 === null ? [] : phoneForms(e164);
  return {
    values: [person.name, person.phone, ...numbers, ...(person.said ?? [])]
      .map((value) => value.trim())
      .filter((value) => value.length >= VALUE_MIN),
    words: [...parts, ...(e164 === null ? [] : [nationalNumber(e164)])],
  };
}

export interface Sought {
  readonly values: readonly string[];
  readonly words: readonly string[];
}

/** Shorter ones are no full names, and no numbers. */
const VALUE_MIN = 8;

function readNumber(phone: string, country: Country): string | null {
  try {
    return parsePhone(phone, country).e164;
  } catch {
    // Rows that are meant to be refused have numbers that are none.
    return null;
  }
}
