/** Daraja beyond prompts and payouts: reversal, account balance, payments to and from businesses. */
import { minorPerMajor } from '../../domain/currency.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';
import { type Answer, fieldOf, isWebAddress, json } from '../wire.ts';
import { digitsOfTime, shillings } from './messages.ts';
import { acknowledge, conversationIdOf, type Daraja, invalid, problem, refusals } from './parts.ts';

type Body = Readonly<Record<string, unknown>>;

/** The field of an initiator's request that is not as it must be, or null. */
function wrongField({ account, key }: Daraja, body: Body, commandId: RegExp): string | null {
  const checks: readonly (readonly [string, boolean])[] = [
    ['Initiator', fieldOf(body, 'Initiator') === account.initiatorName],
    ['SecurityCredential', key.decrypt(fieldOf(body, 'SecurityCredential')) === account.initiatorPassword],
    ['CommandID', commandId.test(fieldOf(body, 'CommandID'))],
    ['ResultURL', isWebAddress(fieldOf(body, 'ResultURL'))],
    ['QueueTimeOutURL', isWebAddress(fieldOf(body, 'QueueTimeOutURL'))],
  ];
  return checks.find(([, isRight]) => !isRight)?.[0] ?? null;
}

/** Takes a collection back. The answer gives the reversal ids of Daraja's own. */
export async function reversal(daraja: Daraja, body: Body): Promise<Answer> {
  const { rail } = daraja;
  const field =
    wrongField(daraja, body, /^TransactionReversal$/) ??
    (fieldOf(body, 'RecieverIdentifierType') === '11' ? null : 'RecieverIdentifierType');
  if (field !== null) return invalid(daraja, field);
  const receipt = fieldOf(body, 'TransactionID');
  const collection = rail.byName(receipt);
  if (collection?.kind !== 'collection' || collection.state !== 'succeeded') return invalid(daraja, 'TransactionID');
  const { phone, amountMinor } = collection;
  if (fieldOf(body, 'Amount') !== (amountMinor / minorPerMajor('KES')).toString()) return invalid(daraja, 'Amount');
  if (rail.byName(`reverses-${receipt}`) !== undefined) return problem(daraja, 500, '500.003.1001', 'The transaction has been reversed');
  const occurrence = rail.count(`reversal ${receipt}`);
  const originatorConversationId = `${rail.chance.text('0123456789', 5, 'reversal', receipt, occurrence)}-${occurrence}-2`;
  const call = { kind: 'disbursement', reference: originatorConversationId, phone, amountMinor, refusals: refusals(daraja) } as const;
  return rail.underFaults(call, async () => {
    const conversationId = conversationIdOf(rail, 'reversal', receipt);
    await rail.submit({
      kind: 'disbursement',
      ourReference: originatorConversationId,
      amountMinor,
      phone,
      callbackUrl: fieldOf(body, 'ResultURL'),
      namesOf: () => ({ conversationId, reverses: `reverses-${receipt}` }),
      notes: { reverses: receipt },
    });
    return acknowledge(conversationId, originatorConversationId);
  });
}

function later(rail: SandboxRail, url: string, shortCode: string, result: object): void {
  const message: CallbackMessage = {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', businessshortcode: shortCode },
    body: JSON.stringify({
      Result: { ResultType: '0', ResultCode: '0', ResultDesc: 'The service request is processed successfully', ...result },
    }),
  };
  rail.deliverLater(50, message);
}

