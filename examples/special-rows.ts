/** The rows of the example file that must not simply be paid, or be paid in spite of something. */
import type { Country } from '../domain/rail.ts';
import { drawUsd } from './amounts.ts';
import type { Draft, Row } from './generate-intents.ts';
import type { People, Person } from './people.ts';
import type { Random } from './random.ts';

/** Small enough for every wallet and tier. */
const SMALL_USD = 18;

interface Asked {
  readonly name?: string;
  readonly ending?: string;
  readonly walletId?: string;
}

type Make = (from: Country, to: Country, sender?: Asked, receiver?: Asked) => Omit<Draft, 'expect' | 'code' | 'cells'>;

/** Drafts for every special row; all others of the file are ordinary. */
export function draftSpecial(random: Random, people: People): Draft[] {
  const make: Make = (from, to, sender, receiver) => ({
    sender: people.person(from, sender),
    receiver: people.person(to, receiver),
    usd: drawUsd(random, SMALL_USD),
  });
  return [
    ...draftFaulty(make, people.person('RW')),
    ...draftSanctioned(make),
    ...draftOverLimit(make),
    ...draftFailing(make),
    ...draftRerouted(make),
    ...draftTroubled(make),
  ];
}

/** Rows that must be refused when they are submitted, each for one reason. */
function draftFaulty(make: Make, stranger: Person): Draft[] {
  const faulty = (code: string, draft: ReturnType<Make>, cells: Partial<Row>): Draft => ({ ...draft, expect: 'invalid', code, cells });
  return [
    faulty('unknown_currency', make('KE', 'UG'), { from_currency: 'KSH' }),
    faulty('currency_mismatch', make('SN', 'CI'), { to_currency: 'XAF' }),
    faulty('phone_country_mismatch', make('KE', 'TZ'), { receiver_phone: stranger.phone }),
    faulty('phone_invalid', make('KE', 'UG'), { sender_phone: '020 221 4455' }),
    faulty('wallet_unknown', make('KE', 'UG'), { receiver_phone: '0721 455 318' }),
    faulty('amount_not_positive', make('TZ', 'KE'), { amount: '-25000' }),
    faulty('amount_too_precise', make('UG', 'KE'), { amount: '15000.50' }),
    faulty('amount_malformed', make('ZA', 'ZM'), { amount: '1,250.00' }),
    faulty('name_missing', make('GH', 'NG'), { receiver_name: '' }),
    faulty('name_invalid', make('NG', 'GH'), { sender_name: '08031112223' }),
    faulty('corridor_unavailable', make('RW', 'RW'), {}),
    faulty('duplicate_reference', make('GH', 'NG'), {}),
  ];
}

/** Names of the built-in sample list: as listed they block; with the words in another order people must look. */
function draftSanctioned(make: Make): Draft[] {
  const blocked = { expect: 'rejected', code: 'sanctions_match' };
  const held = { expect: 'held', code: 'compliance_review' };
  return [
    { ...make('SN', 'CI', {}, { name: 'Mamadou Keta Sanounou' }), ...blocked },
    { ...make('KE', 'UG', { name: 'Jelani Obote Wakhungu' }), ...blocked },
    { ...make('ZA', 'ZM', {}, { name: 'Zambezi Gold Trading FZE' }), ...blocked },
    { ...make('CI', 'SN', {}, { name: 'Sanounou Mamadou Kéta' }), ...held },
    { ...make('KE', 'TZ', { name: 'WAKHUNGU Jelani Obote' }), ...held },
    { ...make('CM', 'NG', { name: 'Dr Essola Thierry Ngoumba' }), ...held },
    { ...make('GH', 'NG', {}, { name: 'Alhaji Dikko, Farouk Abdulrahim' }), ...held },
  ];
}

/** More than any tier of the country may send. */
function draftOverLimit(make: Make): Draft[] {
  const over = (draft: ReturnType<Make>, amount: string): Draft => ({
    ...draft,
    expect: 'rejected',
    code: 'limit_exceeded',
    cells: { amount },
  });
  return [over(make('KE', 'UG'), '300000'), over(make('UG', 'KE'), '6000000'), over(make('GH', 'CI'), '30000')];
}

