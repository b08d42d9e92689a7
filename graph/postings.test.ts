import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fundingReservationId } from '../agents/liquidity/index.ts';
import { someItem } from '../agents/testing.ts';
import { isTerminal, type Leg, type PaymentStatus } from '../domain/lifecycle.ts';
import type { Movement } from '../tools/ledger/index.ts';
import type { ResolvedAttempt, Traveller } from './cohort.ts';
import { collectionStep, payoutRail, payoutStep } from './nodes/legs.ts';
import { consequenceOf, railsLeft } from './nodes/outcomes.ts';
import { refundRails } from './nodes/refunds.ts';
import { balanceRefundMovements, closingMovements, refundReservation, releaseMovements } from './postings.ts';

const NOW_MS = Date.UTC(2026, 10, 2);

/** Books of one payment, kept as the ledger keeps them: posted balances, and what is pending. */
function openBook() {
  const ids = new Set<string>();
  const posted = new Map<string, bigint>();
  const pending = new Map<string, { readonly debit: string; readonly credit: string; readonly amount: bigint }>();
  const move = (account: string, amount: bigint) => posted.set(account, (posted.get(account) ?? 0n) + amount);
  return {
    posted,
    pending,
    /** Debits less credits of every account whose code begins so. */
    sumOf: (prefix: string) => [...posted].reduce((sum, [code, amount]) => (code.startsWith(prefix) ? sum + amount : sum), 0n),
    post(movements: readonly Movement[]) {
      for (const movement of movements) {
        const id = movement.id ?? '';
        expect(ids.has(id), `${movement.reason} is written twice`).toBe(false);
        ids.add(id);
        if ('pendingId' in movement) {
          const held = pending.get(movement.pendingId);
          if (held === undefined) throw new Error(`${movement.type} of what is not pending`);
          pending.delete(movement.pendingId);
          if (movement.type !== 'post') continue;
          move(held.debit, held.amount);
          move(held.credit, -held.amount);
        } else {
          expect(movement.amount, `${movement.reason} of nothing`).toBeGreaterThan(0n);
          if (movement.type === 'pending') {
            pending.set(id, movement);
          } else {
            move(movement.debit, movement.amount);
            move(movement.credit, -movement.amount);
          }
        }
      }
    },
  };
}

type Book = ReturnType<typeof openBook>;

interface Fate {
  /** What becomes of attempt after attempt. */
  readonly outcomes: readonly ('succeeded' | 'later' | 'after_customer')[];
  /** Whether float is found again when a payout moves to another pool. */
  readonly floatFound: boolean;
  readonly refundRequested: boolean;
}

