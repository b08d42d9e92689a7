import { afterEach, beforeEach, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { fundClient } from '../../tools/ledger/index.ts';
import type { RateGate } from '../../tools/rails/rates.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { dispatchPump } from './dispatch.ts';
import { createRecorder } from './record.ts';

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform();
});
afterEach(() => platform.close());

const PAGE = 'https://webpayment.orange-money.com/pay_token/secret';

it('announces a page the payer must be led to, once, without its address', async () => {
  const base = platform.deps.operators;
  const deps = {
    ...platform.deps,
    operators: (railId: string) => ({
      ...base(railId),
      collect: async (request: Parameters<ReturnType<typeof base>['collect']>[0]) => {
        const handle = { payToken: 'token', paymentUrl: PAGE };
        await request.remember(handle);
        return { state: 'pending' as const, handle };
      },
    }),
  };
  Object.assign(platform.deps, deps);
  const id = await platform.submit();
  await platform.worker.work('authorize');
  await platform.worker.work('dispatch');
  await platform.worker.idle();
  const { rows } = await platform.deps.pool.query<{ topic: string; payload: Record<string, unknown> }>(
    "select topic, payload from outbox where topic = 'payment.approval_required'",
  );
  expect(rows).toMatchObject([{ payload: { paymentId: id, status: 'collecting', approval: 'page' } }]);
  expect(JSON.stringify(rows)).not.toContain('secret');
  const kept = await platform.deps.pool.query<{ operator_handle: Buffer }>('select operator_handle from attempts');
  expect(kept.rows[0]?.operator_handle.toString('latin1')).not.toContain('secret');
});

it('sends a limited operator as many as it has permits for, nothing to one that asked for a pause, and asks for one when told to slow down', async () => {
  const paused: string[] = [];
  let permits = 2;
  const rates: RateGate = {
    limitedRails: (product) => (product === 'collection' ? ['mpesa-ke'] : []),
    pausedRails: async () => paused,
    take: async (_railId, product, wanted) => (product === 'collection' ? Math.min(permits, wanted) : wanted),
    giveBack: async () => undefined,
    pause: async (railId, product) => void paused.push(`${railId} ${product}`),
  };
  const deps = { ...platform.deps, rates };
  const dispatch = async () => {
    const recorder = createRecorder(deps);
    const pump = dispatchPump(deps, recorder);
    await pump.kick();
    await pump.idle();
    await recorder.drain();
    return platform.sent.length;
  };
  for (let count = 0; count < 5; count += 1) await platform.submit();
  await platform.worker.work('authorize');
  permits = 0;
  expect(await dispatch()).toBe(0);
  paused.push('mpesa-ke');
  permits = 5;
  expect(await dispatch()).toBe(0);
  paused.length = 0;
  platform.script = { collect: () => ({ state: 'failed', reasonCode: 'operator_busy', retry: 'later' }) };
  expect(await dispatch()).toBe(5);
  expect(paused).toContain('mpesa-ke collection');
});

it('limits and pauses collections and payouts of one rail each by itself', async () => {
  const paused: string[] = [];
  const permits = new Map([
    ['mpesa-ke collection', 1],
    ['mpesa-ke payout', 2],
  ]);
  const rates: RateGate = {
    limitedRails: () => ['mpesa-ke'],
    pausedRails: async (product) => paused.flatMap((key) => (key.endsWith(` ${product}`) ? [key.split(' ')[0] ?? ''] : [])),
    take: async (railId, product, wanted) => {
      const granted = Math.min(permits.get(`${railId} ${product}`) ?? 0, wanted);
      permits.set(`${railId} ${product}`, (permits.get(`${railId} ${product}`) ?? 0) - granted);
      return granted;
    },
    giveBack: async (railId, product, count) =>
      void permits.set(`${railId} ${product}`, (permits.get(`${railId} ${product}`) ?? 0) + count),
    pause: async () => undefined,
  };
  // Collections from M-Pesa, and payouts to it: funded by a balance they need no collection.
  const home = { phone: '+256772100001', country: 'UG' as const };
  platform.script = {
    collect: () => ({ state: 'pending' }),
    disburse: (railId) =>
      railId === 'mpesa-ke' ? { state: 'pending' } : { state: 'failed', reasonCode: 'wallet_not_found', retry: 'never' },
  };
  const balance = { minor: 1_000_000n, currency: 'UGX' } as const;
  await withTransaction(platform.deps.pool, (tx) => fundClient(tx, DEMO_CLIENT_ID, balance, 'a test'));
  for (let count = 0; count < 2; count += 1) await platform.submit();
  for (let count = 0; count < 3; count += 1)
    await platform.submit({
      fromCurrency: 'UGX',
      toCurrency: 'KES',
      amount: '40000',
      funding: 'balance',
      sender: { ...home, phone: `+25677210000${count + 1}` },
      receiver: { phone: `+25471240000${count + 1}`, country: 'KE' },
    });
  await platform.worker.work('authorize');
  await platform.worker.idle();
  const deps = { ...platform.deps, rates };
  const dispatch = async () => {
    const recorder = createRecorder(deps);
    const pump = dispatchPump(deps, recorder);
    const before = platform.sent.length;
    await pump.kick();
    await pump.idle();
    await recorder.drain();
    return platform.sent
      .slice(before)
      .map((sent) => `${sent.railId} ${sent.kind}`)
      .toSorted();
  };
  expect(await dispatch()).toEqual(['mpesa-ke collect', 'mpesa-ke disburse', 'mpesa-ke disburse']);
  permits.set('mpesa-ke collection', 5).set('mpesa-ke payout', 5);
  paused.push('mpesa-ke collection');
  expect(await dispatch()).toEqual(['mpesa-ke disburse']);
  paused.length = 0;
  expect(await dispatch()).toEqual(['mpesa-ke collect']);
  expect([...permits]).toEqual([
    ['mpesa-ke collection', 4],
    ['mpesa-ke payout', 4],
  ]);
});
