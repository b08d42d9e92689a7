import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, type Pool } from './connect.ts';
import { migrate } from './migrate.ts';
import { countAstray, dropExpiredPartitions, listPartitions, makePartitionAhead } from './queries/partitions.ts';
import { SERVICE_ROLE } from './service-role.ts';
import { tamper, type TestDatabase, testDatabase } from './testing.ts';

const NOW_MS = Date.UTC(2026, 0, 10);
const DAY_MS = 86_400_000;
const TABLE = 'operator_callbacks';
const FIRST_END = 10_000_001n;
const READ = 'received_at < $1 and processed_at is not null';

let database: TestDatabase;
/** As the processes are: not the owner of the tables. */
let service: Pool;

beforeEach(async () => {
  database = await testDatabase();
  await database.pool.query(`grant ${SERVICE_ROLE} to current_user`);
  service = connect({ url: database.url, applicationName: 'capp test', role: SERVICE_ROLE, max: 2 });
});
afterEach(async () => {
  await service.end();
  await database.close();
});

async function addCallback(pool: Pool, isRead = true): Promise<string> {
  const { rows } = await pool.query<{ id: bigint; place: string }>(
    `insert into operator_callbacks (rail_id, body, body_digest, source_address, received_at, processed_at)
     values ('mpesa-ke', '\\x01', '\\x02', 'somewhere', $1, $2) returning tableoid::regclass::text as place`,
    [new Date(NOW_MS), isRead ? new Date(NOW_MS) : null],
  );
  return rows[0]?.place ?? 'nowhere';
}

/** As if so many ids had been given. */
const give = (id: bigint) => database.pool.query(`select setval('operator_callbacks_id_seq', $1)`, [id]);
const count = async () => (await database.pool.query('select from operator_callbacks')).rowCount;
const names = async () => (await listPartitions(service, TABLE)).map(({ name }) => name);
const dropBefore = (nowMs: number) => dropExpiredPartitions(service, TABLE, READ, new Date(nowMs));

test('a database in use keeps its callbacks where they lie, and its ids go on', async () => {
  const old = await testDatabase({ empty: true });
  await migrate(old.pool, { upTo: '0077_leases_beside_the_status', ownOnly: true });
  await addCallback(old.pool);
  await migrate(old.pool, { ownOnly: true });
  expect(await addCallback(old.pool)).toBe('operator_callbacks_from_1');
  const { rows } = await old.pool.query('select id, tableoid::regclass::text as place from operator_callbacks order by id');
  expect(rows).toEqual([1n, 2n].map((id) => ({ id, place: 'operator_callbacks_from_1' })));
  await old.close();
});

describe('partitions ahead', () => {
  test('are made while ids are left, and no more of them than are needed', async () => {
    expect(await makePartitionAhead(service, TABLE, NOW_MS)).toBeNull();
    await give(FIRST_END + 1n);
    const made = `operator_callbacks_from_${FIRST_END + 10_000_000n}`;
    expect(await Promise.all([1, 2].map(() => makePartitionAhead(service, TABLE, NOW_MS)))).toEqual(expect.arrayContaining([made, null]));
    expect(await names()).toEqual(['operator_callbacks_from_1', `operator_callbacks_from_${FIRST_END}`, made]);
  });

  test('are made by one of those who find the same one missing', async () => {
    const ask = `select make_partition('operator_callbacks', 20000001, 10000000) as name`;
    const asked = await Promise.all([service.query(ask), service.query(ask)]);
    const made = asked.map(({ rows }) => rows[0].name as string | null);
    expect(made).toHaveLength(2);
    expect(made).toEqual(expect.arrayContaining([null, 'operator_callbacks_from_20000001']));
  });

  test('are as wide as a month brings', async () => {
    await give(FIRST_END - 2n);
    await addCallback(service);
    await give(FIRST_END + 1_000_000n - 2n);
    // A million ids in a day.
    expect(await makePartitionAhead(service, TABLE, NOW_MS + DAY_MS)).not.toBeNull();
    const made = (await listPartitions(service, TABLE)).at(-1);
    expect(Number((made?.ends ?? 0n) - (made?.begins ?? 0n)) / 1e6).toBeCloseTo(30, 3);
  });

  test('guard what lies in them as the table does, and are for nobody but their owner', async () => {
    await give(2n * FIRST_END);
    await makePartitionAhead(service, TABLE, NOW_MS);
    await give(4n * FIRST_END);
    const made = (await names()).at(-1);
    await expect(service.query(`select from ${made}`)).rejects.toMatchObject({ code: '42501' });
    await expect(database.pool.query(`update ${made} set body = '\\x00'`)).rejects.toMatchObject({
      constraint: `${made}_fixed`,
    });
    const { rows } = await database.pool.query(
      `select relname from pg_class where relispartition and relkind = 'r' and relname like 'operator_callbacks%' and not relrowsecurity`,
    );
    expect(rows).toEqual([]);
  });

  test('that came too late leave rows where they lie, and tell of them', async () => {
    await give(3n * FIRST_END);
    expect(await addCallback(service)).toBe('operator_callbacks_rest');
    expect(await countAstray(service, TABLE)).toBe(1);
    await makePartitionAhead(service, TABLE, NOW_MS);
    expect(await countAstray(service, TABLE)).toBe(1);
    await give(5n * FIRST_END);
    const made = (await listPartitions(service, TABLE)).at(-1);
    await give(made?.begins ?? 0n);
    expect(await addCallback(service)).toBe(made?.name);
    expect(await countAstray(service, TABLE)).toBe(1);
  });
});

