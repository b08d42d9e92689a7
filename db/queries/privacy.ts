/** What is kept of one person, and how it is made unreadable: reading, holding and erasing. */
import type { Queryable } from '../connect.ts';
import { LEFT_PAYMENTS, NOBODY_HELD } from './holds.ts';
import type { KeyedPerson } from './key-jobs.ts';

export interface PersonRecord extends KeyedPerson {
  readonly country: string;
  readonly walletId: string;
  readonly kycStatus: string;
  readonly kycTier: number;
  readonly createdAt: Date;
  readonly erasedAt: Date | null;
}

/** A person by id, erased or not, or null. */
export async function findPerson(db: Queryable, userId: string): Promise<PersonRecord | null> {
  const { rows } = await db.query<PersonRecord>({
    name: 'find_person',
    text: `select id, client_id as "clientId", data_key as "dataKey", person, name, phone, phone_index as "phoneIndex", key_made_at as "keyMadeAt",
        country, wallet_id as "walletId", kyc_status as "kycStatus", kyc_tier as "kycTier", created_at as "createdAt", erased_at as "erasedAt"
      from users where id = $1`,
    values: [userId],
  });
  return rows[0] ?? null;
}

/** Ids under which a number is kept, by the index it has within each client. */
export async function findPeopleByIndex(
  db: Queryable,
  wanted: readonly { readonly clientId: string; readonly phoneIndex: Buffer }[],
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find_people_by_index',
    text: `select users.id from unnest($1::uuid[], $2::bytea[]) as wanted(client_id, phone_index)
      join users on users.client_id = wanted.client_id and users.phone_index = wanted.phone_index order by users.id`,
    values: [wanted.map((each) => each.clientId), wanted.map((each) => each.phoneIndex)],
  });
  return rows.map(({ id }) => id);
}

export interface PersonPayment {
  readonly id: string;
  readonly role: 'sender' | 'receiver';
  readonly referenceId: string;
  readonly status: string;
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly targetAmount: bigint | null;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly purpose: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Both parties, sealed, and the person's own key, by which their side alone opens. */
  readonly parties: Buffer;
  readonly ownKey: Buffer | null;
}

/** Every payment of a person, oldest first; one to oneself stands twice. */
export async function listPersonPayments(db: Queryable, userId: string): Promise<PersonPayment[]> {
  const columns = `id, reference_id as "referenceId", status, amount, from_currency as "fromCurrency", target_amount as "targetAmount",
    to_currency as "toCurrency", from_country as "fromCountry", to_country as "toCountry", purpose, created_at as "createdAt", updated_at as "updatedAt",
    parties, (select users.data_key from users where users.id = $1) as "ownKey"`;
  const { rows } = await db.query<PersonPayment>({
    name: 'list_person_payments',
    text: `select 'sender' as role, ${columns} from payments where sender_id = $1
      union all select 'receiver', ${columns} from payments where receiver_id = $1 order by "createdAt", id`,
    values: [userId],
  });
  return rows;
}

/** Taken by whoever erases, and together by all who store payments: `check_payment_parties` in the database names it too. */
const ERASURE_LOCK = 7_263_006;

/** Keeps a person as they are until the transaction ends: no hold is placed and no payment of theirs begun meanwhile. False when they are not kept. */
export async function lockPerson(tx: Queryable, userId: string): Promise<boolean> {
  // Alone in its statement: what is looked at next must see the payments that were waited for.
  await tx.query('select pg_advisory_xact_lock($1)', [ERASURE_LOCK]);
  const { rowCount } = await tx.query({
    name: 'lock_person',
    text: 'select from users where id = $1 and erased_at is null for update',
    values: [userId],
  });
  return rowCount === 1;
}

/** What holds a person's data, beside the years of the law: holds in force and cases that are open. */
export async function countHolds(db: Queryable, userId: string): Promise<{ readonly holds: number; readonly openCases: number }> {
  const { rows } = await db.query<{ holds: number; openCases: number }>({
    name: 'count_holds',
    text: `select (select count(*)::int from legal_holds where user_id = $1 and lifted_at is null) as holds,
      (select count(*)::int from cases c join payments p on p.id = c.payment_id
        where (p.sender_id = $1 or p.receiver_id = $1) and c.status in ('open', 'deciding', 'waiting')) as "openCases"`,
    values: [userId],
  });
  return rows[0] ?? { holds: 0, openCases: 0 };
}

/** Destroys the data keys of a person and what finds them, here and on the settlement chain. False when they were erased before, or their row changed since it was read. */
export async function shredPerson(
  tx: Queryable,
  person: { readonly id: string; readonly dataKey: Buffer | null },
  nowMs: number,
): Promise<boolean> {
  const result = await tx.query({
    name: 'shred_person',
    text: `with shredded as (
        update users set data_key = null, person = null, name = null, phone = null, erased_at = $3, updated_at = $3,
          phone_index = decode(replace(gen_random_uuid()::text, '-', ''), 'hex')
        where id = $1 and erased_at is null and data_key is not distinct from $2 returning id
      ), unsalted as (
        update registry_subjects set salt = null where user_id in (select id from shredded)
      )
      select from shredded`,
    values: [person.id, person.dataKey, new Date(nowMs)],
  });
  return result.rowCount === 1;
}

