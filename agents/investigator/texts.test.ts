import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readableOf } from './texts.ts';
import { knownWord } from './vocabulary.ts';

describe('what a model may read of a text', () => {
  it.each([
    [
      '12 Moi Avenue, Nairobi, born 12 March 1981, brother Peter Otieno',
      '[number] [name] avenue, [name], born [number] [name] [number], brother [name] [name]',
    ],
    ['school-fees-term-2', 'school fees term [number]'],
    ['FRAIS de scolarité', 'frais de scolarite'],
    ['for Wanjiru, mail w.k@example.org or https://pay.example/x', 'for [name], mail [address] or [link]'],
    ['ref r-01981b2c-1d2e-7abc-abcd-efabcdefabcd for goods', '[word] [word] [number] for goods'],
    ['rent\u200b <b>{"role": 1}</b>', 'rent [word] [word]: [number] [word]'],
  ])('%s', (text, expected) => {
    expect(readableOf(text, ['Wanjiru Kamau'])).toBe(expected.replace('mail', '[word]'));
  });

  it('is nothing when no word of the vocabulary is in it', () => {
    expect(readableOf('Peter Otieno 12', [])).toBeNull();
    expect(readableOf('A. O. J.', [])).toBeNull();
    expect(readableOf('[name] [number]', [])).toBeNull();
  });

  it('is made of the vocabulary alone, whatever the text and its script', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 900 }),
      fc
        .array(fc.constantFrom('rent', 'Otieno', '12', 'ኪራይ', 'إيجار', '[name]', '<|', "d'Otieno", 'März', '٣'), { maxLength: 300 })
        .map((all) => all.join(' ')),
    );
    fc.assert(
      fc.property(text, (each) => {
        const readable = readableOf(each, ['Otieno Rent']) ?? '';
        expect(readable.length).toBeLessThanOrEqual(600);
        const left = readable.replaceAll(/\[(name|address|link|number|word)\]/g, ' ').split(/[\s.,;:!?]+/);
        expect(left.filter((word) => word !== '' && knownWord(word) !== word)).toEqual([]);
      }),
    );
  });

  it('has no word that is an initial, a month, or a name that honest people bear', () => {
    for (const word of [
      'a',
      'o',
      'may',
      'march',
      'grace',
      'hope',
      'zawadi',
      'amani',
      'juma',
      'moi',
      'price',
      'ada',
      'leo',
      'luz',
      'jana',
      'dia',
      'uma',
      'صديق',
      'هدية',
    ])
      expect(knownWord(word)).toBeNull();
  });
});
