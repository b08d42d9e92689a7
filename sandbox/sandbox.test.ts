/** The sandbox by its own wire: what it refuses, the control plane, chance, and time. */
import { describe, expect, it } from 'vitest';
import { gsmaAccountOf, mpesaAccountOf, mtnMomoAccountOf } from './accounts.ts';
import { RAILS } from '../domain/network.ts';
import { createChance, logNormalMs } from './random.ts';
import { createSandbox, type Sandbox } from './sandbox.ts';
import { manualScheduler } from './scheduler.ts';

const scheduler = manualScheduler(Date.UTC(2026, 9, 5, 8, 0, 0));
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

async function call(sandbox: Sandbox, method: string, path: string, headers: Record<string, string> = {}, body?: unknown) {
  const init = { method, headers, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) };
  const response = await sandbox.fetch(`${sandbox.url}${path}`, init);
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as Record<string, unknown> };
}

describe('Daraja in the sandbox', () => {
  const account = mpesaAccountOf('mpesa-ke');
  const timestamp = '20261005110000';
  const prompt = {
    BusinessShortCode: account.shortCode,
    Password: Buffer.from(account.shortCode + account.passkey + timestamp).toString('base64'),
    Timestamp: timestamp,
    TransactionType: 'CustomerPayBillOnline',
    Amount: '10',
    PartyA: '254700554321',
    PartyB: account.shortCode,
    PhoneNumber: '254700554321',
    CallBackURL: 'https://hooks.test/x',
    AccountReference: 'ABCDEFGHJKMN',
    TransactionDesc: 'text',
  };

  async function authorized(): Promise<{ sandbox: Sandbox; headers: Record<string, string> }> {
    const sandbox = await createSandbox({ scheduler });
    const headers = { authorization: basic(account.consumerKey, account.consumerSecret) };
    const token = await call(sandbox, 'GET', '/mpesa-ke/oauth/v1/generate?grant_type=client_credentials', headers);
    return { sandbox, headers: { authorization: `Bearer ${String(token.body['access_token'])}` } };
  }

  it.each([
    [{ Amount: '10.50' }, 'Invalid Amount'],
    [{ PhoneNumber: '+254700554321' }, 'Invalid PhoneNumber'],
    [{ AccountReference: 'THIRTEENCHARS' }, 'Invalid AccountReference'],
    [{ TransactionDesc: 'fourteen chars' }, 'Invalid TransactionDesc'],
    [{ Timestamp: '2026-10-05' }, 'Invalid Timestamp'],
    [{ CallBackURL: 'nowhere' }, 'Invalid CallBackURL'],
    [{ BusinessShortCode: '1' }, 'Invalid BusinessShortCode'],
  ])('refuses %j', async (change, message) => {
    const { sandbox, headers } = await authorized();
    const answer = await call(sandbox, 'POST', '/mpesa-ke/mpesa/stkpush/v1/processrequest', headers, { ...prompt, ...change });
    expect(answer).toMatchObject({ status: 400, body: { errorCode: '400.002.02', errorMessage: `Bad Request - ${message}` } });
    expect(sandbox.books('mpesa-ke').transactions).toEqual([]);
  });

  it('refuses a wrong password, a wrong token and a body that is no JSON, each by its code', async () => {
    const { sandbox, headers } = await authorized();
    const path = '/mpesa-ke/mpesa/stkpush/v1/processrequest';
    expect((await call(sandbox, 'POST', path, headers, { ...prompt, Password: 'x' })).body['errorMessage']).toBe('Wrong credentials');
    expect((await call(sandbox, 'POST', path, { authorization: 'Bearer x' }, prompt)).body['errorCode']).toBe('404.001.03');
    expect((await call(sandbox, 'POST', path, {}, prompt)).body['errorCode']).toBe('404.001.04');
    expect((await call(sandbox, 'POST', path, headers, '{"Amount":')).body['errorCode']).toBe('400.002.05');
    expect((await call(sandbox, 'GET', '/mpesa-ke/oauth/v1/generate', {})).body['errorCode']).toBe('400.008.02');
  });

  it('gives an id for a prompt that nobody else has, in the form of today', async () => {
    const { sandbox, headers } = await authorized();
    const path = '/mpesa-ke/mpesa/stkpush/v1/processrequest';
    const ids = [await call(sandbox, 'POST', path, headers, prompt), await call(sandbox, 'POST', path, headers, prompt)];
    expect(ids[0]?.body['CheckoutRequestID']).toMatch(/^ws_CO_05102026110000\d{3}700554321$/);
    expect(ids[0]?.body['CheckoutRequestID']).not.toBe(ids[1]?.body['CheckoutRequestID']);
  });
});

