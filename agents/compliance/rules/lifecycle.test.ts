import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTransaction } from '../../../db/connect.ts';
import { listRules, readRuleSetInForce, readRuleSets } from '../../../db/queries/rules.ts';
import { type TestDatabase, testDatabase } from '../../../db/testing.ts';
import { approveRule, draftRule, retireRule, type RuleActor, seedRules, submitRule } from './lifecycle.ts';
import { createStoredRules } from './live.ts';
import { BUILT_IN_RULES } from './rule-set.ts';

const NOW_MS = Date.UTC(2026, 10, 25);
const amina: RuleActor = { principal: 'officer:amina', nowMs: NOW_MS };
const kofi: RuleActor = { principal: 'officer:kofi', nowMs: NOW_MS };
const zuri: RuleActor = { principal: 'officer:zuri', nowMs: NOW_MS };

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

function rule(id: string, atLeast = 7) {
  return {
    id,
    typology: 'velocity',
    title: 'Many payments in an hour',
    effect: 'flag',
    priority: 40,
    when: { field: 'sender.count1h', is: '>=', value: atLeast },
    text: '{sender.count1h} in an hour.',
  };
}

const inTx = <T>(work: Parameters<typeof withTransaction<T>>[1]) => withTransaction(database.pool, work);
const draft = (id: string, by = amina, atLeast = 7) => inTx((tx) => draftRule(tx, by, rule(id, atLeast), 'for a test'));
const submit = (id: string, version: number, by = amina) => inTx((tx) => submitRule(tx, by, id, version));
const approve = (id: string, version: number, by = kofi) => inTx((tx) => approveRule(tx, by, id, version));
const retire = (id: string, version: number, by = kofi) => inTx((tx) => retireRule(tx, by, id, version));
const modeOf = async (id: string) => (await createStoredRules(database.pool).current()).entries.find((each) => each.rule.id === id)?.mode;

