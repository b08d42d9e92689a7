/** A table from 32-bit keys to word ids, in two sorted arrays: a tenth of the memory of a map. */
export interface KeyTable {
  /** Calls back with every word id filed under a key, in rising order. */
  each(key: number, visit: (id: number) => void): void;
}

const ID_SPAN = 2 ** 20;

/** Takes pairs of key (32 bits) and id (below 2^20), gives the table. */
export function createKeyTable(pairs: Iterable<readonly [key: number, id: number]>): KeyTable {
  const packed: number[] = [];
  for (const [key, id] of pairs) packed.push(key * ID_SPAN + id);
  const sorted = Float64Array.from(packed).sort();
  const keys = Uint32Array.from(sorted, (value) => Math.floor(value / ID_SPAN));
  const ids = Uint32Array.from(sorted, (value) => value % ID_SPAN);
  return {
    each: (key, visit) => {
      for (let at = lowerBound(keys, key); at < keys.length && keys[at] === key; at += 1) visit(ids[at] ?? 0);
    },
  };
}

function lowerBound(keys: Uint32Array, key: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? 0) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
