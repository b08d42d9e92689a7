/** Halts: while one is in force, no money moves for whatever it covers. One person begins it, at once; two lift it. */

/** What a halt covers: everything that agrees with every part that is not null. All parts null: the whole platform. */
export interface HaltScope {
  readonly clientId: string | null;
  /** Two countries, from and to: `KE-UG`. */
  readonly corridor: string | null;
  readonly railId: string | null;
  readonly paymentId: string | null;
}

/** A movement that may be covered; null for the rail of one that no operator has a part in. */
export interface Movable {
  readonly clientId: string;
  readonly corridor: string;
  readonly railId: string | null;
  readonly paymentId: string;
}

/**
 * Whether a halt covers the settlement with a partner, which nets the payments of every client over every corridor: one of the whole
 * platform does, and one of the rail that the partner is.
 */
export function coversSettlement(halt: HaltScope, partner: string): boolean {
  const isOfPayments = halt.clientId !== null || halt.corridor !== null || halt.paymentId !== null;
  return !isOfPayments && (halt.railId === null || halt.railId === partner);
}

/** Whether a halt covers everything. */
export function coversAll(halt: HaltScope): boolean {
  return halt.clientId === null && halt.corridor === null && halt.railId === null && halt.paymentId === null;
}

/** Whether a halt covers a movement. */
export function covers(halt: HaltScope, movement: Movable): boolean {
  return (
    (halt.clientId === null || halt.clientId === movement.clientId) &&
    (halt.corridor === null || halt.corridor === movement.corridor) &&
    (halt.railId === null || halt.railId === movement.railId) &&
    (halt.paymentId === null || halt.paymentId === movement.paymentId)
  );
}
