/**
 * The list that serves a first start: five invented parties. It exists so that a demonstration has
 * somebody to refuse; it screens nobody real, and production does not run on it.
 */
import { digestOf } from '../../domain/ids.ts';
import type { LoadedList, SanctionsEntry } from './entry.ts';

const SAMPLE_NAME = 'CAPP-SAMPLE';
const SAMPLE_DATE = '2026-11-01';

function invented(entryId: string, type: 'person' | 'entity', name: string): SanctionsEntry {
  return { list: SAMPLE_NAME, entryId, type, names: [name], weakNames: [], program: 'CAPP-SAMPLE', datesOfBirth: [], countries: [] };
}

const ENTRIES: readonly SanctionsEntry[] = [
  invented('S-1', 'person', 'Mamadou Keta Sanounou'),
  invented('S-2', 'person', 'Jelani Obote Wakhungu'),
  invented('S-3', 'person', 'Thierry Ngoumba Essola'),
  invented('S-4', 'person', 'Farouk Abdulrahim Dikko'),
  invented('S-5', 'entity', 'Zambezi Gold Trading FZE'),
];

/** The built-in sample as a loaded list. */
export function sampleList(): LoadedList {
  const digest = digestOf(JSON.stringify(ENTRIES)).slice(0, 12);
  return { name: SAMPLE_NAME, version: `${SAMPLE_NAME}@${SAMPLE_DATE}#${digest}`, file: null, entries: ENTRIES };
}
