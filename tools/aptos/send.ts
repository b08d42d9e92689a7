/**
 * Sends a transaction for a step of some subject, once, however often it is asked to, and says what came of it: executed,
 * refused or failed for sure, or unknown. Asked again about one that is unknown, it looks for it and at most sends the very
 * same bytes; a new one is made only after the chain has proven that the old one is not on it and never can be.
 */
import type { EntryFunction, SimpleTransaction } from '@aptos-labs/ts-sdk';
import type { Clock } from '../../domain/clock.ts';
import type { Fault } from '../../domain/errors.ts';
import { fault } from '../../domain/errors.ts';
import type { AptosNode } from './node.ts';
import type { ChainProfile } from './profile.ts';
import { faultOfStatus, type NodeTransaction } from './reply.ts';
import type { Edition, SentTransaction, SentTransactions } from './sent.ts';
import type { ChainAccount } from './signer.ts';
import { buildTransaction, GAS_UNIT_PRICE_MAX, nonceFor, signTransaction, type TransactionTerms, unsignedBytes } from './transaction.ts';

export interface SendDeps {
  readonly node: AptosNode;
  readonly profile: ChainProfile;
  readonly clock: Clock;
  readonly sent: SentTransactions;
  /** Waits; the tests' and simulations' own. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Pays for gas in place of the senders. */
  readonly feePayer: ChainAccount | null;
  readonly limits?: Partial<SendLimits>;
}

export interface SendLimits {
  /** How long a call waits for its transaction to be committed. */
  readonly waitMs: number;
  readonly pollMs: number;
  /** Life of a transaction; orderless ones may live 60 s. */
  readonly lifetimeSecs: bigint;
  /** Units of gas above those of the simulation, in percent. */
  readonly gasMarginPercent: bigint;
  /** The most octas to offer for a unit of gas. */
  readonly gasUnitPriceMax: bigint;
}

const LIMITS: SendLimits = { waitMs: 8_000, pollMs: 250, lifetimeSecs: 45n, gasMarginPercent: 50n, gasUnitPriceMax: GAS_UNIT_PRICE_MAX };
/** For the simulation; what is paid is what is used. */
const SIMULATION_GAS = 200_000n;
const GAS_MIN = 2_000n;

/** What is to be done, and by whom. */
export interface Step {
  readonly subject: string;
  readonly step: string;
  readonly call: EntryFunction;
  readonly account: ChainAccount;
  /** The transaction itself, where its sender has signed it before; nothing of it may be changed. */
  readonly transaction?: SimpleTransaction;
}

export type Outcome =
  | { readonly kind: 'executed'; readonly sent: SentTransaction }
  /** For sure without effect; `fault` says why. */
  | { readonly kind: 'refused' | 'failed'; readonly fault: Fault }
  | { readonly kind: 'unknown'; readonly sent: SentTransaction };

/** Does the step. Throws faults only where nothing was sent: a node that is silent, foreign or behind. */
export async function send(deps: SendDeps, step: Step): Promise<Outcome> {
  const earlier = await deps.sent.latest(step.subject, step.step);
  if (earlier !== null) {
    const now = await follow(deps, earlier, true);
    if (now.state === 'executed') return { kind: 'executed', sent: now };
    if (now.state === 'open') return { kind: 'unknown', sent: now };
  }
  return begin(deps, step, (earlier?.attempt ?? 0) + 1);
}

/** A first sending: simulated, kept, then sent. */
async function begin(deps: SendDeps, step: Step, attempt: number): Promise<Outcome> {
  const prepared = await prepare(deps, step, attempt);
  if ('kind' in prepared) return prepared;
  const { transaction, terms } = prepared;
  const edition = await editionOf(deps, step.account, transaction);
  const fresh: SentTransaction = {
    subject: step.subject,
    step: step.step,
    attempt,
    expiresAtSecs: transaction.rawTransaction.expiration_timestamp_secs,
    editions: [edition],
    state: 'open',
    hash: null,
    version: null,
    gasUsed: null,
    gasUnitPrice: null,
    vmStatus: null,
  };
  if (!(await deps.sent.insert(fresh))) {
    // Another process does the same step at this moment: its transaction is the one that counts.
    const other = await deps.sent.latest(step.subject, step.step);
    return other === null ? { kind: 'unknown', sent: fresh } : outcomeOf(await follow(deps, other, false));
  }
  return conclude(deps, step, fresh, terms);
}

