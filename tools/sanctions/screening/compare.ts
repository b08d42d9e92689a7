/** Two names held against each other without a list, and the ways in which one name is written. */
import { type NameScore, scoreNames, settingsOf } from './score.ts';
import { keysOf, type Likeness, likenessOf } from './similarity.ts';
import type { Kind } from './vocabulary.ts';
import { isBeyondCompare, joinedWord, OTHER_NAME_OPENS, type ParsedName, parseName, TEXT_MAX, type Word } from './words.ts';

/** Scores two names without a list, as `kind` reads them; of several ways to write them, the best counts. */
export function compareNames(first: string, second: string, kind: Kind): NameScore {
  const others = askedReadings(second, kind);
  const scores = askedReadings(first, kind).flatMap((asked) => others.map((listed) => comparePlain(asked, listed, kind)));
  return scores.reduce((best, each) => (each.score > best.score ? each : best));
}

const STROKE_LETTERS_MIN = 5;
const ALTERNATIVES_MAX = 64;

/** Takes a name, gives other ways to read it; none for most. */
type Reading = (text: string) => readonly string[];

const NO_OTHER: readonly string[] = [];

/** What a pattern makes of a name where it fits. */
function replacing(pattern: RegExp, replacement: string): Reading {
  return (text) => {
    const other = text.replace(pattern, replacement);
    return other === text ? NO_OTHER : [other];
  };
}

/** "Servant of the Merciful", which is written as one word, two or three: Abdourahmane, Abdul Rahman, Abd al-Rahman. */
const SERVANT = /(?<!\p{L})(?:abd|abdul|abdel|abdal|abdoul|abdur)[\s'’-]+(?:(?:al|el|ul|ur|ar|as|ash|ad|at|an)[\s'’-]+)?(?=\p{L}{3})/giu;

/** Two initials written as one before a name that is not all in capitals, "JC Mensah"; or a title, or a surname: "NG Mei Lin". */
const INITIALS = /(?<![\p{L}\p{M}\p{N}'’.-])([BCDFGHJKLMNPQRSTVWXZ])([BCDFGHJKLMNPQRSTVWXZ])(?=[^\p{L}\p{M}\p{N}'’]+\p{L})/gu;

/** Letters of an abbreviation with "and" between them: "H & M" is "H and M". */
const JOINED_LETTERS = /(?<![\p{L}\p{M}\p{N}])(\p{L})[^\p{L}\p{M}\p{N}]+(?:and|et|und)[^\p{L}\p{M}\p{N}]+(?=\p{L}(?![\p{L}\p{M}\p{N}]))/giu;

/** A branch named behind the name of the house: "Sahel Bank (Mopti Branch)", "Sahel Bank - Succursale de Mopti". */
const BRANCH_WORD = '(?<!\\p{L})(?:branch|succursale|sucursal|agence|agencia)(?!\\p{L})';
const BRANCH = new RegExp(`(?:\\([^()]{0,60}${BRANCH_WORD}[^()]{0,60}\\)|(?:,|\\s[-–—])[^,()]{0,60}${BRANCH_WORD}[^,()]{0,60})\\s*$`, 'iu');

const BRANCH_NAME_WORDS_MIN = 2;

/**
 * A branch is no other party than its house, as long as something is left that names the house. What stands where a
 * branch is named may be the house itself: "Remittance (Sahel Bank Branch)"; a place alone is none.
 */
function houseOfBranch(text: string): readonly string[] {
  const branch = BRANCH.exec(text)?.[0];
  if (branch === undefined) return NO_OTHER;
  const house = text.replace(BRANCH, ' ');
  const roles = (name: string) => parseName(name, 'organisation').parts.map((part) => part.role);
  const isHouse = roles(house).includes('name');
  const isName = roles(branch).filter((role) => role === 'name' || role === 'generic').length >= BRANCH_NAME_WORDS_MIN;
  return [...(isHouse ? [house] : []), ...(isName ? [branch] : [])];
}

/** An other name in brackets is a name as well, and the brackets may be there to hide it. */
function outOfBrackets(text: string): readonly string[] {
  if (!text.includes('(')) return NO_OTHER;
  const [before = '', ...others] = text.split(OTHER_NAME_OPENS);
  if (others.length === 0) return NO_OTHER;
  // All of them are opened at once: one within the other hides nothing either.
  return [[before, ...others].join(' '), ...others.map((other) => other.replace(/\).*$/su, ''))];
}

