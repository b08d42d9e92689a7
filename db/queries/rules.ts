/** Rules of compliance in the database: their versions and steps, and the sets that were in force. */
import type { Queryable } from '../connect.ts';

export interface RuleRow {
  readonly ruleId: string;
  readonly version: number;
  readonly status: 'draft' | 'shadow' | 'live' | 'retired';
  readonly body: unknown;
  readonly digest: string;
  readonly note: string;
  readonly madeBy: string;
  readonly submittedBy: string | null;
  readonly submittedAt: Date | null;
  readonly approvedBy: string | null;
  readonly approvedAt: Date | null;
  readonly endAskedBy: string | null;
  readonly endAskedAt: Date | null;
  readonly endedBy: string | null;
  readonly endedAt: Date | null;
  readonly createdAt: Date;
}

const COLUMNS = `rule_id as "ruleId", version, status, body, digest, note, made_by as "madeBy", submitted_by as "submittedBy",
  submitted_at as "submittedAt", approved_by as "approvedBy", approved_at as "approvedAt", end_asked_by as "endAskedBy",
  end_asked_at as "endAskedAt", ended_by as "endedBy", ended_at as "endedAt", created_at as "createdAt"`;

/** Every version of every rule, or of one; by id, newest version first. */
export async function listRules(db: Queryable, ruleId: string | null = null): Promise<RuleRow[]> {
  const result = await db.query<RuleRow>({
    name: 'list_rules',
    text: `select ${COLUMNS} from compliance_rules where $1::text is null or rule_id = $1 order by rule_id, version desc`,
    values: [ruleId],
  });
  return result.rows;
}

/** Lets one change of the rules at a time through, until the transaction ends. */
export async function lockRules(tx: Queryable): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('compliance_rules'))`);
}

export interface NewRule {
  readonly ruleId: string;
  readonly version: number;
  readonly body: unknown;
  readonly digest: string;
  readonly note: string;
  readonly madeBy: string;
  readonly nowMs: number;
  /** Only rules that come with the program begin further on, approved by their release. */
  readonly status?: 'draft' | 'shadow' | 'live';
}

/** Stores a new version of a rule. */
export async function insertRule(tx: Queryable, rule: NewRule): Promise<void> {
  const status = rule.status ?? 'draft';
  await tx.query({
    name: 'insert_rule',
    text: `insert into compliance_rules (rule_id, version, status, body, digest, note, made_by, approved_by, approved_at, created_at)
      values ($1, $2, $3, $4::jsonb, $5, $6, $7, case when $3 = 'live' then 'release' end, case when $3 = 'live' then $8::timestamptz end, $8)`,
    values: [rule.ruleId, rule.version, status, JSON.stringify(rule.body), rule.digest, rule.note, rule.madeBy, new Date(rule.nowMs)],
  });
}

/** One step of a version of a rule. `retire` of a live one needs somebody who asked for it before. */
export type RuleStep =
  | { readonly kind: 'submit' | 'approve' | 'ask_end'; readonly by: string }
  | { readonly kind: 'retire'; readonly by: string; readonly askedBy: string | null };

/** Writes a step down; the guards of the database refuse what must not be. */
export async function stepRule(tx: Queryable, ruleId: string, version: number, step: RuleStep, nowMs: number): Promise<void> {
  const sets: Readonly<Record<RuleStep['kind'], string>> = {
    submit: `status = 'shadow', submitted_by = $3, submitted_at = $4`,
    approve: `status = 'live', approved_by = $3, approved_at = $4`,
    ask_end: 'end_asked_by = $3, end_asked_at = $4',
    retire: `status = 'retired', ended_by = $3, ended_at = $4,
      end_asked_at = case when end_asked_by is null and $5::text is not null then $4 else end_asked_at end,
      end_asked_by = coalesce(end_asked_by, $5)`,
  };
  const values: unknown[] = [ruleId, version, step.by, new Date(nowMs)];
  if (step.kind === 'retire') values.push(step.askedBy);
  await tx.query({
    name: `rule_${step.kind}`,
    text: `update compliance_rules set ${sets[step.kind]} where rule_id = $1 and version = $2`,
    values,
  });
}

export interface RuleSetRow {
  readonly revision: number;
  readonly label: string;
}

/** The set in force; null before there is any. */
export async function readRuleSetInForce(db: Queryable): Promise<RuleSetRow | null> {
  const result = await db.query<RuleSetRow>({
    name: 'rule_set_in_force',
    text: 'select revision, label from compliance_rule_sets order by revision desc limit 1',
    values: [],
  });
  return result.rows[0] ?? null;
}

/** What stands in sets, by label. */
export async function readRuleSets(db: Queryable, labels: readonly string[]): Promise<Map<string, unknown>> {
  const result = await db.query<{ label: string; entries: unknown }>({
    name: 'read_rule_sets',
    text: 'select label, entries from compliance_rule_sets where label = any($1::text[])',
    values: [labels],
  });
  return new Map(result.rows.map((row) => [row.label, row.entries]));
}

/** Puts a set in force. */
export async function insertRuleSet(
  tx: Queryable,
  set: RuleSetRow & { readonly entries: unknown; readonly madeBy: string; readonly cause: string; readonly nowMs: number },
): Promise<void> {
  await tx.query({
    name: 'insert_rule_set',
    text: `insert into compliance_rule_sets (revision, label, entries, made_by, cause, created_at) values ($1, $2, $3::jsonb, $4, $5, $6)`,
    values: [set.revision, set.label, JSON.stringify(set.entries), set.madeBy, set.cause, new Date(set.nowMs)],
  });
}

export interface ShadowCount {
  /** Rule and version: `velocity_value@2`. */
  readonly rule: string;
  readonly effect: string;
  readonly found: number;
  /** Of them, payments that went through clear: what the rule would have stopped. */
  readonly wouldChange: number;
}

/** What rules in shadow found since a moment. */
export async function countShadowFindings(db: Queryable, sinceMs: number): Promise<ShadowCount[]> {
  const result = await db.query<ShadowCount>({
    name: 'count_shadow_findings',
    text: `select finding->>'rule' as rule, finding->>'effect' as effect, count(*)::int as found,
        count(*) filter (where outcome = 'clear' and finding->>'effect' <> 'note')::int as "wouldChange"
      from compliance_records cross join lateral jsonb_array_elements(shadow) finding
      where shadow is not null and created_at >= $1 group by 1, 2 order by 1`,
    values: [new Date(sinceMs)],
  });
  return result.rows;
}
