import { MemorySaver } from '@langchain/langgraph';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestPlatform, testPlatform } from '../testing.ts';
import type { CaseAdvice } from './advice.ts';
import { buildCaseGraph } from './case-graph.ts';
import { caseGraphDeps } from './cases.ts';
import { type CaseWork, createCaseWork, THREADS_ABREAST } from './work.ts';

const ADVICE: CaseAdvice = {
  source: 'policy',
  recommendation: 'none',
  summary: 'Look at the case as usual.',
  reasons: [],
  confidence: 1,
  modelId: null,
  promptHash: null,
  decisionId: null,
};

let platform: TestPlatform;
let cases: CaseWork;
/** Advisers that think, and what ends their thinking. */
let thinking: { readonly paymentId: string; readonly answer: () => void }[];
let isSlow: boolean;
let hints: string[];

beforeEach(async () => {
  platform = await testPlatform();
  thinking = [];
  isSlow = false;
  hints = [];
  const advise = ({ paymentId }: { readonly paymentId: string }): Promise<CaseAdvice> =>
    isSlow ? new Promise((resolve) => thinking.push({ paymentId, answer: () => resolve(ADVICE) })) : Promise.resolve(ADVICE);
  const deps = { ...platform.deps, advise, notify: (hint: string) => void hints.push(hint) };
  cases = createCaseWork(deps, buildCaseGraph({ checkpointer: new MemorySaver(), ...caseGraphDeps(deps) }), platform.agents.compliance);
});

afterEach(async () => {
  for (const each of thinking) each.answer();
  await cases.stop();
  await platform.close();
});

async function hold(): Promise<string> {
  const id = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
  await platform.worker.work('authorize');
  return id;
}

async function caseOf(paymentId: string) {
  const found = await platform.database.pool.query<{ status: string; waits: boolean; summary: string | null }>(
    `select status, interrupt_id is not null as waits, advice ->> 'summary' as summary from cases where payment_id = $1`,
    [paymentId],
  );
  return found.rows[0];
}

const decide = (paymentId: string) =>
  platform.database.pool.query(
    `with held as (
       update cases set status = 'deciding', approvals_needed = 1, claimed_by = 'officer:amina' where payment_id = $1
       returning id, payment_id, evidence_digest, round)
     insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round)
     select gen_random_uuid(), id, payment_id, 'officer:amina', 'reject', 'true_match', evidence_digest, round from held`,
    [paymentId],
  );

it('a decision is carried while an adviser thinks about another case', async () => {
  const decided = await hold();
  await cases.work(10);
  await cases.idle();
  expect(await caseOf(decided)).toEqual({ status: 'open', waits: true, summary: ADVICE.summary });

  isSlow = true;
  const slow = await hold();
  expect(await cases.work(10)).toBe(1);
  await expect.poll(() => thinking.map((each) => each.paymentId)).toEqual([slow]);
  await decide(decided);
  expect(await cases.work(10)).toBe(1);
  expect(await caseOf(decided)).toMatchObject({ status: 'rejected' });
  expect(await caseOf(slow)).toEqual({ status: 'open', waits: false, summary: null });

  hints.length = 0;
  thinking[0]?.answer();
  await cases.idle();
  expect(await caseOf(slow)).toEqual({ status: 'open', waits: true, summary: ADVICE.summary });
  // An officer who decided meanwhile is heard without waiting for the next sweep.
  expect(hints).toEqual(['cases']);
});

it('only so many advisers think at once, and each case is given to one', async () => {
  isSlow = true;
  const held: string[] = [];
  for (let count = 0; count < THREADS_ABREAST + 2; count += 1) held.push(await hold());
  expect(await cases.work(50)).toBe(held.length);
  await expect.poll(() => thinking.length).toBe(THREADS_ABREAST);
  // A second look finds them on their way, or waiting for their turn.
  expect(await cases.work(50)).toBe(0);
  expect(thinking).toHaveLength(THREADS_ABREAST);
  isSlow = false;
  for (const each of thinking) each.answer();
  await cases.idle();
  expect(await Promise.all(held.map(caseOf))).toEqual(held.map(() => ({ status: 'open', waits: true, summary: ADVICE.summary })));
  expect(new Set(thinking.map((each) => each.paymentId)).size).toBe(THREADS_ABREAST);
});

it('a worker that stops sends no more threads on their way', async () => {
  isSlow = true;
  for (let count = 0; count < THREADS_ABREAST + 1; count += 1) await hold();
  await cases.work(50);
  await expect.poll(() => thinking.length).toBe(THREADS_ABREAST);
  const stopped = cases.stop();
  for (const each of thinking) each.answer();
  await stopped;
  expect(thinking).toHaveLength(THREADS_ABREAST);
});
