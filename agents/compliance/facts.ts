/**
 * What compliance knows of one payment. Plain JSON without personal data: names are there as counts of
 * their words and as ids of the list entries they hit; amounts are decimal strings of minor units.
 */
import type { Agreement } from '../../tools/sanctions/screening/identifiers.ts';

/** One of the two parties. */
export type PartyFacts = {
  /** `none`, `basic`, `verified`, `rejected`. */
  readonly kycStatus: string;
  readonly kycTier: number;
  /** Words of the name that can be compared; 0 when there is none. */
  readonly nameWords: number;
  /** The name hides something: see `normaliseName`. */
  readonly nameObscured: boolean;
  /** Of the name nothing, or not all of it, was held against the lists; left out where all of it was. */
  readonly nameUnscreened?: 'part' | 'none';
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
  /** How birth, country and document compare, by class, where something was given and the list says something. */
  readonly agreement?: Agreement;
  /** SHA-256 of what the entry says, where people would have to look. */
  readonly entry?: string;
  /** Officers said that the person is not this entry, and both are as they were: in which case, how many, and until which day (UTC) it counts. */
  readonly cleared?: { readonly caseId: string; readonly officers: number; readonly until: string };
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

/**
 * What stands out about a payment against what its parties did before. Only what is there is written down: a
 * number that lacks is zero, a flag that lacks is false.
 */
export type Signals = {
  readonly amountUsdMinor?: string;
  readonly isRound?: boolean;
  /** Days since the sender was first seen; left out from a year on. */
  readonly senderAgeDays?: number;
  /** The sender did not pay this receiver in the 30 days before. */
  readonly isNewReceiver?: boolean;
  /** Different people whom the sender pays in 24 hours, from two on. */
  readonly receivers24h?: number;
  /** Round amounts among the sender's last five payments, this one included; from two on. */
  readonly roundOfLast5?: number;
  /** Days since the sender's payment before this one, from 30 on. */
  readonly dormantDays?: number;
  /** The amount against the mean of the sender's last 30 days, basis points; from three payments on. */
  readonly amountToMeanBps?: number;
  /** What the sender was paid in the 24 hours before, in its currency, and how long ago the last of it came. */
  readonly received24hMinor?: string;
  readonly minutesSinceReceived?: number;
  /** What the sender paid since the first of it came, this payment included, against it, basis points. */
  readonly passThroughBps?: number;
  /** Payments just below the travel rule's threshold to the receiver in 24 hours, this one included; from two on. */
  readonly bandToReceiver24h?: number;
  readonly bandSumToReceiver24hMinor?: string;
  readonly corridorRisk?: number;
  /** What the travel rule asks for and is not there; only where it applies. */
  readonly travelRuleMissing?: readonly string[];
  /** The same by the text of the rule that comes into force next. */
  readonly travelRuleMissingNext?: readonly string[];
  readonly isOriginatorUnverified?: boolean;
};

/** What the risk model said, and of which version it is. */
export type RiskFacts = {
  readonly model: string;
  /** The chance that the payment is fraud, 0 to 1. */
  readonly score: number;
  /** What raised the score most, the strongest first; left out while the score is low. */
  readonly reasons?: readonly string[];
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
  /** The rules that were in force, by label; decisions without one were made before there were sets of rules. */
  readonly ruleSet?: string;
  readonly signals?: Signals;
  readonly risk?: RiskFacts;
  /** The case from which people released the payment, and the rules they saw; null when there was none. */
  readonly released: { readonly caseId: string; readonly rules: readonly string[] } | null;
};
