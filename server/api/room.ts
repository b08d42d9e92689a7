/**
 * Room for connections, in all and for each address. Where there is none left, one goes that waits for its client: of the address that
 * holds most of those, the one that has used up most of its time. Whoever is being served stays.
 */

/** What is waited for from a client: the headers of its first request, the rest of a body, its next request. */
export const WAITS = ['head', 'body', 'next'] as const;
export type Wait = (typeof WAITS)[number];

export interface RoomLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** How long is waited, milliseconds. */
  readonly waitMs: Readonly<Record<Wait, number>>;
}

/** Why nobody comes in: everybody, or everybody of that address, is being served. */
export type Full = 'full' | 'address_full';

export interface Room<Connection> {
  /** Lets one in, in whose place another may have to go; it waits for the headers. One that is not let in needs not leave. */
  enter(connection: Connection, address: string): { readonly full: Full } | { readonly displaced: Connection | null };
  /** From now on this is waited for; null: it is being served. One that is not in the room is left alone. */
  wait(connection: Connection, wait: Wait | null): void;
  leave(connection: Connection): void;
  /** How many are in. */
  count(): number;
}

interface Place {
  readonly address: string;
  wait: Wait | null;
}

interface House<Connection> {
  open: number;
  /** Since when they wait, the longest first. */
  readonly waiting: Readonly<Record<Wait, Map<Connection, number>>>;
}

/** Makes an empty room. `now` gives milliseconds. */
export function createRoom<Connection>(
  { connectionsMax, connectionsPerAddressMax, waitMs }: RoomLimits,
  now: () => number,
): Room<Connection> {
  const places = new Map<Connection, Place>();
  const houses = new Map<string, House<Connection>>();
  const waiters = createRanking<string>();

  function leave(connection: Connection): void {
    const place = places.get(connection);
    const house = houses.get(place?.address ?? '');
    if (place === undefined || house === undefined) return;
    wait(connection, null);
    places.delete(connection);
    house.open -= 1;
    if (house.open === 0) houses.delete(place.address);
  }

  function wait(connection: Connection, what: Wait | null): void {
    const place = places.get(connection);
    const house = houses.get(place?.address ?? '');
    if (place === undefined || house === undefined) return;
    if (place.wait !== null) house.waiting[place.wait].delete(connection);
    else if (what !== null) waiters.change(place.address, 1);
    if (what !== null) house.waiting[what].set(connection, now());
    else if (place.wait !== null) waiters.change(place.address, -1);
    place.wait = what;
  }

  /** Takes one that waits out of an address; null when all of it is being served. */
  function displace(address: string | null): Connection | null {
    const house = houses.get(address ?? '');
    if (house === undefined) return null;
    let [found, most]: [Connection | null, number] = [null, -1];
    for (const what of WAITS) {
      const [first] = house.waiting[what];
      const used = first === undefined ? -1 : (now() - first[1]) / waitMs[what];
      if (first !== undefined && used > most) [found, most] = [first[0], used];
    }
    if (found !== null) leave(found);
    return found;
  }

  return {
    enter: (connection, address) => {
      const isAddressFull = (houses.get(address)?.open ?? 0) >= connectionsPerAddressMax;
      const isFull = places.size >= connectionsMax;
      const displaced = isAddressFull ? displace(address) : isFull ? displace(waiters.first()) : null;
      if ((isAddressFull || isFull) && displaced === null) return { full: isAddressFull ? 'address_full' : 'full' };
      const house = houses.get(address) ?? { open: 0, waiting: { head: new Map(), body: new Map(), next: new Map() } };
      house.open += 1;
      houses.set(address, house);
      places.set(connection, { address, wait: null });
      wait(connection, 'head');
      return { displaced };
    },
    wait,
    leave,
    count: () => places.size,
  };
}

/** Who has most of something, kept as it changes. */
function createRanking<Key>() {
  const counts = new Map<Key, number>();
  const byCount: Set<Key>[] = [];
  let most = 0;
  return {
    change(key: Key, by: 1 | -1): void {
      const before = counts.get(key) ?? 0;
      const count = before + by;
      byCount[before]?.delete(key);
      if (count === 0) counts.delete(key);
      else {
        counts.set(key, count);
        (byCount[count] ??= new Set()).add(key);
      }
      most = Math.max(most, count);
      while (most > 0 && (byCount[most]?.size ?? 0) === 0) most -= 1;
    },
    /** Of several the one who has had so many for longest; null when nobody has any. */
    first(): Key | null {
      for (const key of byCount[most] ?? []) return key;
      return null;
    },
  };
}
