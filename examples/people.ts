/** Made-up people: names of their country, numbers valid for their operator, written as people write them. */
import { COUNTRIES, walletById, walletsOfCountry } from '../domain/network.ts';
import { parsePhone } from '../domain/phone.ts';
import type { Country } from '../domain/rail.ts';
import { NAMES } from './names.ts';
import type { Random } from './random.ts';

/** The day whose wallets and prefixes the examples are made by, so that they never change by themselves. */
export const EXAMPLES_DAY = '2026-11-01';

/** Share of each operator among the customers of its country, roughly as published by operators and regulators in 2025. */
const WALLET_SHARE: Readonly<Record<string, number>> = {
  'mpesa-ke': 88,
  'airtel-ke': 10,
  'telkom-ke': 2,
  'mtn-ug': 58,
  'airtel-ug': 42,
  'vodacom-tz': 40,
  'yas-tz': 31,
  'airtel-tz': 20,
  'halotel-tz': 9,
  'mtn-rw': 70,
  'airtel-rw': 30,
  'mtn-gh': 78,
  'telecel-gh': 15,
  'at-gh': 7,
  'mtn-ng': 45,
  'airtel-ng': 30,
  'glo-ng': 15,
  '9mobile-ng': 10,
  'orange-ci': 48,
  'mtn-ci': 34,
  'moov-ci': 18,
  'orange-sn': 78,
  'yas-sn': 22,
  'mtn-cm': 56,
  'orange-cm': 44,
  'mtn-zm': 55,
  'airtel-zm': 37,
  'zamtel-zm': 8,
  'mtn-za': 60,
  'vodacom-za': 40,
};

export interface Person {
  readonly name: string;
  readonly country: Country;
  /** E.164. */
  readonly phone: string;
  readonly walletId: string;
}

/** Numbers that end so steer the sandbox operators; ordinary people do not have one. */
const STEERING_ENDING = /000[1-9]$/;

export interface People {
  /** A new person. `ending` gives the number its last four digits, `walletId` an operator of the country. */
  person(country: Country, options?: { readonly ending?: string; readonly walletId?: string; readonly name?: string }): Person;
  /** The number as a person might write it: local, international, with or without separators. */
  write(person: Person): string;
}

/** Makes people with numbers that no two of them share. */
export function createPeople(random: Random): People {
  const taken = new Set<string>();

  function numberOf(country: Country, walletId: string, ending: string | undefined): string {
    const callingCode = callingCodeOf(country);
    const length = nationalLengthOf(country);
    for (;;) {
      const prefix = random.weighted(prefixWeights(walletById(walletId, EXAMPLES_DAY).nationalPrefixes));
      let national = prefix;
      while (national.length < length) national += random.below(10);
      if (ending !== undefined) national = national.slice(0, -4) + ending;
      const phone = `+${callingCode}${national}`;
      if (taken.has(phone) || (ending === undefined && STEERING_ENDING.test(phone)) || !belongsTo(phone, country, walletId)) continue;
      taken.add(phone);
      return phone;
    }
  }

  return {
    person(country, options = {}) {
      const walletId = options.walletId ?? random.weighted(sharesOf(country));
      const name = options.name ?? nameOf(random, country);
      return { name, country, walletId, phone: numberOf(country, walletId, options.ending) };
    },
    write: (person) => writeNumber(random, person),
  };
}

/** A shorter prefix has more numbers behind it. */
function prefixWeights(prefixes: readonly string[]): Record<string, number> {
  return Object.fromEntries(prefixes.map((prefix) => [prefix, 10 ** -prefix.length]));
}

function sharesOf(country: Country): Record<string, number> {
  return Object.fromEntries(walletsOfCountry(country, EXAMPLES_DAY).map((wallet) => [wallet.id, WALLET_SHARE[wallet.id] ?? 1]));
}

function belongsTo(phone: string, country: Country, walletId: string): boolean {
  try {
    return parsePhone(phone, country, EXAMPLES_DAY).walletId === walletId;
  } catch {
    return false;
  }
}

function nameOf(random: Random, country: Country): string {
  const list = NAMES[country];
  if (!list) throw new RangeError('no names for this country');
  const givenNames = random.next() < 0.5 ? list.women : list.men;
  const given = random.pick(givenNames);
  let family = random.pick(list.family);
  while (family === given) family = random.pick(list.family);
  const middle = random.next() < 0.18 ? ` ${random.pick(givenNames)}` : '';
  const full = `${given}${middle.trim() === given ? '' : middle} ${family}`.replaceAll('_', ' ');
  // Some forms ask for the family name in capitals, and people keep the habit.
  return random.next() < 0.06 ? full.toUpperCase() : full;
}

function callingCodeOf(country: Country): string {
  const entry = COUNTRIES.find((each) => each.country === country);
  if (!entry) throw new RangeError('no such country');
  return entry.callingCode;
}

function nationalLengthOf(country: Country): number {
  return country === 'NG' || country === 'CI' ? 10 : 9;
}

/** Countries where local writing puts no zero in front of the national number. */
const WITHOUT_TRUNK_ZERO: readonly Country[] = ['CI', 'SN', 'CM'];

function writeNumber(random: Random, person: Person): string {
  const callingCode = callingCodeOf(person.country);
  const national = person.phone.slice(1 + callingCode.length);
  const groups =
    person.country === 'CI' ? (national.match(/\d\d/g) ?? []) : [national.slice(0, -6), national.slice(-6, -3), national.slice(-3)];
  const zero = WITHOUT_TRUNK_ZERO.includes(person.country) ? '' : '0';
  switch (random.weighted({ e164: 40, spaced: 18, bare: 14, local: 16, localSpaced: 9, localDashed: 3 })) {
    case 'e164':
      return person.phone;
    case 'spaced':
      return `+${callingCode} ${groups.join(' ')}`;
    case 'bare':
      return person.phone.slice(1);
    case 'local':
      return zero + national;
    case 'localSpaced':
      return zero + groups.join(' ');
    case 'localDashed':
      return zero + groups.join('-');
  }
}
