/**
 * USSD sessions over the menu: where each stands is in the database, so that any process can go on with it after any
 * crash. A step is computed without a lock and written over the one before it, by one writer only; whoever comes second
 * gets what was answered the first time. A session makes one payment at most, named after the session, through the same
 * intake as the API's.
 */
import type { Pool } from 'pg';
import type { Keyring } from '../db/keyring.ts';
import { listPayments } from '../db/queries/payment-views.ts';
import { findQuotes } from '../db/queries/quotes.ts';
import { findSubscribers, rememberSubscriber, SUBSCRIBER_NAME_CONTEXT, SUBSCRIBER_SCOPE, subscriberOf } from '../db/queries/subscribers.ts';
import {
  closeUssdSession,
  findUssdSession,
  listSentPayments,
  startUssdSession,
  stepUssdSession,
  USSD_REPLY_CONTEXT,
  USSD_STATE_CONTEXT,
  type UssdSessionRow,
  type UssdStep,
} from '../db/queries/ussd.ts';
import type { Clock } from '../domain/clock.ts';
import { parseCurrency } from '../domain/currency.ts';
import { fault, isFault } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { parseIntent } from '../domain/intent.ts';
import type { PaymentStatus } from '../domain/lifecycle.ts';
import { formatAmount, money } from '../domain/money.ts';
import { countryByCode, dayOf } from '../domain/network.ts';
import type { GatewayName, UssdInput, UssdReply, UssdRequest } from '../tools/notify/gateways/gateway.ts';
import { isLanguage } from '../tools/notify/language.ts';
import {
  answer,
  begin,
  type Fact,
  fit,
  type Move,
  orderOf,
  type Profile,
  type Question,
  told,
  type UssdState,
} from '../tools/notify/ussd/machine.ts';
import { TEXTS } from '../tools/notify/ussd/texts.ts';
import type { QuoteRequest } from './api/deps.ts';
import type { Intake } from './intake.ts';

export interface UssdDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly intake: Pick<Intake, 'submit'>;
  readonly createQuote: (request: QuoteRequest) => Promise<{ readonly id: string }>;
  readonly settings: {
    /** Through which client USSD users pay. */
    readonly clientId: string;
    /** How long a session waits for its next step, milliseconds. */
    readonly sessionMs: number;
    /** The client's payments are told of by text. */
    readonly textFollows: boolean;
  };
}

export interface Turn {
  readonly reply: UssdReply;
  /** Ours; null when there was none to speak of. */
  readonly sessionId: string | null;
  readonly paymentId: string | null;
}

const INPUT_SCOPE = 'ussd_sessions.input';

/**
 * Where a gateway tells only the newest input, the same input within this time of our answer is the same request again:
 * no person reads a screen and answers it so fast.
 */
export const REPEAT_MS = 2_000;
/** Questions one step can raise; a terms screen whose quote expires at once raises the most. */
const QUESTIONS_MAX = 4;
const ROUNDS_MAX = 3;
const PAYMENTS_SHOWN = 3;

/**
 * Answers one request of a gateway. Throws `ussd_session_unknown` (goes on with what never began), `ussd_session_mismatch`
 * (another caller's session) and `ussd_step_stale` (an earlier step again, or a step after the end).
 */
export async function takeTurn(deps: UssdDeps, gateway: GatewayName, request: UssdRequest): Promise<Turn> {
  const phoneIndex = deps.keyring.blindIndex(request.caller, SUBSCRIBER_SCOPE);
  if (request.kind === 'over') {
    await closeUssdSession(deps.pool, { gateway, sessionId: request.sessionId, phoneIndex }, deps.clock.now());
    return { reply: { text: '', ends: true }, sessionId: null, paymentId: null };
  }
  // Whoever loses the race for a step looks again, and finds what the winner answered.
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const session = await findUssdSession(deps.pool, gateway, request.sessionId);
    const turn =
      session === null || (request.input.form === 'begin' && isExpired(deps, session))
        ? await startSession(deps, { gateway, sessionId: request.sessionId, caller: request.caller, phoneIndex, input: request.input })
        : await stepSession(deps, session, phoneIndex, request.input);
    if (turn !== null) return turn;
  }
  throw fault('ussd_step_stale', { internal: 'the step was taken by others again and again' });
}

function isExpired(deps: Pick<UssdDeps, 'clock'>, session: UssdSessionRow): boolean {
  return session.expiresAt.getTime() <= deps.clock.now();
}

interface Beginning {
  readonly gateway: GatewayName;
  readonly sessionId: string;
  readonly caller: string;
  readonly phoneIndex: Buffer;
  readonly input: UssdInput;
}

