/** Mandates and what was spent under them. */
import type { Pool } from 'pg';
import type { Currency } from '../../domain/currency.ts';
import type { Mandate } from '../../domain/mandate.ts';
import type { SpendPolicy, Spent } from '../../domain/spend-policy.ts';
import type { Queryable } from '../connect.ts';

export interface StoredMandate {
  readonly mandate: Mandate;
  readonly seal: Buffer;
  readonly revokedBy: string | null;
  readonly revokedAt: Date | null;
}

interface MandateRow {
  id: string;
  client_id: string;
  parent_id: string | null;
  depth: number;
  holder: string;
  issuer: string;
  policy: SpendPolicy;
  not_before: Date;
  expires_at: Date;
  created_at: Date;
  seal: Buffer;
  revoked_by: string | null;
  revoked_at: Date | null;
}

const COLUMNS = 'id, client_id, parent_id, depth, holder, issuer, policy, not_before, expires_at, created_at, seal, revoked_by, revoked_at';

function storedOf(row: MandateRow): StoredMandate {
  const mandate: Mandate = {
    id: row.id,
    clientId: row.client_id,
    parentId: row.parent_id,
    depth: row.depth,
    holder: row.holder,
    issuer: row.issuer,
    policy: row.policy,
    notBeforeMs: row.not_before.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    createdAtMs: row.created_at.getTime(),
  };
  return { mandate, seal: row.seal, revokedBy: row.revoked_by, revokedAt: row.revoked_at };
}

/** Stores a mandate with its seal. */
export async function insertMandate(tx: Queryable, mandate: Mandate, seal: Buffer): Promise<void> {
  await tx.query({
    name: 'insert_mandate',
    text: `insert into mandates (id, client_id, parent_id, depth, holder, issuer, policy, not_before, expires_at, created_at, seal)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [
      mandate.id,
      mandate.clientId,
      mandate.parentId,
      mandate.depth,
      mandate.holder,
      mandate.issuer,
      JSON.stringify(mandate.policy),
      new Date(mandate.notBeforeMs),
      new Date(mandate.expiresAtMs),
      new Date(mandate.createdAtMs),
      seal,
    ],
  });
}

/** A client's mandate, or null. */
export async function findMandate(db: Queryable | Pool, clientId: string, id: string): Promise<StoredMandate | null> {
  const { rows } = await db.query<MandateRow>({
    name: 'find_mandate',
    text: `select ${COLUMNS} from mandates where client_id = $1 and id = $2`,
    values: [clientId, id],
  });
  return rows[0] === undefined ? null : storedOf(rows[0]);
}

/** A client's mandates, the newest first, those before `afterId`. */
export async function listMandates(
  db: Queryable | Pool,
  clientId: string,
  afterId: string | null,
  limit: number,
): Promise<StoredMandate[]> {
  const { rows } = await db.query<MandateRow>({
    name: 'list_mandates',
    text: `select ${COLUMNS} from mandates where client_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
    values: [clientId, afterId, limit],
  });
  return rows.map(storedOf);
}

/** Whether a principal ever held a mandate, and so spends under mandates only. */
export async function isBound(db: Queryable | Pool, clientId: string, principal: string): Promise<boolean> {
  const { rows } = await db.query<{ bound: boolean }>({
    name: 'is_bound',
    text: 'select exists (select from mandates where client_id = $1 and holder = $2) as bound',
    values: [clientId, principal],
  });
  return rows[0]?.bound !== false;
}

/** Takes a mandate back; false when it was before. */
export async function revokeMandate(tx: Queryable, id: string, principal: string, nowMs: number): Promise<boolean> {
  const result = await tx.query({
    name: 'revoke_mandate',
    text: 'update mandates set revoked_by = $2, revoked_at = $3 where id = $1 and revoked_at is null',
    values: [id, principal, new Date(nowMs)],
  });
  return result.rowCount === 1;
}

/**
 * The mandates a principal holds and all above them, by id, locked in that order until the transaction ends: of two payments under one
 * mandate the second sees what the first spent.
 */
export async function lockChains(tx: Queryable, clientId: string, holder: string): Promise<Map<string, StoredMandate>> {
  const { rows } = await tx.query<MandateRow>({
    name: 'lock_mandate_chains',
    text: `with recursive chain as (
        select id, parent_id from mandates where client_id = $1 and holder = $2 and revoked_at is null
        union select m.id, m.parent_id from chain join mandates m on m.id = chain.parent_id)
      select ${COLUMNS} from mandates where id in (select id from chain) order by id for update`,
    values: [clientId, holder],
  });
  return new Map(rows.map((row) => [row.id, storedOf(row)]));
}

export interface SpentAsked {
  readonly windows: readonly number[];
  /** Whether all payments are to be counted. */
  readonly uses: boolean;
  /** Indexes of the payee's number; none: nothing is asked about the payee. */
  readonly payees: readonly Buffer[];
  readonly currency: Currency;
  readonly atMs: number;
}

/** What was spent under a mandate before a moment, as far as it is asked for: over windows of milliseconds, in all, and to one payee by any of their indexes. */
export async function spentUnder(tx: Queryable, mandateId: string, asked: SpentAsked): Promise<Spent> {
  return {
    windows: asked.windows.length === 0 ? new Map() : await spentInWindows(tx, mandateId, asked),
    uses: asked.uses ? await usesOf(tx, mandateId) : 0,
    payee: asked.payees.length === 0 ? null : await spentOnPayee(tx, mandateId, asked),
  };
}

