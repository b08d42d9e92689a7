/** Settings of an operator, or a hub, that speaks the GSMA Mobile Money API 1.2. */
import { z } from 'zod';
import { ABSENCE_IS_SURE, absenceIsSure } from '../patience.ts';

const authSchema = z.discriminatedUnion('scheme', [
  /** OAuth 2.0 client credentials, the usual way. */
  z.strictObject({
    scheme: z.literal('oauth2'),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    tokenPath: z.string().startsWith('/').default('/oauth/token'),
  }),
  z.strictObject({ scheme: z.literal('api_key'), apiKey: z.string().min(1) }),
]);

export const gsmaProfileSchema = z
  .strictObject({
    /** Base address up to and including the version part the operator uses. */
    baseUrl: z.url().transform((url) => url.replace(/\/+$/, '')),
    auth: authSchema,
    /** Our own account at the operator, as one of the API's party identifiers. */
    account: z.strictObject({ key: z.string().regex(/^[a-z]+$/), value: z.string().min(1) }),
    collectionType: z.enum(['merchantpay', 'transfer', 'billpay']).default('merchantpay'),
    payoutType: z.enum(['disbursement', 'transfer', 'deposit']).default('disbursement'),
    timeoutMs: z.number().int().positive().default(20_000),
    /** A request that left no trace at the operator this long after sending was never received. */
    absentAfterMs: z.number().int().positive().default(1_800_000),
  })
  .refine(absenceIsSure, ABSENCE_IS_SURE);

export type GsmaProfile = z.infer<typeof gsmaProfileSchema>;
