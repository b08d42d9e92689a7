/** What the field keys themselves seal, sealed anew by the first of them, so that the others can go. */
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { changeSealed, countBlocks, countSealed, findOlderSealed, SEALED_PLACES, type SealedFate } from '../../db/queries/sealed-places.ts';

/** Blocks of a table that are read at once: some thousand rows. */
const BLOCKS_AT_ONCE = 64;

/**
 * Seals anew, by the first key of the keyring, what others sealed in every place that may change, and gives how much it found. What is
 * written by an older key meanwhile is left to the next call. Throws `internal` for what does not open.
 */
export async function resealPlaces(db: Pool, keyring: Pick<Keyring, 'currentId' | 'decrypt' | 'encrypt'>): Promise<number> {
  let found = 0;
  for (const place of SEALED_PLACES.filter(({ fate }) => fate === 'rewrapped')) {
    // Rows written anew may go behind the end of the table; those are under the first key already.
    const blocks = await countBlocks(db, place);
    for (let fromBlock = 0; fromBlock < blocks; fromBlock += BLOCKS_AT_ONCE) {
      const range = { currentId: keyring.currentId, fromBlock, toBlock: fromBlock + BLOCKS_AT_ONCE };
      const old = await findOlderSealed(db, place, range);
      if (old.length === 0) continue;
      const changes = old.map(({ at, sealed: before }) => {
        const sealed = keyring.encrypt(keyring.decrypt(before, place.context), place.context);
        return { at, before, sealed };
      });
      await changeSealed(db, place, changes);
      found += old.length;
    }
  }
  return found;
}

export interface SealedCount {
  /** `table.column`. */
  readonly place: string;
  readonly fate: SealedFate;
  readonly keyId: number;
  readonly sealed: bigint;
}

/** How much each field key seals in each place. A key that seals nothing, and wraps nothing, can go. */
export async function countPlaces(db: Pool): Promise<SealedCount[]> {
  const counts: SealedCount[] = [];
  for (const place of SEALED_PLACES) {
    const name = `${place.table}.${place.column}`;
    counts.push(...(await countSealed(db, place)).map((count) => ({ place: name, fate: place.fate, ...count })));
  }
  return counts;
}
