import { MemorySaver } from '@langchain/langgraph';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMigrations } from '../../db/migrate.ts';
import { findWork } from '../sweep.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { actionDigest } from '../../domain/cases.ts';
import { newId } from '../../domain/ids.ts';
import { CaseCheckpointer } from './checkpointer.ts';
import { answerCase, buildCaseGraph, type CaseGraph, pausedAt, runCase } from './case-graph.ts';
import type { CaseAdvice } from './advice.ts';
import { withTransaction } from '../../db/connect.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { money } from '../../domain/money.ts';
import { caseGraphDeps, openCases } from './cases.ts';
import { workCases } from './work.ts';

let platform: TestPlatform;
let graph: CaseGraph;
let failures: number;
/** How many verdicts are put into effect by a process that dies before its thread knows. */
let deaths: number;
const errors: string[] = [];

beforeEach(async () => {
  platform = await testPlatform();
  failures = 0;
  deaths = 0;
  errors.length = 0;
  const deps = caseGraphDeps(platform.deps);
  graph = buildCaseGraph({
    checkpointer: new MemorySaver(),
    ...deps,
    applyVerdict: async (state) => {
      failures -= 1;
      if (failures >= 0) throw new Error('the database is away');
      const done = await deps.applyVerdict(state);
      deaths -= 1;
      if (deaths >= 0) throw new Error('killed');
      return done;
    },
  });
});

afterEach(async () => {
  await platform.close();
});

/** What is ready, besides telling the client, which every one of these steps does too. */
const ready = async () => (await findWork(platform.deps)).filter((hint) => hint !== 'webhooks');

/** Works cases as a worker does, but with this test's graph and ears. */
function work(): Promise<number> {
  const log = { ...platform.deps.log, error: (fields: object) => void errors.push((fields as { error: string }).error) };
  return workCases({ ...platform.deps, log }, graph, 10);
}

async function hold(): Promise<string> {
  const id = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
  await platform.worker.work('authorize');
  expect((await platform.status(id)).status).toBe('held');
  return id;
}

it('a case that a rule escalates asks for a senior officer from the start', async () => {
  const { deps, database } = platform;
  const paymentId = await platform.submit();
  const about = { clientId: DEMO_CLIENT_ID, paymentId, reasons: [], evidence: {}, riskScore: null, amount: money(1_000n, 'KES') };
  await withTransaction(database.pool, (tx) => openCases(tx, deps, [{ kind: 'held', ...about, priority: 75, escalates: true }]));
  const { rows } = await database.pool.query(
    `select priority::int, approvals_needed::int as eyes, round::int, escalated_by, escalated_at, extract(epoch from due_at - created_at)::int as due
      from cases where payment_id = $1`,
    [paymentId],
  );
  expect(rows).toEqual([
    { priority: 90, eyes: 2, round: 1, escalated_by: 'system', escalated_at: new Date(platform.clock.now()), due: 7_200 },
  ]);
  const acts = await database.pool.query(`select action from audit_events where payment_id = $1 and action like 'case.%' order by id`, [
    paymentId,
  ]);
  expect(acts.rows.map((row) => row.action)).toEqual(['case.opened', 'case.escalated']);
});

async function decide(
  paymentId: string,
  officer: string,
  verdict: 'release' | 'reject' = 'release',
  digest: string | null = null,
): Promise<void> {
  await platform.database.pool.query(
    `with held as (update cases set status = 'deciding', claimed_by = $2 where payment_id = $1 returning id, payment_id, evidence_digest, round)
     insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round)
     select gen_random_uuid(), id, payment_id, $2, $3, 'false_positive', coalesce($4, evidence_digest), round from held`,
    [paymentId, officer, verdict, digest],
  );
}

async function caseOf(paymentId: string) {
  const result = await platform.database.pool.query<{ status: string; interrupt_id: string | null; claimed_by: string | null }>(
    'select status, interrupt_id, claimed_by from cases where payment_id = $1',
    [paymentId],
  );
  return result.rows[0];
}

const needTwo = (paymentId: string) =>
  platform.database.pool.query('update cases set approvals_needed = 2 where payment_id = $1', [paymentId]);

