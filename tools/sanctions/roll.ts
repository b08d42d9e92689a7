/**
 * What of a list goes onto the settlement chain: a Merkle root over the hashes of its entries in ascending order. An entry is its
 * list and its id there, so that whoever knows the id can ask whether it is on the list, and nobody reads a name.
 */
import { canonicalJson } from '../../domain/canonical.ts';
import { digestOf, sha256 } from '../../domain/ids.ts';
import { merkleProof, merkleRoot } from '../aptos/merkle.ts';
import type { LoadedList } from './entry.ts';

export interface ListRoll {
  readonly list: string;
  readonly version: string;
  /** Since when it is in force here; 0 for the sample. */
  readonly takenAtMs: number;
  /** SHA-256 of what the list was read from, hex. */
  readonly sourceHash: string;
  /** Hashes of its entries, each once, ascending. */
  readonly entries: readonly string[];
}

/** Where an entry stands on a roll, or between which two it would. Lowest hashes of the paths first. */
export type RollPlace =
  | { readonly isListed: true; readonly index: number; readonly path: readonly string[] }
  | { readonly isListed: false; readonly index: number; readonly before: Neighbour | null; readonly after: Neighbour | null };

export interface Neighbour {
  readonly entry: string;
  readonly path: readonly string[];
}

/** The hash that stands for an entry. */
export function entryHash(list: string, entryId: string): string {
  return digestOf(canonicalJson(['capp.list-entry.v1', list, entryId]));
}

/** The number under which the chain knows a list: 63 bits of a hash of its name. */
export function listNumber(list: string): bigint {
  return BigInt(`0x${digestOf(`capp.list.v1 ${list}`).slice(0, 16)}`) >> 1n;
}

export function rollOf({ name, version, takenAtMs, sourceHash, entries }: LoadedList): ListRoll {
  const hashes = new Set(entries.map(({ entryId }) => entryHash(name, entryId)));
  return {
    list: name,
    version,
    takenAtMs: takenAtMs ?? 0,
    sourceHash: sourceHash ?? digestOf(JSON.stringify(entries)),
    entries: [...hashes].sort(),
  };
}

/** SHA-256(0x00 ‖ entry), hex: the leaf of an entry. */
export function rollLeaf(entry: string): string {
  return sha256(Buffer.concat([Buffer.of(0), Buffer.from(entry, 'hex')])).toString('hex');
}

export function rollRoot({ entries }: ListRoll): string {
  return merkleRoot(entries.map(rollLeaf));
}

/** Looks an entry up. */
export function placeOn({ entries }: ListRoll, entry: string): RollPlace {
  const leaves = entries.map(rollLeaf);
  const pathOf = (index: number): readonly string[] => merkleProof(leaves, index).path;
  const found = entries.findIndex((each) => each >= entry);
  const index = found < 0 ? entries.length : found;
  if (entries[index] === entry) return { isListed: true, index, path: pathOf(index) };
  const neighbour = (at: number): Neighbour | null => {
    const present = entries[at];
    return present === undefined ? null : { entry: present, path: pathOf(at) };
  };
  return { isListed: false, index, before: neighbour(index - 1), after: neighbour(index) };
}
