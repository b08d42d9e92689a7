import { describe, expect, it } from 'vitest';
import { driveSettlement } from './driver.ts';
import { mortal } from './mortal.ts';
import { openStage, type Stage, START_MS } from './stage.ts';
import { type CallSeen, driveToEnd, type Fate, insertBatch, memoryChain, stateOfBatch } from './testing.ts';
import { DEFAULT_DRIVER_SETTINGS, type DriverDeps } from './types.ts';

const NAMES = ['policy:one', 'policy:two', 'policy:three', 'treasurer:nia', 'treasurer:sam', 'treasurer:zuri'];

let clock: Stage['clock'];
let chain: Stage['chain'];
let deps: Stage['deps'];
const database = openStage({ approvers: NAMES }, (stage) => {
  ({ clock, chain, deps } = stage);
});
const { query } = database;

const stateOf = (id: string) => stateOfBatch(database.pool, id);
const booksOf = async (batchId: string) =>
  query(
    `select debit.code as debit, credit.code as credit, amount, reason from transfers t join accounts debit on debit.id = debit_account_id
       join accounts credit on credit.id = credit_account_id where link_id = $1 order by amount desc, debit.code`,
    [batchId],
  );
const openCases = async (id: string) =>
  (await query(`select kind from settlement_cases where batch_id = $1 and status = 'open'`, [id])).map((row) => row.kind);

const HARMS: readonly (readonly [string, Fate])[] = [
  ['never arrived', 'lost'],
  ['arrived and was not answered', 'answer_lost'],
  ['arrives later', { lateMs: 20_000 }],
  ['could not be sent', 'unreachable'],
];

const driveOn = (rounds?: number, stepMs?: number) => driveToEnd(deps, clock, rounds, stepMs);

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
    // What was put in is back before anybody settles it elsewhere.
    expect([chain.batches.get(id)?.state, chain.calls.map(({ call }) => call)]).toEqual([
      'refunded',
      ['propose', 'status', 'status', 'refund'],
    ]);
  });

  it('stays until its refund has taken effect, however often that is lost', async () => {
    const id = await insertBatch(database.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
    await driveSettlement(deps);
    clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    let left = 2;
    chain.fate = ({ call }) => (call === 'refund' && (left -= 1) >= 0 ? 'lost' : 'done');
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'proposed' });
    await driveOn();
    expect([await stateOf(id), chain.batches.get(id)?.state]).toMatchObject([{ status: 'expired' }, 'refunded']);
    expect(chain.calls.filter(({ call }) => call === 'refund')).toHaveLength(3);
  });

  it('needs no refund of ours when somebody else was first', async () => {
    const id = await insertBatch(database.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
    await driveSettlement(deps);
    clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    chain.set(id, 'refunded');
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'expired' });
    expect(chain.calls.some(({ call }) => call === 'refund')).toBe(false);
  });
});

