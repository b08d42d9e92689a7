import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUILT_IN_RISK_MODEL } from '../agents/compliance/risk/model.ts';
import { setWith } from '../agents/compliance/rules/backtest.ts';
import { parseRule } from '../agents/compliance/rules/language.ts';
import { BUILT_IN_RULES } from '../agents/compliance/rules/rule-set.ts';
import { type TestPlatform, testPlatform } from '../graph/testing.ts';
import { backtestFile, backtestHistory, type HistoryOptions } from './backtest.ts';

const FROM_KENYA = parseRule({
  id: 'from_kenya',
  typology: 'corridor_risk',
  title: 'Everything from Kenya',
  effect: 'flag',
  priority: 10,
  when: { field: 'payment.fromCountry', is: '=', value: 'KE' },
  text: 'It comes from {payment.fromCountry}.',
});
const TRIAL = setWith(BUILT_IN_RULES, [FROM_KENYA]);

describe('over the decisions of a database', () => {
  let platform: TestPlatform;
  let payments: number;
  beforeAll(async () => {
    platform = await testPlatform();
    for (let count = 0; count < 3; count += 1) await platform.submit();
    await platform.settleDown();
    const { rows } = await platform.database.pool.query('select count(*)::int as count from payments');
    payments = rows[0].count;
  });
  afterAll(() => platform.close());

  test('what would change is counted and shown, and nothing is changed', async () => {
    const found = await backtestHistory(platform.database.pool, { trial: TRIAL, sinceMs: null, untilMs: null });
    expect(found).toMatchObject({
      cases: payments,
      olderFacts: 0,
      before: { clear: payments, flag: 0, block: 0 },
      after: { clear: 0, flag: payments, block: 0 },
      changes: { 'clear → flag': payments },
      labelled: null,
    });
    expect(found.rules['from_kenya@trial']).toEqual({ found: payments, fraud: 0 });
    expect(found.examples[0]?.reasons).toEqual(['from_kenya: It comes from KE.']);
    const { rows } = await platform.database.pool.query(`select count(*)::int as held from payments where status = 'held'`);
    expect(rows[0].held).toBe(0);
  });

  test('the same rules change nothing, and a time without decisions has none', async () => {
    const same = await backtestHistory(platform.database.pool, { trial: BUILT_IN_RULES, sinceMs: null, untilMs: null });
    expect([same.cases, same.changes]).toEqual([payments, {}]);
    expect((await backtestHistory(platform.database.pool, { trial: TRIAL, sinceMs: null, untilMs: 0 })).cases).toBe(0);
  });
});

describe('over decisions of payments that people released', () => {
  let platform: TestPlatform;
  let paymentId: string;
  /** Every decision of compliance about it, oldest first. */
  const decisions = async (): Promise<{ outcome: string; createdAt: Date }[]> => {
    const { rows } = await platform.database.pool.query(
      `select outcome, created_at as "createdAt" from decisions where payment_id = $1 and agent = 'compliance' order by position`,
      [paymentId],
    );
    return rows;
  };
  const again = (over: Partial<HistoryOptions> = {}) =>
    backtestHistory(platform.database.pool, { trial: BUILT_IN_RULES, sinceMs: null, untilMs: null, ...over });

  beforeAll(async () => {
    platform = await testPlatform();
    // The fifth payment of a sender within the hour is held by a rule, and released by an officer half an hour later.
    const sender = { phone: '+254711000001' };
    for (let count = 0; count < 5; count += 1) await platform.submit({ sender });
    await platform.settleDown();
    const { rows } = await platform.database.pool.query(`select id from payments where status = 'held' order by created_at, id limit 1`);
    paymentId = rows[0].id;
    platform.clock.advance(1_800_000);
    await platform.database.pool.query(
      `with held as (update cases set status = 'deciding', claimed_by = 'officer:amina' where payment_id = $1
         returning id, payment_id, evidence_digest, round)
       insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, expires_at)
       select gen_random_uuid(), id, payment_id, 'officer:amina', 'release', 'false_positive', evidence_digest, round, now() + interval '1 year' from held`,
      [paymentId],
    );
    await platform.settleDown();
  });
  afterAll(() => platform.close());

  test('the rule that held one is seen to have held it, and what it would be without that rule', async () => {
    expect((await decisions()).map(({ outcome }) => outcome)).toEqual(['flag', 'clear']);
    const same = await again();
    expect(same.changes).toEqual({});
    expect(same.before.flag).toBeGreaterThanOrEqual(1);
    const held = same.before.flag;
    const without = await again({ trial: setWith(BUILT_IN_RULES, [], ['velocity_count_1h']) });
    expect([without.changes, without.after.flag]).toEqual([{ 'flag → clear': held }, 0]);
    expect(without.examples.map(({ id }) => id)).toContain(paymentId);
  });

  test('each payment is decided once, by its first decision in the time that is asked for', async () => {
    const [first, second] = await decisions();
    const secondMs = second?.createdAt.getTime() ?? 0;
    expect(secondMs).toBeGreaterThan(first?.createdAt.getTime() ?? 0);
    const { rows } = await platform.database.pool.query('select count(*)::int as count from payments');
    expect((await again()).cases).toBe(rows[0].count);
    expect((await again({ untilMs: secondMs })).cases).toBe(rows[0].count);
    // Later decisions know of more payments; that people released it is left aside in them too.
    expect(await again({ sinceMs: secondMs })).toMatchObject({ cases: 1, before: { clear: 0, flag: 1, block: 0 } });
  });
});

