import { describe, expect, it } from 'vitest';
import type { PartyDetails } from '../../domain/party.ts';
import { writeGoaml } from './goaml.ts';
import { ENTITY, inputOf, paymentOf } from './testing.ts';
import { travelRuleSchema, writeTravelRule } from './travel-rule.ts';
import { faultsOfGoaml } from './validate.ts';

const PERSON: PartyDetails = {
  type: 'person',
  dateOfBirth: '1971-03-04',
  placeOfBirth: 'Kisumu',
  nationality: 'UG',
  address: { line: '12 Moi Avenue', town: 'Nairobi', postcode: '00100', country: 'KE' },
  document: { type: 'passport', number: 'A1234567', country: 'UG' },
};
const COMPANY: PartyDetails = {
  type: 'organisation',
  nationality: 'KE',
  address: { line: 'Box 7', town: 'Mombasa', country: 'KE' },
  document: { type: 'lei', number: '5493000IBP32UQZ0KL24' },
};
const RECEIVER: PartyDetails = { address: { town: 'Kampala', country: 'UG' } };

const sentBy = (details: PartyDetails, name = paymentOf().sender.name) =>
  paymentOf({ sender: { ...paymentOf().sender, name, details }, receiver: { ...paymentOf().receiver, details: RECEIVER } });

describe('a travel-rule message', () => {
  const written = (details: PartyDetails, name?: string) => {
    const report = writeTravelRule(sentBy(details, name), ENTITY);
    expect(travelRuleSchema.parse(JSON.parse(JSON.stringify(report.message)))).toEqual(report.message);
    return { ...report, originator: report.message.ivms101.originator.originatorPersons[0] };
  };

  it('has the shape of IVMS 101 and names what the rule asks for and what its next text will', () => {
    const { message, missing, missingNext } = writeTravelRule(paymentOf(), { ...ENTITY, lei: '5493000IBP32UQZ0KL24' });
    expect(travelRuleSchema.parse(JSON.parse(JSON.stringify(message)))).toEqual(message);
    expect(message.ivms101.originator.originatorPersons[0]).toEqual({
      naturalPerson: {
        name: { nameIdentifier: [{ primaryIdentifier: 'Odhiambo', secondaryIdentifier: 'Achieng', nameIdentifierType: 'LEGL' }] },
        customerIdentification: 'user-1',
        countryOfResidence: 'KE',
      },
    });
    expect(message.ivms101.originator.accountNumber).toEqual(['+254712345678']);
    expect(message.ivms101.originatingVASP.originatingVASP.legalPerson.nationalIdentification?.nationalIdentifierType).toBe('LEIX');
    expect(missing).toEqual([]);
    expect(missingNext).toEqual(['originator_address', 'originator_date_of_birth', 'beneficiary_town']);
    const single = writeTravelRule(paymentOf({ sender: { ...paymentOf().sender, name: 'Madonna' } }), ENTITY);
    expect(single.missing).toEqual(['originator_name']);
  });

  it('carries what a client said of a person, and lacks nothing then', () => {
    const { originator, missing, missingNext, message } = written(PERSON);
    expect(originator).toMatchObject({
      naturalPerson: {
        geographicAddress: [{ addressType: 'HOME', addressLine: ['12 Moi Avenue'], postCode: '00100', townName: 'Nairobi', country: 'KE' }],
        nationalIdentification: { nationalIdentifier: 'A1234567', nationalIdentifierType: 'CCPT', countryOfIssue: 'UG' },
        dateAndPlaceOfBirth: { dateOfBirth: '1971-03-04', placeOfBirth: 'Kisumu' },
      },
    });
    expect(message.ivms101.beneficiary.beneficiaryPersons[0]).toMatchObject({
      naturalPerson: { geographicAddress: [{ addressLine: ['Kampala'], townName: 'Kampala', country: 'UG' }] },
    });
    expect([missing, missingNext]).toEqual([[], []]);
  });

  it('leaves out a birth without its place, and a number that is too long', () => {
    const { originator } = written({ dateOfBirth: '1971-03-04', document: { type: 'national_id', number: '1'.repeat(40) } });
    expect(originator).toEqual({ naturalPerson: expect.not.objectContaining({ dateAndPlaceOfBirth: expect.anything() }) });
    expect(originator).toEqual({ naturalPerson: expect.not.objectContaining({ nationalIdentification: expect.anything() }) });
  });

  it('tells an organisation as one, a single word being a whole name', () => {
    const { originator, missing } = written(COMPANY, 'Safarilink');
    expect(originator).toEqual({
      legalPerson: {
        name: { nameIdentifier: [{ legalPersonName: 'Safarilink', legalPersonNameIdentifierType: 'LEGL' }] },
        nationalIdentification: { nationalIdentifier: '5493000IBP32UQZ0KL24', nationalIdentifierType: 'LEIX' },
        countryOfRegistration: 'KE',
        geographicAddress: [{ addressType: 'BIZZ', addressLine: ['Box 7'], townName: 'Mombasa', country: 'KE' }],
        customerIdentification: 'user-1',
      },
    });
    expect(missing).toEqual([]);
  });

  it('cuts a long line into lines', () => {
    const line = 'Behind the old market, '.repeat(4).trim();
    const { originator } = written({ address: { line, town: 'Nairobi', country: 'KE' } });
    const lines =
      originator !== undefined && 'naturalPerson' in originator ? originator.naturalPerson.geographicAddress?.[0]?.addressLine : [];
    expect(lines?.join('')).toBe(line);
    expect(lines).toHaveLength(2);
  });
});

