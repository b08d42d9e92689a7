/**
 * The people of payments on their way in: under which id each is kept, and under which key what is known of them is sealed.
 * Whoever was met lately costs no look-up. Whoever may be new gets an id and a key in advance; when the database knows them
 * after all, their party is sealed again under the key that is theirs.
 */
import type { Pool } from 'pg';
import type { Queryable } from '../db/connect.ts';
import type { Keyring } from '../db/keyring.ts';
import type { PersonKey } from '../db/person-keys.ts';
import { type NewPerson, reindexPeople, storePeople } from '../db/queries/intake.ts';
import { completePeople, readSealedPeople } from '../db/queries/parties.ts';
import { createCache } from '../domain/cache.ts';
import type { Clock } from '../domain/clock.ts';
import { newId } from '../domain/ids.ts';
import type { Party } from '../domain/intent.ts';
import { addDetails, type PartyDetails } from '../domain/party.ts';

/** Who somebody is kept as, and the key under which their data is sealed. */
export interface Known {
  readonly userId: string;
  readonly key: PersonKey;
  /** Which details are stored of them, by field; null while that was not looked up. */
  readonly told: ReadonlySet<string> | null;
}

/** A party of a payment, sealed under the key that is theirs as far as is known. */
export interface PreparedParty {
  readonly clientId: string;
  readonly personKey: string;
  readonly party: Party;
  readonly known: Known;
  readonly sealed: Buffer;
  /** What is stored of them if they turn out to be new; null for whoever was met. */
  readonly person: NewPerson | null;
}

export interface KnownPeople {
  /** Prepares a party. Pure but for randomness; stores nothing. */
  prepare(clientId: string, party: Party): PreparedParty;
  /**
   * Stores those of them who are new. Gives what each is known as, by `personKey`; whoever is missing is being given a key by
   * another process this moment, and is found with it the next time. Throws what the database throws.
   */
  settle(parties: readonly PreparedParty[], nowMs: number): Promise<ReadonlyMap<string, Known>>;
  /** The bytes of a party under what they are known as. */
  sealedFor(known: Known, prepared: PreparedParty): Buffer;
  /** Forgets everybody, so that all are looked up anew. */
  forget(): void;
}

const KNOWN_MAX = 50_000;
/** People are looked up anew after so long: their data may have gone over to another key meanwhile. */
const KNOWN_MS_MAX = 3_600_000;

