/** Which keys of the policy consent when some of them are of no use. */
import { expect, it } from 'vitest';
import { fault } from '../../domain/errors.ts';
import { openStage, type Stage } from './stage.ts';
import { driveToEnd, type Fate, insertBatch, memoryApprover, type MemoryChain, stateOfBatch } from './testing.ts';

let clock: Stage['clock'];
let chain: Stage['chain'];
let deps: Stage['deps'];
const database = openStage({ approvers: ['policy:one', 'policy:two', 'policy:three'] }, (stage) => {
  ({ clock, chain, deps } = stage);
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
