/** An authenticator in software, for tests: it makes keys and signs with them as a telephone would. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

type Writable = number | string | Uint8Array | ReadonlyMap<number | string, Writable>;

/** CBOR of the few kinds that authenticators write. */
export function writeCbor(value: Writable): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, each]) => [writeCbor(key), writeCbor(each)])]);
}

function head(kind: number, count: number): Buffer {
  if (count < 24) return Buffer.of((kind << 5) | count);
  return count < 256 ? Buffer.of((kind << 5) | 24, count) : Buffer.of((kind << 5) | 25, count >> 8, count & 255);
}

/** What a test wants otherwise than in order. */
export interface AuthenticatorOver {
  readonly type?: string;
  readonly origin?: string;
  readonly rpId?: string;
  readonly crossOrigin?: boolean;
  /** 1 present, 4 verified, 64 with a key. */
  readonly flags?: number;
  readonly signCount?: number;
  readonly signedBy?: KeyObject;
  /** Behind the key, where nothing belongs. */
  readonly trailing?: Uint8Array;
}

/** Makes one with a key of its own. */
export function softwareAuthenticator(party: { readonly id: string; readonly origin: string }, kind: 'P-256' | 'Ed25519' = 'P-256') {
  const { privateKey, publicKey } = kind === 'P-256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const credentialId = randomBytes(32);
  const jwk = publicKey.export({ format: 'jwk' }) as { x: string; y?: string };
  const coordinate = (text = ''): Buffer => Buffer.from(text, 'base64url');
  const cose = new Map<number, Writable>(
    kind === 'P-256'
      ? [
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, coordinate(jwk.x)],
          [-3, coordinate(jwk.y)],
        ]
      : [
          [1, 1],
          [3, -8],
          [-1, 6],
          [-2, coordinate(jwk.x)],
        ],
  );
  let used = 0;

  const clientDataOf = (type: string, challenge: Uint8Array, over: AuthenticatorOver): Buffer => {
    const origin = over.origin ?? party.origin;
    const said = {
      type: over.type ?? type,
      challenge: Buffer.from(challenge).toString('base64url'),
      origin,
      crossOrigin: over.crossOrigin ?? false,
    };
    return Buffer.from(JSON.stringify(said));
  };
  const dataOf = (flags: number, over: AuthenticatorOver, rest: Uint8Array): Buffer => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(over.signCount ?? (used += 1));
    const rpIdHash = createHash('sha256')
      .update(over.rpId ?? party.id)
      .digest();
    return Buffer.concat([rpIdHash, Buffer.of(over.flags ?? flags), counter, rest]);
  };

  return {
    credentialId,
    /** Makes the key known in answer to a challenge. */
    register(challenge: Uint8Array, over: AuthenticatorOver = {}) {
      const length = Buffer.of(credentialId.length >> 8, credentialId.length & 255);
      const rest = Buffer.concat([Buffer.alloc(16), length, credentialId, writeCbor(cose), over.trailing ?? Buffer.alloc(0)]);
      const attestation = writeCbor(
        new Map<string, Writable>([
          ['fmt', 'none'],
          ['attStmt', new Map()],
          ['authData', dataOf(69, over, rest)],
        ]),
      );
      return { clientData: clientDataOf('webauthn.create', challenge, over), attestation };
    },
    /** Signs a challenge. */
    answer(challenge: Uint8Array, over: AuthenticatorOver = {}) {
      const clientData = clientDataOf('webauthn.get', challenge, over);
      const authenticatorData = dataOf(5, over, Buffer.alloc(0));
      const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientData).digest()]);
      const signature = sign(kind === 'P-256' ? 'sha256' : null, signed, over.signedBy ?? privateKey);
      return { clientData, authenticatorData, signature };
    },
  };
}
