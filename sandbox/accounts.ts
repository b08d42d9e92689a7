/**
 * Our accounts at the sandbox operators, and the settings by which clients reach them. Everything
 * follows from the rail's id, so that both sides agree without sharing a file; none of it is a secret.
 */
import { createHash } from 'node:crypto';
import { derivedId } from '../domain/ids.ts';
import type { Rail } from '../domain/rail.ts';
import type { AirtelAccount } from './airtel/account.ts';
import type { GsmaAccount } from './gsma/server.ts';
import type { MpesaAccount } from './mpesa/parts.ts';
import type { OrangeAccount } from './orange/types.ts';
import type { MtnMomoAccount, MtnProduct } from './mtn-momo/server.ts';

function keyOf(...names: readonly string[]): string {
  return createHash('sha256')
    .update(`sandbox ${names.join(' ')}`)
    .digest('hex')
    .slice(0, 32);
}

export function mpesaAccountOf(railId: string): MpesaAccount {
  return {
    consumerKey: keyOf(railId, 'consumer'),
    consumerSecret: keyOf(railId, 'secret'),
    shortCode: '174379',
    passkey: keyOf(railId, 'passkey'),
    payoutShortCode: '600992',
    initiatorName: 'testapi',
    initiatorPassword: keyOf(railId, 'initiator').slice(0, 16),
  };
}

const ENVIRONMENTS: Readonly<Record<string, string>> = {
  CI: 'mtnivorycoast',
  CM: 'mtncameroon',
  GH: 'mtnghana',
  RW: 'mtnrwanda',
  UG: 'mtnuganda',
  ZM: 'mtnzambia',
};

export function mtnMomoAccountOf(rail: Rail): MtnMomoAccount {
  return {
    targetEnvironment: ENVIRONMENTS[rail.country] ?? 'sandbox',
    collection: productOf(rail.id, 'collection'),
    disbursement: productOf(rail.id, 'disbursement'),
    remittance: productOf(rail.id, 'remittance'),
  };
}

function productOf(railId: string, product: string): MtnProduct {
  return {
    subscriptionKey: keyOf(railId, product, 'subscription'),
    apiUser: derivedId('sandbox', railId, product, 'user'),
    apiKey: keyOf(railId, product, 'key'),
  };
}

type AirtelTerms = Pick<AirtelAccount, 'encryption' | 'collectionVersion' | 'payoutVersion' | 'signing' | 'callbackReading'> & {
  readonly hasCallbackKey: boolean;
};

const AIRTEL_COMMON: AirtelTerms = {
  encryption: 'pkcs1',
  collectionVersion: 'v1',
  payoutVersion: 'v1',
  signing: false,
  callbackReading: 'transaction',
  hasCallbackKey: true,
};

/** Airtel's terms differ by country, so the sandbox's do. */
const AIRTEL_TERMS: Readonly<Record<string, Partial<AirtelTerms>>> = {
  NG: { collectionVersion: 'v2', payoutVersion: 'v3', encryption: 'oaep_sha256', hasCallbackKey: false },
  RW: { payoutVersion: 'v2', encryption: 'oaep_sha256', callbackReading: 'payload' },
  ZM: { collectionVersion: 'v2', payoutVersion: 'v2', signing: true, callbackReading: 'payload' },
};

export function airtelAccountOf(rail: Rail, callbackUrl: string | null = null): AirtelAccount {
  const { hasCallbackKey, ...terms } = { ...AIRTEL_COMMON, ...AIRTEL_TERMS[rail.country] };
  return {
    ...terms,
    clientId: keyOf(rail.id, 'client'),
    clientSecret: keyOf(rail.id, 'secret'),
    pin: '4711',
    callbackKey: hasCallbackKey ? keyOf(rail.id, 'callback') : null,
    callbackUrl,
  };
}

export function orangeAccountOf(rail: Rail): OrangeAccount {
  return {
    clientId: keyOf(rail.id, 'client'),
    clientSecret: keyOf(rail.id, 'secret'),
    merchantKey: keyOf(rail.id, 'merchant').slice(0, 8),
    countryPath: rail.country.toLowerCase(),
    apiUser: keyOf(rail.id, 'user'),
    apiPassword: keyOf(rail.id, 'password'),
    channelMsisdn: '690000000',
    pin: '4711',
    partnerCode: '444444',
    retailerMsisdn: '770000000',
  };
}

export function gsmaAccountOf(railId: string): GsmaAccount {
  return { clientId: keyOf(railId, 'client'), clientSecret: keyOf(railId, 'secret'), organisationId: `capp-${railId}` };
}

const TIMEOUT_MS = 5_000;

/**
 * The times after which clients of a sandbox give up. The slowest customer takes 12 s at speed 1. What
 * a call may still be under way for does not shrink with the speed, so neither does the least patience.
 */
function patience(speed: number) {
  return {
    timeoutMs: TIMEOUT_MS,
    promptLifetimeMs: Math.ceil(13_000 / speed),
    settleMarginMs: Math.ceil(2_000 / speed),
    absentAfterMs: 12_000,
  };
}

