/**
 * Telling people by text. A message is claimed before its first byte leaves; what may have gone out is never sent
 * again without knowing: a second text frightens whom the first one calmed. Number and text are made from the payment
 * when it is sent, and no log and no queue sees them.
 */
import { RECORD_CONTEXT, storeGatewayRecord } from '../../db/queries/gateway-records.ts';
import { concludeSms, type ClaimedSms, abandonSms, claimSms, noteSmsSent, type SmsConclusion } from '../../db/queries/sms.ts';
import { findSubscribers, subscriberOf, optOut, SUBSCRIBER_SCOPE, type SubscriberRow } from '../../db/queries/subscribers.ts';
import { forgetUssdSessions } from '../../db/queries/ussd.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import { parseCurrency } from '../../domain/currency.ts';
import type { Country } from '../../domain/rail.ts';
import { listen } from '../../tools/mmo/exchange.ts';
import { keptBodyOf, refusalsOf, type Result } from '../../tools/mmo/refused-answers.ts';
import type { SmsMessage, SmsOutcome, SmsSender } from '../../tools/notify/gateways/gateway.ts';
import { segmentsOf } from '../../tools/notify/gsm7.ts';
import { isLanguage, type Language, languageOfCountry } from '../../tools/notify/language.ts';
import { applyEarlyReports } from '../../tools/notify/sms/reports.ts';
import { smsText } from '../../tools/notify/sms/texts.ts';
import type { GraphDeps, TextMessaging } from '../types.ts';
import { createPump, nameOf, type Pump } from './pump.ts';

/** Requests to gateways under way at most, per process. */
const AT_ONCE_MAX = 16;
/** Longer than any request to a gateway can take. */
const LEASE_MS = 60_000;
const MINUTE_MS = 60_000;
/** Waits after a refusal that may pass, one per try. */
export const RETRY_WAITS_MS: readonly number[] = [0.5, 2, 10, 60, 240].map((minutes) => minutes * MINUTE_MS);
/** News older than this is no news. */
export const STALE_MS = 24 * 60 * MINUTE_MS;
/** How long an expired session is kept, so that a late repeat is still answered as it was. */
const SESSION_KEPT_MS = 24 * 60 * MINUTE_MS;

interface Addressed extends ClaimedSms {
  readonly to: string;
  readonly otherName: string;
  readonly country: Country;
  readonly phoneIndex: Buffer;
  /** The hashes of the number by every index key, the newest first: what somebody wished may stand under an older one. */
  readonly phoneIndexes: readonly Buffer[];
  readonly subscriber: SubscriberRow | undefined;
}

/** A pump that sends what is queued. */
export function smsPump(deps: GraphDeps): Pump {
  return createPump<Addressed>({
    capacity: AT_ONCE_MAX,
    groupCapacity: AT_ONCE_MAX,
    groupOf: () => 'sms',
    claim: (limit) => (deps.texting === undefined ? Promise.resolve([]) : claimAddressed(deps, limit)),
    work: (message) => (deps.texting === undefined ? Promise.resolve() : send(deps, deps.texting, message)),
    onError: (error) => deps.log.error({ what: 'sms', error: nameOf(error) }, 'effect failed'),
  });
}

/** Gives up on messages whose worker was lost, and has the others sent. */
export async function workSms(deps: GraphDeps, pump: Pump): Promise<void> {
  const lost = await abandonSms(deps.pool, deps.clock.now());
  if (lost > 0) deps.log.warn({ messages: lost }, 'text messages may or may not have gone out: their worker was lost');
  await pump.kick();
}

/** Deletes USSD sessions that nobody can come back to. */
export async function forgetSessions(deps: Pick<GraphDeps, 'pool' | 'clock'>): Promise<void> {
  await forgetUssdSessions(deps.pool, deps.clock.now() - SESSION_KEPT_MS);
}

async function claimAddressed(deps: GraphDeps, limit: number): Promise<readonly Addressed[]> {
  const claimed = await claimSms(deps.pool, { limit, nowMs: deps.clock.now(), leaseMs: LEASE_MS, leaseToken: newId() });
  const addressed = claimed.map((message) => {
    const parties = deps.keyring.people.openParties(message);
    const isSender = message.role === 'sender';
    const [own, other] = isSender ? [parties.sender, parties.receiver] : [parties.receiver, parties.sender];
    const country = (isSender ? message.fromCountry : message.toCountry) as Country;
    const phoneIndexes = deps.keyring.blindIndexes(own.phone, SUBSCRIBER_SCOPE);
    return { ...message, to: own.phone, otherName: other.name, country, phoneIndexes, phoneIndex: phoneIndexes[0] };
  });
  const subscribers = await findSubscribers(
    deps.pool,
    addressed.flatMap(({ phoneIndexes }) => phoneIndexes),
  );
  return addressed.map((message) => ({ ...message, subscriber: subscriberOf(subscribers, message.phoneIndexes) }));
}

