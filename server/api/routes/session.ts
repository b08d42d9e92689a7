/**
 * Getting in: tokens for programs that hold a key, a login for people, and taking either back. Answers of `/oauth/…` have the
 * fields of RFC 6749; refusals are problem documents, as everywhere.
 */
import { z } from '@hono/zod-openapi';
import { fault } from '../../../domain/errors.ts';
import type { Access, Grant } from '../../auth/access.ts';
import { PASSWORD_LENGTH } from '../../auth/passwords.ts';
import type { ApiDeps, Session } from '../deps.ts';
import { type ApiContext, answers, mediaTypeOf, readBody, validate } from '../http.ts';
import { type Api, mount } from '../mount.ts';

const FORM = 'application/x-www-form-urlencoded';
const FORM_BYTES_MAX = 8 * 1024;

export const grantSchema = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().openapi({ description: 'Seconds.' }),
    scope: z.string(),
    refresh_token: z.string().optional().openapi({ description: 'For people: good once, for another pair.' }),
  })
  .openapi('TokenGrant');

const loginSchema = z
  .strictObject({
    principal: z.string().min(1).max(64).openapi({ example: 'officer:amina' }),
    password: z.string().min(1).max(256),
    code: z.string().max(12).openapi({ description: 'Six digits of the authenticator app.' }),
  })
  .openapi('Login');

const passwordSchema = z
  .strictObject({
    password: z.string().min(1).max(256),
    newPassword: z.string().min(PASSWORD_LENGTH.least).max(PASSWORD_LENGTH.most),
  })
  .openapi('PasswordChange');

const codeSchema = z.strictObject({ code: z.string().max(12) }).openapi('SecondFactor');

const tokenForm = z.object({
  grant_type: z.enum(['client_credentials', 'refresh_token']),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  scope: z.string().optional(),
  refresh_token: z.string().optional(),
});

const revokeForm = z.object({ token: z.string().max(4_096), token_type_hint: z.string().optional() });

const jwkSchema = z.object({ kty: z.string(), crv: z.string(), x: z.string(), kid: z.string(), alg: z.string(), use: z.string() });

const REFUSED = ['malformed_body', 'unauthenticated', 'body_too_large', 'unsupported_media_type', 'validation_failed'] as const;

/** Mounts the routes of tokens and logins. */
export function mountSession(api: Api): void {
  mountTokens(api);
  mountRevocation(api);
  mountLogin(api);
  mountStepUp(api);
  mountPassword(api);
}

function accessOf({ access }: ApiDeps): Access {
  if (access === undefined) throw fault('not_found');
  return access;
}

/** A grant as RFC 6749 writes it. */
export function grantOut(grant: Grant, nowMs: number): z.infer<typeof grantSchema> {
  return {
    access_token: grant.accessToken,
    token_type: 'Bearer',
    expires_in: Math.max(0, Math.floor((grant.expiresAtMs - nowMs) / 1000)),
    scope: grant.scopes.join(' '),
    ...(grant.refreshToken === null ? {} : { refresh_token: grant.refreshToken }),
  };
}

function mountTokens(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/oauth/token',
      operationId: 'issueToken',
      tag: 'Access',
      summary: 'A short-lived token for an API key (client credentials), or for a refresh token',
      description:
        'The part of the key before its last underscore is the `client_id`, the rest the `client_secret`; in the body, or as HTTP Basic. `scope` narrows what the token may do.',
      scope: null,
      rawBody: { [FORM]: { schema: tokenForm } },
      responses: { 200: answers('The token.', grantSchema) },
      refusals: [...REFUSED, 'forbidden'],
    },
    async ({ c }) => {
      const access = accessOf(deps);
      const form = await readForm(c, tokenForm);
      const grant = await api.limits.guess(c, () =>
        form.grant_type === 'refresh_token'
          ? access.refresh(form.refresh_token ?? '')
          : access.ofKey(credentialsOf(c, form), form.scope === undefined ? null : form.scope.split(' ').filter(Boolean)),
      );
      return { status: 200, body: grantOut(grant, deps.clock.now()) };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/.well-known/jwks.json',
      operationId: 'getJwks',
      tag: 'Access',
      summary: 'The public keys that access tokens are checked with',
      scope: null,
      responses: {
        200: answers(
          'The key that signs now comes first; those before it stay for as long as their tokens live.',
          z.object({ keys: z.array(jwkSchema) }),
        ),
      },
      refusals: ['not_found'],
    },
    async () => ({ status: 200, body: { keys: await accessOf(deps).jwks() } }),
  );
}

