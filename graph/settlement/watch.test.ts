/** The watch over books and chain: what differs becomes a case once, and is closed when it is gone. */
import { describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { resolveSettlementCase } from '../../db/queries/settlement.ts';
import { fault } from '../../domain/errors.ts';
import { COMPARISON_MS } from '../../domain/settlement.ts';
import { driveSettlement } from './driver.ts';
import { openStage, type Stage } from './stage.ts';
import { insertBatch, type MemoryChain, stateOfBatch, withTerms } from './testing.ts';
import { watchChain } from './watch.ts';

const TEN_DAYS_MS = 10 * 86_400_000;

let clock: Stage['clock'];
let chain: Stage['chain'];
let deps: Stage['deps'];
const database = openStage({ approvers: ['policy:one', 'policy:two'], isFalsifying: true }, (stage) => {
  ({ clock, chain, deps } = stage);
});
const { query } = database;

const casesOf = (id: string) =>
  query(`select id, kind, status, closed_by, evidence, evidence_digest from settlement_cases where batch_id = $1 order by created_at, id`, [
    id,
  ]);
const settled = async () => {
  const id = await insertBatch(database.pool, {});
  await driveSettlement(deps);
  expect(await stateOfBatch(database.pool, id)).toMatchObject({ status: 'settled' });
  return id;
};
/** Looks again once the time has come. */
const watchLater = async (ms = COMPARISON_MS) => {
  clock.advance(ms);
  return watchChain(deps);
};
/** The chain shows another amount than it holds. */
const altered = (honest: MemoryChain['status']): MemoryChain['status'] => {
  return async (batchId) => withTerms(await honest(batchId), { netMinor: -7n });
};

describe('books and chain that agree', () => {
  it('raise nothing, and the older they are the longer they are left alone', async () => {
    const id = await settled();
    expect(await watchChain(deps)).toEqual({ compared: 1, raised: 0, closed: 0 });
    expect(await watchChain(deps)).toEqual({ compared: 0, raised: 0, closed: 0 });
    expect(await watchLater()).toMatchObject({ compared: 1 });
    const timesOf = async () =>
      (await query('select compare_at as next, created_at as since from settlement_batches where id = $1', [id])) as [
        { next: Date; since: Date },
      ];
    const [{ since }] = await timesOf();
    clock.advance(since.getTime() + TEN_DAYS_MS - clock.now());
    expect(await watchChain(deps)).toMatchObject({ compared: 1 });
    expect((await timesOf())[0].next.getTime() - clock.now()).toBe(TEN_DAYS_MS);
    expect(await casesOf(id)).toEqual([]);
  });
});

describe('a mismatch', () => {
  it('becomes one case, whoever looks how often; and the case is closed when it is gone', async () => {
    const id = await settled();
    const honest = chain.status;
    chain.status = altered(honest);
    expect((await Promise.all([watchChain(deps), watchChain(deps)])).reduce((sum, { raised }) => sum + raised, 0)).toBe(1);
    expect(await watchLater()).toEqual({ compared: 1, raised: 0, closed: 0 });
    expect(await casesOf(id)).toMatchObject([
      { kind: 'mismatched', status: 'open', evidence: { reason: 'comparison', ourStatus: 'settled', differs: ['amount_differs'] } },
    ]);
    chain.status = honest;
    expect(await watchLater()).toEqual({ compared: 1, raised: 0, closed: 1 });
    expect(await casesOf(id)).toMatchObject([{ status: 'resolved', closed_by: 'system' }]);
    // What comes back is told again.
    chain.status = altered(honest);
    clock.advance(365 * 86_400_000);
    expect(await watchChain(deps)).toMatchObject({ raised: 1 });
    expect(await casesOf(id)).toMatchObject([{ status: 'resolved' }, { status: 'open' }]);
  });

  it('that a person has closed is not told again, and another of the batch is', async () => {
    const id = await settled();
    const honest = chain.status;
    chain.status = altered(honest);
    await watchChain(deps);
    const [found] = await casesOf(id);
    const closing = { caseId: found.id, principal: 'treasurer:nia', reasonCode: 'known', evidenceDigest: found.evidence_digest };
    await withTransaction(database.pool, (tx) => resolveSettlementCase(tx, { ...closing, nowMs: clock.now() }));
    expect(await stateOfBatch(database.pool, id)).toMatchObject({ status: 'settled' });
    expect(await watchLater()).toEqual({ compared: 1, raised: 0, closed: 0 });
    chain.status = async (batchId) => ({ ...(await honest(batchId)), reversedMinor: 5n });
    expect(await watchLater()).toMatchObject({ raised: 1 });
    expect((await casesOf(id))[1]).toMatchObject({ evidence: { differs: ['reversal_differs', 'books_differ'] } });
  });

  it.each<[string, (id: string) => Promise<unknown>, string]>([
    ['a batch executed on chain that waits here', async (id) => chain.set(id, 'executed'), 'status_differs'],
    ['entries that are not what the chain paid', (id) => forgeEntries(id), 'books_differ'],
  ])('is %s', async (what, harm, code) => {
    const id = what.startsWith('entries') ? await settled() : await insertBatch(database.pool, { approvalBy: 'people' });
    await driveSettlement(deps);
    await harm(id);
    expect(await watchChain(deps)).toMatchObject({ raised: 1 });
    expect(await casesOf(id)).toMatchObject([{ evidence: { differs: [code] } }]);
  });

  it('by which the driver stopped stays with people, though it is gone', async () => {
    const id = await insertBatch(database.pool, {});
    const honest = chain.status;
    await driveSettlement({
      ...deps,
      chain: { ...chain, status: altered(honest), execute: async (...given) => altered(() => chain.execute(...given))(id) },
    });
    expect(await stateOfBatch(database.pool, id)).toMatchObject({ status: 'mismatched' });
    chain.set(id, 'approved');
    expect(await watchChain(deps)).toMatchObject({ compared: 1, closed: 0 });
    expect(await casesOf(id)).toMatchObject([{ status: 'open' }]);
  });
});

/** Somebody changes what is posted for a batch, past the rules of the database. */
async function forgeEntries(id: string): Promise<void> {
  await query('alter table transfers disable trigger user');
  await query('update transfers set amount = 1 where link_id = $1', [id]);
  await query('alter table transfers enable trigger user');
}

describe('what is only on its way', () => {
  it('is left for the next look: a step under way, a batch that a worker holds, a chain that does not know', async () => {
    const id = await insertBatch(database.pool, {});
    chain.fate = ({ call }) => (call === 'execute' ? 'answer_lost' : 'done');
    await driveSettlement(deps);
    expect(await stateOfBatch(database.pool, id)).toMatchObject({ status: 'approved' });
    expect(await watchChain(deps)).toEqual({ compared: 0, raised: 0, closed: 0 });
    expect(await casesOf(id)).toEqual([]);
  });

  it('when the chain has gone on while it was asked, is no mismatch', async () => {
    const id = await insertBatch(database.pool, { approvalBy: 'people' });
    await driveSettlement(deps);
    const honest = chain.status;
    chain.status = async (batchId) => {
      const status = await honest(batchId);
      await query(`update settlement_batches set status = 'approved' where id = $1`, [batchId]);
      return { ...status, state: 'settled' };
    };
    expect(await watchChain(deps)).toEqual({ compared: 0, raised: 0, closed: 0 });
    expect(await casesOf(id)).toEqual([]);
  });

  it('and a chain that cannot be asked leaves everything due', async () => {
    const id = await settled();
    const { status } = chain;
    chain.status = async () => {
      throw fault('chain_unavailable');
    };
    expect(await watchChain(deps)).toEqual({ compared: 0, raised: 0, closed: 0 });
    chain.status = status;
    expect(await watchChain(deps)).toMatchObject({ compared: 1 });
    expect(await casesOf(id)).toEqual([]);
  });
});
