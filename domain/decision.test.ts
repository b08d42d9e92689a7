import { expect, expectTypeOf, it } from 'vitest';
import { AGENT_NAMES, type AgentName, type Decision, type Facts, type Verdict } from './decision.ts';

it('names each agent once', () => {
  expect(new Set(AGENT_NAMES).size).toBe(AGENT_NAMES.length);
  expect(AGENT_NAMES).toContain('compliance');
});

it('facts survive being written down and read again', () => {
  const facts: Facts = { amountMinor: '9223372036854775807', rails: [{ id: 'mpesa-ke', spent: false }], float: null, rate: 0.97 };
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
});

it('facts take no bigint, for JSON has none', () => {
  expectTypeOf<{ amountMinor: bigint }>().not.toExtend<Facts>();
  expectTypeOf<{ amountMinor: string }>().toExtend<Facts>();
});

it('a verdict keeps to the words of its agent', () => {
  expectTypeOf<Verdict<'clear' | 'flag' | 'block'>['outcome']>().toEqualTypeOf<'clear' | 'flag' | 'block'>();
  expectTypeOf<Decision['agent']>().toEqualTypeOf<AgentName>();
});
