/** What each client holds an answer against before it believes it: answers that no sandbox gives, one guard each. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EffectRequest, InquiryRequest, OperatorClient, RefundRequest } from '../../tools/mmo/operator.ts';
import { accountReferenceOf } from '../../tools/mmo/mpesa/fields.ts';
import { answeredClient, inquiryOf, json, REQUEST_ID, thousandOf } from './answered.ts';
import { phoneOf, START_MS } from './harness.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function effectOf(railId: string, rest: Partial<RefundRequest> = {}): RefundRequest {
  const amount = thousandOf(railId);
  return {
    requestId: REQUEST_ID,
    amount,
    phone: phoneOf(railId, '4321'),
    callbackUrl: 'https://hooks.test/x',
    sentAtMs: START_MS,
    note: 'x',
    remember: async () => undefined,
    original: { requestId: 'o', receipt: 'ABCDEFGHIJ', amount },
    ...rest,
  };
}

type Inquiry = readonly [what: string, ageMs: number, inquiry: Partial<InquiryRequest>, answer: () => Response, reasonCode: string | null];

/** Asks and says why the outcome is what it is; null for a success. */
async function reasonOf(railId: string, [, ageMs, inquiry, answer]: Inquiry, adjust?: Parameters<typeof answeredClient>[2]) {
  const { client } = await answeredClient(railId, answer, adjust);
  const outcome = await client.inquire(inquiryOf(railId, ageMs, inquiry));
  return 'reasonCode' in outcome ? `${outcome.state} ${outcome.reasonCode}` : outcome.state === 'succeeded' ? null : outcome.state;
}

describe('M-Pesa', () => {
  const prompt = { handle: { checkoutRequestId: 'ws_CO_1' } };
  const query = (code: string) => () => json({ ResponseCode: '0', CheckoutRequestID: 'ws_CO_1', ResultCode: code });
  const row = (amount: string) => ({ transactionId: 'ABC1234567', billreference: accountReferenceOf(REQUEST_ID), amount });
  /** A page with these rows, then empty ones. */
  const pages = (...rows: object[]) => {
    let left = [rows, []];
    return () => {
      const [page = [], ...rest] = left;
      left = rest;
      return json({ ResponseCode: page.length === 0 ? '1001' : '1000', Response: [page] });
    };
  };
  const endless = () => json({ ResponseCode: '1000', Response: [[{ transactionId: 'X', billreference: 'rent', amount: '5' }]] });

  it.each<Inquiry>([
    ['a handset that is not found may be found while the prompt lives', MINUTE_MS, prompt, query('1037'), 'unknown payer_unreachable'],
    ['and not after it', HOUR_MS, prompt, query('1037'), 'failed payer_no_answer'],
    ['the statement has it', MINUTE_MS, {}, pages(row('1000.00')), null],
    ['the statement has another amount', MINUTE_MS, {}, pages(row('1001.00')), 'unknown amount_mismatch'],
    ['the statement has an amount that cannot be read', HOUR_MS, {}, pages(row('much')), 'unknown unreadable_answer'],
    ['the statement lacks it yet', MINUTE_MS, {}, pages(), 'unknown not_found_yet'],
    ['the statement lacks it for good', HOUR_MS, {}, pages(), 'failed no_payment_found'],
    ['the statement has no end', HOUR_MS, {}, endless, 'unknown statement_too_long'],
    ['the statement reaches back no longer', 48 * HOUR_MS, {}, pages(), 'unknown statement_window_passed'],
  ])('%s', async (...inquiry) => {
    expect(await reasonOf('mpesa-ke', inquiry)).toBe(inquiry[4]);
  });

  it.each<readonly [string, number, () => Response]>([
    ['has no end', HOUR_MS, endless],
    ['reaches back no longer', 48 * HOUR_MS, pages()],
    ['has an amount that cannot be read', HOUR_MS, pages(row('much'))],
    ['has a page that cannot be read', HOUR_MS, () => json({ ResponseCode: '1000' })],
  ])('tells no payments of a statement that %s', async (_what, ageMs, answer) => {
    const { client } = await answeredClient('mpesa-ke', answer);
    expect(await client.stated?.paymentsFor(inquiryOf('mpesa-ke', ageMs))).toBeNull();
  });

  it('takes no acknowledgement without the ids that an inquiry needs', async () => {
    const { client } = await answeredClient('mpesa-ke', () => json({ ResponseCode: '0' }));
    for (const call of [client.collect, client.disburse] as const)
      expect(await call(effectOf('mpesa-ke'))).toMatchObject({ state: 'unknown', reasonCode: 'unreadable_answer' });
  });
});

