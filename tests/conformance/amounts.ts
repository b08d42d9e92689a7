/** What an adapter makes of the amount that an answer or a callback names: ours in any form, and nobody else's. */
import assert from 'node:assert/strict';
import { formatAmount } from '../../domain/money.ts';
import type { Adapter } from './adapters.ts';
import { AMOUNT_FORMS, assertEnded, assertOpen, type Behaviour, LEGS, rewrite, withAmount } from './checks.ts';
import { type DeskAttempt, run, usualAmount } from './desk.ts';
import { meddleWithInquiries, openTrial, type Trial } from './world.ts';

/** The usual amount as operators write it, without places. */
function majorOf(adapter: Adapter): string {
  return formatAmount(usualAmount(adapter.railId)).replace(/\.0+$/, '');
}

/** Changes all that our client hears of an attempt but the first answer. */
function meddleWithNews(trial: Trial, change: (body: string) => string): void {
  trial.meddleCallback = change;
  meddleWithInquiries(trial, { change });
}

/** Where inquiries name no amount a payment may succeed, but over none that was told. */
function assertNotFooled({ leg, outcome }: DeskAttempt, why: string): void {
  const isFooled = outcome.state === 'succeeded' && outcome.amount !== null;
  assert.ok(!isFooled && outcome.state !== 'failed', `${leg} ended ${outcome.state} ${why}`);
}

export const AMOUNTS: readonly Behaviour[] = [
  {
    name: 'amounts as text, number, with places, with commas: the same amount',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const [form, write] of Object.entries(AMOUNT_FORMS)) {
          const trial = await openTrial(adapter);
          meddleWithNews(trial, (body) => withAmount(body, majorOf(adapter), write, trial));
          const attempt = await run(trial, { leg });
          assertEnded(attempt, 'succeeded', `with the amount ${form}`);
        }
      }
    },
  },
  {
    name: 'another amount than ours is nobody’s success',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        const more = (text: string) => String(Number(text) + 1);
        meddleWithNews(trial, (body) => withAmount(body, majorOf(adapter), more, trial));
        assertNotFooled(await run(trial, { leg }), 'with another amount');
      }
    },
  },
  {
    name: 'an amount that cannot be read is nobody’s success',
    async run(adapter) {
      for (const leg of LEGS) {
        for (const unreadable of ['much', -5, '1e3']) {
          const trial = await openTrial(adapter);
          let isNamed = false;
          const write = () => {
            isNamed = true;
            return unreadable;
          };
          trial.meddleCallback = (body) => withAmount(body, majorOf(adapter), () => unreadable, trial);
          meddleWithInquiries(trial, { change: (body) => withAmount(body, majorOf(adapter), write, trial) });
          const attempt = await run(trial, { leg });
          const why = `with the amount ${JSON.stringify(unreadable)}`;
          if (isNamed) assertOpen(attempt, why);
          else assertNotFooled(attempt, why);
        }
      }
    },
  },
  {
    name: 'another currency than ours is nobody’s success',
    async run(adapter) {
      for (const leg of LEGS) {
        const trial = await openTrial(adapter);
        let isNamed = false;
        const inUsd = (body: string, note: () => void) => {
          const changed = rewrite(body, (key, value) => {
            if (!/^(currency|unit)$/i.test(key) || typeof value !== 'string') return value;
            note();
            return 'USD';
          });
          return trial.adapter.sign?.(changed, trial.profile) ?? changed;
        };
        trial.meddleCallback = (body) => inUsd(body, () => undefined);
        meddleWithInquiries(trial, { change: (body) => inUsd(body, () => void (isNamed = true)) });
        const attempt = await run(trial, { leg });
        if (isNamed) assertOpen(attempt, 'in another currency');
        else assertEnded(attempt, 'succeeded');
      }
    },
  },
];
