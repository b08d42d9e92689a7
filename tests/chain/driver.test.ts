/**
 * The settlement driver on the sandbox chain itself, over a socket: through its dispute windows and refunds, and dying between any
 * two of its steps. Whatever happens, a batch is executed once, posted once, and everybody's balance says so.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyDatabase } from '../../agents/testing.ts';
import { withTransaction } from '../../db/connect.ts';
import { writeSettlementDispute, writeSettlementVote } from '../../db/queries/settlement-disputes.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { driveSettlement } from '../../graph/settlement/driver.ts';
import { type Mortal, mortal } from '../../graph/settlement/mortal.ts';
import { type BatchFixture, insertBatch } from '../../graph/settlement/testing.ts';
import { type Approver, DEFAULT_DRIVER_SETTINGS, type DriverDeps } from '../../graph/settlement/types.ts';
import { compareChain } from '../../server/verify-chain.ts';
import { batchBytes } from '../../tools/aptos/batch-terms.ts';
import { databaseSent } from '../../tools/aptos/database-sent.ts';
import { createAptosNode } from '../../tools/aptos/node.ts';
import { batchAddress } from '../../tools/aptos/objects.ts';
import { createChainReader } from '../../tools/aptos/reader.ts';
import { consentOf, createAptosSettlement } from '../../tools/aptos/settlement.ts';
import { ed25519Account, localSigner } from '../../tools/aptos/signer.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import type { Fetch } from '../../tools/mmo/http.ts';
import { type ChainWorld, createChainWorld, PARTNER } from './world.ts';

const BATCH: BatchFixture = { partner: PARTNER, currency: 'KES' };

let database: TestDatabase;
let world: ChainWorld;
beforeAll(async () => {
  database = await testDatabase({ max: 8 });
});
afterAll(() => database?.close());
beforeEach(async () => {
  await emptyDatabase(database.pool);
  await database.pool.query('truncate chain_transactions');
});
afterEach(() => world?.sandbox.close());

/** The chain behind a socket, in virtual time. */
const open = async (): Promise<void> => {
  world = await createChainWorld({ port: 0 }, (url, init) => fetch(url, init));
};

interface Process {
  readonly deps: DriverDeps;
  readonly life: Mortal;
}

/** What outlives a process: a transaction that was submitted, and what was committed. To die anywhere else is to die behind one of these. */
const isSubmission = (url: string): boolean => url.endsWith('/transactions');
const isWritten = (text: string): boolean => /^\s*(commit|insert|update|delete)/i.test(text);

/** Those whose arbiters' keys are kept here. */
const PEOPLE = ['arbiter:sena', 'arbiter:baraka', 'arbiter:imani'];

/** A process that settles; it dies at one of the operations that outlive it. */
function processOf(disputeWindowSecs = 0, life = mortal(Number.POSITIVE_INFINITY, 'before')): Process {
  const wire: Fetch = (url, init) => {
    const exchange = (): Promise<Response> => fetch(url, init);
    return isSubmission(url) ? life.act(exchange) : life.pass(exchange);
  };
  const pool = life.pool(database.pool, isWritten);
  const node = createAptosNode({ profile: world.profile, fetch: wire, clock: world.scheduler });
  const chain = createAptosSettlement({ ...world.deps, node, sent: databaseSent(pool) }, { disputeWindowSecs });
  const approvers = world.keys.approvers.slice(0, 2).map((key, index): Approver => {
    const signer = localSigner(key);
    return { approver: `policy:${index}`, keyName: `key-${index}`, ...consentOf(ed25519Account(signer)) };
  });
  const arbiters = PEOPLE.map((arbiter, index) => {
    const signer = ed25519Account(localSigner(world.keys.arbiters[index] ?? '')).address;
    return { arbiter, keyName: `key-${index + 1}`, signer };
  });
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  return { life, deps: { pool, clock: world.scheduler, log, chain, approvers, arbiters, settings: DEFAULT_DRIVER_SETTINGS } };
}

const rowOf = async (id: string): Promise<Record<string, unknown>> =>
  (await database.pool.query('select * from settlement_batches where id = $1', [id])).rows[0] as Record<string, unknown>;
const entriesOf = async (id: string) =>
  (await database.pool.query('select reason, amount from transfers where link_id = $1 order by reason', [id])).rows;
