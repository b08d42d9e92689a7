/**
 * The first durable boundary: what the agents decided about a cohort becomes true in one transaction.
 * Float is reserved under lock, terms and routes are written, flagged payments get their case, and
 * every decision is recorded, or none of it happens.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { uuidArray } from '../../db/arrays.ts';
import { type RecordedDecision, recordDecisions } from '../../db/queries/decisions.ts';
import { withoutMandate } from '../../db/queries/mandates.ts';
import { type AuthorisedTerms, transitionPayments, type Transition } from '../../db/queries/transitions.ts';
import type { QuoteTerms } from '../../agents/agent.ts';
import { evidenceOf } from '../../agents/compliance/index.ts';
import { type Reserved, reserve } from '../../agents/liquidity/index.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';
import { money } from '../../domain/money.ts';
import { ensureAccountsOnce, post } from '../../tools/ledger/index.ts';
import type { Agents, LiquidityVerdict } from '../agents.ts';
import { type NewCase, openCases, riskScoreOf } from '../case/cases.ts';
import { assertLease, type Cohort, postpone, type Traveller } from '../cohort.ts';
import { bindAgent, runAgent } from '../decide.ts';
import { haltedAmong, waits } from '../halts.ts';
import { betweenBalancesMovements, releaseMovements } from '../postings.ts';
import { isUnauthorised } from '../turns.ts';
import { balanceAccounts } from './legs.ts';
import type { GraphDeps } from '../types.ts';

/** A traveller with what liquidity said, when it was asked. */
interface Funded {
  readonly traveller: Traveller;
  readonly verdict: LiquidityVerdict | null;
  /** The same as it will be recorded. */
  readonly said: RecordedDecision | null;
}

/** Commits the cohort's decisions; returns it with its payments where they stand now. */
export async function authorize(deps: GraphDeps, agents: Agents, cohort: Cohort): Promise<Cohort> {
  const unauthorised = cohort.travellers.filter(isUnauthorised);
  const rerouted = cohort.travellers.filter((traveller) => !isUnauthorised(traveller) && traveller.routing !== undefined);
  const moved = new Map<string, Traveller>();
  await ensureAccountsOnce(deps.pool, balanceAccounts(unauthorised));
  await withTransaction(deps.pool, async (tx) => {
    moved.clear();
    for (const traveller of await commitReroutes(tx, deps, agents, cohort, rerouted)) moved.set(traveller.payment.id, traveller);
    for (const traveller of await commitDecisions(tx, deps, agents, cohort, unauthorised)) moved.set(traveller.payment.id, traveller);
  });
  if ([...moved.values()].some((traveller) => traveller.payment.status === 'held')) deps.notify('cases');
  return { ...cohort, travellers: cohort.travellers.map((traveller) => moved.get(traveller.payment.id) ?? traveller) };
}

async function commitDecisions(
  tx: PoolClient,
  deps: GraphDeps,
  agents: Agents,
  cohort: Cohort,
  travellers: readonly Traveller[],
): Promise<Traveller[]> {
  if (travellers.length === 0) return [];
  const nowMs = deps.clock.now();
  await recordScreened(tx, agents, travellers);
  const halted = await haltedAmong(tx, travellers.filter(isBetweenBalances));
  const unmandated = await withoutMandate(
    tx,
    travellers.map(({ payment }) => payment.id),
    nowMs,
  );
  const funded = await fund(
    tx,
    agents,
    cohort,
    travellers.map((traveller) => holdBack(refuseEnded(refuseExpired(traveller, nowMs), unmandated), halted)),
    nowMs,
  );
  const granted = funded.filter((each) => each.verdict?.outcome === 'reserve');
  const winners = granted.map((each) => each.traveller);
  await agents.exchangeRate.apply(
    tx,
    winners,
    winners.flatMap((traveller) => traveller.quoting ?? []),
  );
  const ahead = granted.filter((each) => !isBetweenBalances(each.traveller));
  const reserved = await reserve(
    tx,
    ahead.map((each) => each.traveller),
    ahead.flatMap((each) => each.verdict ?? []),
    nowMs,
  );
  await post(
    tx,
    winners.filter(isBetweenBalances).flatMap((traveller) => betweenBalancesMovements(traveller, quoteOf(traveller))),
  );
  await recordDecisions(tx, funded.flatMap(decisionsOf), nowMs);
  const holds = new Map(reserved.map((each) => [each.paymentId, each]));
  await transitionPayments(
    tx,
    funded.flatMap((each) => transitionOf(each, cohort, holds.get(each.traveller.payment.id))),
    { nowMs, leaseToken: cohort.leaseToken },
  );
  // A payment that waits again passes no transition that would notice another worker.
  await assertLease(
    tx,
    cohort,
    funded.flatMap(({ traveller }) => (endOf(traveller) === traveller.payment.status ? [traveller] : [])),
  );
  await openCases(
    tx,
    deps,
    funded.flatMap(({ traveller }) => caseOf(traveller)),
  );
  await postpone(
    tx,
    deps,
    funded.flatMap(({ traveller }) => (traveller.leaves?.to === 'waits' ? [traveller.payment.id] : [])),
    nowMs,
  );
  return reload(tx, funded);
}

