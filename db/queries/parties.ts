/** How the parties of a payment are read, with the wrapped data keys of both people, by which alone they open; and how more of somebody is stored. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import type { SealedParties } from '../person-keys.ts';

/**
 * The columns of `SealedParties` for payments under an alias. Two look-ups by primary key; a person who was erased has no key.
 */
export function partiesColumns(payments: string): string {
  return `${payments}.parties, ${keyOf(`${payments}.sender_id`)} as "senderKey", ${keyOf(`${payments}.receiver_id`)} as "receiverKey"`;
}

function keyOf(userId: string): string {
  return `(select users.data_key from users where users.id = ${userId})`;
}

/** A held payment's parties as they are stored, and who they are. */
export interface SealedHeldParties extends SealedParties {
  readonly senderId: string;
  readonly receiverId: string;
}

/** The parties of a payment, locked for a change; null when it is not held any more. */
export async function lockHeldParties(tx: Queryable, clientId: string, paymentId: string): Promise<SealedHeldParties | null> {
  const result = await tx.query<SealedHeldParties>({
    name: 'lock_held_parties',
    text: `select p.sender_id as "senderId", p.receiver_id as "receiverId", ${partiesColumns('p')}
      from payments p where p.id = $2 and p.client_id = $1 and p.status = 'held' for no key update of p`,
    values: [clientId, paymentId],
  });
  return result.rows[0] ?? null;
}

/** Puts the locked parties of a held payment in place with more said of them. Its case must be marked for another screening before. */
export async function storeHeldParties(tx: Queryable, clientId: string, paymentId: string, parties: Buffer): Promise<void> {
  await tx.query(`set local capp.reseal = 'details'`);
  await tx.query({
    name: 'store_held_parties',
    text: 'update payments set parties = $3 where id = $2 and client_id = $1',
    values: [clientId, paymentId, parties],
  });
  await tx.query('set local capp.reseal = default');
}

/** Somebody as they are stored, under a data key of their own. */
export interface SealedKnown {
  readonly id: string;
  readonly person: Buffer;
  readonly dataKey: Buffer;
  readonly name: null;
  readonly phone: null;
}

/** Those of them who are kept under a data key: not whoever was erased, nor whoever was last seen before people had keys. */
export async function readSealedPeople(db: Queryable | Pool, userIds: readonly string[]): Promise<SealedKnown[]> {
  const result = await db.query<SealedKnown>({
    name: 'read_sealed_people',
    text: `select id, person, data_key as "dataKey", null as name, null as phone
      from users where id = any($1::uuid[]) and person is not null and data_key is not null`,
    values: [userIds],
  });
  return result.rows;
}

export interface CompletedPerson {
  readonly id: string;
  /** What was stored, and under which keys: whoever is stored otherwise by now is left as they are. */
  readonly before: Buffer;
  readonly dataKey: Buffer;
  readonly after: Buffer;
}

/** Stores more of people than was stored of them. Gives whose row was as it was read. */
export async function completePeople(db: Queryable | Pool, people: readonly CompletedPerson[]): Promise<Set<string>> {
  if (people.length === 0) return new Set();
  const result = await db.query<{ id: string }>({
    name: 'complete_people',
    text: `update users set person = given.after
      from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) as given(id, before, data_key, after)
      where users.id = any(array(select free.id from users free where free.id = any($1::uuid[]) order by free.id for update skip locked))
        and users.id = given.id and users.person = given.before and users.data_key = given.data_key
      returning users.id`,
    values: [
      people.map((each) => each.id),
      people.map((each) => each.before),
      people.map((each) => each.dataKey),
      people.map((each) => each.after),
    ],
  });
  return new Set(result.rows.map((row) => row.id));
}
