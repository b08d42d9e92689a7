/**
 * Mandates: somebody's word that somebody else may spend within a policy, for some time. Whoever holds one may hand part of it on; a
 * mandate from a mandate is never wider, and what is spent under it counts against all above it. The shape follows the mandates of the
 * Agent Payments Protocol: `intent`, a standing permission; `payment`, a permission for one payment.
 */
import { canonicalJson } from './canonical.ts';
import type { Json } from './decision.ts';
import { digestOf } from './ids.ts';
import { type SpendPolicy, widerThan } from './spend-policy.ts';

/** How often a mandate may be handed on. */
export const MANDATE_DEPTH_MAX = 4;
/** The longest a mandate may last, milliseconds: 366 days. */
export const MANDATE_LIFETIME_MS_MAX = 366 * 86_400_000;

export interface Mandate {
  readonly id: string;
  readonly clientId: string;
  readonly parentId: string | null;
  /** 1 for one that nobody handed on. */
  readonly depth: number;
  /** The principal who may spend. */
  readonly holder: string;
  /** The principal whose word it is. */
  readonly issuer: string;
  readonly policy: SpendPolicy;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly createdAtMs: number;
}

export type MandateKind = 'intent' | 'payment';

/** `payment` when it is good for one payment. */
export function kindOf({ policy }: Pick<Mandate, 'policy'>): MandateKind {
  return policy.usesMax === 1 ? 'payment' : 'intent';
}

/** SHA-256 over the canonical form of everything a mandate says (RFC 8785), hex. */
export function mandateDigest(mandate: Mandate): string {
  return digestOf(canonicalJson({ ...mandate, policy: mandate.policy as unknown as Json }));
}

/** In which part somebody signs a mandate: as the one who may spend, or as the one whose word it is. */
export const MANDATE_ROLES = ['holder', 'issuer'] as const;
export type MandateRole = (typeof MANDATE_ROLES)[number];

/** The text that is signed: who signs what for what, so that a signature serves no other purpose. */
export function mandateText(role: MandateRole, digest: string): string {
  return `capp mandate ${role} ${digest}`;
}

export function isInForce(mandate: Pick<Mandate, 'notBeforeMs' | 'expiresAtMs'>, nowMs: number): boolean {
  return mandate.notBeforeMs <= nowMs && nowMs < mandate.expiresAtMs;
}

/** What of a mandate is wider than the one it is handed on from; null when nothing is. */
export function delegationFault(child: Omit<Mandate, 'id' | 'createdAtMs'>, parent: Mandate): string | null {
  if (child.clientId !== parent.clientId) return 'client';
  if (child.issuer !== parent.holder) return 'issuer';
  if (child.depth !== parent.depth + 1 || child.depth > MANDATE_DEPTH_MAX) return 'depth';
  if (child.notBeforeMs < parent.notBeforeMs) return 'notBefore';
  if (child.expiresAtMs > parent.expiresAtMs) return 'expiresAt';
  return widerThan(child.policy, parent.policy);
}
