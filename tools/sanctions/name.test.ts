import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseName } from './name.ts';

function words(text: string): string {
  return normaliseName(text).tokens.join(' ');
}

describe('what makes no difference', () => {
  test.each([
    ['case', 'FAROUK abdulrahim Dikko', 'farouk abdulrahim dikko'],
    ['accents, composed', 'Mamadou Kéta', 'mamadou keta'],
    ['accents, apart', 'Mamadou Ke\u0301ta', 'mamadou keta'],
    ['punctuation', 'Wakhungu, Jelani-Obote.', 'wakhungu jelani obote'],
    ['white space', '  Thierry\t\n  Ngoumba\u00a0Essola ', 'thierry ngoumba essola'],
    ['apostrophes of any shape', "Ng'ang'a Ng’ang’a N‘Golo Ngʼola", 'nganga nganga ngolo ngola'],
    ['full width', 'Ｆａｒｏｕｋ Dikko', 'farouk dikko'],
    ['mathematical letters', '𝐅𝐚𝐫𝐨𝐮𝐤 Dikko', 'farouk dikko'],
    ['Hausa, Akan and Ewe letters', 'Ɗanjuma Ƙofa Ɔsei Ŋku', 'danjuma kofa osei ngku'],
    ['ligatures and sharp s', 'Ægir Straße ﬁlip', 'aegir strasse filip'],
    ['dots of Turkish', 'İsmail ısmail', 'ismail ismail'],
  ])('%s', (_, text, expected) => {
    expect(words(text)).toBe(expected);
  });

  test.each([
    ['Cyrillic look-alikes', 'Fаrоuk Аbdulrаhim Dikkо'],
    ['Greek look-alikes', 'Fαrουk Αbdulrαhιm Dιkkο'],
    ['zero-width characters', 'Fa\u200brouk Abdul\u200crahim Dik\u2060ko\ufeff'],
    ['direction overrides', '\u202eFarouk\u202c Abdulrahim \u2066Dikko\u2069'],
    ['soft hyphens and tags', 'Fa\u00adrouk Abdulrahim Dikko\u{e0041}'],
    ['control characters', 'Fa\u0000rouk Abdul\u0007rahim Dikko'],
    ['a heap of marks', `Fa${'\u0301\u0323'.repeat(2_000)}rouk Abdulrahim Dikko`],
    ['fillers that show as nothing', 'Fa\u3164rouk Abdulrahim Dikko\uffa0'],
  ])('%s', (_, text) => {
    expect(words(text)).toMatch(/^f[ao]r[oou]+uk abdulrahim dikko$/);
    expect(normaliseName(text).tokens).toHaveLength(3);
  });
});

describe('titles', () => {
  test('stay in the words and leave the core', () => {
    const name = normaliseName('Alhaji Dr. Farouk Dikko');
    expect(name.tokens).toEqual(['alhaji', 'dr', 'farouk', 'dikko']);
    expect(name.core).toEqual(['farouk', 'dikko']);
  });

  test('are the name when there is nothing else', () => {
    expect(normaliseName('Sheikh Chief').core).toEqual(['sheikh', 'chief']);
  });
});

describe('names of any kind', () => {
  test.each([
    ['Arabic', 'فاروق عبد الرحيم', 3],
    ['Amharic', 'አበበ ቢቂላ', 2],
    ['Chinese', '王小明', 1],
    ['Devanagari', 'राम कुमार', 2],
    ['emoji only', '🙂🙂', 0],
    ['empty', '', 0],
    ['only marks and blanks', ' \u0301\u200b ', 0],
    ['lone surrogates', '\ud800Farouk\udc00 Dikko', 2],
  ])('%s', (_, text, count) => {
    expect(normaliseName(text).tokens).toHaveLength(count);
  });

  test('vowel signs of Arabic and hamza make no difference', () => {
    expect(words('أَحْمَد')).toBe(words('احمد'));
  });

  test('10,000 characters are read to their end, whatever they are', () => {
    const letters = ['a', 'é', '\u0301', '\u0316', 'ﷺ', '\u202e', 'Ж', '한', ' '];
    for (const letter of letters) {
      for (const text of [letter.repeat(10_000), `${letter}b`.repeat(5_000)]) {
        const { tokens } = normaliseName(`${text} Zwinda`);
        expect(tokens.at(-1)?.endsWith('zwinda')).toBe(true);
      }
    }
  });

  test('never throws, and is done after one time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const once = normaliseName(text).tokens;
        for (const token of once) expect(token).not.toMatch(/\s/);
        expect(normaliseName(once.join(' ')).tokens).toEqual(once);
      }),
    );
  });

  test('case makes no difference to any Latin name', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-zÀ-ÖØ-öø-ÿ' .-]{0,40}$/), (text) => {
        expect(normaliseName(text.toUpperCase()).tokens).toEqual(normaliseName(text.toLowerCase()).tokens);
      }),
    );
  });
});

describe('names that hide something', () => {
  test.each([
    ['an override', '\u202eokkiD kuoraF'],
    ['an isolate', 'Farouk \u2067Dikko\u2069'],
    ['zero width inside a word', 'Fa\u200brouk'],
    ['Cyrillic inside a Latin word', 'Fаrouk'],
    ['Greek inside a Latin word', 'Dikkο'],
  ])('%s', (_, text) => {
    expect(normaliseName(text).obscured).toBe(true);
  });

  test.each([
    ['plain', 'Farouk Dikko'],
    ['accents', 'Kéta N’Diaye'],
    ['Arabic with a joiner', 'می\u200cخواهم'],
    ['two scripts in two words', 'Farouk Дико'],
    ['African letters', 'Ɗanjuma Ɔsei'],
  ])('not so: %s', (_, text) => {
    expect(normaliseName(text).obscured).toBe(false);
  });
});
