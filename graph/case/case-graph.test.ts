import { Command, MemorySaver } from '@langchain/langgraph';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { actionDigest } from '../../domain/cases.ts';
import { newId } from '../../domain/ids.ts';
import {
  answerCase,
  type BoundAnswer,
  buildCaseGraph,
  type CaseGraphDeps,
  type CaseStanding,
  type CaseState,
  pausedAt,
  refreshCase,
  runCase,
} from './case-graph.ts';
import { CaseCheckpointer } from './checkpointer.ts';
import { strictSerde } from './serde.ts';

let database: TestDatabase;
let savers: pg.Pool[];
let applied: CaseState[];
let applyVerdict: CaseGraphDeps['applyVerdict'];
/** The cases as the database would have them. */
let standings: Map<string, CaseStanding>;
/** Cases and rounds that advice was asked for. */
let advised: [string, number][];

beforeAll(async () => {
  database = await testDatabase();
  savers = [];
});

afterAll(async () => {
  await Promise.all(savers.map((pool) => pool.end()));
  await database.close();
});

beforeEach(() => {
  applied = [];
  advised = [];
  standings = new Map();
  applyVerdict = apply;
});

async function apply(state: CaseState): Promise<'applied'> {
  applied.push(state);
  return 'applied';
}

const graphDeps: Omit<CaseGraphDeps, 'checkpointer'> = {
  readCase: async (caseId) => {
    const standing = standings.get(caseId);
    if (standing === undefined) throw new Error('no such case');
    return standing;
  },
  advise: async (caseId, round) => void advised.push([caseId, round]),
  applyVerdict: (state) => applyVerdict(state),
};

/** A saver that dies at one of its checkpoints, once everything before it is written. */
class DyingSaver extends CaseCheckpointer {
  diesAt = 0;
  private written = 0;
  private readonly writing: Promise<void>[] = [];
  override async put(...args: Parameters<CaseCheckpointer['put']>): ReturnType<CaseCheckpointer['put']> {
    this.written += 1;
    if (this.written !== this.diesAt) return super.put(...args);
    // The graph does not wait for what its tasks wrote before it writes the checkpoint after them.
    await Promise.all(this.writing);
    throw new Error('killed');
  }
  override putWrites(...args: Parameters<CaseCheckpointer['putWrites']>): Promise<void> {
    const written = super.putWrites(...args);
    this.writing.push(written);
    return written;
  }
}

/** The graph as another process would build it: its own connections, the same database. It may die at one of its checkpoints. */
function openGraph(diesAt = 0) {
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  savers.push(pool);
  // The database is dropped while connections that were told to end may still be ending.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  const checkpointer = new DyingSaver(pool);
  checkpointer.diesAt = diesAt;
  return buildCaseGraph({ checkpointer, ...graphDeps });
}

/** Whether work died as its saver was told to. */
async function dies(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => false,
    (error: unknown) => {
      if (error instanceof Error && error.message === 'killed') return true;
      throw error;
    },
  );
}

type Start = Parameters<typeof runCase>[1];

function someCase(approvalsNeeded: number): Start {
  const start = { caseId: newId(), paymentId: newId() };
  standings.set(start.caseId, { round: 1, evidenceDigest: 'e'.repeat(64), approvalsNeeded });
  return start;
}

/** An officer's answer to what the case asks now. */
function answerTo(start: Start, officer: string, change: Partial<BoundAnswer> = {}): BoundAnswer {
  const { paymentId, caseId } = start;
  const { evidenceDigest, round } = standings.get(caseId) ?? { evidenceDigest: '', round: 0 };
  const said = { verdict: 'release', reasonCode: 'false_positive', paymentId, evidenceDigest, round, ...change } as const;
  return { decisionId: newId(), officer, ...said, actionDigest: change.actionDigest ?? actionDigest({ caseId, ...said }) };
}

/** Another round begins, on other evidence. */
function moveOn(start: Start, change: Partial<CaseStanding> = {}): number {
  const earlier = standings.get(start.caseId);
  if (earlier === undefined) throw new Error('no such case');
  const round = earlier.round + 1;
  standings.set(start.caseId, { ...earlier, round, evidenceDigest: String(round).repeat(64), ...change });
  return round;
}

const interruptIdOf = async (...args: Parameters<typeof pausedAt>) => (await pausedAt(...args)).interruptId;

