/**
 * Ways in besides API keys: tokens for programs (OAuth 2.0 client credentials, RFC 6749) and for people, who log in with a password and
 * a second factor. Whoever guesses is slowed down by the login itself, whatever address the guesses come from.
 */
import { randomBytes } from 'node:crypto';
import { type Pool, withTransaction } from '../../db/connect.ts';
import { hmacSha256, type Keyring } from '../../db/keyring.ts';
import { findApiKey, noteKeyUses } from '../../db/queries/api-keys.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import {
  beginFamily,
  endFamily,
  familyOf,
  isInForce,
  type LoginRow,
  noteRefusal,
  noteSecondFactor,
  noteSuccess,
  replacePassword,
  revokeToken,
  rotateRefreshToken,
  takeAttempt,
} from '../../db/queries/logins.ts';
import type { Clock } from '../../domain/clock.ts';
import { type Fault, fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { scopesOf } from '../../domain/roles.ts';
import type { Caller, Session } from '../api/deps.ts';
import type { Claims } from './jwt.ts';
import { hashPassword, inTurn, isPassword, NOBODYS_PASSWORD } from './passwords.ts';
import type { TokenSigner } from './token-signer.ts';
import { matchTotp } from './totp.ts';

export const TOTP_CONTEXT = 'logins.totp_secret';
/** How long a login goes on by refresh tokens, milliseconds: a working day. */
const FAMILY_MS = 12 * 3_600_000;
/** Failures that cost nothing; each one more doubles the wait, up to the longest. */
const FREE_FAILURES = 4;
const LOCK_MS = { first: 30_000, longest: 3_600_000 } as const;
/** How long a login waits after one failure, two, and so on; after more than stand here as long as after the last. */
const WAITS_MS = Array.from({ length: 16 }, (_, index) => lockedUntilMs(index + 1, 0) ?? 0);

export interface AccessDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly pepper: Buffer;
  readonly clock: Clock;
  readonly signer: TokenSigner;
  /** The public address of the API. */
  readonly origin: string;
}

/** What somebody gets who got in. */
export interface Grant {
  readonly accessToken: string;
  readonly expiresAtMs: number;
  readonly scopes: readonly string[];
  /** For people only. */
  readonly refreshToken: string | null;
}

export interface Access {
  /** The caller behind a presented API key or access token, or null. */
  findCaller(presented: string): Promise<Caller | null>;
  /** A token for whoever holds an API key, with all of its scopes or some of them. Throws `unauthenticated`, `forbidden`. */
  ofKey(presented: string, scopes: readonly string[] | null): Promise<Grant>;
  /** Throws `unauthenticated` for everything that is not right, without saying what. */
  logIn(given: { readonly principal: string; readonly password: string; readonly code: string }): Promise<Grant>;
  /** Throws `unauthenticated`; a token that comes twice ends its family. */
  refresh(token: string): Promise<Grant>;
  /** A token that says that the second factor was shown just now. Throws `unauthenticated`. */
  stepUp(caller: Caller, code: string): Promise<Grant>;
  /** Puts another password in the place of a person's own; their other sessions end. Throws `unauthenticated`, `validation_failed`. */
  changePassword(caller: Caller, given: { readonly password: string; readonly newPassword: string }): Promise<void>;
  /** Takes an access or refresh token back; of a person, the whole login. One that is none is no error. */
  revoke(token: string): Promise<void>;
  jwks: TokenSigner['jwks'];
  /** The public address that signed requests name. */
  readonly origin: string;
  /** What it was made of, for ways in of their own. */
  readonly deps: AccessDeps;
}

