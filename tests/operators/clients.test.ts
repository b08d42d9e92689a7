/** Every client against its sandbox operator, in virtual time: what each fate comes to, and that the books agree. */
import { describe, expect, it } from 'vitest';
import { bookLines, createTestWorld, drive, phoneOf, railOf, requestOf } from './harness.ts';

const DIRECT = [
  'mpesa-ke',
  'mtn-ug',
  'mtn-gh',
  'airtel-ug',
  'airtel-zm',
  'airtel-ng',
  'orange-ci',
  'orange-cm',
  'orange-sn',
  'telkom-ke',
] as const;
const ALL = [...DIRECT, 'hub-ke'] as const;

describe.each(ALL)('%s', (railId) => {
  it('collects: the payer approves, the float grows by the amount', async () => {
    const world = await createTestWorld();
    const before = world.sandbox.books(railId).balanceMinor;
    const { outcome, first } = await drive(world, { railId, leg: 'collection' });
    const { amount } = requestOf({ railId, leg: 'collection' });
    expect(first.state).toBe('pending');
    expect(outcome).toMatchObject({ state: 'succeeded', receipt: expect.stringMatching(/^[\w-]{8,}$/) });
    expect(world.sandbox.books(railId).balanceMinor - before).toBe(amount.minor);
  });

  it('pays out: the float shrinks by the amount', async () => {
    const world = await createTestWorld();
    const before = world.sandbox.books(railId).balanceMinor;
    const { outcome } = await drive(world, { railId, leg: 'payout' });
    const { amount } = requestOf({ railId, leg: 'payout' });
    expect(outcome).toMatchObject({ state: 'succeeded', amount: expect.toSatisfy((told) => told === null || told.minor === amount.minor) });
    expect(before - world.sandbox.books(railId).balanceMinor).toBe(amount.minor);
  });

  it('0001: the payer declines, which no other rail changes', async () => {
    const world = await createTestWorld();
    const { outcome } = await drive(world, { railId, leg: 'collection', ending: '0001' });
    expect(outcome).toMatchObject({ state: 'failed', reasonCode: 'payer_declined', retry: 'after_customer' });
    expect(bookLines(world, railId)).toEqual(['collection failed']);
  });

  it('0002: the payer has not enough funds, which no other rail changes', async () => {
    const world = await createTestWorld();
    const { outcome } = await drive(world, { railId, leg: 'collection', ending: '0002' });
    // A page says only that the payment was not made.
    const reasonCode = railId === 'orange-ci' ? 'payer_declined' : 'insufficient_funds';
    expect(outcome).toMatchObject({ state: 'failed', reasonCode, retry: 'after_customer' });
  });

  it('0003: the wallet cannot be paid by anybody, but one that paid in gets its money back', async () => {
    const world = await createTestWorld();
    const refused = await drive(world, { railId, leg: 'payout', ending: '0003' });
    // Cameroon's Orange does not say whose fault a failed cash-in is.
    expect(refused.outcome).toMatchObject({ state: 'failed', retry: railId === 'orange-cm' ? 'later' : 'never' });
    const collected = await drive(world, { railId, leg: 'collection', ending: '0003' });
    expect(collected.outcome.state).toBe('succeeded');
    const refunded = await drive(world, { railId, leg: 'payout', ending: '0003', name: 'refund' });
    expect(refunded.outcome.state).toBe('succeeded');
  });

  it('0006: the answer is lost after the operator acted; one payment is found, once', async () => {
    const world = await createTestWorld();
    const paid: string[] = [];
    for (const leg of ['collection', 'payout'] as const) {
      const { first, outcome } = await drive(world, { railId, leg, ending: '0006' });
      expect(first).toMatchObject({ state: 'unknown', reasonCode: 'no_answer' });
      // Nobody can pay on a page whose address was lost.
      const isPage = leg === 'collection' && world.client(railId).capabilities.approval === 'redirect';
      expect(outcome.state).toBe(isPage ? 'failed' : 'succeeded');
      paid.push(...(isPage ? [] : [`${leg === 'collection' ? leg : 'disbursement'} succeeded`]));
    }
    expect(bookLines(world, railId)).toEqual(paid);
  });

  it('0007: the callback is lost; inquiries find the end', async () => {
    const world = await createTestWorld();
    const { outcome, callbacks } = await drive(world, { railId, leg: 'collection', ending: '0007' });
    expect(outcome.state).toBe('succeeded');
    expect(callbacks).toBe(0);
    const paid = await drive(world, { railId, leg: 'payout', ending: '0007' });
    expect(paid.outcome.state).toBe('succeeded');
  });

  it('0008: the callback comes twice and reads the same both times', async () => {
    const world = await createTestWorld();
    const { outcome, requestId } = await drive(world, { railId, leg: 'payout', ending: '0008' });
    await world.scheduler.advance(2_000);
    const bodies = world.inbox.get(`https://hooks.test/callbacks/${requestId}`) ?? [];
    const events = bodies.map((body) => world.client(railId).parseCallback(body));
    expect(outcome.state).toBe('succeeded');
    // Results of M-Pesa's inquiries come to the same address.
    expect(events.filter(({ kind }) => kind !== 'inquiry' || !railId.startsWith('mpesa'))).toHaveLength(2);
    expect(events[0]).toEqual(events[1]);
  });

  it('0009: people are slow, and are waited for', async () => {
    const world = await createTestWorld();
    const { outcome } = await drive(world, { railId, leg: 'collection', ending: '0009' });
    const quick = world.sandbox.books(railId).transactions[0];
    expect(outcome.state).toBe('succeeded');
    expect(world.scheduler.now() - (quick?.atMs ?? 0)).toBeGreaterThan(900);
  });

  it('finds out that a request never arrived, and only then calls it failed', async () => {
    const world = await createTestWorld({ faults: { answerLostBefore: 1 } });
    for (const leg of ['collection', 'payout'] as const) {
      const { first, outcome, tookMs } = await drive(world, { railId, leg });
      expect(first).toMatchObject({ state: 'unknown', reasonCode: 'no_answer' });
      expect(outcome).toMatchObject({
        state: 'failed',
        retry: 'later',
        reasonCode: expect.stringMatching(/never_received|no_payment_found|page_expired/),
      });
      expect(tookMs).toBeGreaterThanOrEqual(12_000);
    }
    expect(bookLines(world, railId)).toEqual([]);
  });

  it('never calls an accepted request unseen, however long the operator denies it', async () => {
    const world = await createTestWorld();
    const request = requestOf({ railId, leg: 'payout' });
    const accepted = await world.client(railId).disburse(request);
    expect(accepted.state).toBe('pending');
    // Another world has no such payment.
    const other = await createTestWorld();
    const nowMs = other.scheduler.now() + 86_400_000;
    const inquiry = { ...request, leg: 'payout' as const, handle: accepted.handle ?? {}, sentAtMs: other.scheduler.now(), nowMs };
    const outcome = await other.client(railId).inquire(inquiry);
    await other.scheduler.advance(1_000);
    const told = (other.inbox.get(request.callbackUrl) ?? []).map((body) => other.client(railId).parseCallback(body).outcome.state);
    expect([outcome.state, ...told]).not.toContain('failed');
    // The same denial ends a request that was never accepted.
    const unseen = await other.client(railId).inquire({ ...inquiry, handle: {} });
    await other.scheduler.advance(1_000);
    const last = other.inbox.get(request.callbackUrl)?.at(-1);
    expect([unseen.state, last === undefined ? '' : other.client(railId).parseCallback(last).outcome.state]).toContain('failed');
  });

  it.each(['serverError', 'htmlPage', 'answerLostAfter'] as const)(
    '%s on every money call: in doubt first, the truth in the end',
    async (fault) => {
      const world = await createTestWorld({ faults: { [fault]: 1 } });
      for (const name of ['one', 'two', 'three', 'four']) {
        const { first, outcome } = await drive(world, { railId, leg: 'payout', name });
        const isPaid = world.sandbox
          .books(railId)
          .transactions.some(({ ourReference }) => ourReference === requestOf({ railId, leg: 'payout', name }).requestId);
        expect(first.state).toBe('unknown');
        expect(outcome.state).toBe(isPaid ? 'succeeded' : 'failed');
      }
    },
  );

  it('takes a callback that comes before the answer', async () => {
    const world = await createTestWorld({ faults: { callbackEarly: 1 } });
    const { outcome, callbacks } = await drive(world, { railId, leg: 'payout' });
    expect(outcome.state).toBe('succeeded');
    expect(callbacks).toBeGreaterThanOrEqual(1);
  });

  it('renews a token that ends in flight, once, and repeats the call', async () => {
    const world = await createTestWorld();
    await drive(world, { railId, leg: 'payout', name: 'before' });
    world.sandbox.change(railId, { expireTokens: true });
    const since = world.calls.length;
    const { first } = await drive(world, { railId, leg: 'payout', name: 'after' });
    expect(first.state).toBe('pending');
    expect(world.calls.slice(since, since + 3).filter((call) => /token|oauth/.test(call))).toHaveLength(1);
    expect(bookLines(world, railId)).toHaveLength(2);
  });

  it('asks for one token however many calls start at once, and for a new one before it ends', async () => {
    const world = await createTestWorld();
    const tokens = () => world.calls.filter((call) => /token|oauth/.test(call)).length;
    const client = world.client(railId);
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => client.disburse(requestOf({ railId, leg: 'payout', name }))));
    expect(tokens()).toBe(1);
    await world.scheduler.advance(3_600_000 - 30_000);
    await client.disburse(requestOf({ railId, leg: 'payout', name: 'e' }));
    expect(tokens()).toBe(2);
  });

  it('fails for sure, to be tried elsewhere, when the gateway gives no token', async () => {
    const world = await createTestWorld();
    world.sandbox.change(railId, { down: true });
    const { first } = await drive(world, { railId, leg: 'payout' });
    expect(first).toMatchObject({ state: 'failed', reasonCode: 'operator_unavailable', retry: 'later' });
    world.sandbox.change(railId, { down: false });
    expect((await drive(world, { railId, leg: 'payout', name: 'again' })).outcome.state).toBe('succeeded');
  });

  it('stays in doubt as long as a silent operator is silent, and ends when it speaks again', async () => {
    const world = await createTestWorld();
    const { requestId, ...request } = requestOf({ railId, leg: 'payout', ending: '0007' });
    const client = world.client(railId);
    const sentAtMs = world.scheduler.now();
    const { handle = {} } = await client.disburse({ requestId, ...request });
    world.sandbox.change(railId, { mode: 'silent' });
    await world.scheduler.advance(60_000);
    const inquiry = () => client.inquire({ requestId, ...request, leg: 'payout', handle, sentAtMs, nowMs: world.scheduler.now() });
    expect(await inquiry()).toMatchObject({ state: 'unknown', reasonCode: 'inquiry_failed' });
    world.sandbox.change(railId, { mode: 'up' });
    await inquiry();
    await world.scheduler.advance(1_000);
    const told = (world.inbox.get(request.callbackUrl) ?? []).map((body) => client.parseCallback(body).outcome.state);
    expect([...told, (await inquiry()).state]).toContain('succeeded');
  });

  it('fails a payout our float does not cover, to be tried elsewhere', async () => {
    const world = await createTestWorld({ openings: { [railId]: 5n } });
    const { outcome } = await drive(world, { railId, leg: 'payout' });
    expect(outcome).toMatchObject({ state: 'failed', reasonCode: 'float_too_low', retry: 'later' });
    expect(world.sandbox.books(railId).balanceMinor).toBe(5n);
  });

  it('does not send what the rail cannot take', async () => {
    const world = await createTestWorld();
    const client = world.client(railId);
    const rail = railOf(railId);
    const request = requestOf({ railId, leg: 'collection' });
    const above = await client.collect({ ...request, amount: { minor: (rail.collection?.maxMinor ?? 0n) * 2n, currency: rail.currency } });
    expect(above).toMatchObject({ state: 'failed', reasonCode: 'amount_above_maximum', retry: 'never' });
    expect(await client.collect({ ...request, phone: '0700000000' })).toMatchObject({ state: 'failed', reasonCode: 'phone_invalid' });
    if (rail.places === 0 && rail.currency === 'KES') {
      const odd = await client.collect({ ...request, amount: { minor: 100_001n, currency: rail.currency } });
      expect(odd).toMatchObject({ state: 'failed', reasonCode: 'amount_granularity' });
    }
    expect(world.calls).toEqual([]);
  });
});

