import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Pool, PoolClient } from 'pg';
import { emptyDatabase } from '../../agents/testing.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import { driveSettlement } from './driver.ts';
import { type CallSeen, type Fate, insertBatch, type MemoryChain, memoryChain } from './testing.ts';
import { type Approver, DEFAULT_DRIVER_SETTINGS, type DriverDeps } from './types.ts';

const START_MS = Date.UTC(2026, 5, 1);

const key = (approver: string): Approver => ({
  approver,
  keyName: `key of ${approver}`,
  signer: `0x${approver}`,
  sign: async (digest) => `0x${approver} signs ${digest}`,
});
const APPROVERS = [
  key('policy:one'),
  key('policy:two'),
  key('policy:three'),
  key('treasurer:nia'),
  key('treasurer:sam'),
  key('treasurer:zuri'),
];

let database: TestDatabase;
let clock: ReturnType<typeof manualClock>;
let chain: MemoryChain;
let deps: DriverDeps;
beforeAll(async () => {
  database = await testDatabase({ max: 6 });
});
afterAll(() => database?.close());
beforeEach(async () => {
  await emptyDatabase(database.pool);
  clock = manualClock(START_MS);
  chain = memoryChain(clock);
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  deps = { pool: database.pool, clock, log, chain, approvers: APPROVERS, settings: DEFAULT_DRIVER_SETTINGS };
});
afterEach(async () => {
  const violations = await checkBooks(database.pool);
  if (violations.length > 0) throw new Error(JSON.stringify(violations));
});

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;

const stateOf = async (id: string) =>
  (await query(`select status, transaction_hash is not null as proven, settled_at from settlement_batches where id = $1`, [id]))[0];
const booksOf = async (batchId: string) =>
  query(
    `select debit.code as debit, credit.code as credit, amount, reason from transfers t join accounts debit on debit.id = debit_account_id
       join accounts credit on credit.id = credit_account_id where link_id = $1`,
    [batchId],
  );
const openCases = async (id: string) =>
  (await query(`select kind from settlement_cases where batch_id = $1 and status = 'open'`, [id])).map((row) => row.kind);

/** Drives and lets time pass until nothing is left to do, at most so often. */
async function driveOn(rounds = 60, stepMs = 30_000): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await driveSettlement(deps);
    const left = await query(
      `select 1 from settlement_batches where method = 'chain' and status not in ('settled', 'expired', 'mismatched')`,
    );
    if (left.length === 0) return;
    clock.advance(stepMs);
  }
}

describe('a batch under the limits of the policy keys', () => {
  it('is proposed, approved by as many keys as needed, executed, checked and posted, in one go', async () => {
    const id = await insertBatch(database.pool, { partner: 'mtn-ug', currency: 'UGX', dueMinor: -336_000n });
    expect(await driveSettlement(deps)).toBe(1);
    expect(await stateOf(id)).toEqual({ status: 'settled', proven: true, settled_at: new Date(START_MS) });
    expect(await booksOf(id)).toEqual([{ debit: 'partner:mtn-ug', credit: 'chain:UGX', amount: 336_000n, reason: 'settlement' }]);
    expect(chain.calls.map(({ call }) => call)).toEqual(['propose', 'approve', 'approve', 'execute', 'status']);
    expect([...(chain.batches.get(id)?.approvals ?? [])]).toEqual(['0xpolicy:one', '0xpolicy:two']);
    const acts = await query(`select action, actor from audit_events where subject = 'settlement_batch:' || $1 order by id`, [id]);
    expect(acts.map((row) => row.action)).toEqual([
      'settlement.proposed',
      'settlement.approval_given',
      'settlement.approval_given',
      'settlement.approved',
      'settlement.executed',
      'settlement.settled',
    ]);
    expect(await driveSettlement(deps)).toBe(0);
  });

  it('is posted the other way when the partner owes', async () => {
    const id = await insertBatch(database.pool, { partner: 'mpesa-ke', currency: 'KES', dueMinor: 1_200_000n });
    await driveSettlement(deps);
    expect(await booksOf(id)).toEqual([{ debit: 'chain:KES', credit: 'partner:mpesa-ke', amount: 1_200_000n, reason: 'settlement' }]);
  });

  it('is taken by one worker where several run', async () => {
    const ids = [];
    for (let count = 0; count < 6; count += 1)
      ids.push(await insertBatch(database.pool, { partner: `rail-${count}`, dueMinor: -1_000_000n }));
    await Promise.all([1, 2, 3].map(() => driveSettlement(deps)));
    for (const id of ids) expect([await stateOf(id), chain.executions(id)]).toMatchObject([{ status: 'settled' }, 1]);
  });
});

