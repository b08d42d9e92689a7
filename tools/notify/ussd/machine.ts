/**
 * The USSD menu as a pure state machine: a state and an input give the next state and what to say, or a
 * question to the rest of the house (a quote, a submission, a list of payments) whose answer goes on from
 * there. No clock, no I/O: the same session can be played again at any time.
 *
 * Money moves on one input only: the confirmation, given on a screen that named the amount, the fee, the
 * receiver and what the receiver gets. The wallet's PIN is never asked for: its operator asks for it.
 */
import { corridorBetween } from '../../../domain/corridor.ts';
import { type ErrorCode, isFault } from '../../../domain/errors.ts';
import { nameOf } from '../../../domain/intent.ts';
import type { PaymentStatus } from '../../../domain/lifecycle.ts';
import { type Money, money, parseAmount, truncateToPlaces } from '../../../domain/money.ts';
import { COUNTRIES, countryByCode, payoutPlaces, railsOfWallet } from '../../../domain/network.ts';
import { msisdn, parsePhone, type WalletNumber } from '../../../domain/phone.ts';
import { carries } from '../../../domain/rail.ts';
import { gsm7Length, plainText } from '../gsm7.ts';
import { type Language, languageOfCountry } from '../language.ts';
import { amountWords, fillIn, nameWords, referenceWords } from '../words.ts';
import { BACK, CHOICES, type ChoiceScreen, type EntryScreen, MISTAKES_MAX, type Screen } from './menu.ts';
import { statusWords, type TextId, TEXTS } from './texts.ts';

/** What fits on one screen, with the four characters that Africa's Talking wants in front of it. */
export const SCREEN_PLACES_MAX = 156;
const ENTRY_LENGTH_MAX = 140;
const PAYMENTS_SHOWN_MAX = 3;

/** What is known of a person before the session. */
export interface Profile {
  readonly language: Language | null;
  readonly fullName: string | null;
}

/** A quote as the confirmation shows it. Amounts in minor units, as text, for a state is kept as JSON. */
export interface QuotedTerms {
  readonly quoteId: string;
  readonly feeMinor: string;
  /** After the fee, at the rate, before operators round. */
  readonly targetMinor: string;
}

export interface UssdState {
  readonly screen: Screen;
  readonly language: Language;
  readonly mistakes: number;
  /** E.164, as the gateway told it. */
  readonly caller: string;
  readonly fullName: string | null;
  readonly receiver: { readonly e164: string; readonly fullName: string | null } | null;
  /** What the sender pays in all, minor units of the caller's currency. */
  readonly amountMinor: string | null;
  readonly quoted: QuotedTerms | null;
}

/** A payment as the list of the last ones shows it. */
export interface SentPayment {
  readonly amount: Money;
  /** E.164 of the receiver. */
  readonly receiver: string;
  readonly status: PaymentStatus;
}

export type Question = 'quote' | 'submit' | 'payments';
export type Fact =
  | { readonly about: 'quote'; readonly quoted: QuotedTerms }
  | { readonly about: 'submit'; readonly paymentId: string; readonly textFollows: boolean }
  | { readonly about: 'payments'; readonly payments: readonly SentPayment[] }
  /** The question has no good answer. `unsure`: the payment may have been taken all the same. */
  | { readonly about: 'refusal'; readonly code: ErrorCode; readonly unsure: boolean };

export type Move =
  /** Say this; without a state the session is over. `remember` is to be kept of the person. */
  | { readonly kind: 'say'; readonly state: UssdState | null; readonly text: string; readonly remember?: Partial<Profile> }
  | { readonly kind: 'ask'; readonly state: UssdState; readonly question: Question };

/** The first screen of a session: the language of somebody who never chose one, else the root. */
export function begin(caller: string, profile: Profile): Move {
  const country = countryOf(caller);
  const state: UssdState = {
    screen: profile.language === null ? 'language' : 'root',
    language: profile.language ?? (country === null ? 'en' : languageOfCountry(country)),
    mistakes: 0,
    caller,
    fullName: profile.fullName,
    receiver: null,
    amountMinor: null,
    quoted: null,
  };
  return show(state);
}

/** What an input on the session's screen leads to. `day` is the calendar day (UTC) whose network counts. */
export function answer(state: UssdState, input: string, day: string): Move {
  const text = input.trim();
  const { screen } = state;
  if (Object.hasOwn(CHOICES, screen)) return choose(state, screen as ChoiceScreen, text, day);
  if (text === BACK) return show({ ...state, screen: 'root', mistakes: 0, receiver: null, amountMinor: null, quoted: null });
  return enter(state, screen as EntryScreen, text.slice(0, ENTRY_LENGTH_MAX + 1), day);
}

/** Goes on with the answer to a question. */
export function told(state: UssdState, fact: Fact, day: string): Move {
  switch (fact.about) {
    case 'quote':
      return confirmation({ ...state, quoted: fact.quoted }, day);
    case 'submit': {
      const accepted = fillIn(TEXTS[state.language].accepted, { reference: referenceWords(fact.paymentId) });
      return end(accepted + (fact.textFollows ? TEXTS[state.language].text_follows : ''));
    }
    case 'payments':
      return end(paymentLines(state, fact.payments));
    case 'refusal':
      return refused(state, fact, day);
  }
}

