/** Logins of people: who they are, how often they failed, and what tokens they go on with. */
import { newId } from '../../domain/ids.ts';
import type { Role } from '../../domain/roles.ts';
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import { recordAuditEvents } from './audit.ts';

export interface LoginRow {
  readonly id: string;
  readonly clientId: string;
  readonly principal: string;
  readonly passwordHash: string;
  readonly roles: readonly Role[];
  /** Ciphertext; null until a second factor is enrolled. */
  readonly totpSecret: Buffer | null;
  readonly totpStep: bigint;
  readonly failures: number;
  readonly lockedUntil: Date | null;
  readonly disabledAt: Date | null;
}

const COLUMNS = `id, client_id as "clientId", principal, password_hash as "passwordHash", roles, totp_secret as "totpSecret",
  totp_step as "totpStep", failures, locked_until as "lockedUntil", disabled_at as "disabledAt"`;

/** The login of a principal, or null. */
export async function findLogin(db: Queryable | Pool, principal: string): Promise<LoginRow | null> {
  const { rows } = await db.query<LoginRow>({
    name: 'find_login',
    text: `select ${COLUMNS} from logins where principal = $1`,
    values: [principal],
  });
  return rows[0] ?? null;
}

export interface ListedLogin {
  readonly client: string;
  readonly principal: string;
  readonly roles: readonly Role[];
  readonly lastUsedAt: Date | null;
  readonly disabledAt: Date | null;
}

/** Every login, by principal. */
export async function listLogins(db: Queryable | Pool): Promise<ListedLogin[]> {
  const { rows } = await db.query<ListedLogin>({
    name: 'list_logins',
    text: `select clients.name as client, principal, roles, last_used_at as "lastUsedAt", disabled_at as "disabledAt"
      from logins join clients on clients.id = client_id order by principal`,
  });
  return rows;
}

export interface NewLogin {
  readonly clientId: string;
  readonly principal: string;
  readonly passwordHash: string;
  readonly roles: readonly Role[];
  readonly totpSecret: Buffer;
  /** Who makes it, for the audit log. */
  readonly actor: string;
}

/** Makes a login, unless the principal has one; says whether it did. */
export async function createLogin(db: Queryable, wanted: NewLogin, nowMs: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'create_login',
    text: `with made as (
        insert into logins (id, client_id, principal, password_hash, roles, totp_secret, created_at) values ($1, $2, $3, $4, $5, $6, $8)
        on conflict (principal) do nothing returning client_id, principal, roles
      )
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, $7, 'login.created', 'login:' || principal, jsonb_build_object('roles', roles), $8 from made`,
    values: [
      newId(),
      wanted.clientId,
      wanted.principal,
      wanted.passwordHash,
      wanted.roles,
      wanted.totpSecret,
      wanted.actor,
      new Date(nowMs),
    ],
  });
  return rowCount === 1;
}

/** What is changed of a login; what is not given stays. Its families of tokens end with it, so that nothing goes on with what it was. */
export async function changeLogin(
  db: Queryable,
  principal: string,
  change: { readonly roles?: readonly Role[]; readonly disabled?: boolean },
  act: { readonly actor: string; readonly nowMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'change_login',
    text: `with changed as (
        update logins set roles = coalesce($2, roles), disabled_at = case when $3::boolean then $5 when not $3 then null else disabled_at end
        where principal = $1 returning id, client_id, principal, roles, disabled_at
      ), ended as (
        update token_families f set ended_at = $5, ended_by = 'changed' from changed where f.login_id = changed.id and f.ended_at is null
      )
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, $4, 'login.changed', 'login:' || principal,
        jsonb_build_object('roles', roles, 'disabled', disabled_at is not null), $5 from changed`,
    values: [principal, change.roles ?? null, change.disabled ?? null, act.actor, new Date(act.nowMs)],
  });
  return rowCount === 1;
}

/** Gives a login another password and another second factor, in place of all it had: passkeys go, and what goes on by tokens ends. False when there is none. */
export async function resetLogin(
  db: Queryable,
  reset: { readonly principal: string; readonly passwordHash: string; readonly totpSecret: Buffer; readonly actor: string },
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'reset_login',
    text: `with changed as (
        update logins set password_hash = $2, totp_secret = $3, totp_step = 0, failures = 0, locked_until = null
        where principal = $1 returning id, client_id, principal
      ), asked as (delete from passkey_challenges c using changed where c.login_id = changed.id
      ), gone as (delete from passkeys k using changed where k.login_id = changed.id returning 1
      ), ended as (
        update token_families f set ended_at = $5, ended_by = 'reset' from changed where f.login_id = changed.id and f.ended_at is null
      )
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, $4, 'login.reset', 'login:' || principal, jsonb_build_object('passkeys', (select count(*) from gone)), $5 from changed`,
    values: [reset.principal, reset.passwordHash, reset.totpSecret, reset.actor, new Date(nowMs)],
  });
  return rowCount === 1;
}

