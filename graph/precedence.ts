/**
 * Cohorts go before cases. In a process that works both, the thread of a case sets out while no cohort is under way, or once a few of them
 * have gone before it: however many payments are flagged, those that are not hardly wait for them, and cases go on.
 */

export interface Precedence {
  /** Works a cohort. */
  first<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Resolves when a thread may set out. */
  turn(): Promise<void>;
}

/** Cohorts that go before a thread that waits, at most. */
export const COHORTS_BEFORE_MAX = 4;

/** Makes the precedence of one process. */
export function createPrecedence(): Precedence {
  let underWay = 0;
  const waiting = new Set<{ cohortsLeft: number; setOut(): void }>();

  function letGo(): void {
    for (const each of waiting) {
      each.cohortsLeft -= 1;
      if (underWay > 0 && each.cohortsLeft > 0) continue;
      waiting.delete(each);
      each.setOut();
    }
  }

  return {
    first: async (work) => {
      underWay += 1;
      try {
        return await work();
      } finally {
        underWay -= 1;
        letGo();
      }
    },
    turn: async () => {
      if (underWay > 0) await new Promise<void>((setOut) => waiting.add({ cohortsLeft: COHORTS_BEFORE_MAX, setOut }));
    },
  };
}