/** Makes the ways in. */
export function createAccess(deps: AccessDeps): Access {
  const { pool, signer, clock } = deps;
  const uses = createKeyUses(deps);
  return {
    findCaller: async (presented) => {
      if (!presented.includes('.')) {
        const key = uses.note(await findApiKey(pool, deps.pepper, presented, clock.now()));
        return key === null ? null : { ...key, keyId: key.id };
      }
      const claims = await signer.check(presented);
      if (claims === null) return null;
      const { jti, family = null, key_id: keyId = null } = claims;
      return (await isInForce(pool, { jti, family, keyId }, clock.now())) ? callerOf(claims) : null;
    },
    ofKey: async (presented, scopes) => {
      const key = uses.note(await findApiKey(pool, deps.pepper, presented, clock.now()));
      // A token would carry the key's rights without its signatures.
      if (key === null || key.requestKey !== null) throw fault('unauthenticated');
      if (scopes?.some((scope) => !key.scopes.includes(scope)) === true)
        throw fault('forbidden', { detail: 'The key does not carry all of the scopes that were asked for.' });
      const granted = scopes ?? key.scopes;
      const { clientId, principal } = key;
      const jti = newId();
      const { token, expiresAtMs } = await signer.sign({
        sub: principal,
        jti,
        client_id: clientId,
        scope: granted.join(' '),
        kind: 'program',
        key_id: key.id,
      });
      const details = { keyId: key.id, scopes: granted };
      await recordAuditEvents(
        pool,
        [{ clientId, actor: principal, action: 'token.issued', subject: `token:${jti}`, details }],
        clock.now(),
      );
      return { accessToken: token, expiresAtMs, scopes: granted, refreshToken: null };
    },
    logIn: (given) => logIn(deps, given),
    refresh: (token) => refresh(deps, token),
    stepUp: (caller, code) => stepUp(deps, caller, code),
    changePassword: (caller, given) => changePassword(deps, caller, given),
    revoke: async (token) => {
      const claims = token.includes('.') ? await signer.check(token) : null;
      const family = claims?.family ?? (claims === null ? await familyOf(pool, hashOf(deps, token)) : null);
      if (family !== null) await endFamily(pool, family, 'logout', clock.now());
      if (claims === null) return;
      const { jti, exp, client_id: clientId, sub: actor } = claims;
      await revokeToken(pool, { jti, expiresAtMs: exp * 1000, clientId, actor }, clock.now());
    },
    jwks: signer.jwks,
    origin: new URL(deps.origin).origin,
    deps,
  };
}

/** How often the last use of one key is written down at most, milliseconds. */
const USE_EVERY_MS = 5 * 60_000;
const USES_MAX = 10_000;

/** Notes when keys are used, seldom, and without anybody waiting for it: a note that is lost is no harm. */
function createKeyUses({ pool, clock }: AccessDeps) {
  const notedAtMs = new Map<string, number>();
  return {
    note<Key extends { readonly id: string } | null>(key: Key): Key {
      const nowMs = clock.now();
      if (key === null || nowMs - (notedAtMs.get(key.id) ?? Number.NEGATIVE_INFINITY) < USE_EVERY_MS) return key;
      if (notedAtMs.size >= USES_MAX) notedAtMs.clear();
      notedAtMs.set(key.id, nowMs);
      noteKeyUses(pool, [key.id], nowMs).catch(() => notedAtMs.delete(key.id));
      return key;
    },
  };
}

function callerOf(claims: Claims): Caller {
  const session: Session = {
    jti: claims.jti,
    family: claims.family ?? null,
    kind: claims.kind,
    expiresAtMs: claims.exp * 1000,
    secondFactorAtMs: claims.second_factor_at === undefined ? null : claims.second_factor_at * 1000,
  };
  const key = claims.key_id === undefined ? {} : { keyId: claims.key_id };
  return { clientId: claims.client_id, principal: claims.sub, scopes: claims.scope.split(' '), session, ...key };
}

async function logIn(deps: AccessDeps, given: { principal: string; password: string; code: string }): Promise<Grant> {
  const { login, isRight } = await inTurn(() => tryPassword(deps, given.principal, given.password));
  const step = login !== null && isRight ? matchedStep(deps.keyring, login, given.code, deps.clock.now()) : null;
  if (login === null) throw refused();
  if (step === null) return refuse(deps, login, 'login');
  return openSession(deps, login, step);
}

async function tryPassword({ pool, clock }: AccessDeps, principal: string, password: string) {
  const login = await takeAttempt(pool, principal, WAITS_MS, clock.now());
  // A name that nobody has, and a login that is locked, cost as much as any other.
  return { login, isRight: await isPassword(password, login?.passwordHash ?? NOBODYS_PASSWORD) };
}

/** Lets somebody in who has shown both factors; `step` is that of a code, which is used up by it. Throws `unauthenticated` when it was before. */
export async function openSession(deps: AccessDeps, login: LoginRow, step: bigint | null): Promise<Grant> {
  const { pool, clock } = deps;
  const nowMs = clock.now();
  const refreshToken = newRefreshToken();
  const by = step === null ? 'passkey' : 'password';
  const family = await withTransaction(pool, async (tx) => {
    if (!(await noteSuccess(tx, login, step, nowMs))) return null;
    const tokenHash = hashOf(deps, refreshToken);
    return beginFamily(tx, { login, by, tokenHash, secondFactorAtMs: nowMs, expiresAtMs: nowMs + FAMILY_MS, nowMs });
  });
  if (family === null) return refuse(deps, login, step === null ? 'passkey' : 'login');
  return grantOf(deps, login, { family, secondFactorAtMs: nowMs, refreshToken });
}

