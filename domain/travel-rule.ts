/**
 * What must travel with a payment across borders (FATF Recommendation 16), and what of it lacks. The texts are dated data by country:
 * one that comes into force later is known before, so that it can be tried. Pure.
 */
import entries from './data/travel-rule.json' with { type: 'json' };
import { inForce } from './network.ts';
import type { PartyDetails } from './party.ts';

/** What is known of one party; `details` as its client gave them. */
export interface TravellingParty {
  readonly isNamed: boolean;
  readonly hasAccount: boolean;
  readonly details?: PartyDetails | undefined;
}

/** One thing that a text may ask for. */
type Item = 'name' | 'account' | 'address' | 'document' | 'customer_id' | 'birth' | 'date_of_birth' | 'town';

/** Groups of which one item each must be there. */
type Asked = readonly (readonly Item[])[];

interface TravelRuleText {
  readonly text: string;
  /** None: everywhere, where no text of the country's own is in force. */
  readonly countries: readonly string[];
  readonly validFrom: string;
  readonly source: string;
  readonly originator: Readonly<Record<'person' | 'organisation', Asked>>;
  readonly beneficiary: Asked;
}

const TEXTS = entries as readonly TravelRuleText[];

const HAS: Readonly<Record<Item, (party: TravellingParty) => boolean>> = {
  name: ({ isNamed }) => isNamed,
  account: ({ hasAccount }) => hasAccount,
  address: ({ details }) => details?.address?.line !== undefined,
  document: ({ details }) => details?.document !== undefined,
  // Everybody has a number of ours, under which they are known to their client and to us.
  customer_id: () => true,
  birth: ({ details }) => isDay(details?.dateOfBirth) && details?.placeOfBirth !== undefined,
  date_of_birth: ({ details }) => isDay(details?.dateOfBirth),
  town: ({ details }) => details?.address !== undefined,
};

/** A year alone is no date. */
function isDay(date: string | undefined): boolean {
  return date !== undefined && date.length === 10;
}

function gapsOf(role: 'originator' | 'beneficiary', asked: Asked, party: TravellingParty): string[] {
  return asked.flatMap((group) => (group.some((item) => HAS[item](party)) ? [] : [`${role}_${group.join('_or_')}`]));
}

function textsOf(country: string): readonly TravelRuleText[] {
  const own = TEXTS.filter((each) => each.countries.includes(country));
  return own.length > 0 ? own : TEXTS.filter((each) => each.countries.length === 0);
}

export interface TravelRuleGaps {
  /** By the texts that are in force in either country: `originator_address`. */
  readonly missing: readonly string[];
  /** By those that come next. */
  readonly missingNext: readonly string[];
}

/**
 * What lacks of two parties for a payment between two countries (ISO 3166-1) on a day (UTC): what either country asks for must be
 * there. An originator of whom it is not said counts as a person.
 */
export function travelRuleGaps(
  countries: readonly [string, string],
  day: string,
  originator: TravellingParty,
  beneficiary: TravellingParty,
): TravelRuleGaps {
  const gaps = (pick: (texts: readonly TravelRuleText[]) => TravelRuleText | undefined): string[] => {
    const texts = new Set(countries.map((country) => pick(textsOf(country))).filter((text) => text !== undefined));
    const found = [...texts].flatMap((text) => [
      ...gapsOf('originator', text.originator[originator.details?.type ?? 'person'], originator),
      ...gapsOf('beneficiary', text.beneficiary, beneficiary),
    ]);
    return [...new Set(found)];
  };
  return { missing: gaps((texts) => inForce(texts, day)), missingNext: gaps((texts) => nextOf(texts, day)) };
}

/** The text that comes into force first after a day. */
function nextOf(texts: readonly TravelRuleText[], day: string): TravelRuleText | undefined {
  return texts.filter((each) => each.validFrom > day).toSorted((a, b) => (a.validFrom < b.validFrom ? -1 : 1))[0];
}
