/** What an entry of a list says, as one digest: whoever said something of the entry said it of that. Pure. */
import { canonicalJson } from '../../domain/canonical.ts';
import { digestOf } from '../../domain/ids.ts';
import type { SanctionsEntry } from '../../tools/sanctions/entry.ts';

/** SHA-256 of what an entry says of the party: whether they are listed or hold an office, and what tells them from a namesake. */
export function digestOfEntry(entry: SanctionsEntry | null): string {
  if (entry === null) return digestOf('');
  const { type, topic = 'sanction', ids = [] } = entry;
  // The order in which an edition has them says nothing.
  const [names, weakNames] = [entry.names.toSorted(), entry.weakNames.toSorted()];
  const [datesOfBirth, countries] = [entry.datesOfBirth.toSorted(), entry.countries.toSorted()];
  return digestOf(canonicalJson({ type, topic, names, weakNames, datesOfBirth, countries, ids: ids.toSorted() }));
}
