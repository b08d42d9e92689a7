/** What a halt holds back of settlement, and what goes on under it. */
import { describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { underWayOf } from '../../db/queries/halts.ts';
import { writeSettlementDispute } from '../../db/queries/settlement-disputes.ts';
import type { HaltScope } from '../../domain/halt.ts';
import { halt, lift } from '../../tools/oversight/halts.ts';
import { driveSettlement } from './driver.ts';
import { openStage, type Stage } from './stage.ts';
import { driveToEnd, insertBatch, stateOfBatch } from './testing.ts';
import { DEFAULT_DRIVER_SETTINGS } from './types.ts';

const NAMES = ['policy:one', 'policy:two'];

let clock: Stage['clock'];
let chain: Stage['chain'];
let deps: Stage['deps'];
const database = openStage({ approvers: NAMES }, (stage) => {
  ({ clock, chain, deps } = stage);
});
const { query } = database;

const stateOf = (id: string) => stateOfBatch(database.pool, id);
const driveOn = (rounds?: number, stepMs?: number) => driveToEnd(deps, clock, rounds, stepMs);

describe('a halt', () => {
  const ALL = { clientId: null, corridor: null, railId: null, paymentId: null };
  const begin = (scope: Partial<HaltScope> = {}) =>
    withTransaction(database.pool, (tx) =>
      halt(tx, { ...ALL, ...scope, reason: 'a test', principal: 'operator:jane', nowMs: clock.now() }),
    );
  const lifted = async (id: string) => {
    for (const who of ['operator:ann', 'operator:john']) await withTransaction(database.pool, (tx) => lift(tx, id, null, who, clock.now()));
  };
  const steps = async () =>
    (await query('select kind, state from settlement_steps order by sent_at, id')).map((row) => `${row.kind} ${row.state}`);

  it('of everything: nothing is proposed nor consented to, and the batch goes on when it is over', async () => {
    const id = await insertBatch(database.pool, {});
    const { id: haltId } = await begin();
    await driveOn(3);
    expect([chain.calls, await steps()]).toEqual([[], []]);
    expect(await query('select 1 from settlement_approvals')).toEqual([]);
    expect(await stateOf(id)).toMatchObject({ status: 'closed' });
    await lifted(haltId);
    await driveOn(4);
    expect(await stateOf(id)).toMatchObject({ status: 'settled' });
  });

  it.each([
    ['its rail', { railId: 'mtn-ug' }, 'closed'],
    ['another rail', { railId: 'mpesa-ke' }, 'settled'],
    ['one client on its rail', { railId: 'mtn-ug', clientId: '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11' }, 'settled'],
    ['a corridor', { corridor: 'KE-UG' }, 'settled'],
  ] as const)('of %s', async (_name, scope, status) => {
    if ('clientId' in scope) await query(`insert into clients (id, name) values ($1, 'halted')`, [scope.clientId]);
    const id = await insertBatch(database.pool, { partner: 'mtn-ug' });
    await begin(scope);
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status });
  });

  it('between two steps: the one that was sent is asked about and worked in, and no other is opened', async () => {
    const id = await insertBatch(database.pool, {});
    const begun: Promise<{ readonly id: string }>[] = [];
    chain.fate = ({ call }) => {
      if (call !== 'propose') return 'done';
      begun.push(begin());
      return 'answer_lost';
    };
    await driveSettlement(deps);
    const [halted] = await Promise.all(begun);
    expect(await underWayOf(database.pool, ALL)).toEqual({ requests: 0, chainCalls: 1, payouts: 0 });
    expect(await underWayOf(database.pool, { ...ALL, railId: 'mpesa-ke' })).toMatchObject({ chainCalls: 0 });
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'proposed' });
    expect(await steps()).toEqual(['propose succeeded']);
    await lifted(halted?.id ?? '');
    await driveOn(4);
    expect([await stateOf(id), chain.executions(id)]).toMatchObject([{ status: 'settled' }, 1]);
  });

  it('after the execution holds back our part of the payout, and takes in what somebody else had paid', async () => {
    chain.disputeWindowMs = 3_600_000;
    const [ours, theirs] = [await insertBatch(database.pool, {}), await insertBatch(database.pool, { partner: 'mpesa-ke' })];
    await driveSettlement(deps);
    await begin();
    expect(await underWayOf(database.pool, ALL)).toEqual({ requests: 0, chainCalls: 0, payouts: 2 });
    clock.advance(chain.disputeWindowMs);
    chain.set(theirs, 'settled');
    await driveOn(3);
    expect(chain.calls.map(({ call }) => call)).not.toContain('pay');
    expect([await stateOf(ours), await stateOf(theirs)]).toMatchObject([{ status: 'executed' }, { status: 'settled' }]);
  });

  it('does not keep a batch from being disputed', async () => {
    chain.disputeWindowMs = 3_600_000;
    const id = await insertBatch(database.pool, {});
    await driveSettlement(deps);
    await begin();
    await withTransaction(database.pool, (tx) =>
      writeSettlementDispute(tx, {
        batchId: id,
        openedBy: 'treasury:zawadi',
        reasonCode: 'amount_differs',
        evidenceHash: 'ab'.repeat(32),
        nowMs: clock.now(),
      }),
    );
    await driveOn(3);
    expect(await stateOf(id)).toMatchObject({ status: 'disputed' });
  });

  it('past the deadline of a proposal: it expires, and is refunded when the halt is over', async () => {
    const id = await insertBatch(database.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
    await driveSettlement(deps);
    const { id: haltId } = await begin();
    clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    await driveOn(3);
    expect([chain.batches.get(id)?.state, await stateOf(id)]).toMatchObject(['expired', { status: 'proposed' }]);
    await lifted(haltId);
    await driveOn(3);
    expect([chain.batches.get(id)?.state, await stateOf(id)]).toMatchObject(['refunded', { status: 'expired' }]);
  });
});
