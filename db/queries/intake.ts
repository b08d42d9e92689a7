/** Storing payment intents: users, payments and their first events, set-wise. */
import type { Pool } from 'pg';
import { bigintArray, bytesArray, plainArray, textArray, uuidArray } from '../arrays.ts';
import { type Queryable, WITHOUT_DISK } from '../connect.ts';

/** A payment as it is first stored. */
export interface NewPayment {
  readonly id: string;
  readonly clientId: string;
  readonly referenceId: string;
  /** Keyed hash of the intent. */
  readonly fingerprint: Buffer;
  readonly batchId: string | null;
  readonly amountMinor: bigint;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly funding: string;
  readonly delivery: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly senderWallet: string;
  readonly receiverWallet: string;
  /** Ciphertext: each party under the data key of that person. */
  readonly parties: Buffer;
  readonly preference: string;
  readonly purpose: string;
  readonly quoteId: string | null;
  /** Who handed it in, of the client's people and programs; null when nobody showed a key. */
  readonly principal: string | null;
}

/** Somebody who may be stored already, under another id. */
export interface NewPerson {
  readonly candidateId: string;
  readonly clientId: string;
  readonly phoneIndex: Buffer;
  /** Name and number, under the data key. */
  readonly person: Buffer;
  /** The data key, wrapped. */
  readonly dataKey: Buffer;
  readonly country: string;
  readonly walletId: string;
}

/** Under which id a person is kept, and their wrapped data key; null when another process is about to give them one. */
export interface KnownPerson {
  readonly id: string;
  readonly dataKey: Buffer | null;
}

/**
 * Stores people whom we do not know yet and says under which id and data key each of them is kept, in the order
 * given. Sort by client and phone index, so that two callers never wait for each other in a circle.
 *
 * Does not wait for the disk: nobody is told of a person before a payment of theirs is durable, and then they are too.
 */
export async function storePeople(db: Pool, people: readonly NewPerson[], nowMs: number): Promise<KnownPerson[]> {
  const column = <T>(pick: (each: NewPerson) => T): T[] => people.map(pick);
  const added = await db.query<{ id: string }>({
    name: 'store_people',
    text: `insert into users (id, client_id, data_key, phone_index, person, country, wallet_id, created_at, updated_at, key_made_at)
      select id, client_id, data_key, phone_index, person, country, wallet_id, $8, $8, $8
      from ${WITHOUT_DISK}, unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
        as added(id, client_id, data_key, phone_index, person, country, wallet_id)
      on conflict (client_id, phone_index) do nothing returning id`,
    values: [
      uuidArray(column((each) => each.candidateId)),
      uuidArray(column((each) => each.clientId)),
      bytesArray(column((each) => each.dataKey)),
      bytesArray(column((each) => each.phoneIndex)),
      bytesArray(column((each) => each.person)),
      plainArray(column((each) => each.country)),
      plainArray(column((each) => each.walletId)),
      new Date(nowMs),
    ],
  });
  const addedIds = new Set(added.rows.map((row) => row.id));
  const rest = people.filter((each) => !addedIds.has(each.candidateId));
  const found = rest.length === 0 ? new Map<string, KnownPerson>() : await findPeople(db, rest);
  return people.map((each) => found.get(each.candidateId) ?? { id: each.candidateId, dataKey: each.dataKey });
}

/**
 * Who is kept, by the id they were to get. A statement of its own, so that it sees what others just committed. Whoever was stored
 * before people had data keys takes the one they were to get.
 */
async function findPeople(db: Pool, people: readonly NewPerson[]): Promise<Map<string, KnownPerson>> {
  const result = await db.query<KnownPerson & { candidateId: string }>({
    name: 'find_people',
    text: `with met as (
        select added.candidate_id, users.id, users.data_key, added.data_key as own_key
        from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) as added(candidate_id, client_id, phone_index, data_key)
        join users on users.client_id = added.client_id and users.phone_index = added.phone_index
      ), adopted as (
        update users set data_key = met.own_key from met
        where met.data_key is null and users.id = met.id and users.data_key is null and users.erased_at is null
        returning users.id, users.data_key
      )
      select met.candidate_id as "candidateId", met.id, coalesce(met.data_key, adopted.data_key) as "dataKey"
      from met left join adopted on adopted.id = met.id`,
    values: [
      people.map((each) => each.candidateId),
      people.map((each) => each.clientId),
      people.map((each) => each.phoneIndex),
      people.map((each) => each.dataKey),
    ],
  });
  return new Map(result.rows.map(({ candidateId, id, dataKey }) => [candidateId, { id, dataKey }]));
}

/** Somebody whose index was made by an older index key. */
export interface OlderIndex {
  readonly clientId: string;
  readonly phoneIndex: Buffer;
  readonly olderIndex: Buffer;
}

/** Gives people their index under the index key in use, where they are still kept under an older one. */
export async function reindexPeople(db: Queryable | Pool, people: readonly OlderIndex[]): Promise<number> {
  const result = await db.query({
    name: 'reindex_people',
    text: `update users set phone_index = given.phone_index
      from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as given(client_id, phone_index, older_index)
      where users.client_id = given.client_id and users.phone_index = given.older_index
        and not exists (select from users other where other.client_id = given.client_id and other.phone_index = given.phone_index)`,
    values: [people.map((each) => each.clientId), people.map((each) => each.phoneIndex), people.map((each) => each.olderIndex)],
  });
  return result.rowCount ?? 0;
}