/** One packed text: accounts joined by `&`, their fields by `|`. */
export function accountBalance(daraja: Daraja, body: Body): Answer {
  const { rail, account } = daraja;
  const field = wrongField(daraja, body, /^AccountBalance$/);
  if (field !== null) return invalid(daraja, field);
  const shortCode = fieldOf(body, 'PartyA');
  if (![account.shortCode, account.payoutShortCode].includes(shortCode)) return invalid(daraja, 'PartyA');
  if (fieldOf(body, 'IdentifierType') !== '4') return invalid(daraja, 'IdentifierType');
  const occurrence = rail.count('account balance');
  const conversationId = conversationIdOf(rail, 'balance', occurrence);
  // What is collected is swept at once to where payouts leave from: one short code holds it all.
  const ours = shillings(shortCode === account.payoutShortCode ? rail.balanceMinor() : 0n);
  const accounts = [
    `Working Account|KES|0.00|0.00|0.00|0.00`,
    `Utility Account|KES|${ours}|${ours}|0.00|0.00`,
    'Charges Paid Account|KES|-1540.00|-1540.00|0.00|0.00',
  ];
  later(rail, fieldOf(body, 'ResultURL'), shortCode, {
    OriginatorConversationID: `balance-${occurrence}`,
    ConversationID: conversationId,
    TransactionID: 'OA90000000',
    ResultParameters: {
      ResultParameter: [
        { Key: 'AccountBalance', Value: accounts.join('&') },
        { Key: 'BOCompletedTime', Value: digitsOfTime(rail.scheduler.now()) },
      ],
    },
  });
  return acknowledge(conversationId, `balance-${occurrence}`);
}

/** Pays a business; its result has text everywhere. Not in the books of payments: it moves between businesses. */
export function payBusiness(daraja: Daraja, body: Body): Answer {
  const { rail, account } = daraja;
  const field =
    wrongField(daraja, body, /^(BusinessPayBill|BusinessBuyGoods|BusinessPayToBulk)$/) ??
    (/^[1-9]\d{0,7}$/.test(fieldOf(body, 'Amount')) ? null : 'Amount') ??
    (/^.{1,13}$/.test(fieldOf(body, 'AccountReference')) ? null : 'AccountReference');
  if (field !== null) return invalid(daraja, field);
  const occurrence = rail.count('business payment');
  const conversationId = conversationIdOf(rail, 'business', occurrence);
  later(rail, fieldOf(body, 'ResultURL'), account.payoutShortCode, {
    OriginatorConversationID: `business-${occurrence}`,
    ConversationID: conversationId,
    TransactionID: rail.chance.text('ABCDEFGHIJKLMNOPQRSTUVWXYZ', 10, 'business', occurrence),
    ResultParameters: {
      ResultParameter: [
        { Key: 'Amount', Value: `${fieldOf(body, 'Amount')}.00` },
        { Key: 'Currency', Value: 'KES' },
        { Key: 'TransCompletedTime', Value: digitsOfTime(rail.scheduler.now()) },
        { Key: 'DebitPartyCharges', Value: '' },
        { Key: 'ReceiverPartyPublicName', Value: `${fieldOf(body, 'PartyB')} - Sandbox business` },
      ],
    },
  });
  return acknowledge(conversationId, `business-${occurrence}`);
}

/** Prompts another business's till. Not in the books of payments: whoever holds the till pays by themselves. */
export function pushToTill(daraja: Daraja, body: Body): Answer {
  const { rail, account } = daraja;
  const requestId = fieldOf(body, 'RequestRefID');
  const checks: readonly (readonly [string, boolean])[] = [
    ['primaryShortCode', /^\d{5,8}$/.test(fieldOf(body, 'primaryShortCode'))],
    ['receiverShortCode', fieldOf(body, 'receiverShortCode') === account.shortCode],
    ['amount', /^[1-9]\d{0,7}$/.test(fieldOf(body, 'amount'))],
    ['paymentRef', fieldOf(body, 'paymentRef') !== ''],
    ['callbackUrl', isWebAddress(fieldOf(body, 'callbackUrl'))],
    ['partnerName', fieldOf(body, 'partnerName') !== ''],
    ['RequestRefID', requestId !== ''],
  ];
  const wrong = checks.find(([, isRight]) => !isRight);
  if (wrong !== undefined) return invalid(daraja, wrong[0]);
  rail.deliverLater(50, {
    method: 'POST',
    url: fieldOf(body, 'callbackUrl'),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      resultCode: '0',
      resultDesc: 'The service request is processed successfully.',
      amount: `${fieldOf(body, 'amount')}.0`,
      requestId,
      resultType: '0',
      conversationID: conversationIdOf(rail, 'till', requestId),
      transactionId: rail.chance.text('ABCDEFGHIJKLMNOPQRSTUVWXYZ', 10, 'till', requestId),
      status: 'SUCCESS',
    }),
  });
  return json(200, { code: '0', status: 'USSD Initiated Successfully' });
}
