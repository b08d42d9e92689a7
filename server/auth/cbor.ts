/**
 * Reads CBOR (RFC 8949) as authenticators write it (CTAP2 canonical form): whole numbers, byte and text strings, arrays, maps, simple values,
 * all of a length that is told beforehand. Anything else, and anything left over, is refused.
 */

export type Cbor = number | boolean | null | string | Uint8Array | readonly Cbor[] | ReadonlyMap<Cbor, Cbor>;

const DEPTH_MAX = 8;
const ITEMS_MAX = 1_000;

/** The value that the bytes begin with, and where it ends. Throws `RangeError` for what is no such value. */
export function readCbor(bytes: Uint8Array, at = 0, depth = 0): { readonly value: Cbor; readonly end: number } {
  if (depth > DEPTH_MAX) throw new RangeError('CBOR nests too deep');
  const first = bytes[at];
  if (first === undefined) throw new RangeError('CBOR ends too soon');
  const [kind, info] = [first >> 5, first & 31];
  if (kind === 7) return { value: simpleOf(info), end: at + 1 };
  const { count, next } = countOf(bytes, at + 1, info);
  if (kind === 0) return { value: count, end: next };
  if (kind === 1) return { value: -1 - count, end: next };
  if (kind === 2 || kind === 3) {
    if (next + count > bytes.length) throw new RangeError('CBOR ends too soon');
    const part = bytes.subarray(next, next + count);
    return { value: kind === 2 ? part : new TextDecoder('utf-8', { fatal: true }).decode(part), end: next + count };
  }
  if (kind !== 4 && kind !== 5) throw new RangeError('CBOR has a tag');
  if (count > ITEMS_MAX) throw new RangeError('CBOR has too many items');
  return kind === 4 ? readItems(bytes, next, count, depth) : readMap(bytes, next, count, depth);
}

/** The one value that the bytes are. Throws `RangeError` when anything follows. */
export function parseCbor(bytes: Uint8Array): Cbor {
  const { value, end } = readCbor(bytes);
  if (end !== bytes.length) throw new RangeError('CBOR goes on after its value');
  return value;
}

function readItems(bytes: Uint8Array, from: number, count: number, depth: number): { value: Cbor; end: number } {
  const items: Cbor[] = [];
  let end = from;
  while (items.length < count) {
    const item = readCbor(bytes, end, depth + 1);
    items.push(item.value);
    end = item.end;
  }
  return { value: items, end };
}

function readMap(bytes: Uint8Array, from: number, count: number, depth: number): { value: Cbor; end: number } {
  const { value, end } = readItems(bytes, from, count * 2, depth);
  const flat = value as readonly Cbor[];
  const map = new Map<Cbor, Cbor>();
  for (let index = 0; index < flat.length; index += 2) map.set(flat[index] ?? null, flat[index + 1] ?? null);
  if (map.size !== count) throw new RangeError('CBOR names a key twice');
  return { value: map, end };
}

function simpleOf(info: number): Cbor {
  if (info === 20 || info === 21) return info === 21;
  if (info === 22) return null;
  throw new RangeError('CBOR has a value that is not read here');
}

function countOf(bytes: Uint8Array, at: number, info: number): { count: number; next: number } {
  if (info < 24) return { count: info, next: at };
  const size = { 24: 1, 25: 2, 26: 4 }[info];
  if (size === undefined || at + size > bytes.length) throw new RangeError('CBOR has a length that is not read here');
  let count = 0;
  for (let index = 0; index < size; index += 1) count = count * 256 + (bytes[at + index] ?? 0);
  return { count, next: at + size };
}
