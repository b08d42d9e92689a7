/** The people whose keys change, and payments between them. */
import { type PaymentIntent, parseIntent } from '../../domain/intent.ts';
import { createPeople, type Person } from '../../examples/people.ts';
import { seededRandom } from '../../examples/random.ts';

/** A payment as a client sends it, and as it is understood. */
export interface CrowdIntent {
  readonly input: { readonly referenceId: string } & Readonly<Record<string, unknown>>;
  readonly intent: PaymentIntent;
}

/** One payment in so many goes from wallet to wallet, over operators; the others from balance to balance. */
const WALLETS_EVERY = 20;

/** People from Kenya and Uganda in turn, and payments between them. */
export function createCrowd(count: number) {
  const random = seededRandom(20_261_126);
  const people = createPeople(random);
  const crowd: readonly Person[] = Array.from({ length: count }, (_, at) => people.person(at % 2 === 0 ? 'KE' : 'UG'));
  let references = 0;
  const intentOf = (sender: Person, receiver: Person): CrowdIntent => {
    references += 1;
    const input = {
      referenceId: `rotation-${references}`,
      amount: '1500',
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      sender: { name: sender.name, phone: sender.phone, country: sender.country },
      receiver: { name: receiver.name, phone: receiver.phone, country: receiver.country },
      ...(references % WALLETS_EVERY === 0 ? {} : { funding: 'balance', delivery: 'balance' }),
    } as const;
    const parsed = parseIntent(input);
    if (!parsed.ok) throw new Error(`an intent is wrong: ${parsed.errors.map(({ field, code }) => `${field} ${code}`).join(', ')}`);
    return { input, intent: parsed.intent };
  };
  const at = (index: number): Person => crowd[index % count] as Person;
  return {
    phones: crowd.map(({ phone }) => phone),
    /** So many payments, each between the next two people. */
    pairs: (from: number, wanted: number) =>
      Array.from({ length: Math.min(wanted, Math.ceil((count - from) / 2)) }, (_, index) =>
        intentOf(at(from + 2 * index), at(from + 2 * index + 1)),
      ),
    /** So many payments between any two. */
    random: (wanted: number) =>
      Array.from({ length: wanted }, () => intentOf(at(2 * random.below(count / 2)), at(2 * random.below(count / 2) + 1))),
  };
}
