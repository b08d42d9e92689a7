/**
 * Chance that depends on names, not on the order of calls: the same seed and the same names give the
 * same draw, however many requests run side by side.
 */
import { createHash } from 'node:crypto';

export interface Chance {
  /** A number from 0 up to but not including 1, the same for the same names. */
  draw(...names: readonly (string | number)[]): number;
  /** Text of the given length over an alphabet, the same for the same names. */
  text(alphabet: string, length: number, ...names: readonly (string | number)[]): string;
}

export function createChance(seed: string): Chance {
  const digest = (names: readonly (string | number)[]) =>
    createHash('sha256')
      .update([seed, ...names].join('\u001f'))
      .digest();
  return {
    draw: (...names) => digest(names).readUIntBE(0, 6) / 2 ** 48,
    text(alphabet, length, ...names) {
      const bytes = digest(names);
      let text = '';
      for (let index = 0; index < length; index += 1) text += alphabet[(bytes[index % 32] ?? 0) % alphabet.length];
      return text;
    },
  };
}

/** Spread of the logarithm of people's answer times. */
const SIGMA = 0.5;
/** Nobody takes longer than this many times the median. */
const LONGEST = 4;

/** A log-normal time with the given median, from two draws (Box-Muller), cut at four times the median. */
export function logNormalMs(medianMs: number, first: number, second: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
  return medianMs * Math.min(LONGEST, Math.exp(SIGMA * normal));
}
