/** Answers to what only some operators offer, where they cannot be used: each is kept, under what was being done. */
import { describe, expect, it } from 'vitest';
import { money } from '../../domain/money.ts';
import type { AirtelClient } from '../../tools/mmo/airtel/client.ts';
import type { MpesaClient } from '../../tools/mmo/mpesa/client.ts';
import type { MtnMomoClient } from '../../tools/mmo/mtn-momo/client.ts';
import { accountReferenceOf } from '../../tools/mmo/mpesa/fields.ts';
import { answeredClient, inquiryOf, REQUEST_ID } from './answered.ts';

type Clients = MpesaClient & MtnMomoClient & AirtelClient;

const PHONE = '+256772554321';
const AMOUNT = money(10_000n, 'KES');
const common = { amount: AMOUNT, callbackUrl: 'https://hooks.test/x', note: 'Rent' };

/** What each asks, of which rail, what it tells of an answer without sense, and what that is kept as. */
const EXTRAS: readonly (readonly [string, string, (client: Clients) => Promise<unknown>, unknown, string])[] = [
  ['mtn-ug', 'walletState', (client) => client.walletState?.(PHONE) ?? Promise.resolve(), 'unknown', 'wallet'],
  ['airtel-ug', 'walletState', (client) => client.walletState?.(PHONE) ?? Promise.resolve(), 'unknown', 'wallet'],
  ['mtn-ug', 'isActive', (client) => client.isActive(PHONE), null, 'wallet'],
  ['mtn-ug', 'holderOf', (client) => client.holderOf(PHONE), null, 'wallet'],
  ['airtel-ug', 'holderOf', (client) => client.holderOf(PHONE), null, 'wallet'],
  ['mtn-ug', 'balanceOf', (client) => client.balanceOf('collection'), null, 'balance'],
  [
    'mtn-ug',
    'requestPreApproval',
    (client) => client.requestPreApproval({ requestId: REQUEST_ID, phone: PHONE, note: 'Rent', validForS: 60 }),
    false,
    'consent',
  ],
  ['mtn-ug', 'preApprovalState', (client) => client.preApprovalState(REQUEST_ID), null, 'consent'],
  ['mtn-ug', 'cancelPreApproval', (client) => client.cancelPreApproval(REQUEST_ID), false, 'consent'],
  ['mtn-ug', 'notifyPayer', (client) => client.notifyPayer(REQUEST_ID, 'Thank you'), false, 'notification'],
  [
    'mpesa-ke',
    'registerC2b',
    (client) => client.registerC2b({ validationUrl: 'https://a.test/v', confirmationUrl: 'https://a.test/c', withoutAnswer: 'Cancelled' }),
    'refused',
    'registration',
  ],
  ['mpesa-ke', 'registerPull', (client) => client.registerPull('https://a.test/c'), 'refused', 'registration'],
  [
    'mpesa-ke',
    'payBusiness',
    (client) => client.payBusiness({ ...common, commandId: 'BusinessPayBill', receiverShortCode: '600000', accountReference: 'A' }),
    expect.objectContaining({ state: 'unknown' }),
    'payout',
  ],
  [
    'mpesa-ke',
    'pushToTill',
    (client) => client.pushToTill({ ...common, requestId: REQUEST_ID, payingTill: '600001', paymentReference: '7', ourName: 'CAPP' }),
    expect.objectContaining({ state: 'unknown' }),
    'collection',
  ],
];

describe.each(EXTRAS)('%s %s', (railId, name, ask, untold, product) => {
  it('keeps a page', async () => {
    const { client, kept } = await answeredClient<Clients>(railId, () => new Response('<html>blocked</html>', { status: 200 }));
    expect(await ask(client)).toEqual(untold);
    const requestId = name === 'notifyPayer' ? REQUEST_ID : null;
    expect(kept).toEqual([{ railId, product, requestId, status: 200, reasonCode: 'unreadable_answer', body: '<html>blocked</html>' }]);
  });

  it('keeps a page that says “not found”', async () => {
    const { client, kept } = await answeredClient<Clients>(railId, () => new Response('<html>no such page</html>', { status: 404 }));
    expect(await ask(client)).toEqual(untold);
    expect(kept).toMatchObject([{ railId, product, status: 404, reasonCode: 'unreadable_answer' }]);
  });

  it('keeps no refusal in the operator’s own words', async () => {
    const refusals = { 'mpesa-ke': '{"errorCode":"400.002.02","errorMessage":"Bad Request"}', 'airtel-ug': '{"status":{"message":"x"}}' };
    const text = refusals[railId as keyof typeof refusals] ?? '{"code":"NOT_ALLOWED","message":"no"}';
    const { client, kept } = await answeredClient<Clients>(railId, () => new Response(text, { status: 400 }));
    await ask(client);
    expect(kept).toEqual([]);
  });
});

it('keeps a state of a consent that nobody knows', async () => {
  const { client, kept } = await answeredClient<Clients>('mtn-ug', () => new Response('{"status":"HALF"}', { status: 200 }));
  expect(await client.preApprovalState(REQUEST_ID)).toBeNull();
  expect(kept).toMatchObject([{ product: 'consent', requestId: null, reasonCode: 'unreadable_answer' }]);
});

it.each<readonly [string, object | string, boolean]>([
  ['a page', '<html>blocked</html>', true],
  ['an answer without rows', { ResponseCode: '1000' }, true],
  ['a row without its receipt', statementOf([{ billreference: accountReferenceOf(REQUEST_ID), amount: '1000.00' }]), true],
  ['nothing of one that is longer than is read', statementOf([{ transactionId: 'X', billreference: 'rent', amount: '5' }]), false],
])('keeps what cannot be read of a statement: %s', async (_what, answer, isKept) => {
  const body = typeof answer === 'string' ? answer : JSON.stringify(answer);
  const { client, kept } = await answeredClient('mpesa-ke', () => new Response(body, { status: 200 }));
  expect(await client.stated?.paymentsFor(inquiryOf('mpesa-ke', 3_600_000))).toBeNull();
  const one = { railId: 'mpesa-ke', product: 'inquiry', requestId: REQUEST_ID, status: 200, reasonCode: 'unreadable_answer', body };
  expect(kept).toEqual(isKept ? [one] : []);
});

function statementOf(rows: readonly object[]): object {
  return { ResponseCode: '1000', Response: [rows] };
}

// MTN takes a request with an answer in which it says nothing.
const ANSWERED_WITH_WORDS = EXTRAS.filter(([, , , untold]) => untold !== false);

it.each(ANSWERED_WITH_WORDS)('%s %s keeps JSON that says nothing', async (railId, _name, ask, untold, product) => {
  const { client, kept } = await answeredClient<Clients>(railId, () => new Response('{"x":1}', { status: 200 }));
  expect(await ask(client)).toEqual(untold);
  expect(kept).toMatchObject([{ railId, product, reasonCode: 'unreadable_answer', body: '{"x":1}' }]);
});
