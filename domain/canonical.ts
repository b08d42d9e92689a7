/**
 * Canonical JSON (RFC 8785) of plain data, for digests that anybody can make again. The same as the package
 * `canonicalize` writes, in a quarter of the time: every decision passes here.
 *
 * Numbers and texts stand in canonical JSON as JavaScript writes them, so only the order of the keys is ours to make: data is put in
 * order and written by the engine in one go. Whatever the engine would write otherwise is written piece by piece.
 */
import { fault } from './errors.ts';
import type { Json } from './decision.ts';

/** The canonical text. Keys without a value are left out. Throws `internal` for a number or text that JSON cannot hold. */
export function canonicalJson(value: Json): string {
  const walk: Walk = { isPlain: true };
  const data = inOrder(value, walk);
  if (!walk.isPlain) return piecewise(value);
  const text = JSON.stringify(data);
  // What the engine writes for a lone surrogate, or a text that has those letters itself.
  return text.includes('\\ud') ? piecewise(value) : text;
}

/** The keys of an object in the order of canonical JSON, those without a value among them. */
export function keysInOrder(record: { readonly [key: string]: Json }): readonly string[] {
  return shapeOf(record).keys;
}

/** Whether the engine writes all that was met so far as it must be. */
interface Walk {
  isPlain: boolean;
}

/** The data with the keys of every object in their order; the very same where they are already. */
function inOrder(value: Json, walk: Walk): Json {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) {
    if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) walk.isPlain = false;
    return value;
  }
  return isList(value) ? listInOrder(value, walk) : recordInOrder(value, walk);
}

function listInOrder(list: readonly Json[], walk: Walk): readonly Json[] {
  let ordered: Json[] | null = null;
  for (let at = 0; at < list.length; at += 1) {
    const item = list[at] as Json;
    const own = inOrder(item, walk);
    if (own === item) continue;
    ordered ??= [...list];
    ordered[at] = own;
  }
  return ordered ?? list;
}

function recordInOrder(record: { readonly [key: string]: Json }, walk: Walk): Json {
  const { keys, isPlain, isSorted } = shapeOf(record);
  if (!isPlain) walk.isPlain = false;
  let ordered: Record<string, Json> | null = isSorted ? null : {};
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at] as string;
    const item = record[key];
    if (item === undefined) continue;
    const own = inOrder(item, walk);
    if (ordered !== null) ordered[key] = own;
    else if (own !== item) {
      ordered = {};
      for (let before = 0; before < at; before += 1) ordered[keys[before] as string] = record[keys[before] as string] as Json;
      ordered[key] = own;
    }
  }
  return ordered ?? record;
}

/** The keys that an object has, as they come, and in their order. */
interface Shape {
  readonly given: readonly string[];
  readonly keys: readonly string[];
  readonly isSorted: boolean;
  /** Not so where the engine has an order of its own, as of whole numbers, or another meaning of a key. */
  readonly isPlain: boolean;
}

/** Shapes by their first key: records are many and of few shapes, and sorting is most of the work. */
const SHAPES = new Map<string, Shape[]>();
let shapesLeft = 1_000;
/** Of one first key: more would be searched longer than sorting takes. */
const SHAPES_OF_KEY_MAX = 8;

function shapeOf(record: object): Shape {
  const given = Object.keys(record);
  const alike = SHAPES.get(given[0] ?? '');
  if (alike !== undefined) for (const shape of alike) if (isSame(shape.given, given)) return shape;
  const keys = given.toSorted(byCodeUnits);
  const shape = { given, keys, isSorted: isSame(given, keys), isPlain: !keys.some((key) => /^\d|^__proto__$/.test(key)) };
  if (shapesLeft > 0 && (alike?.length ?? 0) < SHAPES_OF_KEY_MAX) {
    shapesLeft -= 1;
    if (alike === undefined) SHAPES.set(given[0] ?? '', [shape]);
    else alike.push(shape);
  }
  return shape;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false;
  return true;
}

/** Keys in the order of their UTF-16 code units, which is the order in which JavaScript compares strings. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** The same, written piece by piece. */
function piecewise(value: Json): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw fault('internal', { internal: `${value} has no canonical form` });
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(piecewise).join(',')}]`;
  const members = Object.keys(value)
    .toSorted(byCodeUnits)
    .flatMap((key) => (value[key] === undefined ? [] : [`${quote(key)}:${piecewise(value[key])}`]));
  return `{${members.join(',')}}`;
}

function quote(text: string): string {
  if (!text.isWellFormed()) throw fault('internal', { internal: 'a lone surrogate has no canonical form' });
  return JSON.stringify(text);
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