describe('the life of a rule', () => {
  test('what comes with the program is in force before anything is kept, and stands in the first set', async () => {
    const stored = createStoredRules(database.pool);
    expect((await stored.current()).label).toBe(BUILT_IN_RULES.label);
    await inTx((tx) => seedRules(tx, NOW_MS));
    const first = await stored.current();
    expect(first.label).toMatch(/^rules-1-[0-9a-f]{12}$/);
    expect(first.entries.map(({ rule: each, mode }) => [each, mode])).toEqual(
      BUILT_IN_RULES.entries.map(({ rule: each, mode }) => [each, mode]),
    );
    await inTx((tx) => seedRules(tx, NOW_MS));
    expect((await readRuleSetInForce(database.pool))?.revision).toBe(1);
  });

  test('that comes with the program later waits for two people, in a database that has rules', async () => {
    const other = await testDatabase();
    try {
      const within = <T>(work: Parameters<typeof withTransaction<T>>[1]) => withTransaction(other.pool, work);
      // A database in which people had rules before any of these came.
      await within((tx) => draftRule(tx, amina, rule('of_their_own'), 'for a test'));
      await within((tx) => submitRule(tx, amina, 'of_their_own', 1));
      await within((tx) => seedRules(tx, NOW_MS));
      const come = (await listRules(other.pool)).filter((row) => row.ruleId !== 'of_their_own');
      expect(come.map(({ ruleId, status, approvedBy }) => [ruleId, status, approvedBy])).toEqual(
        come.map(({ ruleId }) => [ruleId, 'draft', null]),
      );
      expect(come).toHaveLength(BUILT_IN_RULES.entries.length);
      expect((await createStoredRules(other.pool).current()).entries.map((each) => each.rule.id)).toEqual(['of_their_own']);
      // From there a rule goes the way of all others.
      const [first] = BUILT_IN_RULES.entries;
      const { rule: built, version } = first ?? { rule: rule('none'), version: 0 };
      await within((tx) => submitRule(tx, amina, built.id, version));
      await expect(within((tx) => approveRule(tx, amina, built.id, version))).rejects.toMatchObject({ code: 'maker_is_checker' });
      expect(await within((tx) => approveRule(tx, kofi, built.id, version))).toMatchObject({ status: 'live' });
    } finally {
      await other.close();
    }
  });

  test('goes through shadow, by two people, and each step that counts makes a set', async () => {
    const made = await draft('life');
    expect(made).toMatchObject({ version: 1, status: 'draft', madeBy: 'officer:amina' });
    expect(await modeOf('life')).toBeUndefined();
    await submit('life', 1);
    expect(await modeOf('life')).toBe('shadow');
    await expect(approve('life', 1, amina)).rejects.toMatchObject({ code: 'maker_is_checker' });
    expect(await approve('life', 1)).toMatchObject({ status: 'live', approvedBy: 'officer:kofi' });
    expect(await modeOf('life')).toBe('live');
    const { rows } = await database.pool.query(`select actor, action from audit_events where subject = 'rule:life@1' order by id`);
    expect(rows.map((row) => `${row.actor} ${row.action}`)).toEqual([
      'officer:amina rule.drafted',
      'officer:amina rule.submitted',
      'officer:kofi rule.approved',
    ]);
  });

  test('nobody approves what they submitted for another', async () => {
    await draft('borrowed', amina);
    await submit('borrowed', 1, kofi);
    for (const by of [amina, kofi]) await expect(approve('borrowed', 1, by)).rejects.toMatchObject({ code: 'maker_is_checker' });
    expect((await approve('borrowed', 1, zuri)).status).toBe('live');
  });

  test('a new version takes the place of the old one, and both are kept', async () => {
    await draft('versions');
    await submit('versions', 1);
    await approve('versions', 1);
    const before = (await createStoredRules(database.pool).current()).label;
    expect((await draft('versions', amina, 9)).version).toBe(2);
    await submit('versions', 2);
    await approve('versions', 2);
    expect((await listRules(database.pool, 'versions')).map(({ version, status }) => [version, status])).toEqual([
      [2, 'live'],
      [1, 'retired'],
    ]);
    // The set before is as it was: its decisions can be made again.
    const stored = createStoredRules(database.pool);
    await stored.load([before]);
    expect(stored.find(before)?.entries.find((each) => each.rule.id === 'versions')).toMatchObject({ version: 1, mode: 'live' });
  });

  test('a live rule ends when a second person agrees', async () => {
    await draft('ending');
    await submit('ending', 1);
    await approve('ending', 1);
    expect(await retire('ending', 1, amina)).toMatchObject({ status: 'live', endAskedBy: 'officer:amina' });
    expect(await modeOf('ending')).toBe('live');
    await expect(retire('ending', 1, amina)).rejects.toMatchObject({ code: 'maker_is_checker' });
    expect(await retire('ending', 1, zuri)).toMatchObject({ status: 'retired', endedBy: 'officer:zuri' });
    expect(await modeOf('ending')).toBeUndefined();
  });

  test('steps out of order are refused', async () => {
    await draft('order');
    await expect(approve('order', 1)).rejects.toMatchObject({ code: 'rule_step_refused' });
    await submit('order', 1);
    await expect(submit('order', 1)).rejects.toMatchObject({ code: 'rule_step_refused' });
    await retire('order', 1, amina);
    await expect(retire('order', 1)).rejects.toMatchObject({ code: 'rule_step_refused' });
    await expect(submit('order', 2)).rejects.toMatchObject({ code: 'not_found' });
    await expect(inTx((tx) => draftRule(tx, amina, { id: 'no' }, 'broken'))).rejects.toMatchObject({ code: 'rule_invalid' });
  });

  test('two who approve at once: one does, the other is told', async () => {
    await draft('race');
    await submit('race', 1);
    const both = await Promise.allSettled([approve('race', 1, kofi), approve('race', 1, zuri)]);
    expect(both.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('the database holds to it, whichever program writes', () => {
  const write = (sql: string) => database.pool.query(sql);

  test.each([
    [
      'a rule that begins alive',
      `insert into compliance_rules (rule_id, version, status, body, digest, note, made_by, approved_by) values ('x', 1, 'live', '{}', '', '', 'a', 'b')`,
    ],
    ['a maker who approves', `update compliance_rules set status = 'live', approved_by = made_by where rule_id = 'guarded'`],
    ['a submitter who approves', `update compliance_rules set status = 'live', approved_by = submitted_by where rule_id = 'guarded'`],
    ['life without approval', `update compliance_rules set status = 'live' where rule_id = 'guarded'`],
    ['another wording', `update compliance_rules set body = '{}' where rule_id = 'guarded'`],
    ['another maker', `update compliance_rules set made_by = 'x' where rule_id = 'guarded'`],
    ['another submitter', `update compliance_rules set submitted_by = 'x' where rule_id = 'guarded'`],
    ['the way back', `update compliance_rules set status = 'draft' where rule_id = 'guarded'`],
    ['oblivion', `delete from compliance_rules where rule_id = 'guarded'`],
    ['a changed set', `update compliance_rule_sets set entries = '[]'`],
    ['a lost set', 'delete from compliance_rule_sets'],
  ])('%s is refused', async (_, sql) => {
    if ((await listRules(database.pool, 'guarded')).length === 0) {
      await draft('guarded');
      await submit('guarded', 1, zuri);
    }
    await expect(write(sql)).rejects.toMatchObject({ code: '23514' });
  });

  test('a live rule does not end by one person alone', async () => {
    await draft('alone');
    await submit('alone', 1);
    await approve('alone', 1);
    await expect(write(`update compliance_rules set status = 'retired', ended_by = 'x' where rule_id = 'alone'`)).rejects.toMatchObject({
      code: '23514',
    });
    await expect(
      write(`update compliance_rules set status = 'retired', ended_by = 'x', end_asked_by = 'x' where rule_id = 'alone'`),
    ).rejects.toMatchObject({ code: '23514' });
  });

  test('every set tells its content by its label', async () => {
    const inForce = await readRuleSetInForce(database.pool);
    const sets = await readRuleSets(database.pool, [inForce?.label ?? '']);
    expect((sets.get(inForce?.label ?? '') as unknown[]).length).toBeGreaterThan(BUILT_IN_RULES.entries.length);
  });
});