/** Takes a payment from authorisation to its end, by the steps and consequences that the nodes use. */
function live(
  start: Traveller,
  fate: Fate,
): { readonly end: Traveller; readonly book: Book; readonly history: PaymentStatus[]; readonly rails: Record<Leg, string> } {
  const book = openBook();
  const history: PaymentStatus[] = [];
  const rails: Record<Leg, string> = { collection: '', payout: '', refund: '' };
  const outcomes = [...fate.outcomes];
  let reservations = 0;
  let refundsTried = 0;
  let attempts = 0;

  const reserve = (traveller: Traveller, railId: string): Traveller => {
    reservations += 1;
    const { toCurrency, id } = traveller.payment;
    const pendingId = `reservation ${reservations}`;
    const amount = traveller.quote?.targetMinor ?? 0n;
    book.post([
      {
        id: pendingId,
        type: 'pending',
        debit: `clearing:${toCurrency}`,
        credit: `float:${railId}`,
        amount,
        currency: toCurrency,
        reason: 'reservation',
        paymentId: id,
      },
    ]);
    return { ...traveller, reservationId: pendingId };
  };

  const standAt = (traveller: Traveller, status: PaymentStatus): Traveller => {
    history.push(status);
    return { ...traveller, payment: { ...traveller.payment, status } };
  };

  const resolve = (traveller: Traveller, leg: Leg, railId: string): Traveller => {
    const outcome = outcomes.shift() ?? 'succeeded';
    attempts += 1;
    const attempt: ResolvedAttempt = {
      id: `attempt ${attempts}`,
      leg,
      sequence: 1,
      railId,
      state: outcome === 'succeeded' ? 'succeeded' : 'failed',
      amountMinor: 1n,
      reasonCode: null,
      retry: outcome === 'succeeded' ? null : outcome,
      sentAtMs: NOW_MS,
      resolvedAtMs: NOW_MS,
      isUnsent: false,
    };
    if (outcome === 'succeeded') rails[leg] = railId;
    const consequence = consequenceOf({ ...traveller, attempt }, attempt);
    book.post(consequence.movements);
    const { collectionSpent, payoutSpent } = traveller.payment;
    const spent =
      leg === 'collection'
        ? { collectionSpent: [...collectionSpent, ...consequence.spent] }
        : leg === 'payout'
          ? { payoutSpent: [...payoutSpent, ...consequence.spent] }
          : {};
    return standAt({ ...traveller, payment: { ...traveller.payment, ...spent } }, consequence.to);
  };

  const reroute = (traveller: Traveller): Traveller => {
    const { payment } = traveller;
    const route = traveller.route ?? { collection: [], payout: [] };
    if (payment.status === 'authorized') {
      return { ...traveller, route: { ...route, collection: railsLeft(payment.senderWallet, 'collection', payment.collectionSpent) } };
    }
    const payout = railsLeft(payment.receiverWallet, 'payout', payment.payoutSpent);
    const [best] = payout;
    if (best === undefined) return { ...traveller, route: { ...route, payout } };
    book.post(releaseMovements(traveller));
    if (!fate.floatFound) return { ...traveller, reservationId: null, route: { ...route, payout: [] } };
    return reserve({ ...traveller, route: { ...route, payout } }, best);
  };

  const giveBack = (traveller: Traveller): Traveller => {
    const isBeginning = traveller.payment.status === 'collected';
    if (isBeginning) book.post(releaseMovements(traveller));
    const at = isBeginning ? standAt(traveller, 'refunding') : traveller;
    if (at.payment.funding === 'balance') {
      book.post(balanceRefundMovements(at));
      return standAt(at, 'refunded');
    }
    const railId = refundRails(at.payment, refundsTried)[0] ?? '';
    refundsTried += 1;
    book.post([refundReservation(at, `attempt ${attempts + 1}`, railId)]);
    return resolve(at, 'refund', railId);
  };

  const goOn = (given: Traveller): Traveller => {
    const { payment } = given;
    const again = payment.status === 'authorized' ? payment.collectionSpent.length > 0 : payment.payoutSpent.length > 0;
    const traveller = again && payment.status !== 'refunding' && !given.refundRequested ? reroute(given) : given;
    const step = payment.status === 'authorized' ? collectionStep(traveller) : payoutStep(traveller);
    if (step === null) return giveBack(traveller);
    book.post(step.movements);
    const at = standAt(traveller, step.to);
    return step.attempt === null ? at : resolve(at, step.attempt.leg, step.attempt.railId);
  };

  let at = start;
  if (at.payment.funding === 'balance') {
    const { clientId, fromCurrency: currency, amountMinor: amount, id } = at.payment;
    book.post([
      {
        id: fundingReservationId(id),
        type: 'pending',
        debit: `client:${clientId}:${currency}`,
        credit: `clearing:${currency}`,
        amount,
        currency,
        reason: 'funding',
        paymentId: id,
      },
    ]);
  }
  if (at.payment.delivery === 'wallet') at = reserve(at, payoutRail(at) ?? '');
  for (let steps = 0; !isTerminal(at.payment.status); steps += 1) {
    if (steps > 40) throw new Error(`no end: ${history.join(', ')}`);
    at = goOn(at);
    // The client asks once the money is with us, as the API lets it.
    if (fate.refundRequested && at.payment.status === 'collected') at = { ...at, refundRequested: true };
  }
  return { end: at, book, history, rails };
}