describe('MTN', () => {
  const paid = { status: 'SUCCESSFUL', financialTransactionId: '9', externalId: REQUEST_ID, amount: '1000', currency: 'UGX' };

  it.each<Inquiry>([
    ['ours', MINUTE_MS, {}, () => json(paid), null],
    ['in another currency', MINUTE_MS, {}, () => json({ ...paid, currency: 'EUR' }), 'unknown amount_mismatch'],
    ['with an amount that cannot be read', MINUTE_MS, {}, () => json({ ...paid, amount: '1000.5' }), 'unknown amount_mismatch'],
    [
      'an address that is not there',
      HOUR_MS,
      {},
      () => json({ statusCode: 404, message: 'Resource not found' }, 404),
      'unknown inquiry_failed',
    ],
    ['a reference that is not there', HOUR_MS, {}, () => json({ code: 'RESOURCE_NOT_FOUND' }, 404), 'failed never_received'],
  ])('%s', async (...inquiry) => {
    expect(await reasonOf('mtn-ug', inquiry)).toBe(inquiry[4]);
  });

  it.each<readonly [object, string]>([
    [{ code: 'RESOURCE_NOT_FOUND' }, 'absent'],
    [{ statusCode: 404, message: 'Resource not found' }, 'unknown'],
  ])('a wallet whose look-up is answered 404 %j is %s', async (body, state) => {
    const { client } = await answeredClient('mtn-ug', () => json(body, 404));
    expect(await client.walletState?.(phoneOf('mtn-ug', '4321'))).toBe(state);
  });

  it.each<readonly [number, string, object]>([
    [408, 'REQUEST_TIMEOUT', { state: 'unknown', reasonCode: 'operator_error' }],
    [400, 'RESOURCE_ALREADY_EXIST', { state: 'pending' }],
  ])('an answer %i %s ends nothing', async (status, code, outcome) => {
    const { client } = await answeredClient('mtn-ug', () => json({ code }, status));
    for (const call of [client.collect, client.disburse] as const) expect(await call(effectOf('mtn-ug'))).toMatchObject(outcome);
  });
});

describe('Airtel', () => {
  const told = (transaction: object) => () =>
    json({ data: { transaction: { id: REQUEST_ID, status: 'TS', airtel_money_id: 'M1', ...transaction } }, status: {} });

  it.each<Inquiry>([
    ['ours', HOUR_MS, { leg: 'payout' }, told({}), null],
    ['ours with its amount', HOUR_MS, { leg: 'payout' }, told({ amount: '1000' }), null],
    ['another amount', HOUR_MS, { leg: 'payout' }, told({ amount: '1001' }), 'unknown amount_mismatch'],
    ['an amount that cannot be read', HOUR_MS, { leg: 'payout' }, told({ amount: 'much' }), 'unknown amount_mismatch'],
    ['another transaction', HOUR_MS, { leg: 'payout' }, told({ id: 'other' }), 'unknown reference_mismatch'],
    ['not there', HOUR_MS, { leg: 'payout' }, () => json({ status: { result_code: 'ESB000045' } }), 'unknown not_found_yet'],
    [
      'a refund of another collection',
      HOUR_MS,
      { leg: 'refund', handle: { refundOf: 'c-1', refundedReceipt: 'M0' } },
      told({ id: 'c-2', status: 'TR' }),
      'unknown reference_mismatch',
    ],
    [
      'a collection that was not taken back',
      HOUR_MS,
      { leg: 'refund', handle: { refundOf: 'c-1', refundedReceipt: 'M0' } },
      told({ id: 'c-1', status: 'TS' }),
      'unknown awaiting_result',
    ],
  ])('%s', async (...inquiry) => {
    expect(await reasonOf('airtel-ug', inquiry)).toBe(inquiry[4]);
  });

  it('takes no answer to a payout that is about another', async () => {
    const { client } = await answeredClient('airtel-ug', told({ id: 'other' }));
    expect(await client.disburse(effectOf('airtel-ug'))).toMatchObject({ state: 'unknown', reasonCode: 'reference_mismatch' });
  });
});

