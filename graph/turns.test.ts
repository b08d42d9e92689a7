import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { someItem } from '../agents/testing.ts';
import { PAYMENT_STATUSES, type PaymentStatus } from '../domain/lifecycle.ts';
import type { Agents, RouteVerdict } from './agents.ts';
import type { Traveller } from './cohort.ts';
import { buildPaymentGraph } from './payment-graph.ts';
import { CHAIN, type ChainNode, isUnauthorised, nextNode } from './turns.ts';
import type { GraphDeps } from './types.ts';

const NOW_MS = Date.UTC(2026, 10, 2);
const ROUTED: RouteVerdict = {
  outcome: 'routed',
  reasons: [],
  confidence: 1,
  data: { route: null, code: null },
} as unknown as RouteVerdict;

interface Standing {
  readonly status: PaymentStatus;
  readonly funding?: 'wallet' | 'balance';
  readonly delivery?: 'wallet' | 'balance';
  readonly collectionSpent?: readonly string[];
  readonly payoutSpent?: readonly string[];
  readonly payout?: readonly string[];
  readonly refundRequested?: boolean;
  readonly routed?: boolean;
  readonly leaves?: boolean;
}

function standing(at: Standing): Traveller {
  const { status, funding = 'wallet', delivery = 'wallet', collectionSpent = [], payoutSpent = [] } = at;
  const item = someItem(NOW_MS, {
    payment: { status, funding, delivery, collectionSpent, payoutSpent },
    route: { collection: ['mpesa-ke', 'hub-ke'], payout: at.payout ?? ['mtn-ug', 'hub-ug'] },
  });
  return {
    ...item,
    reservationId: null,
    refundRequested: at.refundRequested ?? false,
    decisions: [],
    ...(at.routed === true ? { routing: ROUTED } : {}),
    ...(at.leaves === true ? { leaves: { to: 'rejected', reasonCode: 'no_route' } as const } : {}),
  };
}

const someSpent = (rails: readonly string[]) => fc.subarray([...rails]);
/** Payments as they are claimed: no agent has spoken yet. */
const claimed = fc
  .record({
    status: fc.constantFrom(...PAYMENT_STATUSES),
    funding: fc.constantFrom('wallet' as const, 'balance' as const),
    delivery: fc.constantFrom('wallet' as const, 'balance' as const),
    collectionSpent: someSpent(['mpesa-ke', 'hub-ke']),
    payoutSpent: someSpent(['mtn-ug', 'hub-ug']),
    payout: fc.subarray(['mtn-ug', 'hub-ug']),
    refundRequested: fc.boolean(),
  })
  .map(standing);
/** Payments in the middle of a run. */
const underWay = fc.tuple(claimed, fc.boolean(), fc.boolean()).map(
  ([traveller, routed, leaves]): Traveller => ({
    ...traveller,
    ...(routed ? { routing: ROUTED } : {}),
    ...(leaves ? { leaves: { to: 'rejected', reasonCode: 'no_route' } } : {}),
  }),
);
const position = fc.constantFrom<ChainNode | 'start'>('start', ...CHAIN);

describe('the next node', () => {
  it('lies ahead, and is needed by somebody', () => {
    fc.assert(
      fc.property(fc.array(underWay, { maxLength: 8 }), position, (travellers, from) => {
        const next = nextNode(travellers, from);
        if (next === null) return;
        expect(CHAIN.indexOf(next)).toBeGreaterThan(from === 'start' ? -1 : CHAIN.indexOf(from));
        expect(travellers.some((traveller) => nextNode([traveller], from) === next)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('of a cohort is the first that any of its payments needs: nobody is passed by', () => {
    fc.assert(
      fc.property(fc.array(underWay, { maxLength: 8 }), position, (travellers, from) => {
        const order = (node: ChainNode | null): number => (node === null ? CHAIN.length : CHAIN.indexOf(node));
        const alone = travellers.map((traveller) => order(nextNode([traveller], from)));
        expect(order(nextNode(travellers, from))).toBe(Math.min(CHAIN.length, ...alone));
      }),
      { numRuns: 500 },
    );
  });

  it('from the start is one that the graph has an edge to', async () => {
    const { edges } = await buildPaymentGraph({} as GraphDeps, {} as Agents).getGraphAsync();
    const targets = (from: string) => new Set(edges.filter((edge) => edge.source === from).map((edge) => edge.target));
    const starts = targets('__start__');
    const afterOutcomes = targets('outcomes');
    fc.assert(
      fc.property(fc.array(claimed, { minLength: 1, maxLength: 8 }), (travellers) => {
        expect(starts).toContain(nextNode(travellers, 'start') ?? '__end__');
        const authorised = travellers.filter((traveller) => !isUnauthorised(traveller));
        expect(afterOutcomes).toContain(nextNode(authorised, 'compliance') ?? '__end__');
      }),
      { numRuns: 500 },
    );
  });
});

describe('each status', () => {
  const first: Readonly<Record<PaymentStatus, ChainNode | null>> = {
    accepted: 'exchange_rate',
    released: 'exchange_rate',
    queued: 'exchange_rate',
    authorized: 'collection',
    collected: 'payout',
    refunding: 'refund',
    // Operators act.
    collecting: null,
    disbursing: null,
    // People act.
    held: null,
    // Nobody acts any more.
    paid: null,
    refunded: null,
    rejected: null,
    failed: null,
    cancelled: null,
  };

  it.each(PAYMENT_STATUSES)('%s has the node it waits for, or none', (status) => {
    expect(nextNode([standing({ status })], 'start')).toBe(first[status]);
  });

  it('that is new is committed at the boundary even when an agent sent the payment away', () => {
    for (const status of ['accepted', 'released', 'queued'] as const) {
      for (const from of ['exchange_rate', 'compliance', 'route'] as const) {
        expect(nextNode([standing({ status, leaves: true })], from)).toBe('liquidity');
      }
    }
  });
});

describe('a payment that is with us', () => {
  it('is routed again once a payout failed, then paid out', () => {
    expect(nextNode([standing({ status: 'collected', payoutSpent: ['mtn-ug'] })], 'start')).toBe('route');
    const routed = standing({ status: 'collected', payoutSpent: ['mtn-ug'], routed: true });
    expect(nextNode([routed], 'route')).toBe('liquidity');
    expect(nextNode([routed], 'liquidity')).toBe('payout');
  });

  it('goes back when no payout rail is left, or its client asks for it', () => {
    const spent = standing({ status: 'collected', payoutSpent: ['mtn-ug', 'hub-ug'], routed: true });
    expect(nextNode([spent], 'liquidity')).toBe('refund');
    expect(nextNode([standing({ status: 'collected', refundRequested: true })], 'start')).toBe('refund');
    expect(nextNode([standing({ status: 'collected', payoutSpent: ['mtn-ug'], refundRequested: true })], 'start')).toBe('refund');
  });

  it('is never both paid out and sent back in one run', () => {
    fc.assert(
      fc.property(underWay, (traveller) => {
        const payout = nextNode([traveller], 'collection') === 'payout';
        const refund = nextNode([traveller], 'payout') === 'refund';
        expect(payout && refund).toBe(false);
      }),
    );
  });

  it('needs no rail when it goes to a balance', () => {
    expect(nextNode([standing({ status: 'collected', delivery: 'balance', payout: [] })], 'start')).toBe('payout');
  });
});