function choose(state: UssdState, screen: ChoiceScreen, input: string, day: string): Move {
  const choice = Object.hasOwn(CHOICES[screen], input) ? CHOICES[screen][input] : undefined;
  if (choice === undefined) return mistaken(state, 'not_a_choice');
  const clean = { ...state, mistakes: 0 };
  if ('language' in choice) {
    const { language } = choice;
    return { ...show({ ...clean, language, screen: 'root' }), remember: { language } };
  }
  switch (choice.go) {
    case 'send':
      return walletOf(state.caller, day) === null ? end(TEXTS[state.language].not_served) : show({ ...clean, screen: 'number' });
    case 'status':
      return { kind: 'ask', state: clean, question: 'payments' };
    case 'submit':
      return { kind: 'ask', state: clean, question: 'submit' };
    case 'cancel':
      return end(TEXTS[state.language].cancelled);
    case 'language':
      return show({ ...clean, screen: 'language' });
  }
}

function enter(state: UssdState, screen: EntryScreen, input: string, day: string): Move {
  switch (screen) {
    case 'number':
      return enterNumber(state, input, day);
    case 'name': {
      const fullName = readName(input);
      if (fullName === null || state.receiver === null) return mistaken(state, 'not_a_name');
      const receiver = { ...state.receiver, fullName };
      return show({ ...state, mistakes: 0, receiver, screen: state.fullName === null ? 'own_name' : 'amount' });
    }
    case 'own_name': {
      const fullName = readName(input);
      if (fullName === null) return mistaken(state, 'not_a_name');
      return { ...show({ ...state, mistakes: 0, fullName, screen: 'amount' }), remember: { fullName } };
    }
    case 'amount':
      return enterAmount(state, input, day);
  }
}

function enterNumber(state: UssdState, input: string, day: string): Move {
  const caller = walletOf(state.caller, day);
  if (caller === null) return end(TEXTS[state.language].not_served);
  try {
    // A number with a leading zero is one of the caller's own country, as people write it at home.
    const national = /^0[1-9]/.test(input);
    const country = national ? caller.country : countryOf(`+${input.replaceAll(/\D/g, '').replace(/^0+/, '')}`);
    if (country === null) return mistaken(state, 'not_a_number');
    const receiver = parsePhone(input, country, day);
    if (receiver.e164 === caller.e164) return mistaken(state, 'own_number');
    corridorBetween(caller.country, receiver.country, day);
    return show({ ...state, mistakes: 0, receiver: { e164: receiver.e164, fullName: null }, screen: 'name' });
  } catch (error) {
    if (isFault(error, 'corridor_unavailable')) return mistaken(state, 'no_corridor');
    if (isFault(error, 'wallet_unknown')) return mistaken(state, 'no_wallet');
    if (isFault(error)) return mistaken(state, 'not_a_number');
    throw error;
  }
}

function enterAmount(state: UssdState, input: string, day: string): Move {
  const caller = walletOf(state.caller, day);
  if (caller === null) return end(TEXTS[state.language].not_served);
  const { currency } = countryByCode(caller.country, day);
  const amount = readAmount(input, currency);
  if (amount === null) return mistaken(state, 'not_an_amount');
  const rails = railsOfWallet(caller.walletId, day).filter((rail) => rail.collection !== null);
  if (!rails.some((rail) => carries(rail, 'collection', amount))) {
    const limits = rails.flatMap((rail) => rail.collection ?? []);
    if (limits.some(({ minMinor, maxMinor }) => amount.minor >= minMinor && amount.minor <= maxMinor))
      return mistaken(state, 'whole_amounts', { currency });
    const min = limits.reduce((least, each) => (each.minMinor < least ? each.minMinor : least), limits[0]?.minMinor ?? 0n);
    const max = limits.reduce((most, each) => (each.maxMinor > most ? each.maxMinor : most), 0n);
    const words = (minor: bigint): string => amountWords(money(minor, currency), state.language);
    return mistaken(state, 'amount_range', { min: words(min), max: words(max) });
  }
  return { kind: 'ask', state: { ...state, mistakes: 0, amountMinor: amount.minor.toString() }, question: 'quote' };
}

/** Shows what would be done. What no rail of the receiver pays out is asked for again instead. */
function confirmation(state: UssdState, day: string): Move {
  const order = orderOf(state, day);
  if (order === null || state.quoted === null) return end(TEXTS[state.language].not_now);
  const { receiver } = order;
  const quoted = money(BigInt(state.quoted.targetMinor), countryByCode(receiver.country, day).currency);
  const target = truncateToPlaces(quoted, payoutPlaces(receiver.walletId, day));
  if (!railsOfWallet(receiver.walletId, day).some((rail) => carries(rail, 'payout', target)))
    return mistaken({ ...state, screen: 'amount', amountMinor: null, quoted: null }, 'not_payable');
  return show({ ...state, screen: 'confirm' }, confirmationWords(state, order, target));
}

