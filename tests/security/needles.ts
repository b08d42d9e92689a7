/**
 * Searching bytes for values in every form in which they may have got there: as they are, in hexadecimal, base64 at any offset,
 * percent-encoding, JSON escapes and UTF-16. One pass over the bytes, whatever the number of values.
 */

export interface Found {
  /** Index of the value. */
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
const PREFIX = 4;
const FILTER_BITS = 24;

interface Form {
  readonly value: number;
  readonly encoding: string;
  readonly bytes: Buffer;
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

/** Makes a search for some values. */
export function createNeedles(values: readonly string[]): Needles {
  const filter = new Uint8Array(1 << (FILTER_BITS - 3));
  const byPrefix = new Map<number, Form[]>();
  let forms = 0;
  for (const [value, text] of values.entries()) {
    for (const [encoding, latin] of formsOf(text)) {
      const bytes = Buffer.from(latin, 'latin1');
      const prefix = bytes.readUInt32BE(0);
      const slot = Math.imul(prefix, 0x9e3779b1) >>> (32 - FILTER_BITS);
      filter[slot >> 3] = (filter[slot >> 3] as number) | (1 << (slot & 7));
      byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), { value, encoding, bytes }]);
      forms += 1;
    }
  }

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
        if (buffer.subarray(offset, offset + form.bytes.length).equals(form.bytes))
          found.push({ value: form.value, encoding: form.encoding, offset });
      }
    }
    return found;
  }

  return { values: values.length, forms, search };
}

/** How a person's number may be written: with its plus, without it, and as it is dialled at home. */
export function phoneForms(e164: string, callingCode: string): string[] {
  const digits = e164.replace(/^\+/, '');
  const national = digits.startsWith(callingCode) ? digits.slice(callingCode.length) : digits;
  return [e164, digits, ...(national.length >= 8 ? [`0${national}`] : [])];
}