async function send(deps: GraphDeps, texting: TextMessaging, message: Addressed): Promise<void> {
  const conclude = (conclusion: SmsConclusion) => concludeSms(deps.pool, message, conclusion, deps.clock.now());
  const ended = (state: 'failed' | 'suppressed', reasonCode: string) => conclude({ state, reasonCode, gatewayId: null, nextAtMs: null });
  if (message.subscriber !== undefined && message.subscriber.optedOutAt !== null) return void (await ended('suppressed', 'opted_out'));
  if (deps.clock.now() - message.createdAt.getTime() > STALE_MS) return void (await ended('failed', 'stale'));
  const language = languageOf(message);
  const text = smsText(message.topic, message.role, language, {
    paymentId: message.paymentId,
    amount: money(message.amount, parseCurrency(message.fromCurrency)),
    target: message.targetAmount === null ? null : money(message.targetAmount, parseCurrency(message.toCurrency)),
    otherName: message.otherName,
  });
  if (text === null) return void (await ended('suppressed', 'not_told'));
  const sender = texting.senderFor(message.country);
  const sent = { gateway: sender.gateway, phoneIndex: message.phoneIndex, language, segments: segmentsOf(text).count };
  if (!(await noteSmsSent(deps.pool, message, sent))) return;
  const outcome = await sendHeard(deps, sender, { to: message.to, text, correlator: message.id });
  const conclusion = conclusionOf(outcome, message, deps.clock.now());
  const written = await conclude(conclusion);
  report(deps, message, outcome, conclusion);
  if (outcome.state === 'refused' && outcome.optedOut === true) await optOut(deps.pool, message.phoneIndex, 'gateway', deps.clock.now());
  // A report can be quicker than the answer that names the message it is about.
  if (written && conclusion.gatewayId !== null) await applyEarlyReports(deps, sender.gateway, conclusion.gatewayId);
}

/** Sends a text. What its gateway answered is kept where nothing can be made of it, beside what gateways post that is refused. */
async function sendHeard(deps: GraphDeps, sender: SmsSender, message: SmsMessage): Promise<SmsOutcome> {
  const { result: outcome, exchange } = await listen(() => sender.send(message));
  for (const { answer, reasonCode } of refusalsOf(exchange, resultOf(outcome))) {
    const body = keptBodyOf(answer);
    const record = {
      gateway: sender.gateway,
      kind: answer.mayHoldToken ? 'token-answer' : 'sms-answer',
      body: deps.keyring.encrypt(body, RECORD_CONTEXT),
      bodyDigest: deps.keyring.blindIndex(body, RECORD_CONTEXT),
      sourceAddress: sender.gateway,
      verdict: 'refused',
      reasonCode,
      reference: message.correlator,
    } as const;
    // What became of the text is not lost over what was answered.
    await storeGatewayRecord(deps.pool, record, deps.clock.now()).catch((error: unknown) =>
      deps.log.error({ gateway: sender.gateway, reason: reasonCode, error: nameOf(error) }, 'an answer of a gateway cannot be kept'),
    );
  }
  return outcome;
}

/** What an outcome says of the answer it was made of. */
function resultOf(outcome: SmsOutcome): Result {
  if (outcome.state !== 'unknown') return 'told';
  const { reasonCode } = outcome;
  if (reasonCode.startsWith('unreadable_answer')) return { reasonCode: 'unreadable_answer' };
  return { reasonCode: reasonCode.replace(/^unmapped_/, 'unmapped:') };
}

function languageOf(message: Addressed): Language {
  const chosen = message.subscriber?.language ?? null;
  return isLanguage(chosen) ? chosen : languageOfCountry(message.country);
}

/** What to write down after a try. */
export function conclusionOf(outcome: SmsOutcome, message: Pick<ClaimedSms, 'tries'>, nowMs: number): SmsConclusion {
  if (outcome.state === 'accepted') return { state: 'accepted', reasonCode: null, gatewayId: outcome.gatewayId, nextAtMs: null };
  const { reasonCode } = outcome;
  if (outcome.state === 'unknown') return { state: 'unknown', reasonCode, gatewayId: null, nextAtMs: null };
  if (outcome.optedOut === true) return { state: 'suppressed', reasonCode, gatewayId: null, nextAtMs: null };
  const waitMs = RETRY_WAITS_MS[message.tries - 1];
  if (outcome.retry === 'never' || waitMs === undefined) return { state: 'failed', reasonCode, gatewayId: null, nextAtMs: null };
  return { state: 'queued', reasonCode, gatewayId: null, nextAtMs: Math.max(nowMs + waitMs, outcome.notBeforeMs ?? 0) };
}

function report(deps: GraphDeps, message: Addressed, outcome: SmsOutcome, conclusion: SmsConclusion): void {
  const ids = { smsId: message.id, paymentId: message.paymentId, clientId: message.clientId, topic: message.topic };
  const reason = conclusion.reasonCode;
  if (outcome.state === 'refused' && outcome.alarm === true)
    deps.log.error({ ...ids, reason }, 'text messages are refused: the account needs people');
  else if (conclusion.state === 'failed' || conclusion.state === 'unknown')
    deps.log.warn({ ...ids, reason }, `text message ${conclusion.state}`);
}
