/**
 * Screening of parties against listed ones: by name with all its spellings, then by what else is known.
 *
 * A match says which words met on what ground, so that an officer can judge it without the program.
 * Scores: from `ALERT_SCORE` on people must look; from `RECORD_SCORE` on a match is worth keeping.
 */
import type { SanctionsEntry } from '../entry.ts';
import { plainWords, shownName } from '../name.ts';
import { askedReadings, listedReadings } from './compare.ts';
import { type Agreement, compareIdentifiers, type Identifiers, plainIds, RAISE_MAX } from './identifiers.ts';
import { createNameIndex, type Found, type NameIndex } from './name-index.ts';
import type { Step } from './score.ts';
import { type Kind, looksLikeOrganisation } from './vocabulary.ts';

/**
 * By what names and what else is known are scored. It is raised with every change of a score, which a test notices: whoever is known
 * is screened again by it.
 */
export const SCREENER_VERSION = 'screener-2026.11.3';

export const ALERT_SCORE = 0.87;
export const RECORD_SCORE = 0.82;
/** From here on two names that stand alone are taken for one party. */
export const SAME_PARTY_SCORE = 0.84;

export interface PartyQuery extends Identifiers {
  readonly name: string;
  /** Null when it is not known which of the two it is: both are looked at. */
  readonly kind: Kind | null;
}

export interface ScreeningMatch {
  readonly entry: SanctionsEntry;
  /** The listed name that fits best. */
  readonly listedName: string;
  readonly weak: boolean;
  /** 0 to 1, with everything that is known. */
  readonly score: number;
  readonly nameScore: number;
  readonly steps: readonly Step[];
  readonly grounds: readonly string[];
  readonly agreement: Agreement;
}

export interface Screener {
  /** Names that can be found. */
  readonly size: number;
  /** Matches that score `floor` or more, best first; each listed party once. */
  screen(query: PartyQuery, floor?: number): ScreeningMatch[];
  /** What is worth keeping with a decision: also matches whose names alone score `RECORD_SCORE`, when what else is known lowers them. */
  record(query: PartyQuery): ScreeningMatch[];
  /** The same as `screen` by scoring every listed name: for tests and benchmarks. */
  screenAll(query: PartyQuery, floor?: number): ScreeningMatch[];
  /** The match with one listed party, as `screen` finds it where its floor is low enough; null where nothing can be compared. */
  compare(query: PartyQuery, entry: SanctionsEntry): ScreeningMatch | null;
}

/** A weak alias is one that the list itself calls unsure. */
const WEAK_SHARE = 0.95;
/** A number may be mistyped, or given by another country to somebody else: people look, nothing is settled. */
const DOCUMENT_SCORE = 0.9;
const MATCHES_MAX = 50;

type Listed = { readonly owner: SanctionsEntry; readonly text: string; readonly weak: boolean };

function listedNames(entries: readonly SanctionsEntry[], kind: Kind): Listed[] {
  return entries.flatMap((entry) =>
    [
      ...entry.names.map((text) => ({ owner: entry, text, weak: false })),
      ...entry.weakNames.map((text) => ({ owner: entry, text, weak: true })),
    ].flatMap((name) => listedReadings(name.text, kind).map((text) => ({ ...name, text }))),
  );
}

/** Builds the search over listed parties. Ships and aircraft are left out: they are no parties to a payment. */
export function createScreener(entries: readonly SanctionsEntry[]): Screener {
  const of = (type: SanctionsEntry['type']): SanctionsEntry[] => entries.filter((entry) => entry.type === type);
  const persons = createNameIndex(listedNames(of('person'), 'person'), 'person');
  const organisations = createNameIndex(listedNames(of('entity'), 'organisation'), 'organisation');
  const documents = new Map<string, SanctionsEntry[]>();
  for (const entry of [...of('person'), ...of('entity')]) {
    for (const id of plainIds(entry)) documents.set(id, [...(documents.get(id) ?? []), entry]);
  }
  const kindOf = (entry: SanctionsEntry): Kind => (entry.type === 'person' ? 'person' : 'organisation');
  const indexOf = (kind: Kind): NameIndex<SanctionsEntry> => (kind === 'person' ? persons : organisations);
  const compare = (query: PartyQuery, entry: SanctionsEntry): ScreeningMatch | null => {
    const index = indexOf(kindOf(entry));
    const found = readingsOf(query.name, kindOf(entry)).flatMap((text) => index.compare(text, entry));
    return bestPerParty(found.map((each) => matchOf(query, each)))[0] ?? null;
  };
  /** Whoever carries the document of a listed party is found by it, whatever the names say; they may say more. */
  const byDocument = (query: PartyQuery): ScreeningMatch[] =>
    plainIds(query)
      .flatMap((id) => documents.get(id) ?? [])
      .map((entry) => {
        const match = query.kind === null || query.kind === kindOf(entry) ? compare(query, entry) : null;
        return match !== null && match.score > DOCUMENT_SCORE ? match : documentMatch(query, entry);
      });
  type Search = (index: NameIndex<SanctionsEntry>, text: string, floor: number) => Found<SanctionsEntry>[];
  const screenBy =
    (search: Search, rank: (match: ScreeningMatch) => number = (match) => match.score) =>
    (query: PartyQuery, floor: number): ScreeningMatch[] => {
      const kinds = query.kind === null ? (['person', 'organisation'] as const) : [query.kind];
      const found = kinds.flatMap((kind) => readingsOf(query.name, kind).flatMap((text) => search(indexOf(kind), text, floor - RAISE_MAX)));
      const byName = found.map((each) => matchOf(query, each));
      return bestPerParty([...byName, ...byDocument(query)].filter((match) => rank(match) >= floor));
    };
  const search: Search = (index, text, floor) => index.search(text, floor);
  const indexed = screenBy(search);
  const recorded = screenBy(search, (match) => Math.max(match.score, match.nameScore));
  const scanned = screenBy((index, text, floor) => index.searchAll(text, floor));
  return {
    size: persons.size + organisations.size,
    screen: (query, floor = ALERT_SCORE) => indexed(query, floor),
    record: (query) => recorded(query, RECORD_SCORE),
    screenAll: (query, floor = ALERT_SCORE) => scanned(query, floor),
    compare,
  };
}

