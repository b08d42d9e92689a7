/**
 * Facts for settlement: the payments that became paid since the last window, summed per partner and currency
 * by the database, with their items strung together. Whatever is not plain is read payment by payment.
 */
import type { PoolClient } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import { eventsBetween } from '../../db/queries/settlement-windows.ts';
import type { Currency } from '../../domain/currency.ts';
import type { PaymentFacts } from './decide.ts';

/** What one partner collected and paid out in the window, in one currency. */
export interface NetPosition {
  readonly partner: string;
  readonly currency: Currency;
  readonly collectedMinor: bigint;
  readonly disbursedMinor: bigint;
  readonly paymentCount: number;
  /** See tools/aptos/items.ts. */
  readonly items: Buffer;
}

/** A client's share of the window. */
export interface ClientShare {
  readonly clientId: string;
  readonly payments: number;
  /** One of them: the decision stands under it in the log. */
  readonly paymentId: string;
}

export interface Doubtful {
  readonly paymentId: string;
  readonly facts: PaymentFacts;
}

/** Where a window begins and ends; see db/schema/settlement.ts. */
export interface WindowRange {
  readonly number: bigint;
  readonly baseSnapshot: string;
  readonly snapshot: string;
  readonly after: EventPlace;
  readonly upTo: EventPlace | null;
}

export interface EventPlace {
  readonly tx: string;
  readonly event: bigint;
}

export interface SettlementWindow {
  readonly range: WindowRange;
  readonly positions: readonly NetPosition[];
  readonly clients: readonly ClientShare[];
  /** Payments of this window that must not be netted as they are. */
  readonly doubtful: readonly Doubtful[];
  /** Payments held back by earlier windows that are netted in this one. */
  readonly returned: readonly string[];
  readonly paymentCount: number;
  readonly oldestPaidAtMs: number;
}

interface Row {
  kind: 'range' | 'position' | 'client' | 'doubtful' | 'returned';
  text1: string | null;
  text2: string | null;
  number1: bigint | null;
  number2: bigint | null;
  count: number | null;
  items: Buffer | null;
  facts: PaymentFacts | null;
  at: Date | null;
}

// `is_plain` says of a payment what doubtOf in decide.ts says by null.
export const WINDOW_SQL = `
with fresh as materialized (
  select e.payment_id, e.tx_id, e.id as event_id from payment_events e
  where e.to_status = 'paid' and ${eventsBetween('e', { base: '$1::pg_snapshot', snapshot: 'coalesce($2::pg_snapshot, pg_current_snapshot())', afterTx: '$3::xid8', afterEvent: '$4::bigint' })}
  order by e.tx_id, e.id limit $5
), picked as materialized (
  select payment_id, false as was_held from fresh
  union all
  select payment_id, true from settlement_strays where window_id is null
), judged as materialized (
  select p.id, p.client_id, p.status, p.amount, p.from_currency, p.target_amount, p.to_currency, p.completed_at, was_held,
    tries.*, p.funding = 'balance' as is_funded, p.delivery = 'balance' as is_delivered,
    coalesce(case when p.funding = 'balance' then 'on_us' else collection_rail end, '') as collection_partner,
    coalesce(case when p.delivery = 'balance' then 'on_us' else payout_rail end, '') as payout_partner
  from picked join payments p on p.id = picked.payment_id
  cross join lateral (
    select min(a.rail_id) filter (where a.leg = 'collection' and a.state = 'succeeded') as collection_rail,
      min(a.amount) filter (where a.leg = 'collection' and a.state = 'succeeded') as collection_amount,
      min(a.rail_id) filter (where a.leg = 'payout' and a.state = 'succeeded') as payout_rail,
      min(a.amount) filter (where a.leg = 'payout' and a.state = 'succeeded') as payout_amount,
      count(*) filter (where a.leg = 'collection' and a.state not in ('succeeded', 'failed'))::int as collection_open,
      count(*) filter (where a.leg = 'payout' and a.state not in ('succeeded', 'failed'))::int as payout_open,
      count(*) filter (where a.leg = 'refund' and a.state <> 'failed')::int as refunds
    from attempts a where a.payment_id = p.id and (p.funding = 'wallet' or p.delivery = 'wallet')
  ) as tries
), settled as materialized (
  select *, status = 'paid' and refunds = 0 and collection_open = 0 and payout_open = 0 and target_amount is not null
    and (is_funded or collection_amount is not distinct from amount)
    and (is_delivered or payout_amount is not distinct from target_amount) as is_plain
  from judged
), leg as (
  select id, '\\x01'::bytea as leg, collection_partner as partner, from_currency as currency, amount, true as counts from settled where is_plain
  union all
  select id, '\\x02'::bytea, payout_partner, to_currency, target_amount, (payout_partner, to_currency) <> (collection_partner, from_currency)
  from settled where is_plain
)
  -- By name alone it would be the text that is shown, and 99 behind 100.
select 'range' as kind, (select tx_id::text from fresh order by fresh.tx_id desc, fresh.event_id desc limit 1) as text1,
  coalesce($2::pg_snapshot, pg_current_snapshot())::text as text2,
  (select event_id from fresh order by fresh.tx_id desc, fresh.event_id desc limit 1) as number1, null::bigint as number2,
  (select count(*)::int from fresh) as count, null::bytea as items, null::json as facts,
  (select min(completed_at) from settled where is_plain) as at
union all
select 'position', partner, currency, coalesce(sum(amount) filter (where leg = '\\x01'), 0)::bigint,
  coalesce(sum(amount) filter (where leg = '\\x02'), 0)::bigint, (count(*) filter (where counts))::int,
  string_agg(uuid_send(id) || leg || int8send(amount), '' order by id, leg), null, null
from leg group by partner, currency
union all
select 'client', client_id::text, min(id::text), null, null, count(*)::int, null, null, null from settled where is_plain group by client_id
union all
select 'returned', id::text, null, null, null, null, null, null, null from settled where is_plain and was_held
union all
select 'doubtful', id::text, null, null, null, null, null, json_build_object('status', status, 'refunds', refunds, 'legs', json_build_array(
    json_build_object('leg', 'collection', 'partner', nullif(collection_partner, ''), 'currency', from_currency, 'expectedMinor', amount::text,
      'confirmedMinor', (case when is_funded then amount else collection_amount end)::text, 'openTries', collection_open),
    json_build_object('leg', 'payout', 'partner', nullif(payout_partner, ''), 'currency', to_currency,
      'expectedMinor', coalesce(target_amount, 0)::text,
      'confirmedMinor', (case when is_delivered then target_amount else payout_amount end)::text, 'openTries', payout_open))), null
from settled where not is_plain`;