/** Who handed payments in, by client; by payment where it was not the first one of that client. There are few clients among many payments. */
function causesOf(payments: readonly NewPayment[]): Readonly<Record<string, string>> {
  const first = new Map<string, string | null>();
  const causes: Record<string, string> = {};
  const causeOf = (principal: string | null): string => (principal === null ? 'client' : `principal:${principal}`);
  for (const { id, clientId, principal } of payments) {
    const known = first.get(clientId);
    if (known === principal) continue;
    if (known === undefined) first.set(clientId, principal);
    causes[known === undefined ? clientId : id] = causeOf(principal);
  }
  return causes;
}

/**
 * Stores payments with their first events, all or none, and says which of them were new. A reference
 * that its client used before is left as it is.
 */
export async function storePayments(db: Pool, payments: readonly NewPayment[], nowMs: number): Promise<Set<string>> {
  const column = <T>(pick: (each: NewPayment) => T): T[] => payments.map(pick);
  const result = await db.query<{ id: string }>({
    name: 'store_payments',
    text: `with stored as (
        insert into payments (id, client_id, reference_id, fingerprint, batch_id, amount, from_currency, to_currency, from_country,
          to_country, funding, delivery, sender_id, receiver_id, sender_wallet, receiver_wallet, parties, preference, purpose, quote_id,
          created_at, updated_at)
        select intent.*, $21, $21 from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::uuid[], $6::bigint[], $7::text[],
          $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::text[], $17::bytea[],
          $18::text[], $19::text[], $20::uuid[]) as intent
        on conflict (client_id, reference_id) do nothing
        returning id, client_id
      ), told as (
        insert into payment_events (client_id, payment_id, from_status, to_status, cause, created_at)
        select client_id, id, null, 'accepted', coalesce($22::jsonb ->> id::text, $22::jsonb ->> client_id::text, 'client'), $21 from stored
      )
      select id from stored`,
    values: [
      uuidArray(column((each) => each.id)),
      uuidArray(column((each) => each.clientId)),
      textArray(column((each) => each.referenceId)),
      bytesArray(column((each) => each.fingerprint)),
      uuidArray(column((each) => each.batchId)),
      bigintArray(column((each) => each.amountMinor)),
      plainArray(column((each) => each.fromCurrency)),
      plainArray(column((each) => each.toCurrency)),
      plainArray(column((each) => each.fromCountry)),
      plainArray(column((each) => each.toCountry)),
      plainArray(column((each) => each.funding)),
      plainArray(column((each) => each.delivery)),
      uuidArray(column((each) => each.senderId)),
      uuidArray(column((each) => each.receiverId)),
      plainArray(column((each) => each.senderWallet)),
      plainArray(column((each) => each.receiverWallet)),
      bytesArray(column((each) => each.parties)),
      plainArray(column((each) => each.preference)),
      plainArray(column((each) => each.purpose)),
      uuidArray(column((each) => each.quoteId)),
      new Date(nowMs),
      JSON.stringify(causesOf(payments)),
    ],
  });
  return new Set(result.rows.map((row) => row.id));
}

export interface KnownReference {
  readonly clientId: string;
  readonly referenceId: string;
  readonly paymentId: string;
  readonly fingerprint: Buffer;
  readonly createdAt: Date;
}

/** The payments that carry these references, for those that exist. */
export async function findReferences(
  db: Queryable | Pool,
  wanted: readonly { readonly clientId: string; readonly referenceId: string }[],
): Promise<KnownReference[]> {
  const result = await db.query<KnownReference>({
    name: 'find_references',
    text: `select p.client_id as "clientId", p.reference_id as "referenceId", p.id as "paymentId", p.fingerprint,
        p.created_at as "createdAt"
      from unnest($1::uuid[], $2::text[]) as wanted(client_id, reference_id)
      join payments p on p.client_id = wanted.client_id and p.reference_id = wanted.reference_id`,
    values: [wanted.map((each) => each.clientId), wanted.map((each) => each.referenceId)],
  });
  return result.rows;
}

/** Opens a batch; its counts follow when its last row has been worked through. */
export async function openBatch(
  db: Pool,
  batch: { readonly id: string; readonly clientId: string; readonly actor: string; readonly nowMs: number },
): Promise<void> {
  await db.query({
    name: 'open_batch',
    text: `with opened as (
        insert into intent_batches (id, client_id, rows_accepted, rows_rejected, created_at) values ($1, $2, 0, 0, $3) returning id
      )
      insert into audit_events (client_id, actor, action, subject, created_at) select $2, $4, 'batch.submitted', 'batch:' || id, $3 from opened`,
    values: [batch.id, batch.clientId, new Date(batch.nowMs), batch.actor],
  });
}

/** Writes down how many rows of a batch were taken and refused. */
export async function closeBatch(
  db: Pool,
  batchId: string,
  counts: { readonly accepted: number; readonly rejected: number },
): Promise<void> {
  await db.query({
    name: 'close_batch',
    text: 'update intent_batches set rows_accepted = $2, rows_rejected = $3 where id = $1',
    values: [batchId, counts.accepted, counts.rejected],
  });
}

export interface BatchRow {
  readonly id: string;
  readonly rowsAccepted: number;
  readonly rowsRejected: number;
  readonly createdAt: Date;
  /** Payments of the batch per status. */
  readonly byStatus: Readonly<Record<string, number>>;
}

/** A client's batch with its payments counted by status, or null. */
export async function findBatch(db: Pool, clientId: string, batchId: string): Promise<BatchRow | null> {
  const result = await db.query<BatchRow>({
    name: 'find_batch',
    text: `select b.id, b.rows_accepted as "rowsAccepted", b.rows_rejected as "rowsRejected", b.created_at as "createdAt",
      coalesce((select jsonb_object_agg(status, count) from
        (select status, count(*) from payments where batch_id = b.id group by status) counted), '{}') as "byStatus"
      from intent_batches b where b.id = $2 and b.client_id = $1`,
    values: [clientId, batchId],
  });
  return result.rows[0] ?? null;
}