/** All ways to read a name: as it is written, and as it is shown where it turns letters round. */
function readingsOf(name: string, kind: Kind): string[] {
  const shown = shownName(name);
  return [...new Set([name, ...(shown === null ? [] : [shown])].flatMap((each) => askedReadings(each, kind)))];
}

function matchOf(query: PartyQuery, { name, score, steps }: Found<SanctionsEntry>): ScreeningMatch {
  const { change, grounds, agreement } = compareIdentifiers(query, name.owner);
  const nameScore = name.weak ? score * WEAK_SHARE : score;
  return {
    entry: name.owner,
    listedName: name.text,
    weak: name.weak,
    score: Math.min(1, Math.max(0, nameScore + change)),
    nameScore,
    steps,
    grounds,
    agreement,
  };
}

/** Somebody by another name who carries the document of a listed party. */
function documentMatch(query: PartyQuery, entry: SanctionsEntry): ScreeningMatch {
  const { grounds, agreement } = compareIdentifiers(query, entry);
  return { entry, listedName: entry.names[0] ?? '', weak: false, score: DOCUMENT_SCORE, nameScore: 0, steps: [], grounds, agreement };
}

function bestPerParty(matches: readonly ScreeningMatch[]): ScreeningMatch[] {
  const best = new Map<SanctionsEntry, ScreeningMatch>();
  for (const match of matches) {
    const present = best.get(match.entry);
    if (present === undefined || match.score > present.score) best.set(match.entry, match);
  }
  return [...best.values()]
    .sort((a, b) => b.score - a.score || compareText(a.entry.list, b.entry.list) || compareText(a.entry.entryId, b.entry.entryId))
    .slice(0, MATCHES_MAX);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whom a name speaks of, where nobody says: an organisation when one of its words is of that kind. */
export function kindOfName(name: string): Kind {
  return looksLikeOrganisation(plainWords(name).map((word) => word.toLowerCase())) ? 'organisation' : 'person';
}

const GROUND_WORDS: Readonly<Record<Step['ground'], string>> = {
  equal: 'the same word',
  variant: 'a spelling of the same name',
  sound: 'sounds the same',
  near: 'nearly the same word',
  script: 'the same but for vowels',
  initial: 'an initial of it',
  joined: 'the same letters, written apart',
  acronym: 'its acronym',
  missing: 'only on the list',
  extra: 'only in the name asked for',
  conflict: 'a different word',
};

/** A match in sentences, word by word. It names words of both names, so it is for officers, not for logs. */
export function explainMatch(match: Pick<ScreeningMatch, 'listedName' | 'weak' | 'steps' | 'grounds'>): string {
  const words = match.steps.map(({ asked, listed, ground, similarity }) => {
    const met = asked === '' ? listed : listed === '' ? asked : `${asked} = ${listed}`;
    const degree = ground === 'near' || ground === 'script' ? ` (${similarity.toFixed(2)})` : '';
    return `${met}: ${GROUND_WORDS[ground]}${degree}`;
  });
  return [`"${match.listedName}"${match.weak ? ' (a weak alias)' : ''}`, ...words, ...match.grounds].join('; ');
}

/** The same without any word of a name: what may be kept with a decision. */
export function groundsOf(match: ScreeningMatch): string[] {
  return [...match.steps.map((step) => (step.ground === 'near' ? `near ${step.similarity.toFixed(2)}` : step.ground)), ...match.grounds];
}