/**
 * Deletes what stands about a person's payments under keys of the platform: what operators said, their handles, numbers of texts. Leaves
 * out what operators said about payments with somebody whom a hold is in force for; see `clearLeftTraces`. Gives counts.
 */
export async function clearTraces(
  tx: Queryable,
  userId: string,
  subscriberIndexes: readonly Buffer[],
): Promise<Readonly<Record<string, number>>> {
  const own = `select a.id from attempts a where a.payment_id in
    (select p.id from payments p where p.sender_id = $1 and ${NOBODY_HELD} union select p.id from payments p where p.receiver_id = $1 and ${NOBODY_HELD})`;
  const callbacks = await tx.query({
    name: 'clear_callbacks',
    text: `delete from operator_callbacks where processed_at is not null and attempt_id in (${own})`,
    values: [userId],
  });
  const answers = await tx.query({
    name: 'clear_answers',
    text: `delete from operator_answers where attempt_id in (${own})`,
    values: [userId],
  });
  const handles = await tx.query({
    name: 'clear_handles',
    text: `update attempts set operator_handle = null where operator_handle is not null and id in (${own})`,
    values: [userId],
  });
  const texts = await tx.query({
    name: 'clear_texts',
    text: `update sms_messages set phone_index = null where phone_index = any($1::bytea[])`,
    values: [subscriberIndexes],
  });
  const subscribers = await tx.query({
    name: 'clear_subscribers',
    text: `delete from subscribers where phone_index = any($1::bytea[]) and opted_out_at is null`,
    values: [subscriberIndexes],
  });
  // That somebody wants no texts is remembered by the hash of the number alone.
  await tx.query({
    name: 'clear_names',
    text: `update subscribers set name = null where phone_index = any($1::bytea[])`,
    values: [subscriberIndexes],
  });
  const sessions = await tx.query({
    name: 'clear_sessions',
    text: `delete from ussd_sessions where phone_index = any($1::bytea[])`,
    values: [subscriberIndexes],
  });
  return {
    callbacks: callbacks.rowCount ?? 0,
    answers: answers.rowCount ?? 0,
    handles: handles.rowCount ?? 0,
    texts: texts.rowCount ?? 0,
    subscribers: subscribers.rowCount ?? 0,
    sessions: sessions.rowCount ?? 0,
  };
}

/** Deletes what operators said and `clearTraces` left, once no hold is in force any more. Gives how much. */
export async function clearLeftTraces(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ cleared: number }>({
    name: 'clear_left_traces',
    text: `with ${LEFT_PAYMENTS},
        freed as (select a.id from attempts a where a.payment_id in (select id from left_payments)),
        callbacks as (
          delete from operator_callbacks where processed_at is not null and attempt_id in (select id from freed) returning 1
        ), answers as (
          delete from operator_answers where attempt_id in (select id from freed) returning 1
        ), handles as (
          update attempts set operator_handle = null where operator_handle is not null and id in (select id from freed) returning 1
        )
      select ((select count(*) from callbacks) + (select count(*) from answers) + (select count(*) from handles))::int as cleared`,
    values: [],
  });
  return rows[0]?.cleared ?? 0;
}

/** Holds a person's data against erasure. False when they were erased. */
export async function placeHold(
  tx: Queryable,
  hold: { readonly id: string; readonly userId: string; readonly reference: string; readonly actor: string; readonly nowMs: number },
): Promise<boolean> {
  // Who is just being erased is waited for.
  const { rowCount } = await tx.query({
    name: 'place_hold',
    text: `with kept as (select id from users where id = $2 and erased_at is null for share)
      insert into legal_holds (id, user_id, reference, placed_by, placed_at) select $1, id, $3, $4, $5 from kept`,
    values: [hold.id, hold.userId, hold.reference, hold.actor, new Date(hold.nowMs)],
  });
  return rowCount === 1;
}

/** Lifts a hold; gives whose it was, or null when none is in force under that id. */
export async function liftHold(tx: Queryable, holdId: string, actor: string, nowMs: number): Promise<string | null> {
  const { rows } = await tx.query<{ userId: string }>({
    name: 'lift_hold',
    text: `update legal_holds set lifted_by = $2, lifted_at = $3 where id = $1 and lifted_at is null returning user_id as "userId"`,
    values: [holdId, actor, new Date(nowMs)],
  });
  return rows[0]?.userId ?? null;
}

/** Candidates for erasure: people without a payment since a moment, without hold, in the order of their ids. */
export async function listDormantPeople(db: Queryable, before: Date, afterId: string | null, limit: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'list_dormant_people',
    text: `select u.id from users u where u.erased_at is null and u.created_at < $1 and ($2::uuid is null or u.id > $2)
        and not exists (select from payments p where p.sender_id = u.id and p.created_at >= $1)
        and not exists (select from payments p where p.receiver_id = u.id and p.created_at >= $1)
        and not exists (select from legal_holds h where h.user_id = u.id and h.lifted_at is null)
      order by u.id limit $3`,
    values: [before, afterId, limit],
  });
  return rows.map(({ id }) => id);
}
