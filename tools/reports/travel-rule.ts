/**
 * Travel-rule messages in the shape of IVMS 101 (interVASP data model standard, 2020): who sends to whom,
 * from which account to which, through which institutions. FATF Recommendation 16 asks that they go with
 * every transfer across borders from USD 1,000 on; we make them for any.
 */
import { z } from 'zod';
import { formatAmount } from '../../domain/money.ts';
import type { ReportingEntity } from './entity.ts';
import { cleaned, cut, nameParts, type ReportParty, type ReportPayment } from './subject.ts';

const nameIdentifier = z.strictObject({
  primaryIdentifier: z.string().min(1).max(100),
  secondaryIdentifier: z.string().min(1).max(100).optional(),
  nameIdentifierType: z.enum(['ALIA', 'BIRT', 'MAID', 'LEGL', 'MISC']),
});
const naturalPerson = z.strictObject({
  name: z.strictObject({ nameIdentifier: z.array(nameIdentifier).min(1) }),
  customerIdentification: z.string().min(1).max(50).optional(),
  countryOfResidence: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
});
const legalPerson = z.strictObject({
  name: z.strictObject({
    nameIdentifier: z
      .array(
        z.strictObject({ legalPersonName: z.string().min(1).max(100), legalPersonNameIdentifierType: z.enum(['LEGL', 'SHRT', 'TRAD']) }),
      )
      .min(1),
  }),
  nationalIdentification: z
    .strictObject({ nationalIdentifier: z.string().regex(/^[A-Z0-9]{18}[0-9]{2}$/), nationalIdentifierType: z.literal('LEIX') })
    .optional(),
  countryOfRegistration: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
});
const party = z.strictObject({ naturalPerson });
const institution = z.strictObject({ legalPerson });

/** The message: the five parts of IVMS 101, and beside them the transfer it belongs to. */
export const travelRuleSchema = z.strictObject({
  ivms101: z.strictObject({
    originator: z.strictObject({ originatorPersons: z.array(party).min(1), accountNumber: z.array(z.string().min(1).max(100)).min(1) }),
    beneficiary: z.strictObject({ beneficiaryPersons: z.array(party).min(1), accountNumber: z.array(z.string().min(1).max(100)).min(1) }),
    originatingVASP: z.strictObject({ originatingVASP: institution }),
    beneficiaryVASP: z.strictObject({ beneficiaryVASP: institution }),
    payloadMetadata: z.strictObject({ transliterationMethod: z.array(z.enum(['othr'])).optional() }).optional(),
  }),
  transfer: z.strictObject({
    paymentId: z.uuid(),
    reference: z.string(),
    amount: z.string(),
    currency: z.string(),
    executedAt: z.iso.datetime(),
    purpose: z.string(),
  }),
});

export type TravelRuleMessage = z.infer<typeof travelRuleSchema>;

/** What the rule asks for of each party, with what we have; `missing` names the rest. */
export interface TravelRuleReport {
  readonly message: TravelRuleMessage;
  readonly missing: readonly string[];
}

/** Makes the message of one payment. */
export function writeTravelRule(payment: ReportPayment, entity: ReportingEntity): TravelRuleReport {
  const message = travelRuleSchema.parse({
    ivms101: {
      originator: { originatorPersons: [personOf(payment.sender)], accountNumber: [payment.sender.phone] },
      beneficiary: { beneficiaryPersons: [personOf(payment.receiver)], accountNumber: [payment.receiver.phone] },
      originatingVASP: { originatingVASP: institutionOf(entity.institutionName, entity.address?.country, entity.lei) },
      beneficiaryVASP: { beneficiaryVASP: institutionOf(payment.receiver.operator, payment.receiver.country) },
    },
    transfer: {
      paymentId: payment.id,
      reference: payment.referenceId,
      amount: formatAmount(payment.sent),
      currency: payment.sent.currency,
      executedAt: new Date(payment.completedAtMs ?? payment.createdAtMs).toISOString(),
      purpose: payment.purpose,
    },
  });
  const unnamed = [payment.sender, payment.receiver].some(({ name }) => !nameParts(name).complete);
  // Text in force: one of address, national id, customer id, date and place of birth; the customer id is there.
  const missing = ['originator date of birth and address (revised text of June 2025)', 'beneficiary town (revised text of June 2025)'];
  return { message, missing: unnamed ? ['a full name', ...missing] : missing };
}

function personOf(person: ReportParty) {
  const { first, last, complete } = nameParts(person.name);
  const identifier = { primaryIdentifier: last, ...(complete ? { secondaryIdentifier: first } : {}), nameIdentifierType: 'LEGL' };
  return {
    naturalPerson: { name: { nameIdentifier: [identifier] }, customerIdentification: person.userId, countryOfResidence: person.country },
  };
}

function institutionOf(name: string, country?: string, lei?: string) {
  return {
    legalPerson: {
      name: { nameIdentifier: [{ legalPersonName: cut(cleaned(name), 100), legalPersonNameIdentifierType: 'LEGL' }] },
      ...(lei === undefined ? {} : { nationalIdentification: { nationalIdentifier: lei, nationalIdentifierType: 'LEIX' } }),
      ...(country === undefined ? {} : { countryOfRegistration: country }),
    },
  };
}
