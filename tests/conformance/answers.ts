/** How an adapter takes answers: to calls that move money, and to inquiries. */
import assert from 'node:assert/strict';
import { assertEnded, assertOpen, type Behaviour, isPage, LEGS, moved, mystery, plain, rewrite } from './checks.ts';
import { follow, hasEnded, inquire, openAttempt, run, send } from './desk.ts';
import { isInquiry, isTokenCall, meddleWithInquiries, openTrial } from './world.ts';

/** Answers that tell nothing about the money. */
export const SENSELESS: readonly (readonly [string, () => Response])[] = [
  ['an empty body', () => new Response('', { status: 200 })],
  ['an empty object', () => new Response('{}', { status: 200 })],
  ['a page with 200', () => new Response('<html>ok</html>', { status: 200 })],
  ['a page with 403', () => new Response('<html>blocked</html>', { status: 403 })],
  ['a page with 502', () => new Response('<html>bad gateway</html>', { status: 502 })],
  ['a page with 503', () => new Response('<html>unavailable</html>', { status: 503 })],
  ['an empty body with 500', () => new Response('', { status: 500 })],
  ['an unknown code with 500', () => new Response('{"code":"ZZ-1","errorCode":"999.999.99","message":"?"}', { status: 500 })],
  ['half a JSON text', () => new Response('{"ResponseCode":"0","data":{"transac', { status: 200 })],
  ['a list', () => new Response('[]', { status: 200 })],
  ['a body of five megabytes', () => new Response('x'.repeat(5 * 1024 * 1024), { status: 200 })],
];

