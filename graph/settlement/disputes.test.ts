/** Disputes and votes that people give here: carried to the chain once, whatever becomes of the calls, and no longer than they can count. */
import { describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { writeSettlementDispute, writeSettlementVote } from '../../db/queries/settlement-disputes.ts';
import { driveSettlement } from './driver.ts';
import { changeBatch, claimBatches } from './steps.ts';
import { openStage, type Stage, START_MS } from './stage.ts';
import { type Fate, insertBatch } from './testing.ts';
import { DEFAULT_DRIVER_SETTINGS, type DrivenBatch } from './types.ts';

const WINDOW_MS = 3_600_000;
const EVIDENCE = 'ab'.repeat(32);
const ARBITERS = ['arbiter:sena', 'arbiter:baraka', 'arbiter:imani'];

let clock: Stage['clock'];
let chain: Stage['chain'];
let deps: Stage['deps'];
const database = openStage({ approvers: ['policy:one', 'policy:two'], arbiters: ARBITERS }, (stage) => {
  ({ clock, chain, deps } = stage);
  chain.disputeWindowMs = WINDOW_MS;
});
const query = (text: string, id: string) => database.query(text, [id]);
const batchOf = async (id: string) =>
  (
    await query(
      'select status, reversed_amount as reversed, payable_at as payable, evidence_hash as evidence from settlement_batches where id = $1',
      id,
    )
  )[0];
const openCases = (id: string) =>
  query(`select kind, evidence->>'reason' as reason from settlement_cases where batch_id = $1 and status = 'open'`, id);
const stepsOf = (id: string) =>
  query(
    `select kind, signer, state, reason_code, transaction_hash from settlement_steps where batch_id = $1 and kind in ('dispute', 'vote') order by sent_at, id`,
    id,
  );

async function executed(): Promise<string> {
  const id = await insertBatch(database.pool, {});
  await driveSettlement(deps);
  expect(await batchOf(id)).toMatchObject({ status: 'executed', payable: new Date(START_MS + WINDOW_MS), evidence: null });
  return id;
}

const dispute = (batchId: string) =>
  withTransaction(database.pool, (tx) =>
    writeSettlementDispute(tx, {
      batchId,
      openedBy: 'treasury:nia',
      reasonCode: 'amount_differs',
      evidenceHash: EVIDENCE,
      nowMs: clock.now(),
    }),
  );
const vote = (batchId: string, arbiter: string, reversedAmount: bigint, number = 1) => {
  clock.advance(1);
  return withTransaction(database.pool, (tx) =>
    writeSettlementVote(tx, {
      batchId,
      arbiter,
      keyName: `key of ${arbiter}`,
      number,
      reversedAmount,
      reasonCode: 'amount_differs',
      evidenceHash: EVIDENCE,
      nowMs: clock.now(),
    }),
  );
};

async function driveOn(rounds: number, stepMs = 5_000): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await driveSettlement(deps);
    clock.advance(stepMs);
  }
}

async function frozen(): Promise<string> {
  const id = await executed();
  await dispute(id);
  await driveSettlement(deps);
  expect(await batchOf(id)).toMatchObject({ status: 'disputed', evidence: EVIDENCE, payable: new Date(START_MS + chain.disputeLimitMs) });
  return id;
}

const HARMS: readonly (readonly [string, Fate])[] = [
  ['done at once', 'done'],
  ['lost', 'lost'],
  ['done and not answered', 'answer_lost'],
  ['done later', { lateMs: 20_000 }],
  ['not sent', 'unreachable'],
];