describe('Sonatel', () => {
  const handle = { transactionId: 'T1' };
  const paid = { transactionId: 'T1', reference: REQUEST_ID, status: 'SUCCESS', amount: { value: 1000, unit: 'XOF' } };
  const told = (fields: object) => () => json({ ...paid, ...fields });
  const listed =
    (...each: object[]) =>
    () =>
      json(each);
  const findingByReference: Parameters<typeof answeredClient>[2] = ({ collection }) =>
    Object.assign(collection ?? {}, { findsByReference: true });

  it.each<Inquiry>([
    ['ours', MINUTE_MS, { handle }, told({}), null],
    ['ours without its amount', MINUTE_MS, { handle }, told({ amount: undefined }), null],
    ['ours without the unit', MINUTE_MS, { handle }, told({ amount: { value: '1000' } }), null],
    ['another currency', MINUTE_MS, { handle }, told({ amount: { value: 1000, unit: 'XAF' } }), 'unknown amount_mismatch'],
    ['another amount', MINUTE_MS, { handle }, told({ amount: { value: 1001, unit: 'XOF' } }), 'unknown amount_mismatch'],
    ['an amount that cannot be read', MINUTE_MS, { handle }, told({ amount: { value: 'much' } }), 'unknown amount_mismatch'],
    ['another transaction', MINUTE_MS, { handle }, told({ transactionId: 'T2' }), 'unknown reference_mismatch'],
    ['another reference', MINUTE_MS, { handle }, told({ reference: 'other' }), 'unknown reference_mismatch'],
    ['no id, and no list by reference', HOUR_MS, {}, listed(), 'unknown no_operator_id'],
  ])('%s', async (...inquiry) => {
    expect(await reasonOf('orange-sn', inquiry)).toBe(inquiry[4]);
  });

  it.each<Inquiry>([
    ['ours', MINUTE_MS, {}, listed(paid), null],
    ['ours among others', MINUTE_MS, {}, listed({ ...paid, transactionId: 'T2', reference: 'other' }, paid), null],
    ['another currency', MINUTE_MS, {}, listed({ ...paid, amount: { value: 1000, unit: 'XAF' } }), 'unknown amount_mismatch'],
    ['two under one reference', MINUTE_MS, {}, listed(paid, { ...paid, transactionId: 'T2' }), 'unknown contradiction'],
    ['a status nobody knows', MINUTE_MS, {}, listed({ ...paid, status: 'HALF' }), 'unknown unmapped:HALF'],
    ['only others', HOUR_MS, {}, listed({ ...paid, reference: 'other' }), 'unknown reference_mismatch'],
    ['none yet', MINUTE_MS, {}, listed(), 'unknown not_found_yet'],
    ['none for good', HOUR_MS, {}, listed(), 'failed never_received'],
    ['no list', HOUR_MS, {}, () => json({}), 'unknown inquiry_failed'],
  ])('listed by reference: %s', async (...inquiry) => {
    expect(await reasonOf('orange-sn', inquiry, findingByReference)).toBe(inquiry[4]);
  });

  it('keeps the id under which it found a payment that it doubts', async () => {
    const listedAs = listed({ ...paid, amount: { value: 1000, unit: 'XAF' } });
    const { client } = await answeredClient('orange-sn', listedAs, findingByReference);
    expect(await client.inquire(inquiryOf('orange-sn', MINUTE_MS))).toMatchObject({ reasonCode: 'amount_mismatch', handle });
  });

  it.each<readonly [number, string, object]>([
    [400, '2020', { state: 'failed' }],
    [500, '2020', { state: 'unknown', reasonCode: 'operator_error' }],
    [400, '50', { state: 'unknown', reasonCode: 'operator_error' }],
    [400, '9876', { state: 'unknown', reasonCode: 'unmapped:9876' }],
  ])('HTTP %i with the code %s', async (status, code, outcome) => {
    const { client } = await answeredClient('orange-sn', () => json({ code, status: String(status), detail: 'x' }, status));
    expect(await client.collect(effectOf('orange-sn'))).toMatchObject(outcome);
  });
});

describe('what Orange says too early, or in part', () => {
  it.each<readonly [string, 'collect' | 'disburse', (path: string) => Response]>([
    ['orange-sn', 'collect', () => json({ transactionId: 'T1', reference: REQUEST_ID, status: 'SUCCESS' }, 201)],
    ['orange-cm', 'collect', () => json({ data: { payToken: 'P1', status: 'SUCCESSFULL', txnid: 'X', amount: 1000 } })],
    // For a reason that nobody knows, which may be about the request alone.
    ['orange-cm', 'disburse', () => json({ data: { payToken: 'P1', status: 'FAILED', txnstatus: '60030' } })],
  ])('%s does not end with the answer to its %s', async (railId, call, answer) => {
    const { client } = await answeredClient(railId, answer);
    expect((await client[call](effectOf(railId))).state).toBe('pending');
  });

  it.each([
    ['orange-ci', { status: 'SUCCESS', notif_token: 'N1' }, { state: 'unknown', reasonCode: 'contradiction' }],
    [
      'orange-ci',
      { status: 'SUCCESS', notif_token: 'N1', txnid: 'X' },
      { state: 'succeeded', handle: { notifDigest: expect.any(String) } },
    ],
    ['orange-cm', { payToken: 'P1', status: 'SUCCESSFULL', txnid: 'X', amount: 7 }, { amount: { minor: 7n, currency: 'XAF' } }],
    ['orange-sn', { transactionId: 'T1', status: 'SUCCESS', amount: { value: 7 } }, { amount: { minor: 7n, currency: 'XOF' } }],
  ])('%s %j is a rumour with all that it tells', async (railId, message, outcome) => {
    const { client } = await answeredClient(railId, () => json({}));
    expect(client.parseCallback(JSON.stringify(message))).toMatchObject({ trust: 'confirm', outcome });
  });
});

