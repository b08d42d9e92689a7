/**
 * How anything comes to stand in the registry on the settlement chain: a row is committed before a transaction leaves, and one that
 * is open goes on before another is begun. Whoever puts it there may be asked again for the same row, and puts it there once; so a
 * process may die between any two steps, and several may be at it.
 */

export interface Carrying<Row, Outcome> {
  /** A row whose outcome is not known to be final, or null. */
  readonly open: () => Promise<Row | null>;
  /** Commits a row for what is due, or null when nothing is. */
  readonly begin: () => Promise<Row | null>;
  /** Puts it on the chain; repeating it is harmless. Throws faults of the chain when nothing was sent or it is refused. */
  readonly put: (row: Row) => Promise<Outcome>;
  /** Writes down what came of it. */
  readonly end: (row: Row, outcome: Outcome) => Promise<void>;
}

/** Carries one row to the chain; null when there is none. A fault leaves its row open. */
export async function carryOne<Row, Outcome>(
  carrying: Carrying<Row, Outcome>,
): Promise<{ readonly row: Row; readonly outcome: Outcome } | null> {
  const row = (await carrying.open()) ?? (await carrying.begin());
  if (row === null) return null;
  const outcome = await carrying.put(row);
  await carrying.end(row, outcome);
  return { row, outcome };
}
