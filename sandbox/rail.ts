/**
 * The core every sandbox operator shares: float and transactions, how each of them goes on in time, and
 * the callbacks it sends. What travels on the wire is the protocol's business.
 */
import type { Rail } from '../domain/rail.ts';
import {
  type AnswerFate,
  callbackFault,
  type CallbackFate,
  type CallFault,
  callFault,
  type Failure,
  type Fate,
  type Faults,
  fateOfNumber,
  inquiryFault,
  type Kind,
} from './fates.ts';
import { opposite, told } from './lies.ts';
import { createIndex, type Index } from './lookup.ts';
import { foretoldByNumber } from './numbers.ts';
import { balanceOf, type Books, booksOf, type Journal, type Transaction } from './journal.ts';
import { type Chance, logNormalMs } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { FateScripts, Subject } from './scripts.ts';
import { statementOf } from './statements.ts';
import type { Tokens } from './tokens.ts';
import { type Answer, page, type SandboxAnswer } from './wire.ts';

/** `refusing`: the gateway takes no token and gives none · `silent`: connections end without an answer. */
export type Mode = 'up' | 'refusing' | 'silent';

export interface CallbackMessage {
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RailDeps {
  readonly rail: Rail;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly tokens: Tokens;
  /** How many times faster than real time people and operators are. */
  readonly speed: number;
  readonly faults: Faults;
  /** Numbers that have paid in on any rail. */
  readonly paidIn: Set<string>;
  /** Fates that somebody has written for payments to come. */
  readonly scripts?: FateScripts;
  /** Sends a callback; never throws. */
  readonly deliver: (message: CallbackMessage) => Promise<void>;
  /** Sends a question and gives its answer; null when there is none. */
  readonly ask: (message: CallbackMessage) => Promise<string | null>;
}

export interface Submission {
  readonly kind: Kind;
  readonly ourReference: string;
  readonly amountMinor: bigint;
  readonly phone: string;
  readonly callbackUrl: string | null;
  /** A failure the protocol's own checks have found; the number and the rail decide otherwise. */
  readonly failure?: Failure;
  /** The customer makes it by themselves: there is nothing to decline. */
  readonly unprompted?: true;
  /** The protocol's ids for it, made from the operator's receipt. */
  readonly namesOf: (receipt: string) => Record<string, string>;
  /** Fields of the request that the protocol's messages repeat. */
  readonly notes?: Readonly<Record<string, string>>;
  /** The customer acts on a page, and only once they were led there; see `open`. */
  readonly onPage?: true;
}

export interface SandboxRail {
  readonly rail: Rail;
  readonly isHub: boolean;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly tokens: Tokens;
  mode: Mode;
  faults: Faults;
  /** Puts a transaction into the books and lets it run. */
  submit(submission: Submission): Promise<Transaction>;
  /** The customer of a transaction opens its page, if they have not yet. */
  open(transaction: Transaction): Promise<void>;
  /** The latest transaction of ours under a reference. */
  byReference(kind: Kind, ourReference: string): Transaction | undefined;
  /** The transaction that carries this id among its protocol's names, or as its receipt. */
  byName(name: string): Transaction | undefined;
  transactions(): Iterable<Transaction>;
  balanceMinor(): bigint;
  books(): Books;
  /** The operator's statement of a day in its country: "2026-11-25". Throws for what is no day. */
  statement(day: string): string;
  /** A transaction as the operator tells it: inquiries answer by this. */
  told(transaction: Transaction): Transaction;
  /** The failure the customer's number foretells; for protocols that refuse at once. */
  foretold(kind: Kind, phone: string): Failure | null;
  /** Runs a call that moves money, under the faults of chance and number. */
  underFaults(call: MoneyCall, act: () => Promise<SandboxAnswer>): Promise<Answer>;
  /** Runs an inquiry under the faults of chance. */
  inquiry(reference: string, error: SandboxAnswer, act: () => SandboxAnswer): Answer;
  /** How often this name was counted, this time included. */
  count(name: string): number;
  /** Sends something later that is not about a transaction's own end; the delay is scaled by the speed. */
  deliverLater(delayMs: number, message: CallbackMessage): void;
  /** Asks us something before a transaction; null when no answer came. */
  ask(message: CallbackMessage): Promise<string | null>;
}

export interface MoneyCall {
  readonly kind: Kind;
  readonly reference: string;
  readonly phone: string;
  readonly amountMinor: bigint;
  readonly refusals: Refusals;
}

/** How a protocol writes that it did nothing, for whatever reason of its own. */
export interface Refusals {
  readonly error: SandboxAnswer;
  readonly busy: SandboxAnswer;
  readonly staleToken: SandboxAnswer;
}

/** The protocol's message about the end of a transaction; null when it sends none. */
export type MessageOf = (rail: SandboxRail, transaction: Transaction) => CallbackMessage | null;

const CUSTOMER_MEDIAN_MS = 300;
const OPERATOR_MEDIAN_MS = 120;
const CALLBACK_MS = 30;
const SECOND_CALLBACK_MS = 400;
const LATE_CALLBACK_MS = 3_000;

/** Noted with transactions whose customer acts on a page. */
const PAGE = 'actsOn';

const RECEIPT_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

interface Core {
  readonly deps: RailDeps;
  readonly isHub: boolean;
  readonly index: Index;
  readonly counts: Map<string, number>;
  /** Transactions whose page nobody has opened. */
  readonly unopened: Set<Transaction>;
  readonly messageOf: MessageOf;
  balanceMinor: bigint;
  /** Set once the rail stands; its modes and fault rates change while it runs. */
  self: SandboxRail;
}

/** Makes an operator out of its journal and lets everything that was under way go on. */
export function createRail(deps: RailDeps, messageOf: MessageOf): SandboxRail {
  const { scheduler, chance, journal, rail } = deps;
  const isHub = rail.id.startsWith('hub-');
  const index = createIndex(journal.transactions);
  const self: SandboxRail = {
    rail,
    isHub,
    scheduler,
    chance,
    tokens: deps.tokens,
    mode: 'up',
    faults: deps.faults,
    submit: (submission) => submit(core, submission),
    open: async (transaction) => {
      if (core.unopened.delete(transaction)) await begin(core, transaction, scheduler.now());
    },
    byReference: (kind, ourReference) => index.byReference.get(`${kind} ${ourReference}`),
    byName: (name) => index.byName.get(name),
    transactions: () => index.all,
    balanceMinor: () => core.balanceMinor,
    books: () => booksOf(journal.opening, index.all),
    statement: (day) => statementOf({ rail, opening: journal.opening, transactions: index.all, chance }, day),
    told: (transaction) => told(transaction, scheduler.now(), deps.speed),
    foretold: (kind, phone) => fateOf(core, { railId: rail.id, kind, phone }, deps.paidIn.has(phone), false).failure,
    underFaults: (call, act) => underFaults(core, call, act),
    inquiry: (reference, error, act) => inquire(core, reference, error, act),
    count: (name) => countOf(core, name),
    deliverLater: (delayMs, message) => scheduler.after(delayMs / deps.speed, () => deps.deliver(message)),
    ask: (message) => deps.ask(message),
  };
  const core: Core = {
    deps,
    isHub,
    index,
    counts: new Map(),
    unopened: new Set(),
    messageOf,
    balanceMinor: balanceOf(journal.opening, index.all),
    self,
  };
  for (const transaction of index.all) {
    // Whether a page was opened before a restart is not in the books; whoever asks about it again opens it again.
    if (transaction.state === 'pending' && PAGE in transaction.notes) core.unopened.add(transaction);
    else if (transaction.state === 'pending') run(core, transaction, transaction.dueAtMs);
    else scheduleCallbacks(core, transaction);
  }
  return self;
}

/** The fate of a transaction: as it was written, else as its number says. */
function fateOf(core: Core, subject: Subject, hasPaidIn: boolean, use: boolean): Fate {
  const { phone, kind } = subject;
  const byEnding = fateOfNumber(phone, kind, core.isHub, hasPaidIn);
  const published = kind === 'disbursement' && hasPaidIn ? null : foretoldByNumber(core.deps.rail.protocol, phone, kind);
  const fate = published === null ? byEnding : { ...byEnding, ...published };
  return core.deps.scripts?.apply(subject, fate, use) ?? fate;
}

function countOf(core: Core, name: string): number {
  const next = (core.counts.get(name) ?? 0) + 1;
  core.counts.set(name, next);
  return next;
}

async function submit(core: Core, submission: Submission): Promise<Transaction> {
  const transaction = makeTransaction(core, submission, countOf(core, `taken ${submission.ourReference}`));
  core.deps.journal.taken(transaction);
  core.index.add(transaction);
  // An early callback comes before the answer, whatever people do.
  if (submission.onPage && transaction.callback !== 'early') core.unopened.add(transaction);
  else await begin(core, transaction, transaction.atMs);
  return transaction;
}

/** Lets the customer, or the operator, begin with a transaction. */
async function begin(core: Core, transaction: Transaction, nowMs: number): Promise<void> {
  if (transaction.callback !== 'early') return run(core, transaction, transaction.dueAtMs + nowMs - transaction.atMs);
  settle(core, transaction);
  await tell(core, transaction);
}

function run(core: Core, transaction: Transaction, dueAtMs: number): void {
  const { scheduler } = core.deps;
  scheduler.after(Math.max(0, dueAtMs - scheduler.now()), () => {
    settle(core, transaction);
    scheduleCallbacks(core, transaction);
  });
}

/** Ends a transaction; a payout the float does not cover fails here, where the money would leave. */
function settle(core: Core, transaction: Transaction): void {
  if (transaction.failure === null && transaction.kind === 'disbursement' && core.balanceMinor < transaction.amountMinor) {
    transaction.failure = 'float_too_low';
  }
  transaction.state = transaction.failure === null ? 'succeeded' : 'failed';
  transaction.settledAtMs = core.deps.scheduler.now();
  core.deps.journal.settled(transaction);
  if (transaction.state === 'failed') return;
  core.balanceMinor += transaction.kind === 'collection' ? transaction.amountMinor : -transaction.amountMinor;
  if (transaction.kind === 'collection') core.deps.paidIn.add(transaction.phone);
}

function scheduleCallbacks(core: Core, transaction: Transaction): void {
  const { scheduler, speed } = core.deps;
  if (transaction.callbackUrl === null) return;
  const sinceMs = scheduler.now() - (transaction.settledAtMs ?? scheduler.now());
  for (const delayMs of callbackDelays(transaction.callback).slice(transaction.told)) {
    scheduler.after(Math.max(0, delayMs / speed - sinceMs), () => tell(core, transaction));
  }
}

async function tell(core: Core, transaction: Transaction): Promise<void> {
  const isContrary = transaction.callback === 'contradicting' && transaction.told > 0;
  const seen = core.self.told(transaction);
  const message = core.messageOf(core.self, isContrary ? opposite(seen) : seen);
  if (message === null) return;
  transaction.told += 1;
  core.deps.journal.told(transaction);
  await core.deps.deliver(message);
}

/** When callbacks go out after the end of a transaction, in unscaled milliseconds. An early one is out already. */
function callbackDelays(fate: CallbackFate): readonly number[] {
  switch (fate) {
    case 'lost':
    case 'early':
      return [];
    case 'twice':
    case 'contradicting':
      return [CALLBACK_MS, CALLBACK_MS + SECOND_CALLBACK_MS];
    case 'late':
      return [LATE_CALLBACK_MS];
    case 'once':
      return [CALLBACK_MS];
  }
}

async function underFaults(core: Core, call: MoneyCall, act: () => Promise<SandboxAnswer>): Promise<Answer> {
  const { chance, rail } = core.deps;
  const { kind, reference, phone, amountMinor, refusals } = call;
  const calls = countOf(core, `call ${reference}`);
  const subject = { railId: rail.id, kind, phone, amountMinor, reference };
  // Asked before it acts: acting may use the script up.
  const fate = fateOf(core, subject, false, false);
  const fault = fate.answer ?? callFault(chance, core.self.faults, rail.id, kind, reference, calls);
  // A token that was refused is made anew, and the call with it is another one.
  const unacted = fault === 'stale_token' && calls > 1 ? null : withoutActing(core, fault, refusals);
  if (unacted !== null) {
    if (fate.answer !== null) fateOf(core, subject, false, true);
    return unacted;
  }
  const answer = await act();
  if (fault === 'lost_after') return 'cut';
  if (fate.answer === null && answer.status < 300 && fate.answerLost) return 'cut';
  return fault === 'page_after' ? page(504) : answer;
}

/** The answer of an operator that did not act; null where it acts. */
function withoutActing(core: Core, fault: CallFault | AnswerFate, { error, busy, staleToken }: Refusals): Answer | null {
  switch (fault) {
    case 'lost_before':
      return 'cut';
    case 'error':
      return error;
    case 'page_before':
      return page(502);
    case 'busy':
      return busy;
    case 'stale_token':
      core.self.tokens.expireAll();
      return staleToken;
    default:
      return null;
  }
}

function inquire(core: Core, reference: string, error: SandboxAnswer, act: () => SandboxAnswer): Answer {
  const { chance, rail } = core.deps;
  const fault = inquiryFault(chance, core.self.faults, rail.id, reference, countOf(core, `inquiry ${reference}`));
  if (fault === 'cut') return 'cut';
  if (fault === 'error') return error;
  return fault === 'page' ? page(502) : act();
}

function makeTransaction(core: Core, submission: Submission, occurrence: number): Transaction {
  const { rail, chance, scheduler, speed, paidIn } = core.deps;
  const { kind, ourReference, phone, amountMinor, callbackUrl } = submission;
  const fate = fateOf(core, { railId: rail.id, kind, phone, amountMinor, reference: ourReference }, paidIn.has(phone), true);
  const names = [rail.id, kind, ourReference, occurrence] as const;
  const medianMs = kind === 'collection' ? CUSTOMER_MEDIAN_MS : OPERATOR_MEDIAN_MS;
  const timeMs = logNormalMs(medianMs, chance.draw('time', ...names), chance.draw('turn', ...names)) * fate.slowness;
  const callback = fate.callback ?? callbackFault(chance, core.self.faults, ...names);
  const receipt = chance.text(RECEIPT_ALPHABET, 10, 'receipt', ...names);
  return {
    id: receipt,
    kind,
    ourReference,
    amountMinor,
    phone,
    callbackUrl,
    names: submission.namesOf(receipt),
    notes: { ...submission.notes, ...(submission.onPage ? { [PAGE]: 'page' } : {}) },
    atMs: scheduler.now(),
    dueAtMs: scheduler.now() + (callback === 'early' ? 0 : timeMs / speed),
    callback,
    ...(Object.keys(fate.lies).length === 0 ? {} : { lies: fate.lies }),
    state: 'pending',
    ...failureOf(rail, submission, fate),
    settledAtMs: null,
    told: 0,
  };
}

/** Why it fails: what the protocol found, then the rail's limits, then its fate, which alone knows codes of its own. */
function failureOf(rail: Rail, submission: Submission, fate: Fate): Pick<Transaction, 'failure' | 'code'> {
  const found = submission.failure ?? limitFailure(rail, submission.kind, submission.amountMinor);
  if (found !== null) return { failure: found };
  const failure = foretoldFailure(submission, fate);
  return failure === null || fate.code === null ? { failure } : { failure, code: fate.code };
}

function foretoldFailure({ unprompted }: Submission, { failure }: Fate): Failure | null {
  return unprompted && failure === 'declined' ? null : failure;
}

function limitFailure(rail: Rail, kind: Kind, amountMinor: bigint): Failure | null {
  const limits = kind === 'collection' ? rail.collection : rail.payout;
  if (limits === null) return 'unavailable';
  if (amountMinor < limits.minMinor) return 'below_minimum';
  return amountMinor > limits.maxMinor ? 'above_maximum' : null;
}
