import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fault } from '../domain/errors.ts';
import { connect, databaseFault, withTransaction } from './connect.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('create table counter (id int primary key, value bigint not null)');
  await database.pool.query('insert into counter values (1, 0), (2, 0)');
});
afterAll(() => database.close());

const valueOf = async (id: number): Promise<bigint> =>
  (await database.pool.query('select value from counter where id = $1', [id])).rows[0].value;

describe('connections', () => {
  test('give 64-bit integers back as bigint, to the last digit', async () => {
    const { rows } = await database.pool.query(
      "select 9223372036854775807::bigint as one, '{1,-2,NULL}'::bigint[] as many, 7::int as small",
    );
    expect(rows[0]).toEqual({ one: 9_223_372_036_854_775_807n, many: [1n, -2n, null], small: 7 });
  });

  test('take bigint in, alone and in arrays', async () => {
    const { rows } = await database.pool.query('select $1::bigint as one, $2::bigint[] as many', [2n ** 62n, [2n ** 62n, -1n]]);
    expect(rows[0]).toEqual({ one: 2n ** 62n, many: [2n ** 62n, -1n] });
  });

  test('cancel a statement that runs too long, and end a transaction that stands idle', async () => {
    const pool = connect({ url: database.url, applicationName: 'impatient', statementTimeoutMs: 50, idleInTransactionTimeoutMs: 50 });
    await expect(pool.query('select pg_sleep(20)')).rejects.toMatchObject({ code: '57014' });
    const ended = withTransaction(pool, async (tx) => {
      await new Promise((done) => {
        tx.once('end', done);
      });
      await tx.query('select 1');
    });
    await expect(ended).rejects.toThrow('database_unavailable');
    // The pool goes on with another connection.
    const { rows } = await pool.query("select current_setting('application_name') as name");
    expect(rows[0].name).toBe('impatient');
    await pool.end();
  });

  test('a database that is not there is one clear fault', async () => {
    const pool = connect({ url: 'postgres://capp@127.0.0.1:1/capp', applicationName: 'lost' });
    await expect(withTransaction(pool, (tx) => tx.query('select 1'))).rejects.toThrow('database_unavailable');
    await pool.end();
  });
});

describe('transactions', () => {
  test('commit what they did and give back what they made', async () => {
    const value = await withTransaction(database.pool, async (tx) => {
      await tx.query('update counter set value = 5 where id = 1');
      return 'done';
    });
    expect([value, await valueOf(1)]).toEqual(['done', 5n]);
  });

  test('undo everything when something is thrown, and throw it on', async () => {
    await database.pool.query('update counter set value = 5 where id = 1');
    const attempt = withTransaction(database.pool, async (tx) => {
      await tx.query('update counter set value = 6 where id = 1');
      throw fault('not_cancellable');
    });
    await expect(attempt).rejects.toThrow('not_cancellable');
    expect(await valueOf(1)).toBe(5n);
  });

  test('do not pass for committed when a failed statement was swallowed', async () => {
    const attempt = withTransaction(database.pool, async (tx) => {
      await tx.query('update counter set value = 99 where id = 1');
      await tx.query('select 1 / 0').catch(() => undefined);
    });
    await expect(attempt).rejects.toThrow('internal');
    expect(await valueOf(1)).not.toBe(99n);
  });

  test('run again after a deadlock, and both get through', async () => {
    await database.pool.query('update counter set value = 0');
    const bothHoldOne = meetingOf(2);
    const climb = (first: number, second: number) => {
      let runs = 0;
      return withTransaction(database.pool, async (tx) => {
        runs += 1;
        await tx.query('update counter set value = value + 1 where id = $1', [first]);
        if (runs === 1) await bothHoldOne();
        await tx.query('update counter set value = value + 1 where id = $1', [second]);
        return runs;
      });
    };
    const runs = await Promise.all([climb(1, 2), climb(2, 1)]);
    expect(runs[0] + runs[1]).toBeGreaterThan(2);
    expect([await valueOf(1), await valueOf(2)]).toEqual([2n, 2n]);
  });

  test('run again after a serialisation failure, and lose no update', async () => {
    await database.pool.query('update counter set value = 0');
    const add = () =>
      withTransaction(
        database.pool,
        async (tx) => {
          const { rows } = await tx.query<{ value: bigint }>('select value from counter where id = 1');
          await tx.query('update counter set value = $1 where id = 1', [(rows[0]?.value ?? 0n) + 1n]);
        },
        { isolation: 'serializable', tries: 50 },
      );
    await Promise.all(Array.from({ length: 5 }, add));
    expect(await valueOf(1)).toBe(5n);
  });

  test('give up after the tries they were given', async () => {
    let runs = 0;
    const attempt = withTransaction(
      database.pool,
      async (tx) => {
        runs += 1;
        await tx.query("do $$ begin raise exception using errcode = '40001'; end $$");
      },
      { tries: 3 },
    );
    await expect(attempt).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(3);
  });
});

test('errors that mean nothing to a caller are given back as they came', () => {
  const odd = Object.assign(new Error('odd'), { code: '22012' });
  expect(databaseFault(odd)).toBe(odd);
  expect(databaseFault('text')).toBe('text');
  const known = fault('not_found');
  expect(databaseFault(known)).toBe(known);
});

/** A point that opens when `count` have come to it. */
function meetingOf(count: number): () => Promise<void> {
  let waiting = count;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return () => {
    waiting -= 1;
    if (waiting === 0) open();
    return opened;
  };
}
