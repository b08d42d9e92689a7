/** The rules of compliance: every version of every rule, the sets that were in force, and the re-screening of known people. */
import { sql } from 'drizzle-orm';
import { check, index, integer, jsonb, pgTable, primaryKey, real, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, moment, updatedAt } from './columns.ts';
import { clients, users } from './parties.ts';

/**
 * One row per version of a rule. What it says never changes; its step goes draft → shadow → live → retired, and who made
 * it go there stands beside it. Nobody brings a rule to life that they made or submitted, and nobody ends a live one alone.
 */
export const complianceRules = pgTable(
  'compliance_rules',
  {
    ruleId: text('rule_id').notNull(),
    version: integer('version').notNull(),
    status: text('status').notNull().default('draft'),
    /** The rule in the words of the rule language. */
    body: jsonb('body').notNull(),
    /** SHA-256 of its canonical JSON; an approval names it. */
    digest: text('digest').notNull(),
    /** Why it was made. */
    note: text('note').notNull(),
    madeBy: text('made_by').notNull(),
    submittedBy: text('submitted_by'),
    submittedAt: moment('submitted_at'),
    approvedBy: text('approved_by'),
    approvedAt: moment('approved_at'),
    /** Who asked for the end of a live rule. */
    endAskedBy: text('end_asked_by'),
    endAskedAt: moment('end_asked_at'),
    endedBy: text('ended_by'),
    endedAt: moment('ended_at'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ name: 'compliance_rules_pk', columns: [table.ruleId, table.version] }),
    check('compliance_rules_status', sql`${table.status} in ('draft', 'shadow', 'live', 'retired')`),
    check('compliance_rules_version', sql`${table.version} > 0`),
    check(
      'compliance_rules_four_eyes',
      sql`${table.approvedBy} is null or (${table.approvedBy} <> ${table.madeBy} and ${table.approvedBy} is distinct from ${table.submittedBy})`,
    ),
    check('compliance_rules_live_approved', sql`${table.status} <> 'live' or ${table.approvedBy} is not null`),
    check('compliance_rules_end_four_eyes', sql`${table.endedBy} is null or ${table.endedBy} is distinct from ${table.endAskedBy}`),
    check(
      'compliance_rules_end_asked',
      sql`${table.status} <> 'retired' or ${table.endedBy} is not null and (${table.approvedBy} is null or ${table.endAskedBy} is not null)`,
    ),
    uniqueIndex('compliance_rules_one_live').on(table.ruleId).where(sql`${table.status} = 'live'`),
    uniqueIndex('compliance_rules_one_shadow').on(table.ruleId).where(sql`${table.status} = 'shadow'`),
  ],
);

/** The sets of rules that were in force, each from its number on; append-only. The newest one counts. */
export const complianceRuleSets = pgTable(
  'compliance_rule_sets',
  {
    revision: integer('revision').primaryKey(),
    /** Stands in every decision that the set had a part in. */
    label: text('label').notNull(),
    /** `[{rule, version, mode}]`, whole, so that a decision can be made again from this row alone. */
    entries: jsonb('entries').notNull(),
    madeBy: text('made_by').notNull(),
    /** What made it: `velocity_value@2 live`. */
    cause: text('cause').notNull(),
    createdAt: createdAt(),
  },
  (table) => [unique('compliance_rule_sets_label').on(table.label)],
);

/** The screening of all known people against one version of the lists and by one way to score, and how far it is. */
export const rescreenings = pgTable('rescreenings', {
  /** The version of the lists, and behind it how names were scored; screenings from before that was told have the former alone. */
  listVersion: text('list_version').primaryKey(),
  /** The last person who was looked at; people are taken in the order of their ids. */
  lastUserId: uuid('last_user_id'),
  screened: integer('screened').notNull().default(0),
  findings: integer('findings').notNull().default(0),
  startedAt: moment('started_at').notNull(),
  updatedAt: updatedAt(),
  finishedAt: moment('finished_at'),
});

/** A known person who may be somebody on a list; found by re-screening, decided by people. No name stands in it. */
export const screeningFindings = pgTable(
  'screening_findings',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    list: text('list').notNull(),
    entryId: text('entry_id').notNull(),
    /** SHA-256 of what the entry said of the party; null for findings from before it was kept, until they are found again. Another one is another finding. */
    entryDigest: text('entry_digest'),
    /** `sanction`, `restriction` or `pep`: an office holder is told of and never barred. */
    topic: text('topic').notNull().default('sanction'),
    /** The version of the lists that first said so. */
    listVersion: text('list_version').notNull(),
    score: real('score').notNull(),
    how: text('how').notNull(),
    grounds: jsonb('grounds').notNull().$type<readonly string[]>(),
    status: text('status').notNull().default('open'),
    createdAt: createdAt(),
    resolvedBy: text('resolved_by'),
    resolvedAt: moment('resolved_at'),
    /** The first of the two officers who confirm it. */
    confirmAskedBy: text('confirm_asked_by'),
    confirmAskedAt: moment('confirm_asked_at'),
    /** The first of the two who lift what was confirmed, and the second. */
    liftAskedBy: text('lift_asked_by'),
    liftAskedAt: moment('lift_asked_at'),
    liftedBy: text('lifted_by'),
    liftedAt: moment('lifted_at'),
    /** The standing of the person's identity before they were barred. */
    kycBefore: text('kyc_before'),
    /** When the entry of a confirmed finding was seen to be on its list no more. */
    delistedAt: moment('delisted_at'),
  },
  (table) => [
    uniqueIndex('screening_findings_once')
      .on(table.userId, table.list, table.entryId, table.entryDigest)
      .where(sql`${table.status} <> 'closed'`),
    check('screening_findings_status', sql`${table.status} in ('open', 'dismissed', 'confirmed', 'lifted', 'closed')`),
    check('screening_findings_topic', sql`${table.topic} in ('sanction', 'restriction', 'pep')`),
    index('screening_findings_standing').on(table.userId).where(sql`${table.status} in ('open', 'confirmed')`),
    check('screening_findings_resolved', sql`(${table.status} = 'open') = (${table.resolvedBy} is null)`),
    index('screening_findings_queue').on(table.clientId, table.status, table.id),
  ],
);
