/** What only Airtel does, against its sandbox: signatures, the PIN, refunds, look-ups and callbacks with a hash. */
import { describe, expect, it } from 'vitest';
import type { AirtelClient } from '../../tools/mmo/airtel/client.ts';
import { APPLICATION_URL, bookLines, createTestWorld, drive, phoneOf, requestOf } from './harness.ts';

const collected = async (railId: string) => {
  const world = await createTestWorld();
  const { outcome, requestId } = await drive(world, { railId, leg: 'collection' });
  const receipt = outcome.state === 'succeeded' ? outcome.receipt : '';
  const { amount } = requestOf({ railId, leg: 'collection' });
  return { world, original: { requestId, receipt, amount } };
};

describe('signatures', () => {
  it('fetches the key once, and anew after its end', async () => {
    const world = await createTestWorld();
    const keys = () => world.calls.filter((call) => call.endsWith('/encryption-keys')).length;
    await drive(world, { railId: 'airtel-zm', leg: 'payout', name: 'a' });
    await drive(world, { railId: 'airtel-zm', leg: 'collection', name: 'b' });
    expect(keys()).toBe(1);
    await world.scheduler.advance(7 * 86_400_000);
    await drive(world, { railId: 'airtel-zm', leg: 'payout', name: 'c' });
    expect(keys()).toBe(2);
    expect(bookLines(world, 'airtel-zm')).toEqual(['disbursement succeeded', 'collection succeeded', 'disbursement succeeded']);
  });

  it('signs nothing where the country wants no signature', async () => {
    const world = await createTestWorld();
    await drive(world, { railId: 'airtel-ug', leg: 'payout' });
    expect(world.calls.some((call) => call.endsWith('/encryption-keys'))).toBe(false);
  });

  it('sends nothing without a key, and says so', async () => {
    const world = await createTestWorld({}, undefined, (profiles) => {
      (profiles['airtel-ug'] as { signing: boolean }).signing = true;
      (profiles['airtel-ug'] as { clientSecret: string }).clientSecret = 'wrong';
    });
    const { first } = await drive(world, { railId: 'airtel-ug', leg: 'payout' });
    expect(first.state).toBe('failed');
    expect(bookLines(world, 'airtel-ug')).toEqual([]);
  });

  it('is refused without a signature where the country wants one', async () => {
    const world = await createTestWorld({}, undefined, (profiles) => {
      (profiles['airtel-zm'] as { signing: boolean }).signing = false;
    });
    const { first } = await drive(world, { railId: 'airtel-zm', leg: 'payout' });
    expect(first).toMatchObject({ state: 'failed', reasonCode: 'rail_misconfigured' });
  });
});

it('never tries a refused PIN again, for the account would lock', async () => {
  const world = await createTestWorld({}, undefined, (profiles) => {
    (profiles['airtel-ug'] as { payout: { pin: string } }).payout.pin = '0000';
  });
  const payouts = () => world.calls.filter((call) => call.includes('/disbursements/')).length;
  expect((await drive(world, { railId: 'airtel-ug', leg: 'payout', name: 'a' })).first).toMatchObject({ reasonCode: 'pin_refused' });
  expect((await drive(world, { railId: 'airtel-ug', leg: 'payout', name: 'b' })).first).toMatchObject({
    reasonCode: 'pin_refused',
    retry: 'later',
  });
  expect(payouts()).toBe(1);
  expect((await drive(world, { railId: 'airtel-ug', leg: 'collection' })).outcome.state).toBe('succeeded');
});

describe('refunds', () => {
  it('takes a whole collection back once, however often it is asked', async () => {
    const { world, original } = await collected('airtel-zm');
    const client = world.client('airtel-zm');
    const before = world.sandbox.books('airtel-zm').balanceMinor;
    const request = { ...requestOf({ railId: 'airtel-zm', leg: 'payout', name: 'refund' }), amount: original.amount, original };
    const first = await client.refund(request);
    await client.refund(request);
    await world.scheduler.advance(2_000);
    const inquiry = { ...request, leg: 'refund' as const, handle: first.handle ?? {}, sentAtMs: 0, nowMs: world.scheduler.now() };
    expect(first.state).toBe('pending');
    expect(await client.inquire(inquiry)).toMatchObject({ state: 'succeeded' });
    expect(before - world.sandbox.books('airtel-zm').balanceMinor).toBe(original.amount.minor);
  });

  it('gives no part of a collection back', async () => {
    const { world, original } = await collected('airtel-ug');
    const request = requestOf({ railId: 'airtel-ug', leg: 'payout' });
    const part = { ...request, amount: { ...original.amount, minor: original.amount.minor - 1n }, original };
    expect(await world.client('airtel-ug').refund(part)).toMatchObject({ state: 'failed', reasonCode: 'partial_refund', retry: 'later' });
    expect(world.calls.some((call) => call.endsWith('/refund'))).toBe(false);
  });
});

it('tells who holds a wallet, and our balance with its commas', async () => {
  const world = await createTestWorld({ openings: { 'airtel-ug': 37_600n } });
  const client = world.client('airtel-ug') as AirtelClient;
  expect(await client.holderOf(phoneOf('airtel-ug', '4321'))).toEqual({ name: 'SANDBOX CUSTOMER', isBarred: false, hasPin: true });
  expect(await client.holderOf(phoneOf('airtel-ug', '0003'))).toMatchObject({ isBarred: true });
  expect(await client.holderOf(phoneOf('airtel-ug', '0000'))).toBe('absent');
  expect(await client.balance()).toEqual({ minor: 37_600n, currency: 'UGX' });
});

it('does not enquire before Airtel wants to be asked', async () => {
  const world = await createTestWorld({}, undefined, (profiles) => {
    (profiles['airtel-ug'] as { enquireAfterMs: number }).enquireAfterMs = 180_000;
  });
  const { tookMs, outcome } = await drive(world, { railId: 'airtel-ug', leg: 'collection' });
  expect(outcome.state).not.toBe('succeeded');
  expect(tookMs).toBeLessThan(180_000);
  expect(world.calls.some((call) => call.startsWith('GET'))).toBe(false);
});

it('sends callbacks to the one address of the application, or to none', async () => {
  const world = await createTestWorld({ applicationUrl: () => APPLICATION_URL });
  expect((await drive(world, { railId: 'airtel-ug', leg: 'payout' })).callbacks).toBe(1);
});
