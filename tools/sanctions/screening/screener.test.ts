import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SanctionsEntry } from '../entry.ts';
import { compareNames } from './compare.ts';
import { createComparison } from './comparison.ts';
import { createKeyTable } from './key-table.ts';
import { ALERT_SCORE, createScreener, explainMatch, groundsOf, kindOfName, SAME_PARTY_SCORE } from './screener.ts';
import { keysOf, likenessOf } from './similarity.ts';
import { distanceMin, distanceOf, lettersOf, skeletonOf, soundOf } from './spelling.ts';
import { scriptOf, transliterate } from './transliterate.ts';
import { type Word, wordOf } from './words.ts';

function entry(entryId: string, names: readonly string[], more: Partial<SanctionsEntry> = {}): SanctionsEntry {
  return { list: 'T', entryId, type: 'person', names, weakNames: [], program: 'P', datesOfBirth: [], countries: [], ...more };
}

const LISTED = [
  entry('1', ['Jefferson Otieno Wakulima'], { datesOfBirth: ['1961-03-04'], countries: ['Kenya'], ids: ['A-123456'] }),
  entry('2', ['Abd al-Rahman Ould Sidi Khattab', 'عبد الرحمن خطاب']),
  entry('3', ['Souleymane Kouyaté Diawara']),
  entry('4', ['Zurambo']),
  entry('5', ['Yohannes Gebremedhin Tesfamariam']),
  entry('6', ['Kivuland Minerals Trading SARL'], { type: 'entity' }),
  entry('7', ['Lakeshore Liberation Army'], { type: 'entity' }),
  entry('8', ['Mohamed Ali'], { weakNames: ['The Pale Heron'] }),
  entry('9', ['Qasim bin Tariq al-Harbani']),
];
const screener = createScreener(LISTED);

function found(name: string, kind: 'person' | 'organisation' | null = null): string[] {
  return screener.screen({ name, kind }).map((match) => match.entry.entryId);
}

describe('finds', () => {
  test.each([
    ['another order', 'WAKULIMA Jefferson Otieno', '1'],
    ['a middle name less', 'Jefferson Wakulima', '1'],
    ['a slip', 'Jeferson Otieno Wakulmia', '1'],
    ['initials', 'J. O. Wakulima', '1'],
    ['a middle initial', 'Jefferson O Wakulima', '1'],
    ['a title', 'Hon. Dr Jefferson Otieno Wakulima', '1'],
    ['words written together', 'Jefferson Otienowakulima', '1'],
    ['everything written together', 'JeffersonOtienoWakulima', '1'],
    ['another transliteration', 'Abdourahmane Wuld Sidi Khatab', '2'],
    ['Arabic letters', 'عبدالرحمن خطاب', '2'],
    ['the English spelling of a French one', 'Sulaiman Kuyateh Jawara', '3'],
    ['one name alone', 'Zurambo', '4'],
    ['Amharic letters', 'ዮሐንስ ገብረመድህን ተስፋማርያም', '5'],
    ['another legal form', 'Kivuland Minerals Trading Ltd', '6'],
    ['the English for a legal form', 'Kivuland Minerals Trading Limited Liability Company', '6'],
    ['an acronym', 'LLA', '7'],
    ['a weak alias', 'the pale heron', '8'],
    ['letters turned round by an override', '\u202eamilukaW oneitO nosreffeJ', '1'],
    ['a name turned round behind another one', 'Jefferson \u202eamilukaW oneitO\u202c', '1'],
    ['figures for letters', 'J3ffers0n 0tieno Wakul1ma', '1'],
    ['Cyrillic letters that look Latin', 'Jеffеrsоn Оtiеnо Wаkulimа', '1'],
    ['letters of width zero inside', 'Jeffer\u200bson Wa\u200dkulima', '1'],
    ['a branch of the house', 'Kivuland Minerals Trading SARL (Kisumu Branch)', '6'],
    ['a legal form in another language', 'Kivuland Minerals Trading Gesellschaft mit beschränkter Haftung', '6'],
  ])('%s: %s', (_, name, entryId) => {
    expect(found(name)[0]).toBe(entryId);
  });
});

describe('leaves alone', () => {
  test.each([
    ['a shared family name', 'Beatrice Wakulima'],
    ['a shared given name', 'Jefferson Otieno Kamau'],
    ['one word of several', 'Wakulima'],
    ['a single name with another word', 'Zurambo Wanjiku'],
    ['common names only', 'Mohamed Ali Hassan Wekesa'],
    ['another initial', 'Jefferson K Wakulima Muriuki'],
    ['father and son changed', 'Tariq bin Qasim al-Harbani'],
    ['another firm of the kind', 'Ituriland Minerals Trading SARL'],
    ['initials alone', 'A M'],
    ['a word that objects have as well', 'Constructor Trading Ltd'],
    ['nothing', ''],
    ['blanks and pictures', ' \u200b 🙂'],
  ])('%s: %s', (_, name) => {
    expect(found(name)).toEqual([]);
  });

  test('a person by the name of an organisation, when it is known to be a person', () => {
    expect(found('Kivuland Minerals Trading', 'person')).toEqual([]);
    expect(found('Jefferson Otieno Wakulima', 'organisation')).toEqual([]);
  });
});