describe('a held payment', () => {
  it('gets a thread that waits, once', async () => {
    const id = await hold();
    expect(await work()).toBe(1);
    const waiting = await caseOf(id);
    expect(waiting).toMatchObject({ status: 'open', interrupt_id: expect.any(String) });
    expect(await work()).toBe(0);
    expect(await caseOf(id)).toEqual(waiting);
  });

  it('is released by its verdict, and worked on from there', async () => {
    const id = await hold();
    await work();
    await decide(id, 'officer:amina');
    expect(await ready()).toEqual(['cases']);
    await work();
    expect(await caseOf(id)).toMatchObject({ status: 'released', interrupt_id: null });
    expect(await ready()).toEqual(['authorize']);
  });

  it('whose thread began anew between its two officers is released by the same two', async () => {
    const id = await hold();
    await needTwo(id);
    await work();
    await decide(id, 'officer:amina');
    await work();
    await decide(id, 'officer:kofi');
    // The thread is lost, and the migration after it finds the case.
    graph = buildCaseGraph({ checkpointer: new MemorySaver(), ...caseGraphDeps(platform.deps) });
    await platform.database.pool.query('update cases set interrupt_id = null');
    const rounds = (await readMigrations()).find(({ tag }) => tag === '0045_case_rounds');
    await platform.database.pool.query(rounds?.sql ?? '');
    await work();
    expect(await caseOf(id)).toMatchObject({ status: 'open', claimed_by: null, interrupt_id: expect.any(String) });
    for (const officer of ['officer:amina', 'officer:kofi']) {
      await decide(id, officer);
      await work();
    }
    expect(await caseOf(id)).toMatchObject({ status: 'released' });
  });

  it('whose thread knows what was said in its round is not asked about anew', async () => {
    const { deps, database } = platform;
    graph = buildCaseGraph({ checkpointer: new CaseCheckpointer(database.pool), ...caseGraphDeps(deps) });
    const id = await hold();
    await needTwo(id);
    await work();
    await decide(id, 'officer:amina');
    await work();
    const round = async () => (await database.pool.query('select round::int from cases where payment_id = $1', [id])).rows[0].round;
    const sql = (await readMigrations()).find(({ tag }) => tag === '0045_case_rounds')?.sql ?? '';
    await database.pool.query(sql);
    expect(await round()).toBe(1);
    await decide(id, 'officer:kofi');
    await work();
    expect(await caseOf(id)).toMatchObject({ status: 'released' });
  });

  it('is open for another officer after the first of two', async () => {
    const id = await hold();
    await needTwo(id);
    await work();
    const first = await caseOf(id);
    await decide(id, 'officer:amina');
    await work();
    const second = await caseOf(id);
    expect(second).toMatchObject({ status: 'open', claimed_by: null, interrupt_id: expect.any(String) });
    expect(second?.interrupt_id).not.toBe(first?.interrupt_id);
    expect((await platform.status(id)).status).toBe('held');
    await decide(id, 'officer:kofi');
    await work();
    expect((await platform.status(id)).status).toBe('released');
  });
});

describe('a verdict that cannot be put into effect', () => {
  it('is put into effect at a later look', async () => {
    const id = await hold();
    await work();
    await decide(id, 'officer:amina');
    failures = 2;
    await work();
    expect(errors).toEqual(['the database is away']);
    expect((await platform.status(id)).status).toBe('held');
    await work();
    expect(await ready()).toEqual(['cases']);
    await work();
    expect(errors).toHaveLength(2);
    expect((await platform.status(id)).status).toBe('released');
    expect(await ready()).toEqual(['authorize']);
  });
});

describe('a crash after a verdict was put into effect, which its thread knows nothing of', () => {
  const actsOn = async (paymentId: string) => {
    const { rows } = await platform.database.pool.query<{ action: string }>(
      `select action from audit_events where payment_id = $1 and action ~ '^case[.](released|rejected|approvals_void)$'`,
      [paymentId],
    );
    return rows.map(({ action }) => action);
  };
  const threadOf = async (paymentId: string) =>
    (await platform.database.pool.query<{ id: string; round: number }>('select id, round from cases where payment_id = $1', [paymentId]))
      .rows[0] ?? { id: '', round: 0 };

  it.each([
    ['release', 'released'],
    ['reject', 'rejected'],
  ] as const)('does not put a %s into effect twice', async (verdict, status) => {
    const paymentId = await hold();
    await work();
    await decide(paymentId, 'officer:amina', verdict);
    deaths = 1;
    await work();
    expect([errors, (await platform.status(paymentId)).status, await actsOn(paymentId)]).toEqual([['killed'], status, [`case.${status}`]]);
    const { id: caseId } = await threadOf(paymentId);
    expect(await runCase(graph, { caseId, paymentId })).toMatchObject({ interruptId: null });
    expect([(await platform.status(paymentId)).status, await actsOn(paymentId)]).toEqual([status, [`case.${status}`]]);
  });

  it('does not begin another round twice, and takes nothing back that was said in the new one', async () => {
    const paymentId = await hold();
    await work();
    await decide(paymentId, 'officer:amina');
    await needTwo(paymentId);
    deaths = 1;
    await work();
    expect([errors, (await threadOf(paymentId)).round, await actsOn(paymentId)]).toEqual([['killed'], 2, ['case.approvals_void']]);
    await decide(paymentId, 'officer:amina');
    await work();
    expect([(await threadOf(paymentId)).round, await actsOn(paymentId)]).toEqual([2, ['case.approvals_void']]);
    await decide(paymentId, 'officer:kofi');
    await work();
    expect((await platform.status(paymentId)).status).toBe('released');
  });
});

describe('a case that another worker has in hand', () => {
  it('is left alone', async () => {
    const id = await hold();
    const other = await platform.database.pool.connect();
    try {
      await other.query(`select pg_advisory_lock(hashtextextended(id::text, 0)) from cases where payment_id = $1`, [id]);
      await work();
      expect(await caseOf(id)).toMatchObject({ interrupt_id: null });
    } finally {
      other.release(true);
    }
  });
});

