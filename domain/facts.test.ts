import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';
import type { Facts } from './decision.ts';
import { createFactsWriter } from './facts.ts';

const anyFacts = fc.dictionary(
  fc.oneof(fc.constantFrom('a', 'b', 'c', 'payment', '1', '__proto__'), fc.string()),
  fc.oneof(fc.jsonValue(), fc.constant(undefined)),
) as fc.Arbitrary<Facts>;

test('the whole is canonical JSON, and both parts together say the same', () => {
  fc.assert(
    fc.property(fc.array(anyFacts), fc.option(fc.array(fc.constantFrom('a', 'b', 'payment', '1'))), (all, ownNames) => {
      const write = createFactsWriter(ownNames);
      for (const facts of [...all, ...all]) {
        const { whole, own, common } = write(facts);
        expect(whole).toBe(canonicalJson(facts));
        const [mine, shared] = [JSON.parse(own), JSON.parse(common)];
        expect(Object.keys(mine).every((name) => ownNames === null || (ownNames as string[]).includes(name))).toBe(true);
        expect(canonicalJson(Object.fromEntries([...Object.entries(shared), ...Object.entries(mine)]) as Facts)).toBe(whole);
      }
    }),
  );
});

test('what payments share is written alike, whether it is one object or equal ones', () => {
  const write = createFactsWriter(['amountMinor']);
  const legs = [{ currency: 'KES' }, { currency: 'UGX' }];
  const [first, second, third] = [
    write({ amountMinor: '1', legs, nowMs: 5 }),
    write({ amountMinor: '2', legs, nowMs: 5 }),
    write({ nowMs: 5, amountMinor: '3', legs: structuredClone(legs) }),
  ];
  expect([second.common, third.common]).toEqual([first.common, first.common]);
  expect(third).toEqual({
    whole: '{"amountMinor":"3","legs":[{"currency":"KES"},{"currency":"UGX"}],"nowMs":5}',
    own: '{"amountMinor":"3"}',
    common: '{"legs":[{"currency":"KES"},{"currency":"UGX"}],"nowMs":5}',
  });
});

test('what JSON cannot hold is refused wherever it stands', () => {
  const write = createFactsWriter(['a']);
  for (const facts of [{ a: Number.NaN }, { b: Number.POSITIVE_INFINITY }, { b: ['\ud800'] }, { '\ud800': 1 }] as Facts[])
    expect(() => write(facts)).toThrow('internal');
});