describe('what else is known', () => {
  const ask = (more: object) => screener.screen({ name: 'Jeferson Wakulima', kind: 'person', ...more }, 0.5)[0];

  test('a birthday raises, other years lower, far ones discharge', () => {
    const plain = ask({})?.score ?? 0;
    expect(ask({ datesOfBirth: ['1961-03-04'] })?.score).toBeGreaterThan(plain);
    expect(ask({ datesOfBirth: ['1965'] })?.score).toBeLessThan(plain);
    const far = screener.screen({ name: 'Jefferson Otieno Wakulima', kind: 'person', datesOfBirth: ['1999-01-01'] }, 0.5)[0];
    expect(far?.nameScore).toBe(1);
    expect(far?.score).toBeLessThan(ALERT_SCORE);
    expect(far?.grounds).toEqual(['born 10 years apart or more']);
  });

  test('a country says little, a document all', () => {
    const plain = ask({})?.score ?? 0;
    expect(Math.abs((ask({ countries: ['UG'] })?.score ?? 0) - plain)).toBeLessThan(0.02);
    expect(ask({ countries: ['ke'] })?.score).toBeGreaterThan(plain);
    expect(ask({ ids: ['a123456'] })?.score).toBe(1);
    expect(screener.screen({ name: 'Jefferson Otieno Wakulmba', kind: 'person', ids: ['A123456'] })[0]?.score).toBe(1);
  });

  test('the document of a listed party in the hands of somebody by another name is for people to look at', () => {
    const [match] = screener.screen({ name: 'Beatrice Mutoni', kind: 'person', ids: ['A 123 456'] });
    expect(match).toMatchObject({ entry: { entryId: '1' }, nameScore: 0, grounds: ['same document number'] });
    expect(match?.score).toBeLessThan(1);
    expect(match && explainMatch(match)).toBe('"Jefferson Otieno Wakulima"; same document number');
    expect(screener.screen({ name: 'Beatrice Mutoni', kind: 'person', ids: ['A-12345', 'PASSPORT'] })).toEqual([]);
  });
});

describe('one listed party', () => {
  const listed = [
    entry('1', ['Jefferson Otieno Wakulima', 'Otieno Wakulima Jeff'], {
      weakNames: ['Wakulima the Younger'],
      ids: ['A-123456'],
      countries: ['KE'],
    }),
    entry('2', ['Abd al-Rahman Tabu Keza'], {}),
    entry('3', ['Wakulima Otieno'], {}),
  ];
  const searched = createScreener(listed);
  const names = [
    'Jeferson Wakulima',
    'Otieno Wakulima',
    'Wakulima the Younger',
    'DR Abdulrahman T. Keza',
    '\u202eamilukaW oneitO',
    'Remittance (formerly Otieno Wakulima',
    'Beatrice Mutoni',
  ];

  test('is compared as it was matched, with everything that is known', () => {
    for (const name of names) {
      for (const more of [{}, { ids: ['A123456'] }, { countries: ['Kenya'], datesOfBirth: ['1961'] }]) {
        const query = { name, kind: null, ...more };
        for (const match of searched.screen(query, 0.2)) {
          if (match.nameScore > 0) expect(searched.compare(query, match.entry)).toEqual(match);
        }
      }
    }
  });

  test('is told by its document whatever the names score, and slows no search', () => {
    const query = { name: 'Jeferson Wakulima', kind: 'person' as const, ids: ['A123456'] };
    expect(searched.screen(query)[0]).toMatchObject({ score: 1, grounds: ['same document number'] });
    // Far below the floor of names, and above it with the document.
    const distant = searched.screen({ ...query, name: 'Jefferson Mutoni Wakulima' });
    const byName = searched.compare({ ...query, name: 'Jefferson Mutoni Wakulima', ids: [] }, listed[0] as SanctionsEntry);
    expect(byName?.score).toBeLessThan(ALERT_SCORE - 0.05);
    expect(distant[0]?.score).toBeCloseTo(Math.max(0.9, (byName?.score ?? 0) + 0.2), 10);
    for (const name of names) {
      const plain = searched.screen({ name, kind: null }, 0.5);
      const withNumber = searched.screen({ name, kind: null, ids: ['Z9999999'] }, 0.5);
      expect(withNumber).toEqual(plain);
    }
  });
});

