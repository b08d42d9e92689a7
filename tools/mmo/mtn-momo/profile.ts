/** Settings of an MTN MoMo account in one country. Sandbox and production differ in these alone. */
import { z } from 'zod';
import { ABSENCE_IS_SURE, absenceIsSure } from '../patience.ts';

const productSchema = z.strictObject({
  /** Each product has a subscription key, an API user and a token of its own. */
  subscriptionKey: z.string().min(1),
  apiUser: z.uuid(),
  apiKey: z.string().min(1),
});

export const mtnMomoProfileSchema = z
  .strictObject({
    /** `https://sandbox.momodeveloper.mtn.com`, `https://proxy.momoapi.mtn.com`, or the country's own. */
    baseUrl: z.url().transform((url) => url.replace(/\/+$/, '')),
    /** `mtnuganda`, `mtnghana`, `mtnrwanda` …; `sandbox` at MTN's sandbox. */
    targetEnvironment: z.string().regex(/^[a-z]+$/),
    collection: productSchema,
    disbursement: productSchema,
    /** Only where payouts, or some of them, go out as remittances. */
    remittance: productSchema.optional(),
    /** How payouts go out: a transfer, a deposit (cash-in), or a transfer of the remittance product. */
    payout: z
      .strictObject({
        product: z.enum(['disbursement', 'remittance']).default('disbursement'),
        operation: z.enum(['transfer', 'deposit']).default('transfer'),
      })
      .prefault({}),
    /** The currency to write on the wire where it is not the rail's own: MTN's sandbox takes EUR only. */
    wireCurrency: z.string().length(3).optional(),
    /** Time for one exchange with MTN. */
    timeoutMs: z.number().int().positive().default(20_000),
    /** A reference that is unknown to MTN this long after sending was never received; before, it may be lag. */
    absentAfterMs: z.number().int().positive().default(1_800_000),
  })
  .refine(absenceIsSure, ABSENCE_IS_SURE)
  .refine(({ payout, remittance }) => payout.product !== 'remittance' || (remittance !== undefined && payout.operation === 'transfer'), {
    path: ['remittance'],
    message: 'must be set for payouts as remittances, which are transfers',
  });

export type MtnMomoProfile = z.infer<typeof mtnMomoProfileSchema>;
export type MtnMomoAccount = MtnMomoProfile['collection'];
