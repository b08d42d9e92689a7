/**
 * Settings of Orange Money in one country. There is not one Orange API: each leg names its variant. What
 * Orange documents badly is a setting whose default is the reading that cannot lose money.
 */
import { z } from 'zod';
import { ABSENCE_IS_SURE, absenceIsSure, reachesWithinMs } from '../patience.ts';

const address = z.url().transform((url) => url.replace(/\/+$/, ''));
const nineDigits = z.string().regex(/^\d{9}$/, 'must be 9 digits');
const pin = z.string().regex(/^\d{4,6}$/);

/** The group's web payment: a page on which the payer confirms with a one-time code. Collections only. */
const webpaySchema = z.strictObject({
  variant: z.literal('webpay'),
  /** `https://api.orange.com`. */
  baseUrl: address,
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  tokenPath: z.string().startsWith('/').default('/oauth/v3/token'),
  /** The country in the path: `ci`, `cm`, `sn` …; `dev` at the sandbox. */
  countryPath: z.string().regex(/^[a-z]{2,3}$/),
  merchantKey: z.string().min(1),
  /** The currency to write where it is not the rail's own: `OUV` at the sandbox. */
  wireCurrency: z.string().length(3).optional(),
  returnUrl: z.url().max(120),
  cancelUrl: z.url().max(120),
  language: z.enum(['fr', 'en']).default('fr'),
  /** Whether the merchant's text on the page names the payer's number. The page itself asks for a number in any case. */
  namesPayer: z.boolean().default(false),
  /** How long a page lives, and how long after that a payment may still show. */
  pageLifetimeMs: z.number().int().positive().default(600_000),
  settleMarginMs: z.number().int().nonnegative().default(600_000),
});

/** Cameroon's "omcoreapis" 1.0.2: a prompt on the handset for collections, cash-in for payouts. */
const omcoreSchema = z.strictObject({
  variant: z.literal('omcoreapis'),
  /** `https://api-s1.orange.cm`. */
  baseUrl: address,
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  apiUser: z.string().min(1),
  apiPassword: z.string().min(1),
  channelMsisdn: nineDigits,
  pin,
  /**
   * A pay token that is only INITIATED this long after we sent its payment was never paid. Orange does not
   * say so; without a value such a payment waits for people.
   */
  unpaidAfterMs: z.number().int().positive().optional(),
});

/** Sonatel's eWallet (Senegal and its sister countries): payments with a prompt, cash-ins. */
const sonatelSchema = z.strictObject({
  variant: z.literal('sonatel'),
  /** `https://api.orange-sonatel.com`, `https://api.sandbox.orange-sonatel.com`. */
  baseUrl: address,
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  tokenPath: z.string().startsWith('/').default('/oauth/token'),
  /** Digits of a national number: 9 in Senegal, 10 in Côte d'Ivoire. */
  msisdnDigits: z.number().int().min(8).max(10).default(9),
  /** The merchant's code, which collections are paid to. */
  partnerCode: z.string().min(1),
  /** The retailer's number and PIN, from which cash-ins are paid. */
  retailerMsisdn: nineDigits,
  pin,
  /** Whether to send our callback address as `X-Callback-Url`, documented for bulk cash-ins only. */
  sendsCallbackUrl: z.boolean().default(false),
  /**
   * Whether transactions can be listed by our reference. Not documented; without it, a request whose answer
   * was lost waits for its callback or for people.
   */
  findsByReference: z.boolean().default(false),
});

const TOO_SHORT = 'must be longer than a payment may be under way';

function isLongEnough(half: { readonly variant: string; readonly unpaidAfterMs?: number | undefined }, timeoutMs: number): boolean {
  return half.unpaidAfterMs === undefined || half.unpaidAfterMs >= reachesWithinMs({ timeoutMs });
}

export const orangeProfileSchema = z
  .strictObject({
    collection: z.discriminatedUnion('variant', [webpaySchema, omcoreSchema, sonatelSchema]),
    payout: z.discriminatedUnion('variant', [omcoreSchema, sonatelSchema]),
    /** Time for one exchange with Orange. */
    timeoutMs: z.number().int().positive().default(30_000),
    /** A request unknown to Orange this long after sending was never received. */
    absentAfterMs: z.number().int().positive().default(1_800_000),
  })
  .refine(absenceIsSure, ABSENCE_IS_SURE)
  .refine(({ collection, timeoutMs }) => isLongEnough(collection, timeoutMs), { path: ['collection', 'unpaidAfterMs'], message: TOO_SHORT })
  .refine(({ payout, timeoutMs }) => isLongEnough(payout, timeoutMs), { path: ['payout', 'unpaidAfterMs'], message: TOO_SHORT });

export type OrangeProfile = z.infer<typeof orangeProfileSchema>;
export type WebpayProfile = z.infer<typeof webpaySchema>;
export type OmcoreProfile = z.infer<typeof omcoreSchema>;
export type SonatelProfile = z.infer<typeof sonatelSchema>;
