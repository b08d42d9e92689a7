/**
 * What clients may be told of compliance. Whoever learns that a list or a rule speaks of somebody can warn them
 * ("tipping off"), so a client is told that a payment cannot be made, and officers are told why.
 */

/** Codes of payments that say more than a client may know, each with the one that a client is told. */
export const NEUTRAL_REASONS: Readonly<Record<string, string>> = { sanctions_match: 'compliance_refused' };

/** Takes why a payment stands where it stands, gives what its client is told. */
export function reasonForClients(code: string | null): string | null {
  return code === null ? null : (NEUTRAL_REASONS[code] ?? code);
}