/** Paid in this step, between two balances: nothing of it is left to be read. */
function isDone(traveller: Traveller): boolean {
  return traveller.leaves === undefined && isBetweenBalances(traveller);
}

function atItsEnd(traveller: Traveller): Traveller {
  return { ...traveller, payment: { ...traveller.payment, status: endOf(traveller) }, decisions: [] };
}

/** Everything that was decided about a payment in this run, in the order in which it was. */
function decisionsOf({ traveller, said }: Funded): readonly RecordedDecision[] {
  return said === null ? traveller.decisions : [...traveller.decisions, said];
}

/** What screening found, written before liquidity locks the accounts that every cohort needs. */
async function recordScreened(tx: PoolClient, agents: Agents, travellers: readonly Traveller[]): Promise<void> {
  const screened = travellers.filter((traveller) => traveller.screening !== undefined);
  await agents.compliance.apply(
    tx,
    screened,
    screened.flatMap((traveller) => traveller.screening?.verdict ?? []),
  );
}

/** A quote that ran out while its cohort was decided is not settled. */
function refuseExpired(traveller: Traveller, nowMs: number): Traveller {
  const expired = traveller.quote !== undefined && traveller.quote.expiresAtMs <= nowMs && traveller.leaves === undefined;
  return expired ? { ...traveller, leaves: { to: 'rejected', reasonCode: 'quote_expired' } } : traveller;
}

/** Nobody spends under a mandate that was taken back or has ended meanwhile. */
function refuseEnded(traveller: Traveller, unmandated: ReadonlySet<string>): Traveller {
  const isEnded = traveller.leaves === undefined && unmandated.has(traveller.payment.id);
  return isEnded ? { ...traveller, leaves: { to: 'rejected', reasonCode: 'mandate_missing' } } : traveller;
}

/** Money that would move in this very step waits while a halt covers it; what operators move is held back where it is sent. */
function holdBack(traveller: Traveller, halted: ReadonlySet<string>): Traveller {
  return traveller.leaves === undefined && halted.has(traveller.payment.id) ? waits(traveller) : traveller;
}

/** The case of a payment that is held here, or refused for a listed name; none for any other. */
function caseOf(traveller: Traveller): NewCase[] {
  const end = endOf(traveller);
  if (traveller.screening === undefined) return [];
  const { facts, verdict } = traveller.screening;
  const isRefused = end === 'rejected' && verdict.outcome === 'block' && verdict.data.reasonCode === 'sanctions_match';
  if (end !== 'held' && !isRefused) return [];
  const kind = isRefused ? 'refused' : 'held';
  const { clientId, id: paymentId, amountMinor, fromCurrency } = traveller.payment;
  const { evidence, priority } = evidenceOf(facts, verdict);
  const amount = money(amountMinor, fromCurrency);
  const escalates = verdict.data.escalates === true;
  return [{ kind, clientId, paymentId, reasons: verdict.reasons, evidence, priority, escalates, riskScore: riskScoreOf(facts), amount }];
}

/** Asks liquidity, under the locks of this transaction, about the payments that nobody has sent away. */
async function fund(tx: PoolClient, agents: Agents, cohort: Cohort, travellers: readonly Traveller[], nowMs: number): Promise<Funded[]> {
  const asking = travellers.filter((traveller) => traveller.leaves === undefined);
  const decided = await runAgent(bindAgent(agents.liquidity, { tx, nowMs }), asking, cohort.id);
  const byPayment = new Map(asking.map((traveller, index) => [traveller.payment.id, decided[index]]));
  return travellers.map((traveller) => {
    const heard = byPayment.get(traveller.payment.id);
    if (heard === undefined) return { traveller, verdict: null, said: null };
    const { verdict, record: said } = heard;
    const { outcome, data } = verdict;
    if (outcome === 'reserve') return { traveller, verdict, said };
    const leaves: Traveller['leaves'] =
      outcome === 'queue'
        ? { to: 'waits', reasonCode: 'liquidity_timeout' }
        : { to: 'rejected', reasonCode: data.code ?? 'liquidity_timeout' };
    return { traveller: { ...traveller, leaves }, verdict, said };
  });
}

/** No operator has a part in it: what is authorised is collected and paid out in the same step. */
function isBetweenBalances({ payment }: Traveller): boolean {
  return payment.funding === 'balance' && payment.delivery === 'balance';
}

/** Where a payment goes at this boundary. A payment that waits is `queued`, and stays so while it waits again. */
function endOf(traveller: Traveller): PaymentStatus {
  if (traveller.leaves === undefined) return isBetweenBalances(traveller) ? 'paid' : 'authorized';
  return traveller.leaves.to === 'waits' ? 'queued' : traveller.leaves.to;
}

