/** Mandates to spend, and what was spent under them. */
import { sql } from 'drizzle-orm';
import { type AnyPgColumn, check, index, jsonb, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core';
import type { SpendPolicy } from '../../domain/spend-policy.ts';
import { bytea, minorUnits, moment } from './columns.ts';
import { requestKeys } from './access.ts';
import { clients } from './parties.ts';

/** Somebody's word that a principal may spend within a policy. Whoever ever held one spends under mandates only. */
export const mandates = pgTable(
  'mandates',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** The mandate it was handed on from. */
    parentId: uuid('parent_id').references((): AnyPgColumn => mandates.id),
    depth: smallint('depth').notNull(),
    holder: text('holder').notNull(),
    issuer: text('issuer').notNull(),
    /** Payees stand in it as blind indexes. */
    policy: jsonb('policy').notNull().$type<SpendPolicy>(),
    notBefore: moment('not_before').notNull(),
    expiresAt: moment('expires_at').notNull(),
    createdAt: moment('created_at').notNull(),
    /** A keyed hash over all of the above. */
    seal: bytea('seal').notNull(),
    revokedBy: text('revoked_by'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [
    check('mandates_time', sql`${table.expiresAt} > ${table.notBefore}`),
    check('mandates_parties', sql`${table.holder} <> ${table.issuer}`),
    check('mandates_depth', sql`${table.depth} between 1 and 4 and (${table.depth} = 1) = (${table.parentId} is null)`),
    check('mandates_revoked', sql`(${table.revokedAt} is null) = (${table.revokedBy} is null)`),
    index('mandates_holder').on(table.clientId, table.holder),
    index('mandates_parent').on(table.parentId),
  ],
);

/**
 * A mandate signed with a key of its holder or its issuer. Whoever has a key registered signs what binds them; without their signature
 * nothing is spent under it.
 */
export const mandateSignatures = pgTable(
  'mandate_signatures',
  {
    mandateId: uuid('mandate_id')
      .notNull()
      .references(() => mandates.id),
    /** As `holder` or as `issuer`. */
    role: text('role').notNull(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    principal: text('principal').notNull(),
    keyId: text('key_id')
      .notNull()
      .references(() => requestKeys.id),
    signature: bytea('signature').notNull(),
    signedAt: moment('signed_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.mandateId, table.role] }),
    check('mandate_signatures_role', sql`${table.role} in ('holder', 'issuer')`),
    check('mandate_signatures_ed25519', sql`length(${table.signature}) = 64`),
  ],
);

/**
 * A payment counted against a mandate, and one row more for each mandate above it. It is written before the payment, which is known by
 * reference and fingerprint together.
 */
export const mandateSpends = pgTable(
  'mandate_spends',
  {
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    referenceId: text('reference_id').notNull(),
    mandateId: uuid('mandate_id')
      .notNull()
      .references(() => mandates.id),
    /** The keyed hash of the intent that its payment has as well. */
    fingerprint: bytea('fingerprint').notNull(),
    amount: minorUnits('amount').notNull(),
    currency: text('currency').notNull(),
    /** Blind index of the payee's number. */
    payeeIndex: bytea('payee_index').notNull(),
    spentAt: moment('spent_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.referenceId, table.mandateId] }),
    check('mandate_spends_amount', sql`${table.amount} > 0`),
    index('mandate_spends_window').on(table.mandateId, table.spentAt),
    index('mandate_spends_payee').on(table.mandateId, table.payeeIndex),
  ],
);