function mountRevocation(api: Api): void {
  mount(
    api,
    {
      method: 'post',
      path: '/oauth/revoke',
      operationId: 'revokeToken',
      tag: 'Access',
      summary: 'Take a token back; of a person, the whole login (RFC 7009)',
      description: 'Holding the token is all that is asked for. Other API processes hear of it within half a minute.',
      scope: null,
      rawBody: { [FORM]: { schema: revokeForm } },
      responses: { 200: answers('It is no longer good, if it ever was.', z.object({ revoked: z.literal(true) })) },
      refusals: [...REFUSED],
    },
    async ({ c }) => {
      const access = accessOf(api.deps);
      const { token } = await readForm(c, revokeForm);
      await access.revoke(token);
      return { status: 200, body: { revoked: true } };
    },
  );
}

async function readForm<Form>(c: ApiContext, schema: z.ZodType<Form>): Promise<Form> {
  if (mediaTypeOf(c) !== FORM) throw fault('unsupported_media_type', { detail: `This route takes ${FORM}.` });
  const fields = [...new URLSearchParams((await readBody(c, FORM_BYTES_MAX)).toString('utf8'))];
  if (new Set(fields.map(([name]) => name)).size !== fields.length) throw fault('malformed_body', { detail: 'A field stands twice.' });
  return validate(schema, Object.fromEntries(fields));
}

/** The key that a program presents, put together from its two parts. */
function credentialsOf(c: ApiContext, form: z.infer<typeof tokenForm>): string {
  const basic = /^Basic ([A-Za-z0-9+/=]{4,600})$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (basic === undefined) return `${form.client_id ?? ''}_${form.client_secret ?? ''}`;
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':', 2);
  return `${id}_${secret}`;
}

function mountLogin(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof loginSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/session',
      operationId: 'logIn',
      tag: 'Access',
      summary: 'Log in as a person: password and second factor',
      description: 'After some failures the login waits, twice as long after each one more, whatever address they come from.',
      scope: null,
      body: { schema: loginSchema },
      responses: { 200: answers('An access token and its first refresh token.', grantSchema) },
      refusals: ['unauthenticated', 'not_found', 'overloaded'],
    },
    async ({ c, body }) => {
      const grant = await api.limits.guess(c, () => accessOf(deps).logIn(body));
      return { status: 200, body: grantOut(grant, deps.clock.now()) };
    },
  );
}

function mountStepUp(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof codeSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/session/second-factor',
      operationId: 'stepUp',
      tag: 'Access',
      summary: 'Show the second factor again, before a decision',
      scope: 'session:own',
      body: { schema: codeSchema },
      responses: { 200: answers('An access token that says so.', grantSchema) },
      refusals: ['not_found'],
    },
    async ({ c, caller, body }) => {
      sessionOf(caller);
      const grant = await api.limits.guess(c, () => accessOf(deps).stepUp(caller, body.code));
      return { status: 200, body: grantOut(grant, deps.clock.now()) };
    },
  );
}

function mountPassword(api: Api): void {
  mount<z.ZodType, z.infer<typeof passwordSchema>>(
    api,
    {
      method: 'put',
      path: '/v1/session/password',
      operationId: 'changePassword',
      tag: 'Access',
      summary: 'Put another password in the place of one’s own, and end every other session',
      scope: 'session:own',
      stepUp: true,
      body: { schema: passwordSchema },
      responses: { 200: answers('It is changed.', z.object({ changed: z.literal(true) })) },
      refusals: ['not_found', 'overloaded'],
    },
    async ({ c, caller, body }) => {
      sessionOf(caller);
      await api.limits.guess(c, () => accessOf(api.deps).changePassword(caller, body));
      return { status: 200, body: { changed: true } };
    },
  );
}

/** The session of whoever is in. Throws `not_found` for an API key, which has none. */
export function sessionOf({ session }: { readonly session?: Session }): Session {
  if (session === undefined) throw fault('not_found', { detail: 'An API key has no session; log in instead.' });
  return session;
}
