/**
 * Settings of an Airtel Money account in one country. Versions, encryption, signing and code tables differ
 * between countries, so all of them are settings; sandbox and production differ in these alone.
 */
import { z } from 'zod';
import { ABSENCE_IS_SURE, absenceIsSure } from '../patience.ts';
import { REASON_NAMES } from '../reasons.ts';

/** What a code means where the country's table differs from ours. */
const meaningSchema = z.enum([...REASON_NAMES, 'enquire', 'duplicate', 'absent']);

export const airtelProfileSchema = z
  .strictObject({
    /** `https://openapiuat.airtel.ug`, `https://openapi.airtel.co.zm` …: the country's own host. */
    baseUrl: z.url().transform((url) => url.replace(/\/+$/, '')),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    collection: z.strictObject({ version: z.enum(['v1', 'v2']).default('v1') }).prefault({}),
    payout: z.strictObject({
      version: z.enum(['v1', 'v2', 'v3']).default('v1'),
      /** Our PIN at Airtel; encrypted for every payout. */
      pin: z.string().regex(/^\d{4}$/),
      /** The portal's public key, PEM or base64 of its DER form. */
      publicKey: z.string().min(1),
      /** `pkcs1`: PKCS #1 v1.5, the classic one · `oaep_sha256`: OAEP with SHA-256 and MGF1-SHA-256. */
      encryption: z.enum(['pkcs1', 'oaep_sha256']).default('pkcs1'),
      walletType: z.enum(['NORMAL', 'SALARY', 'MERCHANT']).default('NORMAL'),
    }),
    refund: z
      .strictObject({
        version: z.enum(['v1', 'v2']).default('v1'),
        /** Whether "Success." in the answer to a refund is its end. Not documented; by default it is only its beginning. */
        answerIsFinal: z.boolean().default(false),
      })
      .prefault({}),
    balance: z.strictObject({ version: z.enum(['v1', 'v2']).default('v1') }).prefault({}),
    /** Whether bodies are signed (`x-signature`, `x-key`). Required in Zambia and Malawi. */
    signing: z.boolean().default(false),
    /** The key under which the portal signs callbacks. With one, a callback without a right hash is refused. */
    callbackKey: z.string().min(1).optional(),
    /** Airtel asks not to enquire about a collection before this long after it was sent. */
    enquireAfterMs: z.number().int().nonnegative().default(180_000),
    /** Meanings of codes in this country, where they differ from the common table. */
    codes: z.record(z.string(), meaningSchema).default({}),
    /**
     * Codes by which an enquiry says that there is no such transaction. Airtel's tables contradict each
     * other about "not found", so the default is empty: a request in doubt then waits for people.
     */
    absentCodes: z.array(z.string()).default([]),
    /** Time for one exchange with Airtel. */
    timeoutMs: z.number().int().positive().default(30_000),
    /** A request unknown to Airtel this long after sending was never received. */
    absentAfterMs: z.number().int().positive().default(1_800_000),
  })
  .refine(absenceIsSure, ABSENCE_IS_SURE);

export type AirtelProfile = z.infer<typeof airtelProfileSchema>;
