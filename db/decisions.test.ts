import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../domain/canonical.ts';
import type { Facts, Reason } from '../domain/decision.ts';
import { createFactsWriter } from '../domain/facts.ts';
import { digestOf, newId } from '../domain/ids.ts';
import { withTransaction } from './connect.ts';
import { insertClient, insertPayment } from './fixtures.ts';
import { type RecordedDecision, recordDecisions } from './queries/decisions.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(async () => {
  await database.close();
});

it('keeps the facts and reasons of each decision, whatever is in them, in the order given', async () => {
  const clientId = await insertClient(database.pool);
  const paymentId = await insertPayment(database.pool, { clientId });
  const odd = ['plain', '', '"quoted"', 'back\\slash', '{}', ',', 'line\nbreak', '\u001e', '\\u001e', "it's", 'Ünï', 'null'];
  const decisions = odd.map((text) => {
    const facts = { text, nested: [text, { [`key ${text}`]: null }] };
    return {
      id: newId(),
      clientId,
      paymentId,
      cohortId: newId(),
      agent: 'compliance' as const,
      policyVersion: '1',
      factsDigest: digestOf(canonicalJson(facts)),
      facts,
      outcome: 'clear',
      reasons: [{ code: 'a', text }],
      confidence: 1,
      durationUs: 1,
      modelId: null,
      promptHash: null,
    };
  });
  await withTransaction(database.pool, (tx) => recordDecisions(tx, decisions, Date.now()));
  const { rows } = await database.pool.query('select facts, reasons, facts_digest from agent_activity order by position');
  expect(rows).toEqual(decisions.map(({ facts, reasons, factsDigest }) => ({ facts, reasons, facts_digest: factsDigest })));
});

const ORDINARY = [
  ['exchange-rate', 'quoted'],
  ['compliance', 'clear'],
  ['route-optimizer', 'routed'],
  ['liquidity', 'reserve'],
] as const;

interface Said {
  readonly clientId: string;
  readonly paymentId: string;
  readonly facts?: Facts;
  readonly outcome?: string;
  readonly reasons?: readonly Reason[];
}

/** What four agents say of a payment, as the graph hands it over. */
function saidOf({ clientId, paymentId, facts = {}, outcome, reasons = [{ code: 'a', text: 'b' }] }: Said): RecordedDecision[] {
  const cohortId = newId();
  return ORDINARY.map(([agent, ordinary]) => {
    const all: Facts = { amountMinor: paymentId.slice(-4), agent, rates: [{ currency: 'KES', perUsd: '129600000000000' }], ...facts };
    const { whole, ...parts } = createFactsWriter(['amountMinor'])(all);
    const common = { policyVersion: 'v1', confidence: 0.95, durationUs: 7, modelId: null, promptHash: null };
    const words = { agent, outcome: outcome ?? ordinary, reasons, facts: all, factsDigest: digestOf(whole), factsJson: whole, parts };
    return { ...common, ...words, clientId, paymentId, cohortId };
  });
}

const record = (decisions: readonly RecordedDecision[]) =>
  withTransaction(database.pool, (tx) => recordDecisions(tx, decisions, Date.UTC(2026, 10, 2)));

const keptOf = async (paymentId: string) =>
  (
    await database.pool.query(
      `select client_id as "clientId", payment_id as "paymentId", cohort_id as "cohortId", agent, policy_version as "policyVersion",
         facts_digest as "factsDigest", facts, outcome, reasons, confidence, duration_us as "durationUs", model_id as "modelId",
         prompt_hash as "promptHash" from decisions where payment_id = $1 order by position`,
      [paymentId],
    )
  ).rows;

const countOf = async (table: string, paymentId: string): Promise<number> =>
  (await database.pool.query(`select 1 from ${table} where payment_id = $1`, [paymentId])).rowCount ?? -1;

const asKept = (decisions: readonly RecordedDecision[]) => decisions.map(({ factsJson: _text, parts: _parts, ...rest }) => rest);