const casesOf = async (id: string) =>
  (await database.pool.query(`select kind from settlement_cases where batch_id = $1 and status = 'open'`, [id])).rows.map(
    (row: { kind: string }) => row.kind,
  );

/** Resolves once the server has rolled back what a process had open when it died: virtual time does not wait for it. */
async function untilRolledBack(): Promise<void> {
  for (;;) {
    const { rowCount } = await database.pool.query(
      `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
         and state <> 'idle'`,
    );
    if (rowCount === 0) return;
  }
}

/** Another process goes on until the batch has come to its end, time passing between its looks. */
async function driveOn(id: string, { windowSecs = 0, stepMs = 20_000, rounds = 40 } = {}): Promise<void> {
  await untilRolledBack();
  const { deps } = processOf(windowSecs);
  for (let round = 0; round < rounds; round += 1) {
    await driveSettlement(deps);
    if (['settled', 'expired', 'mismatched'].includes(String((await rowOf(id))['status']))) return;
    await world.scheduler.advance(stepMs);
  }
}

/** What is wrong between books and chain; nothing when all is well. */
async function wrong(): Promise<unknown[]> {
  const compared = await compareChain(database.pool, createChainReader(world.node, world.profile), world.scheduler.now());
  expect(compared.state).toBe('compared');
  return [...compared.violations, ...(await checkBooks(database.pool))];
}

const PATHS = [
  { path: 'paid with its execution', windowSecs: 0, stepMs: 20_000, least: 20 },
  { path: 'paid after its dispute window', windowSecs: 600, stepMs: 120_000, least: 24 },
] as const;

describe.each(PATHS)('dying at any operation of a batch that is $path', ({ windowSecs, stepMs, least }) => {
  it('leaves every batch executed once, paid once and posted once', async () => {
    await open();
    const partner = world.profile.partners[PARTNER] ?? '';
    const finish = async (id: string, process: Process): Promise<void> => {
      for (let round = 0; round < 40 && (await rowOf(id))['status'] !== 'settled'; round += 1) {
        await driveSettlement(process.deps);
        await world.scheduler.advance(stepMs);
      }
    };
    const first = await insertBatch(database.pool, BATCH);
    const whole = processOf(windowSecs);
    await finish(first, whole);
    const operations = whole.life.operations();
    expect(operations).toBeGreaterThan(least);
    for (let at = 1; at <= operations; at += 1) {
      const before = await world.balance(partner);
      const id = await insertBatch(database.pool, BATCH);
      const dying = processOf(windowSecs, mortal(at, 'after'));
      await finish(id, dying).catch(() => undefined);
      expect(dying.life.isDead(), `operation ${at}`).toBe(true);
      await world.scheduler.advance(DEFAULT_DRIVER_SETTINGS.leaseMs + 1_000);
      await driveOn(id, { windowSecs, stepMs });
      const paid = (await world.balance(partner)) - before;
      expect([at, (await rowOf(id))['status'], paid, (await entriesOf(id)).length]).toEqual([at, 'settled', 1_000_000n, 1]);
    }
    expect(await wrong()).toEqual([]);
  }, 300_000);
});

