/** How an adapter gives a collection back: once, whole or in part, and what becomes of it when its answer is lost. */
import assert from 'node:assert/strict';
import { money } from '../../domain/money.ts';
import type { Adapter } from './adapters.ts';
import { assertEnded, assertOpen, type Behaviour, notApplicable, stepOf } from './checks.ts';
import { type DeskAttempt, follow, openAttempt, run, send, usualAmount } from './desk.ts';
import { type Call, openTrial, type Trial } from './world.ts';

/** Collects, and opens the refund of it without sending it: of all of it, or of an amount. */
async function collected(trial: Trial, partMinor?: bigint): Promise<DeskAttempt> {
  const { adapter } = trial;
  const collection = await run(trial, { leg: 'collection' });
  assertEnded(collection, 'succeeded');
  const { requestId, amount } = collection.request;
  const told = collection.outcome.state === 'succeeded' ? collection.outcome.receipt : '';
  // Daraja's query of a prompt names no receipt: the callback does, or its statement.
  const receipt = adapter.operator === 'mpesa' ? (trial.sandbox.books(adapter.railId).transactions[0]?.id ?? '') : told;
  const part = partMinor === undefined ? amount : money(partMinor, amount.currency);
  return openAttempt(trial, { leg: 'refund', name: 'refund', amount: part, original: { requestId, receipt, amount } });
}

/** Whether a call can give money back. */
function givesBack(adapter: Adapter, { name }: Call): boolean {
  return adapter.moneyCall.test(name) || /^POST .*\/(refund|reversal\/v1\/request)$/.test(name);
}

const lost = {
  change: () => {
    throw new TypeError('fetch failed');
  },
};

export const REFUNDS: readonly Behaviour[] = [
  {
    name: 'a collection can be given back, once, whole',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const refund = await collected(trial);
      const before = trial.balanceMinor();
      await send(trial, refund);
      await follow(trial, refund);
      assertEnded(refund, 'succeeded');
      assert.equal(before - trial.balanceMinor(), refund.request.amount.minor);
    },
  },
  {
    name: 'a refund that is made twice is one, where the operator takes collections back',
    async run(adapter) {
      const trial = await openTrial(adapter);
      if (trial.client.capabilities.refund !== 'operation') notApplicable('refunds are payouts, which are never sent twice');
      const refund = await collected(trial);
      const before = trial.balanceMinor();
      await send(trial, refund);
      await send(trial, { ...refund, outcome: { state: 'pending' } });
      await follow(trial, refund);
      await trial.scheduler.advance(5_000);
      assertEnded(refund, 'succeeded');
      assert.equal(before - trial.balanceMinor(), refund.request.amount.minor);
    },
  },
  {
    name: 'part of a collection is given back, or refused before anything is sent',
    async run(adapter) {
      const step = stepOf(adapter.railId);
      const partMinor = (usualAmount(adapter.railId).minor / step / 2n) * step;
      const trial = await openTrial(adapter);
      const part = await collected(trial, partMinor);
      const [before, sent] = [trial.balanceMinor(), trial.calls.length];
      await send(trial, part);
      if (!trial.client.capabilities.refundsParts) {
        assert.ok(part.first.state === 'failed' && part.first.reasonCode === 'partial_refund');
        assert.equal(trial.calls.length, sent);
        return;
      }
      await follow(trial, part);
      assertEnded(part, 'succeeded');
      assert.equal(before - trial.balanceMinor(), partMinor);
    },
  },
  {
    name: 'a refund whose answer was lost stays in doubt until it is found, and is never failed',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const refund = await collected(trial);
      const before = trial.balanceMinor();
      trial.meddle = (call) => (givesBack(adapter, call) ? lost : null);
      await send(trial, refund);
      assertOpen(refund, 'though its answer was lost');
      trial.meddle = () => null;
      await follow(trial, refund);
      assert.equal(before - trial.balanceMinor(), refund.request.amount.minor);
      const { refund: way, refundByRequest } = trial.client.capabilities;
      // What goes by an id of the operator's may be found by its message, or wait for people.
      if (way === 'payout' || refundByRequest) assertEnded(refund, 'succeeded');
      else assert.notEqual(refund.outcome.state, 'failed');
    },
  },
  {
    name: 'a message about a refund that comes before its answer is not lost',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const refund = await collected(trial);
      const before = trial.balanceMinor();
      let seen = 0;
      trial.meddleCallback = (body) => ((seen += 1), body);
      trial.sandbox.change(adapter.railId, { faults: { callbackEarly: 1 } });
      await send(trial, refund);
      await follow(trial, refund);
      assertEnded(refund, 'succeeded');
      assert.equal(before - trial.balanceMinor(), refund.request.amount.minor);
      if (seen === 0) notApplicable('the operator sends no message about a refund');
    },
  },
];
