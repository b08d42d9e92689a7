/**
 * How alike two words of names are, 0 to 1, and on what ground.
 *
 * Words are compared only when they share a key (`keysOf`): one sound, one sound but for a letter, one
 * skeleton, one skeleton but for a consonant, one variant, and for longer words one text, or one text but for
 * a letter. So an index by these keys finds all that a comparison of every word with every other would, by
 * construction and not by luck.
 */
import { distanceMin, distanceOf } from './spelling.ts';
import type { Word } from './words.ts';

/** `equal` as written; `variant`: a known spelling of the same name; `sound`: sounds the same; `near`: a letter or so apart; `script`: the same but for vowels that one of them does not write; `initial`: begins with it. */
export type Ground = 'equal' | 'variant' | 'sound' | 'near' | 'script' | 'initial';

export interface Likeness {
  readonly similarity: number;
  readonly ground: Ground;
}

const SOUND_SIMILARITY = 0.97;
const VARIANT_SIMILARITY = 0.95;
/** Below this two words are taken for different names. */
export const SIMILARITY_MIN = 0.72;

/** Sounds so near are taken at that; others may still be nearer as they are written. */
export const SLIP_MAX = 1;
const LONG_WORD = 9;
const SECOND_SLIP_COST = 0.08;
/** Shorter words are compared by their sound alone. */
export const WRITTEN_LETTERS_MIN = 4;
/** More than sums of costs can be off by, being fractions. */
export const ROUNDING = 1e-9;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a of a text without the letter at `skipped`. */
function hash(text: string, seed: number, skipped: number): number {
  let value = FNV_OFFSET ^ seed;
  for (let at = 0; at < text.length; at += 1) {
    if (at !== skipped) value = Math.imul(value ^ text.charCodeAt(at), FNV_PRIME);
  }
  return value >>> 0;
}

const SOUND_SEED = 1;
const SKELETON_SEED = 2;
const VARIANT_SEED = 3;
const TEXT_SEED = 4;
const SOUND_LETTERS_MIN = 4;
const SKELETON_LETTERS_MIN = 5;
const TEXT_LETTERS_MIN = 6;

/** The key that words of one sound share: the first of `keysOf`. */
export function soundKey(word: Word): number {
  return hash(word.sound, SOUND_SEED, -1);
}

/** Numbers of 32 bits under which a word is filed. `exactOnly` leaves out those that forgive a letter. */
export function keysOf(word: Word, exactOnly = false): number[] {
  const { text, sound, skeleton, variant } = word;
  const keys = [soundKey(word)];
  if (variant !== '') keys.push(hash(variant, VARIANT_SEED, -1));
  if (skeleton.length >= 2) keys.push(hash(skeleton, SKELETON_SEED, -1));
  if (exactOnly) return keys;
  if (sound.length >= SOUND_LETTERS_MIN) for (let at = 0; at < sound.length; at += 1) keys.push(hash(sound, SOUND_SEED, at));
  if (skeleton.length >= SKELETON_LETTERS_MIN) for (let at = 0; at < skeleton.length; at += 1) keys.push(hash(skeleton, SKELETON_SEED, at));
  // One wrong letter may change the sound of several: "Ramiez" is still Ramirez as it is written.
  if (text.length >= TEXT_LETTERS_MIN) for (let at = -1; at < text.length; at += 1) keys.push(hash(text, TEXT_SEED, at));
  return [...new Set(keys)];
}

const VOWELS = /[aiu]/g;

/** The likeness of two words that share a key; null when they are different names. */
export function likenessOf(a: Word, b: Word): Likeness | null {
  if (a.text === b.text) return { similarity: 1, ground: 'equal' };
  if (a.sound === b.sound) return { similarity: SOUND_SIMILARITY, ground: 'sound' };
  if (a.variant !== '' && a.variant === b.variant) return { similarity: VARIANT_SIMILARITY, ground: 'variant' };
  if (a.unvowelled !== b.unvowelled) return acrossScripts(a, b);
  // Hassan and Hussein are two names, not two spellings.
  if (a.established && b.established) return null;
  const length = Math.max(a.sound.length, b.sound.length);
  if (isTooLong(Math.abs(a.sound.length - b.sound.length), length)) return null;
  const reach = reachOf(length);
  const bySound =
    distanceMin(a.soundLetters, b.soundLetters) > reach + ROUNDING ? Number.POSITIVE_INFINITY : distanceOf(a.sound, b.sound, reach);
  return nearness(bySound <= SLIP_MAX ? bySound : Math.min(bySound, writtenDistance(a, b, reach)), length);
}

/** The likeness of two words so far apart, the longer sound of `length` letters; null when they are different names. */
export function nearness(distance: number, length: number): Likeness | null {
  // One slip is a slip; two in a short word make another name.
  const isSlip = distance <= SLIP_MAX || length >= LONG_WORD;
  const similarity = 1 - distance / length - (isSlip ? 0 : SECOND_SLIP_COST);
  return similarity < SIMILARITY_MIN ? null : { similarity, ground: 'near' };
}

/** What words of so many letters are apart at most to be alike at all; what is further apart is too unlike, whatever the measure says. */
export function reachOf(length: number): number {
  const limit = (1 - SIMILARITY_MIN) * length;
  return length >= LONG_WORD ? limit : Math.min(limit, Math.max(SLIP_MAX, limit - SECOND_SLIP_COST * length + ROUNDING));
}

/** Whether two sounds, the longer one of `length` letters, are too unlike by the letters that one has more. */
export function isTooLong(more: number, length: number): boolean {
  // A letter more costs at least 0.4, unless it doubles the one before, which a sound never does.
  return more * 0.4 > (1 - SIMILARITY_MIN) * length;
}

/** The fewer consonants there are, the less it says that they are the same. */
function acrossScripts(a: Word, b: Word): Likeness | null {
  const [left, right] = [a.sound.replace(VOWELS, ''), b.sound.replace(VOWELS, '')];
  const length = Math.max(left.length, right.length, 2);
  const similarity = (length >= 4 ? 0.95 : length === 3 ? 0.92 : 0.8) - distanceOf(left, right, length) / length;
  return similarity < SIMILARITY_MIN ? null : { similarity, ground: 'script' };
}

/** A slip of the keyboard changes what is written more gently than how it sounds. */
function writtenDistance(a: Word, b: Word, limit: number): number {
  if (Math.abs(a.text.length - b.text.length) > 1 || a.text.length < WRITTEN_LETTERS_MIN) return Number.POSITIVE_INFINITY;
  return distanceMin(a.textLetters, b.textLetters) > limit + ROUNDING ? Number.POSITIVE_INFINITY : distanceOf(a.text, b.text, limit);
}