describe('a dispute', () => {
  const evidence = 'ee'.repeat(32);
  const disputed = async (dueMinor: bigint): Promise<{ id: string; at: string }> => {
    await open();
    const id = await insertBatch(database.pool, { ...BATCH, dueMinor });
    // Two rounds: a partner who owes pays a while after the proposal.
    for (let round = 0; round < 4 && (await rowOf(id))['status'] !== 'executed'; round += 1) {
      await driveSettlement(processOf(3_600).deps);
      await world.scheduler.advance(5_000);
    }
    const at = batchAddress(world.profile.contract, batchBytes(id));
    await world.call(world.keys.guardian, 'settlement::open_dispute', [at, evidence]);
    await world.scheduler.advance(60_000);
    await driveSettlement(processOf(3_600).deps);
    expect([(await rowOf(id))['status'], await casesOf(id), await entriesOf(id)]).toEqual(['disputed', ['disputed'], []]);
    return { id, at };
  };
  const vote = async (at: string, reversed: bigint): Promise<void> => {
    for (const key of world.keys.arbiters.slice(0, 2)) await world.call(key, 'settlement::vote', [at, [reversed]]);
  };

  it.each([
    ['that we owe', -1_000_000n],
    ['that the partner owes', 1_000_000n],
  ])('over what is due %s: frozen, judged, and what is reversed is neither paid nor left in the books', async (_what, dueMinor) => {
    const { id, at } = await disputed(dueMinor);
    const payee = dueMinor < 0n ? (world.profile.partners[PARTNER] ?? '') : world.profile.treasury;
    const before = await world.balance(payee);
    await vote(at, 250_000n);
    await driveOn(id, { windowSecs: 3_600, stepMs: 60_000 });
    expect(await entriesOf(id)).toEqual([
      { reason: 'settlement', amount: 1_000_000n },
      { reason: 'settlement_reversal', amount: 250_000n },
    ]);
    expect([(await rowOf(id))['status'], (await rowOf(id))['reversed_amount']]).toEqual(['settled', 250_000n]);
    expect([(await world.balance(payee)) - before, await casesOf(id), await wrong()]).toEqual([750_000n, ['reversed'], []]);
  });

  it('that people ask for and judge here is opened and judged on the chain, though the process dies behind every operation', async () => {
    await open();
    const id = await insertBatch(database.pool, { ...BATCH, dueMinor: -1_000_000n });
    const drive = () => driveSettlement(processOf(7_200).deps);
    await drive();
    const nowMs = world.scheduler.now();
    const asked = { openedBy: 'treasury:nia', reasonCode: 'amount_differs', evidenceHash: evidence, nowMs };
    await withTransaction(database.pool, (tx) => writeSettlementDispute(tx, { batchId: id, ...asked }));
    const dieUntil = async (wanted: string): Promise<number> => {
      let deaths = 0;
      for (let at = 1; at < 30 && (await rowOf(id))['status'] !== wanted; at += 1) {
        const { deps, life } = processOf(7_200, mortal(at, 'after'));
        await driveSettlement(deps).catch((error: unknown) => {
          if (!life.isDead()) throw error;
        });
        deaths += life.isDead() ? 1 : 0;
        await untilRolledBack();
        await world.scheduler.advance(DEFAULT_DRIVER_SETTINGS.leaseMs + 1_000);
      }
      return deaths;
    };
    expect(await dieUntil('disputed')).toBeGreaterThan(2);
    expect([(await rowOf(id))['status'], (await rowOf(id))['evidence_hash']]).toEqual(['disputed', evidence]);
    for (const [index, arbiter] of PEOPLE.slice(1).entries()) {
      const given = { arbiter, number: 1, keyName: `key-${index + 2}`, reversedAmount: 300_000n, reasonCode: 'amount_differs' };
      const vote = { batchId: id, evidenceHash: evidence, nowMs: world.scheduler.now(), ...given };
      await withTransaction(database.pool, (tx) => writeSettlementVote(tx, vote));
    }
    expect(await dieUntil('settled')).toBeGreaterThan(4);
    expect([(await rowOf(id))['status'], (await rowOf(id))['reversed_amount']]).toEqual(['settled', 300_000n]);
    expect([await world.executions('settlement::open_dispute'), await world.executions('settlement::vote')]).toEqual([1, 2]);
    expect([(await entriesOf(id)).length, await casesOf(id), await wrong()]).toEqual([2, ['reversed'], []]);
  }, 120_000);

  it('that nobody judges lapses, and the batch is paid in full', async () => {
    const { id } = await disputed(-1_000_000n);
    await driveOn(id, { windowSecs: 3_600, stepMs: 12 * 3_600_000, rounds: 20 });
    expect([(await rowOf(id))['status'], await casesOf(id), (await entriesOf(id)).length, await wrong()]).toEqual(['settled', [], 1, []]);
  });

  it('that books which know nothing of it do not hide', async () => {
    const { id, at } = await disputed(-1_000_000n);
    await vote(at, 250_000n);
    await driveOn(id, { windowSecs: 3_600, stepMs: 60_000 });
    await database.pool.query('alter table transfers disable trigger user');
    await database.pool.query(`update transfers set amount = 1 where link_id = $1 and reason = 'settlement_reversal'`, [id]);
    await database.pool.query('alter table transfers enable trigger user');
    const { violations } = await compareChain(database.pool, createChainReader(world.node, world.profile), world.scheduler.now());
    expect(violations).toMatchObject([{ invariant: 2, subject: `settlement_batch ${id}` }]);
  });
});

