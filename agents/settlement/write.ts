/** Writing a closed window: its batches with their way decided, their items, and what is held back. */
import type { PoolClient } from 'pg';
import type { RecordedDecision } from '../../db/queries/decisions.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Facts, Reason } from '../../domain/decision.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { COMPARISON_MS, type SettlementMethod } from '../../domain/settlement.ts';
import { type CarriedBatch, leafCount, type RootedBatch, rootBatch } from '../../tools/aptos/items.ts';
import type { CarriedPosition } from './carried.ts';
import { chainCostFacts, type GasKnown } from './cost.ts';
import { type BatchFacts, type ClosingCause, decideBatch, type WindowFacts } from './decide.ts';
import type { NetPosition, SettlementWindow } from './gather.ts';
import type { SettlementPolicy } from './policy.ts';

/** A closed batch: what is owed, by which way it is settled, and what proves its payments. */
export interface SettledBatch {
  readonly id: string;
  readonly partner: string;
  readonly currency: Currency;
  readonly netMinor: bigint;
  readonly dueMinor: bigint;
  readonly paymentCount: number;
  readonly merkleRoot: string;
  readonly method: SettlementMethod;
}

/** What stands open between partners and us from earlier windows. */
export interface Outstanding {
  /** Not settled on chain yet, and carried on the books; positive, the partner owes us. */
  openMinor(partner: string, currency: Currency): bigint;
  /** Carried on the books alone. */
  carriedMinor(partner: string, currency: Currency): bigint;
  /** Every position that carries anything. */
  readonly carried: readonly CarriedPosition[];
  /** The batches that make it up. */
  carriedBatches(partner: string, currency: Currency): readonly CarriedBatch[];
  /** What policy keys consented to in the currency in the last 24 hours. */
  keysUsedMinor(currency: Currency): bigint;
}

const DAY_MS = 86_400_000;

interface OutstandingRow {
  readonly partner: string;
  readonly currency: Currency;
  readonly open: bigint;
  readonly carried: bigint;
  readonly carriedSince: Date | null;
  readonly batches: readonly (Omit<CarriedBatch, 'dueMinor'> & { readonly dueMinor: string })[];
}

/** Reads it for every partner at once. */
export async function readOutstanding(tx: PoolClient, nowMs: number): Promise<Outstanding> {
  const { rows } = await tx.query<OutstandingRow>({
    name: 'read_settlement_outstanding',
    text: `select partner, currency, coalesce(sum(due_amount) filter (where method = 'chain' and status <> 'expired'), 0)::bigint as open,
        coalesce(sum(due_amount) filter (where method = 'books' or status = 'expired'), 0)::bigint as carried,
        max(created_at) filter (where method = 'books' or status = 'expired') as "carriedSince",
        coalesce(jsonb_agg(jsonb_build_object('carriedId', id, 'dueMinor', due_amount::text, 'merkleRoot', merkle_root, 'itemCount', item_count)
          order by id) filter (where method = 'books' or status = 'expired'), '[]') as batches
      from settlement_batches
      where carried_to is null and due_amount <> 0 and (method = 'books' or status <> 'settled')
      group by partner, currency`,
  });
  const used = await tx.query<{ currency: Currency; used: bigint }>({
    name: 'read_settlement_key_use',
    text: `select currency, sum(abs(due_amount))::bigint as used from settlement_batches
      where approval_by = 'policy' and created_at > $1 and status <> 'expired' group by currency`,
    values: [new Date(nowMs - DAY_MS)],
  });
  const byPosition = new Map(rows.map((row) => [`${row.partner} ${row.currency}`, row]));
  const byCurrency = new Map(used.rows.map((row) => [row.currency, row.used]));
  const find = (partner: string, currency: Currency) => byPosition.get(`${partner} ${currency}`);
  return {
    openMinor: (partner, currency) => (find(partner, currency)?.open ?? 0n) + (find(partner, currency)?.carried ?? 0n),
    carriedMinor: (partner, currency) => find(partner, currency)?.carried ?? 0n,
    carried: rows.flatMap(({ partner, currency, carried: carriedMinor, carriedSince }) =>
      carriedSince === null || carriedMinor === 0n ? [] : [{ partner, currency, carriedMinor, sinceMs: carriedSince.getTime() }],
    ),
    carriedBatches: (partner, currency) =>
      (find(partner, currency)?.batches ?? []).map((batch) => ({ ...batch, dueMinor: BigInt(batch.dueMinor) })),
    keysUsedMinor: (currency) => byCurrency.get(currency) ?? 0n,
  };
}

