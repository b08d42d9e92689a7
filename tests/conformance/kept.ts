/** What is kept for people of answers that an adapter cannot use. */
import assert from 'node:assert/strict';
import { SENSELESS } from './answers.ts';
import { type Behaviour, LEGS } from './checks.ts';
import { follow, openAttempt, send } from './desk.ts';
import { isInquiry, isTokenCall, openTrial, type Trial } from './world.ts';

function assertKept(trial: Trial, expected: { readonly product: string; readonly requestId: string }, what: string): void {
  assert.ok(trial.kept.length > 0, `nothing was kept after ${what}`);
  for (const { product, requestId, reasonCode, body } of trial.kept) {
    assert.deepEqual({ product, requestId }, expected, what);
    assert.match(
      reasonCode,
      /^((oversized|unreadable)_answer|operator_error|contradiction|(amount|reference)_mismatch|unmapped:.+)$/,
      what,
    );
    assert.ok(body.length <= 16 * 1024, what);
  }
}

export const KEPT: readonly Behaviour[] = [
  {
    name: 'answers without sense to a call that moves money are kept, with its attempt',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const [what, instead] of SENSELESS) {
          const trial = await openTrial(adapter);
          trial.meddle = (call) => (adapter.moneyCall.test(call.name) ? { instead } : null);
          const attempt = openAttempt(trial, { leg });
          await send(trial, attempt);
          assertKept(trial, { product: leg, requestId: attempt.request.requestId }, `${leg} and ${what}`);
        }
      }
    },
  },
  {
    name: 'answers to inquiries that cannot be read are kept, with their attempt',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const [what, instead] of SENSELESS.filter(([name]) => !name.startsWith('an '))) {
          const trial = await openTrial(adapter, { faults: { callbackLost: 1 } });
          trial.meddle = (call) => (isInquiry(trial, call) ? { instead } : null);
          const attempt = openAttempt(trial, { leg });
          await send(trial, attempt);
          await follow(trial, attempt, 40);
          assertKept(trial, { product: 'inquiry', requestId: attempt.request.requestId }, `${leg} and ${what}`);
        }
      }
    },
  },
  {
    name: 'token answers without a token are kept, and no secret stands in what is',
    async run(adapter) {
      const token = 'hT7-conformance-secret-0123456789';
      for (const body of [`{"access_token":"${token}"}`, `<html>${token}</html>`, `{"token":"${token}","expires_in":3600}`]) {
        const trial = await openTrial(adapter);
        trial.meddle = (call) => (isTokenCall(call) ? { instead: () => new Response(body, { status: 200 }) } : null);
        const attempt = openAttempt(trial, { leg: 'payout' });
        await send(trial, attempt);
        const asked = trial.calls.filter(isTokenCall).length;
        assert.equal(trial.kept.filter(({ product }) => product === 'token').length, asked);
        assert.ok(!JSON.stringify(trial.kept).includes(token));
        assert.ok(trial.moneyCalls().length === 0 || asked === 0);
      }
    },
  },
];
