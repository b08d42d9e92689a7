/**
 * The way in: checked intents become stored payments. A payment that was answered for is on disk;
 * a reference that was used before gives the payment it was used for, or is refused when it was for
 * something else.
 *
 * Requests that arrive together share one statement (see `bounded-commit.ts`). Names and numbers leave
 * this module as ciphertext, under the data key of their person, and as keyed hashes only.
 */
import type { Pool } from 'pg';
import { intentFingerprint } from '../db/intent-fingerprint.ts';
import type { Keyring } from '../db/keyring.ts';
import { joinParties } from '../db/person-keys.ts';
import { findReferences, type NewPayment, storePayments } from '../db/queries/intake.ts';
import { findQuotes, type QuoteRow } from '../db/queries/quotes.ts';
import type { Clock } from '../domain/clock.ts';
import { type Fault, fault, isFault } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { PaymentIntent } from '../domain/intent.ts';
import { createBoundedCommit, type Flushed } from './bounded-commit.ts';
import { createKnownPeople, type Known, type KnownPeople, type PreparedParty } from './known-people.ts';
import { turnTaker } from '../tools/turns.ts';

export interface IntakeDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
  /** Hears after each commit that payments wait to be authorised. */
  readonly notify: (hint: 'authorize') => void;
  /** Payments that may wait for their commit; 20,000 unless told. */
  readonly waitingMax?: number;
}

export interface Submitted {
  readonly paymentId: string;
  /** The reference was used before, for the same intent: this is the payment it was used for. */
  readonly replayed: boolean;
  readonly createdAtMs: number;
}

export interface Intake {
  /** Stores one intent, in the name of whoever handed it in, where somebody did. Throws `duplicate_reference`, `overloaded`, `quote_…`, `database_unavailable`. */
  submit(clientId: string, intent: PaymentIntent, principal?: string): Promise<Submitted>;
  /** Stores some hundreds of intents of one batch, with a verdict for each in their order; gives way to others in between. */
  submitMany(clientId: string, batchId: string, intents: readonly PaymentIntent[], principal?: string): Promise<(Submitted | Fault)[]>;
  /** Payments that wait for their commit. */
  depth(): number;
  /** Requests that wait for one: a batch is one request, however many payments of it wait. */
  requests(): number;
  /** Resolves when everything handed in is committed. */
  drain(): Promise<void>;
}

/** An intent on its way into the next statement. */
interface Waiting {
  readonly clientId: string;
  readonly batchId: string | null;
  readonly principal: string | null;
  readonly intent: PaymentIntent;
  /** Made when the statement is: one kind of work for all of them together is done in half the time. */
  prepared: Prepared | null;
}

interface Prepared {
  readonly payment: Omit<NewPayment, 'senderId' | 'receiverId' | 'parties'>;
  readonly sender: PreparedParty;
  readonly receiver: PreparedParty;
}

const FLUSH_MAX = 500;
/** What is broken by a payment one of whose parties is not there. */
const PARTY_KEYS: ReadonlySet<string> = new Set(['payments_sender_id_users_id_fk', 'payments_receiver_id_users_id_fk']);

