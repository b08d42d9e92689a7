/**
 * The route-optimizer: decides over which rails a payment is collected and paid out, best first, with
 * fallbacks. A payment that comes back after a failed leg is decided by the same rules, without the
 * rails it has spent and without touching the leg that is done.
 */
import type { PoolClient } from 'pg';
import type { Verdict } from '../../domain/decision.ts';
import type { Agent, WorkItem } from '../agent.ts';
import { decideRoute, type RouteData, type RouteOutcome } from './decide.ts';
import { legsToRoute, type RouteFacts } from './facts.ts';
import { gatherRouteFacts, type RouteDeps } from './gather.ts';
import { ROUTE_POLICY, type RoutePolicy } from './policy.ts';

export { decideRoute, type RouteData, type RouteOutcome, scoreOf } from './decide.ts';
export { type LegFacts, legsToRoute, type RailFacts, type RouteFacts } from './facts.ts';
export type { RouteDeps } from './gather.ts';
export { ROUTE_POLICY, type RoutePolicy } from './policy.ts';

// Rail ids carry no commas; a null list leaves the column as it is.
const APPLY_SQL = `
update payments p set
  collection_route = coalesce(string_to_array(r.collection, ','), p.collection_route),
  payout_route = coalesce(string_to_array(r.payout, ','), p.payout_route)
from unnest($1::uuid[], $2::text[], $3::text[]) as r(id, collection, payout)
where p.id = r.id`;

/** Writes the routes of the payments that have one; legs that were not to be routed keep theirs. */
export async function applyRoutes(
  tx: PoolClient,
  items: readonly WorkItem[],
  verdicts: readonly Verdict<RouteOutcome, RouteData>[],
): Promise<void> {
  const routed = items.flatMap((item, index) => {
    const route = verdicts[index]?.data.route;
    return route === undefined || route === null ? [] : [{ item, route, legs: legsToRoute(item.payment.status) }];
  });
  if (routed.length === 0) return;
  await tx.query({
    name: 'apply_routes',
    text: APPLY_SQL,
    values: [
      routed.map(({ item }) => item.payment.id),
      routed.map(({ route, legs }) => (legs.includes('collection') ? route.collection.join(',') : null)),
      routed.map(({ route, legs }) => (legs.includes('payout') ? route.payout.join(',') : null)),
    ],
  });
}

/** Makes the agent by a policy. Outcomes: `routed` with rails per leg, `refused` with a code that says what kept every rail out. */
export function createRouteAgent(policy: RoutePolicy = ROUTE_POLICY): Agent<RouteDeps, RouteFacts, RouteOutcome, RouteData> {
  return {
    name: 'route-optimizer',
    policyVersion: policy.version,
    ownFacts: ['collection', 'payout'],
    gather: (deps, items) => gatherRouteFacts(deps, policy, items),
    decide: decideRoute,
    apply: applyRoutes,
  };
}
