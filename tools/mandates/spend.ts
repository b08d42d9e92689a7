/**
 * Spending under mandates. Whoever ever held a mandate pays only within one that is in force, and within every one above it. What is
 * spent is counted before the payment is stored; a count is taken back only when it is sure that no payment came of it.
 */
import type { Pool } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import type { Queryable } from '../../db/connect.ts';
import { intentFingerprint } from '../../db/intent-fingerprint.ts';
import type { Keyring } from '../../db/keyring.ts';
import { type AuditEvent, recordAuditEvents } from '../../db/queries/audit.ts';
import { findReferences } from '../../db/queries/intake.ts';
import {
  deleteSpends,
  findSpends,
  insertSpends,
  isBound,
  lockChains,
  type NewSpend,
  spentUnder,
  type StoredMandate,
} from '../../db/queries/mandates.ts';
import type { Clock } from '../../domain/clock.ts';
import { type Fault, fault, isFault } from '../../domain/errors.ts';
import type { PaymentIntent } from '../../domain/intent.ts';
import { isInForce } from '../../domain/mandate.ts';
import { spendRefusal, type Spend, type SpendRefusal, windowsOf } from '../../domain/spend-policy.ts';
import { isSealed } from './issue.ts';
import { unsignedAmong } from './sign.ts';

export interface MandateDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

export interface Spender {
  readonly clientId: string;
  readonly principal: string;
}

export interface MandateDesk {
  /** Whether somebody spends under mandates only. Remembered for some seconds. */
  isBound(spender: Spender): Promise<boolean>;
  /**
   * Submits an intent in somebody's name, within their mandates where they are bound. Throws `mandate_missing` when none is in force,
   * `mandate_exceeded` when none lets it through, and what `submit` throws.
   */
  spend<T>(spender: Spender, intent: PaymentIntent, submit: () => Promise<T>): Promise<T>;
  /**
   * The same for some hundreds of intents at once, with an outcome or a refusal for each in their order. `submit` gets those that the
   * mandates let through, and gives one outcome for each.
   */
  spendMany<T>(
    spender: Spender,
    intents: readonly PaymentIntent[],
    submit: (allowed: readonly PaymentIntent[]) => Promise<(T | Fault)[]>,
  ): Promise<(T | Fault)[]>;
}

const KNOWN_FOR_MS = 10_000;
const KNOWN_MAX = 10_000;
/**
 * Refusals that every request for the same intent gets, whenever it comes: none of them stores a payment. After any other error one
 * may be there, or come of a request that runs beside this one and was not counted again; it stays counted.
 */
const NOTHING_STORED = ['quote_not_found', 'quote_mismatch', 'duplicate_reference'] as const;

/** Makes the place where mandates are kept to. */
export function createMandateDesk(deps: MandateDeps): MandateDesk {
  const known = new Map<string, { readonly bound: boolean; readonly untilMs: number }>();
  const looks = new Map<string, Promise<boolean>>();

  async function look(key: string, { clientId, principal }: Spender, nowMs: number): Promise<boolean> {
    const found = await isBound(deps.pool, clientId, principal);
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(key, { bound: found, untilMs: nowMs + KNOWN_FOR_MS });
    return found;
  }

  async function bound(spender: Spender): Promise<boolean> {
    const key = `${spender.clientId} ${spender.principal}`;
    const earlier = known.get(key);
    const nowMs = deps.clock.now();
    // Nobody is ever unbound.
    if (earlier !== undefined && (earlier.bound || earlier.untilMs > nowMs)) return earlier.bound;
    // One look for all who wait for it.
    const looking = looks.get(key) ?? look(key, spender, nowMs).finally(() => looks.delete(key));
    looks.set(key, looking);
    return looking;
  }

  return {
    isBound: bound,
    async spend(spender, intent, submit) {
      const [outcome = noOutcome()] = await spendMany(spender, [intent], async () => [await submit().catch(asFault)]);
      if (isFault(outcome)) throw outcome;
      return outcome;
    },
    spendMany,
  };

  async function spendMany<T>(
    spender: Spender,
    intents: readonly PaymentIntent[],
    submit: (allowed: readonly PaymentIntent[]) => Promise<(T | Fault)[]>,
  ): Promise<(T | Fault)[]> {
    if (!(await bound(spender))) return submit(intents);
    const counts = await withTransaction(deps.pool, (tx) => countAll(tx, deps, spender, intents));
    const allowed = intents.filter((_intent, index) => !isFault(counts[index]));
    const submitted = allowed.length === 0 ? [] : await submit(allowed);
    let next = 0;
    const returned: Counted[] = [];
    const outcomes = counts.map((counted): T | Fault => {
      if (isFault(counted)) return counted;
      const outcome = submitted[next++] ?? noOutcome();
      if (counted !== null && NOTHING_STORED.some((code) => isFault(outcome, code))) returned.push(counted);
      return outcome;
    });
    if (returned.length > 0) {
      const nowMs = deps.clock.now();
      await withTransaction(deps.pool, (tx) => giveBack(tx, spender, returned, nowMs));
    }
    return outcomes;
  }
}

