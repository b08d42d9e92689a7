/** A payment intent: what a client asks for, checked and typed, before anything has been decided. */
import type { Currency } from './currency.ts';
import type { Money } from './money.ts';
import type { Country } from './rail.ts';

export const PREFERENCES = ['cheapest', 'fastest', 'most_reliable'] as const;
export type Preference = (typeof PREFERENCES)[number];

export const PURPOSES = ['family_support', 'education', 'medical', 'business', 'goods', 'salary', 'savings', 'gift', 'other'] as const;
export type Purpose = (typeof PURPOSES)[number];

export interface Party {
  readonly name: string;
  /** E.164, with plus. */
  readonly phone: string;
  readonly country: Country;
  readonly walletId: string;
}

export interface PaymentIntent {
  readonly referenceId: string;
  /** What the sender pays in all, fee included. */
  readonly amount: Money;
  readonly toCurrency: Currency;
  readonly sender: Party;
  readonly receiver: Party;
  readonly funding: 'wallet' | 'balance';
  readonly delivery: 'wallet' | 'balance';
  readonly preference: Preference;
  readonly purpose: Purpose;
  readonly quoteId: string | null;
}
