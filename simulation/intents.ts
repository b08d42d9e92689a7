/** What clients of the simulation want: payments of every kind, some of which cannot or must not go well. */
import { countryByCode, walletsOfCountry } from '../domain/network.ts';
import type { IntentInput } from '../domain/intent.ts';
import type { Country } from '../domain/rail.ts';
import { drawUsd, writeAmount } from '../examples/amounts.ts';
import { createPeople, EXAMPLES_DAY } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import type { Chance } from '../sandbox/random.ts';

/** One wish of a client. */
export interface Wish {
  /** Its place in the list: scripts name it by this. */
  readonly index: number;
  /** Milliseconds after the start. */
  readonly atMs: number;
  readonly intent: IntentInput;
  /** Asks for a quote first, and pays by it. */
  readonly byQuote: boolean;
  /** Sends the request twice at once. */
  readonly twice: boolean;
  /** Changes its mind so many milliseconds after it was accepted; null: never. */
  readonly changesMindAfterMs: number | null;
}

const CORRIDORS: readonly (readonly [Country, Country])[] = [
  ['KE', 'UG'],
  ['KE', 'TZ'],
  ['UG', 'KE'],
  ['TZ', 'KE'],
  ['UG', 'RW'],
  ['RW', 'KE'],
  ['GH', 'NG'],
  ['NG', 'GH'],
  ['CI', 'SN'],
  ['SN', 'CI'],
  ['GH', 'CI'],
  ['CM', 'CI'],
  ['CM', 'NG'],
  ['ZA', 'ZM'],
  ['ZM', 'TZ'],
];

/** So many wishes are many: they are handled as under load. */
export const MANY = 1_000;

/** Small enough for every wallet and tier, so that what is held is held for a reason of its own. */
const USD_MAX = 40;
/** Names of the built-in sample list with their words in another order: people must look. */
const DOUBTFUL = ['Sanounou Mamadou Kéta', 'WAKHUNGU Jelani Obote', 'Dr Essola Thierry Ngoumba', 'Alhaji Dikko, Farouk Abdulrahim'];
const ON_LIST = 'Jelani Obote Wakhungu';

/** Makes the list; the same for the same seed and count. */
export function makeWishes(chance: Chance, count: number, withinMs: number): Wish[] {
  const random = seededRandom(Math.floor(chance.draw('wishes') * 2 ** 32));
  const people = createPeople(random);
  return Array.from({ length: count }, (_, index): Wish => {
    const draw = (what: string): number => chance.draw('wish', what, index);
    const [from, to] = random.pick(CORRIDORS);
    const steered = draw('steered') < 0.16 ? `000${1 + Math.floor(draw('ending') * 9)}` : undefined;
    const sendersFate = draw('whose') < 0.5;
    // Nobody begins at a web page: the sandbox leads its payers there by itself, whether or not we were told the address.
    const wallets = walletsOfCountry(from, EXAMPLES_DAY).filter(({ id }) => !id.startsWith('orange-'));
    const walletId = random.pick(wallets).id;
    const sender = people.person(from, steered !== undefined && sendersFate ? { walletId, ending: steered } : { walletId });
    const receiver = people.person(to, steered !== undefined && !sendersFate ? { ending: steered } : {});
    const doubt = draw('doubt');
    const name = doubt < 0.015 ? random.pick(DOUBTFUL) : doubt < 0.018 ? ON_LIST : sender.name;
    const means = draw('means');
    return {
      index,
      atMs: Math.floor((withinMs * index) / Math.max(1, count)),
      byQuote: draw('quote') < 0.08,
      twice: draw('twice') < 0.06,
      changesMindAfterMs: draw('mind') < 0.05 ? Math.floor(30_000 * draw('when') ** 2) : null,
      intent: {
        referenceId: `wish-${index}`,
        amount: writeAmount(random, from, drawUsd(random, USD_MAX)),
        fromCurrency: countryByCode(from).currency,
        toCurrency: countryByCode(to).currency,
        sender: { name, phone: sender.phone, country: from },
        receiver: { name: receiver.name, phone: receiver.phone, country: to },
        // Most go from wallet to wallet; some begin or end at a balance, or both.
        funding: means < 0.1 || means > 0.96 ? 'balance' : 'wallet',
        delivery: means < 0.03 || (means > 0.9 && means <= 0.96) ? 'balance' : 'wallet',
      },
    };
  });
}
