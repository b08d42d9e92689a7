/**
 * Group commit: calls that arrive while the database is busy share the next statement. Nothing waits
 * for a timer: a flush starts as soon as a slot is free, so one lone call goes out at once and a crowd
 * goes out together.
 */

export interface GroupCommitOptions<Item, Result> {
  /** Writes a group; gives back one result for each item, in order. An error fails the whole group. */
  readonly flush: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Items in one group at most. */
  readonly groupMax: number;
  /** Groups under way at once; 2 keeps the database busy while the next group fills. */
  readonly slots?: number;
  /** Two items of one key never share a group, nor are under way at once; the later waits its turn. */
  readonly keyOf?: (item: Item) => string;
  /** Whose an item is. When more wait than a group holds, each has as much of it as any other, or all that is theirs. Without keys only. */
  readonly laneOf?: (item: Item) => string;
}

export interface GroupCommit<Item, Result> {
  submit(item: Item): Promise<Result>;
  /** Items that wait for a slot. */
  readonly waiting: number;
  /** Resolves once everything submitted so far has been written or has failed. */
  drain(): Promise<void>;
}

interface Waiter<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a group-committing writer out of a set-wise write. */
export function createGroupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  const slots = options.slots ?? 2;
  let queue: Waiter<Item, Result>[] = [];
  let running = 0;
  let scheduled = false;
  const busyKeys = new Set<string>();
  const drained: (() => void)[] = [];

  function takeGroup(): Waiter<Item, Result>[] {
    if (options.keyOf === undefined) {
      if (options.laneOf !== undefined && queue.length > options.groupMax) return takeFairly(options.laneOf);
      return queue.splice(0, options.groupMax);
    }
    const group: Waiter<Item, Result>[] = [];
    const left: Waiter<Item, Result>[] = [];
    for (const waiter of queue) {
      const key = options.keyOf(waiter.item);
      if (group.length < options.groupMax && !busyKeys.has(key)) {
        busyKeys.add(key);
        group.push(waiter);
      } else {
        left.push(waiter);
      }
    }
    queue = left;
    return group;
  }

  function takeFairly(laneOf: (item: Item) => string): Waiter<Item, Result>[] {
    const lanes = [...Map.groupBy(queue, ({ item }) => laneOf(item)).values()].toSorted((a, b) => a.length - b.length);
    const taken = new Set<Waiter<Item, Result>>();
    for (const [index, lane] of lanes.entries()) {
      // What the shorter ones leave is shared by those after them.
      const share = Math.ceil((options.groupMax - taken.size) / (lanes.length - index));
      for (const waiter of lane.slice(0, share)) taken.add(waiter);
    }
    const isTaken = (waiter: Waiter<Item, Result>): boolean => taken.has(waiter);
    const group = queue.filter(isTaken);
    queue = queue.filter((waiter) => !isTaken(waiter));
    return group;
  }

  async function flush(group: readonly Waiter<Item, Result>[]): Promise<void> {
    try {
      const results = await options.flush(group.map((waiter) => waiter.item));
      if (results.length !== group.length) throw new RangeError('a group commit must give one result for each item');
      for (const [index, waiter] of group.entries()) waiter.resolve(results[index] as Result);
    } catch (error) {
      for (const waiter of group) waiter.reject(error);
    } finally {
      running -= 1;
      if (options.keyOf !== undefined) for (const waiter of group) busyKeys.delete(options.keyOf(waiter.item));
      pump();
    }
  }

  function pump(): void {
    while (running < slots && queue.length > 0) {
      const group = takeGroup();
      if (group.length === 0) break;
      running += 1;
      void flush(group);
    }
    if (running === 0 && queue.length === 0) for (const done of drained.splice(0)) done();
  }

  return {
    submit: (item) =>
      new Promise<Result>((resolve, reject) => {
        queue.push({ item, resolve, reject });
        if (scheduled) return;
        scheduled = true;
        // At the end of this turn of the event loop: whatever arrived with the call, on any socket, shares its group.
        setImmediate(() => {
          scheduled = false;
          pump();
        });
      }),
    get waiting() {
      return queue.length;
    },
    drain: () => (running === 0 && queue.length === 0 ? Promise.resolve() : new Promise<void>((resolve) => drained.push(resolve))),
  };
}
