/** Who uses CAPP: clients (the tenants), their API keys, and the people who send and receive. */
import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment, updatedAt } from './columns.ts';

export const clients = pgTable('clients', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull().unique('clients_name'),
  createdAt: createdAt(),
});

export const apiKeys = pgTable(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** Who holds the key: a stable name such as `officer:amina`; makers and checkers are told apart by it. */
    principal: text('principal').notNull(),
    /** The public part of the key, by which it is found. */
    prefix: text('prefix').notNull().unique('api_keys_prefix'),
    /** Peppered SHA-256 of the secret part. */
    secretHash: bytea('secret_hash').notNull(),
    scopes: text('scopes').array().notNull(),
    /** The key that every request by this one must be signed with, of `request_keys`; null: none has to be. */
    requestKeyId: text('request_key_id'),
    createdAt: createdAt(),
    expiresAt: moment('expires_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [index('api_keys_client').on(table.clientId)],
);

/** Senders and receivers, one row per client and phone number. Who they are is ciphertext under a key of their own. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** Name and E.164 number as first given, one JSON object under the person's data key. */
    person: bytea('person'),
    /** The person's data key, wrapped; while their data goes over to a new one, both, the newer first. Gone once they are erased. */
    dataKey: bytea('data_key'),
    /** E.164 number, encrypted under the field key: rows from before people had data keys. */
    phone: bytea('phone'),
    /** Keyed hash of the number, for look-up by equality only. */
    phoneIndex: bytea('phone_index').notNull(),
    /** Full name as first given, likewise. */
    name: bytea('name'),
    country: text('country').notNull(),
    walletId: text('wallet_id').notNull(),
    kycStatus: text('kyc_status').notNull().default('basic'),
    /** KYC tier by the country's own scheme, 0 is the lowest. */
    kycTier: integer('kyc_tier').notNull().default(1),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    /** When the data key was made; it is replaced by age. */
    keyMadeAt: moment('key_made_at').notNull().default(sql`now()`),
    /**
     * When the registry on the chain is to be told of them next: at once when a trigger of this table has seen that what it was told no longer
     * holds, before an attestation ends, or never.
     */
    registryDueAt: moment('registry_due_at'),
    /** When the person's data was made unreadable for good. */
    erasedAt: moment('erased_at'),
  },
  (table) => [
    check(
      'users_erased',
      sql`${table.erasedAt} is null or (${table.dataKey} is null and ${table.person} is null and ${table.name} is null and ${table.phone} is null)`,
    ),
    unique('users_client_phone').on(table.clientId, table.phoneIndex),
    index('users_registry_due').on(table.registryDueAt).where(sql`${table.registryDueAt} is not null`),
    check('users_kyc_status', sql`${table.kycStatus} in ('none', 'basic', 'verified', 'rejected')`),
    check('users_kyc_tier', sql`${table.kycTier} between 0 and 9`),
  ],
);
