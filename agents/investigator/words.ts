/**
 * The words in which the investigator speaks: all of them closed sets, so that nothing a customer wrote can
 * come out of a model, and every sentence an officer reads is one of ours.
 */

/** From mild to strict. What the rules hold is never advised to be less than looked at. */
export const RECOMMENDATIONS = ['no_further_concern', 'review', 'request_information', 'escalate', 'reject'] as const;
export type Recommendation = (typeof RECOMMENDATIONS)[number];

/** How strict a recommendation is, 0 to 4. */
export function severityOf(recommendation: Recommendation): number {
  return RECOMMENDATIONS.indexOf(recommendation);
}

/** The stricter of two recommendations: whatever a model says, this is where it ends. */
export function stricterOf(first: Recommendation, second: Recommendation): Recommendation {
  return severityOf(second) > severityOf(first) ? second : first;
}

export const CONCERNS = {
  listed_party: 'A party may be on a list: compare the entry with the person before anything else.',
  weak_match: 'The match with the list is weak: few words of the names meet.',
  office_holder: 'A party may hold a public office.',
  structuring: 'Several payments stay just below a threshold and pass it together.',
  velocity: 'The sender pays more often than is usual.',
  fan_in: 'Many people pay the same receiver within a day.',
  pass_through: 'The receiver passes on what comes in.',
  identity_unchecked: 'The identity of a party was never checked.',
  name_manipulated: 'A name hides letters, mixes scripts, or holds what no name holds.',
  text_manipulated: 'A text of the customer speaks to whoever reads it, or hides something.',
  high_risk_corridor: 'A country of the corridor is on a list of the FATF.',
  large_amount: 'The amount reaches the threshold of the travel rule.',
  new_relationship: 'These two have not paid each other before.',
  earlier_cases: 'A party was in cases before.',
  history_incomplete: 'There are more payments than were read.',
  story_mismatch: 'What the customer says does not fit the payments.',
} as const;
export type Concern = keyof typeof CONCERNS;
export const CONCERN_CODES = Object.keys(CONCERNS) as [Concern, ...Concern[]];

export const QUESTIONS = {
  date_of_birth: 'Ask for the date of birth, and compare it with the list entry.',
  identity_document: 'Ask for an identity document.',
  relationship: 'Ask how sender and receiver know each other.',
  source_of_funds: 'Ask where the money comes from.',
  purpose: 'Ask what the money is for, with a document that shows it.',
  address: 'Ask for the address of the party.',
  occupation: 'Ask for the occupation, and whether the amount fits it.',
} as const;
export type Question = keyof typeof QUESTIONS;
export const QUESTION_CODES = Object.keys(QUESTIONS) as [Question, ...Question[]];

export const SUREST = ['low', 'medium', 'high'] as const;
export type Sureness = (typeof SUREST)[number];

/** What may be said of a customer's text, once read behind the glass. */
export const LANGUAGES = ['none', 'en', 'fr', 'pt', 'sw', 'am', 'ar', 'other'] as const;
export const RELATIONSHIPS = ['none', 'family', 'friend', 'business', 'employer', 'unknown'] as const;
export const CLAIMED_PURPOSES = [
  'none',
  'family_support',
  'education',
  'medical',
  'business',
  'goods',
  'salary',
  'savings',
  'gift',
  'other',
] as const;
