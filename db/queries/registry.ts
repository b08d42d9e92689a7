/** What the compliance registry on the chain was told, and what it is to be told next. */
import type { Queryable } from '../connect.ts';

/** The latest row of a subject says what holds of it. */
export interface RegistryRow {
  readonly id: string;
  readonly kind: 'list' | 'attest' | 'revoke' | 'report';
  readonly subject: string;
  readonly content: Readonly<Record<string, string>>;
  readonly state: 'sent' | 'unknown' | 'there';
  readonly transactionHash: string | null;
  readonly ledgerVersion: bigint | null;
  readonly createdAt: Date;
}

const COLUMNS = `id, kind, subject, content, state, transaction_hash as "transactionHash", ledger_version as "ledgerVersion",
  created_at as "createdAt"`;

/** Takes the row that is open and was tried longest ago, and notes that it is tried now; null when none is. */
export async function tryOpenRecord(db: Queryable, nowMs: number, before: number): Promise<RegistryRow | null> {
  const { rows } = await db.query<RegistryRow>({
    name: 'try_open_registry_record',
    text: `update registry_records set tried_at = $1 where id = (
        select id from registry_records where state <> 'there' and tried_at < $2 order by tried_at, id limit 1)
      returning ${COLUMNS}`,
    values: [new Date(nowMs), new Date(before)],
  });
  return rows[0] ?? null;
}

export interface NewRecord {
  readonly id: string;
  readonly kind: RegistryRow['kind'];
  readonly subject: string;
  readonly content: Readonly<Record<string, string>>;
}

/** Commits what is about to be put there; null when something is open of the same subject. */
export async function insertRecord(db: Queryable, record: NewRecord, nowMs: number): Promise<RegistryRow | null> {
  const { rows } = await db.query<RegistryRow>({
    name: 'insert_registry_record',
    text: `insert into registry_records (id, kind, subject, content, created_at, tried_at) values ($1, $2, $3, $4, $5, $5)
      on conflict (subject) where state <> 'there' do nothing returning ${COLUMNS}`,
    values: [record.id, record.kind, record.subject, JSON.stringify(record.content), new Date(nowMs)],
  });
  return rows[0] ?? null;
}

/** Writes what came of one; one that is there stays there. */
export async function endRecord(
  db: Queryable,
  id: string,
  end: { readonly state: 'unknown' | 'there'; readonly transactionHash: string | null; readonly ledgerVersion: bigint | null },
  nowMs: number,
): Promise<void> {
  await db.query({
    name: 'end_registry_record',
    text: `update registry_records set state = $2, transaction_hash = coalesce($3, transaction_hash),
        ledger_version = coalesce($4, ledger_version), put_at = case when $2 = 'there' then $5::timestamptz end
      where id = $1 and state <> 'there'`,
    values: [id, end.state, end.transactionHash, end.ledgerVersion, new Date(nowMs)],
  });
}

/** The latest row of each of these subjects. */
export async function latestRecords(db: Queryable, subjects: readonly string[]): Promise<RegistryRow[]> {
  const { rows } = await db.query<RegistryRow>({
    name: 'latest_registry_records',
    text: `select latest.* from unnest($1::text[]) as wanted(subject) cross join lateral (
        select ${COLUMNS} from registry_records r where r.subject = wanted.subject order by created_at desc, id desc limit 1) as latest`,
    values: [subjects],
  });
  return rows;
}

/** A customer of whom the registry is to be told something else than it was. */
export interface DueSubject {
  readonly userId: string;
  /** The tier to attest; null: what was attested holds no longer. */
  readonly tier: number | null;
  readonly status: string;
  readonly erased: boolean;
  readonly checkedAt: Date;
  readonly salt: Buffer | null;
  readonly subject: string | null;
  /** The tier that was attested last, and until when; null when nothing is. */
  readonly attestedTier: number | null;
  readonly attestedUntil: Date | null;
  /** By the chain's name, the one that attested last of those whose attestation was not revoked; null when nobody's stands. */
  readonly issuer: string | null;
  /** Whether those of other issuers stand beside it: they attested before the key was changed. */
  readonly othersStand: boolean;
}