export const ANSWERS: readonly Behaviour[] = [
  {
    name: 'pays and is paid, and the books agree',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const before = trial.balanceMinor();
        const attempt = await run(trial, { leg });
        assertEnded(attempt, 'succeeded');
        const change = trial.balanceMinor() - before;
        assert.equal(leg === 'collection' ? change : -change, attempt.request.amount.minor);
        assert.equal(trial.moneyCalls().length, 1);
      }
    },
  },
  {
    name: 'the same reference twice is one payment, or is not sent twice',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        if (!trial.client.capabilities.repeatable[leg]) {
          // Nothing makes a repeat harmless here, so a lost answer must not lead to one.
          const lost = await run(trial, { leg, ending: '0006' });
          assert.equal(trial.moneyCalls().length, 1, `${leg} was sent ${trial.moneyCalls().length} times`);
          assertEnded(lost, isPage(trial, leg) ? 'failed' : 'succeeded');
          continue;
        }
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        await send(trial, attempt);
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
        assert.equal(trial.books().length, 1);
      }
    },
  },
  {
    name: 'no answer, though the operator acted: in doubt, then found, once',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { answerLostAfter: 1 } });
        const attempt = await run(trial, { leg });
        assert.equal(attempt.first.state, 'unknown');
        assertEnded(attempt, isPage(trial, leg) ? 'failed' : 'succeeded');
        assert.equal(moved(trial), isPage(trial, leg) ? 0 : 1);
      }
    },
  },
  {
    name: 'a process that dies with its answer: what was kept before is enough to find the truth',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackLost: 1 } });
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        assert.equal(attempt.first.state, 'pending');
        // Only what the client asked to have remembered outlives the process; its answer does not.
        attempt.handle = attempt.remembered;
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
        assert.equal(moved(trial), 1);
      }
    },
  },
  {
    name: 'ids that cannot be kept stop the call that needs them',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const { request } = openAttempt(trial, { leg });
        let asked = 0;
        const remember = async () => {
          asked += 1;
          throw new Error('the database is away');
        };
        const outcome = await (leg === 'collection'
          ? trial.client.collect({ ...request, remember })
          : trial.client.disburse({ ...request, remember }));
        // A page is opened first; without its token nobody is led to it.
        const isStopped = asked > 0 && !isPage(trial, leg);
        assert.equal(trial.moneyCalls().length, isStopped ? 0 : 1);
        assert.equal(outcome.state, isStopped ? 'failed' : asked > 0 ? 'unknown' : 'pending');
      }
    },
  },
  {
    name: 'no answer, and the operator never saw it: in doubt until that is sure',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { answerLostBefore: 1 } });
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        assert.equal(attempt.first.state, 'unknown');
        await follow(trial, attempt, 90);
        assertOpen(attempt, 'before it is sure');
        await follow(trial, attempt);
        assertEnded(attempt, 'failed');
        assert.equal(trial.books().length, 0);
      }
    },
  },
  {
    name: 'answers without sense leave money in doubt, never failed',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const [what, instead] of SENSELESS) {
          const trial = await openTrial(adapter);
          trial.meddle = (call) => (adapter.moneyCall.test(call.name) ? { instead } : null);
          const attempt = openAttempt(trial, { leg });
          await send(trial, attempt);
          assert.equal(attempt.first.state, 'unknown', `${leg} after ${what}: ${attempt.first.state}`);
        }
      }
    },
  },
  {
    name: 'inquiries answered without sense decide nothing',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const [what, instead] of SENSELESS) {
          const trial = await openTrial(adapter, { faults: { callbackLost: 1 } });
          meddleWithInquiries(trial, { instead });
          const attempt = openAttempt(trial, { leg });
          await send(trial, attempt);
          await follow(trial, attempt, 20);
          assertOpen(attempt, `after ${what}`);
          trial.meddle = () => null;
          await follow(trial, attempt);
          assertEnded(attempt, 'succeeded', `after ${what}`);
        }
      }
    },
  },
  {
    name: 'a status nobody knows decides nothing',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        trial.meddleCallback = (body) => mystery(body, trial);
        meddleWithInquiries(trial, { change: (body) => mystery(body, trial) });
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        await follow(trial, attempt, 40);
        assertOpen(attempt, 'of unknown status');
        trial.meddle = () => null;
        trial.meddleCallback = (body) => body;
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
      }
    },
  },
  {
    name: 'pages of a gateway, before or after the operator acted: the truth in the end',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const name of ['a', 'b', 'c', 'd']) {
          const trial = await openTrial(adapter, { faults: { htmlPage: 1 } });
          const attempt = await run(trial, { leg, name });
          assert.equal(attempt.first.state, 'unknown');
          assertEnded(attempt, moved(trial) === 1 ? 'succeeded' : 'failed');
        }
      }
    },
  },
  {
    name: 'errors of the operator on every call: the truth in the end',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { serverError: 1, inquiryError: 0.5 } });
        const attempt = await run(trial, { leg });
        assert.equal(attempt.first.state, 'unknown');
        assertEnded(attempt, moved(trial) === 1 ? 'succeeded' : 'failed');
      }
    },
  },
  {
    name: 'too many requests: slower, and nothing is lost',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackLost: 1 } });
        const tooMany = { instead: () => new Response('{"message":"Too Many Requests"}', { status: 429 }) };
        trial.meddle = (call) => (adapter.moneyCall.test(call.name) ? tooMany : null);
        const refused = openAttempt(trial, { leg, name: 'refused' });
        await send(trial, refused);
        const { first } = refused;
        const isLater = first.state === 'unknown' || (first.state === 'failed' && first.retry === 'later');
        assert.ok(isLater, `${leg} ended ${JSON.stringify(first, plain)}`);
        assert.equal(trial.books().length, 0);
        let inquiries = 0;
        trial.meddle = (call) => {
          if (!isInquiry(trial, call)) return null;
          inquiries += 1;
          return inquiries <= 3 ? tooMany : null;
        };
        assertEnded(await run(trial, { leg, name: 'next' }), 'succeeded');
        assert.ok(inquiries > 3);
        // The doubt says why, so that whoever asks can pause.
        const asked = openAttempt(trial, { leg, name: 'asked' });
        let refusals = 0;
        trial.meddle = (call) => (isInquiry(trial, call) ? ((refusals += 1), tooMany) : null);
        await send(trial, asked);
        await trial.scheduler.advance(200_000);
        await inquire(trial, asked);
        assert.ok(refusals > 0);
        assert.ok(
          asked.outcome.state === 'unknown' && asked.outcome.reasonCode === 'busy',
          `${leg} is ${JSON.stringify(asked.outcome, plain)}`,
        );
      }
    },
  },
  {
    name: 'a token that ends in flight is renewed once, and the call repeated as it was',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        await run(trial, { leg, name: 'before' });
        trial.sandbox.change(adapter.railId, { expireTokens: true });
        const since = trial.calls.length;
        const attempt = openAttempt(trial, { leg, name: 'after' });
        await send(trial, attempt);
        assert.equal(attempt.first.state, 'pending');
        assert.equal(trial.calls.slice(since).filter(isTokenCall).length, 1);
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
        assert.equal(moved(trial), 2);
      }
    },
  },
  {
    name: 'many calls at once ask for one token',
    async run(adapter) {
      const trial = await openTrial(adapter);
      const attempts = ['a', 'b', 'c', 'd', 'e'].map((name) => openAttempt(trial, { leg: 'payout', name }));
      await Promise.all(attempts.map((attempt) => send(trial, attempt)));
      assert.equal(trial.calls.filter(isTokenCall).length, 1);
    },
  },
  {
    name: 'a gateway that gives no token: failed for sure, to be tried elsewhere',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        trial.sandbox.change(adapter.railId, { down: true });
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        assertEnded(attempt, 'failed');
        assert.ok(attempt.first.state === 'failed' && attempt.first.retry === 'later');
        assert.equal(trial.moneyCalls().length, 0);
      }
    },
  },
  {
    name: 'an operator that falls silent is waited for',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackLost: 1 } });
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        trial.sandbox.change(adapter.railId, { mode: 'silent' });
        await follow(trial, attempt, 300);
        assertOpen(attempt, 'while the operator is silent');
        trial.sandbox.change(adapter.railId, { mode: 'up' });
        await follow(trial, attempt);
        assertEnded(attempt, 'succeeded');
      }
    },
  },
  {
    name: 'what was accepted is never called unseen',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const attempt = openAttempt(trial, { leg });
        await send(trial, attempt);
        assert.equal(attempt.first.state, 'pending');
        // Another operator of the same face has never heard of it.
        const other = await openTrial(adapter);
        await other.scheduler.advance(86_400_000);
        await inquire(other, attempt);
        await follow(other, attempt, 20);
        // A prompt that a statement does not know was not paid; that is another thing than never having come.
        const isUnseen = attempt.outcome.state === 'failed' && attempt.outcome.reasonCode !== 'no_payment_found';
        assert.ok(!isUnseen, `${leg} was called ${JSON.stringify(attempt.outcome, plain)}`);
      }
    },
  },
  {
    name: 'an answer about somebody else’s payment decides nothing',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter, { faults: { callbackLost: 1 } });
        const attempt = openAttempt(trial, { leg });
        let isNamed = false;
        const references =
          /^(externalId|id|order_id|payToken|transactionId|reference|CheckoutRequestID|billreference|requestingOrganisationTransactionReference)$/;
        meddleWithInquiries(trial, {
          change: (body) =>
            rewrite(body, (key, value) => {
              if (!references.test(key) || typeof value !== 'string') return value;
              isNamed = true;
              return `${value.slice(0, -4)}0000`;
            }),
        });
        await send(trial, attempt);
        // M-Pesa tells what became of a payout to the attempt's own address, not in an answer.
        await follow(trial, attempt, 40);
        if (isNamed) assertOpen(attempt, 'by an answer about another');
        trial.meddle = () => null;
        await follow(trial, attempt);
        assert.ok(hasEnded(attempt));
      }
    },
  },
];
