/**
 * All listed names of one kind, searchable by any spelling of any of their words.
 *
 * `search` gives exactly what scoring every listed name would give, above its floor: names are found by
 * the keys that make two words comparable, and passed over only when an upper bound of their score is
 * below the floor. `searchAll` scores every name, to hold the two against each other.
 */
import { createCache, remembering } from '../../../domain/cache.ts';
import { createCandidates, initialPostingsOf, NOTHING, wholesOf } from './candidates.ts';
import { createComparison } from './comparison.ts';
import type { IndexedName, ListedName, QueryLikenesses } from './indexed.ts';
import { createKeyTable, type KeyTable } from './key-table.ts';
import { type NameScore, scoreAbove, type ScoreSettings, settingsOf } from './score.ts';
import { keysOf, type Likeness, likenessOf } from './similarity.ts';
import type { Kind } from './vocabulary.ts';
import { joinedWord, type NamePart, type ParsedName, parseName, type Word } from './words.ts';

export interface Found<Owner> extends NameScore {
  readonly name: ListedName<Owner>;
}

export interface NameIndex<Owner> {
  readonly size: number;
  /** Names that score `floor` or more, best first; among equals in the order in which they were given. */
  search(text: string, floor: number): Found<Owner>[];
  /** The same by scoring every name: slow, and right by its simplicity. */
  searchAll(text: string, floor: number): Found<Owner>[];
  /** All names of one owner, whatever they score; best first. */
  compare(text: string, owner: Owner): Found<Owner>[];
}

const LIKENESSES_KEPT_MAX = 20_000;
const PARTS_WEIGHED_MAX = 20_000;
/** Words that two others make are mostly met once: what one of them is like is remembered when it took so many comparisons. */
const JOIN_COMPARISONS_MIN = 32;

/** Words with their ids, and how many names hold each. */
interface Vocabulary {
  readonly words: Word[];
  readonly ids: Map<string, number>;
}

function idOf(vocabulary: Vocabulary, word: Word): number {
  const key = word.unvowelled ? `~${word.text}` : word.text;
  const present = vocabulary.ids.get(key);
  if (present !== undefined) return present;
  vocabulary.ids.set(key, vocabulary.words.length);
  vocabulary.words.push(word);
  return vocabulary.words.length - 1;
}

/** How many names hold a word, counted by what makes spellings one name. */
type Counts = Map<string, number>;

function countKey(word: Word): string {
  return word.variant === '' ? word.sound : `=${word.variant}`;
}

/** A word that a thousand listed names hold tells little; one that a few hold tells all. */
function weightByCount(count: number): number {
  return Math.min(1, Math.max(0.3, 1.1 - 0.085 * Math.log2(count + 1)));
}

/** Gives what weighs the parts of names by how many listed ones hold their words. */
function weighingBy(counts: Counts): (parsed: ParsedName) => ParsedName {
  const weigh = remembering(
    'word_weights',
    (part: NamePart): NamePart => {
      if (part.role !== 'name' && part.role !== 'generic') return part;
      return { ...part, weight: Math.min(part.weight, weightByCount(counts.get(countKey(part.word)) ?? 0)) };
    },
    PARTS_WEIGHED_MAX,
  );
  return (parsed) => {
    const parts = parsed.parts.map(weigh);
    return { ...parsed, parts, weight: parts.reduce((sum, part) => sum + part.weight, 0) };
  };
}

