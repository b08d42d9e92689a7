import { describe, expect, it } from 'vitest';
import { fingerprintOf, intentFromRecord, PARTY_COLUMNS, parseIntent, type PaymentIntent } from './intent.ts';
import { addDetails, completeDetails, type PartyDetails, type PartyDetailsInput } from './party.ts';

const DAY = '2026-11-01';
const SENDER = { name: 'Wanjiru Kamau', phone: '0712 345678', country: 'KE' };
const INTENT = {
  referenceId: 'inv-1',
  amount: '1250.50',
  fromCurrency: 'KES',
  toCurrency: 'UGX',
  receiver: { name: 'Nakato Okello', phone: '0772123456', country: 'UG' },
};
const FULL = {
  type: 'person',
  dateOfBirth: '1971-03-04',
  placeOfBirth: 'Kisumu',
  nationality: 'KE',
  address: { line: '12 Moi Avenue', town: 'Nairobi', postcode: '00100', country: 'KE' },
  document: { type: 'national_id', number: '22334455', country: 'KE' },
} as const satisfies PartyDetails;
const LEI = '5493000IBP32UQZ0KL24';

const readWith = (details: unknown) => parseIntent({ ...INTENT, sender: { ...SENDER, ...(details as object) } }, 3, DAY);

function intentWith(details: unknown): PaymentIntent {
  const verdict = readWith(details);
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
  return verdict.intent;
}

function errorsOf(details: unknown): string[] {
  const verdict = readWith(details);
  return verdict.ok ? [] : verdict.errors.map((error) => `${error.field} ${error.code}`);
}

