/** What only M-Pesa does, against its sandbox: reversals, balances, payments to businesses, C2B. */
import { expect, it } from 'vitest';
import { money } from '../../domain/money.ts';
import { parseC2b, validationAnswer } from '../../tools/mmo/mpesa/c2b.ts';
import type { MpesaClient } from '../../tools/mmo/mpesa/client.ts';
import { createTestWorld, drive, requestOf } from './harness.ts';

const clientOf = (world: Awaited<ReturnType<typeof createTestWorld>>) => world.client('mpesa-ke') as MpesaClient;

it('takes a collection back by its receipt, whole, and asks before it believes that it is back', async () => {
  const world = await createTestWorld();
  const { outcome, requestId } = await drive(world, { railId: 'mpesa-ke', leg: 'collection' });
  const { amount } = requestOf({ railId: 'mpesa-ke', leg: 'collection' });
  const receipt = world.sandbox.books('mpesa-ke').transactions[0]?.id ?? '';
  expect(outcome.state).toBe('succeeded');
  const request = { ...requestOf({ railId: 'mpesa-ke', leg: 'payout', name: 'refund' }), amount, original: { requestId, receipt, amount } };
  const first = await clientOf(world).refund(request);
  await world.scheduler.advance(2_000);
  const event = clientOf(world).parseCallback(world.inbox.get(request.callbackUrl)?.[0] ?? '');
  expect(event).toMatchObject({ kind: 'refund', trust: 'confirm', outcome: { state: 'succeeded', amount } });
  expect(event.outcome.handle?.['conversationId']).toBe(first.handle?.['conversationId']);
  const inquiry = { ...request, leg: 'refund' as const, handle: first.handle ?? {}, sentAtMs: 0, nowMs: world.scheduler.now() };
  expect(await clientOf(world).inquire(inquiry)).toMatchObject({ state: 'pending' });
  await world.scheduler.advance(1_000);
  const status = clientOf(world).parseCallback(world.inbox.get(request.callbackUrl)?.[1] ?? '');
  expect(status).toMatchObject({ trust: 'sufficient', ourReference: request.requestId, outcome: { state: 'succeeded', amount } });
});

it('reverses no part, and nothing whose receipt it does not know', async () => {
  const world = await createTestWorld();
  const request = requestOf({ railId: 'mpesa-ke', leg: 'payout' });
  const original = { requestId: 'x', receipt: 'ABCDEFGHIJ', amount: { ...request.amount, minor: request.amount.minor + 100n } };
  expect(await clientOf(world).refund({ ...request, original })).toMatchObject({ reasonCode: 'partial_refund' });
  const unknownReceipt = { ...original, receipt: '29115-34620561-1', amount: request.amount };
  expect(await clientOf(world).refund({ ...request, original: unknownReceipt })).toMatchObject({ reasonCode: 'receipt_missing' });
  expect(world.calls).toEqual([]);
});

it('asks for balances, pays businesses and registers C2B addresses, each as Daraja wants it', async () => {
  const world = await createTestWorld();
  const client = clientOf(world);
  expect(await client.requestBalance('https://hooks.test/balance')).toBe(true);
  const payment = {
    amount: money(50_000n, 'KES'),
    commandId: 'BusinessPayToBulk',
    receiverShortCode: '600992',
    accountReference: 'Float top-up',
  } as const;
  const paid = await client.payBusiness({ ...payment, callbackUrl: 'https://hooks.test/business', note: 'Top up' });
  expect(paid).toMatchObject({ state: 'pending', handle: { conversationId: expect.stringMatching(/^AG_/) } });
  const addresses = { validationUrl: 'https://hooks.test/v', confirmationUrl: 'https://hooks.test/c', withoutAnswer: 'Cancelled' } as const;
  expect(await client.registerC2b(addresses)).toBe('registered');
  expect(await client.registerC2b(addresses)).toBe('already');
  await world.scheduler.advance(1_000);
  expect(world.inbox.get('https://hooks.test/balance')?.[0]).toContain('Utility Account|KES');
  expect(world.inbox.get('https://hooks.test/business')?.[0]).toContain('500.00');
});

it('reads C2B messages by their transaction, in Nairobi time, and answers validations', () => {
  const message = {
    TransID: 'RKL51ZDR4F',
    TransTime: '20231121121325',
    TransAmount: '5.00',
    BusinessShortCode: '600966',
    BillRefNumber: 'a',
    MSISDN: '2547 ***** 126',
  };
  expect(parseC2b(JSON.stringify(message))).toEqual({
    transactionId: 'RKL51ZDR4F',
    amount: money(500n, 'KES'),
    shortCode: '600966',
    accountReference: 'a',
    ours: null,
    occurredAtMs: Date.UTC(2023, 10, 21, 9, 13, 25),
  });
  expect(() => parseC2b('{"TransID":"x"}')).toThrow(/malformed_body/);
  expect(JSON.parse(validationAnswer('amount'))).toEqual({ ResultCode: 'C2B00013', ResultDesc: 'Rejected' });
  expect(JSON.parse(validationAnswer(null, 'ours'))).toMatchObject({ ResultCode: '0', ThirdPartyTransID: 'ours' });
});
