/**
 * Daraja as a sandbox: token, STK Push and its query, B2C v3, Transaction Status and Pull Transactions,
 * as strict about fields and as odd about answers as the real one.
 */
import { minorPerMajor } from '../../domain/currency.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';
import type { Answer, SandboxAnswer, SandboxRequest } from '../wire.ts';
import { basicCredentials, bearerToken, fieldOf, isWebAddress, json, page, parseBody } from '../wire.ts';
import { confirmationOf, isOwnPayment, registerC2b, registerPull, simulateC2b } from './c2b.ts';
import { endMessage, shillings, statementTime, refusedStatusMessage, statusMessage, stkResultOf } from './messages.ts';
import { accountBalance, payBusiness, pushToTill, reversal } from './operations.ts';
import { acknowledge, conversationIdOf, type Daraja, invalid, type MpesaAccount, problem, refusals } from './parts.ts';

type Body = Readonly<Record<string, unknown>>;
type Handler = (daraja: Daraja, body: Body) => Answer | Promise<Answer>;

const EAT_OFFSET_MS = 3 * 3_600_000;
const STATEMENT_WINDOW_MS = 48 * 3_600_000;
const STATEMENT_PAGE = 500;
const PHONE = /^254[17]\d{8}$/;

const ROUTES: Readonly<Record<string, Handler>> = {
  '/mpesa/stkpush/v1/processrequest': stkPush,
  '/mpesa/stkpushquery/v1/query': stkQuery,
  '/mpesa/b2c/v3/paymentrequest': b2c,
  '/mpesa/transactionstatus/v1/query': transactionStatus,
  '/pulltransactions/v1/query': pullTransactions,
  '/pulltransactions/v1/register': registerPull,
  '/mpesa/reversal/v1/request': reversal,
  '/mpesa/accountbalance/v1/query': accountBalance,
  '/mpesa/b2b/v1/paymentrequest': payBusiness,
  '/v1/ussdpush/get-msisdn': pushToTill,
  '/mpesa/c2b/v2/registerurl': registerC2b,
  '/mpesa/c2b/v2/simulate': simulateC2b,
};

/** The message about the end of a transaction on this account. */
export function mpesaMessageOf(account: MpesaAccount): (rail: SandboxRail, transaction: Transaction) => CallbackMessage | null {
  return (rail, transaction) =>
    isOwnPayment(transaction)
      ? confirmationOf(rail, transaction, account.shortCode)
      : endMessage(rail, transaction, transaction.kind === 'collection' ? account.shortCode : account.payoutShortCode);
}

/** Answers a request to Daraja. */
export async function serveMpesa(daraja: Daraja, request: SandboxRequest): Promise<Answer> {
  if (request.path === '/oauth/v1/generate') return giveToken(daraja, request);
  const handler = ROUTES[request.path];
  if (handler === undefined) return problem(daraja, 404, '404.001.01', 'Resource not found');
  if (request.method !== 'POST') return problem(daraja, 405, '405.001', 'Method Not Allowed');
  const token = bearerToken(request.headers['authorization']);
  if (token === null) return problem(daraja, 404, '404.001.04', 'Invalid Authentication Header');
  if (daraja.rail.mode === 'refusing' || !daraja.rail.tokens.isLive('app', token))
    return problem(daraja, 404, '404.001.03', 'Invalid Access Token');
  const body = parseBody(request.body);
  if (body === null) return problem(daraja, 400, '400.002.05', 'Invalid Request Payload');
  return handler(daraja, body);
}

function giveToken(daraja: Daraja, request: SandboxRequest): SandboxAnswer {
  if (daraja.rail.mode === 'refusing') return page(503);
  if (request.query.get('grant_type') !== 'client_credentials') return problem(daraja, 400, '400.008.02', 'Invalid grant type passed');
  const credentials = basicCredentials(request.headers['authorization']);
  const { consumerKey, consumerSecret } = daraja.account;
  if (credentials?.user !== consumerKey || credentials.password !== consumerSecret) {
    return problem(daraja, 400, '400.008.01', 'Invalid Authentication passed');
  }
  const { token, lifetimeS } = daraja.rail.tokens.issue('app');
  return json(200, { access_token: token, expires_in: String(lifetimeS - 1) });
}