describe('a batch with a dispute window', () => {
  const WINDOW_MS = 3_600_000;
  const executed = async (dueMinor = -1_000_000n): Promise<string> => {
    chain.disputeWindowMs = WINDOW_MS;
    const id = await insertBatch(database.pool, { dueMinor });
    await driveSettlement(deps);
    expect([await stateOf(id), await booksOf(id)]).toMatchObject([{ status: 'executed', proven: true }, []]);
    return id;
  };
  const reversedOf = async (id: string) => (await query('select reversed_amount from settlement_batches where id = $1', [id]))[0];

  it('is final only when the window is over: then it is paid and posted', async () => {
    const id = await executed();
    for (clock.advance(60_000); clock.now() < START_MS + WINDOW_MS; clock.advance(60_000)) await driveSettlement(deps);
    expect([chain.calls.some(({ call }) => call === 'pay'), await booksOf(id)]).toEqual([false, []]);
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'settled', settled_at: new Date(START_MS + WINDOW_MS) });
    expect([(await booksOf(id)).length, chain.executions(id)]).toEqual([1, 1]);
    const steps = await query('select kind, state from settlement_steps where batch_id = $1 order by sent_at, id', [id]);
    expect(steps.map((row) => row.kind)).toEqual(['propose', 'approve', 'approve', 'execute', 'pay']);
  });

  it('that is disputed is frozen; what arbiters leave of it is paid, and what they reverse goes back in the books', async () => {
    const id = await executed();
    chain.freeze(id, 7 * 24 * WINDOW_MS);
    clock.advance(60_000);
    await driveOn(20, WINDOW_MS);
    expect([await stateOf(id), await openCases(id), await booksOf(id)]).toMatchObject([{ status: 'disputed' }, ['disputed'], []]);
    chain.resolve(id, 400_000n);
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'settled' });
    expect(await booksOf(id)).toEqual([
      { debit: 'partner:mtn-ug', credit: 'chain:UGX', amount: 1_000_000n, reason: 'settlement' },
      { debit: 'chain:UGX', credit: 'partner:mtn-ug', amount: 400_000n, reason: 'settlement_reversal' },
    ]);
    expect([await reversedOf(id), await openCases(id)]).toEqual([{ reversed_amount: 400_000n }, ['reversed']]);
  });

  it('of which all is reversed leaves nothing in the books, and a case', async () => {
    const id = await executed(250_000n);
    chain.freeze(id, WINDOW_MS);
    chain.resolve(id, 250_000n);
    clock.advance(60_000);
    await driveOn(3);
    expect((await booksOf(id)).map(({ debit, amount }) => [debit, amount])).toEqual([
      ['chain:UGX', 250_000n],
      ['partner:mtn-ug', 250_000n],
    ]);
    expect(await openCases(id)).toEqual(['reversed']);
  });

  it('that arbiters let lapse is paid in full', async () => {
    const id = await executed();
    chain.freeze(id, 2 * WINDOW_MS);
    clock.advance(60_000);
    await driveOn(200, 60_000);
    expect([await stateOf(id), await openCases(id), (await booksOf(id)).length]).toMatchObject([{ status: 'settled' }, [], 1]);
  });

  it('of which the chain says that more was reversed than was due is for people', async () => {
    const id = await executed();
    chain.resolve(id, 1_000_001n);
    clock.advance(60_000);
    await driveOn(3);
    expect([await stateOf(id), await openCases(id), await booksOf(id)]).toMatchObject([{ status: 'mismatched' }, ['mismatched'], []]);
  });

  it('of which somebody else has made the payout is posted once', async () => {
    const id = await executed();
    clock.advance(WINDOW_MS);
    chain.set(id, 'settled');
    await driveOn(3);
    expect([await stateOf(id), (await booksOf(id)).length]).toMatchObject([{ status: 'settled' }, 1]);
    expect(chain.calls.some(({ call }) => call === 'pay')).toBe(false);
  });

  it.each(HARMS)('whose payment %s is paid once', async (_what, fate) => {
    const id = await executed();
    clock.advance(WINDOW_MS);
    let left = 1;
    chain.fate = ({ call }) => (call === 'pay' && (left -= 1) >= 0 ? fate : 'done');
    await driveOn();
    expect([await stateOf(id), (await booksOf(id)).length]).toMatchObject([{ status: 'settled' }, 1]);
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
      if (call === 'status') chain.freeze(id, 3_600_000);
      return 'done';
    };
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'disputed' });
    expect([await openCases(id), await booksOf(id)]).toEqual([['disputed'], []]);
    chain.fate = () => 'done';
    chain.set(id, 'settled');
    await driveOn();
    expect(await stateOf(id)).toMatchObject({ status: 'settled' });
    expect([await openCases(id), (await booksOf(id)).length]).toEqual([[], 1]);
  });

  it('a batch that is gone from the chain is asked for again before people are told', async () => {
    const id = await insertBatch(database.pool, {});
    const { status } = memoryChain(clock);
    deps = { ...deps, chain: { ...chain, status } };
    await driveSettlement(deps);
    expect(await stateOf(id)).toMatchObject({ status: 'executed' });
    await driveOn();
    expect([await stateOf(id), await openCases(id)]).toMatchObject([{ status: 'mismatched' }, ['mismatched']]);
  });

  it.each(HARMS)('a call that %s takes effect once', async (_what, fate) => {
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

/** The driver in a process that dies at one operation: of the database, or a call to the chain. */
function dying(dieAt: number, when: 'before' | 'after'): { readonly deps: DriverDeps; readonly operations: () => number } {
  const process = mortal(dieAt, when);
  const wrap = <Arguments extends unknown[], T>(call: (...given: Arguments) => Promise<T>) => {
    return (...given: Arguments) => process.act(() => call(...given));
  };
  const mortalChain = {
    propose: wrap(chain.propose),
    approve: wrap(chain.approve),
    approveSigned: wrap(chain.approveSigned),
    execute: wrap(chain.execute),
    pay: wrap(chain.pay),
    refund: wrap(chain.refund),
    dispute: wrap(chain.dispute),
    vote: wrap(chain.vote),
    status: wrap(chain.status),
  };
  return { deps: { ...deps, pool: process.pool(database.pool), chain: mortalChain }, operations: process.operations };
}

describe('death between any two steps', () => {
  it('leaves every batch executed once and posted once, whichever operation was the last', async () => {
    const whole = dying(Number.POSITIVE_INFINITY, 'before');
    await insertBatch(database.pool, {});
    await driveSettlement(whole.deps);
    const operations = whole.operations();
    expect(operations).toBeGreaterThan(20);
    // Dying after one operation is dying before the next, with the answer lost besides.
    for (let at = 0; at <= operations; at += 1) {
      const id = await insertBatch(database.pool, {});
      const mortals = at === 0 ? dying(1, 'before') : dying(at, 'after');
      await expect(driveSettlement(mortals.deps), `operation ${at}`).rejects.toThrow();
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
          await driveSettlement(dying(at, 'after').deps).catch(() => undefined);
          clock.advance(DEFAULT_DRIVER_SETTINGS.leaseMs + 1_000);
          await driveOn();
          const found = [fate, call, at, (await stateOf(id))?.status, chain.executions(id), (await booksOf(id)).length];
          expect(found).toEqual([fate, call, at, 'settled', 1, 1]);
        }
      }
    }
  }, 180_000);
});