describe('two names are one party', () => {
  const scoreOf = (first: string, second: string, kind: 'person' | 'organisation'): number =>
    Math.min(compareNames(first, second, kind).score, compareNames(second, first, kind).score);
  test.each([
    ['an ampersand', 'H&Z Haruna & Zaki Ltd', 'H and Z Haruna and Zaki Limited'],
    ['words run together', 'EtsHarunaetFils', 'Ets Haruna et Fils'],
    ['a state by its letters', 'U.S. Bureau of Weirs', 'United States Bureau of Weirs'],
    ['a company limited by a phrase', 'Haruna Agro (Pvt) Ltd', 'Haruna Agro (Private) Limited'],
    ['a branch', 'Haruna Agro Ltd, Kisumu Branch', 'Haruna Agro Limited'],
    ['Polish', 'Haruna Agro Sp. z o.o.', 'Haruna Agro Ltd'],
  ])('%s', (_, first, second) => {
    expect(scoreOf(first, second, 'organisation')).toBeGreaterThanOrEqual(SAME_PARTY_SCORE);
  });

  test.each([
    ['a pet name', 'Bill Wakulima', 'William Wakulima', true],
    ['initials as one', 'JP Wakulima', 'Jean-Pierre Wakulima', true],
    ['initials that are others', 'KP Wakulima', 'Jean-Marie Wakulima', false],
    ['a surname of two letters', 'Ng Wakulima', 'Nathan Gor Wakulima', false],
  ])('%s', (_, first, second, isOne) => {
    expect(scoreOf(first, second, 'person') >= SAME_PARTY_SCORE).toBe(isOne);
  });
});

test('a match is explained word by word to people, and without words to everybody else', () => {
  const [match] = screener.screen({ name: 'Jeferson O Wakulima', kind: 'person', datesOfBirth: ['1961'] });
  if (match === undefined) throw new Error('nobody was found');
  const text = explainMatch(match);
  for (const part of [
    '"Jefferson Otieno Wakulima"; ',
    'wakulima = wakulima: the same word',
    'o = otieno: an initial of it',
    'born in the same year',
  ]) {
    expect(text).toContain(part);
  }
  expect(groundsOf(match).join(' ')).not.toMatch(/wakulima|jeferson|otieno/i);
});

test('the index finds exactly what scoring every name finds', () => {
  const more = createScreener([
    ...LISTED,
    entry('10', ['J. Wakulima', 'Otieno J K']),
    entry('11', ['Tesfa Mariam']),
    entry('12', ['Ituriland'], { type: 'entity' }),
  ]);
  const words = [
    'jefferson',
    'otieno',
    'wakulima',
    'abd',
    'al',
    'rahman',
    'ould',
    'kouyate',
    'zurambo',
    'mohamed',
    'ali',
    'kivuland',
    'ituriland',
    'trading',
    'bin',
    'j',
    'lla',
    'tesfa',
    'mariam',
  ];
  const word = fc.oneof(
    fc.constantFrom(...words),
    fc.string({ minLength: 1, maxLength: 6 }),
    fc.constantFrom(...words).map((text) => text.slice(1)),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), fc.constantFrom(0.6, 0.7, 0.82, 0.9), (parts, floor) => {
      const query = { name: parts.join(' '), kind: null };
      expect(more.screen(query, floor)).toEqual(more.screenAll(query, floor));
    }),
    {
      numRuns: 500,
      examples: [
        [['jefferson', 'wakulima'], 0.82],
        [['tesfamariam', 'ali'], 0.82],
        [['ituriland', 'trading'], 0.7],
      ],
    },
  );
});

