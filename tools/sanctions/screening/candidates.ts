/**
 * Which listed names may fit a query at all: the first and cheap half of a search.
 *
 * Nothing that could score the floor is left out: a name is passed over only when even a match in full of
 * every word that has a like one would not bring it there.
 */
import type { ScoreSettings } from './score.ts';
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

/** From here on a word tells something of its own. */
export const SUBSTANTIAL_WEIGHT = 0.25;

/** For each word of a query, and each two in a row, the listed words like it. */
export interface QueryLikenesses {
  readonly single: readonly ReadonlyMap<number, Likeness>[];
  readonly joined: readonly ReadonlyMap<number, Likeness>[];
  /** Listed words made of two, like a single word of the query. */
  readonly listedJoined: readonly ReadonlyMap<number, Likeness>[];
}

export const NOTHING: ReadonlyMap<number, Likeness> = new Map();

/** Numbers of names by the texts that each name is filed under. */
function filed<Owner>(
  names: readonly IndexedName<Owner>[],
  keysOf: (name: IndexedName<Owner>) => Iterable<string>,
): Map<string, Uint32Array> {
  const lists = new Map<string, number[]>();
  names.forEach((name, at) => {
    for (const key of new Set(keysOf(name))) {
      const list = lists.get(key);
      if (list === undefined) lists.set(key, [at]);
      else list.push(at);
    }
  });
  return new Map([...lists].map(([key, list]) => [key, Uint32Array.from(list)]));
}

export function initialPostingsOf<Owner>(names: readonly IndexedName<Owner>[]): ReadonlyMap<string, Uint32Array> {
  return filed(names, (name) => name.parsed.parts.filter((part) => part.role === 'initial').map((part) => part.word.text));
}

export function wholesOf<Owner>(names: readonly IndexedName<Owner>[]): Places['wholes'] {
  const squashes = filed(names, (name) => [name.parsed.squash]);
  const acronyms = filed(names, (name) => (name.parsed.acronym === '' ? [] : [name.parsed.acronym]));
  return (asked) =>
    [squashes.get(asked.squash), asked.parts.length === 1 ? acronyms.get(asked.squash) : squashes.get(asked.acronym)].flatMap(
      (list) => list ?? [],
    );
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

/** Ways in which one part of a query may be found in a listed name. */
function placesOf(places: Places, asked: ParsedName, likenesses: QueryLikenesses, at: number): Uint32Array[] {
  const found: Uint32Array[] = [];
  const addAll = (ids: ReadonlyMap<number, Likeness> | undefined, postings: readonly Uint32Array[]): void => {
    for (const id of (ids ?? NOTHING).keys()) {
      const list = postings[id];
      if (list !== undefined) found.push(list);
    }
  };
  addAll(likenesses.single[at], places.postings);
  addAll(likenesses.joined[at], places.postings);
  addAll(likenesses.joined[at - 1], places.postings);
  addAll(likenesses.listedJoined[at], places.joinPostings);
  const initial = places.initialPostings.get(asked.parts[at]?.word.text[0] ?? '');
  if (initial !== undefined) found.push(initial);
  return found;
}

/**
 * Gives, in rising order, the names whose score may reach the floor. A name that shares too little of the
 * query cannot, so it must hold one of the query's rarest words: only those are followed to their names.
 */
export function createCandidates<Owner>(names: readonly IndexedName<Owner>[], places: Places, settings: ScoreSettings) {
  const seen = new Uint32Array(names.length);
  let round = 0;
  return (asked: ParsedName, likenesses: QueryLikenesses, floor: number): number[] => {
    round += 1;
    const slack = (1 - floor) * 1.000_1;
    const heavy = asked.parts.flatMap((part, at) => {
      if (part.weight < SUBSTANTIAL_WEIGHT) return [];
      const lists = placesOf(places, asked, likenesses, at);
      return [{ weight: part.weight, lists, length: lists.reduce((sum, list) => sum + list.length, 0) }];
    });
    heavy.sort((a, b) => a.length - b.length);
    // What must be shared, so that what is left over does not cost more than there is to lose.
    let rest = heavy.reduce((sum, part) => sum + part.weight, 0);
    // Below a floor so low that a word left over would raise a score, there is no bound to prune by.
    const isBounded = slack < Math.min(settings.extra, settings.missing);
    const needed = isBounded ? rest - (slack * asked.weight) / settings.extra : 0;
    const meetings = meetingsOf(likenesses);
    const kept: number[] = [];
    const add = (at: number): void => {
      if (seen[at] === round) return;
      seen[at] = round;
      kept.push(at);
    };
    for (const list of places.wholes(asked)) for (const at of list) add(at);
    const visit = (at: number): void => {
      if (seen[at] === round) return;
      const name = names[at];
      if (name !== undefined && (!isBounded || mayReach(asked, name, meetings, settings, slack))) kept.push(at);
      seen[at] = round;
    };
    for (const { weight, lists } of heavy) {
      if (rest < needed) break;
      for (const list of lists) for (let at = 0; at < list.length; at += 1) visit(list[at] ?? 0);
      rest -= weight;
    }
    if (heavy.length === 0) {
      for (let part = 0; part < asked.parts.length; part += 1) {
        for (const list of placesOf(places, asked, likenesses, part)) for (const at of list) visit(at);
      }
    }
    return kept.sort((a, b) => a - b);
  };
}

/** For every listed word, and every two in a row, the parts of the query that are like it, as bits. */
interface Meetings {
  readonly words: ReadonlyMap<number, number>;
  readonly joins: ReadonlyMap<number, number>;
}

function meetingsOf(likenesses: QueryLikenesses): Meetings {
  const words = new Map<number, number>();
  const joins = new Map<number, number>();
  const mark = (into: Map<number, number>, ids: ReadonlyMap<number, Likeness>, bits: number): void => {
    for (const id of ids.keys()) into.set(id, (into.get(id) ?? 0) | bits);
  };
  likenesses.single.forEach((ids, at) => mark(words, ids, 1 << at));
  likenesses.joined.forEach((ids, at) => mark(words, ids, 3 << at));
  likenesses.listedJoined.forEach((ids, at) => mark(joins, ids, 1 << at));
  return { words, joins };
}

/** An upper bound: counts every word that has a like one on the other side as matched in full. */
function mayReach<Owner>(asked: ParsedName, name: IndexedName<Owner>, meetings: Meetings, settings: ScoreSettings, slack: number): boolean {
  const { words, joins, parsed } = name;
  let met = 0;
  let listedLeft = 0;
  let wasJoined = false;
  for (let to = 0; to < words.length; to += 1) {
    const bits = meetings.words.get(words[to] ?? -1) ?? 0;
    const joinedBits = meetings.joins.size === 0 ? 0 : (meetings.joins.get(joins[to] ?? -1) ?? 0);
    met |= bits | joinedBits;
    const weight = parsed.parts[to]?.weight ?? 0;
    if (bits === 0 && joinedBits === 0 && !wasJoined && weight >= SUBSTANTIAL_WEIGHT) listedLeft += weight;
    wasJoined = joinedBits !== 0;
  }
  let askedLeft = -name.initials;
  for (let at = 0; at < asked.parts.length; at += 1) {
    const part = asked.parts[at];
    if (part === undefined) continue;
    if (part.role === 'initial') listedLeft -= 1;
    if ((met & (1 << at)) === 0 && part.weight >= SUBSTANTIAL_WEIGHT) askedLeft += part.weight;
  }
  return settings.extra * askedLeft <= slack * asked.weight && settings.missing * listedLeft <= slack * parsed.weight;
}
