import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestPlatform, testPlatform } from '../testing.ts';

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
