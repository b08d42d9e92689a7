/**
 * Arrays for statements that write sets. The driver looks through every element of an array for something to
 * escape, which is most of what it costs; ids, numbers and codes have nothing of the kind.
 */

const PLAIN = /^[\w:.-]+$/;

/**
 * The array literal of ids, whole numbers and codes (letters, digits and `_ : . -`); null stands for no value.
 * Throws `RangeError` for an element that would have to be escaped.
 */
export function plainArray(values: readonly (string | bigint | number | null)[]): string {
  return `{${values.map(elementOf).join(',')}}`;
}

function elementOf(value: string | bigint | number | null): string {
  if (value === null) return 'null';
  if (typeof value !== 'string') return String(value);
  if (!PLAIN.test(value) || (value.length === 4 && value.toLowerCase() === 'null'))
    throw new RangeError('an element of the array has to be escaped');
  return value;
}

/** The array literal of any texts: those that need it are escaped; null stands for no value. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map(textOf).join(',')}}`;
}

function textOf(value: string | null): string {
  if (value === null) return 'null';
  return PLAIN.test(value) && value.length !== 4 ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** The array literal of moments. */
export function momentArray(values: readonly (Date | null)[]): string {
  return `{${values.map((value) => value?.toISOString() ?? 'null').join(',')}}`;
}

/** The array literal of bytes. */
export function bytesArray(values: readonly (Buffer | null)[]): string {
  return `{${values.map((value) => (value === null ? 'null' : `"\\\\x${value.toString('hex')}"`)).join(',')}}`;
}
