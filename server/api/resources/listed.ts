/**
 * A listed party as officers see it, beside the name of the person who may be the party: whom the list means, and how
 * the two names meet word by word. Read from the lists in force whenever somebody looks; nothing of it is stored.
 */
import { z } from '@hono/zod-openapi';
import { askedOf } from '../../../tools/sanctions/asked.ts';
import type { SanctionsEntry } from '../../../tools/sanctions/entry.ts';
import type { SanctionsList } from '../../../tools/sanctions/list.ts';
import type { Person } from '../../../db/person-keys.ts';
import { PARTY_DETAIL_FIELDS } from '../../../domain/party.ts';
import { maskPhone } from '../../../domain/phone.ts';
import { explainMatch } from '../../../tools/sanctions/screening/screener.ts';

export const listedSchema = z
  .object({
    type: z.string(),
    names: z.array(z.string()).openapi({ description: 'The primary name first, then aliases.' }),
    weakNames: z.array(z.string()).openapi({ description: 'Aliases that the list itself calls unsure.' }),
    datesOfBirth: z.array(z.string()).openapi({ description: 'ISO 8601-2: `1953-07-05`, `1953`, `1953~` (about), `1953/1955` (between).' }),
    countries: z.array(z.string()),
    documents: z.array(z.string()).openapi({ description: 'Numbers of passports and other documents, as the list has them.' }),
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

/** A person as officers read them beside a listed party: the name in clear, the number masked, and what else their client said. */
export const shownPersonSchema = z
  .object({ name: z.string(), phone: z.string(), ...PARTY_DETAIL_FIELDS })
  .openapi('ShownPerson', { description: 'The name in clear, the number masked, and what else the client said of the party.' });

export function shownPerson({ name, phone, details }: Person): z.infer<typeof shownPersonSchema> {
  return { name, phone: maskPhone(phone), ...details };
}

/** Puts the listed party beside a person; null where it is on no list in force any more. */
export function besideListed(lists: ListLookup | undefined, list: string, entryId: string, person: Person): Beside {
  const entry = lists?.find(list, entryId) ?? null;
  if (lists === undefined || entry === null) return { listed: null, comparison: null };
  const match = lists.compare(askedOf(person), entry);
  return { listed: listedOut(entry, lists.version), comparison: match === null ? null : explainMatch(match) };
}

function listedOut(entry: SanctionsEntry, listVersion: string): NonNullable<Beside['listed']> {
  const { type, names, weakNames, datesOfBirth, countries, ids = [], program } = entry;
  return {
    type,
    names: [...names],
    weakNames: [...weakNames],
    datesOfBirth: [...datesOfBirth],
    countries: [...countries],
    documents: [...ids],
    program,
    listVersion,
  };
}
