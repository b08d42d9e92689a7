import { MemorySaver } from '@langchain/langgraph';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ComplianceFacts, COMPLIANCE_POLICY, decideCompliance, evidenceOf } from '../agents/compliance/index.ts';
import { createInvestigator } from '../agents/investigator/index.ts';
import { canonicalJson } from '../domain/canonical.ts';
import { digestOf } from '../domain/ids.ts';
import { buildCaseGraph } from '../graph/case/case-graph.ts';
import { caseGraphDeps } from '../graph/case/cases.ts';
import { investigatorAdvice } from '../graph/case/investigator.ts';
import { workCases } from '../graph/case/work.ts';
import { type TestPlatform, testPlatform } from '../graph/testing.ts';
import { createLlm } from '../tools/llm/index.ts';
import { type ChatRequest, type Reaction, startTestEndpoint, type TestEndpoint, testLlmSettings } from '../tools/llm/testing.ts';
import type { SuiteRun } from './suite.ts';
import { replayAll } from './suites/replay.ts';

let platform: TestPlatform;
let endpoint: TestEndpoint;

/** A model that would escalate whatever it is shown. */
function escalating(request: ChatRequest): Reaction {
  const isReader = request.tools?.some((each) => each.function.name === 'give_reading') === true;
  const reading = { language: 'en', purposeClaimed: 'none', relationshipClaimed: 'none', addressesReviewer: false, namesThirdParty: false };
  const advice = { recommendation: 'escalate', concerns: [], questions: [], cites: ['payment'], sureness: 'high' };
  return { do: 'call', tools: [isReader ? ['give_reading', reading] : ['give_advice', advice]] };
}

/** A log of everything there is: payments paid, one refused for a name, one held by its name and one by how often its sender pays, these two with an advice. */
beforeAll(async () => {
  endpoint = await startTestEndpoint(escalating);
  platform = await testPlatform();
  const { pool, clock, keyring } = platform.deps;
  const llm = createLlm(testLlmSettings(endpoint.url), { pool, clock });
  const deps = { ...platform.deps, advise: investigatorAdvice({ pool, clock }, createInvestigator({ pool, keyring, clock, llm })) };
  for (let count = 0; count < 5; count += 1) await platform.submit({ sender: { phone: '+254711000001' } });
  await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
  await platform.submit({ receiver: { name: 'Jelani Obote Wakhungu' } });
  await platform.worker.work('authorize');
  await workCases(deps, buildCaseGraph({ checkpointer: new MemorySaver(), ...caseGraphDeps(deps) }), 10);
  await platform.settleDown();
});
afterAll(async () => {
  await platform.close();
  await endpoint.close();
});

const replay = (): Promise<SuiteRun> => replayAll(platform.database.pool, () => undefined);
const wrong = ({ results }: SuiteRun): string[] => results.filter(({ correct }) => !correct).map(({ note }) => note);

/** Changes rows that nobody may change, behind the back of the guards, for as long as the work takes. */
async function tampered<T>(change: string, work: () => Promise<T>, undo: string): Promise<T> {
  const client = await platform.database.pool.connect();
  const run = async (text: string) => {
    await client.query('set session_replication_role = replica');
    const { rowCount } = await client.query(text);
    await client.query('set session_replication_role = default');
    expect(rowCount).toBeGreaterThan(0);
  };
  try {
    await run(change);
    const result = await work();
    await run(undo);
    return result;
  } finally {
    client.release();
  }
}

