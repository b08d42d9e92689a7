/**
 * Persons in the shape of IVMS 101 (interVASP data model standard, 2020), with what a client said of them: as far as the standard has
 * a place for it and everything that the place asks for is known.
 */
import { z } from 'zod';
import type { DocumentType, PartyAddress, PartyDetails, PartyDocument } from '../../domain/party.ts';
import { cleaned, cut, nameParts, type ReportParty } from './subject.ts';

const countryCode = z.string().regex(/^[A-Z]{2}$/);

const geographicAddress = z
  .array(
    z.strictObject({
      addressType: z.enum(['HOME', 'BIZZ', 'GEOG']),
      addressLine: z.array(z.string().min(1).max(70)).min(1).max(7),
      postCode: z.string().min(1).max(16).optional(),
      townName: z.string().min(1).max(35),
      country: countryCode,
    }),
  )
  .min(1)
  .optional();

/** Numbers of a person say who issued them where that is known; of organisations only a LEI can be told without naming the register. */
const personalNumber = z.strictObject({
  nationalIdentifier: z.string().min(1).max(35),
  nationalIdentifierType: z.enum(['ARNU', 'CCPT', 'DRLC', 'IDCD', 'TXID']),
  countryOfIssue: countryCode.optional(),
});
const lei = z.strictObject({ nationalIdentifier: z.string().regex(/^[A-Z0-9]{18}[0-9]{2}$/), nationalIdentifierType: z.literal('LEIX') });

const naturalPerson = z.strictObject({
  name: z.strictObject({
    nameIdentifier: z
      .array(
        z.strictObject({
          primaryIdentifier: z.string().min(1).max(100),
          secondaryIdentifier: z.string().min(1).max(100).optional(),
          nameIdentifierType: z.enum(['ALIA', 'BIRT', 'MAID', 'LEGL', 'MISC']),
        }),
      )
      .min(1),
  }),
  geographicAddress,
  nationalIdentification: personalNumber.optional(),
  customerIdentification: z.string().min(1).max(50).optional(),
  dateAndPlaceOfBirth: z.strictObject({ dateOfBirth: z.iso.date(), placeOfBirth: z.string().min(1).max(70) }).optional(),
  countryOfResidence: countryCode.optional(),
});

export const legalPersonSchema = z.strictObject({
  name: z.strictObject({
    nameIdentifier: z
      .array(
        z.strictObject({ legalPersonName: z.string().min(1).max(100), legalPersonNameIdentifierType: z.enum(['LEGL', 'SHRT', 'TRAD']) }),
      )
      .min(1),
  }),
  geographicAddress,
  customerIdentification: z.string().min(1).max(50).optional(),
  nationalIdentification: lei.optional(),
  countryOfRegistration: countryCode.optional(),
});

/** One of the two. */
export const partySchema = z.union([z.strictObject({ naturalPerson }), z.strictObject({ legalPerson: legalPersonSchema })]);

type LegalPerson = z.infer<typeof legalPersonSchema>;

/** An originator or beneficiary. */
export function ivmsParty(party: ReportParty): z.infer<typeof partySchema> {
  if (party.details?.type === 'organisation') return { legalPerson: organisationOf(party, party.details) };
  const { first, last, complete } = nameParts(party.name);
  const { details = {} } = party;
  return {
    naturalPerson: {
      name: {
        nameIdentifier: [{ primaryIdentifier: last, ...(complete ? { secondaryIdentifier: first } : {}), nameIdentifierType: 'LEGL' }],
      },
      ...(details.address === undefined ? {} : { geographicAddress: [addressOf(details.address, 'HOME')] }),
      ...personalNumberOf(details.document),
      customerIdentification: party.userId,
      ...birthOf(details),
      // Where somebody lives, as far as is said; else where their wallet is.
      countryOfResidence: details.address?.country ?? party.country,
    },
  };
}

function organisationOf({ name, userId, country }: ReportParty, details: PartyDetails): LegalPerson {
  const { address, document, nationality } = details;
  return {
    ...legalPersonOf(name, nationality ?? country, document?.type === 'lei' ? document.number : undefined),
    ...(address === undefined ? {} : { geographicAddress: [addressOf(address, 'BIZZ')] }),
    customerIdentification: userId,
  };
}

/** A legal person by name, with its country and LEI where they are known. */
export function legalPersonOf(name: string, country?: string, leiNumber?: string): LegalPerson {
  return {
    name: { nameIdentifier: [{ legalPersonName: cut(cleaned(name), 100), legalPersonNameIdentifierType: 'LEGL' }] },
    ...(leiNumber === undefined ? {} : { nationalIdentification: { nationalIdentifier: leiNumber, nationalIdentifierType: 'LEIX' } }),
    ...(country === undefined ? {} : { countryOfRegistration: country }),
  };
}

function addressOf({ line, town, postcode, country }: PartyAddress, addressType: 'HOME' | 'BIZZ') {
  const lines = cleaned(line ?? town).match(/.{1,70}/gu) ?? [];
  return {
    addressType,
    addressLine: lines,
    ...(postcode === undefined ? {} : { postCode: cleaned(postcode) }),
    townName: cut(cleaned(town), 35),
    country,
  };
}

const NUMBER_TYPES: Readonly<Partial<Record<DocumentType, 'ARNU' | 'CCPT' | 'DRLC' | 'IDCD' | 'TXID'>>> = {
  national_id: 'IDCD',
  passport: 'CCPT',
  residence_permit: 'ARNU',
  driving_licence: 'DRLC',
  tax_number: 'TXID',
};

function personalNumberOf(document: PartyDocument | undefined) {
  const nationalIdentifierType = document && NUMBER_TYPES[document.type];
  if (nationalIdentifierType === undefined || document === undefined || document.number.length > 35) return {};
  const issued = document.country === undefined ? {} : { countryOfIssue: document.country };
  return { nationalIdentification: { nationalIdentifier: document.number, nationalIdentifierType, ...issued } };
}

/** The standard has a day and a place together, or neither. */
function birthOf({ dateOfBirth, placeOfBirth }: PartyDetails) {
  if (dateOfBirth?.length !== 10 || placeOfBirth === undefined) return {};
  return { dateAndPlaceOfBirth: { dateOfBirth, placeOfBirth: cut(cleaned(placeOfBirth), 70) } };
}