describe('a batch that misses its deadline', () => {
  it('is refunded by the driver, and what is due goes into the next window', async () => {
    await open();
    const before = await world.balance(world.profile.treasury);
    const id = await insertBatch(database.pool, { ...BATCH, dueMinor: -5_000_000n, approvalBy: 'people' });
    await driveSettlement(processOf().deps);
    expect(await world.balance(world.profile.treasury)).toBe(before - 5_000_000n);
    await world.scheduler.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    await driveOn(id);
    expect([(await rowOf(id))['status'], await world.balance(world.profile.treasury)]).toEqual(['expired', before]);
    expect([await casesOf(id), await entriesOf(id), await wrong()]).toEqual([['expired'], [], []]);
    expect(await world.executions('settlement::refund_expired')).toBe(1);
  });

  it('that somebody else has refunded is not refunded again', async () => {
    await open();
    const id = await insertBatch(database.pool, { ...BATCH, dueMinor: -5_000_000n, approvalBy: 'people' });
    await driveSettlement(processOf().deps);
    await world.scheduler.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    // Any account may: here an arbiter, who has no part in it.
    const at = batchAddress(world.profile.contract, batchBytes(id));
    await world.call(world.keys.arbiters[0] ?? '', 'settlement::refund_expired', [at]);
    await driveOn(id);
    expect([(await rowOf(id))['status'], await wrong()]).toEqual(['expired', []]);
    expect(await world.executions('settlement::refund_expired')).toBe(1);
  });
});

describe('a chain that takes nothing for a while', () => {
  const settledLater = async (id: string, mend: () => Promise<void>): Promise<void> => {
    await driveOn(id, { rounds: 8 });
    expect([(await rowOf(id))['status'] === 'settled', await casesOf(id)]).toEqual([false, ['refused']]);
    await mend();
    await driveOn(id, { stepMs: 60_000 });
    expect([(await rowOf(id))['status'], await casesOf(id), (await entriesOf(id)).length, await wrong()]).toEqual(['settled', [], 1, []]);
  };

  it.each([
    ['a full mempool', 'full', 'chain_busy'],
    ['a node of another chain', 'foreign', 'chain_mismatch'],
    ['a node that is down', 'silent', 'chain_unavailable'],
  ] as const)('%s: people hear of it, and the batch goes on when it is over', async (_what, mode, code) => {
    await open();
    world.sandbox.changeChain({ mode });
    const id = await insertBatch(database.pool, BATCH);
    await settledLater(id, async () => world.sandbox.changeChain({ mode: 'up' }));
    const { rows } = await database.pool.query(
      `select distinct reason_code from settlement_steps where batch_id = $1 and state = 'failed'`,
      [id],
    );
    expect(rows).toEqual([{ reason_code: code }]);
  });

  it('settlement paused by its guardian: the same', async () => {
    await open();
    await world.call(world.keys.guardian, 'settlement::pause', []);
    const id = await insertBatch(database.pool, BATCH);
    await settledLater(id, () => world.call(world.keys.publisher, 'settlement::resume', []));
  });

  it('an approver whom the chain does not know: refused for sure, and never counted', async () => {
    await open();
    const id = await insertBatch(database.pool, BATCH);
    const { deps } = processOf();
    const strange = localSigner('7'.repeat(64));
    const stranger: Approver = { approver: 'policy:strange', keyName: 'key-strange', ...consentOf(ed25519Account(strange)) };
    await driveSettlement({ ...deps, approvers: [stranger, ...deps.approvers.slice(0, 1)] });
    const steps = await database.pool.query(
      `select state, reason_code from settlement_steps where batch_id = $1 and kind = 'approve' order by sent_at, id`,
      [id],
    );
    const [ours, theirs] = [
      { state: 'succeeded', reason_code: null },
      { state: 'failed', reason_code: 'chain_signer_refused' },
    ];
    expect([(await rowOf(id))['status'], steps.rows]).toEqual(['proposed', [ours, theirs]]);
    expect(await world.executions('settlement::approve')).toBe(1);
  });
});