describe('MTN in the sandbox', () => {
  const rail = RAILS.find(({ id }) => id === 'mtn-ug');
  const account = mtnMomoAccountOf(rail as NonNullable<typeof rail>);
  const payment = {
    amount: '1000',
    currency: 'UGX',
    externalId: 'x',
    payer: { partyIdType: 'MSISDN', partyId: '256772554321' },
    payerMessage: 'text',
    payeeNote: 'text',
  };
  const keyed = { 'ocp-apim-subscription-key': account.collection.subscriptionKey, 'x-target-environment': account.targetEnvironment };

  async function submit(change: Record<string, string>, body: unknown) {
    const sandbox = await createSandbox({ scheduler });
    const credentials = { ...keyed, authorization: basic(account.collection.apiUser, account.collection.apiKey) };
    const token = await call(sandbox, 'POST', '/mtn-ug/collection/token/', credentials, '');
    const headers = {
      ...keyed,
      authorization: `Bearer ${String(token.body['access_token'])}`,
      'x-reference-id': '7b2a9c1e-0000-4000-8000-000000000001',
    };
    return call(sandbox, 'POST', '/mtn-ug/collection/v1_0/requesttopay', { ...headers, ...change }, body);
  }

  it('takes what is right', async () => {
    expect((await submit({}, payment)).status).toBe(202);
  });

  it.each([
    [{ 'x-reference-id': '7b2a9c1e-0000-7000-8000-000000000001' }, {}, 400],
    [{ 'x-target-environment': 'mtnghana' }, {}, 500],
    [{ 'ocp-apim-subscription-key': 'x' }, {}, 401],
    [{ authorization: 'Bearer x' }, {}, 401],
    [{}, { currency: 'EUR' }, 500],
    [{}, { amount: 1000 }, 400],
    [{}, { payerMessage: "it's" }, 400],
    [{}, { payer: { partyIdType: 'MSISDN', partyId: '+256772554321' } }, 400],
  ])('refuses headers %j with body %j by %i', async (headers, change, status) => {
    expect((await submit(headers, { ...payment, ...change })).status).toBe(status);
  });

  it('gives no token to a product for the credentials of another, nor without a length', async () => {
    const sandbox = await createSandbox({ scheduler });
    const wrong = { ...keyed, authorization: basic(account.disbursement.apiUser, account.disbursement.apiKey) };
    expect((await call(sandbox, 'POST', '/mtn-ug/collection/token/', wrong, '')).status).toBe(401);
    const response = await sandbox.fetch(`${sandbox.url}/mtn-ug/collection/token/`, { method: 'POST', headers: keyed });
    expect(response.status).toBe(411);
  });
});

describe('a GSMA operator in the sandbox', () => {
  it('answers by category and code', async () => {
    const sandbox = await createSandbox({ scheduler });
    const { clientId, clientSecret, organisationId } = gsmaAccountOf('hub-ke');
    const credentials = { authorization: basic(clientId, clientSecret) };
    const token = await call(sandbox, 'POST', '/hub-ke/oauth/token', credentials, 'grant_type=client_credentials');
    const headers = {
      authorization: `Bearer ${String(token.body['access_token'])}`,
      'x-correlationid': '7b2a9c1e-0000-4000-8000-000000000001',
    };
    const payment = {
      amount: '50.00',
      currency: 'KES',
      debitParty: [{ key: 'msisdn', value: '+254700554321' }],
      creditParty: [{ key: 'organisationid', value: organisationId }],
    };
    const submit = (change: object, type = 'merchantpay') =>
      call(sandbox, 'POST', `/hub-ke/transactions/type/${type}`, headers, { ...payment, ...change });
    expect((await submit({ amount: '050.00' })).body).toMatchObject({ errorCategory: 'validation', errorCode: 'formatError' });
    expect((await submit({ currency: 'USD' })).body['errorCode']).toBe('currencyNotSupported');
    expect((await submit({ debitParty: [] })).body['errorCode']).toBe('mandatoryValueNotSupplied');
    expect((await submit({}, 'barter')).body['errorCode']).toBe('transactionTypeError');
    expect((await call(sandbox, 'GET', '/hub-ke/requeststates/none', {})).body['errorCode']).toBe('clientAuthorisationError');
    expect(await submit({})).toMatchObject({ status: 202, body: { status: 'pending', notificationMethod: 'polling' } });
    expect((await call(sandbox, 'GET', '/hub-ke/heartbeat')).body).toEqual({ serviceStatus: 'available' });
  });
});