async function startSession(deps: UssdDeps, session: Beginning): Promise<Turn | null> {
  const { input, caller, phoneIndex } = session;
  if (input.form === 'newest' || (input.form === 'history' && input.text !== '')) throw fault('ussd_session_unknown');
  const id = newId();
  const played = await play(deps, id, begin(caller, await profileOf(deps, caller)), phoneIndex);
  const started = await startUssdSession(
    deps.pool,
    { ...session, id, clientId: deps.settings.clientId, ...stepOf(deps, played, '') },
    deps.clock.now(),
  );
  return started ? { reply: played.reply, sessionId: id, paymentId: played.paymentId } : null;
}

async function stepSession(deps: UssdDeps, session: UssdSessionRow, phoneIndex: Buffer, input: UssdInput): Promise<Turn | null> {
  if (!session.phoneIndex.equals(phoneIndex)) throw fault('ussd_session_mismatch');
  const { id, paymentId } = session;
  const read = readInput(deps, session, input);
  if (read === 'repeat') {
    const reply = JSON.parse(deps.keyring.decrypt(session.reply, USSD_REPLY_CONTEXT)) as UssdReply;
    return { reply, sessionId: id, paymentId };
  }
  if (read === 'stale' || session.state === null) throw fault('ussd_step_stale');
  const state = JSON.parse(deps.keyring.decrypt(session.state, USSD_STATE_CONTEXT)) as UssdState;
  const day = dayOf(deps.clock.now());
  const move: Move = isExpired(deps, session)
    ? { kind: 'say', state: null, text: fit(TEXTS[state.language].timed_out) }
    : answer(state, read.typed, day);
  const played = await play(deps, id, move, phoneIndex);
  const step = stepOf(deps, played, read.whole);
  return (await stepUssdSession(deps.pool, session, step, deps.clock.now()))
    ? { reply: played.reply, sessionId: id, paymentId: played.paymentId }
    : null;
}

/** What was typed since the last step, and all that this request carried. */
function readInput(
  deps: UssdDeps,
  session: UssdSessionRow,
  input: UssdInput,
): 'repeat' | 'stale' | { readonly typed: string; readonly whole: string } {
  const matches = (text: string): boolean => deps.keyring.blindIndex(text, INPUT_SCOPE).equals(session.inputDigest);
  const sinceMs = deps.clock.now() - session.updatedAt.getTime();
  if (input.form === 'begin') return session.step === 1 ? 'repeat' : 'stale';
  const { text } = input;
  if (input.form === 'newest') {
    // A session that is over has one thing left to say.
    const isRepeat = session.step > 1 && matches(text) && (session.state === null || sinceMs < REPEAT_MS);
    return isRepeat ? 'repeat' : { typed: text, whole: text };
  }
  const { inputLength: length } = session;
  if (text.length <= length) return text.length === length && matches(text) ? 'repeat' : 'stale';
  if (!matches(text.slice(0, length))) return 'stale';
  // The first input has no separator in front of it. Whatever else stands in it was typed by the person.
  if (length === 0) return { typed: text, whole: text };
  return text[length] === '*' ? { typed: text.slice(length + 1), whole: text } : 'stale';
}

interface Played {
  readonly state: UssdState | null;
  readonly reply: UssdReply;
  readonly paymentId: string | null;
}

/** Asks around until the menu has something to say, and keeps what it learned of the person. */
async function play(deps: UssdDeps, id: string, first: Move, phoneIndex: Buffer): Promise<Played> {
  let move = first;
  let paymentId: string | null = null;
  for (let questions = 0; move.kind === 'ask'; questions += 1) {
    if (questions >= QUESTIONS_MAX) throw fault('internal', { internal: 'a USSD step that asks without end' });
    const fact = await find(deps, id, move.state, move.question);
    if (fact.about === 'submit') ({ paymentId } = fact);
    move = told(move.state, fact, dayOf(deps.clock.now()));
  }
  const { state, text, remember } = move;
  if (remember !== undefined) {
    const name =
      remember.fullName === undefined || remember.fullName === null
        ? null
        : deps.keyring.encrypt(remember.fullName, SUBSCRIBER_NAME_CONTEXT);
    await rememberSubscriber(deps.pool, { phoneIndex, language: remember.language ?? null, name }, deps.clock.now());
  }
  return { state, reply: { text, ends: state === null }, paymentId };
}

