/**
 * What became of a decision about terms, rails or float, where it was written: the quote at which its payment was authorised, the rails
 * that stand in the payment, the pool at which float was reserved in the same transaction. Made again, the decision must say the same.
 */
import type { ExchangeRateData } from '../../agents/exchange-rate/index.ts';
import type { LiquidityData } from '../../agents/liquidity/index.ts';
import type { RouteData, RouteFacts } from '../../agents/route-optimizer/index.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Facts, Verdict } from '../../domain/decision.ts';

/** Each is null where the decision did not come to that. */
export interface Terms {
  /** Of a payment that was authorised with the decision: the quote that is kept for it, amounts as text; its fields are null when there is none. */
  readonly quote: Readonly<Record<string, string | number | null>> | null;
  /** Of the last decision about rails, or about float, that a payment was authorised or routed again by: its rails now. */
  readonly rails: { readonly collection: readonly string[]; readonly payout: readonly string[] } | null;
  /** Where float was reserved in the transaction of the decision; null: nowhere. */
  readonly pool: string | null;
}

/** The transaction of the decision authorised its payment. */
const AUTHORISED = `exists (select from payment_events e where e.payment_id = logged.payment_id and e.tx_id = logged.tx_id
  and e.to_status in ('authorized', 'paid'))`;

/** No later decision of the same agent and outcome took the place of this one. */
const LAST = `not exists (select from decisions later where later.payment_id = logged.payment_id and later.agent = logged.agent
  and later.outcome = logged.outcome and later.position > logged.position)`;

/** Expressions for them, of the row `logged` of a decision, as arguments of `json_build_object`. */
export const TERMS_SQL = `
  'quote', case when agent = 'exchange-rate' and ${AUTHORISED} then (
    select json_build_object('id', q.id, 'amountMinor', q.amount::text, 'feeMinor', q.fee_amount::text, 'exchangedMinor', q.target_amount::text,
      'targetMinor', p.target_amount::text, 'rate', q.rate::text, 'midRate', q.mid_rate::text, 'spreadBps', q.spread_bps,
      'createdAtMs', (extract(epoch from q.created_at) * 1000)::bigint, 'expiresAtMs', (extract(epoch from q.expires_at) * 1000)::bigint,
      'policyVersion', q.policy_version)
    from payments p left join quotes q on q.payment_id = p.id where p.id = logged.payment_id) end,
  'rails', case when (agent, logged.outcome) in (('route-optimizer', 'routed'), ('liquidity', 'reserve')) and ${LAST} then (
    select json_build_object('collection', p.collection_route, 'payout', p.payout_route)
    from payments p where p.id = logged.payment_id and p.authorized_at is not null) end,
  'pool', case when agent in ('route-optimizer', 'liquidity') then (
    select l.id from transfers t join liquidity_pools l on l.account_id = t.credit_account_id
    where t.payment_id = logged.payment_id and t.tx_id = logged.tx_id and t.type = 'pending' and t.reason = 'reservation') end`;

/** What a verdict, made again, would have agreed, routed or reserved otherwise. */
export function termDifferences(agent: string, facts: Facts, terms: Terms, verdict: Verdict): string[] {
  switch (agent) {
    case 'exchange-rate':
      return quoteDifferences(terms, verdict.data as ExchangeRateData);
    case 'route-optimizer':
      return routeDifferences(terms, facts as RouteFacts, verdict.data as RouteData);
    case 'liquidity':
      return reserveDifferences(terms, verdict.data as LiquidityData);
    default:
      return [];
  }
}

function quoteDifferences({ quote: kept }: Terms, { quote }: ExchangeRateData): string[] {
  if (kept === null) return [];
  if (quote === null) return ['its payment was authorised, and would have no quote now'];
  return Object.entries(quote).flatMap(([term, value]) =>
    kept[term] === (typeof value === 'bigint' ? value.toString() : value) ? [] : [`${term} of its quote differs`],
  );
}

function routeDifferences({ rails, pool }: Terms, facts: RouteFacts, { route }: RouteData): string[] {
  if (rails === null || route === null) return [];
  // The rail whose float was reserved goes first from then on.
  const payout = pool === null ? route.payout : [pool, ...route.payout.filter((rail) => rail !== pool)];
  return [
    ...(facts.collection.need === 'settled' ? [] : railDifferences('collection', rails.collection, route.collection)),
    ...(facts.payout.need === 'settled' ? [] : railDifferences('payout', rails.payout, payout)),
  ];
}

function reserveDifferences({ rails, pool }: Terms, { poolId, payout }: LiquidityData): string[] {
  return [
    ...(pool === poolId ? [] : [`float would be reserved at ${poolId ?? 'no pool'} now`]),
    ...(rails === null || payout.length === 0 ? [] : railDifferences('payout', rails.payout, payout)),
  ];
}

function railDifferences(leg: string, kept: readonly string[], now: readonly string[]): string[] {
  return canonicalJson([...kept]) === canonicalJson([...now]) ? [] : [`the ${leg} would go over ${now.join(', ') || 'no rail'} now`];
}