describe('over the transactions of a file', () => {
  const options = { trial: BUILT_IN_RULES, inForce: BUILT_IN_RULES, risk: BUILT_IN_RISK_MODEL, country: 'KE', accountsPath: null } as const;
  const place = (name: string) => join(tmpdir(), `capp-backtest-${process.pid}-${name}`);

  test('many to one is found where it is, and labels tell what was caught', async () => {
    const lines = Array.from({ length: 12 }, (_, at) => `T${at},5,TRANSFER,1000.00,C${at},C99,${at >= 9 ? 1 : 0}`);
    await writeFile(place('fan.csv.gz'), gzipSync(`txn_id,step,type,amount,nameOrig,nameDest,isFraud\n${lines.join('\n')}\n`));
    const found = await backtestFile(place('fan.csv.gz'), options);
    expect(found.rules['fan_in@1']).toEqual({ found: 3, fraud: 3 });
    expect(found.labelled).toEqual({ fraud: 3, caughtBefore: 3, caughtAfter: 3 });
    const without = await backtestFile(place('fan.csv.gz'), { ...options, trial: setWith(BUILT_IN_RULES, [], ['fan_in']) });
    expect([without.labelled?.caughtAfter, without.changes]).toEqual([0, { 'flag → clear': 3 }]);
  });

  test('money in and out within the hour is found in our own shape', async () => {
    const row = (id: string, at: string, from: string, to: string, amount: string) =>
      JSON.stringify({ id, at, from, to, amount, currency: 'KES', fromCountry: 'KE', toCountry: 'UG' });
    const lines = [row('in', '2026-11-01T10:00:00Z', 'a', 'b', '50000'), row('out', '2026-11-01T10:20:00Z', 'b', 'c', '49000')];
    await writeFile(place('mule.jsonl'), lines.join('\n'));
    const found = await backtestFile(place('mule.jsonl'), { ...options, trial: TRIAL });
    expect(found.rules['pass_through@1']?.found).toBe(1);
    expect(found.labelled).toBeNull();
  });

  test('accounts carry the labels of AMLSim', async () => {
    await writeFile(place('t.csv'), 'sourceNodeId,targetNodeId,value,time\n1,2,10.5,1\n1,3,10.5,1\n');
    await writeFile(place('a.csv'), 'nodeid,isFraud\n1,1\n2,1\n3,0\n');
    expect((await backtestFile(place('t.csv'), { ...options, accountsPath: place('a.csv') })).labelled?.fraud).toBe(1);
  });

  test.each([
    ['a broken amount', 'sourceNodeId,targetNodeId,value,time\n1,2,ten,1\n', 'row 1: the field value'],
    ['no currency', '{"id":"a","at":"2026-11-01","from":"a","to":"b","amount":"1"}', 'row 1: the field currency'],
    ['another kind of file', '{"id":', 'neither CSV nor JSON lines'],
  ])('%s is refused, naming the place', async (_, text, detail) => {
    await writeFile(place('broken'), text);
    await expect(backtestFile(place('broken'), options)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining(detail),
    });
  });
});