const noOutcome = (): Fault => fault('internal', { internal: 'an intent without an outcome' });

/** A fault of the catalogue is an outcome; anything else is none. */
function asFault(error: unknown): Fault {
  if (isFault(error)) return error;
  throw error;
}

/** What was counted, against the mandate that its holder spends under. */
interface Counted extends NewSpend {
  readonly mandateId: string;
}

/** What a principal may spend under at this moment. */
interface Standing {
  readonly chains: readonly (readonly StoredMandate[])[];
  /** There would be more, if they were signed. */
  readonly isUnsigned: boolean;
}

/** Counts intents in their order, each against what those before it left. What is refused stands in the place of its count. */
async function countAll(
  tx: Queryable,
  deps: MandateDeps,
  spender: Spender,
  intents: readonly PaymentIntent[],
): Promise<(Counted | null | Fault)[]> {
  const standing = await standingOf(tx, deps, spender);
  // Under the lock: whatever the same holder counts beside this comes before or after it.
  const earlier = await earlierUnder(tx, spender.clientId, intents);
  const counts: (Counted | null | Fault)[] = [];
  const events: AuditEvent[] = [];
  for (const intent of intents) {
    // What is refused is refused before anything is written for it, so the transaction stays whole.
    const counted = await count(tx, deps, spender, standing, earlier.get(intent.referenceId), intent).catch(asFault);
    counts.push(counted);
    if (counted === null || isFault(counted)) continue;
    earlier.set(intent.referenceId, counted.fingerprint);
    events.push(eventOf(counted, 'mandate.spent', spender.principal));
  }
  await recordAuditEvents(tx, events, deps.clock.now());
  return counts;
}

/** The fingerprints of what was counted or made before under the references of intents. */
async function earlierUnder(tx: Queryable, clientId: string, intents: readonly PaymentIntent[]): Promise<Map<string, Buffer>> {
  const references = [...new Set(intents.map(({ referenceId }) => referenceId))];
  const made = await findReferences(
    tx,
    references.map((referenceId) => ({ clientId, referenceId })),
  );
  const counted = await findSpends(tx, clientId, references);
  return new Map([...made.map(({ referenceId, fingerprint }) => [referenceId, fingerprint] as const), ...counted]);
}

async function standingOf(tx: Queryable, { keyring, clock }: MandateDeps, { clientId, principal }: Spender): Promise<Standing> {
  const nowMs = clock.now();
  const mandates = await lockChains(tx, clientId, principal);
  const chains = [...mandates.values()]
    .filter(({ mandate }) => mandate.holder === principal)
    .map((held) => chainOf(mandates, held))
    .filter((chain) => chain.every((each) => each.revokedAt === null && isInForce(each.mandate, nowMs) && isSealed(keyring, each)));
  if (chains.length === 0) return { chains, isUnsigned: false };
  const inForce = new Map(chains.flat().map(({ mandate }) => [mandate.id, mandate]));
  const unsigned = await unsignedAmong(tx, clientId, [...inForce.values()]);
  return { chains: chains.filter((chain) => chain.every(({ mandate }) => !unsigned.has(mandate.id))), isUnsigned: unsigned.size > 0 };
}

/**
 * Counts an intent against the first chain of mandates that lets it through. Null when nothing is to be counted: it was before, or its
 * payment is there already, made by somebody who spends under no mandate.
 */
