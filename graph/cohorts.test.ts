import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestPlatform, testPlatform } from './testing.ts';

let platform: TestPlatform;

beforeEach(async () => {
  platform = await testPlatform();
});

afterEach(async () => {
  await platform.close();
});

it('an outcome that cannot be worked in is put off and holds up none of the others', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 7; count += 1) ids.push(await platform.submit());
  for (const hint of ['authorize', 'dispatch'] as const) await platform.worker.work(hint);
  await platform.worker.idle();
  await platform.worker.work('outcomes');
  await platform.worker.work('dispatch');
  await platform.worker.idle();
  // The first in the order in which outcomes are claimed: nothing behind it may wait for it.
  const { pool } = platform.database;
  const first = await pool.query<{ payment_id: string; reservation_id: string }>(
    `select payment_id, reservation_id from attempts a join payments p on p.id = a.payment_id where leg = 'payout' order by a.id limit 1`,
  );
  const broken = first.rows[0];
  await pool.query('update payments set reservation_id = null where id = $1', [broken?.payment_id]);
  await platform.worker.work('outcomes');
  for (const id of ids) expect((await platform.status(id)).status).toBe(id === broken?.payment_id ? 'disbursing' : 'paid');
  expect(platform.problems.length).toBeGreaterThan(0);

  await pool.query('update payments set reservation_id = $2 where id = $1', [broken?.payment_id, broken?.reservation_id]);
  platform.clock.advance(platform.deps.settings.retryDelayMs + 1);
  await platform.settleDown();
  expect((await platform.status(broken?.payment_id ?? '')).status).toBe('paid');
});
