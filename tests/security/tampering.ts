/** Tampering with a sealed audit log, more than a thousand times at random: every edit is found, and where it is. */
import { randomInt } from 'node:crypto';
import { disarm, type Edit, EDIT_NAMES, tryEdits } from '../../tools/audit/intruder.ts';
import { SOURCE_NAMES } from '../../tools/audit/sources.ts';
import { logOver } from '../../tools/audit/testing-log.ts';
import { withDatabase } from './database.ts';
import { reportOf, type SecurityPart } from './part.ts';

const EDITS = 1_200;
const RANDOM_MAX = 1_000_000;

function randomEdit(): Edit {
  const draw = <T>(items: readonly T[]): T => items[randomInt(items.length)] as T;
  return { kind: draw(EDIT_NAMES), source: draw(SOURCE_NAMES), random: [0, 1, 2].map(() => randomInt(RANDOM_MAX)) };
}

export const tampering: SecurityPart = {
  name: 'tampering',
  description: `${EDITS} random edits of the audit log and its chain, by somebody who owns the database; each must be found`,
  run: () =>
    withDatabase(async (database) => {
      const log = await logOver(database);
      let head = null;
      for (let round = 0; round < 3; round += 1) {
        await log.writePayment();
        await log.writePayment();
        head = (await log.sealAll({ rowsMax: 40 })).head;
      }
      if (head === null) throw new Error('nothing was sealed');
      const client = await database.pool.connect();
      try {
        await disarm(client);
        const { tried, found, byKind, missed, unplaced } = await tryEdits(
          client,
          log.deps,
          head,
          Array.from({ length: EDITS }, randomEdit),
        );
        const kinds = Object.entries(byKind).map(([kind, count]) => `${kind} ${count}`);
        return reportOf('tampering', { tried, found, kinds, placed: tried - unplaced.length }, [
          ...missed.map((each) => `not found: ${each}`),
          ...unplaced.map((each) => `found, and not where: ${each}`),
        ]);
      } finally {
        client.release(true);
      }
    }),
};