const AMINA = 'officer:amina';
const KOFI = 'officer:kofi';

describe('a case', () => {
  it('waits at an interrupt, and one answer to it ends the case', async () => {
    const graph = openGraph();
    const start = someCase(1);
    const { interruptId } = await runCase(graph, start);
    expect(interruptId).toEqual(expect.any(String));
    expect(await interruptIdOf(graph, start.caseId)).toBe(interruptId);
    expect(applied).toEqual([]);

    const answer = answerTo(start, AMINA);
    expect(await answerCase(graph, start.caseId, answer)).toEqual({ interruptId: null, round: 1 });
    expect(applied).toHaveLength(1);
    expect(applied[0]).toMatchObject({
      caseId: start.caseId,
      paymentId: start.paymentId,
      answers: [{ officer: AMINA, verdict: 'release' }],
    });
    await expect(answerCase(graph, start.caseId, answerTo(start, KOFI))).rejects.toMatchObject({ code: 'case_not_open' });
    expect(applied).toHaveLength(1);
  });

  it('asks its officers once, however often it is started', async () => {
    const graph = openGraph();
    const start = someCase(1);
    const first = await runCase(graph, start);
    expect(await runCase(graph, start)).toEqual(first);
    await answerCase(graph, start.caseId, answerTo(start, AMINA));
    expect(await runCase(graph, start)).toMatchObject({ interruptId: null });
    expect(applied).toHaveLength(1);
  });

  it('needs two officers for a release where it says so, and tells them apart', async () => {
    const graph = openGraph();
    const start = someCase(2);
    const { interruptId: first } = await runCase(graph, start);
    const { interruptId: second } = await answerCase(graph, start.caseId, answerTo(start, AMINA));
    expect(second).toEqual(expect.any(String));
    expect(second).not.toBe(first);
    expect(applied).toEqual([]);

    await expect(answerCase(graph, start.caseId, answerTo(start, AMINA))).rejects.toThrow(/maker_is_checker/);
    expect(applied).toEqual([]);
    expect(await interruptIdOf(graph, start.caseId)).toBe(second);

    expect(await answerCase(graph, start.caseId, answerTo(start, KOFI))).toMatchObject({ interruptId: null });
    expect(applied[0]?.answers.map((answer) => answer.officer)).toEqual([AMINA, KOFI]);
  });

  it('needs one officer for a refusal, and ends refused when the second disagrees', async () => {
    const graph = openGraph();
    const refused = someCase(2);
    await runCase(graph, refused);
    expect(await answerCase(graph, refused.caseId, answerTo(refused, AMINA, { verdict: 'reject' }))).toMatchObject({ interruptId: null });

    const disputed = someCase(2);
    await runCase(graph, disputed);
    await answerCase(graph, disputed.caseId, answerTo(disputed, AMINA));
    expect(await answerCase(graph, disputed.caseId, answerTo(disputed, KOFI, { verdict: 'reject' }))).toMatchObject({ interruptId: null });
    expect(applied.map((state) => state.answers.map((answer) => answer.verdict))).toEqual([['reject'], ['release', 'reject']]);
  });
});

describe('an answer', () => {
  it.each([
    ['for another payment', { paymentId: newId() }],
    ['on evidence that has changed', { evidenceDigest: 'f'.repeat(64) }],
    ['with a verdict that does not exist', { verdict: 'approve' as 'release' }],
    ['from nobody', { officer: '' }],
    ['without a decision', { decisionId: '' }],
    ['of another round', { round: 2 }],
    ['without the digest of its action', { actionDigest: '' }],
  ])('%s is refused, and the case goes on waiting', async (_what, change) => {
    const graph = openGraph();
    const start = someCase(1);
    const { interruptId } = await runCase(graph, start);
    await expect(answerCase(graph, start.caseId, answerTo(start, AMINA, change))).rejects.toThrow();
    expect(applied).toEqual([]);
    expect(await interruptIdOf(graph, start.caseId)).toBe(interruptId);
    expect(await answerCase(graph, start.caseId, answerTo(start, AMINA))).toMatchObject({ interruptId: null });
    expect(applied).toHaveLength(1);
  });

  it('of a second officer is refused for another action than the first agreed to', async () => {
    const graph = openGraph();
    const start = someCase(2);
    await runCase(graph, start);
    await answerCase(graph, start.caseId, answerTo(start, AMINA));
    const other = answerTo(start, KOFI, { reasonCode: 'known_customer' });
    await expect(answerCase(graph, start.caseId, other)).rejects.toThrow(/approval_differs/);
    expect(applied).toEqual([]);
    await answerCase(graph, start.caseId, answerTo(start, KOFI));
    expect(applied).toHaveLength(1);
  });

  it('that comes twice is taken in once', async () => {
    const graph = openGraph();
    const start = someCase(2);
    await runCase(graph, start);
    const answer = answerTo(start, AMINA);
    const second = await answerCase(graph, start.caseId, answer);
    // Without the memory of its decision this would be taken for the answer of the second officer.
    expect(await answerCase(graph, start.caseId, { ...answer, officer: KOFI })).toEqual(second);
    expect(applied).toEqual([]);
    const last = answerTo(start, KOFI);
    await answerCase(graph, start.caseId, last);
    expect(await answerCase(graph, start.caseId, last)).toMatchObject({ interruptId: null });
    expect(applied).toHaveLength(1);
  });
});

