/** Mandates: one principal's word that another may spend within a policy, handed on, and taken back. */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { listMandateSignatures, type MandateSignature } from '../../../db/queries/mandate-signatures.ts';
import { findMandate, listMandates, type StoredMandate } from '../../../db/queries/mandates.ts';
import { fault } from '../../../domain/errors.ts';
import { isInForce, kindOf, MANDATE_ROLES, mandateDigest } from '../../../domain/mandate.ts';
import { type SpendPolicy, spendPolicySchema } from '../../../domain/spend-policy.ts';
import { issueMandate, takeBack } from '../../../tools/mandates/issue.ts';
import { signMandate } from '../../../tools/mandates/sign.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
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
    signatures: z
      .array(
        z.object({
          as: z.enum(MANDATE_ROLES),
          principal: z.string(),
          keyId: z.string(),
          signature: z.string().openapi({ description: 'Ed25519 over `capp mandate <as> <digest>`, base64.' }),
          signedAt: momentSchema,
        }),
      )
      .openapi({ description: 'Of its holder and its issuer, as far as they have a key registered and have signed.' }),
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

const signatureSchema = z
  .strictObject({
    as: z.enum(MANDATE_ROLES).openapi({ description: 'Whose signature it is.' }),
    keyId: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/)
      .openapi({ description: 'The thumbprint of the key (RFC 7638).' }),
    signature: z
      .string()
      .regex(/^[A-Za-z0-9+/]{86}==$/)
      .openapi({ description: 'Ed25519 over the text `capp mandate <as> <digest>`, base64.' }),
  })
  .openapi('MandateSignature');

type Wish = z.infer<typeof wishSchema>;
type Signed = z.infer<typeof signatureSchema>;
const PATH = '/v1/mandates';

/** Mounts the routes of mandates. */
export function mountMandates(api: Api): void {
  mountIssue(api);
  mountSignature(api);
  mountReading(api);
  mountRevocation(api);
}

function mountSignature(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, Signed>(
    api,
    {
      method: 'post',
      path: `${PATH}/{id}/signatures`,
      operationId: 'signMandate',
      tag: 'Mandates',
      summary: 'Sign a mandate with a registered key',
      description:
        'Whoever has a key registered for signing requests signs the mandates that they hold and those that are given in their name; nothing is spent under them before. Anybody of the client may bring a signature.',
      scope: 'payments:write',
      params: idParams,
      body: { schema: signatureSchema },
      responses: { 201: answers('The mandate with its signatures.', mandateSchema) },
      refusals: ['mandate_missing', 'switch_unchanged'],
    },
    async ({ c, caller: { clientId }, body }) => {
      const [mandateId, nowMs] = [idParam(c), deps.clock.now()];
      const signing = { clientId, mandateId, role: body.as, keyId: body.keyId, signature: Buffer.from(body.signature, 'base64') };
      const out = await withTransaction(deps.tenants.writing(clientId), async (tx) => {
        const signed = await signMandate(tx, deps.keyring, signing, nowMs);
        return mandateOut(signed, nowMs, await listMandateSignatures(tx, clientId, [mandateId]));
      });
      return { status: 201, body: out };
    },
  );
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
      responses: { 201: answers('The mandate.', mandateSchema) },
      refusals: ['not_found', 'maker_is_checker', 'mandate_missing', 'mandate_wider'],
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
      const mandate = await withTransaction(deps.tenants.writing(caller.clientId), (tx) => issueMandate(tx, deps.keyring, wish, nowMs));
      return { status: 201, body: mandateOut({ mandate, revokedBy: null, revokedAt: null }, nowMs, []) };
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
      responses: { 200: answers('A page of mandates.', pageOf(mandateSchema)) },
    },
    async ({ caller, query: { limit, cursor } }) => {
      const afterId = cursor === undefined ? null : (decodeCursor('mandates', cursor, [CURSOR_UUID])[0] ?? null);
      const rows = await listMandates(deps.tenants.of(caller.clientId), caller.clientId, afterId, limit);
      const ids = rows.map(({ mandate }) => mandate.id);
      const signatures = await listMandateSignatures(deps.tenants.of(caller.clientId), caller.clientId, ids);
      const items = rows.map((each) => mandateOut(each, deps.clock.now(), signatures));
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
      responses: { 200: answers('The mandate.', mandateSchema) },
    },
    async ({ c, caller }) => {
      const db = deps.tenants.of(caller.clientId);
      const found = await findMandate(db, caller.clientId, idParam(c));
      if (found === null) throw fault('not_found');
      const signatures = await listMandateSignatures(db, caller.clientId, [found.mandate.id]);
      return { status: 200, body: mandateOut(found, deps.clock.now(), signatures) };
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
      responses: { 200: answers('The mandate as it stands now.', mandateSchema) },
      refusals: ['switch_unchanged'],
    },
    async ({ c, caller }) => {
      const [id, nowMs] = [idParam(c), deps.clock.now()];
      const out = await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
        const ended = await takeBack(tx, caller.clientId, id, caller.principal, nowMs);
        return mandateOut(ended, nowMs, await listMandateSignatures(tx, caller.clientId, [id]));
      });
      return { status: 200, body: out };
    },
  );
}

function mandateOut(
  { mandate, revokedBy, revokedAt }: Pick<StoredMandate, 'mandate' | 'revokedBy' | 'revokedAt'>,
  nowMs: number,
  signatures: readonly MandateSignature[],
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
    signatures: signatures
      .filter(({ mandateId }) => mandateId === mandate.id)
      .map(({ role, principal, keyId, signature, signedAt }) => ({
        as: role,
        principal,
        keyId,
        signature: signature.toString('base64'),
        signedAt: momentOut(signedAt),
      })),
  };
}