describe('the control plane', () => {
  it('tells health, books and profiles, and refuses what it does not know', async () => {
    const sandbox = await createSandbox({ scheduler, openings: { 'mtn-ug': 77n } });
    expect((await call(sandbox, 'GET', '/_sandbox/health')).body).toMatchObject({ status: 'up', rails: RAILS.length });
    expect((await call(sandbox, 'GET', '/_sandbox/books/mtn-ug')).body).toMatchObject({ balanceMinor: '77', transactions: [] });
    expect(Object.keys((await call(sandbox, 'GET', '/_sandbox/profiles')).body)).toHaveLength(RAILS.length);
    expect((await call(sandbox, 'GET', '/_sandbox/books/nobody')).status).toBe(404);
    expect((await call(sandbox, 'POST', '/_sandbox/rails/mtn-ug', {}, { faults: { htmlPage: 2 } })).status).toBe(400);
    expect((await call(sandbox, 'POST', '/_sandbox/rails/mtn-ug', {}, { mood: 'bad' })).status).toBe(400);
  });

  it('takes a rail down and up', async () => {
    const sandbox = await createSandbox({ scheduler });
    expect((await call(sandbox, 'POST', '/_sandbox/rails/hub-ke', {}, { down: true })).body).toMatchObject({ mode: 'refusing' });
    expect((await call(sandbox, 'GET', '/hub-ke/heartbeat')).body).toEqual({ serviceStatus: 'unavailable' });
    await call(sandbox, 'POST', '/_sandbox/rails/hub-ke', {}, { mode: 'silent' });
    await expect(call(sandbox, 'GET', '/hub-ke/heartbeat')).rejects.toThrow('fetch failed');
    await call(sandbox, 'POST', '/_sandbox/rails/hub-ke', {}, { down: false });
    expect((await call(sandbox, 'GET', '/hub-ke/heartbeat')).status).toBe(200);
  });
});

describe('chance and time', () => {
  it('draws the same for the same seed and names, evenly between 0 and 1', () => {
    const draws = Array.from({ length: 2_000 }, (_, index) => createChance('1').draw('x', index));
    expect(draws[5]).toBe(createChance('1').draw('x', 5));
    expect(draws[5]).not.toBe(createChance('2').draw('x', 5));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    expect(draws.reduce((sum, draw) => sum + draw, 0) / draws.length).toBeCloseTo(0.5, 1);
  });

  it('spreads people’s times around their median and never past four times of it', () => {
    const chance = createChance('1');
    const times = Array.from({ length: 2_001 }, (_, index) => logNormalMs(300, chance.draw('a', index), chance.draw('b', index))).sort(
      (a, b) => a - b,
    );
    expect(times[1_000]).toBeGreaterThan(270);
    expect(times[1_000]).toBeLessThan(330);
    expect(times.at(-1)).toBeLessThanOrEqual(1_200);
  });

  it('runs tasks in the order they fall due, each to its end, nested ones too', async () => {
    const clock = manualScheduler(0);
    const seen: string[] = [];
    clock.after(20, () => void seen.push(`b${clock.now()}`));
    clock.after(10, async () => {
      await Promise.resolve();
      seen.push(`a${clock.now()}`);
      clock.after(5, () => void seen.push(`c${clock.now()}`));
    });
    await clock.advance(19);
    expect(seen).toEqual(['a10', 'c15']);
    await clock.advance(1);
    expect(seen).toEqual(['a10', 'c15', 'b20']);
    expect(clock.waiting()).toBe(0);
  });
});