describe('another round', () => {
  it('takes the thread back to the evidence, and forgets what was agreed', async () => {
    const start = someCase(2);
    await runCase(openGraph(), start);
    const stale = answerTo(start, KOFI);
    await answerCase(openGraph(), start.caseId, answerTo(start, AMINA));
    for (const round of [2, 3]) {
      expect(moveOn(start)).toBe(round);
      // Each time as another process, and twice: the second finds the thread where it should be.
      const paused = await refreshCase(openGraph(), start, round);
      expect(paused).toEqual({ interruptId: expect.any(String), round });
      expect(await refreshCase(openGraph(), start, round)).toEqual(paused);
      await expect(answerCase(openGraph(), start.caseId, stale)).rejects.toThrow();
      await answerCase(openGraph(), start.caseId, answerTo(start, AMINA));
      expect(applied).toEqual([]);
    }
    expect(advised.map(([, round]) => round)).toEqual([1, 2, 3]);
    expect(await answerCase(openGraph(), start.caseId, answerTo(start, KOFI))).toEqual({ interruptId: null, round: 3 });
    expect(applied).toMatchObject([{ round: 3, evidenceDigest: '3'.repeat(64), answers: [{ officer: AMINA }, { officer: KOFI }] }]);
  });

  it('follows when the verdict could not be carried by what was said', async () => {
    const graph = openGraph();
    const start = someCase(1);
    await runCase(graph, start);
    const first = answerTo(start, AMINA);
    applyVerdict = async () => {
      moveOn(start);
      applyVerdict = apply;
      return 'void';
    };
    expect(await answerCase(graph, start.caseId, first)).toEqual({ interruptId: expect.any(String), round: 2 });
    expect(applied).toEqual([]);
    await answerCase(graph, start.caseId, answerTo(start, AMINA));
    expect(applied).toHaveLength(1);
  });

  it('is asked in as advice left the case', async () => {
    const graph = buildCaseGraph({
      checkpointer: new MemorySaver(strictSerde),
      ...graphDeps,
      advise: async (caseId) => void standings.set(caseId, { round: 1, evidenceDigest: 'e'.repeat(64), approvalsNeeded: 2 }),
    });
    const start = someCase(1);
    await runCase(graph, start);
    expect(await answerCase(graph, start.caseId, answerTo(start, AMINA))).toMatchObject({ interruptId: expect.any(String) });
    expect(applied).toEqual([]);
  });
});

// Should one of these fail after an upgrade, LangGraph no longer knows `__pregel_strict_resume`, which no public document promises.
describe('strict resume', () => {
  const configOf = (threadId: string) => ({ configurable: { thread_id: threadId, __pregel_strict_resume: true } });

  it('refuses an answer to an interrupt that has ended', async () => {
    const graph = openGraph();
    const start = someCase(2);
    const { interruptId: first } = await runCase(graph, start);
    const { interruptId: second } = await answerCase(graph, start.caseId, answerTo(start, AMINA));
    const late = new Command<unknown, Partial<CaseState>, 'apply'>({ resume: { [String(first)]: answerTo(start, KOFI) } });
    await expect(graph.invoke(late, configOf(start.caseId))).rejects.toMatchObject({
      name: 'UnknownInterruptError',
      reason: 'not_pending',
    });
    expect(applied).toEqual([]);
    expect(await interruptIdOf(graph, start.caseId)).toBe(second);
  });
});

