/** What the behaviours share: what they are, and how a message is changed without knowing whose it is. */
import assert from 'node:assert/strict';
import { minorPerMajor } from '../../domain/currency.ts';
import { railOf } from '../operators/harness.ts';
import type { Adapter } from './adapters.ts';
import type { DeskAttempt } from './desk.ts';
import type { Trial } from './world.ts';

export interface Behaviour {
  /** Short, for the table. */
  readonly name: string;
  /** Throws what is wrong. */
  readonly run: (adapter: Adapter) => Promise<void>;
}

/** Why a behaviour cannot show in an adapter: no failure, and no success either. */
export class NotApplicable extends Error {}

/** Ends a behaviour that has nothing to show in an adapter, with the reason. */
export function notApplicable(why: string): never {
  throw new NotApplicable(why);
}

/** Runs a behaviour: null when it holds, or why it has nothing to show. Throws what is wrong. */
export async function hold(behaviour: Behaviour, adapter: Adapter): Promise<string | null> {
  try {
    await behaviour.run(adapter);
    return null;
  } catch (error) {
    if (error instanceof NotApplicable) return error.message;
    throw error;
  }
}

/** The least amount a rail tells apart, minor units. */
export function stepOf(railId: string): bigint {
  const { currency, places } = railOf(railId);
  return minorPerMajor(currency) / 10n ** BigInt(places);
}

export const LEGS = ['collection', 'payout'] as const;
export type Leg = (typeof LEGS)[number];

/** Whether the payer acts on a page: what is lost with the page's address can never be paid. */
export function isPage(trial: Trial, leg: Leg): boolean {
  return leg === 'collection' && trial.client.capabilities.approval === 'redirect';
}

export function assertEnded(attempt: DeskAttempt, state: 'succeeded' | 'failed', why = ''): void {
  assert.equal(attempt.outcome.state, state, `${attempt.leg} ended ${JSON.stringify(attempt.outcome, plain)} ${why}`);
  assert.equal(attempt.ends, 1, `${attempt.leg} ended ${attempt.ends} times`);
}

export function assertOpen(attempt: DeskAttempt, why: string): void {
  const isOpen = attempt.outcome.state === 'pending' || attempt.outcome.state === 'unknown';
  assert.ok(isOpen, `${attempt.leg} is ${JSON.stringify(attempt.outcome, plain)} ${why}`);
}

export function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** How many successful movements the books hold. */
export function moved(trial: Trial): number {
  return trial.books().filter((line) => line.endsWith('succeeded')).length;
}

/** Changes values of a JSON text wherever they stand; leaves what is no JSON. */
export function rewrite(text: string, change: (key: string, value: unknown) => unknown): string {
  try {
    return JSON.stringify(JSON.parse(text), (key, value: unknown) => change(key, value));
  } catch {
    return text;
  }
}

/** A message that says the opposite of a success. */
export function contradiction(body: string, trial: Trial): string {
  const flipped = rewrite(body, (key, value) => {
    if (key === 'ResultCode') return 1;
    if (key === 'status' && typeof value === 'string' && /^(success|completed|paid)/i.test(value)) return 'FAILED';
    if (key === 'status_code') return 'TF';
    // Cameroon's code beside the status of a cash-in.
    if (key === 'txnstatus') return '60021';
    if (key === 'transactionStatus') return 'failed';
    return key === 'CallbackMetadata' || key === 'ResultParameters' ? undefined : value;
  });
  return trial.adapter.sign?.(flipped, trial.profile) ?? flipped;
}

/** A message whose every status is a word nobody knows. */
export function mystery(body: string, trial: Trial): string {
  const changed = rewrite(body, (key, value) => {
    if (key === 'TransactionStatus' || key === 'transactionStatus' || key === 'status_code') return 'MYSTERY';
    if (key === 'status' && typeof value === 'string') return 'MYSTERY';
    if (key === 'ResultCode') return 987_654;
    if (key === 'Value' && ['Completed', 'Declined', 'Initiated'].includes(String(value))) return 'Mystery';
    return value;
  });
  return trial.adapter.sign?.(changed, trial.profile) ?? changed;
}

export const AMOUNT_FORMS: Readonly<Record<string, (major: string) => unknown>> = {
  text: (major) => major,
  number: (major) => Number(major),
  'with places': (major) => `${major}.00`,
  'with commas': (major) => `${major.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')}.00`,
};

/** Writes the amount of a message in another form, or as another amount. */
export function withAmount(body: string, major: string, form: (major: string) => unknown, trial: Trial): string {
  const changed = rewrite(body, (key, value) => {
    const isAmount = /^(amount|value|transactionamount)$/i.test(key) && (typeof value === 'number' || typeof value === 'string');
    return isAmount && Number(String(value).replaceAll(',', '')) === Number(major) ? form(major) : value;
  });
  return trial.adapter.sign?.(changed, trial.profile) ?? changed;
}