async function spentInWindows(tx: Queryable, mandateId: string, { windows, currency, atMs }: SpentAsked): Promise<Spent['windows']> {
  const { rows } = await tx.query<{ ms: string | bigint; amount: string | bigint; payments: number }>({
    name: 'spent_in_windows',
    text: `select wanted.ms, coalesce(sum(s.amount) filter (where s.currency = $3), 0)::bigint as amount, count(s.amount)::int as payments
      from unnest($2::bigint[]) as wanted(ms)
      left join mandate_spends s on s.mandate_id = $1 and s.spent_at > $4::timestamptz - wanted.ms * interval '1 millisecond'
      group by wanted.ms`,
    values: [mandateId, windows, currency, new Date(atMs)],
  });
  return new Map(rows.map(({ ms, amount, payments }) => [Number(ms), { amountMinor: BigInt(amount), payments }]));
}

async function usesOf(tx: Queryable, mandateId: string): Promise<number> {
  const { rows } = await tx.query<{ uses: number }>({
    name: 'uses_of_mandate',
    text: 'select count(*)::int as uses from mandate_spends where mandate_id = $1',
    values: [mandateId],
  });
  return rows[0]?.uses ?? 0;
}

async function spentOnPayee(tx: Queryable, mandateId: string, { payees, currency }: SpentAsked): Promise<Spent['payee']> {
  const { rows } = await tx.query<{ first_at: Date | null; amount: string | bigint }>({
    name: 'spent_on_payee',
    text: `select min(spent_at) as first_at, coalesce(sum(amount) filter (where currency = $3), 0)::bigint as amount
      from mandate_spends where mandate_id = $1 and payee_index = any($2::bytea[])`,
    values: [mandateId, payees, currency],
  });
  const [row] = rows;
  return row === undefined || row.first_at === null ? null : { firstAtMs: row.first_at.getTime(), amountMinor: BigInt(row.amount) };
}

export interface NewSpend {
  readonly clientId: string;
  readonly referenceId: string;
  readonly fingerprint: Buffer;
  /** Minor units of `currency`. */
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly payeeIndex: Buffer;
  readonly atMs: number;
}

/** Counts a payment against mandates. */
export async function insertSpends(tx: Queryable, spend: NewSpend, mandateIds: readonly string[]): Promise<void> {
  await tx.query({
    name: 'insert_spends',
    text: `insert into mandate_spends (client_id, reference_id, mandate_id, fingerprint, amount, currency, payee_index, spent_at)
      select $1, $2, id, $4, $5, $6, $7, $8 from unnest($3::uuid[]) as id`,
    values: [
      spend.clientId,
      spend.referenceId,
      mandateIds,
      spend.fingerprint,
      spend.amountMinor,
      spend.currency,
      spend.payeeIndex,
      new Date(spend.atMs),
    ],
  });
}

/** The fingerprints of what was counted under a client's references, by reference. */
export async function findSpends(tx: Queryable, clientId: string, referenceIds: readonly string[]): Promise<Map<string, Buffer>> {
  const { rows } = await tx.query<{ reference_id: string; fingerprint: Buffer }>({
    name: 'find_spends',
    text: 'select distinct reference_id, fingerprint from mandate_spends where client_id = $1 and reference_id = any($2::text[])',
    values: [clientId, referenceIds],
  });
  return new Map(rows.map(({ reference_id, fingerprint }) => [reference_id, fingerprint]));
}

/** Takes counts of a client back whose intents were refused; leaves those whose payment is there. The references of those it took back. */
export async function deleteSpends(
  tx: Queryable,
  clientId: string,
  refused: readonly Pick<NewSpend, 'referenceId' | 'fingerprint'>[],
): Promise<Set<string>> {
  const { rows } = await tx.query<{ reference_id: string }>({
    name: 'delete_spends',
    text: `delete from mandate_spends s using unnest($2::text[], $3::bytea[]) as refused(reference_id, fingerprint)
      where s.client_id = $1 and s.reference_id = refused.reference_id and s.fingerprint = refused.fingerprint
      and not exists (select from payments p where p.client_id = $1 and p.reference_id = s.reference_id and p.fingerprint = s.fingerprint)
      returning s.reference_id`,
    values: [clientId, refused.map(({ referenceId }) => referenceId), refused.map(({ fingerprint }) => fingerprint)],
  });
  return new Set(rows.map(({ reference_id }) => reference_id));
}

/** Those among some payments that were made under a mandate that is over, or one of whose mandates above is. One look while there are no mandates. */
export async function withoutMandate(tx: Queryable, paymentIds: readonly string[], nowMs: number): Promise<Set<string>> {
  const { rows } = await tx.query<{ id: string }>({
    name: 'payments_without_mandate',
    text: `select distinct p.id from payments p
      join mandate_spends s on s.client_id = p.client_id and s.reference_id = p.reference_id and s.fingerprint = p.fingerprint
      join mandates m on m.id = s.mandate_id
      where (select exists (select from mandates)) and p.id = any($1::uuid[]) and (m.revoked_at is not null or m.expires_at <= $2)`,
    values: [paymentIds, new Date(nowMs)],
  });
  return new Set(rows.map(({ id }) => id));
}
