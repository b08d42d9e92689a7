/** What clients ask for: a payment, and who is in it. */

export interface PartyInput extends PartyDetails {
  readonly name: string;
  readonly phone: string;
  readonly country: string;
}

/** What else is known of a party. Give what you have: it tells namesakes from listed people, and travels with payments across borders. */
export interface PartyDetails {
  readonly type?: 'person' | 'organisation';
  /** `1971-03-04`, or `1971` where no more is known. */
  readonly dateOfBirth?: string;
  readonly placeOfBirth?: string;
  /** ISO 3166-1 alpha-2; of an organisation, where it is registered. */
  readonly nationality?: string;
  readonly address?: { readonly line?: string; readonly town: string; readonly postcode?: string; readonly country: string };
  readonly document?: {
    readonly type: 'national_id' | 'passport' | 'residence_permit' | 'driving_licence' | 'registration' | 'lei' | 'tax_number';
    readonly number: string;
    readonly country?: string;
  };
}

/** What is added to what is known of the parties of a held payment. What was said before stands. */
export interface AddedDetails {
  readonly sender?: PartyDetails;
  readonly receiver?: PartyDetails;
}

/** A payment intent as clients write it. */
export interface IntentInput {
  readonly referenceId: string;
  /** What the sender pays in all, major units: "1250.50". */
  readonly amount: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly sender: PartyInput;
  readonly receiver: PartyInput;
  readonly preference?: 'cheapest' | 'fastest' | 'most_reliable';
  readonly purpose?: string;
  readonly funding?: 'wallet' | 'balance';
  readonly delivery?: 'wallet' | 'balance';
  readonly quoteId?: string;
}
