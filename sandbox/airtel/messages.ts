/** What Airtel posts to an application: the transaction, and a hash of it where the application asked for one. */
import { createHmac } from 'node:crypto';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';
import type { AirtelAccount } from './account.ts';

/** The transaction as enquiries and callbacks repeat it. */
export function recordOf(transaction: Transaction): Record<string, unknown> {
  const airtelMoneyId = transaction.state === 'succeeded' ? { airtel_money_id: transaction.names['airtelMoneyId'] } : {};
  return { ...airtelMoneyId, id: transaction.ourReference, message: 'Transaction record' };
}

/** The callback of an account: TS or TF, and nothing about money but the text. */
export function airtelMessageOf(account: AirtelAccount): (rail: SandboxRail, transaction: Transaction) => CallbackMessage | null {
  return (_rail, transaction) => {
    if (transaction.callbackUrl === null) return null;
    const record = { ...recordOf(transaction), status_code: transaction.state === 'succeeded' ? 'TS' : 'TF' };
    const payload = { transaction: record };
    const hashed = JSON.stringify(account.callbackReading === 'transaction' ? record : payload);
    const hash = account.callbackKey === null ? {} : { hash: createHmac('sha256', account.callbackKey).update(hashed).digest('base64') };
    return {
      method: 'POST',
      url: transaction.callbackUrl,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...payload, ...hash }),
    };
  };
}