/** The first field of a prompt that is not as it must be, or null. */
function wrongStkField(account: MpesaAccount, body: Body): string | null {
  const checks: readonly (readonly [string, boolean])[] = [
    ['BusinessShortCode', fieldOf(body, 'BusinessShortCode') === account.shortCode],
    ['Timestamp', /^20\d{12}$/.test(fieldOf(body, 'Timestamp'))],
    ['TransactionType', ['CustomerPayBillOnline', 'CustomerBuyGoodsOnline'].includes(fieldOf(body, 'TransactionType'))],
    ['Amount', /^[1-9]\d{0,5}$/.test(fieldOf(body, 'Amount'))],
    ['PartyA', PHONE.test(fieldOf(body, 'PartyA'))],
    ['PartyB', fieldOf(body, 'PartyB') === account.shortCode],
    ['PhoneNumber', PHONE.test(fieldOf(body, 'PhoneNumber'))],
    ['CallBackURL', isWebAddress(fieldOf(body, 'CallBackURL'))],
    ['AccountReference', /^.{1,12}$/.test(fieldOf(body, 'AccountReference'))],
    ['TransactionDesc', fieldOf(body, 'TransactionDesc').length <= 13],
  ];
  return checks.find(([, isRight]) => !isRight)?.[0] ?? null;
}

function hasPassword(account: MpesaAccount, body: Body): boolean {
  const expected = Buffer.from(account.shortCode + account.passkey + fieldOf(body, 'Timestamp')).toString('base64');
  return fieldOf(body, 'Password') === expected;
}

async function stkPush(daraja: Daraja, body: Body): Promise<Answer> {
  const { rail, account } = daraja;
  const field = wrongStkField(account, body);
  if (field !== null) return invalid(daraja, field);
  if (!hasPassword(account, body)) return problem(daraja, 500, '500.001.1001', 'Wrong credentials');
  const phone = fieldOf(body, 'PhoneNumber');
  const reference = fieldOf(body, 'AccountReference');
  const amountMinor = BigInt(fieldOf(body, 'Amount')) * minorPerMajor(rail.rail.currency);
  return rail.underFaults({ kind: 'collection', reference, phone, amountMinor, refusals: refusals(daraja) }, async () => {
    // No key makes a repeat harmless: the same reference twice is two prompts and two payments.
    const transaction = await rail.submit({
      kind: 'collection',
      ourReference: reference,
      amountMinor,
      phone,
      callbackUrl: fieldOf(body, 'CallBackURL'),
      namesOf: (receipt) => ({
        merchantRequestId: merchantRequestIdOf(rail, receipt),
        checkoutRequestId: checkoutRequestIdOf(rail, phone),
      }),
    });
    return json(200, {
      MerchantRequestID: transaction.names['merchantRequestId'],
      CheckoutRequestID: transaction.names['checkoutRequestId'],
      ResponseCode: '0',
      ResponseDescription: 'Success. Request accepted for processing',
      CustomerMessage: 'Success. Request accepted for processing',
    });
  });
}

function merchantRequestIdOf(rail: SandboxRail, receipt: string): string {
  const hex = rail.chance.text('0123456789abcdef', 32, 'merchant', receipt);
  return `${hex.slice(0, 4)}-${hex.slice(4, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 31)}`;
}

/** `ws_CO_`, the time in Nairobi to the millisecond, and the national number; bumped until nobody has it. */
function checkoutRequestIdOf(rail: SandboxRail, phone: string): string {
  for (let ms = rail.scheduler.now(); ; ms += 1) {
    const [date = '', rest = ''] = new Date(ms + EAT_OFFSET_MS).toISOString().split('T');
    const time = `${date.split('-').toReversed().join('')}${rest.replaceAll(/\D/g, '').slice(0, 9)}`;
    const id = `ws_CO_${time}${phone.slice(3)}`;
    if (rail.byName(id) === undefined) return id;
  }
}

/** The query of a prompt, with the ways in which it says "not yet", and the one in which it says nothing. */
function stkQuery(daraja: Daraja, body: Body): Answer {
  const { rail, account } = daraja;
  if (fieldOf(body, 'BusinessShortCode') !== account.shortCode) return invalid(daraja, 'BusinessShortCode');
  if (!hasPassword(account, body)) return problem(daraja, 500, '500.001.1001', 'Wrong credentials');
  const id = fieldOf(body, 'CheckoutRequestID');
  if (id === '') return invalid(daraja, 'CheckoutRequestID');
  const error = problem(daraja, 500, '500.003.02', 'System is busy. Please try again in few minutes.');
  return rail.inquiry(id, error, () => {
    const transaction = rail.byName(id);
    const draw = rail.chance.draw('stk query', id, rail.count(`stk query ${id}`));
    if (transaction === undefined) return problem(daraja, 500, '500.001.1001', 'The transaction does not Exist');
    if (transaction.state === 'pending') return pendingAnswer(daraja, transaction, draw);
    if (draw < rail.faults.inquiryError) return problem(daraja, 500, '500.001.1001', 'The transaction does not Exist');
    const [code, text] = stkResultOf(rail.told(transaction));
    return queryResult(transaction, String(code), text);
  });
}

