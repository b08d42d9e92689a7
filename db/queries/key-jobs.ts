/** Jobs that walk over everybody: their place, and the rows they read and write. Every write names what it expects to find. */
import type { Queryable } from '../connect.ts';
import type { SealedPerson } from '../person-keys.ts';

export type KeyJobKind = 'wrap' | 'data' | 'index';

export interface KeyJob {
  readonly id: string;
  readonly kind: KeyJobKind;
  readonly lastUserId: string | null;
  readonly passes: number;
  readonly looked: bigint;
  readonly changed: bigint;
  readonly passChanged: bigint;
  readonly startedAt: Date;
}

const JOB_COLUMNS = `id, kind, last_user_id as "lastUserId", passes, looked, changed, pass_changed as "passChanged", started_at as "startedAt"`;

/** Begins a job of a kind, unless one is under way. */
export async function beginKeyJob(
  db: Queryable,
  job: { readonly id: string; readonly kind: KeyJobKind; readonly nowMs: number },
): Promise<void> {
  await db.query({
    name: 'begin_key_job',
    text: `insert into key_jobs (id, kind, started_at, updated_at) values ($1, $2, $3, $3) on conflict (kind) where finished_at is null do nothing`,
    values: [job.id, job.kind, new Date(job.nowMs)],
  });
}

/** Takes the job of a kind that is under way, for this transaction; null when there is none, or another process has it. */
export async function takeKeyJob(tx: Queryable, kind: KeyJobKind): Promise<KeyJob | null> {
  const { rows } = await tx.query<KeyJob>({
    name: 'take_key_job',
    text: `select ${JOB_COLUMNS} from key_jobs where kind = $1 and finished_at is null for update skip locked`,
    values: [kind],
  });
  return rows[0] ?? null;
}

export interface KeyJobStep {
  readonly lastUserId: string | null;
  readonly looked: number;
  readonly changed: number;
  /** `on`: more people follow; `again`: another pass begins; `done`: the job is over. */
  readonly next: 'on' | 'again' | 'done';
  readonly nowMs: number;
}

/** Writes down how far a job came. */
export async function advanceKeyJob(tx: Queryable, job: KeyJob, step: KeyJobStep): Promise<void> {
  await tx.query({
    name: 'advance_key_job',
    text: `update key_jobs set last_user_id = case when $6 = 'again' then null else $2::uuid end, looked = looked + $3, changed = changed + $4,
        pass_changed = case when $6 = 'again' then 0 else pass_changed + $4 end, passes = passes + case when $6 = 'again' then 1 else 0 end,
        updated_at = $5, finished_at = case when $6 = 'done' then $5::timestamptz end
      where id = $1 and finished_at is null`,
    values: [job.id, step.lastUserId, step.looked, step.changed, new Date(step.nowMs), step.next],
  });
}

/** The newest job of each kind, for people to see. */
export async function listKeyJobs(db: Queryable): Promise<(KeyJob & { readonly finishedAt: Date | null })[]> {
  const { rows } = await db.query<KeyJob & { finishedAt: Date | null }>(
    `select distinct on (kind) ${JOB_COLUMNS}, finished_at as "finishedAt" from key_jobs order by kind, started_at desc`,
  );
  return rows;
}

/** People by the key that wraps theirs (null: they have none yet), and how many have an old data key besides. */
export async function countPersonKeys(db: Queryable): Promise<{ wrappedBy: number | null; people: bigint; withOlder: bigint }[]> {
  const { rows } = await db.query<{ wrappedBy: number | null; people: bigint; withOlder: bigint }>(
    `select get_byte(data_key, 0) as "wrappedBy", count(*) as people, count(*) filter (where length(data_key) > 62) as "withOlder"
     from users where erased_at is null group by 1 order by 1`,
  );
  return rows;
}

export interface KeyedPerson extends SealedPerson {
  readonly id: string;
  readonly clientId: string;
  readonly phoneIndex: Buffer;
  readonly keyMadeAt: Date;
}

const PERSON_COLUMNS = `id, client_id as "clientId", data_key as "dataKey", person, name, phone, phone_index as "phoneIndex", key_made_at as "keyMadeAt"`;

/** The next people in the order of their ids, without those who were erased. */
export async function readKeyedPeople(db: Queryable, afterId: string | null, limit: number): Promise<KeyedPerson[]> {
  const { rows } = await db.query<KeyedPerson>({
    name: 'read_keyed_people',
    text: `select ${PERSON_COLUMNS} from users where erased_at is null and ($1::uuid is null or id > $1) order by id limit $2`,
    values: [afterId, limit],
  });
  return rows;
}

/** People with these ids, without those who were erased. */
export async function findKeyedPeople(db: Queryable, ids: readonly string[]): Promise<KeyedPerson[]> {
  const { rows } = await db.query<KeyedPerson>({
    name: 'find_keyed_people',
    text: `select ${PERSON_COLUMNS} from users where erased_at is null and id = any($1::uuid[]) order by id`,
    values: [ids],
  });
  return rows;
}

