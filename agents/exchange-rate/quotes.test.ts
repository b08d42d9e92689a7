import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { type Clock, manualClock } from '../../domain/clock.ts';
import type { Currency } from '../../domain/currency.ts';
import { isFault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { parseAmount } from '../../domain/money.ts';
import { parseRate } from '../../domain/rate.ts';
import { consensus, emptySnapshot, NOTHING_BEFORE } from '../../tools/fx/consensus.ts';
import type { CohortPayment, WorkItem } from '../agent.ts';
import { createExchangeRateAgent, createQuote, verifyQuote } from './index.ts';
import { loadQuotes, markQuotesUsed, type QuoteRow, type QuoteScope, signQuote } from './quotes.ts';

const NOW_MS = Date.UTC(2026, 8, 30, 12);
const quoteKey = Buffer.alloc(32, 7);
const clientId = newId();
const otherClientId = newId();
const agent = createExchangeRateAgent({ quoteKey });

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('insert into clients (id, name) values ($1, $2), ($3, $4)', [clientId, 'one', otherClientId, 'two']);
});
afterAll(() => database.close());

function boardAt(levels: Partial<Record<Currency, string>>) {
  const perUsd = new Map(Object.entries(levels).map(([code, text]) => [code as Currency, parseRate(text)]));
  const sources = ['open-er-api', 'currency-api'].map((source) => ({ source, asOfMs: NOW_MS - 3_600_000, perUsd }));
  const snapshot = consensus(sources, NOTHING_BEFORE, NOW_MS);
  return { current: () => snapshot };
}

function depsAt(clock: Clock = manualClock(NOW_MS)) {
  return { pool: database.pool, board: boardAt({ KES: '129.67', UGX: '3914.67', EUR: '0.88023' }), clock, quoteKey };
}

const keToUg = { clientId, fromCountry: 'KE', toCountry: 'UG', toCurrency: 'UGX', amount: parseAmount('5000', 'KES') } as const;

function itemOf(more: Partial<CohortPayment> = {}): WorkItem {
  return {
    payment: {
      id: newId(),
      clientId,
      status: 'accepted',
      amountMinor: 500_000n,
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      fromCountry: 'KE',
      toCountry: 'UG',
      funding: 'wallet',
      delivery: 'wallet',
      senderId: newId(),
      receiverId: newId(),
      senderWallet: 'mpesa-ke',
      receiverWallet: 'mtn-ug',
      preference: 'cheapest',
      purpose: 'family_support',
      quoteId: null,
      collectionSpent: [],
      payoutSpent: [],
      createdAtMs: NOW_MS,
      releasedByCase: null,
      ...more,
    },
  };
}

async function decideAll(items: readonly WorkItem[], clock?: Clock) {
  return (await agent.gather(depsAt(clock), items)).map((facts) => agent.decide(facts));
}

async function rowOf(id: string): Promise<QuoteRow> {
  const row = (await loadQuotes(database.pool, [id])).get(id);
  if (row === undefined) throw new Error('no such quote');
  return row;
}