function pendingAnswer(daraja: Daraja, transaction: Transaction, draw: number): SandboxAnswer {
  if (draw < 0.4) return problem(daraja, 500, '500.001.1001', 'The transaction is being processed');
  if (draw < 0.8) return queryResult(transaction, '4999', 'The transaction is still under processing');
  return problem(daraja, 200, '500.001.1001', '');
}

function queryResult(transaction: Transaction, code: string, text: string): SandboxAnswer {
  return json(200, {
    ResponseCode: '0',
    ResponseDescription: 'The service request has been accepted successfully',
    MerchantRequestID: transaction.names['merchantRequestId'],
    CheckoutRequestID: transaction.names['checkoutRequestId'],
    ResultCode: code,
    ResultDesc: text,
  });
}

function wrongB2cField(account: MpesaAccount, body: Body): string | null {
  const checks: readonly (readonly [string, boolean])[] = [
    ['OriginatorConversationID', /^.{1,100}$/.test(fieldOf(body, 'OriginatorConversationID'))],
    ['InitiatorName', fieldOf(body, 'InitiatorName') === account.initiatorName],
    ['SecurityCredential', /^[A-Za-z0-9+/]{300,}={0,2}$/.test(fieldOf(body, 'SecurityCredential'))],
    ['CommandID', ['SalaryPayment', 'BusinessPayment', 'PromotionPayment'].includes(fieldOf(body, 'CommandID'))],
    ['Amount', /^[1-9]\d{0,5}$/.test(fieldOf(body, 'Amount'))],
    ['PartyA', fieldOf(body, 'PartyA') === account.payoutShortCode],
    ['PartyB', PHONE.test(fieldOf(body, 'PartyB'))],
    ['Remarks', /^.{2,100}$/.test(fieldOf(body, 'Remarks'))],
    ['QueueTimeOutURL', isWebAddress(fieldOf(body, 'QueueTimeOutURL'))],
    ['ResultURL', isWebAddress(fieldOf(body, 'ResultURL'))],
    ['Occassion', fieldOf(body, 'Occassion').length <= 100],
  ];
  return checks.find(([, isRight]) => !isRight)?.[0] ?? null;
}

async function b2c(daraja: Daraja, body: Body): Promise<Answer> {
  const { rail, account, key } = daraja;
  const field = wrongB2cField(account, body);
  if (field !== null) return invalid(daraja, field);
  const reference = fieldOf(body, 'OriginatorConversationID');
  if (rail.byReference('disbursement', reference) !== undefined) {
    return problem(daraja, 500, '500.002.1001', 'Duplicate OriginatorConversationID.');
  }
  const phone = fieldOf(body, 'PartyB');
  if (rail.foretold('disbursement', phone) === 'unavailable') {
    return problem(daraja, 500, '500.003.02', 'System is busy. Please try again in few minutes.');
  }
  const isKnown = key.decrypt(fieldOf(body, 'SecurityCredential')) === account.initiatorPassword;
  const amountMinor = BigInt(fieldOf(body, 'Amount')) * minorPerMajor(rail.rail.currency);
  return rail.underFaults({ kind: 'disbursement', reference, phone, amountMinor, refusals: refusals(daraja) }, async () => {
    const transaction = await rail.submit({
      kind: 'disbursement',
      ourReference: reference,
      amountMinor,
      phone,
      callbackUrl: fieldOf(body, 'ResultURL'),
      ...(isKnown ? {} : { failure: 'bad_credential' as const }),
      namesOf: (receipt) => ({ conversationId: conversationIdOf(rail, receipt) }),
    });
    return acknowledge(transaction.names['conversationId'] ?? '', reference);
  });
}

