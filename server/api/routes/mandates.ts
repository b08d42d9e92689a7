/** Mandates: one principal's word that another may spend within a policy, handed on, and taken back. */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { findMandate, listMandates, type StoredMandate } from '../../../db/queries/mandates.ts';
import { fault } from '../../../domain/errors.ts';
import { isInForce, kindOf, mandateDigest } from '../../../domain/mandate.ts';
import { type SpendPolicy, spendPolicySchema } from '../../../domain/spend-policy.ts';
import { issueMandate, takeBack } from '../../../tools/mandates/issue.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery, problems } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentOut, momentSchema } from '../resources/common.ts';

const policyShape = spendPolicySchema.omit({ payees: true });

const mandateSchema = z
  .object({
    id: idSchema,
    kind: z.enum(['intent', 'payment']).openapi({ description: '`payment`: good for one payment.' }),
    parentId: idSchema.nullable().openapi({ description: 'The mandate it was handed on from, within which it stays.' }),
    holder: z.string().openapi({ description: 'The principal who may spend.' }),
    issuer: z.string(),
    policy: policyShape.extend({
      payees: z.int().optional().openapi({ description: 'How many numbers may be paid; which ones nobody is told.' }),
    }),
    state: z.enum(['waiting', 'in_force', 'expired', 'revoked']),
    notBefore: momentSchema,
    expiresAt: momentSchema,
    createdAt: momentSchema,
    revokedBy: z.string().nullable(),
    revokedAt: momentSchema.nullable(),
    digest: z.string().openapi({ description: 'SHA-256 over everything the mandate says, as it stands in the audit log.' }),
  })
  .openapi('Mandate');

const wishSchema = z
  .strictObject({
    holder: z
      .string()
      .regex(/^[A-Za-z0-9._:-]{1,64}$/)
      .openapi({ example: 'agent:buyer' }),
    parentId: idSchema.optional().openapi({ description: 'Hands on a mandate that you hold; without it the word is your own.' }),
    policy: policyShape.extend({
      payees: z
        .array(z.string().regex(/^\+[1-9]\d{7,14}$/))
        .min(1)
        .max(200)
        .optional()
        .openapi({ description: 'The numbers that may be paid, E.164. Kept as keyed hashes.' }),
    }),
    notBefore: momentSchema.optional().openapi({ description: 'At once when absent.' }),
    expiresAt: momentSchema,
  })
  .openapi('MandateRequest');

type Wish = z.infer<typeof wishSchema>;
const PATH = '/v1/mandates';

/** Mounts the routes of mandates. */
export function mountMandates(api: Api): void {
  mountIssue(api);
  mountReading(api);
  mountRevocation(api);
}

function mountIssue(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, Wish>(
    api,
    {
      method: 'post',
      path: PATH,
      operationId: 'issueMandate',
      tag: 'Mandates',
      summary: 'Let a principal spend within a policy',
      description:
        'From then on the holder pays under mandates only. A mandate with `parentId` is handed on by whoever holds the parent, and must be within it everywhere; what is spent counts against both.',
      scope: 'mandates:write',
      stepUp: true,
      body: { schema: wishSchema },
      responses: {
        201: answers('The mandate.', mandateSchema),
        ...problems('malformed_body', 'unauthenticated', 'forbidden', 'body_too_large', 'unsupported_media_type', 'validation_failed'),
        ...problems('not_found', 'maker_is_checker', 'mandate_missing', 'mandate_wider'),
      },
    },
    async ({ caller, body }) => {
      const { clientId, principal: issuer } = caller;
      const nowMs = deps.clock.now();
      const { payees, ...rules } = body.policy;
      const indexes = payees?.map((phone) => deps.keyring.blindIndex(phone, clientId).toString('hex'));
      const policy: SpendPolicy = indexes === undefined ? rules : { ...rules, payees: indexes };
      const wish = {
        clientId,
        parentId: body.parentId ?? null,
        holder: body.holder,
        issuer,
        policy,
        notBeforeMs: body.notBefore === undefined ? nowMs : Date.parse(body.notBefore),
        expiresAtMs: Date.parse(body.expiresAt),
      };
      const mandate = await withTransaction(deps.pool, (tx) => issueMandate(tx, deps.keyring, wish, nowMs));
      return { status: 201, body: mandateOut({ mandate, revokedBy: null, revokedAt: null }, nowMs) };
    },
  );
}