function stepOf(deps: UssdDeps, played: Played, whole: string): UssdStep {
  return {
    inputLength: whole.length,
    inputDigest: deps.keyring.blindIndex(whole, INPUT_SCOPE),
    state: played.state === null ? null : deps.keyring.encrypt(JSON.stringify(played.state), USSD_STATE_CONTEXT),
    reply: deps.keyring.encrypt(JSON.stringify(played.reply), USSD_REPLY_CONTEXT),
    paymentId: played.paymentId,
    expiresAtMs: deps.clock.now() + deps.settings.sessionMs,
  };
}

async function profileOf(deps: UssdDeps, caller: string): Promise<Profile> {
  const indexes = deps.keyring.blindIndexes(caller, SUBSCRIBER_SCOPE);
  const known = subscriberOf(await findSubscribers(deps.pool, indexes), indexes);
  const language = known?.language ?? null;
  const name = known?.name ?? null;
  return {
    language: isLanguage(language) ? language : null,
    fullName: name === null ? null : deps.keyring.decrypt(name, SUBSCRIBER_NAME_CONTEXT),
  };
}

async function find(deps: UssdDeps, id: string, state: UssdState, question: Question): Promise<Fact> {
  try {
    if (question === 'payments') return await sentPayments(deps, state);
    return question === 'quote' ? await quote(deps, state) : await submit(deps, id, state);
  } catch (error) {
    if (!isFault(error)) throw error;
    // A commit whose answer was lost may have been made.
    return { about: 'refusal', code: error.code, unsure: question === 'submit' && error.code === 'database_unavailable' };
  }
}

async function quote(deps: UssdDeps, state: UssdState): Promise<Fact> {
  const { clientId } = deps.settings;
  const day = dayOf(deps.clock.now());
  const order = orderOf(state, day);
  if (order === null) throw fault('corridor_unavailable');
  const toCurrency = countryByCode(order.receiver.country, day).currency;
  const made = await deps.createQuote({
    clientId,
    amount: order.amount,
    toCurrency,
    fromCountry: order.sender.country,
    toCountry: order.receiver.country,
  });
  const [row] = await findQuotes(deps.pool, clientId, [made.id]);
  if (row === undefined) throw fault('quote_not_found');
  return { about: 'quote', quoted: { quoteId: row.id, feeMinor: row.feeAmount.toString(), targetMinor: row.targetAmount.toString() } };
}

/** The reference of the one payment a session can make. */
export function referenceOfSession(id: string): string {
  return `ussd:${id}`;
}

async function submit(deps: UssdDeps, id: string, state: UssdState): Promise<Fact> {
  const { clientId, textFollows } = deps.settings;
  const referenceId = referenceOfSession(id);
  const taken = async (): Promise<Fact | null> => {
    const [earlier] = await listPayments(deps.pool, clientId, { referenceId }, { afterId: null, limit: 1 });
    return earlier === undefined ? null : { about: 'submit', paymentId: earlier.id, textFollows };
  };
  // A crash between the payment and the step leaves the payment, whose quote may have expired since.
  const before = await taken();
  if (before !== null) return before;
  const order = orderOf(state, dayOf(deps.clock.now()));
  if (order === null || state.quoted === null) throw fault('quote_expired');
  const verdict = parseIntent({
    referenceId,
    amount: formatAmount(order.amount),
    fromCurrency: order.amount.currency,
    toCurrency: countryByCode(order.receiver.country).currency,
    sender: { name: order.senderName, phone: order.sender.e164, country: order.sender.country },
    receiver: { name: order.receiverName, phone: order.receiver.e164, country: order.receiver.country },
    quoteId: state.quoted.quoteId,
  });
  if (!verdict.ok) throw fault(verdict.errors[0]?.code ?? 'validation_failed');
  try {
    const { paymentId } = await deps.intake.submit(clientId, verdict.intent);
    return { about: 'submit', paymentId, textFollows };
  } catch (error) {
    const meanwhile = isFault(error, 'duplicate_reference') ? await taken() : null;
    if (meanwhile === null) throw error;
    return meanwhile;
  }
}

async function sentPayments(deps: UssdDeps, state: UssdState): Promise<Fact> {
  const { clientId } = deps.settings;
  const rows = await listSentPayments(deps.pool, clientId, deps.keyring.blindIndex(state.caller, clientId), PAYMENTS_SHOWN);
  const payments = rows.map((row) => {
    return {
      amount: money(row.amount, parseCurrency(row.fromCurrency)),
      receiver: deps.keyring.people.openParty(row, 'receiver').phone,
      status: row.status as PaymentStatus,
    };
  });
  return { about: 'payments', payments };
}
