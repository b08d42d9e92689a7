import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Cohort, claimByOutcome } from './cohort.ts';
import { workCohorts } from './cohorts.ts';
import { buildPaymentGraph, type PaymentGraph, runPaymentGraph } from './payment-graph.ts';
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

it('an outcome that two workers claimed one after the other is worked in once, and the later one finds that its lease is lost', async () => {
  const id = await platform.submit();
  for (const hint of ['authorize', 'dispatch'] as const) await platform.worker.work(hint);
  await platform.worker.idle();
  const asleep = await claimByOutcome(platform.deps, 10);
  if (asleep === null) throw new Error('nothing to claim');
  platform.clock.advance(platform.deps.settings.leaseMs + 1);
  await platform.worker.work('outcomes');
  const moves = async () =>
    (await platform.database.pool.query('select count(*)::int as n from transfers where payment_id = $1', [id])).rows[0].n;
  const before = await moves();
  // Lost leases are no errors: `workCohorts` leaves such a cohort to whoever was there first.
  const late = runPaymentGraph(buildPaymentGraph(platform.deps, platform.agents), 'outcomes', asleep);
  await expect(late).rejects.toMatchObject({ code: 'lease_lost', internal: '0 of 1 outcomes were not worked in yet' });
  expect(await moves()).toBe(before);
  expect(platform.problems).toEqual([]);
});

it('full cohorts are worked two at a time, few payments one cohort after the other', async () => {
  /** Works so many payments; no cohort goes on before `expected` of them have been under way at once. Says how many ever were. */
  const most = async (payments: number, expected: number): Promise<number> => {
    for (let count = 0; count < payments; count += 1) await platform.submit();
    const reached = Promise.withResolvers<void>();
    let [underWay, seen] = [0, 0];
    const invoke = async ({ cohort }: { cohort: Cohort }) => {
      underWay += 1;
      seen = Math.max(seen, underWay);
      if (underWay === expected) reached.resolve();
      await reached.promise;
      const ids = cohort.travellers.map((traveller) => traveller.payment.id);
      await platform.database.pool.query(`update payments set status = 'cancelled' where id = any($1)`, [ids]);
      underWay -= 1;
      return { cohort };
    };
    const settings = { ...platform.deps.settings, cohortMax: 2, cohortsAtOnce: 2 };
    expect(await workCohorts({ ...platform.deps, settings }, { invoke } as unknown as PaymentGraph, 'authorize')).toBe(payments);
    return seen;
  };
  expect(await most(1, 1)).toBe(1);
  expect(await most(6, 2)).toBe(2);
});

it('a lane that breaks off while the first is at work waits to be told of: nothing is thrown where nobody listens', async () => {
  for (let count = 0; count < 4; count += 1) await platform.submit();
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', hear);
  try {
    const { pool } = platform.database;
    const brokeOff = Promise.withResolvers<void>();
    let lost = 0;
    let isFull = false;
    /** The database is lost to whoever claims next after a full cohort was claimed. */
    const query = async (...given: unknown[]): Promise<unknown> => {
      const isClaim = (given[0] as { name?: string }).name === 'claim_by_status';
      if (isClaim && isFull && lost === 0) {
        lost += 1;
        // The process looks for rejections that nobody listens to at the end of a turn.
        setImmediate(() => setImmediate(brokeOff.resolve));
        throw new Error('the connection was lost');
      }
      const result = await (pool.query as (...all: unknown[]) => Promise<{ rows: unknown[] }>).apply(pool, given);
      isFull ||= isClaim && result.rows.length === 2;
      return result;
    };
    const invoke = async ({ cohort }: { cohort: Cohort }) => {
      await brokeOff.promise;
      const ids = cohort.travellers.map((traveller) => traveller.payment.id);
      await pool.query(`update payments set status = 'cancelled' where id = any($1)`, [ids]);
      return { cohort };
    };
    const settings = { ...platform.deps.settings, cohortMax: 2, cohortsAtOnce: 2 };
    const lossy = Object.create(pool, { query: { value: query }, connect: { value: pool.connect.bind(pool) } });
    const work = workCohorts({ ...platform.deps, pool: lossy, settings }, { invoke } as unknown as PaymentGraph, 'authorize');
    await expect(work).rejects.toThrow('the connection was lost');
    expect(unheard).toEqual([]);
  } finally {
    process.off('unhandledRejection', hear);
  }
});
