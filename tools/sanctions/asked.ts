/** Whom to look for on the lists: a name alone, or a party with what else is known of it. */
import type { PartyDetails } from '../../domain/party.ts';
import type { PartyQuery } from './screening/screener.ts';

export type Asked = string | PartyQuery;

/**
 * A party as its client told of it. Whoever is known by name alone is looked for by it, as before; what no list can be held against,
 * the place of birth, counts as nothing said. So does the type: each kind of party is looked for among its own, and a listed person
 * whom a client calls an organisation would not be found.
 */
export function askedOf({ name, details }: { readonly name: string; readonly details?: PartyDetails }): Asked {
  if (details === undefined) return name;
  const { dateOfBirth, nationality, address, document } = details;
  const countries = [nationality, address?.country].filter((country) => country !== undefined);
  if (dateOfBirth === undefined && document === undefined && countries.length === 0) return name;
  return {
    name,
    kind: null,
    ...(dateOfBirth === undefined ? {} : { datesOfBirth: [dateOfBirth] }),
    ...(countries.length === 0 ? {} : { countries }),
    ...(document === undefined ? {} : { ids: [document.number] }),
  };
}

/** The same as a query of the screener. */
export function queryOf(asked: Asked): PartyQuery {
  return typeof asked === 'string' ? { name: asked, kind: null } : asked;
}
