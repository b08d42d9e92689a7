/** What only M-Pesa does, against its sandbox: reversals, balances, payments to businesses, C2B. */
import { expect, it } from 'vitest';
import { derivedId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import { parseC2b, validationAnswer } from '../../tools/mmo/mpesa/c2b.ts';
import type { MpesaClient } from '../../tools/mmo/mpesa/client.ts';
import { accountReferenceOf } from '../../tools/mmo/mpesa/fields.ts';
import { createTestWorld, drive, requestOf, START_MS } from './harness.ts';

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

it('pays businesses and registers C2B addresses, each as Daraja wants it', async () => {
  const world = await createTestWorld();
  const client = clientOf(world);
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
  expect(await client.registerPull('https://hooks.test/c')).toBe('registered');
  expect(await client.registerPull('https://hooks.test/c')).toBe('already');
  expect(await client.registerPull('not an address')).toBe('refused');
  await world.scheduler.advance(1_000);
  expect(world.inbox.get('https://hooks.test/business')?.[0]).toContain('500.00');
});

/** A collection whose prompt was declined, or never answered, and the customer's means to pay it all the same. */
async function promptedCollection(ending: string) {
  const answers: unknown[] = [];
  const client = () => world.client('mpesa-ke') as MpesaClient;
  const world = await createTestWorld({
    send: async (url, init) => {
      const body = init.body as string;
      inbox.push([url, body]);
      const { ownPayments, callbackAnswer } = client();
      if (!url.endsWith('/validation')) return new Response(callbackAnswer.body);
      const { requests, amount, isForUs } = ownPayments?.read(body) ?? {};
      const isOurs =
        requests !== undefined && requests !== null && requests.first <= request.requestId && request.requestId <= requests.last;
      const refusal =
        isForUs !== true
          ? 'receiver_differs'
          : !isOurs
            ? 'account_unknown'
            : amount?.minor === request.amount.minor
              ? null
              : 'amount_differs';
      const answer = ownPayments?.answer(refusal).body ?? '';
      answers.push(JSON.parse(answer).ResultCode);
      return new Response(answer);
    },
  });
  const inbox: [string, string][] = [];
  const request = { ...requestOf({ railId: 'mpesa-ke', leg: 'collection', ending }) };
  const first = await client().collect(request);
  const addresses = { validationUrl: 'https://hooks.test/x/validation', confirmationUrl: 'https://hooks.test/x/confirmation' };
  expect(await client().registerC2b({ ...addresses, withoutAnswer: 'Cancelled' })).toBe('registered');
  const token = await world.sandbox.fetch(`${world.sandbox.url}/mpesa-ke/oauth/v1/generate?grant_type=client_credentials`, {
    headers: { authorization: basicOf(world) },
  });
  const { access_token: bearer } = (await token.json()) as { access_token: string };
  const payOneself = async (account: string, shillings: string) => {
    const response = await world.sandbox.fetch(`${world.sandbox.url}/mpesa-ke/mpesa/c2b/v2/simulate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify({
        ShortCode: '174379',
        CommandID: 'CustomerPayBillOnline',
        Amount: shillings,
        Msisdn: request.phone.slice(1),
        BillRefNumber: account,
      }),
    });
    expect(response.status).toBe(200);
    await world.scheduler.advance(5_000);
  };
  const inquire = (handle: Readonly<Record<string, string>>) =>
    client().inquire({
      ...request,
      leg: 'collection',
      handle: { ...first.handle, ...handle },
      sentAtMs: START_MS,
      nowMs: world.scheduler.now(),
    });
  const confirmations = () => inbox.filter(([url]) => url.endsWith('/confirmation')).map(([, body]) => body);
  return { world, client, request, answers, payOneself, inquire, confirmations };
}

function basicOf(world: Awaited<ReturnType<typeof createTestWorld>>): string {
  const { consumerKey, consumerSecret } = world.sandbox.profiles()['mpesa-ke'] as { consumerKey: string; consumerSecret: string };
  return `Basic ${Buffer.from(`${consumerKey}:${consumerSecret}`).toString('base64')}`;
}

it('lets a customer who declined the prompt pay by themselves, and believes it when the statement has it', async () => {
  const { client, request, answers, payOneself, inquire, confirmations } = await promptedCollection('0001');
  const shillings = (request.amount.minor / 100n).toString();
  await payOneself(accountReferenceOf(request.requestId).toLowerCase(), shillings);
  expect(answers).toEqual(['0']);
  const event = client().parseCallback(confirmations()[0] ?? '');
  const receipt = event.operatorReference ?? '';
  expect(event).toMatchObject({
    kind: 'collection',
    trust: 'confirm',
    ourReference: null,
    outcome: { state: 'succeeded', amount: request.amount },
  });
  expect([event.isAbout?.(request.requestId), event.isAbout?.(derivedId('another'))]).toEqual([true, false]);
  // By the prompt alone it had failed.
  expect(await inquire({})).toMatchObject({ state: 'failed', reasonCode: 'payer_declined' });
  expect(await inquire(event.outcome.handle ?? {})).toMatchObject({ state: 'succeeded', receipt, amount: request.amount });
});

it('finds in the statement everything that a collection was paid with, and only that', async () => {
  const { client, request, payOneself, inquire, world } = await promptedCollection('0111');
  const ask = () =>
    client().stated?.paymentsFor({ ...request, leg: 'collection', handle: {}, sentAtMs: START_MS, nowMs: world.scheduler.now() });
  await world.scheduler.advance(5_000);
  expect(await inquire({})).toMatchObject({ state: 'succeeded' });
  const [prompted, ...none] = (await ask()) ?? [];
  expect([prompted?.amount, none]).toEqual([request.amount, []]);
  await payOneself(accountReferenceOf(request.requestId), (request.amount.minor / 100n).toString());
  const both = (await ask()) ?? [];
  expect(both).toHaveLength(2);
  expect(new Set(both.map(({ operatorReference }) => operatorReference)).size).toBe(2);
  expect(both.map(({ occurredAtMs }) => (occurredAtMs ?? 0) >= START_MS && (occurredAtMs ?? 0) <= world.scheduler.now())).toEqual([
    true,
    true,
  ]);
  world.sandbox.change('mpesa-ke', { mode: 'silent' });
  const silent = ask();
  await world.scheduler.advance(60_000);
  expect(await silent).toBeNull();
});

it('waits for the statement as long as a confirmed payment may be on its way there, and no longer', async () => {
  const { inquire, world } = await promptedCollection('0001');
  await world.scheduler.advance(5_000);
  const said = { ownPayment: 'FORGED0001', ownPaymentAtMs: world.scheduler.now().toString() };
  expect(await inquire(said)).toMatchObject({ state: 'unknown', reasonCode: 'not_found_yet' });
  expect(await inquire({ ownPayment: 'FORGED0001' })).toMatchObject({ state: 'unknown' });
  await world.scheduler.advance(3_600_000);
  expect(await inquire(said)).toMatchObject({ state: 'failed', reasonCode: 'payer_declined' });
});

it('refuses what nobody waits for, another amount, and another short code, before money moves', async () => {
  const { request, answers, payOneself, confirmations, client } = await promptedCollection('0001');
  const account = accountReferenceOf(request.requestId);
  await payOneself('SCHOOL FEES', (request.amount.minor / 100n).toString());
  await payOneself(account, '1');
  expect(answers).toEqual(['C2B00012', 'C2B00013']);
  expect(confirmations()).toEqual([]);
  const payments = client().ownPayments;
  const elsewhere = { TransID: 'R1', TransAmount: '5.00', BusinessShortCode: '600000', BillRefNumber: account };
  expect(payments?.read(JSON.stringify(elsewhere))).toMatchObject({ isForUs: false });
  expect(JSON.parse(payments?.answer('receiver_differs').body ?? '')).toMatchObject({ ResultCode: 'C2B00015' });
  expect(() => payments?.read('<html>')).toThrow(/malformed_body/);
});

it('asks another business for a payment at its till, and reads how that ended', async () => {
  const world = await createTestWorld();
  const push = {
    requestId: derivedId('till'),
    amount: money(7_100n, 'KES'),
    payingTill: '600100',
    paymentReference: 'INV-12',
    ourName: 'CAPP',
    callbackUrl: 'https://hooks.test/till',
  };
  expect(await clientOf(world).pushToTill(push)).toEqual({ state: 'pending' });
  await world.scheduler.advance(1_000);
  const event = clientOf(world).parseCallback(world.inbox.get('https://hooks.test/till')?.[0] ?? '');
  expect(event).toMatchObject({ ourReference: push.requestId, trust: 'confirm', outcome: { state: 'succeeded', amount: push.amount } });
  const told = (resultCode: string) => clientOf(world).parseCallback(JSON.stringify({ resultCode, requestId: push.requestId })).outcome;
  expect([told('4001'), told('4104'), told('9'), told('0')]).toMatchObject([
    { state: 'failed', reasonCode: 'payer_declined' },
    { state: 'failed', reasonCode: 'wallet_not_found' },
    { state: 'unknown', reasonCode: 'unmapped:9' },
    { state: 'unknown', reasonCode: 'contradiction' },
  ]);
  expect(await clientOf(world).pushToTill({ ...push, payingTill: 'none' })).toMatchObject({ state: 'failed' });
});

it('sends businesses whole shillings only, refuses what would be cut, and throws for another currency', async () => {
  const world = await createTestWorld();
  const client = clientOf(world);
  const business = {
    commandId: 'BusinessPayBill',
    receiverShortCode: '600992',
    accountReference: 'Rent',
    callbackUrl: 'https://hooks.test/business',
    note: 'Rent',
  } as const;
  const push = {
    requestId: '55dc1b1a-1f1c-4f5e-9a6f-0d9d7c0f2f11',
    payingTill: '600100',
    paymentReference: 'INV-13',
    ourName: 'CAPP',
    callbackUrl: 'https://hooks.test/till',
  };
  for (const [minor, reasonCode] of [
    [1_050n, 'amount_granularity'],
    [0n, 'amount_below_minimum'],
    [-1_000n, 'amount_below_minimum'],
  ] as const) {
    const amount = money(minor, 'KES');
    expect(await client.payBusiness({ ...business, amount })).toMatchObject({ state: 'failed', reasonCode });
    expect(await client.pushToTill({ ...push, amount })).toMatchObject({ state: 'failed', reasonCode });
  }
  const dollars = money(1_000n, 'USD');
  await expect(client.payBusiness({ ...business, amount: dollars })).rejects.toMatchObject({ code: 'currency_mismatch' });
  await expect(client.pushToTill({ ...push, amount: dollars })).rejects.toMatchObject({ code: 'currency_mismatch' });
  await world.scheduler.advance(1_000);
  expect([...world.inbox.keys()]).toEqual([]);
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
