/** How an adapter takes what operators send by themselves: lost, early, late, double, contradicting, hostile. */
import assert from 'node:assert/strict';
import { isFault } from '../../domain/errors.ts';
import { readMessage } from '../../tools/mmo/messages.ts';
import { assertEnded, assertOpen, type Behaviour, contradiction, LEGS, moved, notApplicable, mystery } from './checks.ts';
import { follow, inquire, openAttempt, readInbox, receive, run, send } from './desk.ts';
import { openTrial } from './world.ts';

const GARBAGE: readonly string[] = [
  '',
  ' ',
  '<html><body>error</body></html>',
  'null',
  '[]',
  '"SUCCESS"',
  '{}',
  '{"a":',
  '{"status":{"status":{}}}',
  '{"Result":[]}',
  '{"Body":{"stkCallback":"x"}}',
  '{"transaction":[]}',
  `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  '{"__proto__":{"status":"SUCCESSFUL"}}',
  '\u0000\u0001',
];

export const CALLBACKS: readonly Behaviour[] = [
  {
    name: 'a callback that comes twice is one transition',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackTwice: 1 } });
        const attempt = await run(trial, { leg });
        await trial.scheduler.advance(5_000);
        await readInbox(trial, attempt);
        assertEnded(attempt, 'succeeded');
        assert.equal(attempt.alarms, 0);
        assert.ok(trial.inbox.length >= 2, `${leg}: ${trial.inbox.length} callbacks`);
      }
    },
  },
  {
    name: 'a callback before the answer is not lost',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackEarly: 1 } });
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        assert.ok(trial.inbox.length >= 1, `${leg}: no callback came early`);
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
      }
    },
  },
  {
    name: 'a callback that comes late repeats what is known',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackLate: 1 } });
        const attempt = await run(trial, { leg });
        await trial.scheduler.advance(10_000);
        await readInbox(trial, attempt);
        assertEnded(attempt, 'succeeded');
        assert.equal(attempt.alarms, 0);
      }
    },
  },
  {
    name: 'no callback at all: inquiries find the end',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        assertEnded(await run(trial, { leg, ending: '0007' }), 'succeeded');
      }
    },
  },
  {
    name: 'callbacks that we answer with 500 are made up for',
    async run(adapter) {
      for (const leg of LEGS) {
        // M-Pesa tells the result of an inquiry by callback too, so we are well again after a while.
        const trial = await openTrial(adapter);
        trial.meddleCallback = () => null;
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        await follow(trial, attempt, 30);
        trial.meddleCallback = (body) => body;
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
        assert.equal(moved(trial), 1);
      }
    },
  },
  {
    name: 'a contradiction after the end changes nothing and raises an alarm',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const attempt = await run(trial, { leg });
        assertEnded(attempt, 'succeeded');
        await trial.scheduler.advance(2_000);
        await readInbox(trial, attempt);
        const before = attempt.alarms;
        for (const body of trial.inbox.slice(0, 1)) await receive(trial, attempt, contradiction(body, trial));
        assertEnded(attempt, 'succeeded');
        assert.ok(attempt.alarms > before, `${leg}: no alarm (${trial.inbox.length} callbacks)`);
      }
    },
  },
  {
    name: 'a contradiction before the end is asked about, or counts as the operator’s word',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const told = await run(trial, { leg, name: 'told' });
        await trial.scheduler.advance(2_000);
        assertEnded(told, 'succeeded');
        // A forged failure of a payment that is under way: the operator is asked, and says otherwise.
        const open = openAttempt(trial, { leg, name: 'open' });
        await send(trial, open);
        const forged = contradiction(trial.inbox[0] ?? '{}', trial).replaceAll(told.request.requestId, open.request.requestId);
        await receive(trial, open, forged);
        const event = parseOrNull(() => trial.client.parseCallback(forged));
        if (event?.trust !== 'sufficient') assert.notEqual(open.outcome.state, 'failed', `${leg} believed a forged failure`);
        await follow(trial, open);
        assert.equal(open.ends, 1);
      }
    },
  },
  {
    name: 'a callback about another payment is set aside',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const other = await run(trial, { leg, name: 'other' });
        await trial.scheduler.advance(2_000);
        assertEnded(other, 'succeeded');
        const body = trial.inbox[0] ?? '{}';
        trial.sandbox.change(adapter.railId, { mode: 'silent' });
        const attempt = openAttempt(trial, { leg, name: 'mine' });
        attempt.handle = { ...attempt.handle, ...HANDLES };
        await receive(trial, attempt, body);
        assertOpen(attempt, 'by a callback about another');
        assert.equal(attempt.ends, 0);
      }
    },
  },
  {
    name: 'garbage is refused with a code and changes nothing',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const attempt = openAttempt(trial, { leg: 'payout' });
      for (const body of GARBAGE) {
        const error = errorOf(() => trial.client.parseCallback(body));
        assert.ok(isFault(error), `no coded refusal of ${JSON.stringify(body.slice(0, 40))}`);
        await receive(trial, attempt, body);
      }
      assert.equal(attempt.ends, 0);
      assert.equal(attempt.setAside, GARBAGE.length);
    },
  },
  {
    name: 'a callback without its proof is refused, where there is one',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const { callbackProof } = trial.client.capabilities;
      const attempt = await run(trial, { leg: 'collection', name: 'told' });
      await trial.scheduler.advance(2_000);
      const body = trial.inbox[0] ?? '{}';
      const forged = openAttempt(trial, { leg: 'collection', name: 'told' });
      forged.handle = attempt.handle;
      trial.sandbox.change(adapter.railId, { mode: 'silent' });
      await receive(trial, forged, body.replaceAll(/"(hash|notif_token)":"[^"]{6}/g, '"$1":"AAAAAA'));
      assertOpen(forged, 'by a message without proof');
      const isProven = callbackProof === 'token' || (callbackProof === 'hash' && trial.profile['callbackKey'] !== undefined);
      if (isProven) assert.equal(forged.setAside, 1);
      // Without a proof the operator is asked, or the message must name our request.
      else {
        assert.ok(parseOrNull(() => trial.client.parseCallback(body))?.trust !== undefined);
        notApplicable('nothing in a callback proves its sender');
      }
    },
  },
  {
    name: 'callbacks of unknown status are asked about',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        trial.meddleCallback = (body) => mystery(body, trial);
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        await follow(trial, attempt, 30);
        assert.notEqual(attempt.outcome.state, 'failed');
        trial.meddleCallback = (body) => body;
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
      }
    },
  },
  {
    name: 'clocks: the operator’s zone is read as what it is',
    async run(adapter) {
      if (adapter.clock !== null) {
        assert.equal(readMessage(adapter.operator, adapter.clock.message).occurredAt, adapter.clock.occurredAt);
        return;
      }
      // Messages without a time must not be given one.
      const trial = await openTrial(adapter);
      await run(trial, { leg: 'collection' });
      await trial.scheduler.advance(2_000);
      for (const body of trial.inbox) assert.equal(readMessage(adapter.operator, body).occurredAt, null);
    },
  },
  {
    name: 'a payer who declines, and one without funds, fail for good',
    async run(adapter) {
      for (const ending of ['0001', '0002']) {
        const trial = await openTrial(adapter);
        const attempt = await run(trial, { leg: 'collection', ending });
        assertEnded(attempt, 'failed');
        assert.ok(attempt.outcome.state === 'failed' && attempt.outcome.retry === 'after_customer');
        await inquire(trial, attempt);
        assert.equal(moved(trial), 0);
      }
    },
  },
];

/** Ids that belong to nobody's message. */
const HANDLES = { checkoutRequestId: 'x', conversationId: 'x', payToken: 'x', transactionId: 'x', notifDigest: 'x' };

function errorOf(act: () => unknown): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}

function parseOrNull<Value>(act: () => Value): Value | null {
  try {
    return act();
  } catch {
    return null;
  }
}
