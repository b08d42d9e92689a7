/** Work of the command line with operators, on what all processes know of them: tokens, PINs, balances, answers that could not be used. */
import type { Pool } from '../../db/connect.ts';
import { readConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { type OperatorStores, operatorStores } from '../operators.ts';
import { openRedis } from '../redis.ts';
import type { CommandContext } from './context.ts';
import { onDatabase } from './database.ts';

/** Runs work with the stores that the processes share, as they share them. Throws what `onDatabase` does. */
export async function withOperators(context: CommandContext, work: (stores: OperatorStores, pool: Pool) => Promise<void>): Promise<void> {
  const { env, err } = context.terminal;
  const config = readConfig(env);
  const log = createLog({ program: 'operators', destination: { write: (line) => err(line.trimEnd()) } });
  await onDatabase(context, async (pool, keys) => {
    const redis = await openRedis(config, log);
    try {
      await work(operatorStores({ pool, redis }, keys, config.publicUrl, log), pool);
    } finally {
      redis?.disconnect();
    }
  });
}
