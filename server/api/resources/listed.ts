/**
 * A listed party as officers see it, beside the name of the person who may be the party: whom the list means, and how
 * the two names meet word by word. Read from the lists in force whenever somebody looks; nothing of it is stored.
 */
import { z } from '@hono/zod-openapi';
import type { SanctionsEntry, SanctionsList } from '../../../tools/sanctions/list.ts';
import { explainMatch } from '../../../tools/sanctions/screening/screener.ts';

export const listedSchema = z
  .object({
    type: z.string(),
    names: z.array(z.string()).openapi({ description: 'The primary name first, then aliases.' }),
    weakNames: z.array(z.string()).openapi({ description: 'Aliases that the list itself calls unsure.' }),
    datesOfBirth: z.array(z.string()).openapi({ description: 'ISO 8601-2: `1953-07-05`, `1953`, `1953~` (about), `1953/1955` (between).' }),
    countries: z.array(z.string()),
    program: z.string(),
    listVersion: z.string().openapi({ description: 'The lists in force now, from which this was read.' }),
  })
  .nullable()
  .openapi('ListedParty');

export const comparisonSchema = z
  .string()
  .nullable()
  .openapi({ description: 'How the words of both names meet, word by word, by the spelling of the listed party that fits best.' });

/** What is needed of the lists in force. */
export type ListLookup = Pick<SanctionsList, 'compare' | 'find' | 'version'>;

interface Beside {
  readonly listed: z.infer<typeof listedSchema>;
  readonly comparison: string | null;
}

/** Puts the listed party beside a person's name; null where it is on no list in force any more. */
export function besideListed(lists: ListLookup | undefined, list: string, entryId: string, name: string): Beside {
  const entry = lists?.find(list, entryId) ?? null;
  if (lists === undefined || entry === null) return { listed: null, comparison: null };
  const match = lists.compare(name, entry);
  return { listed: listedOut(entry, lists.version), comparison: match === null ? null : explainMatch(match) };
}

function listedOut(entry: SanctionsEntry, listVersion: string): NonNullable<Beside['listed']> {
  const { type, names, weakNames, datesOfBirth, countries, program } = entry;
  return {
    type,
    names: [...names],
    weakNames: [...weakNames],
    datesOfBirth: [...datesOfBirth],
    countries: [...countries],
    program,
    listVersion,
  };
}
