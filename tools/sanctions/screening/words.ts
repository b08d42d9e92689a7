/**
 * A name as the scorer sees it: words with their sound, the part they play, and how much they tell.
 *
 * Any text gives a name, in time linear in its length; of more than `WORDS_MAX` words only the first are
 * looked at, and of a word only its first `LETTERS_MAX` letters.
 */
import { remembering } from '../../../domain/cache.ts';
import { foldLookalikes } from '../lookalikes.ts';
import { HONORIFICS, plainWords } from '../name.ts';
import { type Letters, lettersOf, skeletonOf, soundOf, variantOf } from './spelling.ts';
import { scriptOf, transliterate } from './transliterate.ts';
import {
  isEstablished,
  isNumberWord,
  type Kind,
  legalFormOf,
  type Role,
  roleOf,
  unifyNumber,
  unifyPhrases,
  weightOf,
} from './vocabulary.ts';

/** Of a name with more words, only so many are compared. */
export const WORDS_MAX = 16;
/** Of a word with more letters, only so many are compared. */
export const LETTERS_MAX = 40;
/** Of a longer text, only so much is compared. */
export const TEXT_MAX = 400;
const ACRONYM_LETTERS_MIN = 3;

/** From here on a word tells something of its own. */
export const SUBSTANTIAL_WEIGHT = 0.25;

export interface Word {
  /** Plain lower-case Latin letters where the script has them. */
  readonly text: string;
  readonly sound: string;
  readonly skeleton: string;
  /** What all spellings of the same name, or words for the same legal form, have in common; empty for most. */
  readonly variant: string;
  /** Comes from a script that leaves vowels out. */
  readonly unvowelled: boolean;
  /** A name of its own, however like another it looks. */
  readonly established: boolean;
  readonly textLetters: Letters;
  readonly soundLetters: Letters;
}

export interface NamePart {
  readonly word: Word;
  readonly role: Role;
  readonly weight: number;
}

/** Titles and forms are there once the name has something else. */
export interface ParsedName {
  readonly kind: Kind;
  readonly parts: readonly NamePart[];
  /** What all parts weigh together. */
  readonly weight: number;
  /** All words written as one: with the legal form as it was unified, and as it stands there. */
  readonly squashes: readonly string[];
  /** First letters of the words that tell something, from three on; empty otherwise. */
  readonly acronym: string;
}

const WORDS_KNOWN_MAX = 100_000;
const vowelledWordOf = remembering('words', (text: string) => workOut(text, false), WORDS_KNOWN_MAX);
const unvowelledWordOf = remembering('words', (text: string) => workOut(text, true), WORDS_KNOWN_MAX);

/** The word of a text, worked out once while there is room to remember it. */
export function wordOf(text: string, unvowelled = false): Word {
  return unvowelled ? unvowelledWordOf(text) : vowelledWordOf(text);
}

function workOut(text: string, unvowelled: boolean): Word {
  const sound = soundOf(text);
  const variant = variantOf(text) ?? legalFormOf(text) ?? '';
  const established = variant !== '' || isEstablished(text);
  const letters = { textLetters: lettersOf(text), soundLetters: lettersOf(sound) };
  return { text, sound, skeleton: skeletonOf(sound), variant, unvowelled, established, ...letters };
}

/** The word that two in a row make together. */
export function joinedWord(first: Word, second: Word): Word {
  return wordOf(first.text + second.text, first.unvowelled && second.unvowelled);
}

interface Spelled {
  readonly text: string;
  readonly unvowelled: boolean;
}

/** What lists put into brackets behind a name: another name, or the same one in its own script. */
export const OTHER_NAME_OPENS = /\((?:original script|formerly|previously)/giu;
const OTHER_NAME = new RegExp(`${OTHER_NAME_OPENS.source}[^)]*\\)?`, 'giu');

/** The text that was taken apart last: a name is asked for as a person's and then as an organisation's. */
let last: { readonly text: string; readonly words: readonly string[] } = { text: '', words: [] };

/** The words of a text, without other names in brackets. */
function wordsIn(text: string): readonly string[] {
  if (last.text === text) return last.words;
  const cut = text.slice(0, TEXT_MAX);
  const words = plainWords(cut.includes('(') ? cut.replace(OTHER_NAME, ' ') : cut).slice(0, WORDS_MAX);
  last = { text, words };
  return words;
}

function inLatin(word: string): Spelled[] {
  const lower = word.toLowerCase();
  const script = scriptOf(lower);
  if (script === 'latin' || script === 'other') return [{ text: foldLookalikes(word), unvowelled: false }];
  const unvowelled = script === 'arabic';
  return arabicParts(lower, unvowelled)
    .flatMap((part) => transliterate(part, script))
    .map((latin) => ({ text: latin, unvowelled }));
}

/** Whether a text has more than is compared of one: letters, words, or letters of a word. */
export function isBeyondCompare(text: string): boolean {
  if (text.length > TEXT_MAX) return true;
  const words = plainWords(text);
  return words.length > WORDS_MAX || words.flatMap(inLatin).some((word) => word.text.length > LETTERS_MAX);
}

/** Arabic writes the article with its noun, as Latin spellings mostly do not. */
function arabicParts(word: string, isArabic: boolean): string[] {
  return isArabic && word.startsWith('ال') && word.length > 4 ? ['ال', word.slice(2)] : [word];
}

/** Figures that stand for letters in the names of people: "J0seph", "Moham3d". Nobody's name has them. */
const FIGURES: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't' };

