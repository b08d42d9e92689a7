import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyring } from '../../db/keyring.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import type { WorkItem } from '../agent.ts';
import { decideByRules } from './decide.ts';
import { createComplianceAgent } from './index.ts';
import { COMPLIANCE_POLICY } from './policy.ts';
import { BUILT_IN_RULES, readyRuleSet } from './rules/rule-set.ts';
import { createPayments, FOUR_EYES, listOf, type PaymentOver } from './testing.ts';

const RULE = 'travel_rule_next_incomplete';
/** USD 1,000 in shillings, by the reference rate. */
const THRESHOLD_MINOR = 12_967_469n;
const SENDER = { dateOfBirth: '1971-03-04', address: { line: '12 Moi Avenue', town: 'Nairobi', country: 'KE' } };
const RECEIVER = { address: { town: 'Kampala', country: 'UG' } };

const agent = createComplianceAgent();
const keyring = createKeyring([{ id: 1, master: randomBytes(32) }]);
const clientId = newId();
const sanctions = createSanctionsList([listOf({ names: ['Nobody Else At All'] })]);
let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('insert into clients (id, name) values ($1, $2)', [clientId, clientId]);
});
afterAll(() => database.close());
const { addPayment } = createPayments({ keyring, nowMs: Date.UTC(2026, 10, 20, 12), pool: () => database.pool, clientId: () => clientId });

const paying = (over: PaymentOver = {}) => addPayment({ amountMinor: THRESHOLD_MINOR, ...over });

async function factsOf(item: WorkItem) {
  const [facts] = await agent.gather({ db: database.pool, keyring, sanctions, fourEyes: FOUR_EYES }, [item]);
  if (facts === undefined) throw new Error('a payment has no facts');
  return facts;
}

/** The built-in rules with the one about the next text brought to life. */
const LIVE = readyRuleSet({
  label: 'with-it-live',
  entries: BUILT_IN_RULES.entries.map((each) => (each.rule.id === RULE ? { ...each, mode: 'live' as const } : each)),
});

test('what the next text of the travel rule asks for is looked at in shadow, and holds nobody', async () => {
  const verdict = agent.decide(await factsOf(await paying()));
  expect(verdict.outcome).toBe('clear');
  expect(verdict.data.shadow).toContainEqual({ rule: `${RULE}@1`, effect: 'flag' });
});

test('brought to life it holds a payment from the threshold on, and lets it through with the data complete', async () => {
  const outcomeOf = async (item: WorkItem) => {
    const verdict = decideByRules(await factsOf(item), COMPLIANCE_POLICY, LIVE);
    return [verdict.outcome, verdict.reasons[0]?.text];
  };
  expect(await outcomeOf(await paying())).toEqual(['flag', 'The next text of the travel rule will apply, and 3 of its data lack.']);
  expect(await outcomeOf(await paying({ amountMinor: THRESHOLD_MINOR - 1n }))).toEqual(['clear', expect.any(String)]);
  expect(await outcomeOf(await paying({ senderDetails: SENDER }))).toEqual(['flag', expect.stringContaining(' 1 of its data lack')]);
  expect(await outcomeOf(await paying({ senderDetails: SENDER, receiverDetails: RECEIVER }))).toEqual(['clear', expect.any(String)]);
});

test('from the day on which that text is in force the live rule asks for it', async () => {
  const in2031 = ({ payment }: WorkItem) => ({ payment: { ...payment, createdAtMs: Date.UTC(2031, 0, 2) } });
  const verdict = agent.decide(await factsOf(in2031(await paying())));
  expect([verdict.outcome, verdict.reasons[0]?.code]).toEqual(['flag', 'travel_rule_incomplete']);
  // The stored row is of 2026, so the sender counts as one who was silent; of the travel rule nothing is left.
  const complete = await factsOf(in2031(await paying({ senderDetails: SENDER, receiverDetails: RECEIVER })));
  expect(agent.decide(complete).data.rules).not.toContain('travel_rule_incomplete');
});

test('facts name what lacks and hold nothing that was given', async () => {
  const facts = await factsOf(await paying({ senderDetails: SENDER }));
  expect(facts.signals?.travelRuleMissingNext).toEqual(['beneficiary_town']);
  expect(facts.signals?.travelRuleMissing).toBeUndefined();
  expect(JSON.stringify(facts)).not.toMatch(/1971|Moi|Nairobi/);
});
