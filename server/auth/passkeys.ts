/** Logging in with a passkey: the authenticator has verified its user, so it is both factors at once, and a step-up as well. */
import { randomBytes } from 'node:crypto';
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
      const login = caller === null ? null : await loginOf(caller);
      const challenge = randomBytes(32);
      const nowMs = clock.now();
      await keepChallenge(pool, { challenge, loginId: login?.id ?? null, expiresAtMs: nowMs + CHALLENGE_MS, nowMs });
      return { challenge, party, userHandle: login === null ? null : Buffer.from(login.id) };
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
      if (challenge === null || !(await takeChallenge(pool, challenge, null, clock.now()))) throw refused();
      const passkey = await findPasskey(pool, credentialId);
      const login = passkey === null ? null : await findLogin(pool, passkey.principal);
      if (passkey === null || login === null || login.disabledAt !== null) throw refused();
      const known = { publicJwk: passkey.publicJwk, signCount: Number(passkey.signCount) };
      const signCount = readAssertion(party, known, { clientData, challenge, authenticatorData, signature });
      const use = { credentialId, before: passkey.signCount, signCount: signCount ?? 0 };
      if (signCount === null || !(await notePasskeyUse(pool, use, clock.now()))) return refuse(deps, login, 'passkey');
      return openSession(deps, login, null);
    },
  };
}
