/**
 * Messaging gateways as a sandbox: Africa's Talking and MTN take text messages over their own protocols, report what
 * became of each, and misbehave by seeded chance and by number. What was sent is kept in memory, for whoever wants to look.
 *
 * By the last four digits of the number: 0101 has asked the gateway for silence · 0102 has no route for a while · 0103 is
 * never reached · 0104 gets the text without a report · 0105 gets it, and the answer to us is lost · 0106 finds our
 * account without credit · 0107 is reported before we are answered · 0108 is reported twice, the second time too late and
 * wrongly.
 */
import type { Chance } from '../random.ts';
import type { CallbackMessage } from '../rail.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Answer, SandboxAnswer } from '../wire.ts';
import { page } from '../wire.ts';

export type SandboxGateway = 'africastalking' | 'mtn';

/** Shares of requests, from 0 to 1, that go wrong. */
export interface MessagingFaults {
  /** The text goes out, the connection is cut before the answer. */
  readonly answerLostAfter: number;
  /** The connection is cut before the text goes out. */
  readonly answerLostBefore: number;
  /** A page of a proxy instead of an answer; half of them after the text went out. */
  readonly htmlPage: number;
  readonly reportLost: number;
  readonly reportTwice: number;
  readonly reportEarly: number;
}

export const NO_MESSAGING_FAULTS: MessagingFaults = {
  answerLostAfter: 0,
  answerLostBefore: 0,
  htmlPage: 0,
  reportLost: 0,
  reportTwice: 0,
  reportEarly: 0,
};

/** A bad day at most gateways. */
export const MODEST_MESSAGING_FAULTS: MessagingFaults = {
  answerLostAfter: 0.005,
  answerLostBefore: 0.005,
  htmlPage: 0.005,
  reportLost: 0.01,
  reportTwice: 0.02,
  reportEarly: 0.01,
};

/** A text that reached a phone. */
export interface SentText {
  readonly gateway: SandboxGateway;
  /** With plus. */
  readonly to: string;
  readonly from: string;
  readonly text: string;
  readonly atMs: number;
}

export interface MessagingDeps {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly speed: number;
  readonly deliver: (message: CallbackMessage) => Promise<void>;
  /** Where a gateway posts to, without the kind at its end; null: nowhere. */
  readonly callbackBase: (gateway: SandboxGateway) => string | null;
}

export interface Messaging extends MessagingDeps {
  faults: MessagingFaults;
  /** The newest last; the oldest are dropped. */
  readonly texts: SentText[];
  /** Counts what happens under a name, so that the same draw is not made twice. */
  count(name: string): number;
}

export const MESSAGING_ACCOUNT = {
  africastalking: { username: 'sandbox', apiKey: 'atsk_sandbox_0123456789abcdef', senderId: 'CAPP' },
  mtn: { clientId: 'sandbox-client', clientSecret: 'sandbox-client-secret', serviceCode: '131' },
} as const;

/** Makes the gateways. */
export function createMessaging(deps: MessagingDeps, faults: Partial<MessagingFaults> = {}): Messaging {
  const counts = new Map<string, number>();
  return {
    ...deps,
    faults: { ...NO_MESSAGING_FAULTS, ...faults },
    texts: [],
    count(name) {
      const next = (counts.get(name) ?? 0) + 1;
      counts.set(name, next);
      return next;
    },
  };
}

const TEXTS_KEPT = 10_000;
const REPORT_MEDIAN_MS = 400;
const REPORT_LATE_MS = 3_000;

export interface TakenText {
  readonly gateway: SandboxGateway;
  readonly to: string;
  readonly from: string;
  readonly text: string;
  /** The body of a report on this text, in the gateway's own form. */
  readonly reportBody: (state: 'delivered' | 'failed') => Pick<CallbackMessage, 'headers' | 'body'>;
}

/** Takes a text in and answers, unless something goes wrong; sees to its report. */
export async function takeText(messaging: Messaging, taken: TakenText, answer: SandboxAnswer): Promise<Answer> {
  const ending = taken.to.slice(-4);
  const fault = ending === '0105' ? 'lost_after' : faultOf(messaging, taken);
  if (fault === 'lost_before') return 'cut';
  if (fault === 'page_before') return page(502);
  messaging.texts.push({ gateway: taken.gateway, to: taken.to, from: taken.from, text: taken.text, atMs: messaging.scheduler.now() });
  if (messaging.texts.length > TEXTS_KEPT) messaging.texts.shift();
  await report(messaging, taken, ending);
  if (fault === 'lost_after') return 'cut';
  return fault === 'page_after' ? page(504) : answer;
}

type Fault = 'none' | 'lost_before' | 'lost_after' | 'page_before' | 'page_after';

function faultOf(messaging: Messaging, { gateway, to }: TakenText): Fault {
  const { answerLostAfter, answerLostBefore, htmlPage } = messaging.faults;
  const draw = messaging.chance.draw('text', gateway, to, messaging.count(`text ${gateway} ${to}`));
  let reached = 0;
  const shares: readonly (readonly [Fault, number])[] = [
    ['lost_after', answerLostAfter],
    ['lost_before', answerLostBefore],
    ['page_before', htmlPage / 2],
    ['page_after', htmlPage / 2],
  ];
  for (const [fault, share] of shares) {
    reached += share;
    if (draw < reached) return fault;
  }
  return 'none';
}

async function report(messaging: Messaging, taken: TakenText, ending: string): Promise<void> {
  const base = messaging.callbackBase(taken.gateway);
  const { chance, scheduler, speed, faults } = messaging;
  const draw = (name: string): number => chance.draw(name, taken.gateway, taken.to, messaging.count(`${name} ${taken.to}`));
  if (base === null || ending === '0104' || draw('report lost') < faults.reportLost) return;
  const post = (state: 'delivered' | 'failed') =>
    messaging.deliver({ method: 'POST', url: `${base}/sms-reports`, ...taken.reportBody(state) });
  const state = ending === '0103' ? 'failed' : 'delivered';
  if (ending === '0107' || draw('report early') < faults.reportEarly) return post(state);
  const delayMs = (REPORT_MEDIAN_MS * (0.5 + draw('report delay'))) / speed;
  scheduler.after(delayMs, () => post(state));
  // The second one contradicts: a final state must not be left for it.
  if (ending === '0108' || draw('report twice') < faults.reportTwice)
    scheduler.after(delayMs + REPORT_LATE_MS / speed, () => post(ending === '0108' ? 'failed' : state));
}