/**
 * Takes one customer whose time has come, and locks the row; those who are verified no longer go first. Whoever has something open waits
 * for it. However many customers there are, only those are looked at of whom a trigger has seen a change, or whose attestation ends.
 */
export async function takeDueSubject(db: Queryable, tierMax: number, nowMs: number): Promise<DueSubject | null> {
  const { rows } = await db.query<DueSubject>({
    name: 'take_due_registry_subject',
    text: `with due as (
        select u.id, case when u.kyc_status = 'verified' and u.kyc_tier > 0 and u.erased_at is null then least(u.kyc_tier, $1::int) end as tier
        from users u where u.registry_due_at <= $2 and not exists (select 1 from registry_records r where r.subject = u.id::text and r.state <> 'there')
        order by u.registry_due_at limit 1
      )
      select u.id as "userId", due.tier, u.kyc_status as status, u.erased_at is not null as erased, u.updated_at as "checkedAt", s.salt, s.subject,
        s.tier as "attestedTier", s.expires_at as "attestedUntil", standing.issuers[1] as issuer, cardinality(standing.issuers) > 1 as "othersStand"
      from due join users u on u.id = due.id left join registry_subjects s on s.user_id = u.id
        cross join lateral (select array(
          select last.issuer from (
            select distinct on (r.content ->> 'issuer') r.content ->> 'issuer' as issuer, r.kind, r.created_at, r.id
            from registry_records r where r.subject = u.id::text order by r.content ->> 'issuer', r.created_at desc, r.id desc) as last
          where last.kind = 'attest' order by last.created_at desc, last.id desc) as issuers) as standing
      for update of u skip locked`,
    values: [tierMax, new Date(nowMs)],
  });
  return rows[0] ?? null;
}

/**
 * Writes what the registry is told of a customer, and when it is to be told of them again; without a salt the one that is kept goes.
 * `renewAtMs`: when what is attested is to be renewed, null while nothing is.
 */
export async function saveSubject(
  db: Queryable,
  row: {
    readonly userId: string;
    readonly subject: string;
    readonly salt: Buffer | null;
    readonly tier: number | null;
    readonly expiresAtMs: number | null;
    readonly renewAtMs: number | null;
  },
): Promise<void> {
  const at = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  await db.query({
    name: 'save_registry_subject',
    text: `with saved as (
        insert into registry_subjects (user_id, subject, salt, tier, expires_at) values ($1, $2, $3, $4, $5)
        on conflict (user_id) do update set salt = excluded.salt, tier = excluded.tier, expires_at = excluded.expires_at
      )
      update users set registry_due_at = $6 where id = $1`,
    values: [row.userId, row.subject, row.salt, row.tier, at(row.expiresAtMs), at(row.renewAtMs)],
  });
}

/** Writes when the registry is to be told of a customer next; null for never. */
export async function putOffSubject(db: Queryable, userId: string, untilMs: number | null): Promise<void> {
  await db.query({
    name: 'put_off_registry_subject',
    text: 'update users set registry_due_at = $2 where id = $1',
    values: [userId, untilMs === null ? null : new Date(untilMs)],
  });
}

/** Under which hash the registry knows a customer, with the salt, and who attested; null when nothing is attested there. */
export async function findSubject(
  db: Queryable,
  userId: string,
): Promise<{ readonly subject: string; readonly salt: Buffer; readonly issuer: string } | null> {
  const { rows } = await db.query<{ subject: string; salt: Buffer; issuer: string }>({
    name: 'find_registry_subject',
    text: `select s.subject, s.salt, r.content ->> 'issuer' as issuer from registry_subjects s cross join lateral (
        select kind, content from registry_records where subject = s.user_id::text and state = 'there' order by created_at desc, id desc limit 1) r
      where s.user_id = $1 and s.salt is not null and r.kind = 'attest'`,
    values: [userId],
  });
  return rows[0] ?? null;
}