describe('a quote for a client', () => {
  it('is stored as it was signed, and verifies', async () => {
    const quote = await createQuote(depsAt(), keToUg);
    const row = await rowOf(quote.id);
    expect(verifyQuote(row, quoteKey)).toBe(true);
    expect(row.signature.toString('hex')).toBe(quote.signature);
    expect(row).toMatchObject({ clientId, amountMinor: 500_000n, exchangedMinor: quote.exchangedMinor, rate: quote.rate, paymentId: null });
    expect(quote).toMatchObject({ fromCurrency: 'KES', toCurrency: 'UGX', createdAtMs: NOW_MS });
  });

  it('is told from one that was changed in any term, or signed with another key', async () => {
    const row = await rowOf((await createQuote(depsAt(), keToUg)).id);
    const changed: Partial<QuoteRow>[] = [
      { id: newId() },
      { clientId: otherClientId },
      { fromCurrency: 'TZS' },
      { toCurrency: 'RWF' },
      { fromCountry: 'TZ' },
      { toCountry: 'RW' },
      { amountMinor: 500_001n },
      { feeMinor: 0n },
      { exchangedMinor: row.exchangedMinor + 1n },
      { rate: row.rate + 1n },
      { midRate: row.midRate + 1n },
      { spreadBps: 0 },
      { policyVersion: 'fx-0' },
      { createdAtMs: NOW_MS + 1 },
      { expiresAtMs: row.expiresAtMs + 1 },
      { signature: row.signature.subarray(0, 31) },
      { signature: Buffer.alloc(32) },
    ];
    for (const change of changed) expect(verifyQuote({ ...row, ...change }, quoteKey), JSON.stringify(Object.keys(change))).toBe(false);
    expect(verifyQuote(row, Buffer.alloc(32, 8))).toBe(false);
  });

  it('is refused with a fault, and nothing is stored', async () => {
    const before = await database.pool.query('select count(*)::int as n from quotes');
    const deps = depsAt();
    const refusals = await Promise.all([
      createQuote({ ...deps, board: { current: () => emptySnapshot(NOW_MS) } }, keToUg).catch((error: unknown) => error),
      createQuote(deps, { ...keToUg, toCountry: 'KE', toCurrency: 'KES' }).catch((error: unknown) => error),
      createQuote(deps, { ...keToUg, amount: parseAmount('1', 'KES') }).catch((error: unknown) => error),
    ]);
    expect(refusals.map((error) => (isFault(error) ? error.code : error))).toEqual([
      'rate_unavailable',
      'corridor_unavailable',
      'amount_below_minimum',
    ]);
    expect((await database.pool.query('select count(*)::int as n from quotes')).rows).toEqual(before.rows);
  });
});