async function conclude(deps: SendDeps, { account }: Step, fresh: SentTransaction, terms: TransactionTerms | null): Promise<Outcome> {
  const [edition] = fresh.editions;
  const reply = edition === undefined ? { kind: 'not_sent' as const } : await deps.node.submit(Buffer.from(edition.bytes, 'hex'));
  if (reply.kind === 'refused' || reply.kind === 'full' || reply.kind === 'not_sent') {
    const status = reply.kind === 'refused' ? reply.status : reply.kind;
    await deps.sent.update({ ...fresh, state: 'refused', vmStatus: status });
    if (reply.kind === 'refused') return { kind: 'refused', fault: faultOfStatus(reply.status) };
    return { kind: 'refused', fault: fault(reply.kind === 'full' ? 'chain_busy' : 'chain_unavailable') };
  }
  return outcomeOf(await waitFor(deps, fresh, terms === null ? null : { account, terms }));
}

function outcomeOf(sent: SentTransaction): Outcome {
  if (sent.state === 'executed') return { kind: 'executed', sent };
  if (sent.state === 'open') return { kind: 'unknown', sent };
  if (sent.state === 'absent') return { kind: 'refused', fault: fault('chain_transaction_expired') };
  return { kind: sent.state, fault: faultOfStatus(sent.vmStatus ?? '') };
}

/** A transaction that is ready to be signed, and the terms by which a dearer one could be made. */
interface Prepared {
  readonly transaction: SimpleTransaction;
  readonly terms: TransactionTerms | null;
}

/** Builds the transaction by what its simulation uses; a refusal when the chain would not carry the call out. */
async function prepare(deps: SendDeps, { subject, step, call, account, transaction }: Step, attempt: number): Promise<Prepared | Outcome> {
  const limits = { ...LIMITS, ...deps.limits };
  const [ledger, gasPrice] = await Promise.all([deps.node.ledger(), deps.node.gasPrice()]);
  if (transaction !== undefined) {
    const simulated = await simulate(deps, transaction, account);
    return 'kind' in simulated ? simulated : { transaction, terms: null };
  }
  const gasUnitPrice = gasPrice > limits.gasUnitPriceMax ? limits.gasUnitPriceMax : gasPrice;
  const terms: TransactionTerms = {
    sender: account.address,
    call,
    replay: { nonce: nonceFor(deps.profile.contract, subject, step, attempt) },
    // By the chain's clock, which is the one that judges.
    expiresAtSecs: ledger.timestampUs / 1_000_000n + limits.lifetimeSecs,
    maxGas: SIMULATION_GAS,
    gasUnitPrice,
    chainId: deps.profile.chainId,
    feePayer: deps.feePayer?.address ?? null,
  };
  const simulated = await simulate(deps, buildTransaction(terms), account);
  if ('kind' in simulated) return simulated;
  const wanted = (simulated.gasUsed * (100n + limits.gasMarginPercent)) / 100n;
  const ready = { ...terms, maxGas: wanted < GAS_MIN ? GAS_MIN : wanted };
  return { transaction: buildTransaction(ready), terms: ready };
}

async function simulate(deps: SendDeps, transaction: SimpleTransaction, account: ChainAccount): Promise<{ gasUsed: bigint } | Outcome> {
  const result = await deps.node.simulate(unsignedBytes(transaction, account, deps.feePayer));
  if (result.success !== true) return { kind: 'refused', fault: faultOfStatus(result.vm_status ?? '') };
  return { gasUsed: BigInt(result.gas_used ?? '0') };
}

async function editionOf(deps: SendDeps, account: ChainAccount, transaction: SimpleTransaction): Promise<Edition> {
  const { bytes, hash } = await signTransaction(transaction, account, deps.feePayer);
  return { hash, bytes: Buffer.from(bytes).toString('hex'), gasUnitPrice: transaction.rawTransaction.gas_unit_price };
}

/** What it takes to make a dearer edition: the same call, nonce and expiry. */
interface Bumping {
  readonly account: ChainAccount;
  readonly terms: TransactionTerms;
}

