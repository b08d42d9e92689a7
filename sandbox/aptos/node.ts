/**
 * A node: the mempool before the ledger, and what the node lets be seen of both. Submitted transactions wait here until
 * they are committed, expire or are lost; the same bytes may come any number of times.
 */
import type { Chance } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import { type ChainFaults, type Fate, fateOf, type Mode } from './faults.ts';
import type { ChainJournal } from './journal.ts';
import { append, type Committed, type Discard, discardOf, type Ledger, type Submitted } from './ledger.ts';

export interface NodeDeps {
  readonly ledger: Ledger;
  readonly journal: ChainJournal;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  /** 1: a commit takes half a second. */
  readonly speed: number;
}

export interface ChainNode extends NodeDeps {
  mode: Mode;
  faults: ChainFaults;
  /** Fates of the next submissions, the first first; chance rules when there are none. */
  readonly script: Fate[];
  /** The lowest price that gets into a block soon, octas. */
  gasPrice: bigint;
  readonly mempool: Map<string, Pending>;
  submissions: number;
  /** What the node knew when it fell behind. */
  past: Sight | null;
  /** Hears of every commit. */
  readonly listeners: Set<(committed: Committed) => void>;
}

export interface Pending {
  readonly submitted: Submitted;
  /** The node answers that it does not know it. */
  readonly hidden: boolean;
  /** It will never be committed. */
  readonly lost: boolean;
}

/** What can be seen at one moment. */
export interface Sight {
  readonly state: ReadonlyMap<string, unknown>;
  readonly version: bigint;
  readonly timestampUs: bigint;
}

export type SubmitResult =
  | { readonly kind: 'accepted'; readonly submitted: Submitted }
  | { readonly kind: 'discarded'; readonly status: string }
  | { readonly kind: 'conflict'; readonly detail: string }
  | { readonly kind: 'full' }
  | { readonly kind: 'error' }
  | { readonly kind: 'cut' };

const COMMIT_MS = 500;
const SLOW_MS = 12_000;
const MEMPOOL_MAX = 10_000;

export function createNode(deps: NodeDeps, faults: ChainFaults): ChainNode {
  const empty = { script: [], mempool: new Map<string, Pending>(), listeners: new Set<(committed: Committed) => void>() };
  return { ...deps, ...empty, mode: 'up', faults, gasPrice: 100n, submissions: 0, past: null };
}

export function nowUs(node: ChainNode): bigint {
  return BigInt(Math.floor(node.scheduler.now())) * 1000n;
}

const nowSecs = (node: ChainNode): bigint => nowUs(node) / 1_000_000n;

/** What the node shows now: all there is, or what it knew when it fell behind. */
export function sightOf(node: ChainNode): Sight {
  return node.past ?? { state: node.ledger.state, version: node.ledger.transactions.at(-1)?.version ?? 1n, timestampUs: nowUs(node) };
}

/** A node behind keeps what it knew; any other mode sees all. */
export function setMode(node: ChainNode, mode: Mode): void {
  if (mode === 'behind' && node.mode !== 'behind') {
    const { state, ...rest } = sightOf(node);
    node.past = { ...rest, state: new Map(state) };
  }
  if (mode !== 'behind') node.past = null;
  node.mode = mode;
}

/** Same sender and replay protection: what only one transaction can have. */
function placeOf({ signers, signed, nonce }: Submitted): string {
  return nonce === null ? `${signers.sender} s${signed.raw_txn.sequence_number}` : `${signers.sender} n${nonce}`;
}

/** Takes a transaction, or says why not. */
export function submit(node: ChainNode, submitted: Submitted): SubmitResult {
  node.submissions += 1;
  const fate = node.script.shift() ?? fateOf(node.chance, node.faults, submitted.hash, node.submissions);
  if (fate === 'lost_request') return { kind: 'cut' };
  if (fate === 'error') return { kind: 'error' };
  if (fate === 'full' || node.mode === 'full' || node.mempool.size >= MEMPOOL_MAX) return { kind: 'full' };
  const result = take(node, submitted, fate);
  return fate === 'lost_answer' && result.kind === 'accepted' ? { kind: 'cut' } : result;
}