describe.each(DIRECT)('%s, where the hub would do', (railId) => {
  it('0004: refuses a payout for now', async () => {
    const world = await createTestWorld();
    const { outcome } = await drive(world, { railId, leg: 'payout', ending: '0004' });
    expect(outcome).toMatchObject({ state: 'failed', retry: 'later' });
  });

  it('0005: refuses a collection for a reason of its own', async () => {
    const world = await createTestWorld();
    const { outcome } = await drive(world, { railId, leg: 'collection', ending: '0005' });
    expect(outcome).toMatchObject({ state: 'failed', retry: 'later' });
  });
});

describe('what the protocols do differently', () => {
  it('lets the hub do what the direct rail refuses', async () => {
    const world = await createTestWorld();
    expect((await drive(world, { railId: 'hub-ke', leg: 'payout', ending: '0004' })).outcome.state).toBe('succeeded');
    expect((await drive(world, { railId: 'hub-ke', leg: 'collection', ending: '0005' })).outcome.state).toBe('succeeded');
  });

  it.each([
    ['mpesa-ke', 'payout', 1],
    ['mpesa-ke', 'collection', 2],
    ['mtn-ug', 'collection', 1],
    ['mtn-ug', 'payout', 1],
    ['airtel-ug', 'collection', 1],
    ['airtel-zm', 'payout', 1],
    ['hub-ke', 'payout', 1],
  ] as const)('%s %s sent twice with one reference makes %i payment(s)', async (railId, leg, count) => {
    const world = await createTestWorld();
    const client = world.client(railId);
    const request = requestOf({ railId, leg });
    const outcomes = [];
    for (let time = 0; time < 2; time += 1)
      outcomes.push(await (leg === 'collection' ? client.collect(request) : client.disburse(request)));
    expect(outcomes.map(({ state }) => state)).toEqual(['pending', 'pending']);
    expect(world.sandbox.books(railId).transactions).toHaveLength(count);
  });

  it('tells our balance where the operator tells it', async () => {
    const world = await createTestWorld({ openings: { 'mtn-gh': 123_450n, 'hub-ke': 70_000n } });
    expect(await world.client('mtn-gh').balance()).toEqual({ minor: 123_450n, currency: 'GHS' });
    expect(await world.client('hub-ke').balance()).toEqual({ minor: 70_000n, currency: 'KES' });
    expect(await world.client('mpesa-ke').balance()).toBeNull();
  });

  it('blames our set-up, not the customer, for wrong credentials, and moves nothing', async () => {
    const world = await createTestWorld({}, undefined, (profiles) => {
      (profiles['mpesa-ke'] as { consumerSecret: string }).consumerSecret = 'wrong';
      (profiles['mtn-ug'] as { disbursement: { apiKey: string } }).disbursement.apiKey = 'wrong';
      (profiles['hub-ke'] as { auth: { clientSecret: string } }).auth.clientSecret = 'wrong';
    });
    for (const railId of ['mpesa-ke', 'mtn-ug', 'hub-ke']) {
      const { first } = await drive(world, { railId, leg: 'payout' });
      expect(first).toMatchObject({ state: 'failed', reasonCode: 'rail_misconfigured', retry: 'later' });
      expect(bookLines(world, railId)).toEqual([]);
    }
  });

  it('learns from the operator that the initiator password is wrong', async () => {
    const world = await createTestWorld({}, undefined, (profiles) => {
      (profiles['mpesa-ke'] as { b2c: { initiatorPassword: string } }).b2c.initiatorPassword = 'expired';
    });
    const { outcome } = await drive(world, { railId: 'mpesa-ke', leg: 'payout' });
    expect(outcome).toMatchObject({ state: 'failed', reasonCode: 'rail_misconfigured' });
  });

  it('survives an operator where each new token kills the one before', async () => {
    const world = await createTestWorld({ singleToken: true });
    const { consumerKey, consumerSecret } = world.sandbox.profiles()['mpesa-ke'] as { consumerKey: string; consumerSecret: string };
    const authorization = `Basic ${Buffer.from(`${consumerKey}:${consumerSecret}`).toString('base64')}`;
    const anotherProcess = () =>
      world.sandbox.fetch(`${world.sandbox.url}/mpesa-ke/oauth/v1/generate?grant_type=client_credentials`, {
        method: 'GET',
        headers: { authorization },
      });
    for (const name of ['a', 'b']) {
      expect((await drive(world, { railId: 'mpesa-ke', leg: 'collection', name })).outcome.state).toBe('succeeded');
      await anotherProcess();
    }
    expect(world.calls.filter((call) => call.includes('/oauth/'))).toHaveLength(2);
  });

  it('sends what each operator can print: no quotes, no ampersands', async () => {
    const world = await createTestWorld();
    expect((await drive(world, { railId: 'mtn-ug', leg: 'collection' })).first.state).toBe('pending');
    expect(phoneOf('mtn-ug', '0001')).toMatch(/^\+256/);
  });
});
