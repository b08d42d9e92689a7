/** Decisions that are kept together and those with rows of their own are one stream and one list. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFactsWriter } from '../domain/facts.ts';
import { digestOf, newId } from '../domain/ids.ts';
import { withTransaction } from './connect.ts';
import { insertClient, insertPayment } from './fixtures.ts';
import { type ActivityFilter, listActivity, readFirstDecisions, readStream, streamHead, type StreamPlace } from './queries/activity.ts';
import { type RecordedDecision, recordDecisions } from './queries/decisions.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
let clientId: string;
/** In the order of the stream. */
let all: {
  readonly txId: string;
  readonly position: bigint;
  readonly agent: string;
  readonly outcome: string;
  readonly paymentId: string;
}[];

const ORDINARY = { 'exchange-rate': 'quoted', compliance: 'clear', 'route-optimizer': 'routed', liquidity: 'reserve' } as const;

function said(paymentId: string, of: string, outcomes: Readonly<Record<string, string>> = ORDINARY): RecordedDecision[] {
  const cohortId = newId();
  return Object.entries(outcomes).map(([agent, outcome], index) => {
    const facts = { index, paymentId };
    const { whole, ...parts } = createFactsWriter(['paymentId'])(facts);
    const written = { facts, factsDigest: digestOf(whole), factsJson: whole, parts };
    const words = { agent: agent as RecordedDecision['agent'], outcome, reasons: [], policyVersion: '1', confidence: 1, durationUs: 1 };
    return { ...written, ...words, clientId: of, paymentId, cohortId, modelId: null, promptHash: null };
  });
}

beforeAll(async () => {
  database = await testDatabase();
  const { pool } = database;
  clientId = await insertClient(pool);
  const other = await insertClient(pool);
  for (let round = 0; round < 4; round += 1) {
    const payments: string[] = [];
    for (let count = 0; count < 3; count += 1) payments.push(await insertPayment(pool, { clientId }));
    const [first = '', second = '', third = ''] = payments;
    const stranger = await insertPayment(pool, { clientId: other });
    await withTransaction(pool, async (tx) => {
      await recordDecisions(tx, [...said(first, clientId), ...said(stranger, other), ...said(second, clientId)], 0);
      await recordDecisions(tx, said(third, clientId, { ...ORDINARY, compliance: 'flag' }), 0);
      await recordDecisions(tx, said(second, clientId, { 'route-optimizer': 'routed' }), 0);
      await recordDecisions(tx, said(third, clientId, { investigator: 'no_further_concern' }), 0);
    });
  }
  // Transactions of other tests on the server hold the stream back for a moment.
  do all = await read({ txId: '0', position: 0n }, 1_000);
  while (all.length < 4 * 14);
});
afterAll(() => database.close());

const read = async (after: StreamPlace, limit: number, upTo?: StreamPlace) =>
  readStream(database.pool, { after, upTo: upTo ?? (await streamHead(database.pool)), clientId, limit });

test('the stream goes on from any place, in any steps, without leaving one out or telling one twice', async () => {
  expect(all.map(({ position }) => position)).toEqual(all.map(({ position }) => position).toSorted((a, b) => Number(a - b)));
  for (const [at, place] of all.entries()) {
    for (const limit of [1, 3, 100]) expect(await read(place, limit)).toEqual(all.slice(at + 1, at + 1 + limit));
    expect(await read({ txId: '0', position: 0n }, 100, place)).toEqual(all.slice(0, at + 1));
  }
});

test('the list is the stream from its end, and asks for agent, outcome and payment alike', async () => {
  const newest = all.toReversed();
  for (const filter of [
    {},
    { agent: 'compliance' },
    { agent: 'compliance', outcome: 'flag' },
    { agent: 'investigator' },
    { outcome: 'reserve' },
    { without: ['liquidity', 'exchange-rate'] },
    { paymentId: all[5]?.paymentId },
    { paymentId: all[5]?.paymentId, agent: 'route-optimizer' },
  ]) {
    const wanted = newest.filter(
      ({ agent, outcome, paymentId }) =>
        (filter.agent === undefined || filter.agent === agent) &&
        (filter.outcome === undefined || filter.outcome === outcome) &&
        (filter.paymentId === undefined || filter.paymentId === paymentId) &&
        filter.without?.includes(agent) !== true,
    );
    expect(wanted.length).toBeGreaterThan(0);
    for (const limit of [1, 2, 7, 100]) {
      const found = [];
      for (let before: StreamPlace | null = null; ; before = found.at(-1) ?? null) {
        const page = await listActivity(database.pool, clientId, filter, { before, limit });
        found.push(...page);
        if (page.length < limit) break;
      }
      expect(found).toEqual(wanted);
    }
  }
});

test('what no set can hold is not looked for in them', async () => {
  const { pool } = database;
  const textFor = async (filter: ActivityFilter): Promise<string> => {
    let text = '';
    const query = (asked: string, values: unknown[]) => pool.query((text = asked), values);
    await listActivity({ query } as unknown as typeof pool, clientId, filter, { before: null, limit: 1 });
    return text;
  };
  for (const filter of [{ agent: 'investigator' }, { agent: 'settlement' }, { outcome: 'flag' }, { agent: 'compliance', outcome: 'flag' }])
    expect(await textFor(filter)).not.toContain('decision_sets');
  expect(await textFor({ agent: 'compliance' })).toContain('decision_sets');
});

test('the first decisions are read in pages of any size, each payment once, however its decisions are kept', async () => {
  const { pool } = database;
  const [twiceInSets, aloneFirst, setFirst] = [
    await insertPayment(pool, { clientId }),
    await insertPayment(pool, { clientId }),
    await insertPayment(pool, { clientId }),
  ];
  const held = { ...ORDINARY, compliance: 'flag' };
  const record = async (atMs: number, ...decisions: RecordedDecision[]) =>
    withTransaction(pool, (tx) => recordDecisions(tx, decisions, atMs));
  await record(1_000, ...said(twiceInSets, clientId), ...said(aloneFirst, clientId, held), ...said(setFirst, clientId));
  await record(2_000, ...said(twiceInSets, clientId), ...said(aloneFirst, clientId), ...said(setFirst, clientId, held));
  const { rows } = await pool.query<{ paymentId: string; facts: object; createdAt: Date; agent: string }>(
    `select payment_id as "paymentId", facts, created_at as "createdAt", agent from decisions order by position`,
  );
  for (const agent of ['compliance', 'route-optimizer', 'investigator']) {
    for (const [sinceMs, untilMs] of [
      [null, null],
      [1_500, null],
      [null, 1_500],
      [1_000, 2_000],
      [3_000, null],
    ] as const) {
      const inTime = rows.filter(
        ({ createdAt, ...row }) =>
          row.agent === agent &&
          (sinceMs === null || createdAt.getTime() >= sinceMs) &&
          (untilMs === null || createdAt.getTime() < untilMs),
      );
      const wanted = inTime.filter(({ paymentId }, at) => inTime.findIndex((other) => other.paymentId === paymentId) === at);
      for (const limit of [1, 2, 7, 1_000]) {
        const found = [];
        let after: StreamPlace | null = null;
        do {
          const page = await readFirstDecisions(pool, { agent, sinceMs, untilMs, after, limit });
          expect(page.decisions.length).toBeLessThanOrEqual(limit);
          found.push(...page.decisions);
          after = page.next;
        } while (after !== null);
        expect(found).toEqual(wanted.map(({ paymentId, facts }) => ({ paymentId, facts })));
      }
    }
  }
});
