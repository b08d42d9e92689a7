/** What our short codes hold. Daraja acknowledges the question and tells the balances at an address that is given with it. */
import { type Money, money } from '../../../domain/money.ts';
import { fault } from '../../../domain/errors.ts';
import type { BalanceAnswer, BalanceDesk } from '../balances.ts';
import { noteUnusable } from '../exchange.ts';
import { listOf, objectOf, parseCallbackObject, parseObject, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { type Daraja, initiatorOf } from './daraja.ts';
import { b2cFailure } from './outcomes.ts';

/** Asks for the balances of a short code; they come to the address. False: Daraja did not take the question, for sure. */
export async function requestBalance(daraja: Daraja, shortCode: string, resultUrl: string): Promise<boolean> {
  const answer = await daraja.call('/mpesa/accountbalance/v1/query', {
    ...initiatorOf(daraja),
    CommandID: 'AccountBalance',
    PartyA: shortCode,
    IdentifierType: '4',
    ResultURL: resultUrl,
    QueueTimeOutURL: resultUrl,
    Remarks: 'Balance',
  });
  if (answer.kind !== 'answered') return answer.kind === 'no_answer';
  if (textOf(parseObject(answer.body), 'ResponseCode') === '0') return true;
  if (answer.status === 200) noteUnusable('unreadable_answer');
  return false;
}

/** All that our short codes hold, or null where one of them does not tell it in time. `notBeforeMs`: as `OperatorClient.balance`. */
export async function balanceOf(daraja: Daraja, desk: BalanceDesk | null, notBeforeMs: number | undefined): Promise<Money | null> {
  if (desk === null) return null;
  const { rail, profile, clock } = daraja;
  const { freshForMs, waitMs } = profile.balance;
  const shortCodes = profile.balance.shortCodes ?? [...new Set([profile.stk.shortCode, profile.b2c.shortCode])];
  const terms = { notBeforeMs: notBeforeMs ?? clock.now() - freshForMs, waitMs };
  const told = await Promise.all(
    shortCodes.map((account) => desk.ask({ railId: rail.id, account }, terms, (url) => requestBalance(daraja, account, url))),
  );
  return sumOf(told);
}

/** The sum of amounts that are all known. */
function sumOf(amounts: readonly (Money | null)[]): Money | null {
  let minor = 0n;
  for (const amount of amounts) {
    if (amount === null) return null;
    minor += amount.minor;
  }
  return money(minor, 'KES');
}

/** The accounts of a short code with what each has available; null for what is no amount, such as one below zero. */
export function accountsOf(packed: string): ReadonlyMap<string, Money | null> {
  const accounts = packed.split('&').map((each) => each.split('|'));
  return new Map(accounts.map(([name = '', , , available = '']) => [name, readAmount(available.replace(/^-.*/, ''), 'KES')]));
}

/** The packed accounts of a result; null where it has none. */
export function packedAccountsOf(result: ReadingObject): string | null {
  const pairs = listOf(objectOf(result, 'ResultParameters'), 'ResultParameter');
  return textOf(
    pairs.find((pair) => textOf(pair, 'Key') === 'AccountBalance'),
    'Value',
  );
}

/**
 * Reads the message that answers a question: the sum of the accounts named. What Daraja's queue sends when it gives up carries ids alone.
 * Throws `malformed_body` for what Daraja cannot have sent.
 */
export function readToldBalance(text: string, accounts: readonly string[]): BalanceAnswer {
  const message = parseCallbackObject(text);
  const result = objectOf(message, 'Result') ?? message;
  const code = textOf(result, 'ResultCode');
  if (code === null) {
    if (textOf(result, 'ConversationID') === null && textOf(result, 'OriginatorConversationID') === null)
      throw fault('malformed_body', { detail: 'The message carries neither a result nor an id.' });
    return { reasonCode: 'queue_timeout' };
  }
  if (code !== '0') {
    const refusal = b2cFailure(code);
    return { reasonCode: 'reasonCode' in refusal ? refusal.reasonCode : 'unreadable_answer' };
  }
  const held = accountsOf(packedAccountsOf(result) ?? '');
  const amount = sumOf(accounts.map((name) => held.get(name) ?? null));
  return amount === null ? { reasonCode: 'unreadable_answer' } : { amount };
}
