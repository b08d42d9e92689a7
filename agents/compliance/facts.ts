/**
 * What compliance knows of one payment. Plain JSON without personal data: names are there as counts of
 * their words and as ids of the list entries they hit; amounts are decimal strings of minor units.
 */

/** One of the two parties. */
export type PartyFacts = {
  /** `none`, `basic`, `verified`, `rejected`. */
  readonly kycStatus: string;
  readonly kycTier: number;
  /** Words of the name that can be compared; 0 when there is none. */
  readonly nameWords: number;
  /** The name hides something: see `normaliseName`. */
  readonly nameObscured: boolean;
  readonly phoneGiven: boolean;
};

export type HitFacts = {
  readonly party: 'sender' | 'receiver';
  readonly list: string;
  readonly entryId: string;
  readonly program: string;
  readonly how: 'exact' | 'normalised' | 'similar';
  readonly weak: boolean;
  readonly score: number;
  /** What the list is about; a hit that does not say is one of a sanctions list. */
  readonly topic?: 'sanction' | 'restriction' | 'pep';
  /** How the words of the two names met, without the words. */
  readonly grounds?: readonly string[];
};

/** Limits that count for this payment; null where none is known. */
export type LimitFacts = {
  readonly country: string;
  readonly tier: number | null;
  readonly validFrom: string | null;
  readonly singleMinor: string | null;
  readonly dailyMinor: string | null;
  readonly monthlyMinor: string | null;
  readonly dailyCount: number | null;
};

/** The sender's payments in windows that end with this one, this one included; sums in its currency. */
export type SenderFacts = {
  readonly count1h: number;
  readonly count24h: number;
  readonly sum24hMinor: string;
  readonly sum7dMinor: string;
  readonly sum30dMinor: string;
  /** There were more payments than were read, so counts and sums may be too small. */
  readonly truncated: boolean;
};

/** Payments in the band just below one threshold, this one included when it is in the band. */
export type ThresholdFacts = {
  readonly id: string;
  readonly thresholdMinor: string;
  readonly inBand: boolean;
  readonly count24h: number;
  readonly sum24hMinor: string;
  readonly count7d: number;
  readonly sum7dMinor: string;
};

export type ComplianceFacts = {
  readonly payment: {
    readonly amountMinor: string;
    readonly currency: string;
    readonly fromCountry: string;
    readonly toCountry: string;
    /** What the receiver gets, once the payment is quoted. */
    readonly targetMinor: string | null;
    readonly targetCurrency: string;
  };
  readonly sender: PartyFacts;
  readonly receiver: PartyFacts;
  /** The lists that were asked, by version. */
  readonly listVersion: string;
  readonly listSample: boolean;
  readonly hits: readonly HitFacts[];
  readonly limits: LimitFacts;
  /** What the receiver's wallet may hold at most. */
  readonly receiverBalanceMinor: string | null;
  readonly history: SenderFacts;
  readonly thresholds: readonly ThresholdFacts[];
  /** Different senders to the receiver in 24 hours, this one included. */
  readonly receiverSenders24h: number;
  readonly fatf: { readonly from: string; readonly to: string; readonly asOf: string };
  /** The case from which people released the payment, and the rules they saw; null when there was none. */
  readonly released: { readonly caseId: string; readonly rules: readonly string[] } | null;
};
