/** A chain that holds other terms, or other approvals, than those given here: nothing is approved, executed or posted by it. */
import { expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { resolveSettlementCase } from '../../db/queries/settlement.ts';
import type { BatchProposal, ChainStatus, ChainTerms } from '../../tools/aptos/settlement-chain.ts';
import { driveSettlement } from './driver.ts';
import { openStage, type Stage, START_MS } from './stage.ts';
import { driveToEnd, insertBatch, stateOfBatch, withTerms } from './testing.ts';
import { DEFAULT_DRIVER_SETTINGS } from './types.ts';

let clock: Stage['clock'];
let chain: Stage['chain'];
let deps: Stage['deps'];
const database = openStage({ approvers: ['policy:one', 'policy:two'] }, (stage) => {
  ({ clock, chain, deps } = stage);
});
const { query } = database;

const stateOf = (id: string) => stateOfBatch(database.pool, id);
const driveOn = (rounds?: number) => driveToEnd(deps, clock, rounds);
const entriesOf = (batchId: string) => query('select amount, reason from transfers where link_id = $1', [batchId]);
const openCases = async (id: string) =>
  (await query(`select kind from settlement_cases where batch_id = $1 and status = 'open'`, [id])).map((row) => row.kind);

/** A person closes the open case of a batch, having looked at it. */
const closeCase = async (batchId: string) => {
  const [{ id, digest }] = (await query(
    `select id, evidence_digest as digest from settlement_cases where batch_id = $1 and status = 'open'`,
    [batchId],
  )) as [{ id: string; digest: string }];
  const closing = { caseId: id, principal: 'treasurer:nia', reasonCode: 'looked_at', evidenceDigest: digest, nowMs: clock.now() };
  expect(await withTransaction(database.pool, (tx) => resolveSettlementCase(tx, closing))).toBe(true);
};

it('another root on chain raises a case, and nothing is posted', async () => {
  const id = await insertBatch(database.pool, {});
  const honest = chain.status;
  const status = async (batchId: string) => withTerms(await honest(batchId), { merkleRoot: '0'.repeat(64) });
  deps = { ...deps, chain: { ...chain, status } };
  await driveSettlement(deps);
  expect(await stateOf(id)).toMatchObject({ status: 'mismatched' });
  expect([await openCases(id), await entriesOf(id)]).toEqual([['mismatched'], []]);
});

it.each<[string, Partial<ChainTerms>, string]>([
  ['recipient', { partner: null }, 'partner'],
  ['amount', { netMinor: -1_000_001n }, 'amount'],
  ['number of items', { itemCount: 2 }, 'count'],
  ['deadline', { deadlineMs: START_MS }, 'deadline'],
  ['number of approvals', { approvalsNeeded: 1 }, 'quorum'],
  ['digest', { isDigestOfTerms: false }, 'digest'],
])('another %s on chain raises a case before anything is approved or executed', async (_what, change, name) => {
  const id = await insertBatch(database.pool, {});
  const honest = { propose: chain.propose, status: chain.status };
  const alter = async (status: Promise<ChainStatus>) => withTerms(await status, change);
  deps = {
    ...deps,
    chain: { ...chain, propose: (proposal) => alter(honest.propose(proposal)), status: (at) => alter(honest.status(at)) },
  };
  await driveOn();
  expect([await stateOf(id), await openCases(id), await entriesOf(id)]).toMatchObject([{ status: 'mismatched' }, ['mismatched'], []]);
  const [{ evidence }] = (await query('select evidence from settlement_cases where batch_id = $1', [id])) as [{ evidence: object }];
  expect(evidence).toMatchObject({ reason: 'terms_differ', differs: [name], ourStatus: 'closed' });
  expect([chain.executions(id), chain.batches.get(id)?.approvals.size]).toEqual([0, 0]);
});

it('a batch that somebody altered on chain is not executed, and its due goes on once it has ended there', async () => {
  const id = await insertBatch(database.pool, {});
  const theirs = { ...chain, propose: (proposal: BatchProposal) => chain.propose({ ...proposal, itemCount: 9 }) };
  await driveSettlement({ ...deps, chain: theirs });
  expect([await stateOf(id), await openCases(id)]).toMatchObject([{ status: 'mismatched' }, ['mismatched']]);
  clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
  await closeCase(id);
  await driveOn();
  expect([await stateOf(id), chain.executions(id), await openCases(id)]).toMatchObject([{ status: 'expired' }, 0, ['expired']]);
  expect(chain.batches.get(id)?.state).toBe('refunded');
});

it('approvals that nobody gave here do not count: the batch is not executed, and people are told', async () => {
  const id = await insertBatch(database.pool, { approvalBy: 'people' });
  await driveSettlement(deps);
  for (const signer of ['0xstranger', '0xanother']) chain.batches.get(id)?.approvals.add(signer);
  chain.set(id, 'approved');
  await driveOn(3);
  expect([await stateOf(id), await openCases(id), chain.executions(id)]).toMatchObject([{ status: 'mismatched' }, ['mismatched'], 0]);
  const [{ evidence }] = (await query('select evidence from settlement_cases where batch_id = $1', [id])) as [{ evidence: object }];
  expect(evidence).toMatchObject({ reason: 'settlement_approvers_differ', chainApprovedBy: ['0xstranger', '0xanother'] });
  const steps = await query(`select kind, state, reason_code from settlement_steps where batch_id = $1 and kind = 'execute'`, [id]);
  expect(steps).toEqual([{ kind: 'execute', state: 'failed', reason_code: 'settlement_approvers_differ' }]);
});