/** Where the next window begins: behind the last one, or at the beginning of the log. */
export async function nextRange(db: Queryable): Promise<Omit<WindowRange, 'snapshot' | 'upTo'> & { readonly snapshot: string | null }> {
  const { rows } = await db.query<{ number: bigint; base: string; snapshot: string; upToTx: string | null; upToEvent: bigint | null }>({
    name: 'last_settlement_window',
    text: `select number, base_snapshot::text as base, snapshot::text, up_to_tx::text as "upToTx", up_to_event as "upToEvent"
      from settlement_windows order by number desc limit 1`,
  });
  const [last] = rows;
  if (last === undefined) return { number: 1n, baseSnapshot: '1:1:', snapshot: null, after: { tx: '0', event: 0n } };
  const number = last.number + 1n;
  if (last.upToTx === null || last.upToEvent === null)
    return { number, baseSnapshot: last.snapshot, snapshot: null, after: { tx: '0', event: 0n } };
  return { number, baseSnapshot: last.base, snapshot: last.snapshot, after: { tx: last.upToTx, event: last.upToEvent } };
}

/** Reads what would be the next window. Changes nothing. */
export async function gatherWindow(tx: PoolClient, windowMax: number): Promise<SettlementWindow> {
  const begin = await nextRange(tx);
  const { rows } = await tx.query<Row>({
    name: 'read_settlement_window',
    text: WINDOW_SQL,
    values: [begin.baseSnapshot, begin.snapshot, begin.after.tx, begin.after.event, windowMax],
  });
  const of = (kind: Row['kind']): Row[] => rows.filter((row) => row.kind === kind);
  const [range] = of('range');
  const isFull = range?.count === windowMax;
  const clients = of('client').map((row) => ({ clientId: row.text1 ?? '', payments: row.count ?? 0, paymentId: row.text2 ?? '' }));
  return {
    range: {
      ...begin,
      snapshot: range?.text2 ?? '',
      upTo: isFull ? { tx: range.text1 ?? '', event: range.number1 ?? 0n } : null,
    },
    positions: of('position')
      .map((row) => ({
        partner: row.text1 ?? '',
        currency: row.text2 as Currency,
        collectedMinor: row.number1 ?? 0n,
        disbursedMinor: row.number2 ?? 0n,
        paymentCount: row.count ?? 0,
        items: row.items ?? Buffer.alloc(0),
      }))
      .toSorted((a, b) => (`${a.partner} ${a.currency}` < `${b.partner} ${b.currency}` ? -1 : 1)),
    clients: clients.toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1)),
    doubtful: of('doubtful').flatMap((row) => (row.facts === null ? [] : [{ paymentId: row.text1 ?? '', facts: row.facts }])),
    returned: of('returned').map((row) => row.text1 ?? ''),
    paymentCount: clients.reduce((sum, each) => sum + each.payments, 0),
    oldestPaidAtMs: range?.at?.getTime() ?? Number.POSITIVE_INFINITY,
  };
}

/** Batches whose gas is looked at. */
const BATCHES_SEEN = 20;

/** What the last batches that were settled over the chain took of gas, with what failed on the way; null before the first. */
export async function gasOfBatches(tx: PoolClient): Promise<{ readonly units: bigint; readonly priceOctas: bigint } | null> {
  const { rows } = await tx.query<{ units: bigint | null; price: bigint | null }>({
    name: 'read_settlement_gas',
    text: `with last as (
        select id from settlement_batches where method = 'chain' and status = 'settled' order by id desc limit $1
      ), used as (
        select count(distinct t.subject) as batches, sum(t.gas_used) as units, sum(t.gas_used * t.gas_unit_price) as octas
        from last join chain_transactions t on t.subject = last.id::text where t.gas_used > 0
      )
      select ceil(units / nullif(batches, 0))::bigint as units, ceil(octas / nullif(units, 0))::bigint as price from used`,
    values: [BATCHES_SEEN],
  });
  const { units = null, price = null } = rows[0] ?? {};
  return units === null || price === null ? null : { units, priceOctas: price };
}
