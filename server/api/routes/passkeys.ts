/** Passkeys: making one, and logging in with it. Bytes travel as base64url, as the JSON forms of WebAuthn have them. */
import { z } from '@hono/zod-openapi';
import { fault } from '../../../domain/errors.ts';
import { CHALLENGE_MS, type Challenge, createPasskeys, type Passkeys } from '../../auth/passkeys.ts';
import { answers } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { grantOut, grantSchema, sessionOf } from './session.ts';

const BYTES = /^[A-Za-z0-9_-]+$/;
const bytes = (lengthMax: number) =>
  z.string().max(lengthMax).regex(BYTES, 'Invalid input: expected base64url').openapi({ description: 'base64url' });

const challengeSchema = z
  .object({
    challenge: z.string(),
    rp: z.object({ id: z.string(), name: z.string() }),
    user: z
      .object({ id: z.string(), name: z.string(), displayName: z.string() })
      .nullable()
      .openapi({ description: 'Whose key is made; null for logging in.' }),
    pubKeyCredParams: z.array(z.object({ type: z.literal('public-key'), alg: z.int() })),
    userVerification: z.literal('required'),
    timeout: z.int().openapi({ description: 'Milliseconds.' }),
  })
  .openapi('PasskeyChallenge');

const registrationSchema = z.strictObject({ clientDataJSON: bytes(4_000), attestationObject: bytes(8_000) }).openapi('PasskeyRegistration');

const assertionSchema = z
  .strictObject({ id: bytes(2_000), clientDataJSON: bytes(4_000), authenticatorData: bytes(4_000), signature: bytes(1_000) })
  .openapi('PasskeyLogin');

/** ES256 and EdDSA, as COSE numbers them. */
const ALGORITHMS = [-7, -8] as const;

const decoded = (text: string): Buffer => Buffer.from(text, 'base64url');

/** Mounts the routes of passkeys. */
export function mountPasskeys(api: Api): void {
  const { access } = api.deps;
  const passkeys = access === undefined ? null : createPasskeys(access.deps);
  const known = (): Passkeys => {
    if (passkeys === null) throw fault('not_found');
    return passkeys;
  };
  mountMaking(api, known);
  mountOwn(api, known);
  mountLogin(api, known);
}

function challengeOut({ challenge, party, userHandle }: Challenge, principal: string): z.infer<typeof challengeSchema> {
  return {
    challenge: challenge.toString('base64url'),
    rp: { id: party.id, name: 'CAPP' },
    user: userHandle === null ? null : { id: userHandle.toString('base64url'), name: principal, displayName: principal },
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key' as const, alg })),
    userVerification: 'required',
    timeout: CHALLENGE_MS,
  };
}

function mountMaking(api: Api, known: () => Passkeys): void {
  mount(
    api,
    {
      method: 'post',
      path: '/v1/session/passkeys/challenge',
      operationId: 'beginPasskey',
      tag: 'Access',
      summary: 'Begin to make a passkey',
      scope: 'session:own',
      stepUp: true,
      responses: { 200: answers('What the authenticator is asked for.', challengeSchema) },
      refusals: ['not_found'],
    },
    async ({ caller }) => {
      sessionOf(caller);
      return { status: 200, body: challengeOut(await known().challenge(caller), caller.principal) };
    },
  );
  mount<z.ZodType, z.infer<typeof registrationSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/session/passkeys',
      operationId: 'makePasskey',
      tag: 'Access',
      summary: 'Keep the passkey that the authenticator made',
      scope: 'session:own',
      stepUp: true,
      body: { schema: registrationSchema },
      responses: { 201: answers('It may be used from now on.', z.object({ made: z.literal(true) })) },
      refusals: ['not_found'],
    },
    async ({ caller, body }) => {
      sessionOf(caller);
      await known().register(caller, { clientData: decoded(body.clientDataJSON), attestation: decoded(body.attestationObject) });
      return { status: 201, body: { made: true } };
    },
  );
}

const listedSchema = z.object({
  id: z.string().openapi({ description: 'base64url' }),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
});
const credentialParams = z.object({ credentialId: z.string() });

function mountOwn(api: Api, known: () => Passkeys): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/session/passkeys',
      operationId: 'listPasskeys',
      tag: 'Access',
      summary: 'List the passkeys of whoever is in',
      scope: 'session:own',
      responses: { 200: answers('Oldest first.', z.object({ items: z.array(listedSchema) })) },
      refusals: ['not_found'],
    },
    async ({ caller }) => {
      sessionOf(caller);
      const items = (await known().list(caller)).map(({ credentialId, createdAt, lastUsedAt }) => ({
        id: credentialId.toString('base64url'),
        createdAt: createdAt.toISOString(),
        lastUsedAt: lastUsedAt?.toISOString() ?? null,
      }));
      return { status: 200, body: { items } };
    },
  );
  mount(
    api,
    {
      method: 'delete',
      path: '/v1/session/passkeys/{credentialId}',
      operationId: 'deletePasskey',
      tag: 'Access',
      summary: 'Take a passkey away, and end every other session of its person',
      scope: 'session:own',
      stepUp: true,
      params: credentialParams,
      responses: { 200: answers('It lets nobody in any more.', z.object({ id: z.string(), deleted: z.literal(true) })) },
      refusals: ['not_found'],
    },
    async ({ c, caller }) => {
      sessionOf(caller);
      const id = c.req.param('credentialId') ?? '';
      if (!BYTES.test(id)) throw fault('not_found');
      await known().remove(caller, decoded(id));
      return { status: 200, body: { id, deleted: true } };
    },
  );
}

function mountLogin(api: Api, known: () => Passkeys): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/session/challenge',
      operationId: 'beginPasskeyLogin',
      tag: 'Access',
      summary: 'Begin to log in with a passkey',
      scope: null,
      responses: { 200: answers('What the authenticator is asked for.', challengeSchema) },
      refusals: ['not_found'],
    },
    async () => ({ status: 200, body: challengeOut(await known().challenge(null), '') }),
  );
  mount<z.ZodType, z.infer<typeof assertionSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/session/passkey',
      operationId: 'logInWithPasskey',
      tag: 'Access',
      summary: 'Log in with a passkey',
      description: 'It counts as both factors, and as showing the second one again.',
      scope: null,
      body: { schema: assertionSchema },
      responses: { 200: answers('An access token and its first refresh token.', grantSchema) },
      refusals: ['unauthenticated', 'not_found'],
    },
    async ({ c, body }) => {
      const grant = await api.limits.guess(c, () =>
        known().logIn({
          credentialId: decoded(body.id),
          clientData: decoded(body.clientDataJSON),
          authenticatorData: decoded(body.authenticatorData),
          signature: decoded(body.signature),
        }),
      );
      return { status: 200, body: grantOut(grant, deps.clock.now()) };
    },
  );
}
