/**
 * What the score of a listed name can be at most, counting every word that has a like one on the other side as
 * matched in full.
 *
 * A query looks at hundreds of names, so that each is one run of whole numbers: there is no time to walk through objects.
 */
import type { IndexedName, Places, QueryLikenesses } from './indexed.ts';
import type { ScoreSettings } from './score.ts';
import { type ParsedName, SUBSTANTIAL_WEIGHT } from './words.ts';

export interface Bounds {
  /** Begins a query: no name has been seen in it. `slack` is what a score may lose. */
  begin(asked: ParsedName, likenesses: QueryLikenesses, slack: number): void;
  /** Says once a query of each name that it is there; false from the second time on. */
  see(at: number): boolean;
  /** Says whether the name at a place may score so much that no more than the slack is lost. */
  mayReach(at: number): boolean;
}

/** A run begins with the query that saw the name last, what all its words weigh, its initials and how many words follow: of each the word, the join with the next one, and its weight. */
const [SEEN, TOTAL, INITIALS, WORDS, HEAD] = [0, 1, 2, 3, 4];
const [WORD, JOIN, WEIGHT, STEP] = [0, 1, 2, 3];
/** Weights are kept in so many parts of one, what the name lacks rounded down and its total up: a bound may only be too high. */
const WEIGHT_ONE = 1 << 20;
/** Parts of a query that a whole number has a bit for each of. */
const BITS = 32;

/** Takes all listed names, gives what tells which of them may score enough. */
export function createBounds<Owner>(
  names: readonly IndexedName<Owner>[],
  places: Pick<Places, 'postings' | 'joinPostings'>,
  settings: ScoreSettings,
): Bounds {
  const { starts, runs } = runsOf(names);
  // For every listed word, and every two in a row, the parts of the query that are like it, as bits.
  const wordBits = new Int32Array(places.postings.length);
  const joinBits = new Int32Array(places.joinPostings.length);
  let marked: QueryLikenesses | null = null;
  let round = 0;
  let hasJoins = false;
  let askedWeights = new Float64Array();
  let [askedParts, askedInitials, askedSlack, slack] = [0, 0, 0, 0];
  /** Whether a name that shares but one word with the query cannot score enough. */
  let isOneTooFew = false;
  /** Whether the words that a name shares with the query, one of its parts or none, are too few for all that may be left over. */
  const isTooFew = (met: number, start: number): boolean => {
    if (met === 0) return true;
    // Where as many parts stand on both sides, initials may stand for all others.
    const mayBeComplete = runs[start + INITIALS] !== 0 && runs[start + WORDS] === askedParts;
    return isOneTooFew && !mayBeComplete;
  };
  return {
    begin: (asked, likenesses, slackMax) => {
      round += 1;
      if (marked !== null) clearLike(marked, wordBits, joinBits);
      markLike(likenesses, wordBits, joinBits);
      marked = likenesses;
      hasJoins = likenesses.listedJoined.some((ids) => ids.size > 0);
      askedWeights = Float64Array.from(asked.parts, (part) => (part.weight < SUBSTANTIAL_WEIGHT ? 0 : part.weight));
      askedInitials = asked.parts.filter((part) => part.role === 'initial').length * WEIGHT_ONE;
      askedSlack = slackMax * asked.weight;
      slack = slackMax;
      askedParts = asked.parts.length;
      isOneTooFew = askedParts <= BITS && slack < 1 - settings.lonelyMax && askedWeights.filter((weight) => weight > 0).length > 1;
    },
    see: (at) => {
      const start = starts[at] as number;
      const isNew = runs[start + SEEN] !== round;
      runs[start + SEEN] = round;
      return isNew;
    },
    mayReach: (at) => {
      const start = starts[at] as number;
      let met = 0;
      let listedLeft = 0;
      let [wasJoined, isJoined] = [false, false];
      const end = start + HEAD + (runs[start + WORDS] as number) * STEP;
      for (let place = start + HEAD; place < end; place += STEP) {
        const bits = wordBits[runs[place + WORD] as number] as number;
        const join = hasJoins ? (runs[place + JOIN] as number) : -1;
        const joined = join < 0 ? 0 : (joinBits[join] as number);
        met |= bits | joined;
        if (bits === 0 && joined === 0 && !wasJoined) listedLeft += runs[place + WEIGHT] as number;
        wasJoined = joined !== 0;
        isJoined ||= wasJoined;
      }
      if (!isJoined && (met & (met - 1)) === 0 && isTooFew(met, start)) return false;
      if (settings.missing * (listedLeft - askedInitials) > slack * (runs[start + TOTAL] as number)) return false;
      let askedLeft = -(runs[start + INITIALS] as number);
      for (let part = 0; part < askedWeights.length; part += 1) {
        if ((met & (1 << part)) === 0) askedLeft += askedWeights[part] as number;
      }
      return settings.extra * askedLeft <= askedSlack;
    },
  };
}

function runsOf<Owner>(names: readonly IndexedName<Owner>[]): { starts: Uint32Array; runs: Int32Array } {
  const starts = new Uint32Array(names.length + 1);
  names.forEach((name, at) => {
    starts[at + 1] = (starts[at] ?? 0) + HEAD + name.words.length * STEP;
  });
  const runs = new Int32Array(starts[names.length] ?? 0);
  names.forEach((name, at) => {
    const start = starts[at] ?? 0;
    runs[start + TOTAL] = Math.ceil(name.parsed.weight * WEIGHT_ONE);
    runs[start + INITIALS] = name.initials;
    runs[start + WORDS] = name.words.length;
    name.words.forEach((word, to) => {
      const place = start + HEAD + to * STEP;
      const weight = name.parsed.parts[to]?.weight ?? 0;
      runs[place + WORD] = word;
      // The last part of a name makes no word with a next one.
      runs[place + JOIN] = name.joins[to] ?? -1;
      runs[place + WEIGHT] = weight < SUBSTANTIAL_WEIGHT ? 0 : Math.floor(weight * WEIGHT_ONE);
    });
  });
  return { starts, runs };
}

function markLike({ single, joined, listedJoined }: QueryLikenesses, wordBits: Int32Array, joinBits: Int32Array): void {
  single.forEach((ids, at) => mark(wordBits, ids, 1 << at));
  joined.forEach((ids, at) => mark(wordBits, ids, 3 << at));
  listedJoined.forEach((ids, at) => mark(joinBits, ids, 1 << at));
}

function mark(into: Int32Array, ids: ReadonlyMap<number, unknown>, bits: number): void {
  for (const id of ids.keys()) into[id] = (into[id] as number) | bits;
}

function clearLike({ single, joined, listedJoined }: QueryLikenesses, wordBits: Int32Array, joinBits: Int32Array): void {
  for (const ids of single) clear(wordBits, ids);
  for (const ids of joined) clear(wordBits, ids);
  for (const ids of listedJoined) clear(joinBits, ids);
}

function clear(into: Int32Array, ids: ReadonlyMap<number, unknown>): void {
  for (const id of ids.keys()) into[id] = 0;
}
