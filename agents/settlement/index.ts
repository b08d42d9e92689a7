/**
 * The settlement agent: closes windows of paid payments and nets them per partner and currency into
 * batches, each with a Merkle root by which every payment in it can prove its place.
 *
 * Every settled payment has two items, one per leg; a leg that no operator moved belongs to the partner
 * `on_us`. A payment is settled once: its row, and the uniqueness of its items, see to it.
 */
import canonicalize from 'canonicalize';
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { type RecordedDecision, recordDecisions } from '../../db/queries/decisions.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Verdict } from '../../domain/decision.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { hashLeaf, merkleRoot } from '../../tools/aptos/merkle.ts';
import type { NetObligation } from '../../tools/aptos/settlement-chain.ts';
import { type ClosingCause, decideSettlement, type NetPosition, netLegs, type SettlementOutcome } from './decide.ts';
import { gatherWindow, nettableLegs, type WindowPayment } from './gather.ts';
import { SETTLEMENT_POLICY, type SettlementPolicy } from './policy.ts';

export { decideSettlement, type NetPosition, netLegs, type SettlementFacts, type SettlementOutcome } from './decide.ts';
export { SETTLEMENT_POLICY, type SettlementPolicy } from './policy.ts';

export interface SettleDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly policy?: SettlementPolicy;
}

/** A closed batch: the obligation that the chain side is to settle, and what proves its payments. */
export interface SettledBatch extends NetObligation {
  readonly id: string;
  readonly paymentCount: number;
  readonly merkleRoot: string;
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
}

interface Judged {
  readonly payment: WindowPayment;
  readonly verdict: Verdict<SettlementOutcome, null>;
}

/**
 * Looks at the window once, and closes it if it is due: batches, items, payments and decisions commit
 * together. Safe to run at any time and by several workers at once.
 */
export async function settle(deps: SettleDeps): Promise<Settlement> {
  const policy = deps.policy ?? SETTLEMENT_POLICY;
  return withTransaction(deps.pool, async (tx) => {
    const startedAtMs = performance.now();
    const nowMs = deps.clock.now();
    const windowId = newId();
    const window = await gatherWindow(tx, nowMs, policy);
    const judged = window.map((payment): Judged => ({ payment, verdict: decideSettlement(payment.facts) }));
    const netted = judged.filter((each) => each.verdict.outcome === 'netted');
    const durationUs = Math.round(((performance.now() - startedAtMs) * 1000) / Math.max(1, window.length));
    const batches = await writeBatches(tx, netted, nowMs);
    await recordDecisions(
      tx,
      netted.map((each) => decisionOf(each, windowId, policy.version, durationUs)),
      nowMs,
    );
    return {
      windowId,
      closedBy: netted[0]?.payment.facts.closedBy ?? null,
      batches,
      nettedCount: netted.length,
      waitingCount: judged.filter((each) => each.verdict.outcome === 'waiting').length,
      heldBack: judged.flatMap(({ payment, verdict }) =>
        verdict.outcome === 'held_back' ? [{ paymentId: payment.paymentId, reasonCode: verdict.reasons[0]?.code ?? 'unknown' }] : [],
      ),
    };
  });
}

function decisionOf({ payment, verdict }: Judged, windowId: string, policyVersion: string, durationUs: number): RecordedDecision {
  return {
    id: newId(),
    clientId: payment.clientId,
    paymentId: payment.paymentId,
    cohortId: windowId,
    agent: 'settlement',
    policyVersion,
    factsDigest: digestOf(canonicalize(payment.facts) ?? 'null'),
    facts: payment.facts,
    outcome: verdict.outcome,
    reasons: verdict.reasons,
    confidence: verdict.confidence,
    durationUs,
    modelId: null,
    promptHash: null,
  };
}

interface Batch extends SettledBatch {
  readonly position: NetPosition;
  /** Leaf hashes in the order of the items. */
  readonly leaves: readonly string[];
}

function batchOf(position: NetPosition): Batch {
  const id = newId();
  const { partner, currency, netMinor } = position;
  const leaves = position.legs.map(({ paymentId, leg, amountMinor }) => hashLeaf({ batchId: id, paymentId, leg, amountMinor, currency }));
  const paymentCount = new Set(position.legs.map((leg) => leg.paymentId)).size;
  return { id, partner, currency, netMinor, paymentCount, merkleRoot: merkleRoot(leaves), position, leaves };
}

const BATCHES_SQL = `
with closed as (
  insert into settlement_batches (id, partner, currency, payment_count, collected_amount, disbursed_amount, net_amount, merkle_root, created_at)
  select batch.*, $9 from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]) as batch
  returning *
)
insert into audit_events (actor, action, subject, details, created_at)
select 'agent:settlement', 'settlement.closed', 'settlement_batch:' || id, jsonb_build_object('partner', partner, 'currency', currency,
  'paymentCount', payment_count, 'netAmountMinor', net_amount::text, 'merkleRoot', merkle_root), created_at
from closed`;

const ITEMS_SQL = `
insert into settlement_items (batch_id, position, payment_id, leg, amount, leaf)
select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::bigint[], $6::text[])`;

const PAYMENTS_SQL = `
update payments p set settlement_batch_id = item.batch_id, updated_at = $3
from unnest($1::uuid[], $2::uuid[]) as item(payment_id, batch_id)
where p.id = item.payment_id and p.status = 'paid' and p.settlement_batch_id is null`;

/** Writes the batches of a closed window. A payment points at the batch its payout is in. */
async function writeBatches(tx: PoolClient, netted: readonly Judged[], nowMs: number): Promise<SettledBatch[]> {
  if (netted.length === 0) return [];
  const now = new Date(nowMs);
  const batches = netLegs(netted.flatMap(({ payment }) => nettableLegs(payment.paymentId, payment.facts.legs))).map(batchOf);
  const column = <T>(pick: (batch: Batch) => T): T[] => batches.map(pick);
  await tx.query({
    name: 'write_settlement_batches',
    text: BATCHES_SQL,
    values: [
      column((batch) => batch.id),
      column((batch) => batch.partner),
      column((batch) => batch.currency),
      column((batch) => batch.paymentCount),
      column((batch) => batch.position.collectedMinor),
      column((batch) => batch.position.disbursedMinor),
      column((batch) => batch.netMinor),
      column((batch) => batch.merkleRoot),
      now,
    ],
  });
  const items = batches.flatMap((batch) =>
    batch.position.legs.map((leg, index) => ({ ...leg, batchId: batch.id, index, leaf: batch.leaves[index] })),
  );
  await tx.query({
    name: 'write_settlement_items',
    text: ITEMS_SQL,
    values: [
      items.map((item) => item.batchId),
      items.map((item) => item.index),
      items.map((item) => item.paymentId),
      items.map((item) => item.leg),
      items.map((item) => item.amountMinor),
      items.map((item) => item.leaf),
    ],
  });
  const payouts = items.filter((item) => item.leg === 'payout');
  const moved = await tx.query({
    name: 'mark_settled_payments',
    text: PAYMENTS_SQL,
    values: [payouts.map((item) => item.paymentId), payouts.map((item) => item.batchId), now],
  });
  // The rows are locked since they were read; fewer would mean that a payment is netted without being marked.
  if (moved.rowCount !== netted.length) throw new RangeError(`${moved.rowCount} of ${netted.length} payments were marked as settled`);
  return batches.map(({ position: _position, leaves: _leaves, ...batch }) => batch);
}
