/** What an adapter sends, refuses to send, and does beside paying. */
import assert from 'node:assert/strict';
import { railOf } from '../operators/harness.ts';
import { assertEnded, type Behaviour, LEGS, moved, notApplicable, plain, stepOf } from './checks.ts';
import { hasEnded, inquire, openAttempt, run, send, usualAmount } from './desk.ts';
import { isTokenCall, openTrial } from './world.ts';

export const TERMS: readonly Behaviour[] = [
  {
    name: 'numbers go out in the operator’s own form',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        const wire = adapter.wirePhone(attempt.request.phone);
        const sent = trial
          .moneyCalls()
          .map(({ body }) => body)
          .join(' ');
        if (wire !== null) assert.ok(sent.includes(wire), `${leg} does not carry the number`);
        for (const [, digits] of sent.matchAll(/\+(\d{9,15})/g)) assert.equal(`+${digits}`, wire, 'a plus nobody asked for');
      }
    },
  },
  {
    name: 'amounts go out whole or with the places the rail takes, never as a float',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const rail = railOf(adapter.railId);
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        const sent = trial
          .moneyCalls()
          .map(({ body }) => body)
          .join(' ');
        const written = [...sent.matchAll(/"amount":"?([\d.e+-]+)"?|"value":([\d.e+-]+),"unit"/gi)].map(
          ([, plainText, value]) => plainText ?? value ?? '',
        );
        assert.ok(written.length > 0, 'no amount was sent');
        for (const text of written) assert.match(text, rail.places === 0 ? /^\d+(\.0+)?$/ : /^\d+(\.\d{1,2})?$/);
      }
    },
  },
  {
    name: 'what the rail cannot take is refused before anything is sent',
    async run(adapter) {
      const rail = railOf(adapter.railId);
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const limits = leg === 'collection' ? rail.collection : rail.payout;
        const amounts = [(limits?.minMinor ?? 1n) - 1n, (limits?.maxMinor ?? 0n) + 100n, 0n];
        for (const minor of amounts) {
          const attempt = openAttempt(trial, { leg, amount: { minor, currency: rail.currency } });
          await send(trial, attempt);
          assertEnded(attempt, 'failed');
          assert.ok(attempt.first.state === 'failed' && attempt.first.retry === 'never');
        }
        const wrong = openAttempt(trial, { leg });
        await send(trial, { ...wrong, request: { ...wrong.request, phone: '0700000000' } });
        assert.deepEqual(trial.calls, []);
      }
    },
  },
  {
    name: 'an amount finer than the rail is refused before anything is sent',
    async run(adapter) {
      const step = stepOf(adapter.railId);
      if (step === 1n) notApplicable('the rail takes every amount of its currency');
      const { currency } = railOf(adapter.railId);
      for (const leg of LEGS) {
        for (const more of [1n, step - 1n]) {
          const trial = await openTrial(adapter);
          const whole = (usualAmount(adapter.railId).minor / step) * step;
          const attempt = openAttempt(trial, { leg, amount: { minor: whole + more, currency } });
          await send(trial, attempt);
          assert.ok(attempt.first.state === 'failed' && attempt.first.reasonCode === 'amount_granularity', `${leg} of ${more} more`);
          assert.equal(trial.calls.length, 0);
        }
      }
    },
  },
  {
    name: 'a float too low fails a payout, to be tried elsewhere',
    async run(adapter) {
      const trial = await openTrial(adapter, { openings: { [adapter.railId]: 1n } });
      const attempt = await run(trial, { leg: 'payout' });
      assertEnded(attempt, 'failed');
      assert.ok(attempt.outcome.state === 'failed' && attempt.outcome.retry === 'later');
      assert.equal(trial.balanceMinor(), 1n);
    },
  },
  {
    name: 'a wallet that cannot be paid fails a payout',
    async run(adapter) {
      const trial = await openTrial(adapter);
      assertEnded(await run(trial, { leg: 'payout', ending: '0003' }), 'failed');
      assert.equal(moved(trial), 0);
    },
  },
  {
    name: 'wrong credentials are our fault, and move nothing',
    async run(adapter) {
      const trial = await openTrial(adapter, { adjust: spoil });
      const attempt = openAttempt(trial, { leg: 'payout' });
      await send(trial, attempt);
      assertEnded(attempt, 'failed');
      assert.ok(attempt.first.state === 'failed' && attempt.first.reasonCode === 'rail_misconfigured');
      assert.equal(trial.moneyCalls().length, 0);
    },
  },
  {
    name: 'the balance is the operator’s, or nobody’s guess',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const told = await trial.client.balance();
      if (trial.client.capabilities.balance === 'none') assert.equal(told, null);
      else assert.equal(told?.minor, trial.balanceMinor());
    },
  },
  {
    name: 'a balance that was asked for before some moment does not do after it, and a fresh one is not asked for again',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const before = await trial.client.balance();
      assertEnded(await run(trial, { leg: 'collection' }), 'succeeded');
      const now = { notBeforeMs: trial.scheduler.now() };
      if (trial.client.capabilities.balance === 'none') return assert.deepEqual([before, await trial.client.balance(now)], [null, null]);
      assert.equal((await trial.client.balance(now))?.minor, trial.balanceMinor());
      assert.notEqual(trial.balanceMinor(), before?.minor);
      if (trial.client.capabilities.balance !== 'callback') return;
      const asked = trial.calls.length;
      assert.equal((await trial.client.balance(now))?.minor, trial.balanceMinor());
      assert.equal(trial.calls.length, asked, 'a fresh balance was asked for again');
      trial.meddleBalance = () => null;
      const later = { notBeforeMs: trial.scheduler.now() + 1 };
      await trial.scheduler.advance(1);
      assert.equal(await trial.client.balance(later), null, 'nothing was told');
    },
  },
  {
    name: 'a balance that cannot be read is none',
    async run(adapter) {
      for (const body of ['', '<html>', '{}', '{"availableBalance":"NaN","currency":"XXX"}']) {
        const trial = await openTrial(adapter);
        trial.meddle = (call) => (/balance/i.test(call.name) ? { instead: () => new Response(body, { status: 200 }) } : null);
        assert.equal(await trial.client.balance(), null);
        // The same as a message, where the balance comes by one.
        const told = await openTrial(adapter);
        if (told.client.capabilities.balance !== 'callback') continue;
        told.meddleBalance = () => body;
        assert.equal(await told.client.balance(), null);
      }
    },
  },
  {
    name: 'nothing leaves for an effect whose time is over',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const attempt = openAttempt(trial, { leg });
        const late = { ...attempt.request, sentAtMs: trial.scheduler.now() - 60_000 };
        const outcome = await (leg === 'collection' ? trial.client.collect(late) : trial.client.disburse(late));
        assert.equal(outcome.state, 'failed');
        assert.deepEqual(
          trial.calls.filter((call) => !isTokenCall(call)),
          [],
        );
      }
    },
  },
  {
    name: 'under any mixture of faults every attempt ends, as the books say',
    async run(adapter) {
      const faults = {
        answerLostAfter: 0.2,
        answerLostBefore: 0.1,
        serverError: 0.1,
        htmlPage: 0.1,
        callbackLost: 0.2,
        callbackTwice: 0.2,
        callbackLate: 0.1,
        callbackEarly: 0.1,
        inquiryError: 0.2,
      };
      for (const seed of ['1', '2', '3', '4', '5']) {
        for (const leg of LEGS) {
          const trial = await openTrial(adapter, { faults, seed });
          const attempt = await run(trial, { leg, name: seed });
          assert.ok(hasEnded(attempt), `${leg} with seed ${seed} is ${JSON.stringify(attempt.outcome, plain)}`);
          await trial.scheduler.advance(30_000);
          await inquire(trial, attempt);
          assert.equal(moved(trial), attempt.outcome.state === 'succeeded' ? 1 : 0, `${leg} with seed ${seed}`);
        }
      }
    },
  },
];

/** Makes every secret of a profile by which a token is asked for a wrong one. */
function spoil(profile: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(profile)) {
    if (/^(consumerSecret|clientSecret|apiKey)$/.test(key)) profile[key] = key === 'apiKey' ? 'wrong' : 'wrong-secret';
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) spoil(value as Record<string, unknown>);
  }
}
