/** Listed names as they are looked for, and what a query finds alike among their words. */
import type { Likeness } from './similarity.ts';
import type { ParsedName } from './words.ts';

export interface ListedName<Owner> {
  readonly owner: Owner;
  readonly text: string;
  readonly weak: boolean;
}

export interface IndexedName<Owner> {
  readonly name: ListedName<Owner>;
  readonly parsed: ParsedName;
  readonly words: readonly number[];
  /** The word that each part and the next one make together. */
  readonly joins: readonly number[];
  readonly initials: number;
}

/** For each word of a query, and each two in a row, the listed words like it. */
export interface QueryLikenesses {
  readonly single: readonly ReadonlyMap<number, Likeness>[];
  readonly joined: readonly ReadonlyMap<number, Likeness>[];
  /** Listed words made of two, like a single word of the query. */
  readonly listedJoined: readonly ReadonlyMap<number, Likeness>[];
}

/** Where the words of the list lead. */
export interface Places {
  readonly postings: readonly Uint32Array[];
  readonly joinPostings: readonly Uint32Array[];
  /** Names that hold an initial, by its letter. */
  readonly initialPostings: ReadonlyMap<string, Uint32Array>;
  /** Names that a query may equal as a whole: by its letters without blanks, by its acronym, or as theirs. */
  wholes(asked: ParsedName): Uint32Array[];
}
