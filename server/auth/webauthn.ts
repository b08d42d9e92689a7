/**
 * Passkeys (Web Authentication, level 2): what an authenticator says when a key is made, and when it is used. Without attestation: any
 * authenticator will do that has verified its user. Challenges, and who a key belongs to, are kept by whoever asks.
 */
import { createHash, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { z } from 'zod';
import { type Cbor, parseCbor, readCbor } from './cbor.ts';

/** Who we are to an authenticator: a host name, and the origin of the page that asks. */
export interface RelyingParty {
  readonly id: string;
  readonly origin: string;
}

/** A key that was made. */
export interface Passkey {
  readonly credentialId: Buffer;
  /** As JWK: P-256 or Ed25519. */
  readonly publicJwk: Readonly<Record<string, string>>;
  readonly signCount: number;
}

const FLAG = { userPresent: 1, userVerified: 4, attested: 64, extended: 128 } as const;
const HEAD_BYTES = 37;
const CREDENTIAL_BYTES_MAX = 1_023;

const clientDataSchema = z.object({
  type: z.enum(['webauthn.create', 'webauthn.get']),
  challenge: z.string(),
  origin: z.string(),
  crossOrigin: z.boolean().optional(),
});

/** The challenge that the page handed on, so that it can be looked up; null for what is no client data. Nothing is checked yet. */
export function challengeOf(clientData: Uint8Array): Buffer | null {
  const said = readClientData(clientData);
  return said === null ? null : Buffer.from(said.challenge, 'base64url');
}

function readClientData(bytes: Uint8Array): z.infer<typeof clientDataSchema> | null {
  try {
    return clientDataSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}

interface Said {
  readonly clientData: Uint8Array;
  readonly challenge: Uint8Array;
}

function isFrom(party: RelyingParty, type: 'webauthn.create' | 'webauthn.get', { clientData, challenge }: Said): boolean {
  const said = readClientData(clientData);
  if (said === null || said.type !== type || said.origin !== party.origin || said.crossOrigin === true) return false;
  return said.challenge === Buffer.from(challenge).toString('base64url');
}

interface AuthenticatorData {
  readonly signCount: number;
  readonly flags: number;
  readonly rest: Uint8Array;
}

/** What the authenticator vouches for; null unless it is for this party, with a user who was present and verified. */
function readAuthenticatorData(party: RelyingParty, bytes: Uint8Array): AuthenticatorData | null {
  if (bytes.length < HEAD_BYTES) return null;
  const isOurs = timingSafeEqual(bytes.subarray(0, 32), createHash('sha256').update(party.id).digest());
  const flags = bytes[32] ?? 0;
  const needed = FLAG.userPresent | FLAG.userVerified;
  if (!isOurs || (flags & needed) !== needed) return null;
  return { flags, signCount: Buffer.from(bytes).readUInt32BE(33), rest: bytes.subarray(HEAD_BYTES) };
}

/** The key that an authenticator made in answer to the challenge; null for anything that is not in order. */
export function readRegistration(party: RelyingParty, given: Said & { readonly attestation: Uint8Array }): Passkey | null {
  if (!isFrom(party, 'webauthn.create', given)) return null;
  try {
    const attestation = parseCbor(given.attestation);
    const written = attestation instanceof Map ? attestation.get('authData') : undefined;
    const data = written instanceof Uint8Array ? readAuthenticatorData(party, written) : null;
    if (data === null || (data.flags & FLAG.attested) === 0) return null;
    return readCredential(data);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}

function readCredential({ rest, signCount, flags }: AuthenticatorData): Passkey | null {
  const length = Buffer.from(rest).readUInt16BE(16);
  if (length === 0 || length > CREDENTIAL_BYTES_MAX || rest.length < 18 + length) return null;
  const { value, end } = readCbor(rest, 18 + length);
  if ((flags & FLAG.extended) === 0 && end !== rest.length) return null;
  const publicJwk = value instanceof Map ? jwkOfCose(value) : null;
  return publicJwk === null ? null : { credentialId: Buffer.from(rest.subarray(18, 18 + length)), publicJwk, signCount };
}

/** A COSE key (RFC 9053) of the two kinds that are taken: ES256 over P-256, and EdDSA over Ed25519. */
function jwkOfCose(key: ReadonlyMap<Cbor, Cbor>): Readonly<Record<string, string>> | null {
  const [kind, algorithm, curve, x, y] = [1, 3, -1, -2, -3].map((label) => key.get(label));
  const text = (value: Cbor | undefined): string | null =>
    value instanceof Uint8Array && value.length === 32 ? Buffer.from(value).toString('base64url') : null;
  const [xText, yText] = [text(x), text(y)];
  if (kind === 2 && algorithm === -7 && curve === 1 && xText !== null && yText !== null)
    return checked({ kty: 'EC', crv: 'P-256', x: xText, y: yText });
  return kind === 1 && algorithm === -8 && curve === 6 && xText !== null ? checked({ kty: 'OKP', crv: 'Ed25519', x: xText }) : null;
}

/** The same key, once it is known to be one: a point that is on no curve is none. */
function checked(jwk: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  try {
    createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return jwk;
  } catch {
    return null;
  }
}

/** How often the key was used, as its authenticator counts, when this is the key's answer to the challenge; null otherwise. */
export function readAssertion(
  party: RelyingParty,
  passkey: Omit<Passkey, 'credentialId'>,
  given: Said & { readonly authenticatorData: Uint8Array; readonly signature: Uint8Array },
): number | null {
  const data = readAuthenticatorData(party, given.authenticatorData);
  if (data === null || !isFrom(party, 'webauthn.get', given)) return null;
  const signed = Buffer.concat([given.authenticatorData, createHash('sha256').update(given.clientData).digest()]);
  const key: KeyObject = createPublicKey({ key: { ...passkey.publicJwk }, format: 'jwk' });
  if (!verify(passkey.publicJwk.kty === 'EC' ? 'sha256' : null, signed, key, given.signature)) return null;
  // Authenticators that do not count say nothing but zero; one that counts never goes back, unless it was copied.
  const isCopy = (data.signCount !== 0 || passkey.signCount !== 0) && data.signCount <= passkey.signCount;
  return isCopy ? null : data.signCount;
}