describe('a dispute that a person asks for', () => {
  it.each(HARMS)('freezes the batch once, when the call is %s; two arbiters who agree reverse a part of it', async (_what, fate) => {
    const id = await executed();
    const harmed = new Set<string>();
    chain.fate = ({ call }) => ((call === 'dispute' || call === 'vote') && !harmed.has(call) && harmed.add(call) ? fate : 'done');
    await dispute(id);
    await driveOn(40);
    expect(await batchOf(id)).toMatchObject({ status: 'disputed', evidence: EVIDENCE });
    expect(await openCases(id)).toEqual([{ kind: 'disputed', reason: 'frozen_on_chain' }]);
    await vote(id, 'arbiter:sena', 400_000n);
    await driveOn(40);
    await vote(id, 'arbiter:imani', 400_000n);
    await driveOn(40);
    expect(await batchOf(id)).toMatchObject({ status: 'settled', reversed: 400_000n, evidence: EVIDENCE });
    expect(await openCases(id)).toEqual([{ kind: 'reversed', reason: 'reversed_by_arbiters' }]);
    const done = (await stepsOf(id)).filter(({ state }) => state === 'succeeded');
    expect(done.map(({ kind, signer }) => `${kind} ${signer}`)).toEqual(['dispute ', 'vote 0xarbiter:sena:1', 'vote 0xarbiter:imani:1']);
    expect(new Set(done.map((step) => step.transaction_hash)).size).toBe(3);
    const books = await query('select reason, amount from transfers where link_id = $1 order by reason', id);
    expect(books).toEqual([
      { reason: 'settlement', amount: 1_000_000n },
      { reason: 'settlement_reversal', amount: 400_000n },
    ]);
  });

  it('that gets to the chain too late leaves a case, and the batch is paid', async () => {
    const id = await executed();
    clock.advance(WINDOW_MS - 1_000);
    await dispute(id);
    clock.advance(1_000);
    await driveOn(3);
    expect(await batchOf(id)).toMatchObject({ status: 'settled', reversed: 0n, evidence: null });
    expect([await openCases(id), await stepsOf(id)]).toEqual([[{ kind: 'refused', reason: 'not_disputed_in_time' }], []]);
  });

  it('that the chain refuses is tried until its time is over, and then the batch is paid', async () => {
    const id = await executed();
    chain.fate = ({ call }) => (call === 'dispute' ? 'refused' : 'done');
    await dispute(id);
    await driveOn(80, 60_000);
    expect(await batchOf(id)).toMatchObject({ status: 'settled', reversed: 0n });
    expect((await stepsOf(id)).length).toBeGreaterThan(2);
    expect(await openCases(id)).toEqual([{ kind: 'refused', reason: 'not_disputed_in_time' }]);
  });

  it('leaves nothing of the setbacks before it', async () => {
    const id = await executed();
    let left = 2;
    chain.fate = ({ call }) => (call === 'dispute' && (left -= 1) >= 0 ? 'refused' : 'done');
    const setbacksOf = async () => (await query('select setbacks from settlement_batches where id = $1', id))[0]?.setbacks;
    await dispute(id);
    await driveOn(2);
    expect(await setbacksOf()).toBe(2);
    await driveOn(1);
    expect([(await batchOf(id)).status, await setbacksOf()]).toEqual(['disputed', 0]);
  });

  it('in the middle of a look is made by that look', async () => {
    const id = await executed();
    clock.advance(WINDOW_MS - 30_000);
    const { status } = chain;
    chain.status = async (batchId) => {
      const told = await status(batchId);
      await dispute(batchId);
      return told;
    };
    await driveSettlement(deps);
    expect(await batchOf(id)).toMatchObject({ status: 'disputed', evidence: EVIDENCE });
  });

  it('while a driver holds the batch is not put off by what that goes on to write', async () => {
    const id = await executed();
    clock.advance(WINDOW_MS - 30_000);
    const at = { nowMs: clock.now(), leaseMs: deps.settings.leaseMs };
    const [held] = await claimBatches(database.pool, at.nowMs, at.leaseMs, 1);
    clock.advance(1_000);
    await dispute(id);
    for (const change of [{ setbacks: 1 }, { restUntilMs: START_MS + WINDOW_MS }])
      await withTransaction(database.pool, (tx) => changeBatch(tx, held as DrivenBatch, change, at));
    await driveSettlement(deps);
    expect(await batchOf(id)).toMatchObject({ status: 'disputed', evidence: EVIDENCE });
  });

  it('where somebody else was first leaves theirs in place', async () => {
    const id = await executed();
    await dispute(id);
    chain.fate = ({ call }) => {
      if (call === 'dispute') chain.freeze(id, WINDOW_MS);
      return 'done';
    };
    await driveOn(10);
    const theirs = chain.batches.get(id)?.evidenceHash;
    expect(theirs).not.toBe(EVIDENCE);
    expect(await batchOf(id)).toMatchObject({ status: 'disputed', evidence: theirs });
    expect(await stepsOf(id)).toMatchObject([{ kind: 'dispute', state: 'failed', reason_code: 'disputed_by_another' }]);
    await driveOn(3, WINDOW_MS);
    expect([await batchOf(id), await openCases(id)]).toMatchObject([{ status: 'settled', evidence: theirs }, []]);
  });
});