describe('a goAML report', () => {
  it.each(['STR', 'SAR'] as const)('%s has what a client said of a person, and fewer gaps', async (kind) => {
    const { xml, gaps } = writeGoaml(inputOf({ kind, payments: [sentBy(PERSON)] }));
    expect(await faultsOfGoaml(xml)).toEqual([]);
    for (const element of [
      '<birthdate>1971-03-04</birthdate>',
      '<birth_place>Kisumu</birth_place>',
      '<passport_number>A1234567</passport_number>',
      '<passport_country>UG</passport_country>',
      '<nationality1>UG</nationality1>',
      '<zip>00100</zip>',
    ])
      expect(xml).toContain(element);
    if (kind === 'STR') expect(gaps.filter((gap) => gap.startsWith('t_from/t_conductor'))).toEqual(['t_from/t_conductor/occupation']);
    // The receiver's town is known, and no more.
    expect(gaps.some((gap) => gap.endsWith('/birthdate'))).toBe(true);
    expect(gaps.some((gap) => gap.endsWith('/addresses'))).toBe(false);
  });

  it.each(['STR', 'SAR', 'CTR'] as const)('%s tells an organisation as one', async (kind) => {
    const { xml, gaps } = writeGoaml(inputOf({ kind, payments: [sentBy(COMPANY, 'Safarilink Aviation')] }));
    expect(await faultsOfGoaml(xml)).toEqual([]);
    expect(xml).toContain('<name>Safarilink Aviation</name>');
    expect(xml).toContain('<incorporation_number>5493000IBP32UQZ0KL24</incorporation_number>');
    expect(xml).not.toContain('<first_name>Safarilink</first_name>');
    if (kind !== 'SAR') expect(gaps).toContain('t_from/from_account/signatory');
  });

  it('says that a year is no date, and keeps a number that does not fit out', async () => {
    const { xml, gaps } = writeGoaml(
      inputOf({ payments: [sentBy({ dateOfBirth: '1971', document: { type: 'national_id', number: '1'.repeat(30) } })] }),
    );
    expect(await faultsOfGoaml(xml)).toEqual([]);
    expect(xml).not.toMatch(/birthdate|id_number/);
    expect(gaps).toEqual(expect.arrayContaining(['t_from/t_conductor/birthdate', 't_from/t_conductor/id_number']));
  });
});
