/** What only MTN does, against its sandbox: refunds, wallets, pre-approvals, messages, deposits, provisioning. */
import { expect, it } from 'vitest';
import { derivedId } from '../../domain/ids.ts';
import type { MtnMomoClient } from '../../tools/mmo/mtn-momo/client.ts';
import { provisionApiUser } from '../../tools/mmo/mtn-momo/operations.ts';
import { bookLines, createTestWorld, drive, phoneOf, requestOf } from './harness.ts';

const clientOf = (world: Awaited<ReturnType<typeof createTestWorld>>) => world.client('mtn-ug') as MtnMomoClient;

it('gives a collection back once under one reference, and tells its end', async () => {
  const world = await createTestWorld();
  const collected = await drive(world, { railId: 'mtn-ug', leg: 'collection' });
  const { amount } = requestOf({ railId: 'mtn-ug', leg: 'collection' });
  const before = world.sandbox.books('mtn-ug').balanceMinor;
  const original = { requestId: collected.requestId, receipt: 'x', amount };
  const request = { ...requestOf({ railId: 'mtn-ug', leg: 'payout', name: 'refund' }), amount, original };
  const [first, second] = [await clientOf(world).refund(request), await clientOf(world).refund(request)];
  expect([first.state, second.state]).toEqual(['pending', 'pending']);
  await world.scheduler.advance(2_000);
  const inquiry = { ...request, leg: 'refund' as const, handle: first.handle ?? {}, sentAtMs: 0, nowMs: world.scheduler.now() };
  expect(await clientOf(world).inquire(inquiry)).toMatchObject({ state: 'succeeded', amount });
  expect(before - world.sandbox.books('mtn-ug').balanceMinor).toBe(amount.minor);
  const body = world.inbox.get(request.callbackUrl)?.[0] ?? '';
  expect(clientOf(world).parseCallback(body)).toMatchObject({ kind: 'refund', ourReference: request.requestId, trust: 'confirm' });
});

it('tells whether a wallet is active and whose it is', async () => {
  const client = clientOf(await createTestWorld());
  expect(await client.isActive(phoneOf('mtn-ug', '4321'))).toBe(true);
  expect(await client.isActive(phoneOf('mtn-ug', '0003'))).toBe(false);
  expect(await client.isActive(phoneOf('mtn-ug', '0000'))).toBe(false);
  expect(await client.holderOf(phoneOf('mtn-ug', '4321'))).toMatchObject({ givenName: 'Sand', familyName: 'Box' });
  expect(await client.holderOf(phoneOf('mtn-ug', '0000'))).toBe('absent');
});

it('asks for a pre-approval, learns of it, and takes it back', async () => {
  const client = clientOf(await createTestWorld());
  const requestId = derivedId('pre-approval');
  const request = { requestId, phone: phoneOf('mtn-ug', '4321'), callbackUrl: 'https://hooks.test/x', note: 'Rent', validForS: 3_600 };
  expect(await client.preApprovalState(derivedId('another'))).toBeNull();
  expect(await client.requestPreApproval(request)).toBe(true);
  expect(await client.preApprovalState(requestId)).toBe('pending');
  expect(await client.preApprovalState(requestId)).toBe('approved');
  expect(await client.cancelPreApproval(requestId)).toBe(true);
});

it('sends a message to the payer of a successful collection only', async () => {
  const world = await createTestWorld();
  const paid = await drive(world, { railId: 'mtn-ug', leg: 'collection' });
  const refused = await drive(world, { railId: 'mtn-ug', leg: 'collection', ending: '0001' });
  expect(await clientOf(world).notifyPayer(paid.requestId, 'Thank you & goodbye')).toBe(true);
  expect(await clientOf(world).notifyPayer(refused.requestId, 'Thank you')).toBe(false);
});

it('tells the balance of each product', async () => {
  const world = await createTestWorld({ openings: { 'mtn-ug': 500n } });
  expect(await clientOf(world).balanceOf('collection')).toEqual({ minor: 500n, currency: 'UGX' });
});

it('pays out by deposit where the settings say so', async () => {
  const world = await createTestWorld({}, undefined, (profiles) => {
    (profiles['mtn-ug'] as { payout: unknown }).payout = { operation: 'deposit' };
  });
  expect((await drive(world, { railId: 'mtn-ug', leg: 'payout' })).outcome.state).toBe('succeeded');
  expect(world.calls).toContain('POST /mtn-ug/disbursement/v1_0/deposit');
  expect(bookLines(world, 'mtn-ug')).toEqual(['disbursement succeeded']);
});

it('pays out by remittance where the settings say so, under that product alone, and asks there', async () => {
  const world = await createTestWorld();
  expect((await drive(world, { railId: 'mtn-rw', leg: 'payout' })).outcome.state).toBe('succeeded');
  expect(world.calls.filter((call) => call.startsWith('POST'))).toEqual([
    'POST /mtn-rw/remittance/token/',
    'POST /mtn-rw/remittance/v1_0/transfer',
  ]);
  expect(world.calls.some((call) => call.startsWith('GET /mtn-rw/remittance/v1_0/transfer/'))).toBe(true);
  expect(bookLines(world, 'mtn-rw')).toEqual(['disbursement succeeded']);
  // No product is paid for with the key of another.
  const mixed = await createTestWorld({}, undefined, (profiles) => {
    const profile = profiles['mtn-rw'] as { remittance: unknown; disbursement: unknown };
    profile.remittance = profile.disbursement;
  });
  expect((await drive(mixed, { railId: 'mtn-rw', leg: 'payout' })).outcome).toMatchObject({ state: 'failed' });
  expect(bookLines(mixed, 'mtn-rw')).toEqual([]);
});

it('provisions an API user at the sandbox', async () => {
  const { sandbox } = await createTestWorld();
  const options = { fetch: sandbox.fetch, baseUrl: `${sandbox.url}/mtn-ug`, subscriptionKey: 'x', callbackHost: 'hooks.test' };
  const apiUser = derivedId('api user');
  expect(await provisionApiUser({ ...options, apiUser })).toEqual({ apiUser, apiKey: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(await provisionApiUser({ ...options, apiUser: 'none' })).toBeNull();
});