describe('a batch above the limits', () => {
  const approve = (batchId: string, who: string, digest: string) =>
    query(
      'insert into settlement_approvals (id, batch_id, approver, key_name, proposal_digest) values (gen_random_uuid(), $1, $2, $3, $4)',
      [batchId, who, `key of ${who}`, digest],
    );

  it('waits for people, and counts only what was approved on exactly this proposal', async () => {
    const id = await insertBatch(database.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'proposed' });
    const [{ proposal_digest: digest }] = (await query('select proposal_digest from settlement_batches where id = $1', [id])) as [
      { proposal_digest: string },
    ];
    await approve(id, 'treasurer:nia', 'another proposal');
    await driveOn(3);
    expect(chain.batches.get(id)?.approvals.size).toBe(0);
    await approve(id, 'treasurer:sam', digest);
    await driveOn(3);
    expect([...(chain.batches.get(id)?.approvals ?? [])]).toEqual(['0xtreasurer:sam']);
    expect(await stateOf(id)).toMatchObject({ status: 'proposed' });
    await approve(id, 'policy:one', digest);
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'proposed' });
    await approve(id, 'treasurer:zuri', digest);
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'settled' });
  });

  it('expires without them: people are told and what is due goes to the next batch', async () => {
    const id = await insertBatch(database.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
    await driveSettlement(deps);
    clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'expired', proven: false });
    expect(await openCases(id)).toEqual(['expired']);
    expect(await booksOf(id)).toEqual([]);
  });
});

describe('what goes wrong on the chain', () => {
  it('a refused step is tried again after a wait, and people hear of it when it goes on so', async () => {
    const id = await insertBatch(database.pool, {});
    chain.fate = ({ call }) => (call === 'execute' ? 'refused' : 'done');
    await driveSettlement(deps);
    expect(await driveSettlement(deps)).toBe(0);
    await driveOn(8);
    expect(await openCases(id)).toEqual(['refused']);
    chain.fate = () => 'done';
    await driveOn();
    expect(await stateOf(id)).toMatchObject({ status: 'settled' });
    expect(await openCases(id)).toEqual([]);
  });

  it('a dispute raises a case and holds the books until it is over', async () => {
    const id = await insertBatch(database.pool, {});
    chain.fate = ({ call }) => {
      if (call === 'status') chain.set(id, 'disputed');
      return 'done';
    };
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'disputed' });
    expect([await openCases(id), await booksOf(id)]).toEqual([['disputed'], []]);
    chain.fate = () => 'done';
    chain.set(id, 'executed');
    await driveOn();
    expect(await stateOf(id)).toMatchObject({ status: 'settled' });
    expect([await openCases(id), (await booksOf(id)).length]).toEqual([[], 1]);
  });

  it('another root on chain raises a case, and nothing is posted', async () => {
    const id = await insertBatch(database.pool, {});
    const honest = chain.status;
    deps = { ...deps, chain: { ...chain, status: async (batchId) => ({ ...(await honest(batchId)), merkleRoot: '0'.repeat(64) }) } };
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'mismatched' });
    expect([await openCases(id), await booksOf(id)]).toEqual([['mismatched'], []]);
  });

  it('a batch that is gone from the chain is asked for again before people are told', async () => {
    const id = await insertBatch(database.pool, {});
    const absent = { state: 'absent', approvals: 0, transactionHash: null, ledgerVersion: null, merkleRoot: null } as const;
    deps = { ...deps, chain: { ...chain, status: async () => absent } };
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'executed' });
    await driveOn();
    expect([await stateOf(id), await openCases(id)]).toMatchObject([{ status: 'mismatched' }, ['mismatched']]);
  });

  it.each<[string, Fate]>([
    ['never arrived', 'lost'],
    ['arrived and was not answered', 'answer_lost'],
    ['arrives later', { lateMs: 20_000 }],
    ['could not be sent', 'unreachable'],
  ])('a call that %s takes effect once', async (_what, fate) => {
    const id = await insertBatch(database.pool, {});
    const hit = new Set<string>();
    chain.fate = ({ call }) => {
      if (hit.has(call)) return 'done';
      hit.add(call);
      return call === 'status' ? 'unreachable' : fate;
    };
    await driveOn();
    expect([await stateOf(id), chain.executions(id), (await booksOf(id)).length]).toMatchObject([{ status: 'settled' }, 1, 1]);
    expect(chain.batches.get(id)?.approvals.size).toBe(2);
  });

  it('nothing is sent anew while a call may still take effect', async () => {
    const id = await insertBatch(database.pool, {});
    chain.fate = ({ call }) => (call === 'propose' ? 'lost' : 'done');
    await driveSettlement(deps);
    const proposals = () => chain.calls.filter(({ call }) => call === 'propose').length;
    for (clock.advance(5_000); clock.now() < START_MS + DEFAULT_DRIVER_SETTINGS.transactionLifeMs; clock.advance(5_000))
      await driveSettlement(deps);
    expect(proposals()).toBe(1);
    chain.fate = () => 'done';
    await driveOn();
    expect([proposals(), await stateOf(id)]).toMatchObject([2, { status: 'settled' }]);
  });
});