describe('a cohort', () => {
  it('gets new quotes, stored as used by their payments', async () => {
    const items = [itemOf(), itemOf({ toCountry: 'KE', toCurrency: 'KES' }), itemOf({ amountMinor: 750_000n })];
    const verdicts = await decideAll(items);
    expect(verdicts.map((verdict) => verdict.data.refusalCode)).toEqual([null, 'corridor_unavailable', null]);
    await withTransaction(database.pool, (tx) => agent.apply(tx, items, verdicts));
    for (const index of [0, 2]) {
      const row = await rowOf(verdicts[index]?.data.quote?.id ?? '');
      expect(row).toMatchObject({ paymentId: items[index]?.payment.id, clientId, amountMinor: items[index]?.payment.amountMinor });
      expect(verifyQuote(row, quoteKey)).toBe(true);
    }
  });

  it('takes one currency across the border without exchange', async () => {
    const item = itemOf({
      fromCurrency: 'XOF',
      toCurrency: 'XOF',
      fromCountry: 'CI',
      toCountry: 'SN',
      amountMinor: 25_000n,
      senderWallet: 'orange-ci',
      receiverWallet: 'orange-sn',
    });
    const [verdict] = await decideAll([item]);
    const quote = verdict?.data.quote;
    expect(quote?.spreadBps).toBe(0);
    expect(quote?.exchangedMinor).toBe(25_000n - (quote?.feeMinor ?? 0n));
  });

  it("keeps a client's quote, once", async () => {
    const quote = await createQuote(depsAt(), keToUg);
    const items = [itemOf({ quoteId: quote.id })];
    const verdicts = await decideAll(items);
    expect(verdicts[0]?.data).toMatchObject({ isNew: false, quote: { id: quote.id, rate: quote.rate } });
    await withTransaction(database.pool, (tx) => agent.apply(tx, items, verdicts));
    expect((await rowOf(quote.id)).paymentId).toBe(items[0]?.payment.id);
    expect((await decideAll(items))[0]?.outcome).toBe('quoted');
    expect((await decideAll([itemOf({ quoteId: quote.id })]))[0]?.data.refusalCode).toBe('quote_used');
  });

  it('gives a quote that two payments name to the first that may have it', async () => {
    const quote = await createQuote(depsAt(), keToUg);
    const verdicts = await decideAll([
      itemOf({ quoteId: quote.id, amountMinor: 1n }),
      itemOf({ quoteId: quote.id }),
      itemOf({ quoteId: quote.id }),
    ]);
    expect(verdicts.map((verdict) => verdict.data.refusalCode)).toEqual(['quote_mismatch', null, 'quote_used']);
  });

  it('does not take two payments on one quote when they meet in two transactions', async () => {
    const quote = await createQuote(depsAt(), keToUg);
    const cohorts = [[itemOf({ quoteId: quote.id })], [itemOf({ quoteId: quote.id })]];
    const verdicts = await Promise.all(cohorts.map((items) => decideAll(items)));
    const ends = await Promise.allSettled(
      cohorts.map((items, index) => withTransaction(database.pool, (tx) => agent.apply(tx, items, verdicts[index] ?? []))),
    );
    expect(ends.map((end) => end.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ends.some((end) => end.status === 'rejected' && isFault(end.reason, 'quote_used'))).toBe(true);
    const winner = ends.findIndex((end) => end.status === 'fulfilled');
    expect((await rowOf(quote.id)).paymentId).toBe(cohorts[winner]?.[0]?.payment.id);
  });

  it('refuses what is not there, not its own, altered or expired', async () => {
    const quote = await createQuote(depsAt(), keToUg);
    const theirs = await createQuote(depsAt(), { ...keToUg, clientId: otherClientId });
    const forged = newId();
    await database.pool.query(
      `insert into quotes select $1, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount + 1, rate,
         mid_rate, spread_bps, policy_version, signature, created_at, expires_at, null from quotes where id = $2`,
      [forged, quote.id],
    );
    const items = [newId(), theirs.id, forged].map((quoteId) => itemOf({ quoteId }));
    expect((await decideAll(items)).map((verdict) => verdict.data.refusalCode)).toEqual([
      'quote_not_found',
      'quote_not_found',
      'quote_altered',
    ]);
    const late = manualClock(quote.expiresAtMs);
    expect((await decideAll([itemOf({ quoteId: quote.id })], late))[0]?.data.refusalCode).toBe('quote_expired');
  });

  it('has facts that are plain JSON, without key or signature', async () => {
    const quote = await createQuote(depsAt(), keToUg);
    const facts = await agent.gather(depsAt(), [itemOf({ quoteId: quote.id }), itemOf()]);
    const text = JSON.stringify(facts);
    expect(JSON.parse(text)).toEqual(facts);
    expect(text).not.toContain(quote.signature);
    expect(text).not.toContain(quoteKey.toString('hex'));
    expect(facts.map((each) => agent.decide(each))).toEqual((JSON.parse(text) as typeof facts).map((each) => agent.decide(each)));
  });

  it('marks nothing for a quote of another client', async () => {
    const theirs = await createQuote(depsAt(), { ...keToUg, clientId: otherClientId });
    const use = { quoteId: theirs.id, clientId, paymentId: newId() };
    await expect(markQuotesUsed(database.pool as never, [use])).rejects.toThrow('quote_used');
    expect((await rowOf(theirs.id)).paymentId).toBeNull();
  });
});

describe('the signature', () => {
  it('stays the same for the same terms, so that quotes in flight survive an update', () => {
    const scope: QuoteScope = { clientId: 'c', fromCurrency: 'KES', toCurrency: 'UGX', fromCountry: 'KE', toCountry: 'UG' };
    const terms = { ...scope, id: 'q', amountMinor: 1n, feeMinor: 0n, exchangedMinor: 1n, rate: 2n, midRate: 3n, spreadBps: 4 };
    const signature = signQuote({ ...terms, policyVersion: 'p', createdAtMs: 5, expiresAtMs: 6 }, quoteKey);
    expect(signature.toString('hex')).toBe('e99f000fad7e0783583e37596c4a0327a41ccbd03b4e078b89ed2ef21d1b7cf8');
  });
});