async function count(
  tx: Queryable,
  { keyring, clock }: MandateDeps,
  spender: Spender,
  { chains, isUnsigned }: Standing,
  earlier: Buffer | undefined,
  intent: PaymentIntent,
): Promise<Counted | null> {
  const { clientId } = spender;
  const { referenceId, amount } = intent;
  const nowMs = clock.now();
  const fingerprint = intentFingerprint(keyring, clientId, intent);
  if (earlier?.equals(fingerprint)) return null;
  if (earlier !== undefined) throw fault('duplicate_reference', { field: 'referenceId' });
  if (chains.length === 0)
    throw fault(
      'mandate_missing',
      isUnsigned ? { detail: 'A mandate waits for the signature of whoever has a key registered for it.' } : {},
    );
  const payees = keyring.blindIndexes(intent.receiver.phone, clientId);
  const spend = { clientId, referenceId, fingerprint, amountMinor: amount.minor, currency: amount.currency, payeeIndex: payees[0] };
  let refusal: SpendRefusal = 'per_payment';
  for (const chain of chains) {
    const refused = await refusalOf(tx, chain, intent, payees, nowMs);
    if (refused === null) return take(tx, chain, { ...spend, atMs: nowMs });
    refusal = refused;
  }
  throw fault('mandate_exceeded', { detail: REFUSALS[refusal] });
}

const REFUSALS: Readonly<Record<SpendRefusal, string>> = {
  per_payment: 'The payment is larger than the mandate allows for one, or in another currency.',
  budget: 'The payment would pass what the budget of the mandate leaves at this moment.',
  velocity: 'The mandate allows no more payments at this moment.',
  uses: 'The mandate is used up.',
  corridor: 'The mandate does not allow this corridor.',
  purpose: 'The mandate does not allow this purpose.',
  payee: 'The mandate does not allow this payee.',
  hours: 'The mandate does not allow payments at this hour.',
  cooling_off: 'The payee is new; the mandate allows them less at first.',
};

function chainOf(mandates: ReadonlyMap<string, StoredMandate>, held: StoredMandate): StoredMandate[] {
  const chain = [held];
  for (let parentId = held.mandate.parentId; parentId !== null; ) {
    const parent = mandates.get(parentId);
    if (parent === undefined) throw new RangeError(`mandate ${parentId} is gone`);
    chain.push(parent);
    parentId = parent.mandate.parentId;
  }
  return chain;
}

/** The first rule that any mandate of a chain has against an intent. */
async function refusalOf(
  tx: Queryable,
  chain: readonly StoredMandate[],
  intent: PaymentIntent,
  payees: readonly Buffer[],
  nowMs: number,
): Promise<SpendRefusal | null> {
  const { amount, sender, receiver, purpose } = intent;
  const spend: Spend = {
    amountMinor: amount.minor,
    currency: amount.currency,
    corridor: `${sender.country}-${receiver.country}`,
    purpose,
    payees: payees.map((payee) => payee.toString('hex')),
    atMs: nowMs,
  };
  for (const { mandate } of chain) {
    const windows = windowsOf(mandate.policy);
    const asked = { windows, uses: mandate.policy.usesMax !== undefined, payees: mandate.policy.coolingOff === undefined ? [] : payees };
    const spent = await spentUnder(tx, mandate.id, { ...asked, currency: amount.currency, atMs: nowMs });
    const refusal = spendRefusal(mandate.policy, spend, spent);
    if (refusal !== null) return refusal;
  }
  return null;
}

async function take(tx: Queryable, chain: readonly StoredMandate[], spend: NewSpend): Promise<Counted> {
  const mandateIds = chain.map(({ mandate }) => mandate.id);
  await insertSpends(tx, spend, mandateIds);
  return { ...spend, mandateId: mandateIds[0] ?? '' };
}

async function giveBack(tx: Queryable, { clientId, principal }: Spender, returned: readonly Counted[], nowMs: number): Promise<void> {
  const references = await deleteSpends(tx, clientId, returned);
  const events = returned
    .filter(({ referenceId }) => references.has(referenceId))
    .map((each) => eventOf(each, 'mandate.spend_returned', principal));
  await recordAuditEvents(tx, events, nowMs);
}

function eventOf({ clientId, mandateId, amountMinor, currency, fingerprint }: Counted, action: string, actor: string): AuditEvent {
  const details = { amountMinor: String(amountMinor), currency, fingerprint: fingerprint.toString('hex') };
  return { clientId, actor, action, subject: `mandate:${mandateId}`, details };
}