function unfigured(word: string): string {
  if (!/\d/.test(word)) return word;
  return word.replace(/(?<=[a-z])[013457](?=[a-z])|^[013457](?=[a-z]{2})/g, (figure) => FIGURES[figure] ?? figure);
}

const PARTS_KNOWN_MAX = 20_000;
/** The parts that a word makes in names of each kind: new names are mostly made of words that others bear. */
const PARTS_OF: Readonly<Record<Kind, (word: string) => readonly NamePart[]>> = {
  person: remembering('word_parts', (word: string) => partsOf(word, 'person'), PARTS_KNOWN_MAX),
  organisation: remembering('word_parts', (word: string) => partsOf(word, 'organisation'), PARTS_KNOWN_MAX),
};

function partsOf(word: string, kind: Kind): NamePart[] {
  return inLatin(word).map(({ text, unvowelled }) => {
    const cut = text.slice(0, LETTERS_MAX);
    return partOf(kind === 'person' ? unfigured(cut) : cut, unvowelled, kind);
  });
}

function partOf(text: string, unvowelled: boolean, kind: Kind): NamePart {
  const role = roleOf(text, kind);
  return { word: wordOf(text, unvowelled), role, weight: weightOf(text, role) };
}

/** The parts of the name of an organisation with every legal form and number in one spelling. */
function unified(parts: readonly NamePart[]): readonly NamePart[] {
  const texts = parts.map((part) => part.word.text);
  const phrases = unifyPhrases(texts);
  if (phrases === texts && !parts.some(({ word }) => word.unvowelled || isNumberWord(word.text))) return parts;
  return phrases.map((each) => {
    const unvowelled = parts.some(({ word }) => word.unvowelled && word.text === each);
    return partOf(unifyNumber(each), unvowelled, 'organisation');
  });
}

function inRole(part: NamePart, role: Role): NamePart {
  return { ...part, role, weight: weightOf(part.word.text, role) };
}

const isTitle = (part: NamePart): boolean => HONORIFICS.has(part.word.text);
const isTelling = ({ role }: NamePart): boolean => role === 'name' || role === 'generic';
const textOf = (parts: readonly NamePart[]): string => parts.map((part) => part.word.text).join('');

/** Takes a name and whose it is, gives its parts. A name of titles only keeps them. */
export function parseName(text: string, kind: Kind): ParsedName {
  const written = wordsIn(text).flatMap(PARTS_OF[kind]);
  const core = written.filter((part) => !isTitle(part));
  // "Cheikh Kone" is a name of two words: where one word is left, the title may be a given name.
  const isTitled = kind === 'person' && core.length === 1 && written.length > 1;
  const used = core.length === 0 || isTitled || kind === 'organisation' ? written : core;
  const read = kind === 'organisation' ? unified(used) : used;
  // "An Do" and "Le Van" are names when there is nothing else.
  const isBare = read.length <= 2 && read.filter(isTelling).length < (read.length > 1 ? 2 : 1);
  const parts = read.map((part) => {
    if (isTitled && isTitle(part)) return inRole(part, 'title');
    return isBare && part.role === 'particle' ? inRole(part, 'name') : part;
  });
  const telling = parts.filter(isTelling);
  const squashes = [textOf(read), textOf(used)];
  return {
    kind,
    parts,
    weight: parts.reduce((sum, part) => sum + part.weight, 0),
    squashes: squashes[0] === squashes[1] ? squashes.slice(1) : squashes,
    acronym: telling.length < ACRONYM_LETTERS_MIN ? '' : telling.map((part) => part.word.text[0] ?? '').join(''),
  };
}