function take(node: ChainNode, submitted: Submitted, fate: Fate): SubmitResult {
  const discard = discardOf(node.ledger, submitted, nowSecs(node));
  if (discard !== null && discard.retry === 'never') return { kind: 'discarded', status: discard.status };
  const place = placeOf(submitted);
  const earlier = node.mempool.get(place);
  if (earlier !== undefined) {
    const conflict = conflictOf(earlier.submitted, submitted);
    if (conflict !== null) return { kind: 'conflict', detail: conflict };
    // The same again is heard of by those who had not: it is neither hidden nor lost any more.
    if (earlier.submitted.hash === submitted.hash && !earlier.lost && !earlier.hidden) return { kind: 'accepted', submitted };
  }
  const pending: Pending = { submitted, hidden: fate === 'hidden', lost: fate === 'dropped' };
  node.mempool.set(place, pending);
  const delayMs = fate === 'hidden' || fate === 'slow' ? SLOW_MS : COMMIT_MS;
  node.scheduler.after((delayMs * waitFactor(submitted, node)) / node.speed, () => settle(node, place, pending));
  return { kind: 'accepted', submitted };
}

/** Whoever offers less than the going price waits longer. */
function waitFactor({ signed }: Submitted, node: ChainNode): number {
  return signed.raw_txn.gas_unit_price < node.gasPrice ? 20 : 1;
}

/** A mempool lets the price go up, and nothing else change. */
function conflictOf(earlier: Submitted, later: Submitted): string | null {
  const [before, after] = [earlier.signed.raw_txn, later.signed.raw_txn];
  const different = (what: string): string => `Transaction already in mempool with a different ${what}`;
  if (!Buffer.from(before.payload.bcsToBytes()).equals(after.payload.bcsToBytes())) return different('payload');
  if (before.expiration_timestamp_secs !== after.expiration_timestamp_secs) return different('expiration timestamp');
  if (before.max_gas_amount !== after.max_gas_amount) return different('max gas amount');
  return after.gas_unit_price < before.gas_unit_price ? 'Transaction already in mempool' : null;
}

/** The moment for a pending transaction to get into a block. */
function settle(node: ChainNode, place: string, pending: Pending): void {
  // A later edition with a better price has taken its place, or it is committed.
  if (node.mempool.get(place) !== pending) return;
  const again = (): void => node.scheduler.after(COMMIT_MS / node.speed, () => settle(node, place, pending));
  const discard = discardOf(node.ledger, pending.submitted, nowSecs(node));
  if (discard !== null && (discard.retry === 'never' || isExpired(node, pending))) return void node.mempool.delete(place);
  if (pending.lost || discard !== null) return again();
  commitNow(node, place, pending);
}

function isExpired(node: ChainNode, { submitted }: Pending): boolean {
  return submitted.signed.raw_txn.expiration_timestamp_secs <= nowSecs(node);
}

function commitNow(node: ChainNode, place: string, { submitted }: Pending): void {
  node.mempool.delete(place);
  const last = node.ledger.transactions.at(-1)?.timestampUs ?? 0n;
  const at = nowUs(node);
  const timestampUs = at > last ? at : last + 1n;
  node.journal.committed({ bytes: submitted.bytes, timestampUs });
  const committed = append(node.ledger, submitted, timestampUs);
  for (const listener of node.listeners) listener(committed);
}

export type Found =
  | { readonly kind: 'committed'; readonly transaction: Committed }
  | { readonly kind: 'pending'; readonly submitted: Submitted }
  | null;

/** What the node says of a transaction hash. */
export function find(node: ChainNode, hash: string): Found {
  const committed = node.ledger.byHash.get(hash);
  if (committed !== undefined && committed.version <= sightOf(node).version) return { kind: 'committed', transaction: committed };
  const pending = [...node.mempool.values()].find(({ submitted }) => submitted.hash === hash);
  if (pending === undefined || pending.hidden || pending.lost) return null;
  return { kind: 'pending', submitted: pending.submitted };
}

/** Whether a transaction may be executed now, for a simulation. */
export function validate(node: ChainNode, submitted: Submitted): Discard | null {
  return discardOf(node.ledger, submitted, nowSecs(node));
}
