/** The demo's report of settlement: what was carried counts as settled when something has paid it, and not before. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settle, SETTLEMENT_POLICY, type SettlementPolicy } from '../../agents/settlement/index.ts';
import { seedPayments, someItem } from '../../agents/testing.ts';
import { newId } from '../../domain/ids.ts';
import { driveSettlement } from '../../graph/settlement/driver.ts';
import { memoryChain, memoryDeps } from '../../graph/settlement/testing.ts';
import { startTestApi, type TestApi } from '../api/testing.ts';
import { settlementReport } from './settlement.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api?.stop());

/** A payment from M-Pesa in Kenya to MTN in Uganda. */
async function paid(collected: bigint, paidOut: bigint): Promise<void> {
  const item = someItem(api.clock.now(), { payment: { status: 'paid', amountMinor: collected }, targetMinor: paidOut });
  await seedPayments(api.pool, [item], { completedAtMs: api.clock.now() });
  const { id, clientId } = item.payment;
  for (const [leg, rail, amount, currency] of [
    ['collection', 'mpesa-ke', collected, 'KES'],
    ['payout', 'mtn-ug', paidOut, 'UGX'],
  ] as const) {
    await api.pool.query(
      `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash, sent_at)
       values ($1, $2, $3, $4, 1, $5, $6, $7, $8, 'succeeded', $9, now())`,
      [newId(), clientId, id, leg, rail, newId(), amount, currency, Buffer.from(newId())],
    );
  }
}

test('what is carried is settled by the batch that pays it, and told apart until then', async () => {
  // A batch over the chain costs 1.20 USD, so small nets stay on the books.
  const policy: SettlementPolicy = { ...SETTLEMENT_POLICY, ageMsMax: 0, apt: { ...SETTLEMENT_POLICY.apt, usdMicros: 200_000_000n } };
  const chain = memoryChain(api.clock);
  const close = () => settle({ pool: api.pool, clock: api.clock, policy, isOnChain: () => true });
  const report = () => settlementReport(api.pool, { state: 'compared', violations: [] } as never);
  await paid(900_000n, 250_000n);
  await close();
  expect(await report()).toMatchObject({ batches: 2, onBooks: 2, unsettled: 0, carried: 2, paymentsCarried: 1, meanMsToSettled: null });

  api.clock.advance(60_000);
  await paid(90_000_000n, 25_000_000n);
  await close();
  expect(await report()).toMatchObject({ onChain: 2, unsettled: 2, carried: 0, paymentsCarried: 2, meanMsToSettled: null });
  await driveSettlement(memoryDeps({ pool: api.pool, clock: api.clock, chain }, { approvers: ['policy:one', 'policy:two'] }));
  // One waited a minute on the books, the other not at all.
  expect(await report()).toMatchObject({ unsettled: 0, carried: 0, paymentsCarried: 0, meanMsToSettled: 30_000 });
});