/** Builds the index of names of one kind. */
export function createNameIndex<Owner>(listed: readonly ListedName<Owner>[], kind: Kind): NameIndex<Owner> {
  const settings = settingsOf(kind);
  const parsedNames = listed.map((name) => parseName(name.text, kind));
  const counts: Counts = new Map();
  for (const { parts } of parsedNames) {
    for (const key of new Set(parts.map((part) => countKey(part.word)))) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const weigh = weighingBy(counts);
  const vocabulary: Vocabulary = { words: [], ids: new Map() };
  const joins: Vocabulary = { words: [], ids: new Map() };
  const names = listed.flatMap((name, at): IndexedName<Owner>[] => {
    const parsed = weigh(parsedNames[at] ?? parseName('', kind));
    if (parsed.parts.length === 0) return [];
    return [
      {
        name,
        parsed,
        words: parsed.parts.map((part) => idOf(vocabulary, part.word)),
        joins: parsed.parts.slice(1).map((part, before) => idOf(joins, joinedWord(parsed.parts[before]?.word ?? part.word, part.word))),
        initials: parsed.parts.filter((part) => part.role === 'initial').length,
      },
    ];
  });
  return createSearch({ names, vocabulary, joins, parse: (text) => weigh(parseName(text, kind)), settings });
}

interface Parts<Owner> {
  readonly names: readonly IndexedName<Owner>[];
  readonly vocabulary: Vocabulary;
  readonly joins: Vocabulary;
  /** A name as it is asked for. */
  readonly parse: (text: string) => ParsedName;
  readonly settings: ScoreSettings;
}

function createSearch<Owner>(parts: Parts<Owner>): NameIndex<Owner> {
  const { names, vocabulary, joins, parse, settings } = parts;
  const wordTable = createKeyTable(vocabulary.words.flatMap((word, id) => keysOf(word).map((key) => [key, id] as const)));
  const joinTable = createKeyTable(joins.words.flatMap((word, id) => keysOf(word, true).map((key) => [key, id] as const)));
  const postings = postingsOf(names, vocabulary.words.length, (name) => name.words);
  const joinPostings = postingsOf(names, joins.words.length, (name) => name.joins);
  const byScan = (words: readonly Word[], askedExact: boolean, listedExact: boolean) => (word: Word) =>
    scan(words, word, askedExact, listedExact);
  const indexed = {
    single: lookUpIn(wordTable, vocabulary.words, { exactOnly: false, comparisonsMin: 0 }),
    joined: lookUpIn(wordTable, vocabulary.words, { exactOnly: true, comparisonsMin: JOIN_COMPARISONS_MIN }),
    listedJoined: lookUpIn(joinTable, joins.words, { exactOnly: true, comparisonsMin: 0 }),
  };
  const scanned = {
    single: remembering('word_likenesses', byScan(vocabulary.words, false, false), LIKENESSES_KEPT_MAX),
    joined: remembering('word_likenesses', byScan(vocabulary.words, true, false), LIKENESSES_KEPT_MAX),
    listedJoined: remembering('word_likenesses', byScan(joins.words, true, true), LIKENESSES_KEPT_MAX),
  };
  const candidatesOf = createCandidates(
    names,
    { postings, joinPostings, initialPostings: initialPostingsOf(names), wholes: wholesOf(names) },
    settings,
  );
  const score = (asked: ParsedName, likenesses: QueryLikenesses, at: number, floor: number): Found<Owner>[] => {
    const name = names[at];
    if (name === undefined) return [];
    const scored = scoreAbove(asked, name.parsed, likenessesFor(likenesses, name), settings, floor);
    return scored === null ? [] : [{ ...scored, name: name.name }];
  };
  const byScore = (a: Found<Owner>, b: Found<Owner>): number => b.score - a.score;
  return {
    size: names.length,
    search: (text, floor) => {
      const asked = parse(text);
      const likenesses = likenessesOf(asked, indexed);
      const candidates = candidatesOf(asked, likenesses, floor);
      return candidates.flatMap((at) => score(asked, likenesses, at, floor)).sort(byScore);
    },
    searchAll: (text, floor) => {
      const asked = parse(text);
      const likenesses = likenessesOf(asked, scanned);
      return names.flatMap((_, at) => score(asked, likenesses, at, floor)).sort(byScore);
    },
    compare: (text, owner) => {
      const asked = parse(text);
      const likenesses = likenessesOf(asked, indexed);
      return names.flatMap(({ name }, at) => (name.owner === owner ? score(asked, likenesses, at, 0) : [])).sort(byScore);
    },
  };
}

type LookUp = (word: Word) => ReadonlyMap<number, Likeness>;

interface LookUpOptions {
  /** Leaves out the keys that forgive a letter. */
  readonly exactOnly: boolean;
  /** What a word is like is remembered when it took so many comparisons to find out. */
  readonly comparisonsMin: number;
}

/** Looks words up by their keys, and remembers what they are like. */
function lookUpIn(table: KeyTable, words: readonly Word[], { exactOnly, comparisonsMin }: LookUpOptions): LookUp {
  const comparison = createComparison(words);
  const kept = createCache<Word, ReadonlyMap<number, Likeness>>('word_likenesses', LIKENESSES_KEPT_MAX);
  const { ids, keys } = table;
  return (asked) => {
    const present = kept.get(asked);
    if (present !== undefined) return present;
    comparison.ask(asked);
    let compared = 0;
    let found: Map<number, Likeness> | null = null;
    for (const key of keysOf(asked, exactOnly)) {
      for (let at = table.start(key); keys[at] === key; at += 1) {
        const id = ids[at] as number;
        // Words that share several keys with the one asked for are compared once.
        if (!comparison.see(id)) continue;
        compared += 1;
        const likeness = comparison.with(id);
        if (likeness !== null) (found ??= new Map()).set(id, likeness);
      }
    }
    if (compared >= comparisonsMin) kept.set(asked, found ?? NOTHING);
    return found ?? NOTHING;
  };
}

function scan(words: readonly Word[], asked: Word, askedExact: boolean, listedExact: boolean): ReadonlyMap<number, Likeness> {
  const found = new Map<number, Likeness>();
  const keys = new Set(keysOf(asked, askedExact));
  words.forEach((word, id) => {
    if (!keysOf(word, listedExact).some((key) => keys.has(key))) return;
    const likeness = likenessOf(asked, word);
    if (likeness !== null) found.set(id, likeness);
  });
  return found;
}

function likenessesOf(asked: ParsedName, lookUps: { single: LookUp; joined: LookUp; listedJoined: LookUp }): QueryLikenesses {
  const words = asked.parts.map((part) => part.word);
  return {
    single: words.map(lookUps.single),
    joined: words.slice(1).map((word, before) => lookUps.joined(joinedWord(words[before] ?? word, word))),
    listedJoined: words.map(lookUps.listedJoined),
  };
}

function likenessesFor<Owner>(likenesses: QueryLikenesses, name: IndexedName<Owner>) {
  const of = (map: ReadonlyMap<number, Likeness> | undefined, id: number | undefined): Likeness | null =>
    (id === undefined ? undefined : (map ?? NOTHING).get(id)) ?? null;
  return {
    single: (asked: number, listed: number) => of(likenesses.single[asked], name.words[listed]),
    askedJoined: (asked: number, listed: number) => of(likenesses.joined[asked], name.words[listed]),
    listedJoined: (asked: number, listed: number) => of(likenesses.listedJoined[asked], name.joins[listed]),
  };
}

/** Which names hold each word. */
function postingsOf<Owner>(
  names: readonly IndexedName<Owner>[],
  size: number,
  idsOf: (name: IndexedName<Owner>) => readonly number[],
): Uint32Array[] {
  const lists: number[][] = Array.from({ length: size }, () => []);
  names.forEach((name, at) => {
    for (const id of new Set(idsOf(name))) lists[id]?.push(at);
  });
  return lists.map((list) => Uint32Array.from(list));
}
