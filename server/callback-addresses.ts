/** Addresses of ours that operators call: each holds a token that follows from the installation's key, so that nobody can guess or make one. */
import { createHash } from 'node:crypto';
import { hmacSha256 } from '../db/keyring.ts';
import { RAILS } from '../domain/network.ts';
import type { Rail } from '../domain/rail.ts';
import type { CallbackAddresses } from '../graph/types.ts';
import type { BalanceAddress } from '../tools/mmo/vault/balances.ts';

/** Addresses for callbacks: their token is a keyed hash of the attempt, so that nobody can guess or make one. */
export function callbackAddresses(publicUrl: string, key: Buffer): CallbackAddresses {
  const keyedHash = hmacSha256(key);
  const tokenOf = (attemptId: string): string => keyedHash(attemptId).toString('base64url');
  return {
    urlOf: (railId, attemptId) => `${publicUrl}/v1/callbacks/${railId}/${tokenOf(attemptId)}`,
    tokenHash: (attemptId) => createHash('sha256').update(tokenOf(attemptId)).digest(),
  };
}

/** The one address of a rail whose operator knows one for all attempts: secret too, for it follows from the installation's key. */
export function applicationAddresses(publicUrl: string, key: Buffer): (railId: string) => { token: string; url: string } {
  const keyedHash = hmacSha256(key);
  return (railId) => {
    const token = keyedHash(`application ${railId}`).toString('hex');
    return { token, url: `${publicUrl}/v1/callbacks/${railId}/${token}` };
  };
}

/** The addresses that people enter at operators which know one for all attempts, by rail. */
export function applicationUrlsOf(publicUrl: string, key: Buffer): Readonly<Record<string, string>> {
  const addressOf = applicationAddresses(publicUrl, key);
  return Object.fromEntries(RAILS.filter(hasApplicationAddress).map(({ id }) => [id, addressOf(id).url]));
}

/** Airtel's applications have one address for all attempts. */
export function hasApplicationAddress({ protocol }: Pick<Rail, 'protocol'>): boolean {
  return protocol === 'airtel';
}

/** The address at which an operator answers a question for a balance. In hexadecimal, as those below. */
export function balanceAddresses(publicUrl: string, key: Buffer): BalanceAddress {
  const keyedHash = hmacSha256(key);
  return (questionId) => {
    const token = keyedHash(`balance ${questionId}`).toString('hex');
    return { url: `${publicUrl}/v1/balances/${token}`, tokenHash: createHash('sha256').update(token).digest() };
  };
}

/** The secret path of each rail whose customers can pay by themselves. In hexadecimal: Safaricom takes no address with certain words in it. */
export function ownPaymentPaths(
  publicUrl: string,
  key: Buffer,
): (railId: string) => { token: string; validationUrl: string; confirmationUrl: string } {
  const keyedHash = hmacSha256(key);
  return (railId) => {
    const token = keyedHash(`own payments ${railId}`).toString('hex');
    const address = `${publicUrl}/v1/c2b/${token}`;
    return { token, validationUrl: `${address}/validation`, confirmationUrl: `${address}/confirmation` };
  };
}