/** The process dies at one operation: before it is done, or after it with the answer lost. */
class Died extends Error {}

interface Mortal {
  readonly deps: DriverDeps;
  readonly operations: () => number;
}

function mortal(dieAt: number, when: 'before' | 'after'): Mortal {
  let count = 0;
  let dead = false;
  const act = async <T>(work: () => Promise<T>): Promise<T> => {
    if (dead) throw new Died('dead');
    count += 1;
    const isLast = count === dieAt;
    if (isLast && when === 'before') {
      dead = true;
      throw new Died('died before');
    }
    const result = await work();
    if (isLast) {
      dead = true;
      throw new Died('died after');
    }
    return result;
  };
  const pool = {
    query: (...given: Parameters<Pool['query']>) => act(() => database.pool.query(...given) as unknown as Promise<unknown>),
    connect: async () => {
      if (dead) throw new Died('dead');
      const client = await database.pool.connect();
      return {
        query: (...given: Parameters<PoolClient['query']>) => act(() => client.query(...given) as unknown as Promise<unknown>),
        // A dead process leaves its connections behind: the server rolls back.
        release: () => client.release(dead),
      };
    },
  } as unknown as Pool;
  const wrap = <Arguments extends unknown[], T>(call: (...given: Arguments) => Promise<T>) => {
    return (...given: Arguments) => act(() => call(...given));
  };
  const mortalChain = {
    propose: wrap(chain.propose),
    approve: wrap(chain.approve),
    execute: wrap(chain.execute),
    status: wrap(chain.status),
  };
  return { deps: { ...deps, pool, chain: mortalChain }, operations: () => count };
}

describe('death between any two steps', () => {
  it('leaves every batch executed once and posted once, whichever operation was the last', async () => {
    const whole = mortal(Number.POSITIVE_INFINITY, 'before');
    await insertBatch(database.pool, {});
    await driveSettlement(whole.deps);
    const operations = whole.operations();
    expect(operations).toBeGreaterThan(20);
    // Dying after one operation is dying before the next, with the answer lost besides.
    for (let at = 0; at <= operations; at += 1) {
      const id = await insertBatch(database.pool, {});
      const dying = at === 0 ? mortal(1, 'before') : mortal(at, 'after');
      await expect(driveSettlement(dying.deps), `operation ${at}`).rejects.toThrow();
      clock.advance(DEFAULT_DRIVER_SETTINGS.leaseMs + 1_000);
      await driveOn();
      const found = [
        at,
        (await stateOf(id))?.status,
        chain.executions(id),
        (await booksOf(id)).length,
        chain.batches.get(id)?.approvals.size,
      ];
      expect(found).toEqual([at, 'settled', 1, 1, 2]);
    }
  }, 180_000);

  it('and every call before it lost, answered to nobody, or late', async () => {
    for (const fate of ['lost', 'answer_lost', { lateMs: 45_000 }] as const) {
      for (const call of ['propose', 'approve', 'execute'] as const) {
        for (let at = 4; at <= 28; at += 8) {
          const id = await insertBatch(database.pool, {});
          let left = 1;
          chain.fate = (seen: CallSeen): Fate => {
            if (seen.call !== call || left === 0) return 'done';
            left -= 1;
            return fate;
          };
          await driveSettlement(mortal(at, 'after').deps).catch(() => undefined);
          clock.advance(DEFAULT_DRIVER_SETTINGS.leaseMs + 1_000);
          await driveOn();
          const found = [fate, call, at, (await stateOf(id))?.status, chain.executions(id), (await booksOf(id)).length];
          expect(found).toEqual([fate, call, at, 'settled', 1, 1]);
        }
      }
    }
  }, 180_000);
});
