import { expect, test } from 'vitest';
import { testDatabase } from './testing.ts';

test('smoke', async () => {
  const { pool, close } = await testDatabase();
  const { rows } = await pool.query('select count(*) as n, array_agg(1::bigint) as a from pg_class');
  expect(typeof rows[0].n).toBe('bigint');
  expect(rows[0].a[0]).toBe(1n);
  const t0 = performance.now();
  const other = await testDatabase();
  console.log('create', performance.now() - t0);
  await other.close();
  await close();
});
