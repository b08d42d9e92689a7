import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../db/connect.ts';
import { requestsUnderWay, underWayOf } from '../db/queries/halts.ts';
import { DEMO_CLIENT_ID } from '../db/seed.ts';
import { tamper } from '../db/testing.ts';
import type { HaltScope } from '../domain/halt.ts';
import { halt, lift } from '../tools/oversight/halts.ts';
import { checkBooks, fundClient } from '../tools/ledger/index.ts';
import { haltedAmong } from './halts.ts';
import { type TestPlatform, testPlatform } from './testing.ts';

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform();
});
afterEach(() => platform.close());

const ALL: HaltScope = { clientId: null, corridor: null, railId: null, paymentId: null };

const begin = (scope: Partial<HaltScope> = {}) =>
  withTransaction(platform.deps.pool, (tx) =>
    halt(tx, { ...ALL, ...scope, reason: 'A test', principal: 'operator:jane', nowMs: platform.clock.now() }),
  );
const liftBy = (id: string, principal: string) =>
  withTransaction(platform.deps.pool, (tx) => lift(tx, id, null, principal, platform.clock.now()));

async function dispatch(): Promise<number> {
  await platform.worker.work('dispatch');
  await platform.worker.idle();
  return platform.sent.length;
}

describe('a halt', () => {
  it.each([
    ['everything', {}, 0],
    ['the client', { clientId: DEMO_CLIENT_ID }, 0],
    ['the corridor', { corridor: 'KE-UG' }, 0],
    ['the rail', { railId: 'mpesa-ke' }, 0],
    ['another corridor', { corridor: 'UG-KE' }, 1],
    ['another rail', { railId: 'mtn-ug' }, 1],
    ['the corridor on another rail', { corridor: 'KE-UG', railId: 'mtn-ug' }, 1],
  ] as const)('of %s: what is sent', async (_name, scope, sent) => {
    await platform.submit();
    await platform.worker.work('authorize');
    await begin(scope);
    expect(await dispatch()).toBe(sent);
  });

  it('of one payment holds that one back and no other; lifted by two, it goes on to its end', async () => {
    const [halted, other] = [await platform.submit(), await platform.submit()];
    await platform.worker.work('authorize');
    const { id } = await begin({ paymentId: halted });
    expect(await dispatch()).toBe(1);
    await liftBy(id, 'operator:jane');
    expect(await dispatch()).toBe(1);
    await expect(liftBy(id, 'operator:jane')).rejects.toMatchObject({ code: 'maker_is_checker' });
    await liftBy(id, 'operator:john');
    await expect(liftBy(id, 'operator:ann')).rejects.toMatchObject({ code: 'switch_unchanged' });
    await platform.settleDown();
    for (const paymentId of [halted, other]) expect((await platform.status(paymentId)).status).toBe('paid');
    const acts = await platform.deps.pool.query<{ act: string }>(
      `select actor || ' ' || action as act from audit_events where subject = $1 order by id`,
      [`halt:${id}`],
    );
    expect(acts.rows.map(({ act }) => act)).toEqual([
      'operator:jane halt.begun',
      'operator:jane halt.lift_asked',
      'operator:john halt.lifted',
    ]);
  });

  it('works under load: what was claimed before it is sent, and nothing after', async () => {
    for (let count = 0; count < 80; count += 1) await platform.submit();
    await platform.worker.work('authorize');
    let halting: Promise<unknown> | null = null;
    const told: { readonly requests: number; readonly ofItsRail: number }[] = [];
    const base = platform.deps.operators;
    Object.assign(platform.deps, {
      operators: (railId: string) => ({
        ...base(railId),
        collect: async (request: Parameters<ReturnType<typeof base>['collect']>[0]) => {
          halting ??= begin().then(async () => {
            const client = { ...ALL, clientId: DEMO_CLIENT_ID };
            const { pool } = platform.deps;
            const { requests } = await underWayOf(pool, client);
            told.push({ requests, ofItsRail: await requestsUnderWay(pool, { ...client, railId: 'mpesa-ke', corridor: 'KE-UG' }) });
            told.push({
              requests: await requestsUnderWay(pool, { ...client, railId: 'mtn-ug' }),
              ofItsRail: await requestsUnderWay(pool, { ...client, corridor: 'UG-KE' }),
            });
          });
          await halting;
          return base(railId).collect(request);
        },
      }),
    });
    const sent = await dispatch();
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(platform.deps.settings.effectsMaxPerRail);
    for (const count of Object.values(told[0] ?? {})) expect(count > 0 && count <= sent).toBe(true);
    expect(told.slice(1)).toEqual([{ requests: 0, ofItsRail: 0 }]);
    expect(await dispatch()).toBe(sent);
    const left = await platform.deps.pool.query(`select 1 from attempts where state = 'created'`);
    expect(left.rowCount).toBe(80 - sent);
  });

  it('lets outcomes of what was sent be worked in, and the payout wait', async () => {
    const id = await platform.submit();
    await platform.worker.work('authorize');
    expect(await dispatch()).toBe(1);
    const { id: haltId } = await begin();
    await platform.worker.work('outcomes');
    expect(await dispatch()).toBe(1);
    expect((await platform.status(id)).status).toBe('disbursing');
    await liftBy(haltId, 'operator:ann');
    await liftBy(haltId, 'operator:john');
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
  });

  it('is refused by the database in the name of one person, and cannot be changed or taken away', async () => {
    const { id } = await begin();
    const { pool } = platform.deps;
    const [sets, values] = [`lift_asked_by = 'a', lift_asked_at = now(), lifted_at = now(), lifted_by = `, [id]];
    await expect(pool.query(`update execution_halts set ${sets} 'a' where id = $1`, values)).rejects.toMatchObject({
      constraint: 'execution_halts_lifted',
    });
    await expect(pool.query('update execution_halts set corridor = null')).rejects.toMatchObject({ constraint: 'execution_halts_fixed' });
    for (const column of ['client_id', 'lift_client_id'])
      await expect(pool.query(`update execution_halts set ${column} = null`)).rejects.toMatchObject({
        constraint: 'execution_halts_fixed',
      });
    await expect(pool.query('delete from execution_halts')).rejects.toMatchObject({ constraint: 'execution_halts_append_only' });
  });
});