describe('words lie in rows', () => {
  const syllable = fc.constantFrom('mo', 'ha', 'med', 'mad', 'sse', 'in', 'ou', 'ya', 'kh', 'tt', 'e', 'z', 'é', '9', '世');
  const word = fc.oneof(
    fc.constantFrom('hassan', 'hussein', 'mohamed', 'muhammad', 'ndiaye', 'njie', 'a', 'ltd', 'limited'),
    fc.array(syllable, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
    fc.constantFrom('mohamed'.repeat(10), 'x'.repeat(200), 'x'.repeat(300), 'xa'.repeat(45)),
  );
  const words = fc.array(fc.tuple(word, fc.boolean()), { minLength: 2, maxLength: 12 });
  const read = (pairs: readonly (readonly [string, boolean])[]): Word[] => pairs.map(([text, unvowelled]) => wordOf(text, unvowelled));

  test('and are as like by their rows as by themselves', () => {
    fc.assert(
      fc.property(words, words, (asked, listed) => {
        const [questions, answers] = [read(asked), read(listed)];
        const comparison = createComparison(answers);
        for (const question of questions) {
          comparison.ask(question);
          answers.forEach((answer, id) => {
            expect([comparison.see(id), comparison.see(id)]).toEqual([true, false]);
            expect(comparison.with(id)).toEqual(likenessOf(question, answer));
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('and are found under each of their keys, and under no other', () => {
    fc.assert(
      fc.property(words, (pairs) => {
        const listed = read(pairs).flatMap((each, id) => keysOf(each).map((key) => [key, id] as const));
        const table = createKeyTable(listed);
        const under = (key: number): number[] => {
          const found: number[] = [];
          for (let at = table.start(key); table.keys[at] === key; at += 1) found.push(table.ids[at] ?? -1);
          return found;
        };
        const keys = new Set([...listed.map(([key]) => key), 0, 2 ** 32 - 1, 0x8000_0000]);
        const expected = [...keys].map((key) => listed.flatMap(([each, id]) => (each === key ? [id] : [])));
        expect([...keys].map(under)).toEqual(expected);
      }),
    );
  });
});

test('any text is survived, however long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (name) => {
      for (const match of screener.screen({ name, kind: null }, 0.5)) expect(match.score).toBeLessThanOrEqual(1);
    }),
  );
  const before = process.cpuUsage();
  for (const text of ['x', 'mohamed ', 'é\u0301', 'ﷺ', '\u202e', '한 ']) found(text.repeat(10_000 / text.length));
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
});

describe('two names alone', () => {
  test.each([
    ['Youssouf Traoré', 'Yusuf Traore', true],
    ['Djamel Moustapha', 'Jamal Mustafa', true],
    ['أحمد حسن', 'Ahmed Hassan', true],
    ['Сергей Иванов', 'Sergey Ivanov', true],
    ['Hassan Omar', 'Hussein Omar', false],
    ['Hans O Brandt', 'Hans Joachim Brandt', false],
    ['Salif Keita', 'Salif Konate', false],
  ])('%s and %s', (first, second, same) => {
    expect(compareNames(first, second, 'person').score >= SAME_PARTY_SCORE).toBe(same);
  });

  test('are as like as the other way round, but for what is missing', () => {
    const [there, back] = [compareNames('Ali Bello Musa', 'Musa Bello', 'person'), compareNames('Musa Bello', 'Ali Bello Musa', 'person')];
    expect(there.score).toBeLessThan(back.score);
  });
});

describe('sounds', () => {
  test.each([
    ['youssouf', 'yusuf'],
    ['djamel', 'jamel'],
    ['cheick', 'cheik'],
    ['quattara', 'kuatara'],
    ['khadidja', 'kadija'],
    ['ousmane', 'usman'],
    ['philippe', 'filip'],
  ])('%s and %s are one', (first, second) => {
    expect(soundOf(first)).toBe(soundOf(second));
  });

  test('skeletons forget vowels, h and voice', () => {
    expect(skeletonOf(soundOf('muhammad'))).toBe(skeletonOf(soundOf('mohamet')));
    expect(skeletonOf(soundOf('ali'))).toBe('al');
  });

  test('distances are the same both ways, and nothing only for the same', () => {
    const text = fc.stringMatching(/^[a-z]{1,10}$/);
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [there, back] = [distanceOf(a, b, 99), distanceOf(b, a, 99)];
        expect(there).toBeCloseTo(back, 9);
        expect(there === 0).toBe(a === b);
      }),
    );
  });

  test('no two texts are nearer than their letters allow', () => {
    const text = fc.stringMatching(/^[aeioubdgkhlmnstvSCz0é]{1,12}$/);
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(distanceMin(lettersOf(a), lettersOf(b))).toBeLessThanOrEqual(distanceOf(a, b, 99) + 1e-9);
      }),
      { numRuns: 2_000 },
    );
    expect(distanceMin(lettersOf('barako'), lettersOf('somali'))).toBeGreaterThan(2);
  });
});

test.each([
  ['محمد', 'mhmd'],
  ['يوسف', 'yusf'],
  ['владимир', 'vladimir'],
  ['αλεξανδρος', 'alexandros'],
  ['አበበ', 'abebe'],
  ['ሰላም', 'selam'],
  ['이민호', 'lee min ho'],
])('%s reads %s', (word, expected) => {
  expect(transliterate(word, scriptOf(word)).join(' ')).toBe(expected);
});

test('an organisation is told from a person by its words', () => {
  expect(kindOfName('Kivuland Minerals Trading SARL')).toBe('organisation');
  expect(kindOfName('Jefferson Otieno')).toBe('person');
});
