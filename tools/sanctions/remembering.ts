/** Takes a function, gives one that remembers what it made of the last things, `max` at most; it forgets all of them when there is no more room. */
export function remembering<Thing, Made>(make: (thing: Thing) => Made, max: number): (thing: Thing) => Made {
  const kept = new Map<Thing, Made>();
  return (thing) => {
    const present = kept.get(thing);
    if (present !== undefined) return present;
    const made = make(thing);
    if (kept.size >= max) kept.clear();
    kept.set(thing, made);
    return made;
  };
}