/** Makes the way in. One per process, so that all its requests can share statements. */
export function createIntake(deps: IntakeDeps): Intake {
  const people = createKnownPeople(deps);
  const commit = createBoundedCommit<Waiting, Submitted>({
    flush: (items) =>
      flush(
        deps,
        people,
        items.map((item) => (item.prepared ??= prepare(deps, people, item))),
      ),
    flushMax: FLUSH_MAX,
    waitingMax: deps.waitingMax ?? 20_000,
    // Neither another client nor a batch, however many rows wait, is waited for.
    laneOf: ({ clientId, batchId }) => (batchId === null ? clientId : `${clientId} in batches`),
  });

  let requests = 0;
  /** Counts a request for as long as it waits. */
  async function counted<Out>(request: Promise<Out>): Promise<Out> {
    requests += 1;
    try {
      return await request;
    } finally {
      requests -= 1;
    }
  }

  async function submit(clientId: string, intent: PaymentIntent, principal: string | null = null): Promise<Submitted> {
    if (intent.quoteId !== null) {
      const refusal = (await checkQuotes(deps, clientId, [intent]))[0];
      if (refusal) throw refusal;
    }
    return commit.submit({ clientId, batchId: null, principal, intent, prepared: null });
  }

  async function submitMany(
    clientId: string,
    batchId: string,
    intents: readonly PaymentIntent[],
    principal: string | null = null,
  ): Promise<(Submitted | Fault)[]> {
    const refusals = await checkQuotes(deps, clientId, intents);
    const verdicts: Promise<Submitted | Fault>[] = [];
    /** Whether a row of the reference has been taken, once those so far are through. */
    const takenByReference = new Map<string, Promise<boolean>>();
    const takeTurn = turnTaker();
    for (const [index, intent] of intents.entries()) {
      const turn = takeTurn();
      if (turn) await turn;
      const submitIt = () => orFault(commit.submit({ clientId, batchId, principal, intent, prepared: null }));
      // Of rows with one reference the first that is taken counts, also when their statements run side by side. The others then go together.
      const earlier = takenByReference.get(intent.referenceId);
      const refusal = refusals[index];
      const verdict = refusal ? Promise.resolve(refusal) : earlier ? earlier.then(submitIt) : submitIt();
      const isTaken = async (): Promise<boolean> => (await earlier) === true || !isFault(await verdict);
      takenByReference.set(intent.referenceId, isTaken());
      verdicts.push(verdict);
    }
    return Promise.all(verdicts);
  }

  return {
    submit: (...request) => counted(submit(...request)),
    submitMany: (...request) => counted(submitMany(...request)),
    depth: commit.depth,
    requests: () => requests,
    drain: commit.drain,
  };
}

/** In a batch an error is the verdict of its row. */
function orFault(submitted: Promise<Submitted>): Promise<Submitted | Fault> {
  return submitted.catch((error: unknown) => (isFault(error) ? error : fault('internal', { cause: error })));
}

/** What speaks against each intent's quote; the exchange-rate agent looks again, under lock, when it is used. */
async function checkQuotes(deps: IntakeDeps, clientId: string, intents: readonly PaymentIntent[]): Promise<(Fault | undefined)[]> {
  const wanted = intents.flatMap((intent) => intent.quoteId ?? []);
  if (wanted.length === 0) return [];
  const quotes = new Map((await findQuotes(deps.pool, clientId, wanted)).map((quote) => [quote.id, quote]));
  const nowMs = deps.clock.now();
  const refusals = intents.map((intent) => (intent.quoteId === null ? undefined : quoteRefusal(quotes.get(intent.quoteId), intent, nowMs)));
  const late = intents.filter((_intent, index) => isFault(refusals[index], 'quote_expired'));
  if (late.length === 0) return refusals;
  // Whoever asks again for a payment that is there must hear of it, though its quote has expired since: a refusal would have it made anew.
  const made = await findReferences(
    deps.pool,
    late.map(({ referenceId }) => ({ clientId, referenceId })),
  );
  const references = new Set(made.map(({ referenceId }) => referenceId));
  return refusals.map((refusal, index) =>
    isFault(refusal, 'quote_expired') && references.has(intents[index]?.referenceId ?? '') ? undefined : refusal,
  );
}

function quoteRefusal(quote: QuoteRow | undefined, intent: PaymentIntent, nowMs: number): Fault | undefined {
  if (!quote) return fault('quote_not_found', { field: 'quoteId' });
  const matches =
    quote.amount === intent.amount.minor &&
    quote.fromCurrency === intent.amount.currency &&
    quote.toCurrency === intent.toCurrency &&
    quote.fromCountry === intent.sender.country &&
    quote.toCountry === intent.receiver.country;
  if (!matches) return fault('quote_mismatch', { field: 'quoteId' });
  // A used quote may belong to the very payment whose request is repeated; its reference tells.
  if (quote.paymentId !== null) return undefined;
  return quote.expiresAt.getTime() <= nowMs ? fault('quote_expired', { field: 'quoteId' }) : undefined;
}