describe('one case that cannot go on', () => {
  it('does not keep the others waiting', async () => {
    const bad = await hold();
    const good = await hold();
    await work();
    await decide(bad, 'officer:amina', 'release', 'f'.repeat(64));
    await decide(good, 'officer:amina');
    await work();
    expect(errors).toHaveLength(1);
    expect((await platform.status(bad)).status).toBe('held');
    expect((await platform.status(good)).status).toBe('released');
  });
});

describe('a crash while a first approval is taken in', () => {
  it('leaves nothing half done: the case is open for the second officer at the next look', async () => {
    const id = await hold();
    await needTwo(id);
    await work();
    await decide(id, 'officer:amina');
    const { pool } = platform.database;
    // The database takes the decision in, and then refuses to note where the thread waits.
    await pool.query(`create function fail_to_note() returns trigger language plpgsql as $$ begin raise exception 'gone'; end $$`);
    await pool.query('create trigger fail_to_note before update of interrupt_id on cases for each row execute function fail_to_note()');
    await work();
    expect(errors).toHaveLength(1);
    await pool.query('drop trigger fail_to_note on cases');
    expect(await ready()).toEqual(['cases']);
    await work();
    expect(await caseOf(id)).toMatchObject({ status: 'open', claimed_by: null });
    await decide(id, 'officer:kofi');
    await work();
    expect((await platform.status(id)).status).toBe('released');
    const taken = await pool.query('select applied_at from case_decisions');
    expect(taken.rows.every((row) => row.applied_at !== null)).toBe(true);
  });
});

describe('what the graph says it was told', () => {
  it('releases nothing by itself: the officers’ decisions are counted in the database', async () => {
    const id = await hold();
    await needTwo(id);
    await work();
    const found = await platform.database.pool.query<{ id: string; digest: string }>(
      'select id, evidence_digest as digest from cases where payment_id = $1',
      [id],
    );
    const { id: caseId, digest: evidenceDigest } = found.rows[0] ?? { id: '', digest: '' };
    const action = { caseId, paymentId: id, evidenceDigest, verdict: 'release', reasonCode: 'false_positive', round: 1 } as const;
    for (const officer of ['officer:amina', 'officer:kofi']) {
      const { caseId: _case, ...said } = action;
      await answerCase(graph, caseId, { ...said, decisionId: newId(), officer, actionDigest: actionDigest(action) });
    }
    expect((await platform.status(id)).status).toBe('held');
    expect(await pausedAt(graph, caseId)).toEqual({ interruptId: expect.any(String), round: 2 });
    expect(await caseOf(id)).toMatchObject({ status: 'open' });
    const acts = await platform.database.pool.query("select 1 from audit_events where action = 'case.approvals_void'");
    expect(acts.rows).toHaveLength(1);
    // The officers are asked anew, and can release it.
    await work();
    await decide(id, 'officer:amina');
    await work();
    await decide(id, 'officer:kofi');
    await work();
    expect((await platform.status(id)).status).toBe('released');
  });
});

describe('advice', () => {
  const advice: CaseAdvice = {
    source: 'policy',
    recommendation: 'escalate',
    summary: 'Looks like the listed party.',
    reasons: [],
    confidence: 0.7,
    modelId: null,
    promptHash: null,
    decisionId: null,
  };

  async function adviseWith(advise: () => Promise<CaseAdvice | null>): Promise<string> {
    const id = await hold();
    const deps = { ...platform.deps, log: { ...platform.deps.log, warn: () => void errors.push('warned') }, advise };
    graph = buildCaseGraph({ checkpointer: new MemorySaver(), ...caseGraphDeps(deps) });
    await work();
    return id;
  }

  const read = async (paymentId: string) =>
    (
      await platform.database.pool.query('select advice, priority, approvals_needed, interrupt_id from cases where payment_id = $1', [
        paymentId,
      ])
    ).rows[0];

  it('is kept beside the evidence and raises, and never lowers', async () => {
    const raising = await adviseWith(async () => ({ ...advice, raise: { priority: 95, secondOfficer: true } }));
    expect(await read(raising)).toMatchObject({
      advice: { summary: 'Looks like the listed party.', round: 1 },
      priority: 95,
      approvals_needed: 2,
      interrupt_id: expect.any(String),
    });
    const lowering = await adviseWith(async () => ({ ...advice, recommendation: 'release', raise: { priority: 1 } }));
    expect(await read(lowering)).toMatchObject({ priority: 80, approvals_needed: 1 });
  });

  it('that cannot be had holds nobody up', async () => {
    const id = await adviseWith(() => Promise.reject(new Error('the model is away')));
    expect(await read(id)).toMatchObject({ advice: null, interrupt_id: expect.any(String) });
    expect(errors).toEqual(['warned']);
    await decide(id, 'officer:amina');
    await work();
    expect((await platform.status(id)).status).toBe('released');
  });
});
