/**
 * The settlement agent: closes windows of paid payments and nets them, over all clients, into one position per
 * partner and currency. Each position is a batch with a Merkle root by which every payment in it can prove its
 * place; it goes over the chain or stays on the books, whichever costs less.
 *
 * A payment has two items, one per leg; a leg that no operator moved belongs to the partner `on_us`. Windows
 * follow each other without gap or overlap, so a payment is settled once without being marked. What a batch
 * leaves goes into the partner's next one, and is due again by itself when none comes. The chain itself is not called here. While everything is halted no window closes.
 */
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { type RecordedDecision, recordDecisions } from '../../db/queries/decisions.ts';
import { haltsInForce } from '../../db/queries/halts.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Facts } from '../../domain/decision.ts';
import { coversAll } from '../../domain/halt.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { dueAgain, longCarried, withCarried } from './carried.ts';
import type { GasKnown } from './cost.ts';
import { type ClosingCause, closingCause, decideSettlement, doubtOf, type WindowFacts } from './decide.ts';
import { gasOfBatches, gatherWindow, type NetPosition, nextRange, type SettlementWindow } from './gather.ts';
import { type AptPrice, SETTLEMENT_POLICY, type SettlementPolicy } from './policy.ts';
import { planBatches, readOutstanding, type SettledBatch, writeWindow } from './write.ts';

export { type BatchFacts, decideBatch, decideSettlement, type SettlementFacts, type SettlementOutcome } from './decide.ts';
export { minorOfUsdMicros, SETTLEMENT_POLICY, type SettlementPolicy, usdMicrosOfMinor } from './policy.ts';
export type { SettledBatch } from './write.ts';

export interface SettleDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly policy?: SettlementPolicy;
  /** Whether a partner is reached on chain in a currency; nobody is unless given. */
  readonly isOnChain?: (partner: string, currency: Currency) => boolean;
  /** What is asked for gas on that chain, and the price of APT; as the policy has them unless given. */
  readonly gas?: GasTerms;
}

/** What gas costs where batches are settled. */
export interface GasTerms {
  /** Octas for a unit of gas; null when the node cannot be asked. Never throws. */
  readonly priceOctas: () => Promise<bigint | null>;
  /** Null where the settings name none. */
  readonly apt: AptPrice | null;
}

export interface Settlement {
  /** Shared by all batches of the window, and the cohort id of its decisions. */
  readonly windowId: string;
  readonly closedBy: ClosingCause | null;
  readonly batches: readonly SettledBatch[];
  readonly nettedCount: number;
  /** Payments that could be netted but whose window is still open. */
  readonly waitingCount: number;
  /** Paid payments that must not be netted as they are; people should look at them. */
  readonly heldBack: readonly { readonly paymentId: string; readonly reasonCode: string }[];
  /** More payments wait behind this window than it could hold. */
  readonly isMore: boolean;
  /**
   * The database counts its transactions from a lower number than it did: it was restored from a dump that does
   * not keep them. Nothing can be netted until the counter is set forward.
   */
  readonly stalled: boolean;
}

/** One process at a time closes windows; another finds nothing to do. */
const LOCK_SQL = `select pg_try_advisory_xact_lock(hashtextextended('settlement window', 0)) as locked`;

const NOTHING = { closedBy: null, batches: [], nettedCount: 0, waitingCount: 0, heldBack: [], isMore: false, stalled: false } as const;

/**
 * Looks at the window once, and closes it if it is due: window, batches, items and decisions commit
 * together. Safe to run at any time and by several workers at once.
 */