function confirmationWords(state: UssdState, order: Order, target: Money): string {
  return fillIn(TEXTS[state.language].confirm, {
    amount: amountWords(order.amount, state.language),
    fee: amountWords(money(BigInt(state.quoted?.feeMinor ?? '0'), order.amount.currency), state.language),
    name: nameWords(order.receiverName),
    number: msisdn(order.receiver.e164),
    target: amountWords(target, state.language),
  });
}

function refused(state: UssdState, refusal: Fact & { about: 'refusal' }, day: string): Move {
  const texts = TEXTS[state.language];
  if (refusal.unsure) return end(texts.unsure);
  switch (refusal.code) {
    case 'quote_expired':
      return { kind: 'ask', state: { ...state, quoted: null }, question: 'quote' };
    case 'amount_below_minimum':
      return mistaken({ ...state, screen: 'amount', amountMinor: null, quoted: null }, 'too_little');
    case 'corridor_unavailable':
      return end(texts.no_corridor);
    default:
      return walletOf(state.caller, day) === null ? end(texts.not_served) : end(texts.not_now);
  }
}

/** Everything that a submission needs, once it has all been given. */
export interface Order {
  readonly sender: WalletNumber;
  readonly senderName: string;
  readonly receiver: WalletNumber;
  readonly receiverName: string;
  readonly amount: Money;
}

/** What the session asks to be done; null while something is missing, or when the network no longer reaches both. */
export function orderOf(state: UssdState, day: string): Order | null {
  const sender = walletOf(state.caller, day);
  const receiver = state.receiver === null ? null : walletOf(state.receiver.e164, day);
  if (sender === null || receiver === null || state.amountMinor === null) return null;
  const [senderName, receiverName] = [state.fullName, state.receiver?.fullName ?? null];
  if (senderName === null || receiverName === null) return null;
  return {
    sender,
    senderName,
    receiver,
    receiverName,
    amount: money(BigInt(state.amountMinor), countryByCode(sender.country, day).currency),
  };
}

function paymentLines(state: UssdState, payments: readonly SentPayment[]): string {
  const lines = payments.slice(0, PAYMENTS_SHOWN_MAX).map(({ amount, receiver, status }) =>
    fillIn(TEXTS[state.language].payment_line, {
      amount: amountWords(amount, state.language),
      number: msisdn(receiver),
      status: statusWords(status, state.language),
    }),
  );
  return lines.length === 0 ? TEXTS[state.language].no_payments : lines.join('\n');
}

/** The screen of a state, with its choices or its question. */
function show(state: UssdState, text: string = screenWords(state)): Move & { kind: 'say' } {
  return { kind: 'say', state, text: fit(text) };
}

function screenWords(state: UssdState): string {
  const country = countryOf(state.caller);
  const currency = country === null ? '' : countryByCode(country).currency;
  return state.screen === 'confirm' ? TEXTS[state.language].confirm : fillIn(TEXTS[state.language][state.screen], { currency });
}

/** The same screen again, with what was wrong in front of it; the end when it was wrong too often. */
function mistaken(state: UssdState, mistake: TextId, values: Readonly<Record<string, string>> = {}): Move {
  const mistakes = state.mistakes + 1;
  if (mistakes >= MISTAKES_MAX) return end(TEXTS[state.language].too_many_mistakes);
  if (state.screen === 'confirm') {
    // Whoever mistypes here sees the terms again before anything is done.
    return { kind: 'ask', state: { ...state, mistakes }, question: 'quote' };
  }
  const next = { ...state, mistakes };
  return { kind: 'say', state: next, text: fit(`${fillIn(TEXTS[state.language][mistake], values)}\n${screenWords(next)}`) };
}

function end(text: string): Move {
  return { kind: 'say', state: null, text: fit(text) };
}

/** A text that every phone shows: of the 7-bit alphabet, and no longer than a screen. */
export function fit(text: string): string {
  let left = SCREEN_PLACES_MAX;
  let shown = '';
  for (const character of plainText(text)) {
    const places = gsm7Length(character);
    const taken = places === null ? '?' : character;
    left -= places ?? 1;
    if (left < 0) break;
    shown += taken;
  }
  return shown;
}

function countryOf(e164: string) {
  return COUNTRIES.find((entry) => e164.startsWith(`+${entry.callingCode}`))?.country ?? null;
}

function walletOf(e164: string, day: string): WalletNumber | null {
  const country = countryOf(e164);
  if (country === null) return null;
  try {
    return parsePhone(e164, country, day);
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}

function readName(input: string): string | null {
  try {
    return input.length > ENTRY_LENGTH_MAX ? null : nameOf(input);
  } catch (error) {
    return nullIfFault(error);
  }
}

function readAmount(input: string, currency: Money['currency']): Money | null {
  try {
    const amount = parseAmount(input, currency);
    return amount.minor > 0n ? amount : null;
  } catch (error) {
    return nullIfFault(error);
  }
}

function nullIfFault(error: unknown): null {
  if (isFault(error)) return null;
  throw error;
}