describe('a restart', () => {
  it('at any checkpoint on the way to the first question comes to it all the same', async () => {
    let deaths = 0;
    for (; ; deaths += 1) {
      const start = someCase(2);
      if (!(await dies(runCase(openGraph(deaths + 1), start)))) break;
      expect((await runCase(openGraph(), start)).interruptId).toEqual(expect.any(String));
    }
    expect(deaths).toBeGreaterThanOrEqual(3);
  });

  it.each(['release', 'reject'] as const)('at any checkpoint after a %s loses it not, and carries it out once', async (verdict) => {
    let deaths = 0;
    for (; ; deaths += 1) {
      applied = [];
      const start = someCase(2);
      await runCase(openGraph(), start);
      const said = answerTo(start, AMINA, { verdict, reasonCode: verdict === 'release' ? 'false_positive' : 'true_match' });
      if (!(await dies(answerCase(openGraph(deaths + 1), start.caseId, said)))) break;
      const graph = openGraph();
      await runCase(graph, start);
      await answerCase(graph, start.caseId, said);
      if (verdict === 'release') await answerCase(graph, start.caseId, answerTo(start, KOFI));
      expect(await interruptIdOf(graph, start.caseId)).toBeNull();
      expect(applied.map(({ answers }) => answers.map(({ officer }) => officer))).toEqual([
        verdict === 'release' ? [AMINA, KOFI] : [AMINA],
      ]);
    }
    expect(deaths).toBeGreaterThanOrEqual(1);
  });

  it('between an interrupt and its answer loses nothing', async () => {
    const start = someCase(2);
    const { interruptId: first } = await runCase(openGraph(), start);
    expect(await interruptIdOf(openGraph(), start.caseId)).toBe(first);
    await answerCase(openGraph(), start.caseId, answerTo(start, AMINA));
    expect(await answerCase(openGraph(), start.caseId, answerTo(start, KOFI))).toMatchObject({ interruptId: null });
    expect(applied[0]?.answers.map((answer) => answer.officer)).toEqual([AMINA, KOFI]);
  });

  it('after a verdict that could not be put into effect puts it into effect', async () => {
    const start = someCase(1);
    applyVerdict = async () => {
      throw new Error('the database is away');
    };
    const before = openGraph();
    await runCase(before, start);
    const answer = answerTo(start, AMINA);
    await expect(answerCase(before, start.caseId, answer)).rejects.toThrow(/away/);
    expect(applied).toEqual([]);

    applyVerdict = apply;
    const after = openGraph();
    // The same decision is carried again: it is known, and the thread goes on where it stood.
    expect(await answerCase(after, start.caseId, answer)).toMatchObject({ interruptId: null });
    expect(applied).toHaveLength(1);
    expect(await answerCase(after, start.caseId, answer)).toMatchObject({ interruptId: null });
    expect(await runCase(after, start)).toMatchObject({ interruptId: null });
    expect(applied).toHaveLength(1);
    expect(applied[0]?.answers).toHaveLength(1);
  });
});

describe('checkpoints', () => {
  it('are what the graph really writes', async () => {
    const start = someCase(1);
    await runCase(openGraph(), start);
    const written = await database.pool.query<{ type: string; text: string }>(
      `select value ->> 0 as type, value ->> 1 as text from checkpoints, jsonb_each(channel_values) where thread_id = $1
       union all select type, value from checkpoint_writes where thread_id = $1`,
      [start.caseId],
    );
    expect(written.rows.length).toBeGreaterThan(0);
    for (const row of written.rows) expect(row.type).toBe('json');
    for (const row of written.rows) expect(() => JSON.parse(row.text)).not.toThrow();
    expect(written.rows.map((row) => row.text).join()).toContain(start.paymentId);
  });

  it('can be kept in memory just as well', async () => {
    const graph = buildCaseGraph({ checkpointer: new MemorySaver(strictSerde), ...graphDeps });
    const start = someCase(1);
    await runCase(graph, start);
    await answerCase(graph, start.caseId, answerTo(start, AMINA));
    expect(applied).toHaveLength(1);
  });
});
