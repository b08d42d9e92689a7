/**
 * What the score of a listed name can be at most, counting every word that has a like one on the other side as
 * matched in full.
 *
 * A query looks at thousands of names, so they lie side by side in plain arrays: there is no time to walk through objects.
 */
import type { IndexedName, Places, QueryLikenesses } from './candidates.ts';
import type { ScoreSettings } from './score.ts';
import { type ParsedName, SUBSTANTIAL_WEIGHT } from './words.ts';

/** Says whether the name at a place may score so much that no more than `slack` is lost. Holds until the next query begins. */
export type MayReach = (at: number, slack: number) => boolean;

/** Takes all listed names, gives what begins a query. */
export function createBounds<Owner>(
  names: readonly IndexedName<Owner>[],
  places: Pick<Places, 'postings' | 'joinPostings'>,
  settings: ScoreSettings,
): (asked: ParsedName, likenesses: QueryLikenesses) => MayReach {
  const flat = flatten(names);
  // For every listed word, and every two in a row, the parts of the query that are like it, as bits.
  const wordBits = new Int32Array(places.postings.length);
  const joinBits = new Int32Array(places.joinPostings.length);
  let marked: QueryLikenesses | null = null;
  return (asked, likenesses) => {
    if (marked !== null) eachLike(marked, wordBits, joinBits, () => 0);
    eachLike(likenesses, wordBits, joinBits, (present, bits) => present | bits);
    marked = likenesses;
    const askedWeights = Float64Array.from(asked.parts, (part) => part.weight);
    const askedInitials = asked.parts.filter((part) => part.role === 'initial').length;
    return (at, slack) => {
      let met = 0;
      let listedLeft = 0;
      let wasJoined = false;
      const end = flat.starts[at + 1] as number;
      for (let place = flat.starts[at] as number; place < end; place += 1) {
        const bits = wordBits[flat.words[place] as number] as number;
        const join = flat.joins[place] as number;
        const joined = join < 0 ? 0 : (joinBits[join] as number);
        met |= bits | joined;
        const weight = flat.weights[place] as number;
        if (bits === 0 && joined === 0 && !wasJoined && weight >= SUBSTANTIAL_WEIGHT) listedLeft += weight;
        wasJoined = joined !== 0;
      }
      if (settings.missing * (listedLeft - askedInitials) > slack * (flat.totals[at] as number)) return false;
      let askedLeft = -(flat.initials[at] as number);
      for (let part = 0; part < askedWeights.length; part += 1) {
        const weight = askedWeights[part] as number;
        if ((met & (1 << part)) === 0 && weight >= SUBSTANTIAL_WEIGHT) askedLeft += weight;
      }
      return settings.extra * askedLeft <= slack * asked.weight;
    };
  };
}

function flatten<Owner>(names: readonly IndexedName<Owner>[]) {
  const starts = new Uint32Array(names.length + 1);
  names.forEach((name, at) => {
    starts[at + 1] = (starts[at] ?? 0) + name.words.length;
  });
  const size = starts[names.length] ?? 0;
  const [words, joins, weights] = [new Uint32Array(size), new Int32Array(size), new Float64Array(size)];
  names.forEach((name, at) => {
    name.words.forEach((word, to) => {
      const place = (starts[at] ?? 0) + to;
      words[place] = word;
      // The last part of a name makes no word with a next one.
      joins[place] = name.joins[to] ?? -1;
      weights[place] = name.parsed.parts[to]?.weight ?? 0;
    });
  });
  const totals = Float64Array.from(names, (name) => name.parsed.weight);
  const initials = Uint8Array.from(names, (name) => name.initials);
  return { starts, words, joins, weights, totals, initials };
}

function eachLike(
  { single, joined, listedJoined }: QueryLikenesses,
  wordBits: Int32Array,
  joinBits: Int32Array,
  change: (present: number, bits: number) => number,
): void {
  const mark = (into: Int32Array, ids: ReadonlyMap<number, unknown>, bits: number): void => {
    for (const id of ids.keys()) into[id] = change(into[id] as number, bits);
  };
  single.forEach((ids, at) => mark(wordBits, ids, 1 << at));
  joined.forEach((ids, at) => mark(wordBits, ids, 3 << at));
  listedJoined.forEach((ids, at) => mark(joinBits, ids, 1 << at));
}