describe('Orange’s web payment', () => {
  const handle = { payToken: 'P1' };

  it.each<Inquiry>([
    ['no token, and its page may live', MINUTE_MS, {}, () => json({}), 'unknown no_operator_id'],
    ['no token, and its page is dead', 2 * HOUR_MS, {}, () => json({}), 'failed page_expired'],
    [
      'no token, and somebody tells of a success',
      2 * HOUR_MS,
      { handle: { notified: 'SUCCESS' } },
      () => json({}),
      'unknown contradiction',
    ],
    ['another order', MINUTE_MS, { handle }, () => json({ status: 'SUCCESS', order_id: 'other' }), 'unknown reference_mismatch'],
    ['a word nobody knows', MINUTE_MS, { handle }, () => json({ status: 'HALF' }), 'unknown unmapped:HALF'],
  ])('%s', async (...inquiry) => {
    expect(await reasonOf('orange-ci', inquiry)).toBe(inquiry[4]);
  });

  it.each<readonly [number, string, string]>([
    [400, '{"code":1,"message":"bad"}', 'failed'],
    [408, '{"code":1,"message":"slow"}', 'unknown'],
    [404, '<html>', 'unknown'],
    [500, '{"code":1,"message":"bad"}', 'unknown'],
  ])('an order that is answered %i %s is %s', async (status, body, state) => {
    const { client } = await answeredClient('orange-ci', () => new Response(body, { status }));
    expect((await client.collect(effectOf('orange-ci'))).state).toBe(state);
  });

  it('gives no page out whose token it could not keep, and sends no address that Orange would cut', async () => {
    const { client, paths } = await answeredClient('orange-ci', () =>
      json({ pay_token: 'P', payment_url: 'https://x.test', notif_token: 'N' }, 201),
    );
    expect(await client.collect(effectOf('orange-ci', { remember: () => Promise.reject(new Error('no store')) }))).toEqual({
      state: 'unknown',
      reasonCode: 'no_operator_id',
    });
    expect(paths).toHaveLength(1);
    expect(await client.collect(effectOf('orange-ci', { callbackUrl: `https://hooks.test/${'x'.repeat(120)}` }))).toMatchObject({
      state: 'failed',
      isUnsent: true,
    });
    expect(paths).toHaveLength(1);
  });
});

describe('Orange Cameroon', () => {
  const handle = { payToken: 'P1', accepted: 'yes' };
  const told = (fields: object) => () => json({ data: { payToken: 'P1', status: 'SUCCESSFULL', txnid: 'X', amount: 1000, ...fields } });

  it.each<Inquiry>([
    ['ours', MINUTE_MS, { handle }, told({}), null],
    ['another amount', MINUTE_MS, { handle }, told({ amount: '1001' }), 'unknown amount_mismatch'],
    ['an amount that cannot be read', MINUTE_MS, { handle }, told({ amount: 'much' }), 'unknown amount_mismatch'],
    ['another pay token', MINUTE_MS, { handle }, told({ payToken: 'P2' }), 'unknown reference_mismatch'],
    ['no pay token yet', MINUTE_MS, {}, told({}), 'unknown not_found_yet'],
    ['no pay token for good', HOUR_MS, {}, told({}), 'failed never_received'],
    ['opened, and never known to be paid', HOUR_MS, { handle: { payToken: 'P1' } }, told({ status: 'INITIATED' }), 'unknown not_found_yet'],
    ['accepted, and not paid yet', HOUR_MS, { handle }, told({ status: 'INITIATED' }), 'pending'],
  ])('%s', async (...inquiry) => {
    expect(await reasonOf('orange-cm', inquiry)).toBe(inquiry[4]);
  });

  it('takes no answer to a payment that is about another, or names another amount', async () => {
    const answer = (fields: object) => (path: string) =>
      path.endsWith('/init') ? json({ data: { payToken: 'P1' } }) : told({ txnstatus: '200', ...fields })();
    for (const [fields, reasonCode] of [
      [{ payToken: 'P2' }, 'reference_mismatch'],
      [{ amount: 'much' }, 'amount_mismatch'],
      [{ amount: 999 }, 'amount_mismatch'],
      [{ txnstatus: '60030' }, 'contradiction'],
    ] as const) {
      const { client } = await answeredClient('orange-cm', answer(fields));
      expect(await client.disburse(effectOf('orange-cm'))).toMatchObject({ state: 'unknown', reasonCode });
    }
  });
});

