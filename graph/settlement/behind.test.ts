import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { type BatchProposal, type ChainStatus, stepName } from '../../tools/aptos/settlement-chain.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import { driveSettlement } from './driver.ts';
import { insertBatch, memoryChain, memoryDeps } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ max: 4 });
});
afterAll(() => database.close());

it('a node that knows of our transaction and tells of the batch as it was before is asked again, and nothing is sent twice', async () => {
  const clock = manualClock(Date.UTC(2026, 5, 1));
  const chain = memoryChain(clock);
  let looks = 0;
  /** The node knows what was proposed, and for some looks not yet what became of the batch. */
  const behind = (status: ChainStatus): ChainStatus => {
    looks += 1;
    const own = { [stepName('propose', '')]: { transactionHash: `0x${'ab'.repeat(32)}`, ledgerVersion: 7n } };
    return looks > 3 ? status : { ...status, state: 'absent', approvedBy: [], steps: own };
  };
  const told = {
    ...chain,
    propose: async (proposal: BatchProposal) => behind(await chain.propose(proposal)),
    status: async (batchId: string) => behind(await chain.status(batchId)),
  };
  const deps = memoryDeps({ pool: database.pool, clock, chain: told }, { approvers: ['policy:one', 'policy:two'] });
  const id = await insertBatch(database.pool, { partner: 'mtn-ug', currency: 'UGX', dueMinor: -336_000n });
  for (let round = 0; round < 20; round += 1) {
    await driveSettlement(deps);
    clock.advance(60_000);
  }
  const { rows } = await database.pool.query('select status from settlement_batches where id = $1', [id]);
  expect(rows).toEqual([{ status: 'settled' }]);
  expect(chain.calls.filter(({ call }) => call === 'propose')).toHaveLength(1);
  expect(looks).toBeGreaterThan(3);
  expect(await checkBooks(database.pool)).toEqual([]);
});

it('an approval whose answer was lost counts as given though its batch has expired meanwhile, and one that never arrived does not', async () => {
  const clock = manualClock(Date.UTC(2026, 5, 1));
  const chain = memoryChain(clock);
  const deps = memoryDeps({ pool: database.pool, clock, chain }, { approvers: ['policy:one', 'policy:two'] });
  const expired = async (fate: 'answer_lost' | 'lost'): Promise<unknown> => {
    const id = await insertBatch(database.pool, { partner: 'mtn-ug', currency: 'UGX', dueMinor: -336_000n });
    chain.fate = ({ call }) => (call === 'approve' ? fate : 'done');
    await driveSettlement(deps);
    chain.fate = () => 'done';
    clock.advance(deps.settings.proposalLifeMs);
    for (let round = 0; round < 5; round += 1) {
      await driveSettlement(deps);
      clock.advance(deps.settings.inquiryDelayMsMax);
    }
    const { rows } = await database.pool.query(
      `select b.status, s.state, s.reason_code, s.transaction_hash is not null as proven
       from settlement_batches b join settlement_steps s on s.batch_id = b.id and s.kind = 'approve' where b.id = $1`,
      [id],
    );
    return rows;
  };
  expect(await expired('answer_lost')).toEqual([{ status: 'expired', state: 'succeeded', reason_code: null, proven: true }]);
  expect(await expired('lost')).toEqual([{ status: 'expired', state: 'failed', reason_code: 'expired', proven: false }]);
});