/** Acknowledged at once; what it found comes to the result address. */
function transactionStatus(daraja: Daraja, body: Body): Answer {
  const { rail, account, key } = daraja;
  const url = fieldOf(body, 'ResultURL');
  if (fieldOf(body, 'CommandID') !== 'TransactionStatusQuery') return invalid(daraja, 'CommandID');
  if (fieldOf(body, 'Initiator') !== account.initiatorName) return invalid(daraja, 'Initiator');
  if (fieldOf(body, 'PartyA') !== account.payoutShortCode) return invalid(daraja, 'PartyA');
  if (!['1', '2', '4'].includes(fieldOf(body, 'IdentifierType'))) return invalid(daraja, 'IdentifierType');
  if (!isWebAddress(url) || !isWebAddress(fieldOf(body, 'QueueTimeOutURL'))) return invalid(daraja, 'ResultURL');
  const isKnown = key.decrypt(fieldOf(body, 'SecurityCredential')) === account.initiatorPassword;
  const original = fieldOf(body, 'OriginalConversationID');
  const asked = original === '' ? fieldOf(body, 'TransactionID') : original;
  if (asked === '') return invalid(daraja, 'TransactionID');
  const error = problem(daraja, 500, '500.003.02', 'System is busy. Please try again in few minutes.');
  return rail.inquiry(asked, error, () => {
    const occurrence = rail.count(`status ${asked}`);
    const conversationId = conversationIdOf(rail, 'status', asked, occurrence);
    const originatorConversationId = `${rail.chance.text('0123456789', 5, 'originator', asked, occurrence)}-${occurrence}-1`;
    const transaction = rail.byReference('disbursement', asked) ?? rail.byName(asked);
    const query = {
      url,
      occasion: fieldOf(body, 'Occasion'),
      originatorConversationId,
      conversationId,
      shortCode: account.payoutShortCode,
    };
    rail.deliverLater(
      50,
      isKnown ? statusMessage(query, transaction === undefined ? undefined : rail.told(transaction)) : refusedStatusMessage(query),
    );
    return acknowledge(conversationId, originatorConversationId);
  });
}

/** The statement of collections: rows are a list in a list, oldest first, from a row offset. */
function pullTransactions(daraja: Daraja, body: Body): Answer {
  const { rail, account } = daraja;
  if (fieldOf(body, 'ShortCode') !== account.shortCode) return invalid(daraja, 'ShortCode');
  const fromMs = eatMsOf(fieldOf(body, 'StartDate'));
  const untilMs = eatMsOf(fieldOf(body, 'EndDate'));
  if (fromMs === null || rail.scheduler.now() - fromMs > STATEMENT_WINDOW_MS) return invalid(daraja, 'StartDate');
  if (untilMs === null || untilMs < fromMs) return invalid(daraja, 'EndDate');
  const offset = Number(fieldOf(body, 'OffSetValue'));
  if (!Number.isInteger(offset) || offset < 0) return invalid(daraja, 'OffSetValue');
  const error = problem(daraja, 500, '500.003.02', 'System is busy. Please try again in few minutes.');
  return rail.inquiry(`pull ${fieldOf(body, 'StartDate')} ${offset}`, error, () => {
    const rows = [...rail.transactions()]
      .filter(({ kind, state, settledAtMs }) => kind === 'collection' && state === 'succeeded' && isWithin(settledAtMs, fromMs, untilMs))
      .slice(offset, offset + STATEMENT_PAGE)
      .map(statementRow);
    const responseRefId = rail.chance.text('0123456789', 12, 'pull', rail.count('pull'));
    if (rows.length === 0)
      return json(200, { ResponseRefID: responseRefId, ResponseCode: '1001', ResponseMessage: 'No records', Response: [[]] });
    return json(200, { ResponseRefID: responseRefId, ResponseCode: '1000', ResponseMessage: 'Success', Response: [rows] });
  });
}

function isWithin(ms: number | null, fromMs: number, untilMs: number): boolean {
  return ms !== null && ms >= fromMs && ms <= untilMs;
}

/** `YYYY-MM-DD HH:mm:ss` in Nairobi, as milliseconds since the epoch. */
function eatMsOf(text: string): number | null {
  const ms = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text) ? Date.parse(`${text.replace(' ', 'T')}Z`) : Number.NaN;
  return Number.isNaN(ms) ? null : ms - EAT_OFFSET_MS;
}

function statementRow(transaction: Transaction): unknown {
  return {
    transactionId: transaction.id,
    trxDate: statementTime(transaction.settledAtMs ?? 0),
    msisdn: Number(transaction.phone.slice(3)),
    sender: 'MPESA',
    transactiontype: 'c2b-pay-bill-debit',
    billreference: transaction.ourReference,
    amount: shillings(transaction.amountMinor),
    organizationname: 'Sandbox',
  };
}