/** Puts another password in the place of the one that was read; every family of the login ends but one. False when it changed meanwhile. */
export async function replacePassword(
  db: Queryable | Pool,
  login: Pick<LoginRow, 'id' | 'passwordHash'>,
  change: { readonly passwordHash: string; readonly family: string },
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'replace_password',
    text: `with changed as (
        update logins set password_hash = $3, failures = 0, locked_until = null
        where id = $1 and password_hash = $2 and disabled_at is null returning id, client_id, principal
      ), ended as (
        update token_families f set ended_at = $5, ended_by = 'changed' from changed
        where f.login_id = changed.id and f.id <> $4 and f.ended_at is null
      )
      insert into audit_events (client_id, actor, action, subject, created_at)
      select client_id, principal, 'login.password_changed', 'login:' || principal, $5 from changed`,
    values: [login.id, login.passwordHash, change.passwordHash, change.family, new Date(nowMs)],
  });
  return rowCount === 1;
}

/**
 * Takes an attempt to get in with a password or a code, before it is looked at: it counts as a failure until `noteSuccess` says
 * otherwise, and locks the login at once where another failure would. So however many guess at the same moment, each has been counted
 * when the next is let through. Null when nobody has the name, or the login is disabled or locked. `waitsMs` says how long a login
 * waits after one failure, two, and so on.
 */
export async function takeAttempt(
  db: Queryable | Pool,
  principal: string,
  waitsMs: readonly number[],
  nowMs: number,
): Promise<LoginRow | null> {
  const { rows } = await db.query<LoginRow>({
    name: 'take_login_attempt',
    text: `update logins set failures = failures + 1,
        locked_until = greatest(locked_until, $2::timestamptz + interval '1 millisecond' * nullif(($3::bigint[])[least(failures + 1, cardinality($3::bigint[]))], 0))
      where principal = $1 and disabled_at is null and (locked_until is null or locked_until <= $2)
      returning ${COLUMNS}`,
    values: [principal, new Date(nowMs), waitsMs],
  });
  return rows[0] ?? null;
}

/**
 * Takes the code of a step, once, and forgets the failures. False when it, or a later one, was taken before: two requests with one
 * code do not both get in; and when the login was disabled since it was read, or has another password. Null takes none.
 */
export async function noteSuccess(
  db: Queryable,
  login: Pick<LoginRow, 'id' | 'passwordHash'>,
  step: bigint | null,
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'note_login_success',
    text: `update logins set failures = 0, locked_until = null, last_used_at = $3, totp_step = coalesce($2, totp_step)
      where id = $1 and password_hash = $4 and disabled_at is null and ($2::bigint is null or totp_step < $2)`,
    values: [login.id, step, new Date(nowMs), login.passwordHash],
  });
  return rowCount === 1;
}

/** Writes down that somebody did not get in, or not further, with a login that is not locked; by now it may be. */
export async function noteRefusal(
  db: Queryable | Pool,
  login: LoginRow,
  at: 'login' | 'passkey' | 'second_factor' | 'password',
  nowMs: number,
): Promise<void> {
  const { clientId, principal, failures, lockedUntil } = login;
  const locked = lockedUntil !== null && lockedUntil.getTime() > nowMs ? { lockedUntil: lockedUntil.toISOString() } : {};
  const details = { at, failures, ...locked };
  // Who has shown nothing may be anybody.
  const actor = at === 'login' || at === 'passkey' ? 'nobody' : principal;
  await recordAuditEvents(db, [{ clientId, actor, action: 'login.refused', subject: `login:${principal}`, details }], nowMs);
}

export interface Family {
  readonly id: string;
  readonly secondFactorAt: Date | null;
}

/** Begins a family of refresh tokens with its first. */
export async function beginFamily(
  db: Queryable,
  family: {
    readonly login: Pick<LoginRow, 'id' | 'clientId' | 'principal'>;
    /** What the person showed. */
    readonly by: 'password' | 'passkey';
    readonly tokenHash: Buffer;
    readonly secondFactorAtMs: number | null;
    readonly expiresAtMs: number;
    readonly nowMs: number;
  },
): Promise<string> {
  const id = newId();
  await db.query({
    name: 'begin_token_family',
    text: `with family as (
        insert into token_families (id, client_id, login_id, second_factor_at, created_at, expires_at) values ($1, $2, $3, $4, $5, $6) returning id
      ), told as (
        insert into audit_events (client_id, actor, action, subject, details, created_at)
        select $2, $8, 'session.begun', 'session:' || id, jsonb_build_object('by', $9::text), $5 from family
      )
      insert into refresh_tokens (hash, family_id, created_at) select $7, id, $5 from family`,
    values: [
      id,
      family.login.clientId,
      family.login.id,
      family.secondFactorAtMs === null ? null : new Date(family.secondFactorAtMs),
      new Date(family.nowMs),
      new Date(family.expiresAtMs),
      family.tokenHash,
      family.login.principal,
      family.by,
    ],
  });
  return id;
}

export type Rotation =
  | { readonly outcome: 'rotated'; readonly family: Family; readonly login: LoginRow }
  /** The token was used before: whoever holds it or its successor stole it, so the family has ended. */
  | { readonly outcome: 'reused' }
  | { readonly outcome: 'unknown' };

