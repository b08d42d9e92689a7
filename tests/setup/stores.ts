/** One suite for the two stores that processes share: what holds for PostgreSQL holds for Redis. */
import { afterAll, beforeAll, describe } from 'vitest';

/** How long an embedded server may take to come up on a busy machine, milliseconds. */
const OPEN_WITHIN_MS = 240_000;

/**
 * Describes a suite once for each store. `open` makes a store with whatever the suite needs to look behind it; `suite` gets the place that is open
 * while its tests run. `timeout` is that of each test, milliseconds.
 */
export function describeInBothStores<Place extends { readonly close: () => Promise<void> }>(
  what: string,
  timeout: number,
  open: { readonly inPostgres: () => Promise<Place>; readonly inRedis: () => Promise<Place> },
  suite: (place: () => Place) => void,
): void {
  describe.each([
    ['PostgreSQL', open.inPostgres],
    ['Redis', open.inRedis],
  ])(`${what} through %s`, { timeout }, (_name, openOne) => {
    let opened: Place | null = null;
    beforeAll(async () => {
      opened = await openOne();
    }, OPEN_WITHIN_MS);
    afterAll(() => opened?.close());
    suite(() => {
      if (opened === null) throw new Error('the store is open while the tests of its suite run only');
      return opened;
    });
  });
}
