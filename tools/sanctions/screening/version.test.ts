import { expect, test } from 'vitest';
import { digestOf } from '../../../domain/ids.ts';
import type { SanctionsEntry } from '../entry.ts';
import { createScreener, type PartyQuery, SCREENER_VERSION } from './screener.ts';

/** What the version in force makes of the names below. When it differs, raise `SCREENER_VERSION` and put the new digest here. */
const SCORED = ['screener-2026.11.3', '0ffdef61b9fdb4c5bfe5a46d8f2fc57fdf3ca344f3749a96576f0d115193e2dd'];

function entry(entryId: string, names: readonly string[], more: Partial<SanctionsEntry> = {}): SanctionsEntry {
  return { list: 'T', entryId, type: 'person', names, weakNames: [], program: 'P', datesOfBirth: [], countries: [], ...more };
}

const LISTED = [
  entry('1', ['Jefferson Otieno Wakulima', 'Otieno Jeff'], { datesOfBirth: ['1961-03-04'], countries: ['Kenya'], ids: ['A-123456'] }),
  entry('2', ['Abd al-Rahman Muhammad Tabu Keza'], { weakNames: ['Abu Keza'] }),
  entry('3', ['محمد عبد الرحمن']),
  entry('4', ['Kivuland Minerals Trading Limited'], { type: 'entity' }),
  entry('5', ['Tadesse Gebre Mariam Wolde'], { topic: 'pep' }),
];

const NAMES = [
  'Jefferson Wakulima',
  'Jeferson Otieno Wakulma',
  'WAKULIMA, Jefferson O.',
  'Dr Jefferson Otieno Wakulima',
  'Abdurrahman Mohamed Tabu',
]
  .concat(['Abderrahmane Mahamadou Keza', 'Abu Keza', 'Mohammed Abdul Rahman', 'Mohamed Abderrahmane', 'KMT Ltd', 'Kivuland Minerals'])
  .concat(['Tadese Gebremariam', 'Taddesse Wolde', 'Otieno', 'Jane Wakulima', 'J O Wakulima', 'Jefersonotieno Wakulima']);

const MORE: readonly Partial<PartyQuery>[] = [
  {},
  { kind: 'person' },
  { kind: 'organisation' },
  { datesOfBirth: ['1961-03-04'] },
  { datesOfBirth: ['1961'], countries: ['KE'] },
  { datesOfBirth: ['1962'], countries: ['UG'] },
  { datesOfBirth: ['1967-01-01'] },
  { datesOfBirth: ['1999'] },
  { ids: ['a123456'] },
];

test('a change of any score is a new version of the screener', () => {
  const screener = createScreener(LISTED);
  const scores = NAMES.flatMap((name) =>
    MORE.map((more) =>
      screener
        .screenAll({ name, kind: null, ...more }, 0.5)
        .map(({ entry: { entryId }, score, nameScore, grounds }) => [entryId, score.toFixed(6), nameScore.toFixed(6), grounds]),
    ),
  );
  expect(scores.flat().length).toBeGreaterThan(100);
  expect([SCREENER_VERSION, digestOf(JSON.stringify(scores))]).toEqual(SCORED);
});