describe('votes of arbiters', () => {
  it('that differ leave the batch frozen; one who thinks again votes again, and the last word counts', async () => {
    const id = await frozen();
    await vote(id, 'arbiter:sena', 100n);
    await vote(id, 'arbiter:baraka', 0n);
    await driveOn(2);
    expect([(await batchOf(id)).status, chain.batches.get(id)?.votes.size]).toEqual(['disputed', 2]);
    await vote(id, 'arbiter:sena', 0n, 2);
    await driveOn(2);
    expect(await batchOf(id)).toMatchObject({ status: 'settled', reversed: 0n });
    expect((await stepsOf(id)).map(({ signer }) => signer)).toEqual(['', '0xarbiter:sena:1', '0xarbiter:baraka:1', '0xarbiter:sena:2']);
  });

  it('that are taken back before they were sent are not sent', async () => {
    const id = await frozen();
    await vote(id, 'arbiter:sena', 100n);
    await vote(id, 'arbiter:sena', 200n, 2);
    await driveOn(2);
    expect((await stepsOf(id)).map(({ signer }) => signer)).toEqual(['', '0xarbiter:sena:2']);
  });

  it('one of which the chain refuses hold up nobody else', async () => {
    const id = await frozen();
    const honest = chain.vote;
    deps = {
      ...deps,
      chain: { ...chain, vote: (given) => honest(given.signer === '0xarbiter:sena' ? { ...given, batchId: 'refused' } : given) },
    };
    for (const arbiter of ['arbiter:sena', 'arbiter:baraka', 'arbiter:imani']) await vote(id, arbiter, 7n);
    await driveOn(20);
    expect(await batchOf(id)).toMatchObject({ status: 'settled', reversed: 7n });
  });

  const triesOf = async (id: string) => (await stepsOf(id)).filter(({ kind, state }) => kind === 'vote' && state === 'failed').length;

  it('that the chain refuses are given up, and another of the same arbiter is sent', async () => {
    const id = await frozen();
    chain.fate = ({ call }) => (call === 'vote' ? 'refused' : 'done');
    await vote(id, 'arbiter:sena', 7n);
    await driveOn(30, 60_000);
    expect(await triesOf(id)).toBe(DEFAULT_DRIVER_SETTINGS.setbacksMax);
    chain.fate = () => 'done';
    await vote(id, 'arbiter:sena', 8n, 2);
    await driveOn(1);
    expect([...(chain.batches.get(id)?.votes ?? [])]).toEqual([['0xarbiter:sena', 8n]]);
  });

  it('that do not get to the chain are sent for as long as they can count', async () => {
    const id = await frozen();
    chain.fate = ({ call }) => (call === 'vote' ? 'unreachable' : 'done');
    await vote(id, 'arbiter:sena', 7n);
    await driveOn(30, 60_000);
    expect(await triesOf(id)).toBeGreaterThan(2 * DEFAULT_DRIVER_SETTINGS.setbacksMax);
    chain.fate = () => 'done';
    await driveOn(2, 60_000);
    expect([...(chain.batches.get(id)?.votes ?? [])]).toEqual([['0xarbiter:sena', 7n]]);
  });

  it('one of which is given up leaves a case, though another was taken in between', async () => {
    const id = await frozen();
    const honest = chain.vote;
    deps = {
      ...deps,
      chain: { ...chain, vote: (given) => honest(given.signer === '0xarbiter:sena' ? { ...given, batchId: 'refused' } : given) },
    };
    await vote(id, 'arbiter:sena', 7n);
    await driveOn(1);
    await vote(id, 'arbiter:baraka', 9n);
    await driveOn(30, 60_000);
    expect([await triesOf(id), chain.batches.get(id)?.votes.size]).toEqual([DEFAULT_DRIVER_SETTINGS.setbacksMax, 1]);
    expect((await openCases(id)).map(({ kind }) => kind)).toEqual(expect.arrayContaining(['disputed', 'refused']));
  });

  it('whose key is not here are left alone, and the batch is paid when the arbiters had their time', async () => {
    const id = await frozen();
    await vote(id, 'arbiter:stranger', 7n);
    await driveOn(8 * 24, WINDOW_MS);
    expect(await batchOf(id)).toMatchObject({ status: 'settled', reversed: 0n });
    expect((await stepsOf(id)).map(({ kind }) => kind)).toEqual(['dispute']);
  });
});
