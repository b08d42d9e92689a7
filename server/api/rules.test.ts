import { afterAll, beforeAll, expect, test } from 'vitest';
import { seedRules } from '../../agents/compliance/index.ts';
import { BUILT_IN_RULES } from '../../agents/compliance/rules/rule-set.ts';
import { NIGHT_OWL } from '../../agents/compliance/rules/testing.ts';
import { withTransaction } from '../../db/connect.ts';
import { bodyOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
let amina: string;
let kofi: string;
beforeAll(async () => {
  api = await startTestApi();
  amina = await api.makeKey(api.clients.acme, 'officer:amina', ['rules:read', 'rules:write', 'rules:approve']);
  kofi = await api.makeKey(api.clients.acme, 'officer:kofi', ['rules:read', 'rules:write', 'rules:approve']);
  await withTransaction(api.pool, (tx) => seedRules(tx, api.clock.now()));
});
afterAll(() => api.stop());

const draft = (key = amina, rule: unknown = NIGHT_OWL) => api.call('POST', '/v1/rules', { key, json: { rule, note: 'A test of rules' } });
const step = (name: string, version: number | string = 1, key = amina) =>
  api.call('POST', `/v1/rules/night_owl/versions/${version}/${name}`, { key });
const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];

test('a rule is drafted, tried in shadow, and brought to life by somebody else', async () => {
  const made = await draft();
  expect([made.status, await bodyOf(made)]).toMatchObject([201, { id: 'night_owl', version: 1, status: 'draft', madeBy: 'officer:amina' }]);
  expect(await codeOf(await step('approve', 1, kofi))).toEqual([409, 'rule_step_refused']);
  expect(await bodyOf(await step('submit'))).toMatchObject({ status: 'shadow', shadow: { found: 0, wouldChange: 0 } });
  expect(await codeOf(await step('approve', 1, amina))).toEqual([409, 'maker_is_checker']);
  expect(await bodyOf(await step('approve', 1, kofi))).toMatchObject({ status: 'live', approvedBy: 'officer:kofi' });
  expect(await bodyOf(await step('retire', 1, kofi))).toMatchObject({ status: 'live', endAskedBy: 'officer:kofi' });
  expect(await codeOf(await step('retire', 1, kofi))).toEqual([409, 'maker_is_checker']);
  expect(await bodyOf(await step('retire', 1, amina))).toMatchObject({ status: 'retired' });
});

test('all versions are listed, with the set in force', async () => {
  const all = await bodyOf(await api.call('GET', '/v1/rules', { key: amina }));
  expect(all.ruleSet).toMatch(/^rules-\d+-/);
  expect(all.items.length).toBeGreaterThanOrEqual(BUILT_IN_RULES.entries.length);
  const shadow = await bodyOf(await api.call('GET', '/v1/rules?status=shadow', { key: amina }));
  expect(shadow.items.every((each: { status: string }) => each.status === 'shadow')).toBe(true);
  expect((await bodyOf(await api.call('GET', '/v1/rules/structuring', { key: amina }))).items).toHaveLength(1);
  expect(await codeOf(await api.call('GET', '/v1/rules/nothing', { key: amina }))).toEqual([404, 'not_found']);
});

test('a rule that is none is refused with what is wrong, and a key without the scope altogether', async () => {
  const wrong = await draft(amina, { ...NIGHT_OWL, when: { field: 'sender.name', is: '=', value: 'x' } });
  expect(await codeOf(wrong)).toEqual([422, 'rule_invalid']);
  const inMoney = { ...NIGHT_OWL, when: { field: 'payment.amount', is: '>', value: 5 } };
  expect((await bodyOf(await draft(amina, inMoney))).detail).toContain('payment.amountUsd');
  expect(await codeOf(await api.call('POST', '/v1/rules', { key: amina, json: { rule: NIGHT_OWL } }))).toEqual([422, 'validation_failed']);
  const reader = await api.makeKey(api.clients.acme, 'officer:reader', ['rules:read']);
  expect(await codeOf(await draft(reader))).toEqual([403, 'forbidden']);
  expect(await codeOf(await step('approve', 1, reader))).toEqual([403, 'forbidden']);
  expect(await codeOf(await api.call('GET', '/v1/rules', { key: null }))).toEqual([401, 'unauthenticated']);
  for (const version of ['0', '99', 'x']) expect(await codeOf(await step('submit', version))).toEqual([404, 'not_found']);
});
