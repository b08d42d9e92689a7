/** What stands beside the evidence of a case when it is shown: the parties' other payments, and the cases they are in. */
import type { Pool } from 'pg';
import type { CaseKind, CaseStatus } from '../../domain/cases.ts';
import type { Reason } from '../../domain/decision.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';

export type PartyRole = 'sender' | 'receiver';

export interface PastPaymentRow {
  readonly id: string;
  /** Whose history it belongs to. */
  readonly party: PartyRole;
  /** What the party was in that payment. */
  readonly role: PartyRole;
  readonly status: PaymentStatus;
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly createdAt: Date;
}

/** The newest payments of both parties of a payment, in either role, up to `limit` a party and role; the payment itself is left out. */
export async function findPartyPayments(db: Pool, paymentId: string, limit: number): Promise<PastPaymentRow[]> {
  const other = (column: string, role: PartyRole) => `
    (select p.id, '${role}' as role, p.status, p.amount, p.from_currency, p.from_country, p.to_country, p.created_at
     from payments p where p.${column} = party.id and p.id <> $1 order by p.created_at desc limit $2)`;
  const result = await db.query<PastPaymentRow>({
    name: 'find_party_payments',
    text: `select past.id, party.party, past.role, past.status, past.amount, past.from_currency as "fromCurrency",
        past.from_country as "fromCountry", past.to_country as "toCountry", past.created_at as "createdAt"
      from (
        select sender_id as id, 'sender' as party from payments where id = $1
        union all select receiver_id, 'receiver' from payments where id = $1
      ) party
      cross join lateral (${other('sender_id', 'sender')} union all ${other('receiver_id', 'receiver')}) past
      order by past.created_at desc, past.id desc`,
    values: [paymentId, limit],
  });
  return result.rows;
}

export interface PartySummaryRow {
  readonly party: PartyRole;
  readonly role: PartyRole;
  readonly status: PaymentStatus;
  readonly currency: string;
  readonly count: number;
  readonly amount: bigint;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

/** How many payments the parties of a payment had since a moment, and of how much, by role, status and currency. */
export async function sumPartyPayments(db: Pool, paymentId: string, sinceMs: number): Promise<PartySummaryRow[]> {
  const result = await db.query<PartySummaryRow>({
    name: 'sum_party_payments',
    text: `with party as (
        select sender_id as id, 'sender' as party from payments where id = $1
        union all select receiver_id, 'receiver' from payments where id = $1
      ), past as (
        select party.party, 'sender' as role, p.id, p.status, p.from_currency, p.amount, p.created_at
        from party join payments p on p.sender_id = party.id and p.created_at >= $2
        union all select party.party, 'receiver', p.id, p.status, p.from_currency, p.amount, p.created_at
        from party join payments p on p.receiver_id = party.id and p.created_at >= $2
      )
      select party, role, status, from_currency as currency, count(*)::int as count, sum(amount)::bigint as amount,
        min(created_at) as "firstAt", max(created_at) as "lastAt"
      from past where id <> $1 group by party, role, status, from_currency order by party desc, role desc, status, from_currency`,
    values: [paymentId, new Date(sinceMs)],
  });
  return result.rows;
}

export interface LinkedCaseRow {
  readonly id: string;
  readonly paymentId: string;
  readonly kind: CaseKind;
  readonly status: CaseStatus;
  readonly priority: number;
  readonly reasons: readonly Reason[];
  readonly createdAt: Date;
  readonly closedAt: Date | null;
  /** Which party of this case is in the other one, as what. */
  readonly links: readonly { readonly party: PartyRole; readonly as: PartyRole }[];
}

/**
 * Other cases of the same client in which a party of this payment is a party, newest first. A person is a row of
 * `users`, found by the blind index of the number: the same index is the same row.
 */
export async function findLinkedCases(db: Pool, paymentId: string, limit: number): Promise<LinkedCaseRow[]> {
  const result = await db.query<LinkedCaseRow>({
    name: 'find_linked_cases',
    text: `with party as (
        select sender_id as id, 'sender' as party from payments where id = $1
        union all select receiver_id, 'receiver' from payments where id = $1
      ), linked as (
        select p.id, party.party, 'sender' as role from party join payments p on p.sender_id = party.id
        union all select p.id, party.party, 'receiver' from party join payments p on p.receiver_id = party.id
      )
      select c.id, c.payment_id as "paymentId", c.kind, c.status, c.priority, c.reasons, c.created_at as "createdAt", c.closed_at as "closedAt",
        jsonb_agg(distinct jsonb_build_object('party', linked.party, 'as', linked.role)) as links
      from linked join cases c on c.payment_id = linked.id
      where linked.id <> $1 group by c.id order by c.created_at desc, c.id limit $2`,
    values: [paymentId, limit],
  });
  return result.rows;
}
