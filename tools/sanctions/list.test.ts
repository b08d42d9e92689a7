import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PartyDetails } from '../../domain/party.ts';
import { askedOf } from './asked.ts';
import type { SanctionsEntry } from './entry.ts';
import { createSanctionsList } from './list.ts';
import { sampleList } from './sample.ts';
import { RECORD_SCORE } from './screening/screener.ts';

const sample = createSanctionsList([sampleList()], { sample: true });

function entry(entryId: string, names: readonly string[], more: Partial<SanctionsEntry> = {}): SanctionsEntry {
  return { list: 'TEST', entryId, type: 'person', names, weakNames: [], program: 'P', datesOfBirth: [], countries: [], ...more };
}

function listOf(...entries: SanctionsEntry[]) {
  return createSanctionsList([{ name: 'TEST', version: 'TEST#1', file: 'test.jsonl', entries }]);
}

function howOf(name: string): string[] {
  return sample.screen([name])[0]?.map((hit) => `${hit.entryId} ${hit.how}`) ?? [];
}

describe('the sample', () => {
  test.each([
    ['Mamadou Keta Sanounou', 'S-1'],
    ['Jelani Obote Wakhungu', 'S-2'],
    ['Thierry Ngoumba Essola', 'S-3'],
    ['Farouk Abdulrahim Dikko', 'S-4'],
    ['Zambezi Gold Trading FZE', 'S-5'],
  ])('%s is found as it is written', (name, entryId) => {
    expect(howOf(name)).toEqual([`${entryId} exact`]);
    expect(howOf(name.toUpperCase())).toEqual([`${entryId} exact`]);
  });

  test.each([
    ['another order', 'WAKHUNGU Jelani Obote', 'S-2'],
    ['a comma', 'Sanounou, Mamadou Kéta', 'S-1'],
    ['a title', 'Dr Thierry Ngoumba Essola', 'S-3'],
    ['a title and another order', 'Alhaji Dikko, Farouk Abdulrahim', 'S-4'],
  ])('%s is a normalised match', (_, name, entryId) => {
    expect(howOf(name)).toEqual([`${entryId} normalised`]);
  });

  test.each([['Mamadou Diallo'], ['Keta'], ['Farouk Bello'], ['Amina Wanjiku'], [''], ['   '], ['🙂']])('%j is nobody on it', (name) => {
    expect(howOf(name)).toEqual([]);
  });

  test.each([
    ['a middle name less', 'Mamadou Sanounou', 'S-1'],
    ['another spelling', 'Faruq Abdurahim Diko', 'S-4'],
    ['an initial', 'Thierry N. Essola', 'S-3'],
    ['a slip of the keyboard', 'Jelani Obote Wakhugnu', 'S-2'],
    ['another legal form', 'Zambezi Gold Trading Ltd', 'S-5'],
  ])('%s is similar, with its grounds', (_, name, entryId) => {
    expect(howOf(name)).toEqual([`${entryId} similar`]);
    const hit = sample.screen([name])[0]?.[0];
    expect(hit?.score).toBeGreaterThan(0.87);
    expect(hit?.grounds.length).toBeGreaterThan(1);
  });

  test('says that it is a sample', () => {
    expect(sample.sample).toBe(true);
    expect(sample.version).toMatch(/^CAPP-SAMPLE@2026-11-01#[0-9a-f]{12}$/);
    expect(sample.describe().text).toContain('sample of 5 invented entries');
  });
});

describe('hits', () => {
  test('come in the order of the names and never carry them', () => {
    const hits = sample.screen(['Amina Wanjiku', 'Farouk Abdulrahim Dikko', 'Essola Thierry Ngoumba']);
    expect(hits.map((each) => each.map((hit) => hit.entryId))).toEqual([[], ['S-4'], ['S-3']]);
    expect(JSON.stringify(hits)).not.toMatch(/farouk|dikko|essola/i);
  });

  test('one name may be several parties; the surer one comes first', () => {
    const list = listOf(entry('2', ['Ali Bello Musa']), entry('1', ['Musa Ali Bello']), entry('3', ['Nobody At All']));
    expect(list.screen(['Musa Ali Bello'])[0]?.map((hit) => [hit.entryId, hit.how])).toEqual([
      ['1', 'exact'],
      ['2', 'normalised'],
    ]);
  });

  test('an alias finds its party once, as surely as its best name does', () => {
    const list = listOf(entry('1', ['Ali Bello', 'Bello Ali'], { weakNames: ['Ali Bello'] }));
    expect(list.screen(['Ali Bello'])[0]).toMatchObject([{ entryId: '1', how: 'exact', weak: false }]);
  });

  test('a weak alias says that it is weak', () => {
    const list = listOf(entry('1', ['Ali Bello'], { weakNames: ['The Old Lion'] }));
    expect(list.screen(['the old lion'])[0]).toMatchObject([{ entryId: '1', weak: true }]);
  });

  test('one word alone is no exact match of a person, but of an organisation', () => {
    const list = listOf(entry('1', ['Rumuli']), entry('2', ['Aerocaribbean'], { type: 'entity' }));
    expect(list.screen(['Rumuli', 'Aerocaribbean']).map((each) => each[0]?.how)).toEqual(['normalised', 'exact']);
  });

  describe('of a party of whom more is known', () => {
    const known = { datesOfBirth: ['1971-03-04'], countries: ['Kenya'], ids: ['A-123456'] };
    const list = listOf(
      entry('1', ['Jefferson Otieno Wakulima'], { ...known, weakNames: ['The Old Lion'] }),
      entry('2', ['Ali Bello']),
      entry('3', ['Kivuland Minerals Trading'], { type: 'entity' }),
    );
    const asked = (name: string, details: PartyDetails) => list.screen([askedOf({ name, details })])[0];

    test('agree by class, which raises the score', () => {
      const [plain] = list.screen(['Jeferson Otieno Wakulma'])[0] ?? [];
      const [hit] = asked('Jeferson Otieno Wakulma', { dateOfBirth: '1971-03-04', nationality: 'KE' }) ?? [];
      expect(plain?.agreement).toBeUndefined();
      expect(hit).toMatchObject({ how: 'similar', agreement: { birth: 'same_day', country: 'same' } });
      expect(hit?.score).toBeGreaterThan(plain?.score ?? 1);
      expect(hit?.grounds).toEqual([...(plain?.grounds ?? []), 'born on the same day', 'same country']);
    });

    test('are kept when years lie between them, with a lower score, and say by how much at most', () => {
      const far = asked('Jeferson Otieno Wakulma', { dateOfBirth: '1999-01-01' })?.[0];
      expect(far).toMatchObject({ how: 'similar', agreement: { birth: 'far_apart' } });
      expect(far?.score).toBeLessThan(RECORD_SCORE);
      expect(asked('Jefferson Otieno Wakulima', { dateOfBirth: '1975' })?.[0]).toMatchObject({
        how: 'exact',
        score: 0.94,
        grounds: ['born 2 to 9 years apart'],
      });
      expect(asked('Otieno Wakulima Jefferson', { dateOfBirth: '1999' })?.[0]).toMatchObject({ how: 'normalised', score: 0.75 });
      expect(asked('the old lion', { document: { type: 'passport', number: 'a 123 456' } })?.[0]).toMatchObject({
        weak: true,
        agreement: { document: 'same' },
      });
    });

    test('say nothing where the list says nothing, and nothing of a value', () => {
      expect(asked('Ali Bello', { dateOfBirth: '1971-03-04', nationality: 'KE' })).toEqual(list.screen(['Ali Bello'])[0]);
      const all = ['1971-03-04', '1971', '1975', '1999'].map((dateOfBirth) =>
        asked('Jefferson Wakulima', { dateOfBirth, nationality: 'UG' }),
      );
      expect(JSON.stringify(all)).not.toMatch(/19\d\d|UG|Uganda|Kenya/);
    });

    test('somebody by another name who carries the document is found by it', () => {
      const hits = asked('Beatrice Mutoni', { document: { type: 'national_id', number: 'A123456' } });
      expect(hits).toMatchObject([{ entryId: '1', how: 'similar', agreement: { document: 'same' } }]);
    });

    test.each<[string, PartyDetails]>([
      ['Jeferson Otieno Wakulma', {}],
      ['Jeferson Otieno Wakulma', { dateOfBirth: '1971-03-04' }],
      ['Jeferson Otieno Wakulma', { nationality: 'UG' }],
      ['Kivuland Mineral Tradings', {}],
      ['Kivuland Mineral Tradings', { address: { town: 'Goma', country: 'CD' } }],
      ['Beatrice Mutoni', { document: { type: 'national_id', number: 'A123456' } }],
    ])('%s with %j is found alike, whatever a client says that it is', (name, said) => {
      const found = asked(name, said);
      expect(found).toHaveLength(1);
      expect(asked(name, { ...said, type: 'person' })).toEqual(found);
      expect(asked(name, { ...said, type: 'organisation' })).toEqual(found);
    });
  });

  test('ships and aircraft are not parties to a payment', () => {
    const list = listOf(entry('1', ['Princess Amina'], { type: 'vessel' }), entry('2', ['EP-GOM'], { type: 'aircraft' }));
    expect(list.screen(['Princess Amina', 'EP-GOM'])).toEqual([[], []]);
    expect(list.find('TEST', '1')?.type).toBe('vessel');
  });

  test('look-alike letters and invisible characters do not hide a name', () => {
    expect(howOf('Fаrоuk Abdul\u200brahim \u202eDikko')).toEqual(['S-4 exact']);
  });

  test('a name of 10,000 characters is nobody, quickly', () => {
    const startedAtMs = performance.now();
    expect(howOf('Dikko '.repeat(1_667))).toEqual([]);
    expect(howOf('x'.repeat(10_000))).toEqual([]);
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  });

  test('any order of a listed name is found, and any text is survived', () => {
    const words = ['farouk', 'abdulrahim', 'dikko'];
    fc.assert(
      fc.property(fc.shuffledSubarray(words, { minLength: 3 }), fc.string({ unit: 'binary', maxLength: 40 }), (shuffled, text) => {
        expect(howOf(shuffled.join(' '))).toEqual([shuffled.join() === words.join() ? 'S-4 exact' : 'S-4 normalised']);
        expect(howOf(text)).toEqual([]);
      }),
    );
  });
});

test('lists are described one by one, with what was passed over', () => {
  const list = createSanctionsList([{ name: 'TEST', version: 'TEST#1', file: 'a.jsonl', entries: [entry('1', ['A B', 'C D'])] }], {
    ignoredFiles: ['notes.csv'],
  });
  expect(list.describe()).toMatchObject({ sample: false, version: 'TEST#1', entries: 1, names: 2, ignoredFiles: ['notes.csv'] });
  expect(list.find('TEST', '1')?.names).toEqual(['A B', 'C D']);
  expect(list.find('TEST', '9')).toBeNull();
});