describe('ordinary decisions', () => {
  it('about a payment are one row, what they share is kept once for a client, and they read as they were said', async () => {
    const [one, other] = [await insertClient(database.pool), await insertClient(database.pool)];
    const payments = [];
    for (const clientId of [one, one, other]) payments.push({ clientId, paymentId: await insertPayment(database.pool, { clientId }) });
    const said = payments.map((payment) => saidOf(payment));
    const before = await database.pool.query('select 1 from decision_commons');
    await record(said.flat());
    for (const [at, { paymentId }] of payments.entries()) {
      expect(await keptOf(paymentId)).toEqual(asKept(said[at] ?? []));
      expect([await countOf('decision_sets', paymentId), await countOf('agent_activity', paymentId)]).toEqual([1, 0]);
    }
    const commons = await database.pool.query('select client_id from decision_commons');
    expect((commons.rowCount ?? 0) - (before.rowCount ?? 0)).toBe(2 * ORDINARY.length);
    const ids = await database.pool.query('select id, position from decisions order by position');
    expect(new Set(ids.rows.map(({ id }) => id)).size).toBe(ids.rows.length);
    expect(new Set(ids.rows.map(({ position }) => position)).size).toBe(ids.rows.length);
  });

  it('are not shared with another client, nor with one said in other words', async () => {
    const clientId = await insertClient(database.pool);
    const payments = [];
    for (let count = 0; count < 3; count += 1) payments.push({ clientId, paymentId: await insertPayment(database.pool, { clientId }) });
    const [first, second, third] = payments as [Said, Said, Said];
    const said = [saidOf(first), saidOf({ ...second, reasons: [{ code: 'a', text: 'c' }] }), saidOf({ ...third, facts: { rates: [] } })];
    await record(said.flat());
    for (const [at, { paymentId }] of payments.entries()) expect(await keptOf(paymentId)).toEqual(asKept(said[at] ?? []));
    const { rows } = await database.pool.query('select 1 from decision_commons where client_id = $1', [clientId]);
    expect(rows).toHaveLength(3 * ORDINARY.length);
  });

  it.each([
    ['one of them is not ordinary', (said: RecordedDecision[]) => said.with(1, { ...(said[1] as RecordedDecision), outcome: 'flag' })],
    ['one of them is named elsewhere', (said: RecordedDecision[]) => said.with(2, { ...(said[2] as RecordedDecision), id: newId() })],
    ['a model had a part in one', (said: RecordedDecision[]) => said.with(0, { ...(said[0] as RecordedDecision), modelId: 'm' })],
    ['there are more than a set holds', (said: RecordedDecision[]) => [...said, ...said, ...said]],
  ])('have rows of their own where %s, with all the others about the payment', async (_why, change) => {
    const clientId = await insertClient(database.pool);
    const paymentId = await insertPayment(database.pool, { clientId });
    const said = change(saidOf({ clientId, paymentId }));
    await record(said);
    expect((await keptOf(paymentId)).map(({ agent, facts, outcome }) => ({ agent, facts, outcome }))).toEqual(
      said.map(({ agent, facts, outcome }) => ({ agent, facts, outcome })),
    );
    expect([await countOf('decision_sets', paymentId), await countOf('agent_activity', paymentId)]).toEqual([0, said.length]);
  });

  it('hold any text that facts may hold, and numbers to the last digit', async () => {
    const clientId = await insertClient(database.pool);
    for (const odd of ['\u0000', '\u001d\u001e', '"\\', "it's", 'Ünï', 1e-7, 0.011601, 1.5e300, -0, 9_007_199_254_740_991]) {
      const paymentId = await insertPayment(database.pool, { clientId });
      const said = saidOf({ clientId, paymentId, facts: { amountMinor: odd, [`key ${odd}`]: [odd] } });
      await record(said);
      const kept = await keptOf(paymentId);
      expect(kept.map(({ facts }) => digestOf(canonicalJson(facts)))).toEqual(said.map(({ factsDigest }) => factsDigest));
    }
  });

  it('are kept for good, and of a payment and a client that are there', async () => {
    const clientId = await insertClient(database.pool);
    const paymentId = await insertPayment(database.pool, { clientId });
    await record(saidOf({ clientId, paymentId }));
    for (const table of ['decision_sets', 'decision_commons']) {
      await expect(database.pool.query(`update ${table} set client_id = client_id`)).rejects.toMatchObject({
        constraint: `${table}_append_only`,
      });
      await expect(database.pool.query(`delete from ${table}`)).rejects.toMatchObject({ constraint: `${table}_append_only` });
    }
    await expect(record(saidOf({ clientId, paymentId: newId() }))).rejects.toMatchObject({ code: '23503' });
    await expect(record(saidOf({ clientId: newId(), paymentId }))).rejects.toMatchObject({ code: '23503' });
  });
});