function prepare(deps: IntakeDeps, people: KnownPeople, { clientId, batchId, principal, intent }: Waiting): Prepared {
  const { sender, receiver, amount } = intent;
  return {
    payment: {
      id: newId(),
      clientId,
      referenceId: intent.referenceId,
      fingerprint: intentFingerprint(deps.keyring, clientId, intent),
      batchId,
      amountMinor: amount.minor,
      fromCurrency: amount.currency,
      toCurrency: intent.toCurrency,
      fromCountry: sender.country,
      toCountry: receiver.country,
      funding: intent.funding,
      delivery: intent.delivery,
      senderWallet: sender.walletId,
      receiverWallet: receiver.walletId,
      preference: intent.preference,
      purpose: intent.purpose,
      quoteId: intent.quoteId,
      principal,
    },
    sender: people.prepare(clientId, sender),
    receiver: people.prepare(clientId, receiver),
  };
}

async function flush(deps: IntakeDeps, people: KnownPeople, items: readonly Prepared[]): Promise<Flushed<Submitted>[]> {
  const nowMs = deps.clock.now();
  try {
    const settled = await people.settle(
      items.flatMap(({ sender, receiver }) => [sender, receiver]),
      nowMs,
    );
    const ready = items.flatMap((item) => paymentOf(people, settled, item) ?? []);
    const stored = await storePayments(deps.pool, ready.toSorted(byReference), nowMs);
    if (stored.size > 0) deps.notify('authorize');
    const repeated = ready.filter((payment) => !stored.has(payment.id));
    const earlier = repeated.length === 0 ? new Map<string, Flushed<Submitted>>() : await answerRepeated(deps, repeated);
    return items.map(({ payment: { id } }) =>
      stored.has(id) ? { result: { paymentId: id, replayed: false, createdAtMs: nowMs } } : (earlier.get(id) ?? 'again'),
    );
  } catch (error) {
    if (!PARTY_KEYS.has((error as { constraint?: string }).constraint ?? '')) throw error;
    // Somebody who is remembered was erased meanwhile, or a crash of the database undid them: everybody is looked up again.
    people.forget();
    return items.map(() => 'again');
  }
}

/** The payment with its parties under the keys that are theirs; null while one of them has no key yet. */
function paymentOf(people: KnownPeople, settled: ReadonlyMap<string, Known>, { payment, sender, receiver }: Prepared): NewPayment | null {
  const [from, to] = [settled.get(sender.personKey), settled.get(receiver.personKey)];
  if (from === undefined || to === undefined) return null;
  const parties = joinParties(people.sealedFor(from, sender), people.sealedFor(to, receiver));
  return { ...payment, senderId: from.userId, receiverId: to.userId, parties };
}

/** The order in which every flush takes its locks, so that two flushes never wait for each other in a circle. */
function byReference(a: NewPayment, b: NewPayment): number {
  if (a.clientId !== b.clientId) return a.clientId < b.clientId ? -1 : 1;
  return a.referenceId < b.referenceId ? -1 : 1;
}

/** Answers for references that were used before: the earlier payment, or a refusal. */
async function answerRepeated(deps: IntakeDeps, repeated: readonly NewPayment[]): Promise<Map<string, Flushed<Submitted>>> {
  const keyOf = (each: { clientId: string; referenceId: string }) => `${each.clientId}:${each.referenceId}`;
  const earlier = new Map((await findReferences(deps.pool, repeated)).map((each) => [keyOf(each), each]));
  const answers = new Map<string, Flushed<Submitted>>();
  for (const payment of repeated) {
    const found = earlier.get(keyOf(payment));
    if (!found) continue;
    answers.set(
      payment.id,
      found.fingerprint.equals(payment.fingerprint)
        ? { result: { paymentId: found.paymentId, replayed: true, createdAtMs: found.createdAt.getTime() } }
        : { error: fault('duplicate_reference', { field: 'referenceId' }) },
    );
  }
  return answers;
}
