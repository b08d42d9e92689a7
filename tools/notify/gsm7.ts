/**
 * What fits into a text message. The GSM 7-bit alphabet and its extension are those of 3GPP TS 23.038,
 * section 6.2.1; the sizes of single and joined messages follow from the 140 bytes of TS 23.040. Pure.
 */

const BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
/** Each of these takes two places: an escape stands before it. */
const EXTENDED = '\f^{}\\[~]|€';

const PLACES: ReadonlyMap<string, number> = new Map([
  ...Array.from(BASIC, (character) => [character, 1] as const),
  ...Array.from(EXTENDED, (character) => [character, 2] as const),
]);

/** Places in the 7-bit alphabet that a text takes; null when a character is not of it. */
export function gsm7Length(text: string): number | null {
  let length = 0;
  for (const character of text) {
    const places = PLACES.get(character);
    if (places === undefined) return null;
    length += places;
  }
  return length;
}

/** Marks and signs that have a plain twin which Unicode does not know of. */
const TWINS: Readonly<Record<string, string>> = {
  '’': "'",
  '‘': "'",
  '`': "'",
  '´': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  œ: 'oe',
  Œ: 'OE',
  '\u00a0': ' ',
};

/**
 * The text in the 7-bit alphabet where that loses no more than marks ("Adjoavi Séna" stays, "Kouamé-Ç" too,
 * "François" becomes "Francois"); characters without a twin stay as they are.
 */
export function plainText(text: string): string {
  const plain = (character: string): string => {
    if (PLACES.has(character)) return character;
    const bare = TWINS[character] ?? character.normalize('NFD').replace(/\p{M}/gu, '');
    return gsm7Length(bare) === null ? character : bare;
  };
  return Array.from(text.normalize('NFC'), plain).join('');
}

export interface Segments {
  readonly encoding: 'gsm7' | 'ucs2';
  /** Messages the operator sends, and bills, for the text. */
  readonly count: number;
}

/** How a text travels: 160 places or 153 of each part, in UCS-2 70 or 67. A pair of places is never split between parts. */
export function segmentsOf(text: string): Segments {
  const isGsm7 = gsm7Length(text) !== null;
  const sizes = Array.from(text, (character) => (isGsm7 ? (PLACES.get(character) ?? 1) : character.length));
  const [single, joined] = isGsm7 ? [160, 153] : [70, 67];
  const encoding = isGsm7 ? 'gsm7' : 'ucs2';
  if (sizes.reduce((sum, size) => sum + size, 0) <= single) return { encoding, count: 1 };
  let count = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > joined) {
      count += 1;
      used = 0;
    }
    used += size;
  }
  return { encoding, count };
}
