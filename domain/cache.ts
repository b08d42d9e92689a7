/**
 * What a process remembers so that it need not be read or worked out again: bounded, and counted by name.
 *
 * Two generations take the place of a list of uses: what is found in the old one moves to the young one, and when that is full it
 * becomes the old one. So a look-up costs one access to a map, or two, and nothing is moved about for those that hit.
 */

export interface Cache<Key, Value> {
  /** What is kept under a key; counted as a hit or a miss. */
  get(key: Key): Value | undefined;
  /** The same, counted as neither: for whoever looks a second time. */
  peek(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
  clear(): void;
  readonly size: number;
}

/** How often what bears one name was asked and had the answer, since the process began, and how much it holds now. */
export interface CacheFigures {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
}

/** The counts of one name; whoever keeps something in a form of its own counts here as well. */
export interface LookupCounts {
  hits: number;
  misses: number;
}

interface Counted {
  readonly counts: LookupCounts;
  /** Caches of this name. Whoever made one and drops it, with an edition of lists for example, need not say so. */
  holders: WeakRef<{ readonly size: number }>[];
}

const counted = new Map<string, Counted>();

/** Counts the look-ups of one more holder under a name, whose size is told with that of others of the name. */
export function countLookups(name: string, holder: { readonly size: number }): LookupCounts {
  const present = counted.get(name) ?? { counts: { hits: 0, misses: 0 }, holders: [] };
  counted.set(name, present);
  present.holders.push(new WeakRef(holder));
  return present.counts;
}

/** The figures of all names. */
export function cacheFigures(): CacheFigures[] {
  return [...counted].map(([name, each]) => {
    each.holders = each.holders.filter((holder) => holder.deref() !== undefined);
    const entries = each.holders.reduce((sum, holder) => sum + (holder.deref()?.size ?? 0), 0);
    return { name, ...each.counts, entries };
  });
}

/** Makes a cache that keeps at least the last half of `max` things that were asked for, and never more than `max`. */
export function createCache<Key, Value>(name: string, max: number): Cache<Key, Value> {
  const youngMax = Math.max(1, Math.floor(max / 2));
  let young = new Map<Key, Value>();
  let old = new Map<Key, Value>();

  function set(key: Key, value: Value): void {
    if (young.size >= youngMax) [old, young] = [young, new Map()];
    young.set(key, value);
  }

  function peek(key: Key): Value | undefined {
    const found = young.get(key);
    if (found !== undefined) return found;
    const older = old.get(key);
    if (older !== undefined) set(key, older);
    return older;
  }

  const cache: Cache<Key, Value> = {
    get: (key) => {
      const found = peek(key);
      if (found === undefined) counts.misses += 1;
      else counts.hits += 1;
      return found;
    },
    peek,
    set,
    clear: () => {
      young = new Map();
      old = new Map();
    },
    // What has moved stands in both until the old one goes.
    get size() {
      return young.size + old.size;
    },
  };
  const counts = countLookups(name, cache);
  return cache;
}

/** Takes a function, gives one that remembers under a name what it made of the last things, `max` at most. */
export function remembering<Thing, Made>(name: string, make: (thing: Thing) => Made, max: number): (thing: Thing) => Made {
  const kept = createCache<Thing, Made>(name, max);
  return (thing) => {
    const present = kept.get(thing);
    if (present !== undefined) return present;
    const made = make(thing);
    kept.set(thing, made);
    return made;
  };
}
