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
    createdAt: createdAt(),
    expiresAt: moment('expires_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [index('api_keys_client').on(table.clientId)],
);

/** Senders and receivers, one row per client and phone number. Phone and name are ciphertext. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** E.164 number, encrypted. */
    phone: bytea('phone').notNull(),
    /** Keyed hash of the number, for look-up by equality only. */
    phoneIndex: bytea('phone_index').notNull(),
    /** Full name as first given, encrypted. */
    name: bytea('name').notNull(),
    country: text('country').notNull(),
    walletId: text('wallet_id').notNull(),
    kycStatus: text('kyc_status').notNull().default('basic'),
    /** KYC tier by the country's own scheme, 0 is the lowest. */
    kycTier: integer('kyc_tier').notNull().default(1),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    unique('users_client_phone').on(table.clientId, table.phoneIndex),
    check('users_kyc_status', sql`${table.kycStatus} in ('none', 'basic', 'verified', 'rejected')`),
    check('users_kyc_tier', sql`${table.kycTier} between 0 and 9`),
  ],
);