/** Settings of the clients for every rail, in the form the operator registry takes. */
export function sandboxProfiles(
  rails: readonly Rail[],
  options: { readonly baseUrl: string; readonly speed: number; readonly operatorPublicPem: string },
): Record<string, unknown> {
  const profiles: Record<string, unknown> = {};
  for (const rail of rails) {
    const baseUrl = `${options.baseUrl}/${rail.id}`;
    if (rail.protocol === 'mpesa') profiles[rail.id] = mpesaProfile(rail.id, baseUrl, options.speed, options.operatorPublicPem);
    if (rail.protocol === 'mtn_momo') profiles[rail.id] = mtnMomoProfile(rail, baseUrl, options.speed);
    if (rail.protocol === 'airtel') profiles[rail.id] = airtelProfile(rail, baseUrl, options.speed, options.operatorPublicPem);
    if (rail.protocol === 'orange') profiles[rail.id] = orangeProfile(rail, baseUrl, options.speed);
    if (rail.protocol === 'gsma') profiles[rail.id] = gsmaProfile(rail.id, baseUrl, options.speed);
  }
  return profiles;
}

function mpesaProfile(railId: string, baseUrl: string, speed: number, certificate: string): unknown {
  const account = mpesaAccountOf(railId);
  return {
    baseUrl,
    consumerKey: account.consumerKey,
    consumerSecret: account.consumerSecret,
    stk: { shortCode: account.shortCode, passkey: account.passkey },
    b2c: {
      shortCode: account.payoutShortCode,
      initiatorName: account.initiatorName,
      initiatorPassword: account.initiatorPassword,
      certificate,
    },
    pull: { nominatedNumber: '254722000000' },
    ...patience(speed),
    absentResultCodes: ['R000002'],
  };
}

/** Where MTN's payouts go out as remittances, so that product is played as well. */
const REMITTANCE_COUNTRY = 'RW';

function mtnMomoProfile(rail: Rail, baseUrl: string, speed: number): unknown {
  const { timeoutMs, absentAfterMs } = patience(speed);
  const payout = rail.country === REMITTANCE_COUNTRY ? { payout: { product: 'remittance' } } : {};
  return { baseUrl, ...mtnMomoAccountOf(rail), ...payout, timeoutMs, absentAfterMs };
}

function gsmaProfile(railId: string, baseUrl: string, speed: number): unknown {
  const { clientId, clientSecret, organisationId } = gsmaAccountOf(railId);
  const { timeoutMs, absentAfterMs } = patience(speed);
  const account = { key: 'organisationid', value: organisationId };
  return { baseUrl, auth: { scheme: 'oauth2', clientId, clientSecret }, account, timeoutMs, absentAfterMs };
}

function airtelProfile(rail: Rail, baseUrl: string, speed: number, publicKey: string): unknown {
  const { clientId, clientSecret, pin, encryption, collectionVersion, payoutVersion, signing, callbackKey } = airtelAccountOf(rail);
  const { timeoutMs, absentAfterMs } = patience(speed);
  return {
    baseUrl,
    clientId,
    clientSecret,
    collection: { version: collectionVersion },
    payout: { version: payoutVersion, pin, publicKey, encryption },
    signing,
    ...(callbackKey === null ? {} : { callbackKey }),
    // People in the sandbox answer in less than a second.
    enquireAfterMs: 0,
    absentCodes: ['ESB000045'],
    timeoutMs,
    absentAfterMs,
  };
}

/** Which service serves which leg: Senegal has Sonatel, Cameroon its own, elsewhere the web page collects. */
function orangeProfile(rail: Rail, baseUrl: string, speed: number): unknown {
  const account = orangeAccountOf(rail);
  const { timeoutMs, absentAfterMs, promptLifetimeMs, settleMarginMs } = patience(speed);
  const access = { baseUrl, clientId: account.clientId, clientSecret: account.clientSecret };
  const { pin, apiUser, apiPassword, channelMsisdn, partnerCode, retailerMsisdn, merchantKey, countryPath } = account;
  const omcore = { variant: 'omcoreapis', ...access, apiUser, apiPassword, channelMsisdn, pin, unpaidAfterMs: absentAfterMs };
  const sonatel = {
    variant: 'sonatel',
    ...access,
    msisdnDigits: rail.country === 'CI' ? 10 : 9,
    partnerCode,
    retailerMsisdn,
    pin,
    sendsCallbackUrl: true,
    findsByReference: true,
  };
  const webpay = {
    variant: 'webpay',
    ...access,
    countryPath,
    merchantKey,
    returnUrl: 'https://capp.example/return',
    cancelUrl: 'https://capp.example/cancel',
    // Without it nobody in the sandbox would know whose page it is.
    namesPayer: true,
    pageLifetimeMs: promptLifetimeMs,
    settleMarginMs,
  };
  const collection = { CM: omcore, SN: sonatel }[rail.country as string] ?? webpay;
  return { collection, payout: rail.country === 'CM' ? omcore : sonatel, timeoutMs, absentAfterMs };
}
