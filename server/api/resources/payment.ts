/** A payment, and all that belongs to it, as callers see it. Names stay inside; numbers are masked. */
import { z } from '@hono/zod-openapi';
import type { Keyring } from '../../../db/keyring.ts';
import type { Parties } from '../../../db/person-keys.ts';
import type { AttemptRow, EventRow, PaymentRow, TransferRow } from '../../../db/queries/payment-views.ts';
import { reasonForClients } from '../../../domain/disclosure.ts';
import { ERRORS } from '../../../domain/errors.ts';
import type { PaymentIntent } from '../../../domain/intent.ts';
import { ATTEMPT_STATES, LEGS, PAYMENT_STATUSES } from '../../../domain/lifecycle.ts';
import { maskPhone } from '../../../domain/phone.ts';
import type { Caller } from '../deps.ts';
import { amountOut, amountSchema, countrySchema, currencySchema, idSchema, minorSchema, momentOut, momentSchema } from './common.ts';
import { seesCompliance } from './oversight.ts';

const partySchema = z
  .object({
    phone: z.string().openapi({ description: 'Masked.', example: '+254••••••678' }),
    country: countrySchema,
    walletId: z.string().openapi({ example: 'mpesa-ke' }),
  })
  .openapi('PaymentParty');

export const statusSchema = z.enum(PAYMENT_STATUSES);

export const paymentSchema = z
  .object({
    id: idSchema,
    referenceId: z.string(),
    batchId: idSchema.nullable(),
    status: statusSchema,
    reasonCode: z.string().nullable().openapi({ description: 'Why the payment is where it is; null while all is well.' }),
    reason: z.string().nullable().openapi({ description: 'The reason in a sentence.' }),
    amount: amountSchema,
    amountMinor: minorSchema,
    fromCurrency: currencySchema,
    toCurrency: currencySchema,
    feeAmount: amountSchema.nullable(),
    feeAmountMinor: minorSchema.nullable(),
    targetAmount: amountSchema.nullable().openapi({ description: 'What the receiver gets, in `toCurrency`; known once routed.' }),
    targetAmountMinor: minorSchema.nullable(),
    funding: z.enum(['wallet', 'balance']),
    delivery: z.enum(['wallet', 'balance']),
    sender: partySchema,
    receiver: partySchema,
    preference: z.string(),
    purpose: z.string(),
    quoteId: idSchema.nullable(),
    refundRequestedAt: momentSchema.nullable(),
    createdAt: momentSchema,
    updatedAt: momentSchema,
    authorizedAt: momentSchema.nullable(),
    collectedAt: momentSchema.nullable(),
    completedAt: momentSchema.nullable(),
  })
  .openapi('Payment');

export type PaymentResource = z.infer<typeof paymentSchema>;

/** Opens the parties of a payment. For officers' eyes; every other use masks what it shows. */
export function openParties(keyring: Keyring, row: PaymentRow): Parties {
  return keyring.people.openParties(row);
}

function reasonOf(code: string | null): string | null {
  return code !== null && Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS].title : null;
}

/** A stored payment as a caller may see it. */
export function paymentOut(keyring: Keyring, row: PaymentRow, caller: Pick<Caller, 'scopes'>): PaymentResource {
  const parties = openParties(keyring, row);
  const reasonCode = seesCompliance(caller) ? row.reasonCode : reasonForClients(row.reasonCode);
  return {
    id: row.id,
    referenceId: row.referenceId,
    batchId: row.batchId,
    status: row.status,
    reasonCode,
    reason: reasonOf(reasonCode),
    amount: amountOut(row.amount, row.fromCurrency),
    amountMinor: row.amount.toString(),
    fromCurrency: row.fromCurrency as PaymentResource['fromCurrency'],
    toCurrency: row.toCurrency as PaymentResource['toCurrency'],
    feeAmount: amountOut(row.feeAmount, row.fromCurrency),
    feeAmountMinor: row.feeAmount?.toString() ?? null,
    targetAmount: amountOut(row.targetAmount, row.toCurrency),
    targetAmountMinor: row.targetAmount?.toString() ?? null,
    funding: row.funding as PaymentResource['funding'],
    delivery: row.delivery as PaymentResource['delivery'],
    sender: { phone: maskPhone(parties.sender.phone), country: row.fromCountry, walletId: row.senderWallet },
    receiver: { phone: maskPhone(parties.receiver.phone), country: row.toCountry, walletId: row.receiverWallet },
    preference: row.preference,
    purpose: row.purpose,
    quoteId: row.quoteId,
    refundRequestedAt: momentOut(row.refundRequestedAt),
    createdAt: momentOut(row.createdAt),
    updatedAt: momentOut(row.updatedAt),
    authorizedAt: momentOut(row.authorizedAt),
    collectedAt: momentOut(row.collectedAt),
    completedAt: momentOut(row.completedAt),
  };
}

/** What `paymentOut` shows that can change, without opening anything. */
export function paymentVersion(row: PaymentRow, caller: Pick<Caller, 'scopes'>): unknown[] {
  return [
    row.id,
    row.status,
    seesCompliance(caller) ? row.reasonCode : reasonForClients(row.reasonCode),
    row.feeAmount?.toString(),
    row.targetAmount?.toString(),
    row.quoteId,
    row.refundRequestedAt,
    row.updatedAt,
    row.authorizedAt,
    row.collectedAt,
    row.completedAt,
    // Of somebody whose data was erased nothing is shown.
    row.senderKey === null,
    row.receiverKey === null,
  ];
}

