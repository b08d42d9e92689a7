/**
 * Sanctions lists in memory, and the look-up of names in them.
 *
 * Two names match when they have the same words: in the same order the match is `exact`, otherwise
 * (another order, a title more or less) it is `normalised`; both cost one map access. A name that is
 * `similar` is found by the screener, which knows spellings. A hit names the entry it found and on what
 * grounds, never the name that was asked for.
 */
import { remembering } from '../../domain/cache.ts';
import { type Asked, queryOf } from './asked.ts';
import type { EntryType, LoadedList, SanctionsEntry, Topic } from './entry.ts';
import { normaliseName } from './name.ts';
import { type ListRoll, rollOf } from './roll.ts';
import { type Adjustment, type Agreement, compareIdentifiers } from './screening/identifiers.ts';
import { createScreener, groundsOf, type PartyQuery, type Screener, type ScreeningMatch } from './screening/screener.ts';

/** `exact`: same words in the same order. `normalised`: the same after titles and order are set aside. `similar`: as the screener says. */
export type HitHow = 'exact' | 'normalised' | 'similar';

export interface Hit {
  readonly list: string;
  readonly entryId: string;
  readonly type: EntryType;
  readonly program: string;
  readonly how: HitHow;
  /** The matching name is one the list calls weak: no ground for an alert by itself. */
  readonly weak: boolean;
  /** 0 to 1. */
  readonly score: number;
  readonly topic: Topic;
  /** How the words of the two names met, without the words, and how what else is known compares; for a match of all words the latter alone. */
  readonly grounds: readonly string[];
  /** How what else is known of both compares; left out where nothing is. */
  readonly agreement?: Agreement;
}

export interface SanctionsDescription {
  readonly sample: boolean;
  readonly version: string;
  readonly lists: readonly {
    readonly name: string;
    readonly version: string;
    readonly entries: number;
    readonly file: string | null;
    readonly takenAtMs: number | null;
  }[];
  readonly entries: number;
  /** Different names and aliases that can be found. */
  readonly names: number;
  /** Files in the folder that are no list CAPP reads. */
  readonly ignoredFiles: readonly string[];
  /** One sentence for people. */
  readonly text: string;
}

export interface SanctionsList {
  /** The versions of all loaded lists: what a decision is bound to. */
  readonly version: string;
  /** The built-in sample is in use: it screens nobody real. */
  readonly sample: boolean;
  /**
   * Hits per party, in the order of the parties; best first. Similar ones whose names score `RECORD_SCORE`, or that do with everything
   * that is known: what else is known never makes a hit of all words, or one that would have been kept, disappear.
   */
  screen(parties: readonly Asked[]): Hit[][];
  /** Everything the screener says of a party, with what else is known of it. */
  screenParty(query: PartyQuery, floor?: number): ScreeningMatch[];
  /** The listed party behind a hit, for the people who decide; null when the list no longer has it. */
  find(list: string, entryId: string): SanctionsEntry | null;
  /** How a party meets one listed party, as a hit with it says; null when there is nothing to compare. */
  compare(party: Asked, entry: SanctionsEntry): ScreeningMatch | null;
  describe(): SanctionsDescription;
  /** What of each list can be shown to anybody: its entries as hashes, in order. */
  rolls(): readonly ListRoll[];
  /** The lists as they are at this moment. What takes their place later leaves it as it is: for whoever waits between one look and the next. */
  edition(): SanctionsList;
}

/** A match of words is a match in full; one after reordering leaves a little doubt. */
const SCORES: Readonly<Record<Exclude<HitHow, 'similar'>, number>> = { exact: 1, normalised: 0.95 };

interface IndexedName {
  readonly entry: SanctionsEntry;
  readonly sequence: string;
  readonly weak: boolean;
  /** One word does not identify a person, so a full match of it is never more than `normalised`. */
  readonly vague: boolean;
}

type NameIndex = ReadonlyMap<string, readonly IndexedName[]>;

/** The key under which all orders of a name's words, with and without titles, are found. */
function orderlessKey(core: readonly string[]): string {
  return core.length < 2 ? (core[0] ?? '') : core.toSorted().join(' ');
}

function indexNames(lists: readonly LoadedList[]): NameIndex {
  const index = new Map<string, IndexedName[]>();
  const put = (entry: SanctionsEntry, text: string, weak: boolean): void => {
    const { tokens, core } = normaliseName(text);
    const key = orderlessKey(core);
    if (key === '') return;
    const indexed = { entry, sequence: tokens.join(' '), weak, vague: entry.type === 'person' && core.length === 1 };
    const present = index.get(key);
    if (present === undefined) index.set(key, [indexed]);
    else if (!present.some((other) => other.entry === entry && other.sequence === indexed.sequence && other.weak === weak))
      present.push(indexed);
  };
  for (const entry of lists.flatMap((list) => list.entries)) {
    // A ship or an aircraft is no party to a payment, and many bear the names of people.
    if (entry.type === 'vessel' || entry.type === 'aircraft') continue;
    for (const text of entry.names) put(entry, text, false);
    for (const text of entry.weakNames) put(entry, text, true);
  }
  return index;
}

