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

/** Whether a halt covers a movement. */
export function covers(halt: HaltScope, movement: Movable): boolean {
  return (
    (halt.clientId === null || halt.clientId === movement.clientId) &&
    (halt.corridor === null || halt.corridor === movement.corridor) &&
    (halt.railId === null || halt.railId === movement.railId) &&
    (halt.paymentId === null || halt.paymentId === movement.paymentId)
  );
}
