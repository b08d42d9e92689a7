import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { connect } from '../db/connect.ts';
import { testDatabase } from '../db/testing.ts';
import { SESSION_NICENESS, yieldSessions } from './priorities.ts';

test.runIf(process.platform === 'linux')('sessions of a pool give way, and nobody else does', async () => {
  const database = await testDatabase();
  const pool = connect({ url: database.url, applicationName: 'priorities', max: 1 });
  try {
    const pidOf = async (of: typeof pool) => (await of.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0;
    yieldSessions(pool);
    expect(getPriority(await pidOf(pool))).toBe(SESSION_NICENESS);
    expect(getPriority(await pidOf(database.pool))).toBe(getPriority());
    const groupOf = async (of: typeof pool) => readFileSync(`/proc/${await pidOf(of)}/autogroup`, 'utf8').trim();
    if (!existsSync('/proc/self/autogroup')) return;
    await expect.poll(() => groupOf(pool), { timeout: 5_000 }).toMatch(new RegExp(` nice ${SESSION_NICENESS}$`));
    expect(await groupOf(database.pool)).toMatch(/ nice 0$/);
  } finally {
    await pool.end();
    await database.close();
  }
});
