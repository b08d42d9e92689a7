/**
 * The keys behind access tokens: made by the first process that needs one, kept encrypted in the database, read again every so often,
 * so that a rotation reaches every process without a restart. A retired key checks for as long as what it signed may live.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type Pool, withTransaction } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { findSigningKeys, rotateSigningKey, type SigningKeyRow } from '../../db/queries/signing-keys.ts';
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { checkToken, type Claims, type Jwk, keyNameOf, newSigningKey, signToken } from './jwt.ts';

export const SIGNING_KEY_CONTEXT = 'signing_keys.private_key';
/** How long an access token lives, milliseconds; retired keys are published for as long, and a refresh more. */
export const TOKEN_MS = 10 * 60_000;
/** How long keys are remembered before they are read again, milliseconds. */
const KNOWN_FOR_MS = 30_000;
/** Keys that a token names and nobody knows make us look at most so often. */
const UNKNOWN_EVERY_MS = 5_000;
const KEPT_MS = TOKEN_MS + 2 * KNOWN_FOR_MS;

export interface SignerDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
  /** Who signs, and for whom: the public address of the API. */
  readonly issuer: string;
  readonly audience: string;
}

export interface TokenSigner {
  sign(claims: Omit<Claims, 'iss' | 'aud' | 'iat' | 'exp'>): Promise<{ readonly token: string; readonly expiresAtMs: number }>;
  /** The claims of a token of ours that is in force; null otherwise. Whether it was taken back is not looked at. */
  check(token: string): Promise<Claims | null>;
  /** The public keys, the signing one first. */
  jwks(): Promise<readonly Jwk[]>;
}

interface Known {
  readonly signing: { readonly kid: string; readonly privateKey: KeyObject };
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  readonly jwks: readonly Jwk[];
  readonly readAtMs: number;
}

/** Makes a signer. Its first use makes a key when there is none. */
export function createTokenSigner(deps: SignerDeps): TokenSigner {
  const { clock, issuer, audience } = deps;
  let known: Promise<Known> | null = null;
  let knownUntilMs = 0;

  async function keys(): Promise<Known> {
    if (known !== null && clock.now() < knownUntilMs) return known;
    knownUntilMs = clock.now() + KNOWN_FOR_MS;
    known = readKeys(deps);
    known.catch(() => {
      known = null;
    });
    return known;
  }

  return {
    sign: async (claims) => {
      const { signing } = await keys();
      const iat = Math.floor(clock.now() / 1000);
      const exp = iat + TOKEN_MS / 1000;
      return { token: signToken({ ...claims, iss: issuer, aud: audience, iat, exp }, signing), expiresAtMs: exp * 1000 };
    },
    check: async (token) => {
      const kid = keyNameOf(token);
      if (kid === null) return null;
      let current = await keys();
      if (!current.publicKeys.has(kid) && clock.now() - current.readAtMs > UNKNOWN_EVERY_MS) {
        knownUntilMs = 0;
        current = await keys();
      }
      const publicKey = current.publicKeys.get(kid);
      return publicKey === undefined ? null : checkToken(token, publicKey, { issuer, audience, nowMs: clock.now() });
    },
    jwks: async () => (await keys()).jwks,
  };
}

async function readKeys(deps: SignerDeps): Promise<Known> {
  const nowMs = deps.clock.now();
  const rows = await findSigningKeys(deps.pool, nowMs - KEPT_MS);
  if (rows[0]?.retiredAt !== null) {
    await makeSigningKey(deps, { only: 'first', actor: 'system' });
    return knownOf(deps, await findSigningKeys(deps.pool, nowMs - KEPT_MS), nowMs);
  }
  return knownOf(deps, rows, nowMs);
}

function knownOf({ keyring }: SignerDeps, rows: readonly SigningKeyRow[], readAtMs: number): Known {
  const [first] = rows;
  if (first === undefined) throw fault('internal', { internal: 'no key signs tokens' });
  const jwks = rows.map((row) => row.publicJwk as unknown as Jwk);
  return {
    signing: { kid: first.kid, privateKey: createPrivateKey(keyring.decrypt(first.privateKey, SIGNING_KEY_CONTEXT)) },
    publicKeys: new Map(jwks.map((jwk) => [jwk.kid, createPublicKey({ key: { ...jwk }, format: 'jwk' })])),
    jwks,
    readAtMs,
  };
}

/** Makes a key and lets it sign from now on; the one before goes on checking. Returns its name, or null when there was one and only the first was wanted. */
export async function makeSigningKey(
  deps: Pick<SignerDeps, 'pool' | 'keyring' | 'clock'>,
  options: { readonly only: 'first' | 'always'; readonly actor: string },
): Promise<string | null> {
  const { privateKey, jwk } = newSigningKey();
  const sealed = deps.keyring.encrypt(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), SIGNING_KEY_CONTEXT);
  const row = { kid: jwk.kid, privateKey: sealed, publicJwk: { ...jwk } };
  const made = await withTransaction(deps.pool, (tx) => rotateSigningKey(tx, row, { nowMs: deps.clock.now(), ...options }));
  return made ? jwk.kid : null;
}
