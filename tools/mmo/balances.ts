/**
 * Balances that an operator tells by a message to an address of ours. Each question has an address of its own, which nobody can guess and
 * which is answered once; whoever else wants to know at the same time waits for the same answer, in whatever process.
 */
import type { Clock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import type { Money } from '../../domain/money.ts';

/** Which account of ours is asked about: a rail, and the operator's name for the account. */
export interface BalanceName {
  readonly railId: string;
  readonly account: string;
}

/** What a question came to: the balance, or the code of why none was told. */
export type BalanceAnswer = { readonly amount: Money } | { readonly reasonCode: string };

/** Where processes share questions and what they came to. */
export interface BalanceStore {
  /**
   * The latest question whose answer may do: one that told a balance and was asked no earlier than `notBeforeMs`, or one that is open and
   * was asked no earlier than that and `openSinceMs`. Null when there is none.
   */
  latest(name: BalanceName, since: { readonly notBeforeMs: number; readonly openSinceMs: number }): Promise<string | null>;
  /** Begins a question; gives the address that its answer is to come to. */
  open(name: BalanceName, id: string): Promise<string>;
  /** Ends a question that its operator did not take. */
  refuse(id: string): Promise<void>;
  /** What a question came to; null while it is open. */
  look(id: string): Promise<BalanceAnswer | null>;
  /** Resolves when it is worth looking again. */
  wait(): Promise<void>;
}

export interface AskTerms {
  /** A balance that was asked for earlier than this does not do, milliseconds since the epoch. */
  readonly notBeforeMs: number;
  /** How long an answer is waited for, milliseconds. */
  readonly waitMs: number;
}

export interface BalanceDesk {
  /**
   * The balance of an account, as it was told or as it is told now. `put` sends the question with the address for its answer; false when
   * the operator did not take it. Null when nothing is told in time: an answer that comes later is kept for whoever asks next.
   */
  ask(name: BalanceName, terms: AskTerms, put: (resultUrl: string) => Promise<boolean>): Promise<Money | null>;
}

/** Makes the desk of one process. */
export function createBalanceDesk(store: BalanceStore, clock: Clock): BalanceDesk {
  async function begin(name: BalanceName, put: (resultUrl: string) => Promise<boolean>): Promise<string | null> {
    const id = newId();
    if (await put(await store.open(name, id))) return id;
    await store.refuse(id);
    return null;
  }

  return {
    ask: async (name, { notBeforeMs, waitMs }, put) => {
      const untilMs = clock.now() + waitMs;
      const id = (await store.latest(name, { notBeforeMs, openSinceMs: clock.now() - waitMs })) ?? (await begin(name, put));
      if (id === null) return null;
      for (;;) {
        const answer = await store.look(id);
        if (answer !== null) return 'amount' in answer ? answer.amount : null;
        if (clock.now() >= untilMs) return null;
        await store.wait();
      }
    },
  };
}

/** Questions of one process alone, for a program that hears its own answers. `urlOf` makes the address of one. */
export function memoryBalanceStore(
  clock: Clock,
  urlOf: (id: string) => string,
  wait: () => Promise<void>,
): BalanceStore & { readonly tell: (id: string, answer: BalanceAnswer) => void } {
  const questions = new Map<string, BalanceName & { readonly askedAtMs: number; answer: BalanceAnswer | null }>();
  const tell = (id: string, answer: BalanceAnswer): void => {
    const question = questions.get(id);
    if (question !== undefined) question.answer ??= answer;
  };
  return {
    tell,
    async latest({ railId, account }, { notBeforeMs, openSinceMs }) {
      const [id] =
        [...questions].findLast(([, question]) => {
          if (question.railId !== railId || question.account !== account || question.askedAtMs < notBeforeMs) return false;
          return question.answer === null ? question.askedAtMs >= openSinceMs : 'amount' in question.answer;
        }) ?? [];
      return id ?? null;
    },
    async open(name, id) {
      questions.set(id, { ...name, askedAtMs: clock.now(), answer: null });
      return urlOf(id);
    },
    refuse: async (id) => tell(id, { reasonCode: 'not_taken' }),
    look: async (id) => questions.get(id)?.answer ?? null,
    wait,
  };
}
