import { afterEach, beforeEach, expect, it } from 'vitest';
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