export interface PlannedBatch {
  readonly settled: SettledBatch;
  readonly position: NetPosition;
  readonly carriedMinor: bigint;
  /** What `carriedMinor` is the sum of; each is a leaf of the batch's tree. */
  readonly carriedBatches: readonly CarriedBatch[];
  /** Where they stand in it. */
  readonly carriedPlaces: RootedBatch['carried'];
  readonly facts: BatchFacts;
  readonly reasons: readonly Reason[];
  readonly approvalBy: 'policy' | 'people' | null;
}

export interface PlanOptions {
  readonly windowId: string;
  readonly outstanding: Outstanding;
  readonly policy: SettlementPolicy;
  readonly isOnChain: (partner: string, currency: Currency) => boolean;
  readonly gas: GasKnown;
}

/** Makes a batch of every position and decides its way. */
export function planBatches(positions: readonly NetPosition[], options: PlanOptions): PlannedBatch[] {
  const { outstanding, policy } = options;
  const used = new Map<Currency, bigint>();
  return positions.map((position) => {
    const { partner, currency, collectedMinor, disbursedMinor, paymentCount, items } = position;
    const netMinor = collectedMinor - disbursedMinor;
    const carriedMinor = outstanding.carriedMinor(partner, currency);
    const usedHere = used.get(currency) ?? 0n;
    const onChain = options.isOnChain(partner, currency);
    const facts: BatchFacts = {
      partner,
      currency,
      netMinor: netMinor.toString(),
      carriedMinor: carriedMinor.toString(),
      onChain,
      keysUsedMinor: (outstanding.keysUsedMinor(currency) + usedHere).toString(),
      chainCost: onChain ? chainCostFacts(options.gas, policy) : null,
    };
    const { outcome: method, reasons, data } = decideBatch(facts, policy);
    const { dueMinor, approvalBy } = data;
    if (approvalBy === 'policy') used.set(currency, usedHere + (dueMinor < 0n ? -dueMinor : dueMinor));
    const id = newId();
    const carriedBatches = outstanding.carriedBatches(partner, currency);
    const { root: merkleRoot, carried: carriedPlaces } = rootBatch({ batchId: id, currency, items, carried: carriedBatches });
    const settled = { id, partner, currency, netMinor, dueMinor, paymentCount, merkleRoot, method };
    return { settled, position, carriedMinor, carriedBatches, carriedPlaces, facts, reasons, approvalBy };
  });
}

export interface WindowToWrite {
  readonly windowId: string;
  readonly window: SettlementWindow;
  readonly closedBy: ClosingCause;
  readonly facts: WindowFacts;
  readonly heldBack: readonly { readonly paymentId: string; readonly reasonCode: string }[];
  readonly batches: readonly PlannedBatch[];
  readonly decisions: readonly RecordedDecision[];
  readonly policy: SettlementPolicy;
  readonly nowMs: number;
}

/** Writes a window with everything that belongs to it. */
export async function writeWindow(tx: PoolClient, closing: WindowToWrite): Promise<void> {
  await insertWindow(tx, closing);
  await insertBatches(tx, closing);
  await tx.query({
    name: 'write_settlement_items',
    text: 'insert into settlement_items (batch_id, items) select * from unnest($1::uuid[], $2::bytea[])',
    values: [closing.batches.map(({ settled }) => settled.id), closing.batches.map(({ position }) => position.items)],
  });
  await carryBatches(tx, closing);
  await tx.query({
    name: 'hold_settlement_strays',
    text: `insert into settlement_strays (payment_id, reason_code, created_at) select id, reason, $3 from unnest($1::uuid[], $2::text[]) as held(id, reason)
      on conflict (payment_id) do update set reason_code = excluded.reason_code where settlement_strays.reason_code <> excluded.reason_code`,
    values: [
      closing.heldBack.map(({ paymentId }) => paymentId),
      closing.heldBack.map(({ reasonCode }) => reasonCode),
      new Date(closing.nowMs),
    ],
  });
  await tx.query({
    name: 'return_settlement_strays',
    text: 'update settlement_strays set window_id = $2 where payment_id = any($1::uuid[]) and window_id is null',
    values: [closing.window.returned, closing.windowId],
  });
}

/**
 * Marks as taken over what was counted, with its place in the tree, and nothing else: a batch that has expired since the sum was read waits for the next window.
 * Throws RangeError, for the window to be closed anew, when one that was counted is taken over already.
 */
async function carryBatches(tx: PoolClient, { batches, nowMs }: WindowToWrite): Promise<void> {
  const taken = batches.flatMap(({ settled, carriedPlaces }) =>
    carriedPlaces.map(({ carriedId, place }) => ({ id: carriedId, by: settled.id, ...place })),
  );
  if (taken.length === 0) return;
  const carried = await tx.query({
    name: 'carry_settlement_batches',
    text: `update settlement_batches b set carried_to = taken.by, carried_index = taken.index, carried_path = taken.path, updated_at = $3
      from unnest($1::uuid[], $2::uuid[], $4::int[], $5::bytea[]) as taken(id, by, index, path)
      where b.id = taken.id and b.carried_to is null`,
    values: [
      taken.map(({ id }) => id),
      taken.map(({ by }) => by),
      new Date(nowMs),
      taken.map(({ index }) => index),
      taken.map(({ path }) => Buffer.from(path.join(''), 'hex')),
    ],
  });
  if (carried.rowCount !== taken.length) throw new RangeError(`${carried.rowCount} of ${taken.length} batches could be taken over`);
}

