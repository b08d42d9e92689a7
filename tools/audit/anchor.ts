/**
 * Anchoring: at an interval the hash of the last sealed block goes onto the settlement chain, where nobody who can
 * write to the database, keys included, can change it. A row is committed before the transaction leaves; what is
 * not known to be there is asked for by repeating the same anchor, which the registry takes in once.
 */
import type { Pool } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { carryOne } from '../registry/carry.ts';

/** A block as the chain holds it. */
export interface Anchored {
  readonly block: string;
  readonly hash: string;
}

/** The part of the chain that anchors are kept in. */
export interface AnchorKeeper {
  /**
   * Puts a block's hash on the chain; blocks only go up. Repeating it is harmless. `unknown`: ask again; `overtaken`: the chain
   * has an anchor of a later block, and takes this one no more. Throws faults of the chain when nothing was sent or it is refused.
   */
  anchor(
    block: bigint,
    hash: string,
  ): Promise<
    | { readonly state: 'anchored'; readonly transactionHash: string | null; readonly ledgerVersion: bigint | null }
    | { readonly state: 'unknown' | 'overtaken' }
  >;
}

export interface AnchorDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly keeper: AnchorKeeper;
  /** Least time between two anchors, milliseconds. */
  readonly intervalMs: number;
}

/**
 * How an anchor came out; `none`: none is due, or another process is at it; `overtaken`: the chain knows of a later block than this
 * log had then, so the log was restored from before it, or made anew.
 */
export interface AnchorOutcome {
  readonly state: 'none' | 'anchored' | 'unknown' | 'overtaken';
  readonly block: string | null;
}

const NOTHING: AnchorOutcome = { state: 'none', block: null };

/**
 * Anchors the last sealed block when the interval is over, or brings an anchor whose outcome is open to its end. Several
 * processes may run it: the row of a block is written once, and the registry takes a block once.
 */
export async function anchorHead(deps: AnchorDeps): Promise<AnchorOutcome> {
  const carried = await carryOne({
    open: () => openAnchor(deps),
    begin: () => beginAnchor(deps),
    put: ({ block, hash }: OpenAnchor) => deps.keeper.anchor(block, hash),
    end: ({ block }, result) => endAnchor(deps, block, result),
  });
  return carried === null ? NOTHING : { state: carried.outcome.state, block: carried.row.block.toString() };
}

async function endAnchor({ pool, clock }: AnchorDeps, block: bigint, result: Awaited<ReturnType<AnchorKeeper['anchor']>>): Promise<void> {
  const isThere = result.state === 'anchored';
  await pool.query({
    name: 'end_audit_anchor',
    text: `update audit_anchors set state = $2, transaction_hash = coalesce($3, transaction_hash), ledger_version = coalesce($4, ledger_version),
        anchored_at = case when $2 = 'anchored' then $5::timestamptz end
      where block_number = $1 and state <> 'anchored'`,
    values: [block, result.state, isThere ? result.transactionHash : null, isThere ? result.ledgerVersion : null, new Date(clock.now())],
  });
}

interface OpenAnchor {
  readonly block: bigint;
  readonly hash: string;
}

async function openAnchor({ pool }: AnchorDeps): Promise<OpenAnchor | null> {
  const { rows } = await pool.query<OpenAnchor>({
    name: 'open_audit_anchor',
    text: `select block_number as block, hash from audit_anchors where state in ('sent', 'unknown') order by block_number limit 1`,
  });
  return rows[0] ?? null;
}

/** Commits that the last block is about to be anchored; null while the interval runs, or when there is no new block. */
async function beginAnchor({ pool, clock, intervalMs }: AnchorDeps): Promise<OpenAnchor | null> {
  const nowMs = clock.now();
  const { rows } = await pool.query<OpenAnchor>({
    name: 'begin_audit_anchor',
    text: `insert into audit_anchors (block_number, hash, sent_at)
      select number, hash, $1 from audit_blocks
      where number = (select max(number) from audit_blocks)
        and not exists (select 1 from audit_anchors where sent_at > $2 or block_number >= number)
      on conflict do nothing returning block_number as block, hash`,
    values: [new Date(nowMs), new Date(nowMs - intervalMs)],
  });
  return rows[0] ?? null;
}
