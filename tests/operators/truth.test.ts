/** The law of the operator layer: under any faults every attempt ends, and its end is what the operator's books say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountReferenceOf } from '../../tools/mmo/mpesa/fields.ts';
import { createTestWorld, drive, hasEnded, type World } from './harness.ts';

const RAILS = ['mpesa-ke', 'mtn-ug', 'airtel-ug', 'airtel-zm', 'orange-ci', 'orange-cm', 'orange-sn', 'hub-ke'] as const;
const share = fc.double({ min: 0, max: 0.3, noNaN: true });
const faults = fc.record({
  answerLostAfter: share,
  answerLostBefore: share,
  serverError: share,
  htmlPage: share,
  callbackLost: share,
  callbackTwice: share,
  callbackLate: share,
  callbackEarly: share,
  inquiryError: share,
});
const attempt = fc.record({
  railId: fc.constantFrom(...RAILS),
  leg: fc.constantFrom('collection' as const, 'payout' as const),
  ending: fc.constantFrom('0001', '0002', '0003', '0004', '0005', '0006', '0007', '0008', '0009', '4321'),
});

/** Successful movements in the books for a request: must be one after a success, none after a failure. */
function successes(world: World, railId: string, requestId: string): number {
  const references = [requestId, accountReferenceOf(requestId)];
  return world.sandbox
    .books(railId)
    .transactions.filter(({ state, ourReference }) => state === 'succeeded' && references.includes(ourReference)).length;
}

describe('whatever goes wrong', () => {
  it('every attempt ends, and ends as the books say', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(faults, fc.array(attempt, { minLength: 1, maxLength: 4 }), fc.integer(), async (rates, attempts, seed) => {
        const world = await createTestWorld({ faults: rates, seed: String(seed) });
        for (const [index, each] of attempts.entries()) {
          const { outcome, requestId } = await drive(world, { ...each, name: `${index}` });
          expect(hasEnded(outcome)).toBe(true);
          // Money that moves after we called an attempt failed would show here.
          await world.scheduler.advance(30_000);
          expect(successes(world, each.railId, requestId)).toBe(outcome.state === 'succeeded' ? 1 : 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('the same seed gives the same run', async () => {
    const run = async () => {
      const world = await createTestWorld({
        seed: '42',
        faults: { answerLostAfter: 0.2, htmlPage: 0.2, callbackLost: 0.3, inquiryError: 0.2 },
      });
      const ends = [];
      for (const railId of RAILS) for (const name of ['a', 'b', 'c']) ends.push(await drive(world, { railId, leg: 'payout', name }));
      return JSON.stringify({ ends, calls: world.calls, inbox: [...world.inbox] }, (_key, value: unknown) =>
        typeof value === 'bigint' ? `${value}n` : value,
      );
    };
    expect(await run()).toBe(await run());
  });
});
