/** A table from 32-bit keys to word ids, in two sorted arrays: a tenth of the memory of a map. */
export interface KeyTable {
  /** Word ids, in rising order of their keys, and of themselves under one key. */
  readonly ids: Uint32Array;
  /** The key of each place in `ids`. */
  readonly keys: Uint32Array;
  /** The place where a key begins, or would: its ids follow for as long as `keys` says so. */
  start(key: number): number;
}

const ID_SPAN = 2 ** 20;
/** Keys of one beginning, of so many bits, lie between two places of a directory: few, for keys are hashes. */
const BEGINNING_BITS = 16;
const REST_BITS = 32 - BEGINNING_BITS;

/** Takes pairs of key (32 bits) and id (below 2^20), gives the table. */
export function createKeyTable(pairs: Iterable<readonly [key: number, id: number]>): KeyTable {
  const packed: number[] = [];
  for (const [key, id] of pairs) packed.push(key * ID_SPAN + id);
  const sorted = Float64Array.from(packed).sort();
  const keys = Uint32Array.from(sorted, (value) => Math.floor(value / ID_SPAN));
  const ids = Uint32Array.from(sorted, (value) => value % ID_SPAN);
  const directory = directoryOf(keys);
  const start = (key: number): number => {
    const beginning = key >>> REST_BITS;
    let at = directory[beginning] as number;
    const end = directory[beginning + 1] as number;
    while (at < end && (keys[at] as number) < key) at += 1;
    return at;
  };
  return { ids, keys, start };
}

/** For every beginning, how many keys are of a lower one. */
function directoryOf(keys: Uint32Array): Uint32Array {
  const directory = new Uint32Array((1 << BEGINNING_BITS) + 1);
  for (const key of keys) {
    const after = (key >>> REST_BITS) + 1;
    directory[after] = (directory[after] as number) + 1;
  }
  for (let at = 1; at < directory.length; at += 1) directory[at] = (directory[at] as number) + (directory[at - 1] as number);
  return directory;
}
