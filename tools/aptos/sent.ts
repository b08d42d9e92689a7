/**
 * The memory of what was sent: a transaction stands here, whole, before its first byte leaves, so that after any death the
 * next process finds it, asks for it, and sends the same bytes or none.
 */

/** One edition of a transaction: the same call and place, at some price. */
export interface Edition {
  readonly hash: string;
  /** The signed transaction in BCS, hex. */
  readonly bytes: string;
  readonly gasUnitPrice: bigint;
}

/**
 * `open`: its outcome is not known · `executed`: committed, and did what it was to do · `failed`: committed without effect ·
 * `refused`: the chain never took it · `absent`: proven never to have been committed, and past its expiry
 */
export type SentState = 'open' | 'executed' | 'failed' | 'refused' | 'absent';

export interface SentTransaction {
  /** What it is about: a batch id, or a kind of upkeep. */
  readonly subject: string;
  /** What it is to do to it. */
  readonly step: string;
  /** 1 for the first try; a further one is made only after the one before has come to a known end. */
  readonly attempt: number;
  readonly expiresAtSecs: bigint;
  readonly editions: readonly Edition[];
  readonly state: SentState;
  /** Hash, version and gas of the edition that was committed. */
  readonly hash: string | null;
  readonly version: bigint | null;
  readonly gasUsed: bigint | null;
  readonly gasUnitPrice: bigint | null;
  /** Status of the virtual machine, where it is not executed. */
  readonly vmStatus: string | null;
}

export interface SentTransactions {
  /** The latest attempt of a step. */
  latest(subject: string, step: string): Promise<SentTransaction | null>;
  /** The latest attempt of every step of a subject. */
  ofSubject(subject: string): Promise<readonly SentTransaction[]>;
  /** Keeps a new attempt; false when there is one of this number already, which is then the one to follow. */
  insert(transaction: SentTransaction): Promise<boolean>;
  /** Replaces an attempt that is open still; one that has come to its end is left as it is. */
  update(transaction: SentTransaction): Promise<void>;
}

/** A memory that lasts as long as the process, for tests and single calls. */
export function memorySent(): SentTransactions {
  const kept = new Map<string, SentTransaction[]>();
  const keyOf = (subject: string, step: string): string => `${subject} ${step}`;
  return {
    latest: async (subject, step) => kept.get(keyOf(subject, step))?.at(-1) ?? null,
    ofSubject: async (subject) =>
      [...kept.values()].flatMap((attempts) => attempts.at(-1) ?? []).filter((sent) => sent.subject === subject),
    async insert(transaction) {
      const attempts = kept.get(keyOf(transaction.subject, transaction.step)) ?? [];
      if (attempts.some(({ attempt }) => attempt >= transaction.attempt)) return false;
      kept.set(keyOf(transaction.subject, transaction.step), [...attempts, transaction]);
      return true;
    },
    async update(transaction) {
      const attempts = kept.get(keyOf(transaction.subject, transaction.step)) ?? [];
      const index = attempts.findIndex(({ attempt }) => attempt === transaction.attempt);
      if (attempts[index]?.state === 'open') attempts[index] = transaction;
    },
  };
}