/** Names looked up lately, with their hits: the same people pay again and again. */
const REMEMBERED_MAX = 20_000;
/** Longer texts are no names, and are not kept. */
const REMEMBERED_LETTERS_MAX = 100;

/** Matches of all words, then similar names of other parties. */
function screenParty(index: NameIndex, screener: Screener, party: PartyQuery): Hit[] {
  const hits = sameWords(index, party);
  const found = new Set(hits.map((hit) => `${hit.list}/${hit.entryId}`));
  const similar = screener
    .record(party)
    .filter(({ entry }) => !found.has(`${entry.list}/${entry.entryId}`))
    .map((match): Hit => {
      const adjustment = { grounds: groundsOf(match), agreement: match.agreement };
      return hitOf(match.entry, 'similar', match.weak, Math.floor(match.score * 1_000) / 1_000, adjustment);
    });
  return similar.length === 0 ? hits : [...hits, ...similar].sort(byStrength);
}

function hitOf(
  entry: SanctionsEntry,
  how: HitHow,
  weak: boolean,
  score: number,
  { grounds, agreement }: Pick<Adjustment, 'grounds' | 'agreement'>,
): Hit {
  const { list, entryId, type, program, topic = 'sanction' } = entry;
  const compared = Object.keys(agreement).length === 0 ? {} : { agreement };
  return { list, entryId, type, program, how, weak, score, topic, grounds, ...compared };
}

function byStrength(a: Hit, b: Hit): number {
  return strengthOf(b) - strengthOf(a) || compareText(a.list, b.list) || compareText(a.entryId, b.entryId);
}

function sameWords(index: NameIndex, party: PartyQuery): Hit[] {
  const { tokens, core } = normaliseName(party.name);
  const candidates = index.get(orderlessKey(core));
  if (candidates === undefined) return [];
  const sequence = tokens.join(' ');
  const best = new Map<SanctionsEntry, Hit>();
  for (const { entry, sequence: listed, weak, vague } of candidates) {
    const how = listed === sequence && !vague ? 'exact' : 'normalised';
    const adjustment = compareIdentifiers(party, entry);
    const hit = hitOf(entry, how, weak, adjusted(SCORES[how], adjustment.change), adjustment);
    const present = best.get(entry);
    if (present === undefined || strengthOf(hit) > strengthOf(present)) best.set(entry, hit);
  }
  return [...best.values()].sort(byStrength);
}

/** To a thousandth, as scores are kept. */
function adjusted(score: number, change: number): number {
  return Math.round(Math.min(1, Math.max(0, score + change)) * 1_000) / 1_000;
}

function strengthOf(hit: Hit): number {
  return (hit.weak ? 0 : 2) + hit.score;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Takes loaded lists, gives the look-up over all of them. `sample` says that they are the built-in
 * sample; `ignoredFiles` are named in the description so that nobody believes them loaded.
 */
export function createSanctionsList(
  lists: readonly LoadedList[],
  options: { readonly sample?: boolean; readonly ignoredFiles?: readonly string[] } = {},
): SanctionsList {
  const index = indexNames(lists);
  const screener = createScreener(lists.flatMap((list) => list.entries));
  const look = (party: PartyQuery): Hit[] => screenParty(index, screener, party);
  const lookByName = (name: string): Hit[] => look(queryOf(name));
  const rememberByName = remembering('screening_results', lookByName, REMEMBERED_MAX);
  const screenName = (name: string): Hit[] => (name.length > REMEMBERED_LETTERS_MAX ? lookByName(name) : rememberByName(name));
  const entries = new Map(lists.flatMap((list) => list.entries).map((entry) => [`${entry.list}/${entry.entryId}`, entry]));
  const version = lists
    .map((list) => list.version)
    .sort(compareText)
    .join(' + ');
  const sample = options.sample ?? false;
  const description: SanctionsDescription = {
    sample,
    version,
    lists: lists.map((list) => ({
      name: list.name,
      version: list.version,
      entries: list.entries.length,
      file: list.file,
      takenAtMs: list.takenAtMs ?? null,
    })),
    entries: entries.size,
    names: [...index.values()].reduce((sum, names) => sum + names.length, 0),
    ignoredFiles: options.ignoredFiles ?? [],
    text: sample
      ? `The built-in sample of ${entries.size} invented entries is in use: it screens nobody real. Run capp lists update, or set CAPP_SANCTIONS_PATH.`
      : `${lists.length} ${lists.length === 1 ? 'list' : 'lists'} with ${entries.size} entries: ${version}.`,
  };
  let rolls: readonly ListRoll[] | null = null;
  const edition: SanctionsList = {
    version,
    sample,
    screen: (parties) => parties.map((party) => (typeof party === 'string' ? screenName(party) : look(party))),
    screenParty: (query, floor) => screener.screen(query, floor),
    find: (list, entryId) => entries.get(`${list}/${entryId}`) ?? null,
    compare: (party, entry) => screener.compare(queryOf(party), entry),
    describe: () => description,
    rolls: () => (rolls ??= lists.map(rollOf)),
    edition: () => edition,
  };
  return edition;
}