function transitionOf({ traveller }: Funded, cohort: Cohort, held: Reserved | undefined): Transition[] {
  const to = endOf(traveller);
  const from = traveller.payment.status;
  if (to === from) return [];
  const reasonCode = traveller.leaves?.to === 'waits' ? null : (traveller.leaves?.reasonCode ?? null);
  const terms = traveller.leaves === undefined ? { terms: termsOf(traveller, held) } : {};
  return [{ paymentId: traveller.payment.id, from, to, reasonCode, cause: `cohort:${cohort.id}`, ...terms }];
}

/** What a payment is authorised at: its quote, and its rails with the one whose float it holds first. */
function termsOf(traveller: Traveller, held: Reserved | undefined): AuthorisedTerms {
  const { payment, route } = traveller;
  const quote = quoteOf(traveller);
  if (route === undefined) throw new RangeError(`payment ${payment.id} has no route to be authorised with`);
  return {
    quoteId: quote.id,
    feeMinor: quote.feeMinor,
    targetMinor: quote.targetMinor,
    collectionRoute: route.collection,
    payoutRoute: held === undefined || held.payout.length === 0 ? route.payout : held.payout,
    reservationId: held?.reservationId ?? null,
  };
}

function quoteOf({ payment, quote }: Traveller): QuoteTerms {
  if (quote === undefined) throw new RangeError(`payment ${payment.id} has no terms to be authorised at`);
  return quote;
}

/** A leg that is routed again: its new rails are written, and the payout's float moves to the new pool. */
async function commitReroutes(
  tx: PoolClient,
  deps: GraphDeps,
  agents: Agents,
  cohort: Cohort,
  travellers: readonly Traveller[],
): Promise<Traveller[]> {
  if (travellers.length === 0) return [];
  const nowMs = deps.clock.now();
  await assertLease(tx, cohort, travellers);
  await agents.route.apply(
    tx,
    travellers,
    travellers.flatMap((traveller) => traveller.routing ?? []),
  );
  const movers = travellers.filter((traveller) => traveller.payment.status === 'collected' && (traveller.route?.payout.length ?? 0) > 0);
  // What was held at the spent rail's pool is let go first, so that the new reservation sees it free.
  await post(tx, movers.flatMap(releaseMovements));
  const funded = await fund(tx, agents, cohort, movers, nowMs);
  const granted = funded.filter((each) => each.verdict?.outcome === 'reserve');
  await agents.liquidity.apply(
    tx,
    granted.map((each) => each.traveller),
    granted.flatMap((each) => each.verdict ?? []),
  );
  const without = funded.filter((each) => each.verdict?.outcome !== 'reserve').map((each) => each.traveller.payment.id);
  if (without.length > 0) await tx.query('update payments set reservation_id = null where id = any($1::uuid[])', [without]);
  await postpone(tx, deps, without, nowMs);
  const after = new Map(funded.map((each) => [each.traveller.payment.id, each]));
  const all = travellers.map((traveller): Funded => after.get(traveller.payment.id) ?? { traveller, verdict: null, said: null });
  await recordDecisions(tx, all.flatMap(decisionsOf), nowMs);
  const reloaded = await reload(tx, all);
  // Money that is with us and finds no float in time goes back rather than wait for ever.
  return reloaded.map((traveller) => (traveller.leaves?.to === 'rejected' ? withoutPayout(traveller) : traveller));
}

function withoutPayout(traveller: Traveller): Traveller {
  const { leaves: _refused, ...rest } = traveller;
  return { ...rest, reservationId: null, route: { collection: traveller.route?.collection ?? [], payout: [] } };
}

interface WrittenRow {
  readonly id: string;
  readonly status: PaymentStatus;
  readonly reservation_id: string | null;
  readonly collection_route: string[];
  readonly payout_route: string[];
}

/** Takes routes and reservations as they were written, which is how the next nodes must see them. */
async function reload(tx: PoolClient, funded: readonly Funded[]): Promise<Traveller[]> {
  const ids = funded.flatMap(({ traveller }) => (isDone(traveller) ? [] : [traveller.payment.id]));
  const written =
    ids.length === 0
      ? []
      : (
          await tx.query<WrittenRow>({
            name: 'reload_routes',
            text: 'select id, status, reservation_id, collection_route, payout_route from payments where id = any($1::uuid[])',
            values: [uuidArray(ids)],
          })
        ).rows;
  const rows = new Map(written.map((row) => [row.id, row]));
  return funded.map(({ traveller }) => {
    if (isDone(traveller)) return atItsEnd(traveller);
    const row = rows.get(traveller.payment.id);
    if (row === undefined) throw new RangeError(`payment ${traveller.payment.id} is gone`);
    const spentOut = traveller.payment.status === 'collected' && traveller.route?.payout.length === 0;
    return {
      ...traveller,
      payment: { ...traveller.payment, status: row.status },
      reservationId: row.reservation_id,
      route: { collection: row.collection_route, payout: spentOut ? [] : row.payout_route },
      decisions: [],
    };
  });
}