/** Fates without a remedy: the payer does not pay, or the receiver's wallet takes nothing. */
function draftFailing(make: Make): Draft[] {
  const failed = { expect: 'failed', code: 'collection_refused' };
  const refunded = { expect: 'refunded', code: 'payout_failed' };
  return [
    { ...make('KE', 'UG', { ending: '0001', walletId: 'mpesa-ke' }), ...failed },
    { ...make('UG', 'RW', { ending: '0001', walletId: 'airtel-ug' }), ...failed },
    { ...make('GH', 'NG', { ending: '0002', walletId: 'mtn-gh' }), ...failed },
    { ...make('UG', 'KE', {}, { ending: '0003', walletId: 'mpesa-ke' }), ...refunded },
    { ...make('KE', 'UG', {}, { ending: '0003', walletId: 'mtn-ug' }), ...refunded },
    { ...make('CI', 'SN', {}, { ending: '0003', walletId: 'orange-sn' }), ...refunded },
    { ...make('CM', 'NG', {}, { ending: '0003', walletId: 'airtel-ng' }), ...refunded },
  ];
}

/** The direct rail refuses and the hub of the country does it. */
function draftRerouted(make: Make): Draft[] {
  return [
    make('TZ', 'KE', {}, { ending: '0004', walletId: 'mpesa-ke' }),
    make('KE', 'UG', {}, { ending: '0004', walletId: 'mtn-ug' }),
    make('UG', 'RW', {}, { ending: '0004', walletId: 'mtn-rw' }),
    make('NG', 'GH', {}, { ending: '0004', walletId: 'mtn-gh' }),
    make('SN', 'CI', {}, { ending: '0004', walletId: 'orange-ci' }),
    make('ZA', 'ZM', {}, { ending: '0004', walletId: 'airtel-zm' }),
    make('KE', 'RW', { ending: '0005', walletId: 'mpesa-ke' }),
    make('CM', 'CI', { ending: '0005', walletId: 'mtn-cm' }),
    make('TZ', 'RW', { ending: '0005', walletId: 'yas-tz' }),
  ];
}

/** Answers and callbacks that are lost, doubled or slow; the money arrives all the same, once. */
function draftTroubled(make: Make): Draft[] {
  return [
    make('KE', 'TZ', { ending: '0006', walletId: 'mpesa-ke' }),
    make('KE', 'UG', {}, { ending: '0006', walletId: 'mtn-ug' }),
    make('GH', 'CI', {}, { ending: '0006', walletId: 'moov-ci' }),
    make('RW', 'UG', { ending: '0007', walletId: 'mtn-rw' }),
    make('UG', 'KE', {}, { ending: '0007', walletId: 'mpesa-ke' }),
    make('ZM', 'TZ', {}, { ending: '0007', walletId: 'vodacom-tz' }),
    make('KE', 'UG', { ending: '0008', walletId: 'mpesa-ke' }),
    make('CI', 'GH', {}, { ending: '0008', walletId: 'mtn-gh' }),
    make('SN', 'CI', { ending: '0008', walletId: 'orange-sn' }),
    make('UG', 'RW', { ending: '0009', walletId: 'mtn-ug' }),
    make('ZA', 'KE', {}, { ending: '0009', walletId: 'mpesa-ke' }),
  ];
}

/** A sender's payments within one hour that go through; the next ones are held. */
const UNHURRIED = 4;

/** One sender who pays six times in a row; the rows must stay together and in this order. */
export function draftBurst(random: Random, people: People): Draft[] {
  const sender = people.person('KE', { walletId: 'mpesa-ke' });
  const receivers = [people.person('UG'), people.person('UG')];
  return Array.from({ length: UNHURRIED + 2 }, (_, index): Draft => {
    const draft = { sender, receiver: random.pick(receivers), usd: drawUsd(random, SMALL_USD) };
    return index < UNHURRIED ? draft : { ...draft, expect: 'held', code: 'compliance_review' };
  });
}
