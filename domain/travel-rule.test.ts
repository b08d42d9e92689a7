import { describe, expect, it } from 'vitest';
import type { PartyDetails } from './party.ts';
import { travelRuleGaps, type TravellingParty } from './travel-rule.ts';

const NOW = '2026-11-27';
const LATER = '2031-01-01';
const party = (details?: PartyDetails, over: Partial<TravellingParty> = {}): TravellingParty => ({
  isNamed: true,
  hasAccount: true,
  details,
  ...over,
});
const gaps = (day: string, originator: TravellingParty, beneficiary: TravellingParty) =>
  travelRuleGaps(['KE', 'UG'], day, originator, beneficiary);

const ADDRESS = { line: '12 Moi Avenue', town: 'Nairobi', country: 'KE' };
const TOWN = { town: 'Kampala', country: 'UG' };
const WHOLE = party({ dateOfBirth: '1971-03-04', address: ADDRESS });

describe('what must travel with a payment', () => {
  it('are names and accounts by the text in force, and more by the next', () => {
    expect(gaps(NOW, party(), party())).toEqual({
      missing: [],
      missingNext: ['originator_address', 'originator_date_of_birth', 'beneficiary_town'],
    });
    expect(gaps(NOW, party(undefined, { isNamed: false }), party(undefined, { hasAccount: false })).missing).toEqual([
      'originator_name',
      'beneficiary_account',
    ]);
  });

  it('is what the revised text asks for from the day on which it is in force', () => {
    expect(gaps('2030-12-31', party(), party()).missing).toEqual([]);
    expect(gaps(LATER, party(), party())).toEqual({
      missing: ['originator_address', 'originator_date_of_birth', 'beneficiary_town'],
      missingNext: [],
    });
  });

  it('is complete with a date of birth, an address and a town', () => {
    expect(gaps(NOW, WHOLE, party({ address: TOWN }))).toEqual({ missing: [], missingNext: [] });
    expect(gaps(LATER, WHOLE, party({ address: TOWN }))).toEqual({ missing: [], missingNext: [] });
  });

  it.each<[string, PartyDetails, string[]]>([
    ['a year alone is no date', { dateOfBirth: '1971', address: ADDRESS }, ['originator_date_of_birth']],
    ['a town alone is no address', { dateOfBirth: '1971-03-04', address: TOWN }, ['originator_address']],
    ['a document stands for neither', { document: { type: 'passport', number: 'A1' } }, ['originator_address', 'originator_date_of_birth']],
    ['an organisation needs a number instead', { type: 'organisation', address: ADDRESS }, ['originator_document']],
  ])('%s', (_, details, missing) => {
    expect(gaps(LATER, party(details), party({ address: TOWN })).missing).toEqual(missing);
  });
});