describe('what a client says of a party', () => {
  it('is kept whole, beside the party', () => {
    const { sender, receiver } = intentWith(FULL);
    expect(sender).toEqual({ name: 'Wanjiru Kamau', phone: '+254712345678', country: 'KE', walletId: 'mpesa-ke', details: FULL });
    expect('details' in receiver).toBe(false);
  });

  it.each([
    ['a year alone', { dateOfBirth: '1971' }, { dateOfBirth: '1971' }],
    ['a country of no corridor', { nationality: 'FR' }, { nationality: 'FR' }],
    [
      'an address with its town alone',
      { address: { town: ' Kampala  West ', country: 'UG' } },
      { address: { town: 'Kampala West', country: 'UG' } },
    ],
    [
      'a number in small letters',
      { document: { type: 'passport', number: ' a-1234567 ' } },
      { document: { type: 'passport', number: 'A-1234567' } },
    ],
    [
      'an organisation by its LEI',
      { type: 'organisation', document: { type: 'lei', number: LEI } },
      { type: 'organisation', document: { type: 'lei', number: LEI } },
    ],
  ])('may be %s', (_, given, details) => {
    expect(intentWith(given).sender.details).toEqual(details);
  });

  it('changes nothing of an intent without it, and is part of what a repeated request must repeat', () => {
    const [plain, told, other] = [{}, FULL, { ...FULL, dateOfBirth: '1971-03-05' }].map((details) => fingerprintOf(intentWith(details)));
    expect(plain?.toString('hex')).toBe('6fda41882c60911ff4aed4e45dfe4dd9bb9b76c85ac8c576e31e54816bb5e9ae');
    expect(told).not.toEqual(plain);
    expect(told).not.toEqual(other);
  });

  it.each([
    [{ type: 'robot' }, ['sender.type validation_failed']],
    [{ dateOfBirth: '4 March 1971' }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ dateOfBirth: '1971-02-30' }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ dateOfBirth: '2026-11-02' }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ dateOfBirth: '2027' }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ dateOfBirth: '1890-01-01' }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ dateOfBirth: 1971 }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ dateOfBirth: null }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ type: 'organisation', dateOfBirth: '1971' }, ['sender.dateOfBirth date_of_birth_invalid']],
    [{ type: 'organisation', placeOfBirth: 'Kisumu' }, ['sender.placeOfBirth address_invalid']],
    [{ placeOfBirth: 'Kisumu\u202E' }, ['sender.placeOfBirth address_invalid']],
    [{ placeOfBirth: 'K'.repeat(101) }, ['sender.placeOfBirth address_invalid']],
    [{ nationality: 'Kenya' }, ['sender.nationality country_code_invalid']],
    [{ nationality: 'ZZ' }, ['sender.nationality country_code_invalid']],
    [{ address: 'Nairobi' }, ['sender.address address_invalid']],
    [{ address: null }, ['sender.address address_invalid']],
    [{ address: { country: 'KE' } }, ['sender.address.town address_invalid']],
    [{ address: { town: '--', country: 'KE' } }, ['sender.address.town address_invalid']],
    [{ address: { town: 'Nairobi', country: 'XX' } }, ['sender.address.country country_code_invalid']],
    [{ address: { town: 'Nairobi', country: 'KE', postcode: '0'.repeat(11) } }, ['sender.address.postcode address_invalid']],
    [{ address: { town: 'Nairobi', country: 'KE', county: 'x' } }, ['sender.address.county validation_failed']],
    [{ document: 7 }, ['sender.document document_invalid']],
    [{ document: { type: 'library_card', number: '123' } }, ['sender.document.type document_invalid']],
    [{ document: { type: 'passport' } }, ['sender.document.number document_invalid']],
    [{ document: { type: 'passport', number: 'none' } }, ['sender.document.number document_invalid']],
    [{ document: { type: 'passport', number: 'A1;drop' } }, ['sender.document.number document_invalid']],
    [{ document: { type: 'passport', number: 'A1', country: 'EU' } }, ['sender.document.country country_code_invalid']],
    [{ type: 'organisation', document: { type: 'passport', number: 'A1' } }, ['sender.document.type document_invalid']],
    [{ document: { type: 'registration', number: 'A1' } }, ['sender.document.type document_invalid']],
    [{ type: 'organisation', document: { type: 'lei', number: '5493000IBP32UQZ0KL25' } }, ['sender.document.number document_invalid']],
    [{ birthday: 'x' }, ['sender.birthday validation_failed']],
    [
      { dateOfBirth: 'x', nationality: 'x', document: { type: 'passport', number: '' } },
      ['sender.document.number document_invalid', 'sender.dateOfBirth date_of_birth_invalid', 'sender.nationality country_code_invalid'],
    ],
  ])('is refused by its field when it is %j', (details, errors) => {
    expect(errorsOf(details)).toEqual(errors);
  });

  it('is never repeated in an error', () => {
    const secret = { dateOfBirth: '31-12-1999', nationality: 'Secretland', document: { type: 'passport', number: 'S3CR3T!' } };
    const verdict = readWith({ ...secret, address: { town: 'Secret\u0000Town', country: 'SECRET' } });
    expect(JSON.stringify(verdict)).not.toMatch(/secret|1999|S3CR3T/i);
  });
});

describe('a CSV of intents', () => {
  it('has a column for each of it, empty ones being absent', () => {
    const cells: Record<string, string> = {
      sender_type: 'person',
      sender_date_of_birth: '1971-03-04',
      sender_place_of_birth: 'Kisumu',
      sender_nationality: 'KE',
      sender_address_line: '12 Moi Avenue',
      sender_address_town: 'Nairobi',
      sender_address_postcode: '00100',
      sender_address_country: 'KE',
      sender_document_type: 'national_id',
      sender_document_number: '22334455',
      sender_document_country: 'KE',
    };
    expect(intentFromRecord({ ...cells, receiver_nationality: 'UG', receiver_date_of_birth: ' ' })).toEqual({
      sender: FULL,
      receiver: { nationality: 'UG' },
    });
    expect(PARTY_COLUMNS.filter((column) => column.startsWith('sender_'))).toEqual(Object.keys(cells));
  });
});