async function insertWindow(tx: PoolClient, closing: WindowToWrite): Promise<void> {
  const { range, paymentCount } = closing.window;
  const facts = closing.facts satisfies Facts;
  await tx.query({
    name: 'write_settlement_window',
    text: `with closed as (
        insert into settlement_windows (id, number, closed_by, payment_count, base_snapshot, snapshot, after_tx, after_event, up_to_tx,
          up_to_event, policy_version, facts, facts_digest, created_at)
        values ($1, $2, $3, $4, $5::pg_snapshot, $6::pg_snapshot, $7::xid8, $8, $9::xid8, $10, $11, $12, $13, $14)
      )
      insert into settlement_window_decisions (window_id, client_id, decision_id) select $1, * from unnest($15::uuid[], $16::uuid[])`,
    values: [
      closing.windowId,
      range.number,
      closing.closedBy,
      paymentCount,
      range.baseSnapshot,
      range.snapshot,
      range.after.tx,
      range.after.event,
      range.upTo?.tx ?? null,
      range.upTo?.event ?? null,
      closing.policy.version,
      JSON.stringify(facts),
      digestOf(canonicalJson(facts)),
      new Date(closing.nowMs),
      closing.decisions.map((decision) => decision.clientId),
      closing.decisions.map((decision) => decision.id),
    ],
  });
}

const BATCHES_SQL = `
with closed as (
  insert into settlement_batches (id, window_id, partner, currency, payment_count, item_count, collected_amount, disbursed_amount, net_amount,
    carried_amount, carried_count, due_amount, merkle_root, method, status, policy_version, facts, facts_digest, reasons, approval_by, approvals_needed,
    next_step_at, compare_at, created_at, updated_at, settled_at)
  select id, $2, partner, currency, payments, items, collected, disbursed, collected - disbursed, carried, carried_count, due, root, method,
    case method when 'chain' then 'closed' else 'settled' end, $15, facts::jsonb, digest, reasons::jsonb, approval_by,
    case method when 'chain' then $16::int else 0 end, case method when 'chain' then $17::timestamptz end, $21, $17, $17,
    case method when 'chain' then null else $17 end
  from unnest($1::uuid[], $3::text[], $4::text[], $5::int[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[],
    $12::text[], $13::text[], $14::text[], $18::text[], $19::text[], $20::int[])
    as batch(id, partner, currency, payments, items, collected, disbursed, carried, due, root, method, facts, digest, reasons, approval_by,
      carried_count)
  returning *
)
insert into audit_events (actor, action, subject, details, created_at)
select 'agent:settlement', 'settlement.closed', 'settlement_batch:' || id, jsonb_build_object('partner', partner, 'currency', currency,
  'paymentCount', payment_count, 'netAmountMinor', net_amount::text, 'dueAmountMinor', due_amount::text, 'merkleRoot', merkle_root,
  'method', method, 'factsDigest', facts_digest), created_at
from closed order by id`;

async function insertBatches(tx: PoolClient, closing: WindowToWrite): Promise<void> {
  const column = <T>(pick: (batch: PlannedBatch) => T): T[] => closing.batches.map(pick);
  await tx.query({
    name: 'write_settlement_batches',
    text: BATCHES_SQL,
    values: [
      column(({ settled }) => settled.id),
      closing.windowId,
      column(({ settled }) => settled.partner),
      column(({ settled }) => settled.currency),
      column(({ settled }) => settled.paymentCount),
      column(({ position, carriedBatches }) => leafCount({ items: position.items, carried: carriedBatches })),
      column(({ position }) => position.collectedMinor),
      column(({ position }) => position.disbursedMinor),
      column(({ carriedMinor }) => carriedMinor),
      column(({ settled }) => settled.dueMinor),
      column(({ settled }) => settled.merkleRoot),
      column(({ settled }) => settled.method),
      column(({ facts }) => JSON.stringify(facts)),
      column(({ facts }) => digestOf(canonicalJson(facts satisfies Facts))),
      closing.policy.version,
      closing.policy.approvalsNeeded,
      new Date(closing.nowMs),
      column(({ reasons }) => JSON.stringify(reasons)),
      column(({ approvalBy }) => approvalBy),
      column(({ carriedBatches }) => carriedBatches.length),
      new Date(closing.nowMs + COMPARISON_MS),
    ],
  });
}
