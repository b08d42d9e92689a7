/** Logging in with a passkey: the authenticator has verified its user, so it is both factors at once, and a step-up as well. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { hmacSha256 } from '../../db/keyring.ts';
import { findLogin } from '../../db/queries/logins.ts';
import {
  deletePasskey,
  findPasskey,
  keepChallenge,
  keepPasskey,
  type ListedPasskey,
  listPasskeys,
  notePasskeyUse,
  takeChallenge,
} from '../../db/queries/passkeys.ts';
import { fault } from '../../domain/errors.ts';
import type { Caller } from '../api/deps.ts';
import { type AccessDeps, type Grant, openSession, refuse, refused } from './access.ts';
import { challengeOf, readAssertion, readRegistration, type RelyingParty } from './webauthn.ts';

/** How long a challenge may be answered, milliseconds. */
export const CHALLENGE_MS = 120_000;

/** What an authenticator is to sign, and for whom. */
export interface Challenge {
  readonly challenge: Buffer;
  readonly party: RelyingParty;
  /** The handle of the login a key is made for; null for logging in. */
  readonly userHandle: Buffer | null;
}

export interface Passkeys {
  /** For making a key, of a person who is in; for logging in, without one. Throws `unauthenticated`. */
  challenge(caller: Caller | null): Promise<Challenge>;
  /** Keeps the key that was made. Throws `unauthenticated` for anything that is not in order. */
  register(caller: Caller, given: { readonly clientData: Buffer; readonly attestation: Buffer }): Promise<void>;
  /** Those of the caller. Throws `unauthenticated`. */
  list(caller: Caller): Promise<ListedPasskey[]>;
  /** Takes one of the caller's away; their other sessions end. Throws `unauthenticated`, `not_found`. */
  remove(caller: Caller, credentialId: Buffer): Promise<void>;
  /** Throws `unauthenticated` for everything that is not right, without saying what. */
  logIn(given: {
    readonly credentialId: Buffer;
    readonly clientData: Buffer;
    readonly authenticatorData: Buffer;
    readonly signature: Buffer;
  }): Promise<Grant>;
}

const [MOMENT_BYTES, RANDOM_BYTES, SEAL_BYTES] = [8, 16, 32];
const SEALED_BYTES = MOMENT_BYTES + RANDOM_BYTES;
const sealOf = (pepper: Buffer, head: Buffer): Buffer => hmacSha256(pepper)(Buffer.concat([Buffer.from('passkey challenge\0'), head]));

/** A challenge for anybody to log in with: it says itself until when it is good, under our seal, so that asking for one leaves nothing behind. */
function openChallenge(pepper: Buffer, expiresAtMs: number): Buffer {
  const head = Buffer.concat([Buffer.alloc(MOMENT_BYTES), randomBytes(RANDOM_BYTES)]);
  head.writeBigUInt64BE(BigInt(expiresAtMs));
  return Buffer.concat([head, sealOf(pepper, head)]);
}

/** Until when such a challenge is good; null for one that is not of ours. */
function expiryOf(pepper: Buffer, challenge: Buffer): number | null {
  if (challenge.length !== SEALED_BYTES + SEAL_BYTES) return null;
  const head = challenge.subarray(0, SEALED_BYTES);
  return timingSafeEqual(sealOf(pepper, head), challenge.subarray(SEALED_BYTES)) ? Number(head.readBigUInt64BE()) : null;
}

/** Makes them. */
export function createPasskeys(deps: AccessDeps): Passkeys {
  const { pool, clock } = deps;
  const { hostname, origin } = new URL(deps.origin);
  const party: RelyingParty = { id: hostname, origin };
  const loginOf = async (caller: Caller) => {
    const login = await findLogin(pool, caller.principal);
    if (login === null || login.disabledAt !== null || caller.session?.kind !== 'person') throw refused();
    return login;
  };
  return {
    challenge: async (caller) => {
      const nowMs = clock.now();
      if (caller === null) return { challenge: openChallenge(deps.pepper, nowMs + CHALLENGE_MS), party, userHandle: null };
      const login = await loginOf(caller);
      const challenge = randomBytes(32);
      await keepChallenge(pool, { challenge, loginId: login.id, expiresAtMs: nowMs + CHALLENGE_MS, nowMs });
      return { challenge, party, userHandle: Buffer.from(login.id) };
    },
    register: async (caller, { clientData, attestation }) => {
      const login = await loginOf(caller);
      const challenge = challengeOf(clientData);
      if (challenge === null || !(await takeChallenge(pool, challenge, login.id, clock.now()))) throw refused();
      const made = readRegistration(party, { clientData, challenge, attestation });
      if (made === null || !(await keepPasskey(pool, { login, ...made }, clock.now())))
        throw fault('unauthenticated', { detail: 'The authenticator did not make a key that can be taken.' });
    },
    list: async (caller) => listPasskeys(pool, (await loginOf(caller)).id),
    remove: async (caller, credentialId) => {
      const login = await loginOf(caller);
      const family = caller.session?.family ?? null;
      if (family === null) throw refused();
      if (!(await deletePasskey(pool, { credentialId, login, family }, clock.now()))) throw fault('not_found');
    },
    logIn: async ({ credentialId, clientData, authenticatorData, signature }) => {
      const challenge = challengeOf(clientData);
      const expiresAtMs = challenge === null ? null : expiryOf(deps.pepper, challenge);
      if (challenge === null || expiresAtMs === null || expiresAtMs <= clock.now()) throw refused();
      const passkey = await findPasskey(pool, credentialId);
      const login = passkey === null ? null : await findLogin(pool, passkey.principal);
      if (passkey === null || login === null || login.disabledAt !== null) throw refused();
      const known = { publicJwk: passkey.publicJwk, signCount: Number(passkey.signCount) };
      const signCount = readAssertion(party, known, { clientData, challenge, authenticatorData, signature });
      const use = { credentialId, before: passkey.signCount, signCount: signCount ?? 0 };
      // Used up by whoever signed it, and by nobody else: without a key that is known nothing is written.
      if (signCount === null || !(await keepChallenge(pool, { challenge, loginId: null, expiresAtMs, nowMs: clock.now() })))
        return refuse(deps, login, 'passkey');
      if (!(await notePasskeyUse(pool, use, clock.now()))) return refuse(deps, login, 'passkey');
      return openSession(deps, login, null);
    },
  };
}
