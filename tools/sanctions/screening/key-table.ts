/** A table from 32-bit keys to word ids, in two sorted arrays: a tenth of the memory of a map. */
export interface KeyTable {
  /** Word ids, in rising order of their keys, and of themselves under one key. */
  readonly ids: Uint32Array;
  /** The place in `ids` where a key begins. */
  start(key: number): number;
  /** The place behind the last id of a key. */
  end(key: number): number;
}

const ID_SPAN = 2 ** 20;

/** Takes pairs of key (32 bits) and id (below 2^20), gives the table. */
export function createKeyTable(pairs: Iterable<readonly [key: number, id: number]>): KeyTable {
  const packed: number[] = [];
  for (const [key, id] of pairs) packed.push(key * ID_SPAN + id);
  const sorted = Float64Array.from(packed).sort();
  const keys = Uint32Array.from(sorted, (value) => Math.floor(value / ID_SPAN));
  const ids = Uint32Array.from(sorted, (value) => value % ID_SPAN);
  return { ids, start: (key) => lowerBound(keys, key), end: (key) => lowerBound(keys, key + 1) };
}

function lowerBound(keys: Uint32Array, key: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