describe('GSMA', () => {
  const transaction = {
    transactionStatus: 'completed',
    transactionReference: 'T1',
    requestingOrganisationTransactionReference: REQUEST_ID,
    amount: '1000.00',
    currency: 'KES',
  };
  const told = (fields: object) => (path: string) =>
    path.includes('/responses/') ? json({ link: '/transactions/T1' }) : json({ ...transaction, ...fields });
  const absent = () => json({ errorCategory: 'identification', errorCode: 'identifierError' }, 404);

  it.each<readonly [string, number, Partial<InquiryRequest>, (path: string) => Response, string | null]>([
    ['ours', MINUTE_MS, {}, told({}), null],
    ['another reference', MINUTE_MS, {}, told({ requestingOrganisationTransactionReference: 'other' }), 'unknown reference_mismatch'],
    ['another currency', MINUTE_MS, {}, told({ currency: 'UGX' }), 'unknown amount_mismatch'],
    ['another amount', MINUTE_MS, {}, told({ amount: '1000.01' }), 'unknown amount_mismatch'],
    ['an amount that cannot be read', MINUTE_MS, {}, told({ amount: 'much' }), 'unknown amount_mismatch'],
    ['money that went there and back', MINUTE_MS, {}, told({ transactionStatus: 'reversed' }), 'unknown reversed'],
    ['absent yet', MINUTE_MS, {}, absent, 'unknown not_found_yet'],
    ['absent for good', HOUR_MS, {}, absent, 'failed never_received'],
    ['absent, though an id was given', HOUR_MS, { handle: { serverCorrelationId: 'S1' } }, absent, 'unknown not_found_yet'],
    ['a link to somewhere else', MINUTE_MS, {}, () => json({ link: 'https://evil.test/accounts/T1' }), 'unknown inquiry_failed'],
  ])('%s', async (_what, ageMs, inquiry, answer, reasonCode) => {
    const { client } = await answeredClient('hub-ke', answer);
    const outcome = await client.inquire(inquiryOf('hub-ke', ageMs, inquiry));
    expect('reasonCode' in outcome ? `${outcome.state} ${outcome.reasonCode}` : null).toBe(reasonCode);
    expect(outcome.state).toBe(reasonCode === null ? 'succeeded' : reasonCode.split(' ')[0]);
  });
});

describe('what has to be kept before it is sent', () => {
  it.each<readonly [string, (client: OperatorClient, request: RefundRequest) => Promise<unknown>]>([
    ['mpesa-ke', (client, request) => client.refund(request)],
    ['airtel-ug', (client, request) => client.refund(request)],
    ['orange-cm', (client, request) => client.disburse(request as EffectRequest)],
  ])('%s moves no money where it cannot be', async (railId, call) => {
    const { client, paths } = await answeredClient(railId, () => json({ data: { payToken: 'P1' } }));
    const refused = await call(client, effectOf(railId, { remember: () => Promise.reject(new Error('no store')) }));
    expect(refused).toMatchObject({ state: 'failed', reasonCode: 'store_unavailable' });
    expect(paths.filter((path) => !path.endsWith('/init'))).toEqual([]);
  });
});

it.each(['mtn-ug', 'airtel-ug', 'hub-ke', 'orange-sn'])('%s tells no balance in another currency', async (railId) => {
  const other = { availableBalance: '5', currentBalance: '5', balance: '5', value: '5' };
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const told = (currency: string) => {
    const balance = { ...other, currency, unit: currency };
    return (path: string) => json(path.endsWith('/publicKeys') ? { key } : { ...balance, data: balance });
  };
  expect(await (await answeredClient(railId, told('EUR'))).client.balance()).toBeNull();
  const { currency } = thousandOf(railId);
  expect(await (await answeredClient(railId, told(currency))).client.balance()).toMatchObject({ currency });
});
