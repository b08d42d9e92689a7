/** What stands around a name, and other ways to write it, are read beside the name and never in its place. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SanctionsEntry } from '../entry.ts';
import { askedReadings, comparedOf, compareNames, listedReadings } from './compare.ts';
import { ALERT_SCORE, createScreener, SAME_PARTY_SCORE } from './screener.ts';

function entry(entryId: string, type: 'person' | 'entity', name: string): SanctionsEntry {
  return { list: 'T', entryId, type, names: [name], weakNames: [], program: 'P', datesOfBirth: [], countries: [] };
}

const PERSONS = [
  'Jefferson Otieno Wakulima',
  'Wanjiru Kamau Njeri',
  'Serena Bee Lin NG',
  'Qasim bin Tariq al-Harbani',
  'Jefferson Tabu Wakulima',
];
const ORGANISATIONS = [
  'Kivuland Minerals Trading',
  'Lakeshore Liberation Army',
  'H and Z Grainhouse Limited Liability Company',
  'Bureau of Weirs of the United States',
];
const screener = createScreener([
  ...PERSONS.map((name) => entry(name, 'person', name)),
  ...ORGANISATIONS.map((name) => entry(name, 'entity', name)),
  entry('branch', 'entity', 'State Bank, Damascus Branch'),
]);
const scoreOf = (name: string, of: string): number =>
  screener.screen({ name, kind: null }, 0).find((match) => match.entry.entryId === of)?.score ?? 0;

const person = fc.constantFrom(...PERSONS);
const organisation = fc.constantFrom(...ORGANISATIONS);
const inAnyCase = (text: string) => fc.constantFrom(text, text.toLowerCase(), text.toUpperCase());
const title = fc.constantFrom('Dr', 'Mr', 'Mrs', 'Ms', 'Lt', 'Sgt', 'Prof.', 'Col', 'Hon.', 'Sheikh').chain(inAnyCase);
const form = fc
  .constantFrom(
    'Ltd',
    'Limited',
    'LLC',
    'Limited Liability Company',
    '(Pvt) Ltd',
    'Private Limited',
    'S.A.',
    'Société Anonyme',
    'GmbH',
    'Inc.',
  )
  .chain(inAnyCase);
const bracketed = (name: string) =>
  fc.constantFrom(
    `(${name})`,
    `(formerly ${name})`,
    `(${name} Branch)`,
    `${name} (Kisumu Branch)`,
    `${name}, Kisumu branch`,
    `${name} - Succursale de Mopti`,
    `Remittance (formerly ${name})`,
    `Remittance (previously ${name}`,
  );

describe('a listed party is found', () => {
  test('with a title in any case', () => {
    fc.assert(
      fc.property(person, title, (name, before) => {
        expect(scoreOf(`${before} ${name}`, name)).toBeGreaterThanOrEqual(ALERT_SCORE);
      }),
    );
  });

  test('with a legal form in any case, and with the whole name written as one word', () => {
    fc.assert(
      fc.property(organisation, form, (name, behind) => {
        expect(scoreOf(`${name} ${behind}`, name)).toBeGreaterThanOrEqual(ALERT_SCORE);
        expect(scoreOf(name.replaceAll(' ', ''), name)).toBeGreaterThanOrEqual(ALERT_SCORE);
      }),
    );
    for (const form of ['LLC', 'LimitedLiabilityCompany']) {
      expect(scoreOf(`HandZGrainhouse${form}`, 'H and Z Grainhouse Limited Liability Company')).toBeGreaterThanOrEqual(ALERT_SCORE);
    }
  });

  test('in brackets and as a branch', () => {
    fc.assert(
      fc.property(
        organisation.chain((name) => fc.tuple(fc.constant(name), bracketed(name))),
        ([name, text]) => {
          expect(scoreOf(text, name)).toBeGreaterThanOrEqual(ALERT_SCORE);
        },
      ),
    );
    for (const name of PERSONS) expect(scoreOf(`(formerly ${name})`, name)).toBeGreaterThanOrEqual(ALERT_SCORE);
  });

  test.each([
    ['Remittance (Kivuland Minerals Trading Branch)', 'Kivuland Minerals Trading'],
    ['Payments, Kivuland Minerals Trading Branch', 'Kivuland Minerals Trading'],
    ['(previously (formerly Kivuland Minerals Trading))', 'Kivuland Minerals Trading'],
    ['Remittance (formerly (formerly Jefferson Otieno Wakulima', 'Jefferson Otieno Wakulima'],
    ['DR Jefferson Wakulima', 'Jefferson Otieno Wakulima'],
    ['MS Wanjiru Kamau', 'Wanjiru Kamau Njeri'],
    ['JT Wakulima', 'Jefferson Tabu Wakulima'],
    ['H&Z Grainhouse LLC', 'H and Z Grainhouse Limited Liability Company'],
    ['U.S. Bureau of Weirs', 'Bureau of Weirs of the United States'],
  ])('%s', (name, of) => {
    expect(scoreOf(name, of)).toBeGreaterThanOrEqual(ALERT_SCORE);
  });
});

test('no bracket, comma or dash lowers the score of a name with something around it', () => {
  const piece = fc.constantFrom(
    'Kisumu',
    'H',
    'and',
    'JC',
    'NG',
    'DR',
    'branch',
    'Branch',
    'formerly',
    'previously',
    'united',
    'states',
    '/',
  );
  const around = fc.array(piece, { maxLength: 3 });
  const sign = fc.constantFrom(' ', ' (', ') ', ', ', ' - ', ' ');
  fc.assert(
    fc.property(
      fc.oneof(person, organisation),
      around,
      around,
      fc.array(sign, { minLength: 20, maxLength: 20 }),
      (name, before, behind, signs) => {
        const words = [...before, ...name.split(' '), ...behind];
        const written = words.map((word, at) => `${signs[at]}${word}`).join('');
        const plain = scoreOf(words.join(' '), name);
        // A word that is left over raises a score only where it is hardly one.
        fc.pre(plain >= 0.6);
        expect(scoreOf(written, name)).toBeGreaterThanOrEqual(plain - 1e-9);
      },
    ),
    { numRuns: 500 },
  );
});

test('the name as it was written is always among its readings', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.constantFrom('person', 'organisation'), (name, kind) => {
      expect([askedReadings(name, kind)[0], listedReadings(name, kind)[0]]).toEqual([name, name]);
    }),
  );
});

test('a surname of two letters is a surname, in capitals as well', () => {
  const listed: SanctionsEntry = { ...entry('1', 'person', 'Serena Bee Lin NG'), datesOfBirth: ['1958-01-25'] };
  const [match] = createScreener([listed]).screen({ name: 'Serena Ng', kind: 'person', datesOfBirth: ['1958-01-25'] });
  expect(match?.score).toBeGreaterThanOrEqual(ALERT_SCORE);
  expect(match?.steps.map((step) => step.ground)).toEqual(['equal', 'equal', 'missing', 'missing']);
});

test('a listed branch does not make its house a listed party, though they are one party', () => {
  expect(scoreOf('State Bank', 'branch')).toBeLessThan(ALERT_SCORE);
  expect(scoreOf('State Bank, Damascus Branch', 'branch')).toBe(1);
  expect(compareNames('Sahel Grainhouse', 'Sahel Grainhouse (Mopti Branch)', 'organisation').score).toBeGreaterThan(SAME_PARTY_SCORE);
});

test.each([
  ['Jefferson', 'whole'],
  ['(formerly Jefferson)', 'whole'],
  ['እመቤት ታደሰ', 'whole'],
  ['(formerly)', 'none'],
  ['(original script: )', 'none'],
  ['', 'none'],
  ['x '.repeat(16), 'whole'],
  ['x '.repeat(17), 'part'],
  [`Jefferson (formerly${' x'.repeat(16)})`, 'part'],
  ['W'.repeat(40), 'whole'],
  ['W'.repeat(41), 'part'],
  ['щ'.repeat(11), 'part'],
  ['ß'.repeat(20), 'whole'],
  ['ß'.repeat(21), 'part'],
  [`${'ß'.repeat(11)}’${'ß'.repeat(10)}`, 'part'],
  ['Désiré N’Guessan-Koné', 'whole'],
  [`${'Jefferson Wakulima'}${' '.repeat(400)}`, 'part'],
])('how much of %j is compared: %s', (name, expected) => {
  expect(comparedOf(name, null)).toBe(expected);
});

test('a name of which nothing or not everything is compared is always known by that', () => {
  // Made-up names with a listed one at the end, behind words and letters without end: it is found, or said to be out of reach.
  fc.assert(
    fc.property(fc.nat(30), fc.nat(60), fc.constantFrom(...PERSONS), (words, letters, name) => {
      const asked = `${'q '.repeat(words)}${'q'.repeat(letters)}${name}`;
      const isOutOfReach = words + name.split(/[ -]/).length > 16 || letters + (name.split(' ')[0]?.length ?? 0) > 40;
      expect(comparedOf(asked, null)).toBe(isOutOfReach ? 'part' : 'whole');
    }),
  );
});
