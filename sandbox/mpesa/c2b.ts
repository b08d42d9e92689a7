/**
 * Customers who pay a short code by themselves: the registration of our addresses, and Daraja's simulation of such a payment.
 * We are asked before it is made, and told after it, as the real one does where validation is turned on.
 */
import { minorPerMajor } from '../../domain/currency.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';
import { type Answer, fieldOf, isWebAddress, json, parseBody } from '../wire.ts';
import { digitsOfTime, shillings } from './messages.ts';
import { type C2bAddresses, type Daraja, invalid, problem } from './parts.ts';

type Body = Readonly<Record<string, unknown>>;

/** Once per short code. */
export function registerC2b(daraja: Daraja, body: Body): Answer {
  const { rail, account, c2b } = daraja;
  const withoutAnswer = fieldOf(body, 'ResponseType');
  if (fieldOf(body, 'ShortCode') !== account.shortCode) return invalid(daraja, 'ShortCode');
  if (withoutAnswer !== 'Completed' && withoutAnswer !== 'Cancelled') return invalid(daraja, 'ResponseType');
  const [validationUrl, confirmationUrl] = [fieldOf(body, 'ValidationURL'), fieldOf(body, 'ConfirmationURL')];
  if (!isWebAddress(confirmationUrl) || !isWebAddress(validationUrl)) return invalid(daraja, 'ConfirmationURL');
  if (c2b.addresses !== null) return problem(daraja, 500, '500.003.1001', 'Urls are already registered');
  c2b.addresses = { validationUrl, confirmationUrl, withoutAnswer };
  return json(200, {
    OriginatorCoversationID: rail.chance.text('0123456789abcdef', 16, 'registered'),
    ResponseCode: '0',
    ResponseDescription: 'Success',
  });
}

/** Pull Transactions, once per short code. The statement here answers whether it was registered or not. */
export function registerPull(daraja: Daraja, body: Body): Answer {
  const { rail, account, c2b } = daraja;
  if (fieldOf(body, 'ShortCode') !== account.shortCode) return invalid(daraja, 'ShortCode');
  if (fieldOf(body, 'RequestType') !== 'Pull') return invalid(daraja, 'RequestType');
  if (!/^254[17]\d{8}$/.test(fieldOf(body, 'NominatedNumber'))) return invalid(daraja, 'NominatedNumber');
  if (!isWebAddress(fieldOf(body, 'CallBackURL'))) return invalid(daraja, 'CallBackURL');
  const known = c2b.isPullRegistered;
  c2b.isPullRegistered = true;
  return json(200, {
    ResponseRefID: rail.chance.text('0123456789', 12, 'pull registered'),
    ResponseCode: known ? '1001' : '1000',
    ResponseMessage: known ? `ShortCode already Registered` : 'Success',
  });
}

/** Lets a customer pay by themselves. Acknowledged at once; whether it is made is decided after we were asked. */
export function simulateC2b(daraja: Daraja, body: Body): Answer {
  const { rail, account, c2b } = daraja;
  const [amount, phone, reference] = [fieldOf(body, 'Amount'), fieldOf(body, 'Msisdn'), fieldOf(body, 'BillRefNumber')];
  if (fieldOf(body, 'ShortCode') !== account.shortCode) return invalid(daraja, 'ShortCode');
  if (!['CustomerPayBillOnline', 'CustomerBuyGoodsOnline'].includes(fieldOf(body, 'CommandID'))) return invalid(daraja, 'CommandID');
  if (!/^[1-9]\d{0,5}$/.test(amount)) return invalid(daraja, 'Amount');
  if (!/^254[17]\d{8}$/.test(phone)) return invalid(daraja, 'Msisdn');
  const { addresses } = c2b;
  if (addresses === null) return invalid(daraja, 'ShortCode');
  const occurrence = rail.count('own payment');
  const payment: OwnPayment = {
    transactionId: rail.chance.text('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 10, 'own payment', occurrence),
    amountMinor: BigInt(amount) * minorPerMajor('KES'),
    phone,
    reference,
    shortCode: account.shortCode,
  };
  rail.scheduler.after(0, () => pay(rail, addresses, payment));
  const conversationId = rail.chance.text('0123456789abcdef', 16, 'simulated', occurrence);
  return json(200, {
    OriginatorCoversationID: conversationId,
    ResponseCode: '0',
    ResponseDescription: 'Accept the service request successfully.',
  });
}

interface OwnPayment {
  readonly transactionId: string;
  readonly amountMinor: bigint;
  readonly phone: string;
  readonly reference: string;
  readonly shortCode: string;
}

async function pay(rail: SandboxRail, addresses: C2bAddresses, payment: OwnPayment): Promise<void> {
  const question = messageOf(addresses.validationUrl, payment, { atMs: rail.scheduler.now(), balance: '', carried: '' });
  const answer = parseBody((await rail.ask(question)) ?? '');
  if (answer === null ? addresses.withoutAnswer === 'Cancelled' : fieldOf(answer, 'ResultCode') !== '0') return;
  await rail.submit({
    kind: 'collection',
    ourReference: payment.reference,
    amountMinor: payment.amountMinor,
    phone: payment.phone,
    callbackUrl: addresses.confirmationUrl,
    unprompted: true,
    namesOf: () => ({ ownPayment: payment.transactionId }),
    notes: { carried: answer === null ? '' : fieldOf(answer, 'ThirdPartyTransID') },
  });
}

/** Whether a customer made it by themselves. */
export function isOwnPayment(transaction: Transaction): boolean {
  return transaction.names['ownPayment'] !== undefined;
}

/** The confirmation of a payment that was made; one that failed is told to nobody. */
export function confirmationOf(rail: SandboxRail, transaction: Transaction, shortCode: string): CallbackMessage | null {
  if (transaction.state !== 'succeeded') return null;
  const { id, amountMinor, phone, ourReference, settledAtMs, notes, callbackUrl } = transaction;
  const payment = { transactionId: id, amountMinor, phone, reference: ourReference, shortCode };
  const atMs = settledAtMs ?? rail.scheduler.now();
  return messageOf(callbackUrl ?? '', payment, { atMs, balance: shillings(rail.balanceMinor()), carried: notes['carried'] ?? '' });
}

/** Everything is text; the number is masked, and there is no balance before the payment. */
function messageOf(url: string, payment: OwnPayment, told: { atMs: number; balance: string; carried: string }): CallbackMessage {
  const { phone } = payment;
  const body = {
    TransactionType: 'Pay Bill',
    TransID: payment.transactionId,
    TransTime: digitsOfTime(told.atMs),
    TransAmount: shillings(payment.amountMinor),
    BusinessShortCode: payment.shortCode,
    BillRefNumber: payment.reference,
    InvoiceNumber: '',
    OrgAccountBalance: told.balance,
    ThirdPartyTransID: told.carried,
    MSISDN: `${phone.slice(0, 4)} ***** ${phone.slice(-3)}`,
    FirstName: 'SANDBOX',
    MiddleName: '',
    LastName: '',
  };
  return { method: 'POST', url, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