const some = fc
  .record({
    // Whole shillings that every rail of the sender's wallet pays back.
    amountMinor: fc.bigInt({ min: 10n, max: 100_000n }).map((shillings) => shillings * 100n),
    feePart: fc.nat({ max: 99 }),
    exchanged: fc.bigInt({ min: 1n, max: 10n ** 12n }),
    roundingPart: fc.nat({ max: 99 }),
    funding: fc.constantFrom('wallet' as const, 'balance' as const),
    delivery: fc.constantFrom('wallet' as const, 'balance' as const),
  })
  .map(({ amountMinor, feePart, exchanged, roundingPart, funding, delivery }): Traveller => {
    const item = someItem(NOW_MS, {
      payment: { status: 'authorized', amountMinor, funding, delivery },
      route: { collection: ['mpesa-ke', 'hub-ke'], payout: ['mtn-ug', 'hub-ug'] },
    });
    const feeMinor = (amountMinor * BigInt(feePart)) / 100n;
    const targetMinor = exchanged - (exchanged * BigInt(roundingPart)) / 100n;
    return {
      ...item,
      quote: { ...item.quote, feeMinor, exchangedMinor: exchanged, targetMinor },
      reservationId: null,
      refundRequested: false,
      decisions: [],
    };
  });

const someFate: fc.Arbitrary<Fate> = fc.record({
  outcomes: fc.array(fc.constantFrom('succeeded' as const, 'later' as const, 'after_customer' as const), { maxLength: 10 }),
  floatFound: fc.boolean(),
  refundRequested: fc.boolean(),
});

const law = (check: (start: Traveller, lived: ReturnType<typeof live>, fate: Fate) => void) =>
  fc.assert(
    fc.property(some, someFate, (start, fate) => check(start, live(start, fate), fate)),
    { numRuns: 500 },
  );

describe('the movements of a payment, whatever becomes of it', () => {
  it('leave the clearing accounts at zero and nothing pending', () => {
    law((_start, { book }) => {
      for (const currency of ['KES', 'UGX']) expect(book.sumOf(`clearing:${currency}`)).toBe(0n);
      expect([...book.pending.keys()]).toEqual([]);
    });
  });

  it('balance in each currency', () => {
    law((start, { book }) => {
      const ofCurrency = (currency: string) =>
        [...book.posted].reduce((sum, [code, amount]) => (currencyOf(code) === currency ? sum + amount : sum), 0n);
      expect(ofCurrency(start.payment.fromCurrency)).toBe(0n);
      expect(ofCurrency(start.payment.toCurrency)).toBe(0n);
    });
  });

  it('give everything back unless it is paid', () => {
    law((start, { end, book, rails }) => {
      if (end.payment.status === 'paid') return;
      expect(['refunded', 'failed']).toContain(end.payment.status);
      for (const prefix of ['fees', 'position', 'rounding', 'client']) expect(book.sumOf(prefix)).toBe(0n);
      expect(book.sumOf('float:')).toBe(0n);
      // The money may have come over one rail and gone back over another: both say so.
      if (rails.collection !== '' && rails.collection !== rails.refund) {
        expect(book.posted.get(`float:${rails.collection}`)).toBe(start.payment.amountMinor);
        expect(book.posted.get(`float:${rails.refund}`)).toBe(-start.payment.amountMinor);
      }
    });
  });

  it('when it is paid, take the amount in where it was collected and pay the target out where it was reserved', () => {
    law((start, { end, book, rails }) => {
      if (end.payment.status !== 'paid') return;
      const { payment, quote } = start;
      const client = (currency: string) => `client:${payment.clientId}:${currency}`;
      const from = payment.funding === 'balance' ? client(payment.fromCurrency) : `float:${rails.collection}`;
      const to = payment.delivery === 'balance' ? client(payment.toCurrency) : `float:${rails.payout}`;
      expect(book.posted.get(from)).toBe(payment.amountMinor);
      expect(book.posted.get(to)).toBe(-(quote?.targetMinor ?? 0n));
      expect(book.posted.get('fees:KES') ?? 0n).toBe(-(quote?.feeMinor ?? 0n));
      expect(book.posted.get('position:KES')).toBe((quote?.feeMinor ?? 0n) - payment.amountMinor);
      expect(book.posted.get('position:UGX')).toBe(quote?.exchangedMinor);
      expect(book.posted.get('rounding:UGX') ?? 0n).toBe((quote?.targetMinor ?? 0n) - (quote?.exchangedMinor ?? 0n));
    });
  });

  it('reach every end there is', () => {
    const seen = new Set<PaymentStatus>();
    law((_start, { end }) => void seen.add(end.payment.status));
    expect(seen).toEqual(new Set(['paid', 'refunded', 'failed']));
  });
});

