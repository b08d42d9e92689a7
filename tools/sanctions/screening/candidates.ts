/**
 * Which listed names may fit a query at all: the first and cheap half of a search.
 *
 * Nothing that could score the floor is left out: a name is passed over only when even a match in full of
 * every word that has a like one would not bring it there.
 */
import { createBounds } from './bounds.ts';
import type { IndexedName, Places, QueryLikenesses } from './indexed.ts';
import type { ScoreSettings } from './score.ts';
import type { Likeness } from './similarity.ts';
import { type ParsedName, SUBSTANTIAL_WEIGHT } from './words.ts';

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
  const squashes = filed(names, (name) => name.parsed.squashes);
  const acronyms = filed(names, (name) => (name.parsed.acronym === '' ? [] : [name.parsed.acronym]));
  return (asked) =>
    [
      ...asked.squashes.map((squash) => squashes.get(squash)),
      asked.parts.length === 1 ? acronyms.get(asked.parts[0]?.word.text ?? '') : squashes.get(asked.acronym),
    ].flatMap((list) => list ?? []);
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
  const bounds = createBounds(names, places, settings);
  return (asked: ParsedName, likenesses: QueryLikenesses, floor: number): number[] => {
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
    bounds.begin(asked, likenesses, slack);
    const kept: number[] = [];
    for (const list of places.wholes(asked)) {
      for (const at of list) if (bounds.see(at)) kept.push(at);
    }
    const visitAll = (list: Uint32Array): void => {
      for (let place = 0; place < list.length; place += 1) {
        const at = list[place] as number;
        if (bounds.see(at) && (!isBounded || bounds.mayReach(at))) kept.push(at);
      }
    };
    for (const { weight, lists } of heavy) {
      if (rest < needed) break;
      for (const list of lists) visitAll(list);
      rest -= weight;
    }
    if (heavy.length === 0) {
      for (let part = 0; part < asked.parts.length; part += 1) {
        for (const list of placesOf(places, asked, likenesses, part)) visitAll(list);
      }
    }
    return kept.sort((a, b) => a - b);
  };
}
