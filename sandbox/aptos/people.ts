/**
 * Keys of everybody who signs on the sandbox chain. They follow from the seed, so that a chain that starts again has the
 * same accounts; they protect nothing.
 */
import { createHash } from 'node:crypto';
import { Account, type Ed25519Account, Ed25519PrivateKey } from '@aptos-labs/ts-sdk';

export const APPROVERS = ['approver-1', 'approver-2', 'approver-3'] as const;
export const ARBITERS = ['arbiter-1', 'arbiter-2', 'arbiter-3'] as const;
export const STAFF = ['publisher', 'settler', 'guardian', 'treasury', 'regulator', 'reporter', 'fee-payer', 'provider', 'issuer'] as const;

export type Staff = (typeof STAFF)[number] | (typeof APPROVERS)[number] | (typeof ARBITERS)[number];

const accounts = new Map<string, Ed25519Account>();

/** The account of a name: staff, or a partner by its rail. */
export function accountNamed(seed: string, name: string): Ed25519Account {
  const text = `capp sandbox chain ${seed} ${name}`;
  // To make a key costs a millisecond, and the first state asks for each of them many times.
  const known = accounts.get(text);
  if (known !== undefined) return known;
  const privateKey = new Ed25519PrivateKey(createHash('sha256').update(text).digest());
  const account = Account.fromPrivateKey({ privateKey });
  accounts.set(text, account);
  return account;
}

export function addressNamed(seed: string, name: string): string {
  return accountNamed(seed, name).accountAddress.toStringLong();
}

/** The private key, hex. */
export function keyNamed(seed: string, name: string): string {
  return Buffer.from(accountNamed(seed, name).privateKey.toUint8Array()).toString('hex');
}