describe('the log of a platform', () => {
  test('is reproduced to the letter, each agent in it', async () => {
    const run = await replay();
    expect([wrong(run), run.metrics['reproduced'], run.metrics['digestsIntact']]).toEqual([[], 1, 1]);
    const outcomes = new Set(run.results.map(({ tags }) => tags['outcome']));
    for (const outcome of [
      'exchange-rate quoted',
      'compliance clear',
      'compliance flag',
      'compliance block',
      'route-optimizer routed',
      'liquidity reserve',
      'investigator escalate',
    ])
      expect(outcomes).toContain(outcome);
    const { rows } = await platform.database.pool.query(
      `select count(*)::int as raised from cases where advice -> 'raise' -> 'priority' is not null`,
    );
    expect(rows[0].raised).toBe(2);
  });

  test.each(['flag', 'block'])('tells of a case of a %s that was opened with another priority', async (outcome) => {
    const { rows } = await platform.database.pool.query<{ facts: ComplianceFacts; digest: string }>(
      `select facts, e.details ->> 'evidenceDigest' as digest from agent_activity a join audit_events e on e.payment_id = a.payment_id
         and e.action = 'case.opened' where a.agent = 'compliance' and a.outcome = $1 order by position limit 1`,
      [outcome],
    );
    const [logged] = rows;
    if (logged === undefined) throw new Error('a payment is held');
    const verdict = decideCompliance(logged.facts, COMPLIANCE_POLICY);
    expect(digestOf(canonicalJson(evidenceOf(logged.facts, verdict).evidence))).toBe(logged.digest);
    const other = evidenceOf(logged.facts, { ...verdict, data: { ...verdict.data, priority: verdict.data.priority - 1 } });
    const write = (digest: string, from: string) =>
      `update audit_events set details = jsonb_set(details, '{evidenceDigest}', '"${digest}"') where details ->> 'evidenceDigest' = '${from}'`;
    const otherDigest = digestOf(canonicalJson(other.evidence));
    const run = await tampered(write(otherDigest, logged.digest), replay, write(logged.digest, otherDigest));
    expect(wrong(run)).toEqual([
      expect.stringContaining(`its case was opened on other evidence than now, which has the priority ${verdict.data.priority}`),
    ]);
    expect(run.metrics['reproduced']).toBeLessThan(1);
  });

  test('tells of a case that began escalated, and would not now', async () => {
    const run = await tampered(
      `insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at, tx_id)
         select client_id, actor, 'case.escalated', subject, payment_id, '{"by":"nobody"}', created_at, tx_id from audit_events
         where action = 'case.opened' order by id limit 1`,
      replay,
      `delete from audit_events where action = 'case.escalated' and details ->> 'by' = 'nobody'`,
    );
    expect(wrong(run)).toEqual([expect.stringContaining('its case would not begin escalated now')]);
    expect(wrong(await replay())).toEqual([]);
  });

  test('tells of a record with other rules, hits or lists', async () => {
    const mark = `from agent_activity a where a.agent = 'compliance' and a.outcome = 'flag' and a.payment_id = r.payment_id and a.tx_id = r.tx_id`;
    const run = await tampered(
      `update compliance_records r set rules = rules || '["another"]', list_version = list_version || '!' ${mark}`,
      replay,
      `update compliance_records r set rules = rules - 'another', list_version = rtrim(list_version, '!') ${mark}`,
    );
    expect(wrong(run)).toEqual([1, 2].map(() => expect.stringContaining('listVersion of its record differ; rules of its record differ')));
  });

  test.each([
    ['a quote at another rate', 'quotes', 'rate = rate + 1', 'rate = rate - 1', 'rate of its quote differs'],
    ['a quote of another fee', 'quotes', 'fee_amount = fee_amount + 1', 'fee_amount = fee_amount - 1', 'feeMinor of its quote differs'],
    [
      'a quote that lasts longer',
      'quotes',
      `expires_at = expires_at + interval '1 ms'`,
      `expires_at = expires_at - interval '1 ms'`,
      'expiresAtMs of its quote differs',
    ],
    [
      'a receiver who gets more',
      'payments',
      'target_amount = target_amount + 1',
      'target_amount = target_amount - 1',
      'targetMinor of its quote differs',
    ],
    [
      'a rail of the collection',
      'payments',
      `collection_route = array_append(collection_route, 'airtel-ke')`,
      `collection_route = array_remove(collection_route, 'airtel-ke')`,
      'the collection would go over',
    ],
    [
      'a rail of the payout',
      'payments',
      `payout_route = array_prepend('mpesa-tz', payout_route)`,
      `payout_route = array_remove(payout_route, 'mpesa-tz')`,
      'the payout would go over',
    ],
  ])('tells of %s than was decided', async (_, table, change, undo, note) => {
    const paid = table === 'quotes' ? 'payment_id is not null' : `authorized_at is not null`;
    const run = await tampered(`update ${table} set ${change} where ${paid}`, replay, `update ${table} set ${undo} where ${paid}`);
    expect(wrong(run).length).toBeGreaterThan(0);
    for (const each of wrong(run)) expect(each).toContain(note);
    expect(wrong(await replay())).toEqual([]);
  });

  test('tells of float that was reserved where it was not decided to be, and of a quote that is gone', async () => {
    const move = (from: string, to: string) =>
      `update transfers set credit_account_id = (select account_id from liquidity_pools where id = '${to}') where type = 'pending'
         and reason = 'reservation' and credit_account_id = (select account_id from liquidity_pools where id = '${from}')`;
    const moved = await tampered(move('mtn-ug', 'airtel-ug'), replay, move('airtel-ug', 'mtn-ug'));
    expect(wrong(moved)).toContainEqual(expect.stringContaining('float would be reserved at mtn-ug now'));
    const lost = await tampered(
      `update quotes set payment_id = null, signature = signature || payment_id::text::bytea where payment_id is not null`,
      replay,
      `update quotes set payment_id = convert_from(substring(signature from 33), 'utf8')::uuid, signature = substring(signature for 32) where length(signature) > 32`,
    );
    expect(wrong(lost)).toContainEqual(expect.stringContaining('id of its quote differs'));
    expect(wrong(await replay())).toEqual([]);
  });

  test('tells of an advice that raised something else', async () => {
    const run = await tampered(
      `update cases set advice = jsonb_set(advice, '{raise,priority}', '3')`,
      replay,
      `update cases set advice = jsonb_set(advice, '{raise,priority}', (select (facts #>> '{brief,priority}')::int + 10 from agent_activity a
         where a.agent = 'investigator' and a.payment_id = cases.payment_id)::text::jsonb)`,
    );
    expect(wrong(run)).toHaveLength(2);
    expect(wrong(run)[0]).toContain('it would raise {"priority":');
    expect(wrong(await replay())).toEqual([]);
  });
});
