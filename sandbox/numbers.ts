/**
 * Numbers that operators publish for their own sandboxes, with what befalls them there: who has tested against those finds the same
 * here. They count on the direct rails of their protocol, in front of the endings that all rails share.
 */
import type { Protocol } from '../domain/rail.ts';
import { type Fate, type Failure, type Kind, NEVER_SLOWNESS } from './fates.ts';

type Foretold = Partial<Pick<Fate, 'failure' | 'code' | 'slowness'>>;
type PerKind = Readonly<Partial<Record<Kind, Foretold>>>;

const fails = (failure: Failure, code: string | null = null): Foretold => ({ failure, code });
const never: Foretold = { slowness: NEVER_SLOWNESS };
/** Three minutes, where the usual customer takes a third of a second. */
const slowly = { slowness: 600 };

/** MTN's, by what follows 46733123. */
const MTN: Readonly<Record<string, PerKind>> = {
  450: { collection: fails('operator_error'), disbursement: fails('operator_error') },
  451: { collection: fails('declined'), disbursement: fails('declined') },
  452: { collection: fails('expired'), disbursement: fails('expired') },
  453: { collection: { ...fails('expired'), ...slowly }, disbursement: never },
  454: { collection: never, disbursement: never },
  455: { collection: fails('wallet_not_found'), disbursement: fails('no_funds') },
  456: { collection: fails('cannot_receive'), disbursement: fails('payer_limit') },
  457: { collection: fails('bad_credential'), disbursement: fails('wallet_not_found') },
  458: { collection: fails('bad_credential', 'NOT_ALLOWED_TARGET_ENVIRONMENT'), disbursement: fails('bad_credential') },
  459: {
    collection: fails('bad_credential', 'INVALID_CALLBACK_URL_HOST'),
    disbursement: fails('bad_credential', 'NOT_ALLOWED_TARGET_ENVIRONMENT'),
  },
  460: {
    collection: fails('bad_credential', 'INVALID_CURRENCY'),
    disbursement: fails('bad_credential', 'INVALID_CALLBACK_URL_HOST'),
  },
  461: { collection: fails('operator_error'), disbursement: fails('bad_credential', 'INVALID_CURRENCY') },
  462: { collection: fails('unavailable'), disbursement: fails('operator_error') },
  463: { collection: fails('no_answer'), disbursement: fails('unavailable') },
};

/** By protocol and number, digits with the calling code. */
const NUMBERS: Readonly<Partial<Record<Protocol, Readonly<Record<string, PerKind>>>>> = {
  // Safaricom's test payer, whose handset never answers.
  mpesa: { '254708374149': { collection: fails('no_answer') } },
  mtn_momo: Object.fromEntries(Object.entries(MTN).map(([ending, told]) => [`46733123${ending}`, told])),
  // Of Uganda's test environment: barred, unregistered, below the minimum.
  airtel: {
    '256752600157': { collection: fails('unavailable'), disbursement: fails('cannot_receive') },
    '2567500002240': { collection: fails('wallet_not_found'), disbursement: fails('wallet_not_found') },
    '256756255985': { collection: fails('below_minimum'), disbursement: fails('below_minimum') },
  },
};

/** What a published number foretells; null for every other number. */
export function foretoldByNumber(protocol: Protocol, phone: string, kind: Kind): Foretold | null {
  const numbers = NUMBERS[protocol];
  return numbers !== undefined && Object.hasOwn(numbers, phone) ? (numbers[phone]?.[kind] ?? null) : null;
}