/** Polls until the transaction is committed, is proven absent, or time is up. */
async function waitFor(deps: SendDeps, sent: SentTransaction, bumping: Bumping | null): Promise<SentTransaction> {
  const { waitMs, pollMs } = { ...LIMITS, ...deps.limits };
  const untilMs = deps.clock.now() + waitMs;
  let current = await resolve(deps, sent);
  let isBumped = false;
  while (current.state === 'open' && deps.clock.now() < untilMs) {
    await deps.sleep(pollMs);
    current = await resolve(deps, current);
    const isHalfTime = deps.clock.now() >= untilMs - waitMs / 2;
    if (current.state === 'open' && bumping !== null && !isBumped && isHalfTime) {
      isBumped = true;
      current = await bump(deps, current, bumping);
    }
  }
  return current;
}

/**
 * Offers more for gas when the price has risen: another edition of the same transaction. It has the same nonce and the same
 * expiry, so that of all editions the chain can execute one.
 */
async function bump(deps: SendDeps, sent: SentTransaction, { account, terms }: Bumping): Promise<SentTransaction> {
  const limits = { ...LIMITS, ...deps.limits };
  const price = await priceNow(deps);
  const wanted = price === null ? 0n : price > limits.gasUnitPriceMax ? limits.gasUnitPriceMax : price;
  if (wanted <= terms.gasUnitPrice) return sent;
  const edition = await editionOf(deps, account, buildTransaction({ ...terms, gasUnitPrice: wanted }));
  const dearer = { ...sent, editions: [...sent.editions, edition] };
  await deps.sent.update(dearer);
  await deps.node.submit(Buffer.from(edition.bytes, 'hex'));
  return dearer;
}

/** The going price, or null from a node that does not answer: the first edition is under way as it was. */
async function priceNow({ node }: SendDeps): Promise<bigint | null> {
  try {
    return await node.gasPrice();
  } catch {
    return null;
  }
}

/**
 * Looks for a transaction that was sent, and keeps what became of it. With `mayResend` the same bytes go out again while they can
 * still be committed: the mempool knows them or takes them, and the chain executes them once.
 */
export async function follow(deps: SendDeps, sent: SentTransaction, mayResend: boolean): Promise<SentTransaction> {
  if (sent.state !== 'open') return sent;
  const looked = await resolve(deps, sent);
  if (looked.state !== 'open' || !mayResend) return looked;
  const latest = looked.editions.at(-1);
  const isAlive = BigInt(Math.floor(deps.clock.now() / 1000)) < looked.expiresAtSecs;
  if (latest !== undefined && isAlive) await deps.node.submit(Buffer.from(latest.bytes, 'hex'));
  return waitFor(deps, looked, null);
}

/** One look at every edition. A node that cannot be asked leaves all as it was. */
async function resolve(deps: SendDeps, sent: SentTransaction): Promise<SentTransaction> {
  let isAbsent = true;
  for (const { hash } of sent.editions) {
    const looked = await lookFor(deps, hash);
    if (looked === null) return sent;
    if (looked.found?.version !== undefined) return keep(deps, committed(sent, looked.found));
    // That the chain does not have it counts only from a ledger whose time is past the expiry.
    const isPast = looked.sight !== null && looked.sight.timestampUs / 1_000_000n > sent.expiresAtSecs;
    if (looked.found !== null || !isPast) isAbsent = false;
  }
  return isAbsent ? keep(deps, { ...sent, state: 'absent' }) : sent;
}

async function lookFor(deps: SendDeps, hash: string): Promise<Awaited<ReturnType<AptosNode['transaction']>> | null> {
  try {
    return await deps.node.transaction(hash);
  } catch {
    return null;
  }
}

function committed(sent: SentTransaction, found: NodeTransaction): SentTransaction {
  const success = found.success === true;
  return {
    ...sent,
    state: success ? 'executed' : 'failed',
    hash: found.hash,
    version: BigInt(found.version ?? '0'),
    gasUsed: BigInt(found.gas_used ?? '0'),
    gasUnitPrice: BigInt(found.gas_unit_price ?? '0'),
    vmStatus: success ? null : (found.vm_status ?? 'unknown'),
  };
}

async function keep(deps: SendDeps, sent: SentTransaction): Promise<SentTransaction> {
  await deps.sent.update(sent);
  return sent;
}