function mountReading(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: PATH,
      operationId: 'listMandates',
      tag: 'Mandates',
      summary: 'List mandates, newest first',
      scope: 'mandates:read',
      query: z.strictObject(pageQuery),
      responses: {
        200: answers('A page of mandates.', pageOf(mandateSchema)),
        ...problems('invalid_cursor', 'unauthenticated', 'forbidden', 'validation_failed'),
      },
    },
    async ({ caller, query: { limit, cursor } }) => {
      const afterId = cursor === undefined ? null : (decodeCursor('mandates', cursor, [CURSOR_UUID])[0] ?? null);
      const rows = await listMandates(deps.tenants.of(caller.clientId), caller.clientId, afterId, limit);
      const items = rows.map((each) => mandateOut(each, deps.clock.now()));
      return { status: 200, body: { items, nextCursor: nextCursor(rows, limit, (last) => encodeCursor('mandates', [last.mandate.id])) } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: `${PATH}/{id}`,
      operationId: 'getMandate',
      tag: 'Mandates',
      summary: 'Read a mandate',
      scope: 'mandates:read',
      params: idParams,
      responses: { 200: answers('The mandate.', mandateSchema), ...problems('unauthenticated', 'forbidden', 'not_found') },
    },
    async ({ c, caller }) => {
      const found = await findMandate(deps.tenants.of(caller.clientId), caller.clientId, idParam(c));
      if (found === null) throw fault('not_found');
      return { status: 200, body: mandateOut(found, deps.clock.now()) };
    },
  );
}

function mountRevocation(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: `${PATH}/{id}/revoke`,
      operationId: 'revokeMandate',
      tag: 'Mandates',
      summary: 'Take a mandate back, and all that was handed on from it',
      description: 'At once: payments under it that are not authorised yet are rejected.',
      scope: 'mandates:write',
      params: idParams,
      responses: {
        200: answers('The mandate as it stands now.', mandateSchema),
        ...problems('unauthenticated', 'forbidden', 'not_found', 'switch_unchanged'),
      },
    },
    async ({ c, caller }) => {
      const [id, nowMs] = [idParam(c), deps.clock.now()];
      const ended = await withTransaction(deps.pool, (tx) => takeBack(tx, caller.clientId, id, caller.principal, nowMs));
      return { status: 200, body: mandateOut(ended, nowMs) };
    },
  );
}

function mandateOut(
  { mandate, revokedBy, revokedAt }: Pick<StoredMandate, 'mandate' | 'revokedBy' | 'revokedAt'>,
  nowMs: number,
): z.infer<typeof mandateSchema> {
  const { payees, ...rules } = mandate.policy;
  const state = isInForce(mandate, nowMs) ? 'in_force' : mandate.expiresAtMs <= nowMs ? 'expired' : 'waiting';
  return {
    id: mandate.id,
    kind: kindOf(mandate),
    parentId: mandate.parentId,
    holder: mandate.holder,
    issuer: mandate.issuer,
    policy: payees === undefined ? rules : { ...rules, payees: payees.length },
    state: revokedAt === null ? state : 'revoked',
    notBefore: new Date(mandate.notBeforeMs).toISOString(),
    expiresAt: new Date(mandate.expiresAtMs).toISOString(),
    createdAt: new Date(mandate.createdAtMs).toISOString(),
    revokedBy,
    revokedAt: momentOut(revokedAt),
    digest: mandateDigest(mandate),
  };
}
