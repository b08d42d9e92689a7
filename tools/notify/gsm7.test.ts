import { describe, expect, it } from 'vitest';
import { gsm7Length, plainText, segmentsOf } from './gsm7.ts';

describe('segments', () => {
  it.each([
    ['', 'gsm7', 1],
    ['a'.repeat(160), 'gsm7', 1],
    ['a'.repeat(161), 'gsm7', 2],
    ['a'.repeat(306), 'gsm7', 2],
    ['a'.repeat(307), 'gsm7', 3],
    // The euro takes two places.
    [`${'a'.repeat(158)}€`, 'gsm7', 1],
    [`${'a'.repeat(159)}€`, 'gsm7', 2],
    // 152 places are used in the first part: the pair goes to the second whole, and fills a third.
    [`${'a'.repeat(152)}€${'a'.repeat(152)}`, 'gsm7', 3],
    ['ሰላም'.repeat(23), 'ucs2', 1],
    ['ሰ'.repeat(70), 'ucs2', 1],
    ['ሰ'.repeat(71), 'ucs2', 2],
    // A character outside the basic plane is two units, and stays in one part.
    [`${'ሰ'.repeat(66)}😀${'ሰ'.repeat(66)}`, 'ucs2', 3],
  ])('%#', (text, encoding, count) => {
    expect(segmentsOf(text)).toEqual({ encoding, count });
  });
});

it('counts the whole alphabet: 128 places less the escape, and the extension', () => {
  expect(gsm7Length('@£$¥èéùìòÇ')).toBe(10);
  expect(gsm7Length('^{}\\[~]|€')).toBe(18);
  expect(gsm7Length('ç')).toBeNull();
});

it('takes marks away only where the alphabet has no such letter', () => {
  expect(plainText('François Éboué d’Ivoire – œuvre')).toBe("Francois Éboué d'Ivoire - oeuvre");
  expect(plainText('ሰላም')).toBe('ሰላም');
});
