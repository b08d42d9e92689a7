/** Our accounts at Orange's services, and what all of them share in the sandbox. */
import { COUNTRIES } from '../../domain/network.ts';
import type { OperatorKey } from '../keys.ts';
import type { SandboxRail } from '../rail.ts';

export interface OrangeAccount {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly merchantKey: string;
  readonly countryPath: string;
  readonly apiUser: string;
  readonly apiPassword: string;
  readonly channelMsisdn: string;
  readonly pin: string;
  readonly partnerCode: string;
  readonly retailerMsisdn: string;
}

export interface OrangeFace {
  readonly rail: SandboxRail;
  readonly account: OrangeAccount;
  readonly key: OperatorKey;
}

/** Digits with the calling code, from a national number. */
export function withCallingCode(rail: SandboxRail, national: string): string {
  return (COUNTRIES.find(({ country }) => country === rail.rail.country)?.callingCode ?? '') + national;
}