const fund = () =>
  withTransaction(platform.deps.pool, (tx) => fundClient(tx, DEMO_CLIENT_ID, { minor: 1_000_000n, currency: 'KES' }, 'a test'));

it('holds back what would move from balance to balance at once', async () => {
  await fund();
  const id = await platform.submit({ funding: 'balance', delivery: 'balance' });
  const { id: haltId } = await begin({ corridor: 'KE-UG' });
  await platform.worker.work('authorize');
  expect((await platform.status(id)).status).toBe('queued');
  await liftBy(haltId, 'operator:ann');
  await liftBy(haltId, 'operator:john');
  platform.clock.advance(platform.deps.settings.retryDelayMs);
  await platform.worker.work('authorize');
  expect((await platform.status(id)).status).toBe('paid');
});

describe('money between a balance and the platform', () => {
  /** Lifts a halt, and works until nothing is ready, once what was put off is due. */
  async function liftAndGoOn(id: string): Promise<void> {
    await liftBy(id, 'operator:ann');
    await liftBy(id, 'operator:john');
    platform.clock.advance(platform.deps.settings.retryDelayMs);
    await platform.settleDown();
  }
  const movedOnBalances = async (paymentId: string): Promise<number> => {
    const { rowCount } = await platform.deps.pool.query(
      `select 1 from transfers t join accounts a on a.id in (t.debit_account_id, t.credit_account_id)
       where t.payment_id = $1 and a.kind = 'client' and t.type in ('posted', 'post')`,
      [paymentId],
    );
    return rowCount ?? 0;
  };

  it('is not collected while a halt covers it, and what is collected over a rail is', async () => {
    await fund();
    const id = await platform.submit({ funding: 'balance' });
    const other = await platform.submit();
    const { id: haltId } = await begin({ paymentId: id });
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('authorized');
    expect(await movedOnBalances(id)).toBe(0);
    expect((await platform.status(other)).status).toBe('paid');
    platform.clock.advance(platform.deps.settings.retryDelayMs);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('authorized');
    await liftAndGoOn(haltId);
    expect((await platform.status(id)).status).toBe('paid');
  });

  it('is not paid out while a halt covers it', async () => {
    const id = await platform.submit({ delivery: 'balance' });
    await platform.worker.work('authorize');
    await dispatch();
    const { id: haltId } = await begin({ corridor: 'KE-UG' });
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('collected');
    expect(await movedOnBalances(id)).toBe(0);
    await liftAndGoOn(haltId);
    expect((await platform.status(id)).status).toBe('paid');
    expect(await movedOnBalances(id)).toBe(1);
  });

  it('does not go back while a halt covers it, and what goes back over a rail does', async () => {
    const failed = { state: 'failed', reasonCode: 'PAYEE_NOT_FOUND', retry: 'never' } as const;
    platform.script = {
      disburse: (_rail, { phone, amount }) => (phone.startsWith('+256') ? failed : { state: 'succeeded', receipt: 'B1', amount }),
    };
    await fund();
    const [id, other] = [await platform.submit({ funding: 'balance' }), await platform.submit()];
    await platform.worker.work('authorize');
    expect(await dispatch()).toBe(2);
    await platform.worker.work('outcomes');
    // Over its last rail.
    expect(await dispatch()).toBe(4);
    const { id: haltId } = await begin({ paymentId: id });
    const before = await movedOnBalances(id);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('collected');
    expect(await movedOnBalances(id)).toBe(before);
    expect((await platform.status(other)).status).toBe('refunded');
    await liftAndGoOn(haltId);
    expect((await platform.status(id)).status).toBe('refunded');
    expect(await movedOnBalances(id)).toBe(before + 1);
    expect(await checkBooks(platform.deps.pool)).toEqual([]);
  });

  it('is looked for among halts only where some would move', async () => {
    const asking = { query: () => Promise.reject(new Error('asked')) } as unknown as PoolClient;
    expect(await haltedAmong(asking, [])).toEqual(new Set());
  });
});

it('halts a payment of whose attempt somebody changed the terms, until two people have looked', async () => {
  const id = await platform.submit();
  await platform.worker.work('authorize');
  await tamper(platform.deps.pool, 'update attempts set amount = amount + 1');
  expect(await dispatch()).toBe(0);
  // The leg is tried again, under a grant over what the rows say now: that must not leave.
  await platform.worker.work('outcomes');
  expect(await dispatch()).toBe(0);
  const halts = await platform.deps.pool.query('select payment_id, begun_by, lifted_at from execution_halts');
  expect(halts.rows).toEqual([{ payment_id: id, begun_by: 'system', lifted_at: null }]);
});