describe('what is added to what is known of somebody', () => {
  const known: PartyDetails = { dateOfBirth: '1971', address: { town: 'Kisumu', country: 'KE' } };
  const add = (given: PartyDetailsInput, before: PartyDetails = known) => completeDetails(before, given, DAY);

  it('is what lacked, part by part, in the form in which it is kept; a year may become a day of it', () => {
    const given = { dateOfBirth: '1971-03-04', address: { line: '12  Moi Avenue', town: 'Kisumu', country: 'KE' }, nationality: 'KE' };
    expect(add(given)).toEqual({
      details: { dateOfBirth: '1971-03-04', nationality: 'KE', address: { line: '12 Moi Avenue', town: 'Kisumu', country: 'KE' } },
      added: ['dateOfBirth', 'nationality', 'address.line'],
    });
    expect(add({ document: { type: 'passport', number: 'a1' } }, {})).toEqual({
      details: { document: { type: 'passport', number: 'A1' } },
      added: ['document.type', 'document.number'],
    });
    expect(add({ dateOfBirth: '1971', address: { town: 'Kisumu', country: 'KE' } })).toEqual({ details: known, added: [] });
  });

  it.each<[PartyDetailsInput, string, string, PartyDetails?]>([
    [{ dateOfBirth: '1972-03-04' }, 'detail_given', 'dateOfBirth'],
    [{ dateOfBirth: '1971' }, 'detail_given', 'dateOfBirth', { dateOfBirth: '1971-03-04' }],
    [{ address: { town: 'Nairobi', country: 'KE' } }, 'detail_given', 'address.town'],
    [{ type: 'person' }, 'detail_given', 'type', { type: 'organisation' }],
    [{ type: 'organisation' }, 'date_of_birth_invalid', 'dateOfBirth'],
    [{ dateOfBirth: '1990' }, 'date_of_birth_invalid', 'dateOfBirth', { type: 'organisation' }],
    [{ document: { type: 'lei', number: LEI } }, 'document_invalid', 'document.type', { type: 'person' }],
    [{ nationality: 'XX' }, 'country_code_invalid', 'nationality'],
  ])('%j is refused with %s of %s', (given, code, field, before = known) => {
    expect(() => add(given, before)).toThrow(expect.objectContaining({ code, field }));
  });

  it('may be a number in a register where an organisation is known', () => {
    expect(add({ document: { type: 'lei', number: LEI } }, { type: 'organisation' }).details).toEqual({
      type: 'organisation',
      document: { type: 'lei', number: LEI },
    });
  });
});

describe('what a person is kept with when more is said of them', () => {
  const known: PartyDetails = { dateOfBirth: '1971', address: { town: 'Kisumu', country: 'KE' }, nationality: 'KE' };

  it.each<[string, PartyDetails, PartyDetails]>([
    ['what lacked', { placeOfBirth: 'Kisumu' }, { ...known, placeOfBirth: 'Kisumu' }],
    ['the day of a year', { dateOfBirth: '1971-03-04' }, { ...known, dateOfBirth: '1971-03-04' }],
    [
      'the rest of the same address',
      { address: { line: '12 Moi Avenue', town: 'Kisumu', country: 'KE' } },
      { ...known, address: { line: '12 Moi Avenue', town: 'Kisumu', country: 'KE' } },
    ],
    [
      'what lacked beside what differs',
      { nationality: 'UG', document: { type: 'passport', number: 'A1' } },
      { ...known, document: { type: 'passport', number: 'A1' } },
    ],
  ])('has %s', (_, added, whole) => {
    expect(addDetails(known, added)).toEqual(whole);
  });

  it.each<[string, PartyDetails]>([
    ['a day of another year', { dateOfBirth: '1972-03-04' }],
    ['another country', { nationality: 'UG' }],
    ['a part of another address', { address: { line: '1 Uhuru Highway', town: 'Nairobi', country: 'KE' } }],
    ['what was said', { nationality: 'KE', address: { town: 'Kisumu', country: 'KE' } }],
    ['nothing', {}],
  ])('is not changed by %s', (_, added) => {
    expect(addDetails(known, added)).toBe(known);
  });

  it('stays of the type, and of the day, that was said first', () => {
    const first: PartyDetails = { type: 'person', dateOfBirth: '1971-03-04' };
    expect(addDetails(first, { dateOfBirth: '1971' })).toBe(first);
    expect(addDetails(first, { type: 'organisation', nationality: 'KE' })).toBe(first);
  });
});
