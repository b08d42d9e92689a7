/** Workers that die between any two commits, and two that race for the same payments: every payment ends once, and the books balance. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect, type Pool } from '../../db/connect.ts';
import { fault } from '../../domain/errors.ts';
import type { OperatorClient } from '../../tools/mmo/operator.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import { mortalPool, type SafetyPlatform, safetyPlatform } from './platform.ts';

let platform: SafetyPlatform;
beforeEach(async () => {
  platform = await safetyPlatform();
  // An operator knows what reached it, and nothing else.
  platform.script = {
    inquire: (_rail, request) =>
      platform.sent.some((each) => each.requestId === request.requestId)
        ? { state: 'succeeded', receipt: 'found', amount: request.amount }
        : { state: 'failed', reasonCode: 'never_received', retry: 'later' },
  };
});
afterEach(() => platform.close());

/** A process that is killed after so many writes, with whatever it was doing; says whether it lived to the end of its work. */
async function runMortal(pool: Pool, writes: number): Promise<boolean> {
  const mortal = mortalPool(pool, writes);
  const alive = <Client extends OperatorClient>(client: Client): Client => {
    const unlessDead = <T>(call: () => Promise<T>): Promise<T> => (mortal.isDead() ? Promise.reject(fault('internal')) : call());
    return {
      ...client,
      collect: (request) => unlessDead(() => client.collect(request)),
      disburse: (request) => unlessDead(() => client.disburse(request)),
    };
  };
  const process = platform.startProcess({ pool: mortal.pool, operators: (railId) => alive(platform.deps.operators(railId)) });
  await process.settleDown().catch(() => undefined);
  await process.worker.idle().catch(() => undefined);
  return !mortal.isDead();
}

const DEATHS_MAX = 40;

it('a worker killed after any of its writes leaves a payment that the next one brings to its end, once', async () => {
  const pool = connect({ url: platform.database.url, applicationName: 'mortal', max: 4 });
  const heir = platform.startProcess();
  const paid: string[] = [];
  let lived = false;
  for (let writes = 1; !lived && writes <= DEATHS_MAX; writes += 1) {
    const id = await platform.submit();
    lived = await runMortal(pool, writes);
    // Leases end, requests can no longer be under way, and inquiries come due.
    for (let round = 0; round < 8 && (await platform.status(id)).status !== 'paid'; round += 1) {
      platform.clock.advance(60_000);
      await heir.settleDown();
    }
    expect([writes, (await platform.status(id)).status]).toEqual([writes, 'paid']);
    paid.push(id);
  }
  await pool.end();
  // The last one lived through all of its work, so every place to die was tried.
  expect(lived).toBe(true);
  expect(paid.length).toBeGreaterThan(8);
  const requests = platform.sent.map((each) => each.requestId);
  expect(new Set(requests).size).toBe(requests.length);
  const done = await platform.database.pool.query<{ leg: string; count: number }>(
    `select leg, count(*)::int as count from attempts where state = 'succeeded' group by leg order by leg`,
  );
  expect(done.rows).toEqual([
    { leg: 'collection', count: paid.length },
    { leg: 'payout', count: paid.length },
  ]);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});

const RACED = 24;

it('two workers that race for one cohort share it, and do nothing twice', async () => {
  const ids = await Promise.all(Array.from({ length: RACED }, () => platform.submit()));
  const processes = [platform.startProcess(), platform.startProcess()];
  const both = (hint: 'authorize' | 'dispatch' | 'outcomes' | 'resume') =>
    Promise.all(processes.flatMap(({ worker }) => [worker.work(hint), worker.work(hint)])).then(() =>
      Promise.all(processes.map(({ worker }) => worker.idle())),
    );
  for (let round = 0; round < 3; round += 1) for (const hint of ['authorize', 'dispatch', 'outcomes', 'resume'] as const) await both(hint);
  platform.clock.advance(60_000);
  await processes[0]?.settleDown();
  for (const id of ids) expect((await platform.status(id)).status).toBe('paid');
  expect(platform.sent.map((each) => each.kind).toSorted()).toEqual([
    ...Array<string>(RACED).fill('collect'),
    ...Array<string>(RACED).fill('disburse'),
  ]);
  const decided = await platform.database.pool.query<{ agent: string; count: number }>(
    `select agent, count(*)::int as count from decisions group by agent, payment_id having count(*) > 1`,
  );
  expect(decided.rows).toEqual([]);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});
