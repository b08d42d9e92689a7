/**
 * Travel-rule messages in the shape of IVMS 101 (interVASP data model standard, 2020): who sends to whom,
 * from which account to which, through which institutions. FATF Recommendation 16 asks that they go with
 * every transfer across borders from USD 1,000 on; we make them for any.
 */
import { z } from 'zod';
import { formatAmount } from '../../domain/money.ts';
import { dayOf } from '../../domain/network.ts';
import { travelRuleGaps } from '../../domain/travel-rule.ts';
import type { ReportingEntity } from './entity.ts';
import { ivmsParty, legalPersonOf, legalPersonSchema, partySchema } from './ivms.ts';
import { nameParts, type ReportParty, type ReportPayment } from './subject.ts';

const account = z.array(z.string().min(1).max(100)).min(1);
const institution = z.strictObject({ legalPerson: legalPersonSchema });

/** The message: the five parts of IVMS 101, and beside them the transfer it belongs to. */
export const travelRuleSchema = z.strictObject({
  ivms101: z.strictObject({
    originator: z.strictObject({ originatorPersons: z.array(partySchema).min(1), accountNumber: account }),
    beneficiary: z.strictObject({ beneficiaryPersons: z.array(partySchema).min(1), accountNumber: account }),
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

/** What the rule asks for of each party, with what we have; `missing` names the rest, by the text in force and by the next. */
export interface TravelRuleReport {
  readonly message: TravelRuleMessage;
  readonly missing: readonly string[];
  readonly missingNext: readonly string[];
}

/** Makes the message of one payment. */
export function writeTravelRule(payment: ReportPayment, entity: ReportingEntity): TravelRuleReport {
  const { sender, receiver } = payment;
  const message = travelRuleSchema.parse({
    ivms101: {
      originator: { originatorPersons: [ivmsParty(sender)], accountNumber: [sender.phone] },
      beneficiary: { beneficiaryPersons: [ivmsParty(receiver)], accountNumber: [receiver.phone] },
      originatingVASP: { originatingVASP: { legalPerson: legalPersonOf(entity.institutionName, entity.address?.country, entity.lei) } },
      beneficiaryVASP: { beneficiaryVASP: { legalPerson: legalPersonOf(receiver.operator, receiver.country) } },
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
  const day = dayOf(payment.createdAtMs);
  const gaps = travelRuleGaps([sender.country, receiver.country], day, travelling(sender), travelling(receiver));
  return { message, ...gaps };
}

/** A name that forms have no first and last part of is not a full one. */
function travelling({ name, phone, details }: ReportParty) {
  const isNamed = details?.type === 'organisation' ? name.trim() !== '' : nameParts(name).complete;
  return { isNamed, hasAccount: phone !== '', details };
}
