/**
 * Canonical JSON (RFC 8785) of plain data, for digests that anybody can make again. The same as the package
 * `canonicalize` writes, in half the time: every decision passes here.
 */
import { fault } from './errors.ts';
import type { Json } from './decision.ts';

/** Text that stands in JSON as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw fault('internal', { internal: 'a lone surrogate has no canonical form' });
  return JSON.stringify(text);
}

/** Keys in the order of their UTF-16 code units, which is the order in which JavaScript compares strings. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** The canonical text. Keys without a value are left out. Throws `internal` for a number or text that JSON cannot hold. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw fault('internal', { internal: `${value} has no canonical form` });
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let text = '';
  if (isList(value)) {
    for (const item of value) text += `${text === '' ? '[' : ','}${canonicalJson(item)}`;
    return text === '' ? '[]' : `${text}]`;
  }
  for (const [key, label] of membersOf(value)) {
    const item = value[key];
    if (item !== undefined) text += `${text === '' ? '{' : ','}${label}${canonicalJson(item)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** A key, and how it stands in the text. */
type Member = readonly [key: string, label: string];

/** Members by the keys of an object as they come: records are many and of few shapes, and sorting is most of the work. */
const SHAPES = new Map<string, readonly Member[]>();
const SHAPES_MAX = 1_000;

function membersOf(value: object): readonly Member[] {
  const keys = Object.keys(value);
  // Their number comes first and no remembered key has the separator in it, or two shapes could share a name.
  const shape = `${keys.length}\0${keys.join('\0')}`;
  const known = SHAPES.get(shape);
  if (known !== undefined) return known;
  const members = keys.toSorted(byCodeUnits).map((key): Member => [key, `${quote(key)}:`]);
  if (SHAPES.size < SHAPES_MAX && !keys.some((key) => key.includes('\0'))) SHAPES.set(shape, members);
  return members;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