export async function settle(deps: SettleDeps): Promise<Settlement> {
  const policy = deps.policy ?? SETTLEMENT_POLICY;
  // The node is asked before anything is locked.
  const priceOfNode = (await deps.gas?.priceOctas()) ?? null;
  return withTransaction(deps.pool, async (tx) => {
    const startedAtMs = performance.now();
    const nowMs = deps.clock.now();
    const windowId = newId();
    const lock = await tx.query<{ locked: boolean }>(LOCK_SQL);
    if (lock.rows[0]?.locked !== true) return { windowId, ...NOTHING };
    if (await isStalled(tx)) return { windowId, ...NOTHING, stalled: true };
    const window = await gatherWindow(tx, policy.windowMax);
    const outstanding = await readOutstanding(tx, nowMs);
    const isOnChain = deps.isOnChain ?? (() => false);
    const waiting = longCarried(outstanding.carried, { nowMs, policy, isOnChain });
    const gas = waiting.length === 0 ? null : await gasKnown(tx, deps.gas, priceOfNode);
    const facts: WindowFacts = {
      carried: gas === null ? [] : dueAgain(waiting, { nowMs, policy, gas }),
      paymentCount: window.paymentCount,
      oldestAgeMs: window.paymentCount === 0 ? 0 : nowMs - window.oldestPaidAtMs,
      ageMsMax: policy.ageMsMax,
      positions: window.positions.map((position) => ({
        partner: position.partner,
        currency: position.currency,
        netMinor: (position.collectedMinor - position.disbursedMinor).toString(),
        outstandingMinor: outstanding.openMinor(position.partner, position.currency).toString(),
      })),
    };
    // A window that stays open is no loss: it closes when the halt is over.
    const closedBy = (await haltsInForce(tx)).some(coversAll) ? null : closingCause(facts, policy);
    const heldBack = window.doubtful.map(({ paymentId, facts: known }) => ({ paymentId, reasonCode: reasonOf(known) }));
    if (closedBy === null) return { windowId, ...NOTHING, waitingCount: window.paymentCount, heldBack };
    const batches = planBatches(withCarried(window.positions, facts.carried), {
      windowId,
      outstanding,
      policy,
      gas: gas ?? (await gasKnown(tx, deps.gas, priceOfNode)),
      isOnChain,
    });
    const durationUs = Math.round(((performance.now() - startedAtMs) * 1000) / Math.max(1, window.paymentCount));
    const decisions = decisionsOf(window, { windowId, closedBy, policy, durationUs });
    await writeWindow(tx, { windowId, window, closedBy, facts, heldBack, batches, decisions, policy, nowMs });
    await recordDecisions(tx, decisions, nowMs);
    return {
      windowId,
      closedBy,
      batches: batches.map(({ settled }) => settled),
      nettedCount: window.paymentCount,
      waitingCount: 0,
      heldBack,
      isMore: window.range.upTo !== null,
      stalled: false,
    };
  });
}

/** What is known of gas: of the last batches, of the node, and of the settings. */
async function gasKnown(tx: PoolClient, terms: GasTerms | undefined, priceOfNode: bigint | null): Promise<GasKnown> {
  const spent = await gasOfBatches(tx);
  return { priceOfNode, unitsOfBatches: spent?.units ?? null, priceOfBatches: spent?.priceOctas ?? null, apt: terms?.apt ?? null };
}

/** Closes every window that is due and resolves with them, at most `windowsMax`. */
export async function settleDue(deps: SettleDeps, windowsMax = 20): Promise<Settlement[]> {
  const closed: Settlement[] = [];
  for (let count = 0; count < windowsMax; count += 1) {
    const settlement = await settle(deps);
    closed.push(settlement);
    if (!settlement.isMore) break;
  }
  return closed;
}

function reasonOf(facts: Parameters<typeof doubtOf>[0]): string {
  const doubt = doubtOf(facts);
  // The database found it doubtful by the same rules; see WINDOW_SQL.
  if (doubt === null) throw new RangeError('a payment is doubtful to the database and to nobody else');
  return doubt.code;
}

async function isStalled(tx: PoolClient): Promise<boolean> {
  const { baseSnapshot } = await nextRange(tx);
  const { rows } = await tx.query<{ stalled: boolean }>(
    'select pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmin($1::pg_snapshot) as stalled',
    [baseSnapshot],
  );
  return rows[0]?.stalled === true;
}

interface DecisionOptions {
  readonly windowId: string;
  readonly closedBy: ClosingCause;
  readonly policy: SettlementPolicy;
  readonly durationUs: number;
}

/** One decision for each client, which stands for all its payments of the window. */
function decisionsOf(window: SettlementWindow, options: DecisionOptions): RecordedDecision[] {
  return window.clients.map(({ clientId, payments, paymentId }) => {
    const facts = { payments, closedBy: options.closedBy } satisfies Facts;
    const verdict = decideSettlement(facts);
    return {
      id: newId(),
      clientId,
      paymentId,
      cohortId: options.windowId,
      agent: 'settlement',
      policyVersion: options.policy.version,
      factsDigest: digestOf(canonicalJson(facts)),
      facts,
      outcome: verdict.outcome,
      reasons: verdict.reasons,
      confidence: verdict.confidence,
      durationUs: options.durationUs,
      modelId: null,
      promptHash: null,
    };
  });
}

export type { NetPosition };