/** Uses a refresh token up and puts its successor in its place, in the caller's transaction. */
export async function rotateRefreshToken(tx: Queryable, hash: Buffer, successor: Buffer, nowMs: number): Promise<Rotation> {
  const at = new Date(nowMs);
  const { rows } = await tx.query<{ familyId: string; usedAt: Date | null; secondFactorAt: Date | null; principal: string }>({
    name: 'lock_refresh_token',
    text: `select f.id as "familyId", t.used_at as "usedAt", f.second_factor_at as "secondFactorAt", l.principal
      from refresh_tokens t join token_families f on f.id = t.family_id join logins l on l.id = f.login_id
      where t.hash = $1 and f.ended_at is null and f.expires_at > $2 and l.disabled_at is null for update of t, f`,
    values: [hash, at],
  });
  const found = rows[0];
  if (found === undefined) return { outcome: 'unknown' };
  if (found.usedAt !== null) {
    await endFamily(tx, found.familyId, 'reused', nowMs);
    return { outcome: 'reused' };
  }
  await tx.query({
    name: 'rotate_refresh_token',
    text: `with used as (update refresh_tokens set used_at = $3 where hash = $1 returning family_id)
      insert into refresh_tokens (hash, family_id, created_at) select $2, family_id, $3 from used`,
    values: [hash, successor, at],
  });
  const login = await findLogin(tx, found.principal);
  if (login === null) return { outcome: 'unknown' };
  const { clientId, principal: actor } = login;
  await recordAuditEvents(tx, [{ clientId, actor, action: 'session.refreshed', subject: `session:${found.familyId}` }], nowMs);
  return { outcome: 'rotated', family: { id: found.familyId, secondFactorAt: found.secondFactorAt }, login };
}

/** The family that a refresh token belongs to, used up or not; null for a token that is none. */
export async function familyOf(db: Queryable | Pool, hash: Buffer): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>({
    name: 'family_of_refresh_token',
    text: 'select family_id as id from refresh_tokens where hash = $1',
    values: [hash],
  });
  return rows[0]?.id ?? null;
}

/** Ends a family, and says so in the audit log. */
export async function endFamily(db: Queryable | Pool, familyId: string, by: 'logout' | 'reused', nowMs: number): Promise<void> {
  await db.query({
    name: 'end_token_family',
    text: `with ended as (
        update token_families f set ended_at = $3, ended_by = $2 from logins l where f.id = $1 and f.ended_at is null and l.id = f.login_id
        returning f.id, f.client_id, l.principal
      )
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, principal, 'session.ended', 'session:' || id, jsonb_build_object('by', $2::text), $3 from ended`,
    values: [familyId, by, new Date(nowMs)],
  });
}

/** Notes that the holder of a family has shown the second factor now. False when it has ended. */
export async function noteSecondFactor(db: Queryable, familyId: string, nowMs: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'note_second_factor',
    text: `with shown as (
        update token_families f set second_factor_at = $2 from logins l
        where f.id = $1 and f.ended_at is null and f.expires_at > $2 and l.id = f.login_id returning f.id, f.client_id, l.principal
      )
      insert into audit_events (client_id, actor, action, subject, created_at)
      select client_id, principal, 'session.second_factor', 'session:' || id, $2 from shown`,
    values: [familyId, new Date(nowMs)],
  });
  return rowCount === 1;
}

/** Whether a token of this name was not taken back, and what it was got with is in force: the family of a person, the key of a program. */
export async function isInForce(
  db: Queryable | Pool,
  token: { readonly jti: string; readonly family: string | null; readonly keyId: string | null },
  nowMs: number,
): Promise<boolean> {
  const { rows } = await db.query<{ good: boolean }>({
    name: 'is_token_in_force',
    text: `select not exists (select from revoked_tokens where jti = $1)
      and ($2::uuid is null or exists (select from token_families where id = $2 and ended_at is null))
      and ($3::uuid is null or exists (
        select from api_keys where id = $3 and revoked_at is null and (expires_at is null or expires_at > $4))) as good`,
    values: [token.jti, token.family, token.keyId, new Date(nowMs)],
  });
  return rows[0]?.good === true;
}

export interface Revocation {
  readonly jti: string;
  /** When it would have expired. */
  readonly expiresAtMs: number;
  /** Whose token it is; null when nobody who takes it back knows. */
  readonly clientId: string | null;
  /** Who takes it back. */
  readonly actor: string;
}

/** Takes a token back until it would have expired, and forgets those that have. False when it was taken back before. */
export async function revokeToken(
  db: Queryable | Pool,
  { jti, expiresAtMs, clientId, actor }: Revocation,
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'revoke_token',
    text: `with old as (delete from revoked_tokens where expires_at < $3),
        revoked as (insert into revoked_tokens (jti, expires_at, created_at) values ($1, $2, $3) on conflict do nothing returning jti)
      insert into audit_events (client_id, actor, action, subject, created_at)
      select $4, $5, 'token.revoked', 'token:' || jti, $3 from revoked`,
    values: [jti, new Date(expiresAtMs), new Date(nowMs), clientId, actor],
  });
  return rowCount === 1;
}