const apartInitials = replacing(INITIALS, '$1 $2');
const PERSON_READINGS: readonly Reading[] = [
  replacing(SERVANT, 'Abdul'),
  // Most names have no two capitals beside each other, which is told in a fourth of the time.
  (text) => (/[A-Z]{2}/.test(text) && /[a-z]/.test(text) ? apartInitials(text) : NO_OTHER),
];
const ORGANISATION_READINGS: readonly Reading[] = [
  (text) => (text.includes('/') ? text.split('/').filter((part) => part.trim().length >= STROKE_LETTERS_MIN) : NO_OTHER),
  replacing(JOINED_LETTERS, '$1 '),
  replacing(/\bunited\W+states(?:\W+of\W+america)?\b/gi, 'US'),
  replacing(/\bunited\W+kingdom\b/gi, 'UK'),
  replacing(/\bunited\W+nations\b/gi, 'UN'),
];

const ASKED_READINGS: Readonly<Record<Kind, readonly Reading[]>> = {
  person: [outOfBrackets, ...PERSON_READINGS],
  organisation: [outOfBrackets, houseOfBranch, ...ORGANISATION_READINGS],
};

/** A listed name as it stands, and other ways to write it. A listed branch does not make its house a listed party. */
export function listedReadings(text: string, kind: Kind): string[] {
  return readingsBy(kind === 'person' ? PERSON_READINGS : ORGANISATION_READINGS, text);
}

/**
 * The same of a name that is asked for, which may also be hidden in what stands around it. A reading stands beside the
 * name, never in its place: whatever a pattern takes for something else, the name as it was written is compared too.
 */
export function askedReadings(text: string, kind: Kind): string[] {
  return readingsBy(ASKED_READINGS[kind], text);
}

function readingsBy(readings: readonly Reading[], text: string): string[] {
  let found = [text.slice(0, TEXT_MAX)];
  for (const read of readings) {
    const others = found.flatMap(read);
    if (others.length === 0) continue;
    found = [...new Set([...found, ...others.filter((other) => other.trim() !== '')])].slice(0, ALTERNATIVES_MAX);
  }
  return found;
}

/** How much of a name is held against others: of what is too long to be one only the beginning, and of some nothing. */
export type Compared = 'whole' | 'part' | 'none';

const PLAIN_LETTER = '[A-Za-zÀ-ÖØ-öø-ÿ]';
/** No more letters than are compared of a word, though some stand for two. */
const PLAIN_WORD = `(?:${PLAIN_LETTER}{1,20}|${PLAIN_LETTER}{1,10}['’]${PLAIN_LETTER}{1,10})`;
const PLAIN_NAME = new RegExp(`^${PLAIN_WORD}(?:[ -]${PLAIN_WORD}){0,7}$`);

/** The same for a name as `kind` reads it; null: as either does. */
export function comparedOf(text: string, kind: Kind | null): Compared {
  if (PLAIN_NAME.test(text)) return 'whole';
  const kinds = kind === null ? (['person', 'organisation'] as const) : [kind];
  const isReadable = kinds.some((each) => askedReadings(text, each).some((reading) => parseName(reading, each).parts.length > 0));
  if (!isReadable) return 'none';
  return isBeyondCompare(text) ? 'part' : 'whole';
}

function comparePlain(first: string, second: string, kind: Kind): NameScore {
  const [asked, listed] = [parseName(first, kind), parseName(second, kind)];
  const like = (a: Word | undefined, b: Word | undefined, askedExact: boolean, listedExact: boolean): Likeness | null => {
    if (a === undefined || b === undefined) return null;
    const keys = new Set(keysOf(a, askedExact));
    return keysOf(b, listedExact).some((key) => keys.has(key)) ? likenessOf(a, b) : null;
  };
  const word = (name: ParsedName, at: number): Word | undefined => name.parts[at]?.word;
  const joined = (name: ParsedName, at: number): Word | undefined => {
    const [one, two] = [word(name, at), word(name, at + 1)];
    return one === undefined || two === undefined ? undefined : joinedWord(one, two);
  };
  return scoreNames(
    asked,
    listed,
    {
      single: (at, to) => like(word(asked, at), word(listed, to), false, false),
      askedJoined: (at, to) => like(joined(asked, at), word(listed, to), true, false),
      listedJoined: (at, to) => like(word(asked, at), joined(listed, to), true, true),
    },
    settingsOf(kind),
  );
}
