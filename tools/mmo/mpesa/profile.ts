/** Settings of an M-Pesa Kenya app at Safaricom's Daraja. Sandbox and production differ in these alone. */
import { z } from 'zod';
import { ABSENCE_IS_SURE, absenceIsSure } from '../patience.ts';

const shortCode = z.string().regex(/^\d{5,7}$/, 'must be 5 to 7 digits');

export const mpesaProfileSchema = z
  .strictObject({
    /** `https://sandbox.safaricom.co.ke`, `https://api.safaricom.co.ke`. */
    baseUrl: z.url().transform((url) => url.replace(/\/+$/, '')),
    consumerKey: z.string().min(1),
    consumerSecret: z.string().min(1),
    stk: z.strictObject({
      shortCode,
      passkey: z.string().min(1),
      transactionType: z.enum(['CustomerPayBillOnline', 'CustomerBuyGoodsOnline']).default('CustomerPayBillOnline'),
      /** Buy Goods only: the till that is credited. */
      till: z
        .string()
        .regex(/^\d{5,8}$/)
        .optional(),
    }),
    b2c: z.strictObject({
      shortCode,
      initiatorName: z.string().min(1),
      initiatorPassword: z.string().min(1),
      /** PEM of Safaricom's certificate, or of its public key; sandbox and production have different ones. */
      certificate: z.string().includes('-----BEGIN'),
      commandId: z.enum(['BusinessPayment', 'SalaryPayment', 'PromotionPayment']).default('BusinessPayment'),
    }),
    /** How balances are asked for; Daraja tells them by a message. */
    balance: z
      .strictObject({
        /** Those that make up what the platform holds at M-Pesa: the two above, each once, unless told. */
        shortCodes: z.array(shortCode).min(1).optional(),
        /** Accounts of a short code that count: payouts leave from the utility account. */
        accounts: z.array(z.string().min(1)).min(1).default(['Utility Account']),
        /** A balance that was asked for so long ago at most is not asked for again. */
        freshForMs: z.number().int().nonnegative().default(60_000),
        /** How long an answer is waited for. */
        waitMs: z.number().int().positive().default(30_000),
      })
      .prefault({}),
    /** For registering at Pull Transactions: the number that stands for the organisation there. */
    pull: z.strictObject({ nominatedNumber: z.string().regex(/^254[17]\d{8}$/) }).optional(),
    /** Time for one exchange with Daraja. */
    timeoutMs: z.number().int().positive().default(20_000),
    /** How long a payer may take to answer the prompt. */
    promptLifetimeMs: z.number().int().positive().default(180_000),
    /** How long after that a payment may still turn up in the statement. */
    settleMarginMs: z.number().int().nonnegative().default(600_000),
    /** A payout unknown to Transaction Status this long after sending was never received. */
    absentAfterMs: z.number().int().positive().default(1_800_000),
    /**
     * Result codes of Transaction Status that mean "no such transaction". Safaricom publishes none, so the
     * default is empty: a payout in doubt then waits for people.
     */
    absentResultCodes: z.array(z.string()).default([]),
  })
  .refine(absenceIsSure, ABSENCE_IS_SURE);

export type MpesaProfile = z.infer<typeof mpesaProfileSchema>;
