/** Passkeys of people, and the challenges that their authenticators sign. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';

/**
 * Keeps a challenge for one login to make a key with; null keeps one that was used for logging in, until it would have expired. Forgets
 * some that have. False when it is kept already.
 */
export async function keepChallenge(
  db: Queryable | Pool,
  kept: { readonly challenge: Buffer; readonly loginId: string | null; readonly expiresAtMs: number; readonly nowMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'keep_passkey_challenge',
    text: `with old as (
        delete from passkey_challenges where challenge in (select challenge from passkey_challenges where expires_at < $4 limit 10)
      )
      insert into passkey_challenges (challenge, login_id, expires_at) values ($1, $2, $3) on conflict do nothing`,
    values: [kept.challenge, kept.loginId, new Date(kept.expiresAtMs), new Date(kept.nowMs)],
  });
  return rowCount === 1;
}

/** Uses a challenge up; false when it was used, has expired, or is somebody else's. */
export async function takeChallenge(db: Queryable | Pool, challenge: Buffer, loginId: string, nowMs: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'take_passkey_challenge',
    text: 'delete from passkey_challenges where challenge = $1 and login_id = $2 and expires_at > $3',
    values: [challenge, loginId, new Date(nowMs)],
  });
  return rowCount === 1;
}

export interface PasskeyRow {
  readonly publicJwk: Readonly<Record<string, string>>;
  readonly signCount: bigint;
  /** Whose it is. */
  readonly principal: string;
}

/** A passkey, or null. */
export async function findPasskey(db: Queryable | Pool, credentialId: Buffer): Promise<PasskeyRow | null> {
  const { rows } = await db.query<PasskeyRow>({
    name: 'find_passkey',
    text: `select public_jwk as "publicJwk", sign_count as "signCount", principal
      from passkeys join logins on logins.id = login_id where credential_id = $1`,
    values: [credentialId],
  });
  return rows[0] ?? null;
}

/** Keeps a passkey of a login; false when there is one of that name already. */
export async function keepPasskey(
  db: Queryable | Pool,
  kept: {
    readonly login: { readonly id: string; readonly clientId: string; readonly principal: string };
    readonly credentialId: Buffer;
    readonly publicJwk: Readonly<Record<string, string>>;
    readonly signCount: number;
  },
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'keep_passkey',
    text: `with kept as (
        insert into passkeys (credential_id, client_id, login_id, public_jwk, sign_count, created_at) values ($1, $2, $3, $4, $5, $7)
        on conflict (credential_id) do nothing returning client_id
      )
      insert into audit_events (client_id, actor, action, subject, created_at)
      select client_id, $6, 'passkey.made', 'login:' || $6, $7 from kept`,
    values: [
      kept.credentialId,
      kept.login.clientId,
      kept.login.id,
      JSON.stringify(kept.publicJwk),
      kept.signCount,
      kept.login.principal,
      new Date(nowMs),
    ],
  });
  return rowCount === 1;
}

/** Notes a use; false when somebody else has noted one since the passkey was read. */
export async function notePasskeyUse(
  db: Queryable | Pool,
  use: { readonly credentialId: Buffer; readonly before: bigint; readonly signCount: number },
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'note_passkey_use',
    text: 'update passkeys set sign_count = $3, last_used_at = $4 where credential_id = $1 and sign_count = $2',
    values: [use.credentialId, use.before, use.signCount, new Date(nowMs)],
  });
  return rowCount === 1;
}

export interface ListedPasskey {
  readonly credentialId: Buffer;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

/** The passkeys of a login, oldest first. */
export async function listPasskeys(db: Queryable | Pool, loginId: string): Promise<ListedPasskey[]> {
  const { rows } = await db.query<ListedPasskey>({
    name: 'list_passkeys',
    text: `select credential_id as "credentialId", created_at as "createdAt", last_used_at as "lastUsedAt" from passkeys
      where login_id = $1 order by created_at, credential_id`,
    values: [loginId],
  });
  return rows;
}

/** Takes a passkey of a login away; whoever came in by it must not go on, so every family of the login ends but one. False when there is none. */
export async function deletePasskey(
  db: Queryable | Pool,
  wanted: { readonly credentialId: Buffer; readonly login: { readonly id: string; readonly principal: string }; readonly family: string },
  nowMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'delete_passkey',
    text: `with gone as (delete from passkeys where credential_id = $1 and login_id = $2 returning client_id, login_id
      ), ended as (
        update token_families f set ended_at = $5, ended_by = 'changed' from gone
        where f.login_id = gone.login_id and f.id <> $3 and f.ended_at is null
      )
      insert into audit_events (client_id, actor, action, subject, created_at)
      select client_id, $4, 'passkey.deleted', 'login:' || $4, $5 from gone`,
    values: [wanted.credentialId, wanted.login.id, wanted.family, wanted.login.principal, new Date(nowMs)],
  });
  return rowCount === 1;
}