describe('the closing', () => {
  it('carries one link, ids that a repeat makes again, and the attempt that paid', () => {
    const item = someItem(NOW_MS, { payment: { status: 'disbursing' } });
    const traveller: Traveller = { ...item, reservationId: 'held', refundRequested: false, decisions: [] };
    const first = closingMovements(traveller, item.quote);
    expect(closingMovements(traveller, item.quote)).toEqual(first);
    expect(new Set(first.map((movement) => movement.linkId)).size).toBe(1);
    expect(new Set(first.map((movement) => movement.id)).size).toBe(first.length);
  });

  it('of a payout that holds no float is a mistake of ours', () => {
    const item = someItem(NOW_MS, { payment: { status: 'disbursing' } });
    const traveller: Traveller = { ...item, reservationId: null, refundRequested: false, decisions: [] };
    expect(() => closingMovements(traveller, item.quote)).toThrow(RangeError);
  });
});

describe('a request that its operator never had', () => {
  const item = someItem(NOW_MS, { payment: { status: 'collecting' } });
  const traveller: Traveller = { ...item, reservationId: 'held', refundRequested: false, decisions: [] };
  const ended = (leg: Leg, sequence: number, reasonCode: string): ResolvedAttempt => ({
    id: 'attempt',
    leg,
    sequence,
    railId: leg === 'collection' ? 'mpesa-ke' : 'mtn-ug',
    state: 'failed',
    amountMinor: 1n,
    reasonCode,
    retry: 'later',
    sentAtMs: NOW_MS,
    resolvedAtMs: NOW_MS,
    isUnsent: false,
  });

  it.each([
    ['collection', 'authorized'],
    ['payout', 'collected'],
  ] as const)('is not held against the rail of the %s the first time, and is from then on', (leg, to) => {
    const after = (sequence: number, reasonCode: string) => consequenceOf(traveller, ended(leg, sequence, reasonCode));
    expect(after(1, 'never_received')).toEqual({ to, reasonCode: 'never_received', movements: [], spent: [] });
    expect(after(2, 'never_received').spent).toHaveLength(1);
    expect(after(1, 'operator_unavailable').spent).toHaveLength(1);
  });

  it('is not made again for a client who wants the money back', () => {
    const wanted = { ...traveller, refundRequested: true };
    expect(consequenceOf(wanted, ended('collection', 1, 'never_received'))).toEqual({
      to: 'failed',
      reasonCode: 'collection_failed',
      movements: releaseMovements(wanted),
      spent: ['mpesa-ke'],
    });
  });
});

/** The currency of an account of this corridor. */
function currencyOf(code: string): string {
  if (code.startsWith('float:')) return code.endsWith('-ke') ? 'KES' : 'UGX';
  return code.slice(-3);
}
