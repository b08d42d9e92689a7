/** Facts for routing: the network's rails, their live health and their free float, one round trip per source and cohort. */
import type { Queryable } from '../../db/connect.ts';
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import type { Rail } from '../../domain/rail.ts';
import {
  breakerState,
  type HealthLeg,
  healthKey,
  type HealthStore,
  type RailHealth,
  readRailHealth,
  takeProbes,
} from '../../tools/rails/health.ts';
import type { CohortPayment, WorkItem } from '../agent.ts';
import { chooseRails } from './decide.ts';
import { type LegFacts, legsToRoute, paybackOf, policyFacts, type RouteFacts, railFacts } from './facts.ts';
import type { RoutePolicy } from './policy.ts';

export interface RouteDeps {
  readonly db: Queryable;
  readonly clock: Clock;
  /** Where processes share how rails do; the database unless given. */
  readonly railHealth?: HealthStore;
  /** The rails that reach a wallet, in any order. Throws `wallet_unknown`. */
  railsOfWallet(walletId: string): readonly Rail[];
}

interface Surroundings {
  readonly policyFactsOf: (preference: CohortPayment['preference']) => ReturnType<typeof policyFacts>;
  readonly nowMs: number;
  readonly health: ReadonlyMap<string, RailHealth>;
  /** Free float per rail, minor units. */
  readonly floats: ReadonlyMap<string, bigint>;
  railsOfWallet(walletId: string): readonly Rail[];
}

const LEGS: readonly HealthLeg[] = ['collection', 'payout'];

/** Reads facts for every item, in the order of the items. A half-open rail is offered to one payment that would choose it. */
export async function gatherRouteFacts(deps: RouteDeps, policy: RoutePolicy, items: readonly WorkItem[]): Promise<RouteFacts[]> {
  const railsByWallet = new Map<string, readonly Rail[]>();
  for (const { payment } of items) {
    for (const wallet of [payment.senderWallet, payment.receiverWallet]) {
      if (!railsByWallet.has(wallet)) railsByWallet.set(wallet, deps.railsOfWallet(wallet));
    }
  }
  const railIds = [...new Set([...railsByWallet.values()].flat().map((rail) => rail.id))];
  const health = await (deps.railHealth?.read(railIds) ?? readRailHealth(deps.db, railIds));
  const floats = await readFloats(deps.db, railIds);
  const nowMs = deps.clock.now();
  const around: Surroundings = {
    policyFactsOf: rememberPolicyFacts(policy),
    nowMs,
    health,
    floats,
    railsOfWallet: (wallet) => railsByWallet.get(wallet) ?? [],
  };
  const probes = await grantProbes(deps, around, items);
  return items.map((item) => factsOf(around, item, probes.get(item.payment.id) ?? NO_PROBES));
}

/** Payments with the same preference share what the policy says of it. */
function rememberPolicyFacts(policy: RoutePolicy): Surroundings['policyFactsOf'] {
  const known = new Map<CohortPayment['preference'], ReturnType<typeof policyFacts>>();
  return (preference) => {
    const facts = known.get(preference) ?? policyFacts(policy, preference);
    known.set(preference, facts);
    return facts;
  };
}

const NO_PROBES: ReadonlySet<string> = new Set();

function factsOf(around: Surroundings, item: WorkItem, probes: ReadonlySet<string>): RouteFacts {
  return {
    ...around.policyFactsOf(item.payment.preference),
    collection: legFactsOf(around, item, 'collection', probes),
    payout: legFactsOf(around, item, 'payout', probes),
  };
}

function legFactsOf(around: Surroundings, { payment, quote }: WorkItem, leg: HealthLeg, probes: ReadonlySet<string>): LegFacts {
  if (quote === undefined) throw fault('internal', { internal: `payment ${payment.id} is to be routed without a quote` });
  const isCollection = leg === 'collection';
  const amountMinor = isCollection ? payment.amountMinor : quote.targetMinor;
  const currency = isCollection ? payment.fromCurrency : payment.toCurrency;
  const plain = { amountMinor: amountMinor.toString(), currency, rails: [] };
  if (!legsToRoute(payment.status).includes(leg)) return { need: 'settled', ...plain };
  if ((isCollection ? payment.funding : payment.delivery) === 'balance') return { need: 'on_us', ...plain };
  const spent = isCollection ? payment.collectionSpent : payment.payoutSpent;
  const reaching = around.railsOfWallet(isCollection ? payment.senderWallet : payment.receiverWallet);
  const payback = isCollection ? paybackOf(reaching) : null;
  const rails = reaching.map((rail) => {
    const key = healthKey(rail.id, leg);
    return railFacts(rail, {
      leg,
      amountMinor,
      nowMs: around.nowMs,
      health: around.health.get(key),
      floatMinor: isCollection ? null : (around.floats.get(rail.id) ?? 0n),
      probe: probes.has(key),
      spent: spent.includes(rail.id),
      payback,
    });
  });
  return { need: 'route', ...plain, rails };
}

/** Finds for each half-open rail the first payment that would choose it, and asks for its probe. */
async function grantProbes(
  deps: RouteDeps,
  around: Surroundings,
  items: readonly WorkItem[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const waiting = new Map([...around.health].filter(([, row]) => breakerState(row, around.nowMs) === 'half_open'));
  const takers = new Map<string, string>();
  for (const item of items) {
    if (waiting.size === takers.size) break;
    const open = new Set([...waiting.keys()].filter((key) => !takers.has(key)));
    const facts = factsOf(around, item, open);
    for (const leg of LEGS) {
      const first = chooseRails(leg, facts[leg], facts).rails[0];
      const key = first === undefined ? undefined : healthKey(first, leg);
      if (key !== undefined && open.has(key)) takers.set(key, item.payment.id);
    }
  }
  const wanted = [...takers.keys()].flatMap((key) => waiting.get(key) ?? []);
  const granted = await (deps.railHealth?.takeProbes(wanted, around.nowMs) ?? takeProbes(deps.db, wanted, around.nowMs));
  const byPayment = new Map<string, Set<string>>();
  for (const [key, paymentId] of takers) {
    if (!granted.has(key)) continue;
    byPayment.set(paymentId, (byPayment.get(paymentId) ?? new Set()).add(key));
  }
  return byPayment;
}

async function readFloats(db: Queryable, railIds: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  if (railIds.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; available: bigint }>({
    name: 'read_free_float',
    text: 'select id, balance - reserved as available from liquidity_pools where id = any($1::text[])',
    values: [railIds],
  });
  return new Map(rows.map((row) => [row.id, row.available]));
}
