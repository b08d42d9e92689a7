/**
 * Access tokens: JWT (RFC 7519) signed with Ed25519 (RFC 8037), of one shape. Node signs and checks; what is added here is only what
 * the standards ask of the outside. No other algorithm is known, so none can be talked into.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';

/** What a token says. Moments are seconds since 1970, as the standard has them. */
export const claimsSchema = z.object({
  iss: z.string(),
  aud: z.string(),
  /** The principal. */
  sub: z.string(),
  jti: z.uuid(),
  iat: z.int(),
  exp: z.int(),
  client_id: z.uuid(),
  /** Separated by blanks. */
  scope: z.string(),
  /** `person` or `program`. */
  kind: z.enum(['person', 'program']),
  /** The API key that a program got it with. */
  key_id: z.uuid().optional(),
  /** When a person last showed the second factor. */
  second_factor_at: z.int().optional(),
  /** The login's family of refresh tokens. */
  family: z.uuid().optional(),
});

export type Claims = z.infer<typeof claimsSchema>;

export interface Jwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly use: 'sig';
}

const TYPE = 'at+jwt';
const headerSchema = z.object({ alg: z.literal('EdDSA'), typ: z.literal(TYPE), kid: z.string().max(100) });
/** How far clocks may be apart, seconds. */
const LEEWAY_S = 5;

const written = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Makes a key pair; its name is the thumbprint of the public part. */
export function newSigningKey(): { readonly privateKey: KeyObject; readonly jwk: Jwk } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, jwk: jwkOf(publicKey) };
}

/** A public Ed25519 key as JWK, named by its thumbprint (RFC 7638). Throws `RangeError` for a key of another kind. */
export function jwkOf(publicKey: KeyObject): Jwk {
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new RangeError('the key is not an Ed25519 key');
  const { crv, kty, x } = publicKey.export({ format: 'jwk' }) as { crv: string; kty: string; x: string };
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' };
}

/** Signs the claims under the name of a key. */
export function signToken(claims: Claims, key: { readonly kid: string; readonly privateKey: KeyObject }): string {
  const head = `${written({ alg: 'EdDSA', typ: TYPE, kid: key.kid })}.${written(claims)}`;
  return `${head}.${sign(null, Buffer.from(head), key.privateKey).toString('base64url')}`;
}

/** The name of the key that a token says it was signed with; null for what is no such token. Nothing is checked yet. */
export function keyNameOf(token: string): string | null {
  const header = headerSchema.safeParse(parsed(token.split('.', 1)[0] ?? ''));
  return header.success ? header.data.kid : null;
}

/** The claims of a token that the key signed, for this audience, from this issuer, and in force; null otherwise. */
export function checkToken(
  token: string,
  publicKey: KeyObject,
  expected: { readonly issuer: string; readonly audience: string; readonly nowMs: number },
): Claims | null {
  const parts = token.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || keyNameOf(token) === null) return null;
  const bytes = Buffer.from(signature, 'base64url');
  // base64url has more than one writing of the same bytes; only one of them is ours.
  if (bytes.length !== 64 || bytes.toString('base64url') !== signature) return null;
  if (!verify(null, Buffer.from(`${header}.${payload}`), publicKey, bytes)) return null;
  const claims = claimsSchema.safeParse(parsed(payload));
  if (!claims.success) return null;
  const { iss, aud, iat, exp } = claims.data;
  const nowS = expected.nowMs / 1000;
  const inForce = nowS < exp && iat <= nowS + LEEWAY_S;
  return iss === expected.issuer && aud === expected.audience && inForce ? claims.data : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