/** Writes down that somebody does not get in, and throws what they hear. */
export async function refuse({ pool, clock }: AccessDeps, login: LoginRow, at: Parameters<typeof noteRefusal>[2]): Promise<never> {
  await noteRefusal(pool, login, at, clock.now());
  throw refused();
}

/** What everybody hears who does not get in. */
export const refused = (): Fault => fault('unauthenticated', { detail: 'Name, password or code is wrong, or too many were.' });

/** Until when nobody gets in after so many failures in a row; null while they cost nothing. */
export function lockedUntilMs(failures: number, nowMs: number): number | null {
  const doublings = failures - FREE_FAILURES - 1;
  if (doublings < 0) return null;
  return nowMs + Math.min(LOCK_MS.longest, LOCK_MS.first * 2 ** Math.min(doublings, 20));
}

/** The step of a right code; null for a wrong one, and without a second factor: nobody gets in by a password alone. */
function matchedStep(keyring: Keyring, login: LoginRow, code: string, nowMs: number): bigint | null {
  if (login.totpSecret === null) return null;
  const secret = Buffer.from(keyring.decrypt(login.totpSecret, TOTP_CONTEXT), 'base64');
  return matchTotp(secret, code, nowMs, login.totpStep);
}

const newRefreshToken = (): string => `capp_refresh_${randomBytes(32).toString('base64url')}`;

const hashOf = ({ pepper }: AccessDeps, token: string): Buffer => hmacSha256(pepper)(token);

interface Standing {
  readonly family: string;
  readonly secondFactorAtMs: number | null;
  readonly refreshToken: string | null;
}

async function grantOf(deps: AccessDeps, login: LoginRow, { family, secondFactorAtMs, refreshToken }: Standing): Promise<Grant> {
  const scopes = scopesOf(login.roles);
  const { token, expiresAtMs } = await deps.signer.sign({
    sub: login.principal,
    jti: newId(),
    client_id: login.clientId,
    scope: scopes.join(' '),
    kind: 'person',
    family,
    ...(secondFactorAtMs === null ? {} : { second_factor_at: Math.floor(secondFactorAtMs / 1000) }),
  });
  return { accessToken: token, expiresAtMs, scopes, refreshToken };
}

async function refresh(deps: AccessDeps, token: string): Promise<Grant> {
  const successor = newRefreshToken();
  const rotation = await withTransaction(deps.pool, (tx) =>
    rotateRefreshToken(tx, hashOf(deps, token), hashOf(deps, successor), deps.clock.now()),
  );
  if (rotation.outcome !== 'rotated') throw refused();
  const { family, login } = rotation;
  return grantOf(deps, login, { family: family.id, secondFactorAtMs: family.secondFactorAt?.getTime() ?? null, refreshToken: successor });
}

async function stepUp(deps: AccessDeps, caller: Caller, code: string): Promise<Grant> {
  const { pool, clock, keyring } = deps;
  const nowMs = clock.now();
  const family = caller.session?.family ?? null;
  const login = family === null ? null : await takeAttempt(pool, caller.principal, WAITS_MS, nowMs);
  if (family === null || login === null) throw refused();
  const step = matchedStep(keyring, login, code, nowMs);
  const isTaken =
    step !== null &&
    (await withTransaction(pool, async (tx) => {
      if (!(await noteSuccess(tx, login, step, nowMs))) return false;
      // Of a session that has ended the code is used up all the same.
      return noteSecondFactor(tx, family, nowMs);
    }));
  if (!isTaken) return refuse(deps, login, 'second_factor');
  return grantOf(deps, login, { family, secondFactorAtMs: nowMs, refreshToken: null });
}

async function changePassword(deps: AccessDeps, caller: Caller, given: { password: string; newPassword: string }): Promise<void> {
  const { pool, clock } = deps;
  const family = caller.session?.family ?? null;
  if (family === null) throw refused();
  // Worked out first: a new one that cannot be taken is no guess at the old one.
  const passwordHash = await inTurn(() => hashPassword(given.newPassword));
  const { login, isRight } = await inTurn(() => tryPassword(deps, caller.principal, given.password));
  if (login === null) throw refused();
  if (!isRight || !(await replacePassword(pool, login, { passwordHash, family }, clock.now()))) return refuse(deps, login, 'password');
}
