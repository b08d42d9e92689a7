import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInvestigator } from '../../agents/investigator/index.ts';
import { createLlm } from '../../tools/llm/index.ts';
import { type Reaction, startTestEndpoint, type TestEndpoint, testLlmSettings } from '../../tools/llm/testing.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { buildCaseGraph, type CaseGraph } from './case-graph.ts';
import { caseGraphDeps } from './cases.ts';
import { workCases } from './work.ts';
import { investigatorAdvice } from './investigator.ts';
import { MemorySaver } from '@langchain/langgraph';

let platform: TestPlatform;
let endpoint: TestEndpoint;
let graph: CaseGraph;

const ADVICE = { recommendation: 'escalate', concerns: ['fan_in'], questions: ['relationship'], cites: ['payment'], sureness: 'high' };
const say = (advice: object): Reaction => ({ do: 'call', tools: [['give_advice', advice]] });

beforeEach(async () => {
  platform = await testPlatform();
  endpoint = await startTestEndpoint(() => say(ADVICE));
  const { pool, clock, keyring } = platform.deps;
  const llm = createLlm(testLlmSettings(endpoint.url, { deadlineMs: 4_000 }), { pool, clock });
  const advise = investigatorAdvice({ pool, clock }, createInvestigator({ pool, clock, keyring, llm }));
  graph = buildCaseGraph({ checkpointer: new MemorySaver(), ...caseGraphDeps({ ...platform.deps, advise }) });
});
afterEach(async () => {
  await endpoint.close();
  await platform.close();
});

async function heldAndAdvised() {
  const paymentId = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
  await platform.worker.work('authorize');
  await platform.database.pool.query(
    `update cases set priority = 60, approvals_needed = 1 where payment_id = $1 and approvals_needed = 1`,
    [paymentId],
  );
  await workCases(platform.deps, graph, 10);
  const found = await platform.database.pool.query<{
    priority: number;
    approvals: number;
    advice: Record<string, unknown>;
    interrupted: boolean;
  }>(
    `select priority::int, approvals_needed::int as approvals, advice, interrupt_id is not null as interrupted from cases where payment_id = $1`,
    [paymentId],
  );
  const decided = await platform.database.pool.query(
    `select agent, outcome, model_id as "modelId", prompt_hash as "promptHash", facts -> 'model' ->> 'outcome' as model from agent_activity
     where payment_id = $1 and agent = 'investigator'`,
    [paymentId],
  );
  const row = found.rows[0];
  if (row === undefined) throw new Error('there is no case');
  return { ...row, decisions: decided.rows };
}

describe('the investigator in a case', () => {
  it('advises the officers before they are asked, asks for a second one, and leaves a decision', async () => {
    const { approvals, advice, interrupted, decisions, priority } = await heldAndAdvised();
    expect(interrupted).toBe(true);
    expect([approvals, priority >= 60]).toEqual([2, true]);
    expect(advice).toMatchObject({ source: 'model', recommendation: 'escalate', modelId: 'test-model', round: 1 });
    expect(advice['summary']).toBe(
      'Have a second officer look. Ask for the date of birth, and compare it with the list entry. Ask for an identity document. Ask how sender and receiver know each other.',
    );
    expect(decisions).toEqual([
      {
        agent: 'investigator',
        outcome: 'escalate',
        modelId: 'test-model',
        promptHash: expect.stringMatching(/^[0-9a-f]{64}$/),
        model: 'answered',
      },
    ]);
    expect(endpoint.bodies.join()).not.toMatch(/Sanounou|Keta/i);
  });

  it('that fails leaves the rules to speak, and the case waits for its officers', async () => {
    endpoint.react = () => ({ do: 'hang' });
    const { approvals, advice, interrupted, decisions } = await heldAndAdvised();
    expect([interrupted, approvals]).toEqual([true, 1]);
    expect(advice).toMatchObject({ source: 'policy', modelId: null });
    expect(decisions).toMatchObject([{ model: 'timed_out' }]);
  });

  it('never speaks for a release', async () => {
    endpoint.react = () => say({ ...ADVICE, recommendation: 'no_further_concern', concerns: [] });
    const { approvals, advice } = await heldAndAdvised();
    expect(approvals).toBe(1);
    expect(['none', 'request_information', 'escalate']).toContain(advice['recommendation']);
  });
});
