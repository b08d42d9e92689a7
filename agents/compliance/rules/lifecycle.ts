/**
 * The life of a rule: draft → shadow → live → retired. Every change that counts makes a new set of rules, in the
 * same transaction, with an entry in the audit log.
 *
 * Two people bring a rule to life: whoever made or submitted it cannot approve it. Two people end a live one:
 * one asks, another agrees. The database holds to both as well.
 */
import type { PoolClient } from 'pg';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import {
  insertRule,
  insertRuleSet,
  listRules,
  lockRules,
  readRuleSetInForce,
  type RuleRow,
  type RuleStep,
  stepRule,
} from '../../../db/queries/rules.ts';
import { canonicalJson } from '../../../domain/canonical.ts';
import { fault } from '../../../domain/errors.ts';
import { digestOf } from '../../../domain/ids.ts';
import { parseRule, type Rule } from './language.ts';
import { BUILT_IN_RULES, labelOf, type RuleSetEntry } from './rule-set.ts';

/** Who acts, and when. */
export interface RuleActor {
  readonly principal: string;
  readonly nowMs: number;
}

const BUILT_IN: RuleActor['principal'] = 'built-in';

/**
 * Stores the rules that come with the program, where they are not yet. Only into a database without any rule do they come in force: in
 * one that has rules whatever is new waits as a draft, for two people to decide about. Safe to run at every start.
 */
export async function seedRules(tx: PoolClient, nowMs: number): Promise<void> {
  await lockRules(tx);
  const known = await listRules(tx);
  const missing = BUILT_IN_RULES.entries.filter(
    ({ rule, version }) => !known.some((row) => row.ruleId === rule.id && row.version >= version),
  );
  if (missing.length === 0) return;
  for (const { rule, version, mode } of missing) {
    const note = `Comes with the program (${BUILT_IN_RULES.label}).`;
    const status = known.length > 0 ? 'draft' : mode;
    await insertRule(tx, { ruleId: rule.id, version, body: rule, digest: ruleDigest(rule), note, madeBy: BUILT_IN, nowMs, status });
  }
  await putInForce(tx, { principal: BUILT_IN, nowMs }, BUILT_IN_RULES.label);
}

/** SHA-256 of what a rule says. */
export function ruleDigest(rule: Rule): string {
  return digestOf(canonicalJson(rule as never));
}

/** Stores a rule as the next version of its id, as a draft. Throws `rule_invalid`. */
export async function draftRule(tx: PoolClient, actor: RuleActor, body: unknown, note: string): Promise<RuleRow> {
  const rule = parseRule(body);
  await lockRules(tx);
  const version = ((await listRules(tx, rule.id))[0]?.version ?? 0) + 1;
  await insertRule(tx, {
    ruleId: rule.id,
    version,
    body: rule,
    digest: ruleDigest(rule),
    note,
    madeBy: actor.principal,
    nowMs: actor.nowMs,
  });
  await noteStep(tx, actor, 'rule.drafted', rule.id, version);
  return find(tx, rule.id, version);
}

/** Puts a draft into shadow, in the place of the version that is there. Throws `not_found`, `rule_step_refused`. */
export async function submitRule(tx: PoolClient, actor: RuleActor, ruleId: string, version: number): Promise<RuleRow> {
  const row = await lock(tx, ruleId, version);
  if (row.status !== 'draft')
    throw fault('rule_step_refused', { detail: `Version ${version} of ${ruleId} is ${row.status}, not a draft.` });
  const before = (await listRules(tx, ruleId)).find((each) => each.status === 'shadow');
  if (before !== undefined) await stepRule(tx, ruleId, before.version, { kind: 'retire', by: actor.principal, askedBy: null }, actor.nowMs);
  return step(tx, actor, row, { kind: 'submit', by: actor.principal }, 'rule.submitted');
}

