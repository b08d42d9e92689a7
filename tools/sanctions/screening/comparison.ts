/**
 * The likeness of a word to many listed ones, worked out from rows of numbers that lie side by side.
 *
 * A query compares hundreds of words, and to follow each to its object takes longer than to compare it. What
 * `likenessOf` would say is said here to the letter; only words of one sound, established names and words of
 * other scripts, which are few, are handed on to it.
 */
import {
  isTooLong,
  type Likeness,
  likenessOf,
  nearness,
  reachOf,
  ROUNDING,
  SLIP_MAX,
  soundKey,
  WRITTEN_LETTERS_MIN,
} from './similarity.ts';
import { costOfSurplus, distanceOfCodes } from './spelling.ts';
import type { Word } from './words.ts';

/** Compares the word asked for last with the listed one of an id; null when they are different names. */
export interface Comparison {
  ask(word: Word): void;
  /** Says of each id that it is new since `ask`; false from the second time on. */
  see(id: number): boolean;
  with(id: number): Likeness | null;
}

/** Numbers in a row: the question that saw the word last, the key of the sound, letters of the sound, letters as written, where the codes of both begin, lengths and flags. */
const ROW = 10;
const SEEN = 0;
const KEY = 1;
const SOUND = 2;
const TEXT = 5;
const CODES = 8;
const SHAPE = 9;

const LENGTH_BITS = 8;
const LENGTH_MAX = (1 << LENGTH_BITS) - 1;
const SOUND_DOUBLED = 1 << 16;
const TEXT_DOUBLED = 1 << 17;
const ESTABLISHED = 1 << 18;
const UNVOWELLED = 1 << 19;
/** Lengths do not fit. */
const TOO_LONG = 1 << 20;

const REACHES = Float64Array.from({ length: LENGTH_MAX + 1 }, (_, length) => reachOf(length));

interface Rows {
  readonly numbers: Int32Array;
  /** UTF-16 codes of every word: its sound, then its text. */
  readonly codes: Uint16Array;
}

function shapeOf({ sound, text, soundLetters, textLetters, established, unvowelled }: Word): number {
  const lengths = Math.min(sound.length, LENGTH_MAX) | (Math.min(text.length, LENGTH_MAX) << LENGTH_BITS);
  return (
    lengths |
    (soundLetters.isDoubled ? SOUND_DOUBLED : 0) |
    (textLetters.isDoubled ? TEXT_DOUBLED : 0) |
    (established ? ESTABLISHED : 0) |
    (unvowelled ? UNVOWELLED : 0) |
    (Math.max(sound.length, text.length) > LENGTH_MAX ? TOO_LONG : 0)
  );
}

/** Writes a word into its row; gives the place behind its codes. */
function write({ numbers, codes }: Rows, row: number, from: number, word: Word): number {
  const { sound, text, soundLetters, textLetters } = word;
  numbers[row + KEY] = soundKey(word);
  numbers[row + SOUND] = soundLetters.vowels;
  numbers[row + SOUND + 1] = soundLetters.others;
  numbers[row + SOUND + 2] = soundLetters.kin;
  numbers[row + TEXT] = textLetters.vowels;
  numbers[row + TEXT + 1] = textLetters.others;
  numbers[row + TEXT + 2] = textLetters.kin;
  numbers[row + CODES] = from;
  const shape = shapeOf(word);
  numbers[row + SHAPE] = shape;
  if ((shape & TOO_LONG) !== 0) return from;
  for (let at = 0; at < sound.length; at += 1) codes[from + at] = sound.charCodeAt(at);
  for (let at = 0; at < text.length; at += 1) codes[from + sound.length + at] = text.charCodeAt(at);
  return from + sound.length + text.length;
}

/** Takes all listed words, gives the comparison with them by their ids. */
export function createComparison(words: readonly Word[]): Comparison {
  // The word asked for lies behind the last one.
  const own = words.length * ROW;
  const size = words.reduce((sum, word) => sum + word.sound.length + word.text.length, 0);
  const rows = { numbers: new Int32Array(own + ROW), codes: new Uint16Array(size + 2 * LENGTH_MAX) };
  const { numbers, codes } = rows;
  const ownCodes = words.reduce((from, word, id) => write(rows, id * ROW, from, word), 0);
  let asked: Word | null = null;
  let question = 0;
  /** Whether the letters that one has and the other lacks are too many; of the sound or of the text, by `at`. */
  const isApart = (row: number, at: number, reach: number): boolean => {
    const [vowels, others, kin] = [numbers[own + at] as number, numbers[own + at + 1] as number, numbers[own + at + 2] as number];
    const [theirs, theirOthers, theirKin] = [numbers[row + at] as number, numbers[row + at + 1] as number, numbers[row + at + 2] as number];
    return (
      costOfSurplus(vowels, others, theirs, theirOthers, theirKin) > reach ||
      costOfSurplus(theirs, theirOthers, vowels, others, kin) > reach
    );
  };
  return {
    ask: (word) => {
      asked = word;
      question += 1;
      write(rows, own, ownCodes, word);
    },
    see: (id) => {
      const at = id * ROW + SEEN;
      const isNew = numbers[at] !== question;
      numbers[at] = question;
      return isNew;
    },
    with: (id) => {
      const row = id * ROW;
      const [shape, theirShape] = [numbers[own + SHAPE] as number, numbers[row + SHAPE] as number];
      const either = shape | theirShape;
      if (
        numbers[row + KEY] === numbers[own + KEY] ||
        (shape & theirShape & ESTABLISHED) !== 0 ||
        ((shape ^ theirShape) & UNVOWELLED) !== 0 ||
        (either & TOO_LONG) !== 0
      ) {
        return likenessOf(asked as Word, words[id] as Word);
      }
      const [sound, theirSound] = [shape & LENGTH_MAX, theirShape & LENGTH_MAX];
      const length = sound > theirSound ? sound : theirSound;
      if (isTooLong(sound > theirSound ? sound - theirSound : theirSound - sound, length)) return null;
      const reach = REACHES[length] as number;
      const from = numbers[row + CODES] as number;
      let distance =
        (either & SOUND_DOUBLED) === 0 && isApart(row, SOUND, reach + ROUNDING)
          ? Number.POSITIVE_INFINITY
          : distanceOfCodes(codes, ownCodes, sound, from, theirSound, reach);
      if (distance > SLIP_MAX) {
        const [text, theirText] = [(shape >> LENGTH_BITS) & LENGTH_MAX, (theirShape >> LENGTH_BITS) & LENGTH_MAX];
        const isWritten = text - theirText <= 1 && theirText - text <= 1 && text >= WRITTEN_LETTERS_MIN;
        if (isWritten && ((either & TEXT_DOUBLED) !== 0 || !isApart(row, TEXT, reach + ROUNDING))) {
          distance = Math.min(distance, distanceOfCodes(codes, ownCodes + sound, text, from + theirSound, theirText, reach));
        }
      }
      return distance === Number.POSITIVE_INFINITY ? null : nearness(distance, length);
    },
  };
}
