/** How people and programs get in besides API keys: logins, the keys that sign tokens, and what tokens were given out. */
import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment } from './columns.ts';
import { apiKeys, clients } from './parties.ts';

/** People who log in with a password and a second factor. */
export const logins = pgTable(
  'logins',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** Who it is, in the words of keys and of the audit log: `officer:amina`. Also the name that is typed in. */
    principal: text('principal').notNull().unique('logins_principal'),
    /** argon2id in PHC form; over it nobody can log in without guessing. */
    passwordHash: text('password_hash').notNull(),
    /** Of domain/roles.ts. */
    roles: text('roles').array().notNull(),
    /** The secret of the second factor, encrypted; null until it is enrolled. */
    totpSecret: bytea('totp_secret'),
    /** The last step whose code was taken: none is taken twice. */
    totpStep: bigint('totp_step', { mode: 'bigint' }).notNull().default(sql`0`),
    /** Wrong passwords and codes since the last right one. */
    failures: integer('failures').notNull().default(0),
    lockedUntil: moment('locked_until'),
    createdAt: createdAt(),
    lastUsedAt: moment('last_used_at'),
    disabledAt: moment('disabled_at'),
  },
  (table) => [check('logins_failures', sql`${table.failures} >= 0`), index('logins_client').on(table.clientId)],
);

/** Keys that sign access tokens. One signs; those before it are good for checking until what they signed has expired. */
export const signingKeys = pgTable('signing_keys', {
  kid: text('kid').primaryKey(),
  /** PKCS #8, encrypted. */
  privateKey: bytea('private_key').notNull(),
  publicJwk: jsonb('public_jwk').notNull().$type<Readonly<Record<string, string>>>(),
  createdAt: createdAt(),
  /** Since when another one signs. */
  retiredAt: moment('retired_at'),
});

/** A login that goes on by refresh tokens, each of which is used once; using one twice ends the family. */
export const tokenFamilies = pgTable(
  'token_families',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    loginId: uuid('login_id')
      .notNull()
      .references(() => logins.id),
    /** When the second factor was last shown. */
    secondFactorAt: moment('second_factor_at'),
    createdAt: createdAt(),
    expiresAt: moment('expires_at').notNull(),
    endedAt: moment('ended_at'),
    /** `logout`, `reused`, `disabled`. */
    endedBy: text('ended_by'),
  },
  (table) => [index('token_families_login').on(table.loginId).where(sql`${table.endedAt} is null`)],
);

export const refreshTokens = pgTable('refresh_tokens', {
  /** Peppered SHA-256 of the token. */
  hash: bytea('hash').primaryKey(),
  familyId: uuid('family_id')
    .notNull()
    .references(() => tokenFamilies.id),
  createdAt: createdAt(),
  usedAt: moment('used_at'),
});

/** Keys that people's authenticators keep for us. */
export const passkeys = pgTable(
  'passkeys',
  {
    credentialId: bytea('credential_id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    loginId: uuid('login_id')
      .notNull()
      .references(() => logins.id),
    publicJwk: jsonb('public_jwk').notNull().$type<Readonly<Record<string, string>>>(),
    /** How often it was used, as its authenticator counts; one that goes back was copied. */
    signCount: bigint('sign_count', { mode: 'bigint' }).notNull(),
    createdAt: createdAt(),
    lastUsedAt: moment('last_used_at'),
  },
  (table) => [index('passkeys_login').on(table.loginId)],
);

/** What an authenticator is asked to sign for a new key, once; and what was signed for logging in, so that it is good once. */
export const passkeyChallenges = pgTable(
  'passkey_challenges',
  {
    challenge: bytea('challenge').primaryKey(),
    /** Who makes a key with it; null: somebody has logged in with it. */
    loginId: uuid('login_id').references(() => logins.id),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [index('passkey_challenges_expiry').on(table.expiresAt)],
);

/** Access tokens that are no longer good though they have not expired. */
export const revokedTokens = pgTable(
  'revoked_tokens',
  {
    jti: uuid('jti').primaryKey(),
    expiresAt: moment('expires_at').notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('revoked_tokens_expiry').on(table.expiresAt)],
);

/** Keys with which a client signs its requests; we hold the public part. */
export const requestKeys = pgTable(
  'request_keys',
  {
    /** The thumbprint of the key (RFC 7638): the `keyid` of a signature. */
    id: text('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    publicJwk: jsonb('public_jwk').notNull().$type<Readonly<Record<string, string>>>(),
    createdAt: createdAt(),
  },
  (table) => [index('request_keys_client').on(table.clientId)],
);

/** Numbers of signed requests, each good once for as long as its signature lasts. */
export const requestNonces = pgTable(
  'request_nonces',
  {
    keyId: text('key_id').notNull(),
    nonce: text('nonce').notNull(),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.keyId, table.nonce] }), index('request_nonces_expiry').on(table.expiresAt)],
);

/** When a key was last used, to the minute; beside the keys, which are read far more often than this is written. */
export const apiKeyUses = pgTable(
  'api_key_uses',
  {
    keyId: uuid('key_id')
      .notNull()
      .references(() => apiKeys.id),
    lastUsedAt: moment('last_used_at').notNull(),
  },
  (table) => [unique('api_key_uses_key').on(table.keyId)],
);
