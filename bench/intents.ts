/** Intents for benches: payments across currencies, each between people of its own, of sizes that people send. */
import { drawUsd, writeAmount } from '../examples/amounts.ts';
import { createPeople } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import { countryByCode } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';

export interface IntentOptions {
  /** Begins every reference; the run's own. */
  readonly prefix: string;
  /** From balance to balance, or from wallet to wallet. */
  readonly between: 'balances' | 'wallets';
  /** Of a hundred payments so many are to people with a listed name, its words in another order: people must look at them. */
  readonly flaggedPercent?: number;
  readonly usdMax?: number;
  /** Other seeds make other people. */
  readonly seed?: number;
}

export interface MadeIntent {
  readonly referenceId: string;
  readonly [field: string]: unknown;
}

/** Corridors between countries whose currencies differ. */
export const CORRIDORS: readonly (readonly [Country, Country])[] = [
  ['KE', 'UG'],
  ['UG', 'KE'],
  ['KE', 'RW'],
  ['GH', 'CI'],
  ['CI', 'GH'],
  ['ZM', 'KE'],
];

/** People send up to so much here; larger sums meet limits of tiers, which are not what is measured. */
const USD_MAX = 60;
/** Stands on the built-in sample list with its words in another order. */
const DOUBTFUL_NAME = 'WAKHUNGU Jelani Obote';
/** References of payments that people must look at end so. */
export const FLAGGED_ENDING = '-f';

/** Makes a maker of intents. The same options make the same intents. */
export function intentMaker({ prefix, between, flaggedPercent = 0, usdMax = USD_MAX, seed = 1 }: IntentOptions): () => MadeIntent {
  const random = seededRandom(20_261_126 + seed);
  const people = createPeople(random);
  const sides = between === 'balances' ? { funding: 'balance', delivery: 'balance' } : {};
  let count = 0;
  return () => {
    const [from, to] = random.pick(CORRIDORS);
    const isFlagged = flaggedPercent > 0 && random.next() * 100 < flaggedPercent;
    const party = (country: Country, named: string | null) => {
      const { name, phone } = people.person(country);
      return { name: named ?? name, phone, country };
    };
    count += 1;
    return {
      referenceId: `${prefix}-${count}${isFlagged ? FLAGGED_ENDING : ''}`,
      amount: writeAmount(random, from, drawUsd(random, usdMax)),
      fromCurrency: countryByCode(from).currency,
      toCurrency: countryByCode(to).currency,
      sender: party(from, null),
      receiver: party(to, isFlagged ? DOUBTFUL_NAME : null),
      ...sides,
    };
  };
}
