/**
 * Which listed words cannot be like a word, told before any of them is looked at.
 *
 * What decides it lies in one row of numbers per word, side by side: a query compares hundreds of words, and to
 * follow each to its object takes longer than to compare it. The sieve lets through all that `likenessOf` gives a
 * likeness for, and little else.
 */
import { isTooLong, keysOf, reachOf, ROUNDING, WRITTEN_LETTERS_MIN } from './similarity.ts';
import { costOfSurplus } from './spelling.ts';
import type { Word } from './words.ts';

/** Says whether the word of an id may be like the one asked for last. */
export interface Sieve {
  ask(word: Word): void;
  mayBeLike(id: number): boolean;
}

/** Numbers in a row: the key of the sound, letters of the sound, letters as written, lengths and flags. */
const ROW = 8;
const LENGTH_BITS = 8;
const LENGTH_MAX = (1 << LENGTH_BITS) - 1;
const SOUND_DOUBLED = 1 << 16;
const TEXT_DOUBLED = 1 << 17;
const ESTABLISHED = 1 << 18;
const UNVOWELLED = 1 << 19;
/** Past the lengths that fit, nothing is sifted out. */
const TOO_LONG = 1 << 20;

function writeRow(rows: Int32Array, at: number, word: Word): void {
  const { sound, text, soundLetters, textLetters } = word;
  const lengths = Math.min(sound.length, LENGTH_MAX) | (Math.min(text.length, LENGTH_MAX) << LENGTH_BITS);
  const flags =
    (soundLetters.isDoubled ? SOUND_DOUBLED : 0) |
    (textLetters.isDoubled ? TEXT_DOUBLED : 0) |
    (word.established ? ESTABLISHED : 0) |
    (word.unvowelled ? UNVOWELLED : 0) |
    (Math.max(sound.length, text.length) > LENGTH_MAX ? TOO_LONG : 0);
  const letters = [soundLetters.vowels, soundLetters.others, soundLetters.kin, textLetters.vowels, textLetters.others, textLetters.kin];
  rows.set([keysOf(word, true)[0] ?? 0, ...letters, lengths | flags], at);
}

const REACHES = Float64Array.from({ length: LENGTH_MAX + 1 }, (_, length) => reachOf(length));

/** Takes all listed words, gives a sieve by their ids. */
export function createSieve(words: readonly Word[]): Sieve {
  const rows = new Int32Array((words.length + 1) * ROW);
  words.forEach((word, id) => writeRow(rows, id * ROW, word));
  // The word asked for lies behind the last one.
  const own = words.length * ROW;
  /** Whether the letters that one has and the other lacks are too many, those of the sound or those as written. */
  const isApart = (at: number, to: number, reach: number): boolean => {
    const [vowels, others, kin] = [rows[at] as number, rows[at + 1] as number, rows[at + 2] as number];
    const [theirVowels, theirOthers, theirKin] = [rows[to] as number, rows[to + 1] as number, rows[to + 2] as number];
    return (
      costOfSurplus(vowels, others, theirVowels, theirOthers, theirKin) > reach ||
      costOfSurplus(theirVowels, theirOthers, vowels, others, kin) > reach
    );
  };
  return {
    ask: (word) => writeRow(rows, own, word),
    mayBeLike: (id) => {
      const row = id * ROW;
      if (rows[row] === rows[own]) return true;
      const [asked, listed] = [rows[own + 7] as number, rows[row + 7] as number];
      // Two established names may be one name, and two scripts are compared in another way.
      if ((asked & listed & ESTABLISHED) !== 0 || ((asked ^ listed) & UNVOWELLED) !== 0 || ((asked | listed) & TOO_LONG) !== 0) return true;
      const [sound, theirSound] = [asked & LENGTH_MAX, listed & LENGTH_MAX];
      const length = sound > theirSound ? sound : theirSound;
      if (isTooLong(Math.abs(sound - theirSound), length)) return false;
      const reach = (REACHES[length] as number) + ROUNDING;
      if (((asked | listed) & SOUND_DOUBLED) !== 0 || !isApart(own + 1, row + 1, reach)) return true;
      const text = (asked >> LENGTH_BITS) & LENGTH_MAX;
      const more = text - ((listed >> LENGTH_BITS) & LENGTH_MAX);
      if (more > 1 || more < -1 || text < WRITTEN_LETTERS_MIN) return false;
      return ((asked | listed) & TEXT_DOUBLED) !== 0 || !isApart(own + 4, row + 4, reach);
    },
  };
}
