/** Which keys of the policy consent when some of them are of no use. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyDatabase } from '../../agents/testing.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { driveToEnd, type Fate, insertBatch, memoryApprover, memoryChain, type MemoryChain, memoryDeps, stateOfBatch } from './testing.ts';
import type { DriverDeps } from './types.ts';

let database: TestDatabase;
let clock: ReturnType<typeof manualClock>;
let chain: MemoryChain;
let deps: DriverDeps;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());
beforeEach(async () => {
  await emptyDatabase(database.pool);
  clock = manualClock(Date.UTC(2026, 5, 1));
  chain = memoryChain(clock);
  deps = memoryDeps({ pool: database.pool, clock, chain }, { approvers: ['policy:one', 'policy:two', 'policy:three'] });
});

const approvalsOf = (id: string) => [...(chain.batches.get(id)?.approvals ?? [])];
const writtenFor = async (id: string) => {
  const { rows } = await database.pool.query('select approver from settlement_approvals where batch_id = $1 order by approver', [id]);
  return rows.map((row) => row.approver);
};

it('a batch is approved by the next key of the policy when the chain refuses one for good, by each once', async () => {
  const sent: string[] = [];
  const approve: MemoryChain['approve'] = (approval) => {
    sent.push(approval.signer);
    return approval.signer === '0xpolicy:one' ? Promise.reject(fault('settlement_approver_unknown')) : chain.approve(approval);
  };
  const id = await insertBatch(database.pool, {});
  deps = { ...deps, chain: { ...chain, approve } };
  await driveToEnd(deps, clock);
  expect((await stateOfBatch(database.pool, id))?.status).toBe('settled');
  expect(sent).toEqual(['0xpolicy:one', '0xpolicy:two', '0xpolicy:three']);
  expect(approvalsOf(id)).toEqual(['0xpolicy:two', '0xpolicy:three']);
  expect(chain.executions(id)).toBe(1);
});

it('a batch is approved by the next key when one does not sign, and not by two names of one signer', async () => {
  const silent = { ...memoryApprover('policy:one'), sign: () => Promise.reject(new TypeError('fetch failed')) };
  const again = { ...memoryApprover('policy:two'), approver: 'policy:two-again', keyName: 'the same key' };
  deps = { ...deps, approvers: [silent, memoryApprover('policy:two'), again, memoryApprover('policy:three')] };
  const id = await insertBatch(database.pool, {});
  await driveToEnd(deps, clock);
  expect((await stateOfBatch(database.pool, id))?.status).toBe('settled');
  expect(approvalsOf(id)).toEqual(['0xpolicy:two', '0xpolicy:three']);
  expect(await writtenFor(id)).toEqual(['policy:one', 'policy:three', 'policy:two']);
});

it('no third key is asked because an approval was lost once', async () => {
  const id = await insertBatch(database.pool, {});
  const fates: Fate[] = ['lost'];
  chain.fate = ({ call }) => (call === 'approve' ? (fates.shift() ?? 'done') : 'done');
  await driveToEnd(deps, clock);
  expect((await stateOfBatch(database.pool, id))?.status).toBe('settled');
  expect(await writtenFor(id)).toEqual(['policy:one', 'policy:two']);
});