describe('a partition', () => {
  test('goes whole once it is full and all in it may go', async () => {
    await addCallback(service);
    await addCallback(service);
    expect(await dropBefore(NOW_MS + DAY_MS)).toEqual({ partitions: 0, rows: 0 });
    await give(FIRST_END);
    expect(await dropBefore(NOW_MS)).toEqual({ partitions: 0, rows: 0 });
    expect(await dropBefore(NOW_MS + DAY_MS)).toEqual({ partitions: 1, rows: 2 });
    expect(await names()).toEqual([`operator_callbacks_from_${FIRST_END}`]);
    expect(await addCallback(service)).toBe(`operator_callbacks_from_${FIRST_END}`);
  });

  test('stays with all its rows while one of them must', async () => {
    await addCallback(service);
    await addCallback(service, false);
    await give(FIRST_END);
    expect(await dropBefore(NOW_MS + DAY_MS)).toEqual({ partitions: 0, rows: 0 });
    expect(await count()).toBe(2);
  });

  test('stays while somebody works with the table, and goes the next time', async () => {
    await give(FIRST_END);
    const reader = await database.pool.connect();
    await reader.query('begin');
    await reader.query('select from operator_callbacks');
    expect(await dropBefore(NOW_MS + DAY_MS)).toEqual({ partitions: 0, rows: 0 });
    await reader.query('commit');
    reader.release();
    expect(await dropBefore(NOW_MS + DAY_MS)).toEqual({ partitions: 1, rows: 0 });
  });

  test.each(['operator_callbacks_from_1', 'operator_callbacks_rest', 'operator_callbacks', 'payments'])(
    '%s is not dropped on demand',
    async (name) => {
      await expect(service.query('select drop_partition($1)', [name])).rejects.toMatchObject({ code: '55000' });
    },
  );

  test('of a table whose rows are kept is not dropped either', async () => {
    await give(FIRST_END);
    await tamper(database.pool, `revoke delete on operator_callbacks from ${SERVICE_ROLE}`);
    await expect(service.query(`select drop_partition('operator_callbacks_from_1')`)).rejects.toMatchObject({ code: '55000' });
  });
});

test('where workers take what waits in the order of ids, what they took is cleaned away early, in partitions made later as well', async () => {
  await give(3n * FIRST_END);
  expect(await makePartitionAhead(service, TABLE, NOW_MS)).not.toBeNull();
  const { rows } = await database.pool.query<{ options: string[] | null }>(
    `select reloptions as options from pg_class
     where oid = 'outbox'::regclass or oid in (select inhrelid from pg_inherits where inhparent = 'operator_callbacks'::regclass)`,
  );
  const early = ['autovacuum_vacuum_scale_factor=0.02', 'autovacuum_vacuum_threshold=10000'];
  expect(rows.map(({ options }) => options)).toEqual(Array.from({ length: 5 }, () => early));
});

test('an id is looked for in one partition', async () => {
  await database.pool.query('set enable_seqscan = off');
  const { rows } = await service.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, costs off, timing off, summary off) update operator_callbacks c set lease_until = now() from unnest('{1,2}'::bigint[]) as picked(id) where c.id = picked.id`,
  );
  const others = rows.map((row) => row['QUERY PLAN']).filter((line) => /Scan.* on operator_callbacks_(from_\d{2,}|rest)/.test(line));
  expect(others.length).toBeGreaterThan(0);
  expect(others.filter((line) => !line.includes('never executed'))).toEqual([]);
});