/** Makes the memory of one process. */
export function createKnownPeople(deps: { readonly pool: Pool; readonly keyring: Keyring; readonly clock: Clock }): KnownPeople {
  const { pool, keyring, clock } = deps;
  const known = createCache<string, Known>('known_people', KNOWN_MAX);
  let sinceMs = clock.now();

  function prepare(clientId: string, party: Party): PreparedParty {
    const phoneIndex = keyring.blindIndex(party.phone, clientId);
    const personKey = `${clientId}${phoneIndex.toString('latin1')}`;
    const met = known.get(personKey);
    if (met !== undefined) {
      return { clientId, personKey, party, known: met, sealed: keyring.people.seal(met.key, party), person: null };
    }
    const { key, wrapped } = keyring.people.create();
    const { country, walletId } = party;
    const sealed = keyring.people.seal(key, party);
    const person = { candidateId: newId(), clientId, phoneIndex, person: sealed, dataKey: wrapped, country, walletId };
    const own = { userId: person.candidateId, key, told: fieldsOf(party.details) };
    return { clientId, personKey, party, known: own, sealed, person };
  }

  async function settle(parties: readonly PreparedParty[], nowMs: number): Promise<ReadonlyMap<string, Known>> {
    if (nowMs - sinceMs > KNOWN_MS_MAX) forget();
    const settled = new Map<string, Known>();
    const unknown = new Map<string, PreparedParty>();
    for (const each of parties) {
      const met = known.peek(each.personKey);
      if (met !== undefined) settled.set(each.personKey, met);
      else unknown.set(each.personKey, each.person === null ? prepare(each.clientId, each.party) : each);
    }
    if (unknown.size > 0) await meet(unknown, settled, nowMs);
    await complete(parties, settled);
    return settled;
  }

  /** Stores whoever is new, and finds the others. */
  async function meet(unknown: ReadonlyMap<string, PreparedParty>, settled: Map<string, Known>, nowMs: number): Promise<void> {
    const sorted = [...unknown.values()].sort((a, b) => (a.personKey < b.personKey ? -1 : 1));
    await reindex(pool, keyring, sorted);
    const kept = await storePeople(
      pool,
      sorted.flatMap(({ person }) => person ?? []),
      nowMs,
    );
    for (const [at, each] of sorted.entries()) {
      const { id, dataKey } = kept[at] ?? { id: '', dataKey: null };
      if (dataKey === null) continue;
      const now = id === each.known.userId ? each.known : { userId: id, key: keyring.people.current(dataKey), told: null };
      known.set(each.personKey, now);
      settled.set(each.personKey, now);
    }
  }

  /** Adds to what is stored of people what was not known of them yet. Costs nothing where nobody says anything new. */
  async function complete(parties: readonly PreparedParty[], settled: ReadonlyMap<string, Known>): Promise<void> {
    const added = new Map<string, { readonly personKey: string; details: PartyDetails }>();
    for (const { personKey, party } of parties) {
      const now = settled.get(personKey);
      if (party.details === undefined || now === undefined || isTold(now, party.details)) continue;
      const before = added.get(now.userId);
      added.set(now.userId, { personKey, details: addDetails(before?.details ?? {}, party.details) });
    }
    if (added.size === 0) return;
    for (const [userId, told] of await completeKnown(pool, keyring, new Map([...added].map(([id, { details }]) => [id, details])))) {
      const personKey = added.get(userId)?.personKey ?? '';
      const now = known.peek(personKey);
      if (now?.userId === userId) known.set(personKey, { ...now, told });
    }
  }

  function forget(): void {
    known.clear();
    sinceMs = clock.now();
  }

  const sealedFor = (now: Known, { known: before, sealed, party }: PreparedParty): Buffer =>
    now.key === before.key ? sealed : keyring.people.seal(now.key, party);

  return { prepare, settle, sealedFor, forget };
}

function fieldsOf(details: PartyDetails | undefined): ReadonlySet<string> {
  return new Set(Object.keys(details ?? {}));
}

function isTold({ told }: Known, details: PartyDetails): boolean {
  return told !== null && Object.keys(details).every((field) => told.has(field));
}

/**
 * Adds details to people, under the keys they have now. Gives which fields are stored of each; whoever changed in between is left out,
 * and is completed with their next payment.
 */
export async function completeKnown(
  db: Queryable | Pool,
  keyring: Keyring,
  added: ReadonlyMap<string, PartyDetails>,
): Promise<Map<string, ReadonlySet<string>>> {
  const people = await readSealedPeople(db, [...added.keys()]);
  const whole = people.map((sealed) => {
    const before = keyring.people.openPerson(sealed);
    const known = before.details ?? {};
    const details = addDetails(known, added.get(sealed.id) ?? {});
    const person = details !== known ? keyring.people.seal(keyring.people.current(sealed.dataKey), { ...before, details }) : null;
    return { ...sealed, after: person, told: fieldsOf(details) };
  });
  const changed = await completePeople(
    db,
    whole.flatMap(({ id, person, dataKey, after }) => (after === null ? [] : [{ id, before: person, dataKey, after }])),
  );
  return new Map(whole.flatMap(({ id, after, told }) => (after === null || changed.has(id) ? [[id, told]] : [])));
}

/** While an index key goes out of use, whoever is still kept under it is found by it and gets their new index. */
async function reindex(pool: Pool, keyring: Keyring, parties: readonly PreparedParty[]): Promise<void> {
  const older = parties.flatMap(({ clientId, party, person }) => {
    if (person === null) return [];
    return keyring.olderIndexes(party.phone, clientId).map((olderIndex) => ({ clientId, phoneIndex: person.phoneIndex, olderIndex }));
  });
  if (older.length > 0) await reindexPeople(pool, older);
}
