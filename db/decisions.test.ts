import { afterAll, beforeAll, expect, it } from 'vitest';
import { canonicalJson } from '../domain/canonical.ts';
import { digestOf, newId } from '../domain/ids.ts';
import { withTransaction } from './connect.ts';
import { insertClient, insertPayment } from './fixtures.ts';
import { recordDecisions } from './queries/decisions.ts';
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
