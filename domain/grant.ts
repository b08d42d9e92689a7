/**
 * Execution grants: money leaves the platform for one attempt only while a grant names exactly that attempt. A grant covers the
 * attempts that one transaction opened; it is short-lived, and each attempt of it is sent once.
 */
import { canonicalJson } from './canonical.ts';
import type { Currency } from './currency.ts';
import { digestOf } from './ids.ts';
import type { Leg } from './lifecycle.ts';

/** How long a grant counts, milliseconds. What has not been sent by then is looked at again before it gets another. */
export const GRANT_LIFETIME_MS = 300_000;

/** Everything that a grant binds of one attempt: who gets how much over which rail, on whose word. */
export interface GrantTerms {
  readonly attemptId: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly railId: string;
  /** Minor units of `currency`. */
  readonly amountMinor: bigint;
  readonly currency: Currency;
  /** Whose wallet it is, and the blind index of its number, hex. */
  readonly payeeId: string;
  readonly payeeIndex: string;
  readonly quoteId: string;
  /** By which policy it was quoted. */
  readonly quotePolicy: string;
  /** By which lists and rules it was screened last; empty when it was not. */
  readonly screenedBy: string;
  /** Ids of the officers' decisions that released it, in their order. */
  readonly approvals: readonly string[];
}

/** SHA-256 over the canonical form of the terms (RFC 8785), hex. */
export function grantDigest(terms: GrantTerms): string {
  return digestOf(canonicalJson({ ...terms, amountMinor: String(terms.amountMinor) }));
}

/** A grant as it is kept: the digests of all its attempts, one after the other, 32 bytes each. */
export interface ExecutionGrant {
  readonly id: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly digests: Buffer;
}

/** What the seal of a grant is made over: change any part of the grant and it is another text. */
export function grantText({ id, issuedAtMs, expiresAtMs, digests }: ExecutionGrant): string {
  return `${id} ${issuedAtMs} ${expiresAtMs} ${digests.toString('hex')}`;
}

/** Why nothing is sent for an attempt. */
export type GrantRefusal = 'grant_missing' | 'grant_forged' | 'grant_expired' | 'terms_differ';