/** A payment that was accepted this moment, without reading it back. */
export function acceptedOut(paymentId: string, intent: PaymentIntent, createdAtMs: number): PaymentResource {
  const createdAt = new Date(createdAtMs).toISOString();
  const { amount, sender, receiver } = intent;
  return {
    id: paymentId,
    referenceId: intent.referenceId,
    batchId: null,
    status: 'accepted',
    reasonCode: null,
    reason: null,
    amount: amountOut(amount.minor, amount.currency),
    amountMinor: amount.minor.toString(),
    fromCurrency: amount.currency,
    toCurrency: intent.toCurrency,
    feeAmount: null,
    feeAmountMinor: null,
    targetAmount: null,
    targetAmountMinor: null,
    funding: intent.funding,
    delivery: intent.delivery,
    sender: { phone: maskPhone(sender.phone), country: sender.country, walletId: sender.walletId },
    receiver: { phone: maskPhone(receiver.phone), country: receiver.country, walletId: receiver.walletId },
    preference: intent.preference,
    purpose: intent.purpose,
    quoteId: intent.quoteId,
    refundRequestedAt: null,
    createdAt,
    updatedAt: createdAt,
    authorizedAt: null,
    collectedAt: null,
    completedAt: null,
  };
}

export const eventSchema = z
  .object({
    at: momentSchema,
    from: statusSchema.nullable(),
    to: statusSchema,
    reasonCode: z.string().nullable(),
    cause: z.string().openapi({ description: '`client`, `principal:<name>`, `cohort:<id>`, `attempt:<id>`, `case:<id>` or `sweeper`.' }),
  })
  .openapi('PaymentEvent');

/** A change of status as a caller may see it. */
export function eventOut(row: EventRow, caller: Pick<Caller, 'scopes'>): z.infer<typeof eventSchema> {
  const { fromStatus, toStatus } = row as { fromStatus: PaymentRow['status'] | null; toStatus: PaymentRow['status'] };
  const reasonCode = seesCompliance(caller) ? row.reasonCode : reasonForClients(row.reasonCode);
  return { at: momentOut(row.createdAt), from: fromStatus, to: toStatus, reasonCode, cause: row.cause };
}

export const attemptSchema = z
  .object({
    id: idSchema,
    paymentId: idSchema,
    leg: z.enum(LEGS),
    sequence: z.int(),
    railId: z.string(),
    state: z.enum(ATTEMPT_STATES),
    amount: amountSchema,
    amountMinor: minorSchema,
    currency: currencySchema,
    receipt: z.string().nullable(),
    reasonCode: z.string().nullable(),
    inquiries: z.int().openapi({ description: 'How often the operator has been asked what became of it.' }),
    nextInquiryAt: momentSchema.nullable().openapi({ description: 'When it is asked next, while the outcome is open.' }),
    openForMs: z.int().nullable().openapi({ description: 'How long the outcome has been open; null before it is sent and after its end.' }),
    createdAt: momentSchema,
    sentAt: momentSchema.nullable(),
    resolvedAt: momentSchema.nullable(),
    contradictedAt: momentSchema
      .nullable()
      .openapi({ description: 'When its operator first said otherwise than is recorded; a case tells more.' }),
  })
  .openapi('Attempt');

export function attemptOut(row: AttemptRow, nowMs: number): z.infer<typeof attemptSchema> {
  const isOpen = row.state === 'sent' || row.state === 'pending' || row.state === 'unknown';
  return {
    id: row.id,
    paymentId: row.paymentId,
    leg: row.leg,
    sequence: row.sequence,
    railId: row.railId,
    state: row.state,
    amount: amountOut(row.amount, row.currency),
    amountMinor: row.amount.toString(),
    currency: row.currency as PaymentResource['fromCurrency'],
    receipt: row.receipt,
    reasonCode: row.reasonCode,
    inquiries: row.inquiries,
    nextInquiryAt: isOpen ? momentOut(row.nextInquiryAt) : null,
    openForMs: isOpen && row.sentAt !== null ? Math.max(0, nowMs - row.sentAt.getTime()) : null,
    createdAt: momentOut(row.createdAt),
    sentAt: momentOut(row.sentAt),
    resolvedAt: momentOut(row.resolvedAt),
    contradictedAt: momentOut(row.contradictedAt),
  };
}

/** What `attemptOut` shows that can change, but for the time. */
export function attemptVersion(row: AttemptRow): unknown[] {
  const { id, state, receipt, reasonCode, inquiries, nextInquiryAt, sentAt, resolvedAt, contradictedAt } = row;
  return [id, state, receipt, reasonCode, inquiries, nextInquiryAt, sentAt, resolvedAt, contradictedAt];
}

export const transferSchema = z
  .object({
    id: idSchema,
    type: z.enum(['posted', 'pending', 'post', 'void', 'expire']),
    reason: z.string(),
    debitAccount: z.string().openapi({ example: 'float:mpesa-ke' }),
    creditAccount: z.string().openapi({ example: 'clearing:KES' }),
    amount: amountSchema,
    amountMinor: minorSchema,
    currency: currencySchema,
    pendingId: idSchema.nullable(),
    linkId: idSchema.nullable(),
    createdAt: momentSchema,
  })
  .openapi('Transfer');

export function transferOut(row: TransferRow): z.infer<typeof transferSchema> {
  return {
    id: row.id,
    type: row.type as z.infer<typeof transferSchema>['type'],
    reason: row.reason,
    debitAccount: row.debitAccount,
    creditAccount: row.creditAccount,
    amount: amountOut(row.amount, row.currency),
    amountMinor: row.amount.toString(),
    currency: row.currency as PaymentResource['fromCurrency'],
    pendingId: row.pendingId,
    linkId: row.linkId,
    createdAt: momentOut(row.createdAt),
  };
}