/** People whose data key was followed by another before a moment, and who still have both. */
export async function findOlderKeyed(db: Queryable, madeBefore: Date, limit: number): Promise<KeyedPerson[]> {
  const { rows } = await db.query<KeyedPerson>({
    name: 'find_older_keyed',
    text: `select ${PERSON_COLUMNS} from users where length(data_key) > 62 and key_made_at <= $1 order by id limit $2`,
    values: [madeBefore, limit],
  });
  return rows;
}

export interface KeyChange {
  readonly id: string;
  readonly before: Buffer | null;
  readonly dataKey: Buffer;
  /** The person as read and anew under it; null leaves what is stored. */
  readonly person: { readonly before: Buffer | null; readonly anew: Buffer } | null;
  /** When the data key was made, if it is a new one. */
  readonly madeAtMs: number | null;
}

/** Puts other wrapped keys in place, where those, and the person if sealed anew, are still there that were read. Gives how many. */
export async function changePersonKeys(db: Queryable, changes: readonly KeyChange[]): Promise<number> {
  const result = await db.query({
    name: 'change_person_keys',
    text: `update users set data_key = given.data_key, person = coalesce(given.person, users.person),
        name = case when given.person is null then users.name end, phone = case when given.person is null then users.phone end,
        key_made_at = coalesce(given.made_at, users.key_made_at)
      from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::bytea[])
        as given(id, before, data_key, person, made_at, person_before)
      where users.id = any(array(select free.id from users free where free.id = any($1::uuid[]) order by free.id for update skip locked))
        and users.id = given.id and users.data_key is not distinct from given.before and users.erased_at is null
        and (given.person is null or users.person is not distinct from given.person_before)`,
    values: [
      changes.map((each) => each.id),
      changes.map((each) => each.before),
      changes.map((each) => each.dataKey),
      changes.map((each) => each.person?.anew ?? null),
      changes.map((each) => (each.madeAtMs === null ? null : new Date(each.madeAtMs))),
      changes.map((each) => each.person?.before ?? null),
    ],
  });
  return result.rowCount ?? 0;
}

export interface SealedPayment {
  readonly id: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly parties: Buffer;
  readonly senderKey: Buffer | null;
  readonly receiverKey: Buffer | null;
}

/** Ids of payments in which any of these people is, in their order, from after one on. */
export async function findPaymentIdsOf(
  db: Queryable,
  userIds: readonly string[],
  afterId: string | null,
  limit: number,
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find_payment_ids_of',
    text: `select id from payments where sender_id = any($1::uuid[]) and ($2::uuid is null or id > $2)
      union select id from payments where receiver_id = any($1::uuid[]) and ($2::uuid is null or id > $2) order by id limit $3`,
    values: [userIds, afterId, limit],
  });
  return rows.map(({ id }) => id);
}

/** Payments with these ids, and the keys of their two parties. */
export async function readSealedPayments(db: Queryable, ids: readonly string[]): Promise<SealedPayment[]> {
  const { rows } = await db.query<SealedPayment>({
    name: 'read_sealed_payments',
    text: `select p.id, p.sender_id as "senderId", p.receiver_id as "receiverId", p.parties, s.data_key as "senderKey", r.data_key as "receiverKey"
      from payments p join users s on s.id = p.sender_id join users r on r.id = p.receiver_id where p.id = any($1::uuid[])`,
    values: [ids],
  });
  return rows;
}

/** Puts the same parties in place under other keys, where the bytes are still there that were read, and nobody holds the row. Gives how many. */
export async function resealPayments(
  tx: Queryable,
  changes: readonly { readonly id: string; readonly before: Buffer; readonly parties: Buffer }[],
): Promise<number> {
  await tx.query(`set local capp.reseal = 'on'`);
  const result = await tx.query({
    name: 'reseal_payments',
    // Found by their ids whatever the planner was last told of the table.
    text: `update payments set parties = given.parties
      from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as given(id, before, parties)
      where payments.id = any(array(select free.id from payments free where free.id = any($1::uuid[]) order by free.id for update skip locked))
        and payments.id = given.id and payments.parties = given.before`,
    values: [changes.map((each) => each.id), changes.map((each) => each.before), changes.map((each) => each.parties)],
  });
  await tx.query('set local capp.reseal = default');
  return result.rowCount ?? 0;
}

/**
 * Gives people another index, where the one that was read is still there. Somebody whom a process with other keys stored again under that
 * index keeps the one they have, by which they are found too. Gives how many.
 */
export async function changeIndexes(
  db: Queryable,
  changes: readonly { readonly id: string; readonly before: Buffer; readonly phoneIndex: Buffer }[],
): Promise<number> {
  const result = await db.query({
    name: 'change_indexes',
    text: `update users set phone_index = given.phone_index from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as given(id, before, phone_index)
      where users.id = given.id and users.phone_index = given.before and users.erased_at is null
        and not exists (select from users other where other.client_id = users.client_id and other.phone_index = given.phone_index)`,
    values: [changes.map((each) => each.id), changes.map((each) => each.before), changes.map((each) => each.phoneIndex)],
  });
  return result.rowCount ?? 0;
}
