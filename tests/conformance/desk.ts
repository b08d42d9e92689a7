/**
 * An attempt as the platform treats it: sent once, open until something that can be believed ends it, and
 * closed for good after that. What contradicts an end raises an alarm; what does not belong is set aside.
 */
import { derivedId } from '../../domain/ids.ts';
import { type Money, money } from '../../domain/money.ts';
import { isFault } from '../../domain/errors.ts';
import type { CallbackEvent, EffectRequest, OperatorHandle, OperatorLeg, Outcome, RefundRequest } from '../../tools/mmo/operator.ts';
import { phoneOf, railOf } from '../operators/harness.ts';
import type { Trial } from './world.ts';

export interface DeskAttempt {
  readonly leg: OperatorLeg;
  readonly request: EffectRequest;
  outcome: Outcome;
  first: Outcome;
  handle: OperatorHandle;
  /** What of it the client had kept before its call left. */
  remembered: OperatorHandle;
  sentAtMs: number;
  /** How often it came to an end: once, or something is wrong. */
  ends: number;
  /** Messages that say otherwise after the end. */
  alarms: number;
  /** Messages that repeat the end. */
  repeats: number;
  /** Messages that belong elsewhere or nowhere. */
  setAside: number;
  /** How many messages of the inbox were read. */
  read: number;
}

export interface AttemptOptions {
  readonly leg: OperatorLeg;
  /** Last four digits of the customer's number, by which the sandbox tells fates. */
  readonly ending?: string;
  readonly name?: string;
  readonly amount?: Money;
  readonly original?: RefundRequest['original'];
}

const STEP_MS = 100;
const INQUIRY_EVERY_STEPS = 10;
const STEPS_MAX = 700;

export function hasEnded({ outcome }: Pick<DeskAttempt, 'outcome'>): boolean {
  return outcome.state === 'succeeded' || outcome.state === 'failed';
}

/** An amount the rail takes, of which nothing else in a message has the value. */
export function usualAmount(railId: string): Money {
  const rail = railOf(railId);
  return money((rail.collection?.minMinor ?? 0n) * 7n + 123_400n, rail.currency);
}

/** Opens an attempt without sending it. */
export function openAttempt(trial: Trial, options: AttemptOptions): DeskAttempt {
  const { railId } = trial.adapter;
  const requestId = derivedId('conformance', railId, options.leg, options.name ?? 'one');
  const attempt: DeskAttempt = {
    leg: options.leg,
    request: {
      requestId,
      amount: options.amount ?? usualAmount(railId),
      phone: phoneOf(railId, options.ending ?? '4321'),
      callbackUrl: `https://hooks.test/v1/callbacks/${railId}/${requestId}`,
      note: "Ama's gift & more",
      sentAtMs: trial.scheduler.now(),
      remember: async (handle) => {
        attempt.remembered = { ...attempt.remembered, ...handle };
        attempt.handle = { ...attempt.handle, ...handle };
      },
      ...(options.original === undefined ? {} : { original: options.original }),
    },
    outcome: { state: 'pending' },
    first: { state: 'pending' },
    handle: {},
    remembered: {},
    sentAtMs: trial.scheduler.now(),
    ends: 0,
    alarms: 0,
    repeats: 0,
    setAside: 0,
    read: trial.inbox.length,
  };
  return attempt;
}

/** Sends an attempt, once. */
export async function send(trial: Trial, attempt: DeskAttempt): Promise<void> {
  const { client } = trial;
  attempt.sentAtMs = trial.scheduler.now();
  const request = { ...attempt.request, sentAtMs: attempt.sentAtMs };
  const answer =
    attempt.leg === 'collection'
      ? await client.collect(request)
      : attempt.leg === 'payout'
        ? await client.disburse(request)
        : await client.refund(request as RefundRequest);
  attempt.first = answer;
  settle(attempt, answer);
}

/** Takes an outcome that can be believed. */
function settle(attempt: DeskAttempt, outcome: Outcome): void {
  attempt.handle = { ...attempt.handle, ...outcome.handle };
  if (hasEnded(attempt)) return;
  attempt.outcome = outcome;
  if (hasEnded(attempt)) attempt.ends += 1;
}

/** Asks the operator. */
export async function inquire(trial: Trial, attempt: DeskAttempt): Promise<void> {
  const { request, leg, handle, sentAtMs } = attempt;
  const { requestId, amount, callbackUrl } = request;
  settle(attempt, await trial.client.inquire({ requestId, amount, callbackUrl, leg, handle, sentAtMs, nowMs: trial.scheduler.now() }));
}

/** Reads a callback that came to the attempt's address. */
export async function receive(trial: Trial, attempt: DeskAttempt, body: string): Promise<void> {
  const event = parse(trial, body);
  if (event === null || !belongs(event, attempt)) {
    attempt.setAside += 1;
    return;
  }
  if (hasEnded(attempt)) {
    if (!hasEnded(event) || event.outcome.state === attempt.outcome.state) attempt.repeats += 1;
    else attempt.alarms += 1;
    return;
  }
  attempt.handle = { ...attempt.handle, ...event.outcome.handle };
  if (event.trust === 'confirm') await inquire(trial, attempt);
  else settle(attempt, checked(event.outcome, attempt.request.amount));
}

function parse(trial: Trial, body: string): CallbackEvent | null {
  try {
    return trial.client.parseCallback(body);
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}

function belongs(event: CallbackEvent, attempt: DeskAttempt): boolean {
  if (event.ourReference === null ? event.trust === 'sufficient' : event.ourReference !== attempt.request.requestId) return false;
  return Object.entries(event.outcome.handle ?? {}).every(
    ([key, value]) => attempt.handle[key] === undefined || attempt.handle[key] === value,
  );
}

/** A success over another amount is nobody's. */
function checked(outcome: Outcome, amount: Money): Outcome {
  if (outcome.state !== 'succeeded' || outcome.amount === null || outcome.amount.minor === amount.minor) return outcome;
  return { state: 'unknown', reasonCode: 'amount_mismatch' };
}

/** Follows an attempt that was sent until it ends, or for as long as the suite waits. */
export async function follow(trial: Trial, attempt: DeskAttempt, steps: number = STEPS_MAX): Promise<void> {
  for (let step = 1; step <= steps && !hasEnded(attempt); step += 1) {
    await trial.scheduler.advance(STEP_MS);
    await readInbox(trial, attempt);
    if (!hasEnded(attempt) && step % INQUIRY_EVERY_STEPS === 0) await inquire(trial, attempt);
  }
}

/** Reads what has come since. */
export async function readInbox(trial: Trial, attempt: DeskAttempt): Promise<void> {
  while (attempt.read < trial.inbox.length) {
    const body = trial.inbox[attempt.read] ?? '';
    attempt.read += 1;
    await receive(trial, attempt, body);
  }
}

/** Sends an attempt and follows it to its end. */
export async function run(trial: Trial, options: AttemptOptions): Promise<DeskAttempt> {
  const attempt = openAttempt(trial, options);
  await send(trial, attempt);
  await follow(trial, attempt);
  return attempt;
}
