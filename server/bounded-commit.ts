/**
 * Group commit for what comes in from outside: bounded, so that a crowd is turned away rather than
 * piled up, and just, so that one bad item does not fail the others that share its statement.
 */
import { databaseCodeOf, databaseFault, isRetryable } from '../db/connect.ts';
import { createGroupCommit } from '../db/group-commit.ts';
import { fault } from '../domain/errors.ts';

/** What a flush says about one item: its result, an error for this item alone, or `again` for the next flush. */
export type Flushed<Out> = { readonly result: Out } | { readonly error: Error } | 'again';

export interface BoundedCommitOptions<In, Out> {
  /** Writes the items and answers for each, in their order. What it throws counts for every item. */
  readonly flush: (items: readonly In[]) => Promise<readonly Flushed<Out>[]>;
  /** Items in one flush at most. */
  readonly flushMax: number;
  /** Items that may wait; one more is refused with `overloaded`. */
  readonly waitingMax: number;
  /** Whose an item is: each has as much of a flush as any other. */
  readonly laneOf: (item: In) => string;
}

export interface BoundedCommit<In, Out> {
  /** Resolves once the item is committed. Throws `overloaded` at once when too much waits. */
  submit(item: In): Promise<Out>;
  /** Items that wait or are being written. */
  depth(): number;
  /** Resolves when everything handed in is settled. */
  drain(): Promise<void>;
}

/** Flushes at once under way; a third only adds to the wait of the first two. */
const IN_FLIGHT_MAX = 2;
/** An item that is still told `again` after so many flushes is given up. */
const TRIES_MAX = 8;

/** Errors of the data itself (SQLSTATE classes 22 and 23): one item may have caused them for all. */
function isDataError(error: unknown): boolean {
  return /^2[23]/.test(databaseCodeOf(error) ?? '');
}

/** Makes a bounded group commit over a set-wise write. */
export function createBoundedCommit<In, Out>(options: BoundedCommitOptions<In, Out>): BoundedCommit<In, Out> {
  let depth = 0;
  const commit = createGroupCommit<In, Flushed<Out>>({
    flush: flushJustly,
    groupMax: options.flushMax,
    slots: IN_FLIGHT_MAX,
    laneOf: options.laneOf,
  });

  async function flushJustly(items: readonly In[], retry = true): Promise<readonly Flushed<Out>[]> {
    try {
      return await options.flush(items);
    } catch (error) {
      if (retry && isRetryable(error)) return flushJustly(items, false);
      if (items.length === 1 || !isDataError(error)) throw databaseFault(error);
    }
    const answers: Flushed<Out>[] = [];
    for (const item of items) answers.push(await flushAlone(item));
    return answers;
  }

  async function flushAlone(item: In): Promise<Flushed<Out>> {
    try {
      return (await options.flush([item]))[0] ?? 'again';
    } catch (error) {
      return { error: databaseFault(error) as Error };
    }
  }

  async function submit(item: In): Promise<Out> {
    if (depth >= options.waitingMax) throw fault('overloaded');
    depth++;
    try {
      for (let tries = 1; tries <= TRIES_MAX; tries++) {
        const answer = await commit.submit(item);
        if (answer === 'again') continue;
        if ('error' in answer) throw answer.error;
        return answer.result;
      }
      throw fault('internal', { internal: `an item was not committed in ${TRIES_MAX} flushes` });
    } finally {
      depth--;
    }
  }

  return { submit, depth: () => depth, drain: commit.drain };
}
