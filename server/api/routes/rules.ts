/**
 * Rules of compliance: drafted by one person, tried in shadow, brought to life by another. The person is
 * whoever holds the key, never a name in the body.
 */
import { z } from '@hono/zod-openapi';
import type { PoolClient } from 'pg';
import { approveRule, draftRule, retireRule, type RuleActor, submitRule } from '../../../agents/compliance/index.ts';
import { withTransaction } from '../../../db/connect.ts';
import { countShadowFindings, listRules, readRuleSetInForce, type RuleRow } from '../../../db/queries/rules.ts';
import { fault } from '../../../domain/errors.ts';
import type { Scope } from '../../../domain/scopes.ts';
import { answers } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { ruleDocument, ruleListSchema, ruleOut, RULE_STATUSES, ruleVersionSchema } from '../resources/rules.ts';

const SHADOW_DAYS = 30;
const DAY_MS = 86_400_000;
const VERSION_MAX = 1_000_000;

const ruleParams = z.object({ id: z.string().openapi({ example: 'velocity_count_1h' }) });
const versionParams = ruleParams.extend({ version: z.string().openapi({ example: '1' }) });

const draftSchema = z
  .strictObject({
    rule: ruleDocument.openapi({ description: 'A rule of the same id becomes its next version.' }),
    note: z.string().min(3).max(500).openapi({ description: 'Why it is made. No personal data.' }),
  })
  .openapi('RuleDraft');

/** Mounts the routes of rules. */
export function mountRules(api: Api): void {
  mountReading(api);
  mountDraft(api);
  mountStep(api, 'submit', 'rules:write', 'Put a draft into shadow: it is asked of every payment, and changes nothing', submitRule);
  mountStep(api, 'approve', 'rules:approve', 'Bring a rule from shadow to life; not for whoever made or submitted it', approveRule);
  mountStep(api, 'retire', 'rules:write', 'End a rule; a live one when a second person does the same', retireRule);
}

function mountReading(api: Api): void {
  const { deps } = api;
  const read = async (ruleId: string | null) => {
    const [rows, counts, inForce] = await Promise.all([
      listRules(deps.pool, ruleId),
      countShadowFindings(deps.pool, deps.clock.now() - SHADOW_DAYS * DAY_MS),
      readRuleSetInForce(deps.pool),
    ]);
    return { rows, counts, ruleSet: inForce?.label ?? null };
  };
  mount(
    api,
    {
      method: 'get',
      path: '/v1/rules',
      operationId: 'listRules',
      tag: 'Rules',
      summary: 'List the rules of compliance, in every version',
      scope: 'rules:read',
      tagged: true,
      query: z.strictObject({ status: z.enum(RULE_STATUSES).optional() }),
      responses: { 200: answers('The rules.', ruleListSchema) },
    },
    async ({ query }) => {
      const { rows, counts, ruleSet } = await read(null);
      const wanted = rows.filter((row) => query.status === undefined || row.status === query.status);
      return { status: 200, body: { ruleSet, items: wanted.map((row) => ruleOut(row, counts)) } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/rules/{id}',
      operationId: 'getRule',
      tag: 'Rules',
      summary: 'Read every version of a rule',
      scope: 'rules:read',
      params: ruleParams,
      responses: { 200: answers('Its versions, the newest first.', ruleListSchema) },
      refusals: ['not_found'],
    },
    async ({ c }) => {
      const { rows, counts, ruleSet } = await read(c.req.param('id') ?? '');
      if (rows.length === 0) throw fault('not_found');
      return { status: 200, body: { ruleSet, items: rows.map((row) => ruleOut(row, counts)) } };
    },
  );
}

function mountDraft(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/rules',
      operationId: 'draftRule',
      tag: 'Rules',
      summary: 'Draft a rule, or a new version of one',
      scope: 'rules:write',
      idempotent: true,
      // The language tells more exactly what is wrong than the schema alone, so the rule is read there.
      body: { schema: draftSchema, read: (value) => z.strictObject({ rule: z.unknown(), note: draftSchema.shape.note }).safeParse(value) },
      responses: { 201: answers('The draft.', ruleVersionSchema) },
      refusals: ['rule_invalid'],
    },
    async ({ c, caller, body }) => {
      if (!body.success) throw fault('validation_failed', { field: body.error.issues[0]?.path.join('.') ?? '' });
      const { rule, note } = body.data;
      const row = await withTransaction(deps.pool, (tx) => draftRule(tx, actorOf(caller.principal, deps.clock.now()), rule, note));
      c.set('logged', { rule: `${row.ruleId}@${row.version}`, principal: caller.principal });
      return { status: 201, body: ruleOut(row) };
    },
  );
}

function actorOf(principal: string, nowMs: number): RuleActor {
  return { principal, nowMs };
}

type Take = (tx: PoolClient, actor: RuleActor, ruleId: string, version: number) => Promise<RuleRow>;

function mountStep(api: Api, name: 'submit' | 'approve' | 'retire', scope: Scope, summary: string, take: Take): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: `/v1/rules/{id}/versions/{version}/${name}`,
      operationId: `${name}Rule`,
      tag: 'Rules',
      summary,
      scope,
      // What changes which rules are live; drafts and shadow change nothing.
      stepUp: name !== 'submit',
      params: versionParams,
      responses: { 200: answers('The version, where it is now.', ruleVersionSchema) },
      refusals: ['unauthenticated', 'forbidden', 'not_found', 'rule_step_refused', 'maker_is_checker'],
    },
    async ({ c, caller }) => {
      const [id, version] = [c.req.param('id') ?? '', Number(c.req.param('version'))];
      if (!Number.isInteger(version) || version < 1 || version > VERSION_MAX) throw fault('not_found');
      const row = await withTransaction(deps.pool, (tx) => take(tx, actorOf(caller.principal, deps.clock.now()), id, version));
      c.set('logged', { rule: `${id}@${version}`, principal: caller.principal, status: row.status });
      return { status: 200, body: ruleOut(row) };
    },
  );
}
