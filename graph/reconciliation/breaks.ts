/**
 * Ending a break takes two people: one proposes the entries that correct the books, another approves exactly those.
 * They are posted in the transaction of the approval, linked to it and to each other, and the audit log tells who did
 * what. A break without entries is dismissed the same way.
 */
import type { PoolClient } from 'pg';
import { type Pool, withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { type BreakDecisionRow, type BreakRow, keepBreakDecision, latestProposal, lockBreak, moveBreak } from '../../db/queries/breaks.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Clock } from '../../domain/clock.ts';
import { parseCurrency } from '../../domain/currency.ts';
import type { Facts, Json } from '../../domain/decision.ts';
import { fault } from '../../domain/errors.ts';
import { derivedId, digestOf, newId } from '../../domain/ids.ts';
import { accountIds, type AccountSpec, clientAccount, ensureAccounts, post, suspenseAccount } from '../../tools/ledger/index.ts';
import type { ProposedEntry } from '../../tools/reconciliation/entries.ts';
import { entryFacts } from './found.ts';

interface BreakDeps {
  readonly pool: Pool;
  readonly clock: Clock;
}

/** Who acts on which break, and why. */
export interface BreakAct {
  readonly breakId: string;
  /** The principal of the key. */
  readonly principal: string;
  readonly reasonCode: string;
}

const ENTRIES_MAX = 20;
/** Clearing and position accounts belong to payments and exchanges: no correction may leave anything on them. */
const CORRECTABLE = /^(float:[a-z0-9-]+|(suspense|treasury|fees|rounding):[A-Z]{3}|client:[0-9a-f-]{36}:[A-Z]{3})$/;

/** SHA-256 of entries, by which an approval names them. */
export function entriesDigest(entries: readonly Facts[]): string {
  return digestOf(canonicalJson(entries));
}

/**
 * Proposes entries for a break; those found with it unless others are given, none to dismiss it. A proposal takes the
 * place of the one before. Throws `not_found`, `break_not_open`, `entries_invalid`.
 */
export async function proposeEntries(deps: BreakDeps, act: BreakAct, entries: readonly ProposedEntry[] | null): Promise<BreakRow> {
  return withTransaction(deps.pool, async (tx) => {
    const row = await lock(tx, act.breakId);
    if (row.status !== 'open' && row.status !== 'proposed') throw fault('break_not_open');
    const facts = entries === null ? row.proposedEntries : entries.map(entryFacts);
    await assertPostable(tx, row, facts);
    const digest = entriesDigest(facts);
    await keepBreakDecision(tx, decision(deps, act, 'propose', facts, digest, null));
    await tell(tx, deps, row, act, 'break.proposed', { entriesDigest: digest, entries: facts.length });
    return moveBreak(tx, act.breakId, 'proposed', deps.clock.now());
  });
}

/**
 * Approves the entries proposed last, and posts them. Throws `maker_is_checker` for whoever proposed them,
 * `entries_stale` when others were proposed since, `break_not_open`, and what the ledger throws.
 */
export async function approveEntries(deps: BreakDeps, act: BreakAct, digest: string): Promise<BreakRow> {
  return withTransaction(deps.pool, async (tx) => {
    const { row, proposal } = await lockProposed(tx, act);
    if (proposal.entriesDigest !== digest || entriesDigest(proposal.entries) !== digest) throw fault('entries_stale');
    const linkId = derivedId('break', act.breakId, proposal.id);
    const transfers = await postEntries(tx, row, proposal, linkId);
    await keepBreakDecision(tx, decision(deps, act, 'approve', proposal.entries, digest, transfers.length === 0 ? null : linkId));
    const details = { entriesDigest: digest, proposedBy: proposal.principal, linkId: transfers.length === 0 ? null : linkId, transfers };
    await tell(tx, deps, row, act, transfers.length === 0 ? 'break.dismissed' : 'break.posted', details);
    return moveBreak(tx, act.breakId, transfers.length === 0 ? 'dismissed' : 'posted', deps.clock.now());
  });
}

/** Sends a proposal back. Throws `maker_is_checker`, `break_not_open`. */
export async function rejectEntries(deps: BreakDeps, act: BreakAct): Promise<BreakRow> {
  return withTransaction(deps.pool, async (tx) => {
    const { row, proposal } = await lockProposed(tx, act);
    await keepBreakDecision(tx, decision(deps, act, 'reject', proposal.entries, proposal.entriesDigest, null));
    await tell(tx, deps, row, act, 'break.rejected', { entriesDigest: proposal.entriesDigest, proposedBy: proposal.principal });
    return moveBreak(tx, act.breakId, 'open', deps.clock.now());
  });
}

async function lock(tx: PoolClient, breakId: string): Promise<BreakRow> {
  const row = await lockBreak(tx, breakId);
  if (row === null) throw fault('not_found');
  return row;
}

async function lockProposed(tx: PoolClient, act: BreakAct): Promise<{ row: BreakRow; proposal: BreakDecisionRow }> {
  const row = await lock(tx, act.breakId);
  const proposal = await latestProposal(tx, act.breakId);
  if (row.status !== 'proposed' || proposal === null) throw fault('break_not_open');
  if (proposal.principal === act.principal) throw fault('maker_is_checker');
  return { row, proposal };
}

/** Every entry must move money of the break's currency between two accounts that a correction may touch. */
async function assertPostable(tx: PoolClient, row: BreakRow, entries: readonly Facts[]): Promise<void> {
  if (entries.length > ENTRIES_MAX) throw fault('entries_invalid', { detail: `A break takes ${ENTRIES_MAX} entries at most.` });
  for (const [index, { debit, credit, currency, amountMinor }] of entries.entries()) {
    const wrong = (detail: string) => fault('entries_invalid', { field: `entries.${index}`, detail });
    if (currency !== row.currency) throw wrong('An entry is of another currency than the break.');
    if (debit === credit || !CORRECTABLE.test(textOf(debit)) || !CORRECTABLE.test(textOf(credit)))
      throw wrong('An entry moves between two accounts of the kinds float, suspense, treasury, fees, rounding or client.');
    if (!/^[1-9]\d{0,17}$/.test(textOf(amountMinor))) throw wrong('The amount of an entry is a positive number of minor units.');
  }
  const opened = new Set((await openedByPosting(tx, row)).map(({ code }) => code));
  const codes = [...codesOf(entries)].filter((code) => !opened.has(code));
  await accountIds(tx, codes).catch((cause: unknown) => {
    throw fault('entries_invalid', { detail: 'An account of the entries does not exist.', cause });
  });
}

function codesOf(entries: readonly Facts[]): ReadonlySet<string> {
  return new Set(entries.flatMap(({ debit, credit }) => [textOf(debit), textOf(credit)]));
}

/** Accounts that may not be there before entries move money to them: whoever pays from wallets only has no balance with us. */
async function openedByPosting(tx: PoolClient, row: BreakRow): Promise<readonly AccountSpec[]> {
  const currency = parseCurrency(row.currency);
  const { rows } = await tx.query<{ clientId: string }>('select client_id as "clientId" from payments where id = $1', [row.paymentId]);
  return [suspenseAccount(currency), ...rows.map(({ clientId }) => clientAccount(clientId, currency))];
}

async function postEntries(tx: PoolClient, row: BreakRow, proposal: BreakDecisionRow, linkId: string): Promise<string[]> {
  if (proposal.entries.length === 0) return [];
  const named = codesOf(proposal.entries);
  await ensureAccounts(
    tx,
    (await openedByPosting(tx, row)).filter(({ code }) => named.has(code)),
  );
  return post(
    tx,
    proposal.entries.map(({ debit, credit, amountMinor, currency, reason }, index) => ({
      id: derivedId('break_entry', proposal.id, String(index)),
      type: 'posted' as const,
      debit: textOf(debit),
      credit: textOf(credit),
      amount: BigInt(textOf(amountMinor)),
      currency: parseCurrency(textOf(currency)),
      reason: textOf(reason),
      linkId,
    })),
  );
}

/** A field of stored entries, which hold texts alone. */
function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function decision(
  deps: BreakDeps,
  act: BreakAct,
  action: BreakDecisionRow['action'],
  entries: readonly Facts[],
  digest: string,
  linkId: string | null,
): BreakDecisionRow & { readonly breakId: string } {
  const { breakId, principal, reasonCode } = act;
  return {
    id: newId(),
    breakId,
    principal,
    action,
    reasonCode,
    entries,
    entriesDigest: digest,
    linkId,
    createdAt: new Date(deps.clock.now()),
  };
}

async function tell(tx: PoolClient, deps: BreakDeps, row: BreakRow, act: BreakAct, action: string, details: Facts): Promise<void> {
  const { id, kind, railId, day, paymentId } = row;
  const about = { kind, railId, day, reasonCode: act.reasonCode, ...details };
  const event = { clientId: null, actor: act.principal, action, subject: `break:${id}`, paymentId, details: about };
  await recordAuditEvents(tx, [event], deps.clock.now());
}