/** Brings a rule from shadow to life, in the place of the version that lives. Throws `maker_is_checker` for whoever made or submitted it. */
export async function approveRule(tx: PoolClient, actor: RuleActor, ruleId: string, version: number): Promise<RuleRow> {
  const row = await lock(tx, ruleId, version);
  if (row.status !== 'shadow')
    throw fault('rule_step_refused', { detail: `Version ${version} of ${ruleId} is ${row.status}; only what runs in shadow can go live.` });
  if (row.madeBy === actor.principal || row.submittedBy === actor.principal) throw fault('maker_is_checker');
  const before = (await listRules(tx, ruleId)).find((each) => each.status === 'live');
  // Two people agree to the new version, and so to the end of the old one.
  const askedBy = row.submittedBy ?? row.madeBy;
  if (before !== undefined) {
    const by = before.endAskedBy === actor.principal ? askedBy : actor.principal;
    await stepRule(tx, ruleId, before.version, { kind: 'retire', by, askedBy }, actor.nowMs);
  }
  return step(tx, actor, row, { kind: 'approve', by: actor.principal }, 'rule.approved');
}

/** Ends a rule. A live one ends when a second person agrees; the first call only asks. Throws `maker_is_checker` for the same person twice. */
export async function retireRule(tx: PoolClient, actor: RuleActor, ruleId: string, version: number): Promise<RuleRow> {
  const row = await lock(tx, ruleId, version);
  if (row.status === 'retired') throw fault('rule_step_refused', { detail: `Version ${version} of ${ruleId} is retired.` });
  if (row.status !== 'live') return step(tx, actor, row, { kind: 'retire', by: actor.principal, askedBy: null }, 'rule.retired');
  if (row.endAskedBy === null) return step(tx, actor, row, { kind: 'ask_end', by: actor.principal }, 'rule.end_asked');
  if (row.endAskedBy === actor.principal) throw fault('maker_is_checker');
  return step(tx, actor, row, { kind: 'retire', by: actor.principal, askedBy: null }, 'rule.retired');
}

async function lock(tx: PoolClient, ruleId: string, version: number): Promise<RuleRow> {
  await lockRules(tx);
  return find(tx, ruleId, version);
}

async function find(tx: PoolClient, ruleId: string, version: number): Promise<RuleRow> {
  const row = (await listRules(tx, ruleId)).find((each) => each.version === version);
  if (row === undefined) throw fault('not_found', { detail: 'There is no such version of such a rule.' });
  return row;
}

async function step(tx: PoolClient, actor: RuleActor, row: RuleRow, taken: RuleStep, action: string): Promise<RuleRow> {
  await stepRule(tx, row.ruleId, row.version, taken, actor.nowMs);
  await noteStep(tx, actor, action, row.ruleId, row.version);
  if (taken.kind !== 'ask_end') await putInForce(tx, actor, `${row.ruleId}@${row.version} ${taken.kind}`);
  return find(tx, row.ruleId, row.version);
}

async function noteStep(tx: PoolClient, { principal, nowMs }: RuleActor, action: string, ruleId: string, version: number): Promise<void> {
  await recordAuditEvents(tx, [{ clientId: null, actor: principal, action, subject: `rule:${ruleId}@${version}` }], nowMs);
}

/** Makes the set of what is live and in shadow now; none when nothing of that has changed. */
async function putInForce(tx: PoolClient, actor: RuleActor, cause: string): Promise<void> {
  const rows = await listRules(tx);
  const entries = rows
    .filter((row) => row.status === 'live' || row.status === 'shadow')
    .map((row): RuleSetEntry => ({ rule: parseRule(row.body), version: row.version, mode: row.status === 'live' ? 'live' : 'shadow' }))
    .sort((a, b) => placeOf(a.rule.id) - placeOf(b.rule.id) || (a.rule.id < b.rule.id ? -1 : 1));
  const before = await readRuleSetInForce(tx);
  const revision = (before?.revision ?? 0) + 1;
  const label = labelOf(revision, entries);
  // The digest stands at the end of a label, behind the number.
  if (before !== null && before.label.split('-').at(-1) === label.split('-').at(-1)) return;
  await insertRuleSet(tx, { revision, label, entries, madeBy: actor.principal, cause, nowMs: actor.nowMs });
}

/** Built-in rules are asked in the order of their file, others after them. */
function placeOf(ruleId: string): number {
  const place = BUILT_IN_RULES.entries.findIndex(({ rule }) => rule.id === ruleId);
  return place < 0 ? BUILT_IN_RULES.entries.length : place;
}
