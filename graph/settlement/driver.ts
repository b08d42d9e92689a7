/**
 * The settlement driver: takes batches over the chain, step by step, so that it may die between any two.
 *
 *     closed --propose--> proposed --approve, m of n--> approved --execute--> executed --pay, check, post--> settled
 *
 * A batch with a dispute window is paid once that is over, and one in dispute once arbiters have spoken or let their time pass.
 * What people ask of it meanwhile, a dispute or the vote of an arbiter, is a step like any other.
 * One that missed its deadline is ended on the chain, so that what was put into it is back before its due goes elsewhere.
 *
 * While a halt covers the settlement with a partner, no step by which money moves is opened for its batches; what was sent before is
 * asked about, and what freezes a batch goes on.
 *
 * A step is committed before its first byte is sent. While its outcome is not known the chain is asked and
 * nothing is sent anew; only when the chain does not know it, and its transaction can no longer be taken in,
 * is it counted as lost and tried again. The contract refuses a second proposal or execution besides.
 */
import { withTransaction } from '../../db/connect.ts';
import { findSettlementDispute } from '../../db/queries/settlement-disputes.ts';
import { type ErrorCode, ERRORS, isFault } from '../../domain/errors.ts';
import { proposalDigest } from '../../tools/aptos/proposal.ts';
import { type ChainStatus, stepName, voteSigner } from '../../tools/aptos/settlement-chain.ts';
import { findConsents, nextConsent, type ReadyConsent } from './approvals.ts';
import { finishBatch, stopAsMismatched } from './finish.ts';
import {
  changeBatch,
  claimBatches,
  closeCases,
  endStep,
  findApproved,
  findOpenStep,
  isHalted,
  openStep,
  raiseCase,
  type StepEnd,
} from './steps.ts';
import { alteredTerms, proposalOf } from './terms.ts';
import type { DrivenBatch, DriverDeps, OpenStep, StepKind } from './types.ts';
import { isVoteGivenUp, nextVote } from './votes.ts';

/** Takes every batch whose next step is due as far as it goes now; resolves with how many were worked. */
export async function driveSettlement(deps: DriverDeps): Promise<number> {
  const { pool, clock, settings } = deps;
  const batches = await claimBatches(pool, clock.now(), settings.leaseMs, settings.batchesMax);
  const outcomes = await Promise.allSettled(batches.map((batch) => driveBatch(deps, batch)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return batches.length;
}

/** Steps of one batch in one go at most; proposal, approvals, execution, check. */
const STEPS_MAX = 40;

async function driveBatch(deps: DriverDeps, claimed: DrivenBatch): Promise<void> {
  let batch: DrivenBatch | null = claimed;
  try {
    for (let steps = 0; batch !== null && steps < STEPS_MAX; steps += 1) batch = await advance(deps, batch);
  } catch (error) {
    if (isFault(error, 'lease_lost')) return;
    // Whatever it was, the step is committed: the next look finds it open and asks the chain.
    const said = isFault(error) ? error.code : error instanceof Error ? error.message : 'unknown';
    deps.log.error({ batchId: claimed.id, error: said }, 'settlement step broke off');
    throw error;
  }
}

const BEFORE_EXECUTION: ReadonlySet<string> = new Set(['closed', 'proposed', 'approved']);

/** Takes the next step; null when the batch was given back. */
async function advance(deps: DriverDeps, batch: DrivenBatch): Promise<DrivenBatch | null> {
  const open = await findOpenStep(deps.pool, batch.id);
  if (open !== null) return inquire(deps, batch, open);
  const isLate = batch.deadlineMs !== null && deps.clock.now() >= batch.deadlineMs;
  // Keys of the policy consent to nothing meanwhile either. One that is late may have ended on the chain, which is looked at all the same.
  if (BEFORE_EXECUTION.has(batch.status) && !isLate && (await isHalted(deps.pool, batch.partner)))
    return giveBack(deps, batch, deps.settings.patienceMs);
  switch (batch.status) {
    case 'closed':
      return isLate ? lookAgain(deps, batch) : propose(deps, batch);
    case 'proposed': {
      if (isLate) return lookAgain(deps, batch);
      const consent = await nextConsent(deps, batch, await findApproved(deps.pool, batch.id));
      return consent === null ? lookAgain(deps, batch) : approve(deps, batch, consent);
    }
    case 'approved':
      return isLate ? lookAgain(deps, batch) : execute(deps, batch);
    case 'executed':
    case 'disputed':
      return lookAgain(deps, batch);
    default:
      return giveBack(deps, batch, deps.settings.patienceMs);
  }
}

/** The deadline is fixed with the first try; the chain counts whole seconds. */
function propose(deps: DriverDeps, batch: DrivenBatch): Promise<DrivenBatch | null> {
  const deadlineMs = batch.deadlineMs ?? Math.floor((deps.clock.now() + deps.settings.proposalLifeMs) / 1_000) * 1_000;
  const proposal = proposalOf(batch, deadlineMs);
  const change = { deadlineMs: proposal.deadlineMs, proposalDigest: proposalDigest(proposal) };
  return send(deps, batch, { kind: 'propose', signer: '' }, () => deps.chain.propose(proposal), change);
}

function approve(deps: DriverDeps, batch: DrivenBatch, { signer, give }: ReadyConsent): Promise<DrivenBatch | null> {
  return send(deps, batch, { kind: 'approve', signer }, () => give(deps.chain));
}

/** Executes what was approved here, by those who approved it here: the chain is held to both before anything is sent. */
async function execute(deps: DriverDeps, batch: DrivenBatch): Promise<DrivenBatch | null> {
  const consents = await findConsents(deps, batch);
  const mandate = { proposalDigest: batch.proposalDigest ?? '', approvedBy: consents.map(({ signer }) => signer) };
  return send(deps, batch, { kind: 'execute', signer: '' }, () => deps.chain.execute(batch.id, mandate));
}

/** Faults that say nothing of what the chain did. */
const LEAVES_OPEN: ReadonlySet<ErrorCode> = new Set(['internal', 'lease_lost', 'database_unavailable', 'chain_outcome_unknown']);

/** Commits the step, sends it, and writes down what became of it. */
async function send(
  deps: DriverDeps,
  batch: DrivenBatch,
  step: { readonly kind: StepKind; readonly signer: string },
  call: () => Promise<ChainStatus>,
  change: { readonly deadlineMs?: number; readonly proposalDigest?: string } = {},
): Promise<DrivenBatch | null> {
  const { leaseMs } = deps.settings;
  const opened = await openStep(deps.pool, batch, step, change, { nowMs: deps.clock.now(), leaseMs });
  if (opened === null) return giveBack(deps, batch, deps.settings.patienceMs);
  try {
    const status = await call();
    return await record(deps, opened.batch, opened.step, status, endAfterSend(opened.step, status));
  } catch (error) {
    // Faults say that nothing was sent, or that the chain forbids the step; anything else leaves it open.
    if (!isFault(error) || LEAVES_OPEN.has(error.code)) throw error;
    return setBack(deps, opened.batch, opened.step, error.code, isFinal(error.code) ? await askChain(deps, opened.batch) : null);
  }
}

/** Asks the chain what became of a step. */
async function inquire(deps: DriverDeps, batch: DrivenBatch, step: OpenStep): Promise<DrivenBatch | null> {
  const status = await askChain(deps, batch);
  if (status === null) return record(deps, batch, step, null, { state: 'unknown' });
  const mayStillCome = deps.clock.now() < step.sentAtMs + deps.settings.transactionLifeMs;
  const end = endAfterInquiry(step, status, mayStillCome);
  if (end.state === 'failed') return setBack(deps, batch, step, end.reasonCode ?? 'lost', status);
  return record(deps, batch, step, status, end);
}

/** The chain's word, or null while it cannot be had. */
async function askChain(deps: DriverDeps, batch: DrivenBatch): Promise<ChainStatus | null> {
  try {
    const status = await deps.chain.status(batch.id);
    return status.state === 'unknown' ? null : status;
  } catch (error) {
    if (!isFault(error) || error.code === 'internal') throw error;
    return null;
  }
}

const BINDING = ['executed', 'disputed', 'resolved', 'settled'] as const;

const JUDGED = ['disputed', 'resolved', 'settled'] as const;

/** States of the chain that show that a step took effect. */
const REACHED = {
  propose: new Set(['proposed', 'approved', ...BINDING, 'expired', 'refunded']),
  approve: new Set(['approved', ...BINDING]),
  execute: new Set(BINDING),
  pay: new Set(['settled']),
  refund: new Set(['refunded']),
  dispute: new Set(JUDGED),
  vote: new Set(JUDGED),
} as const satisfies Record<StepKind, ReadonlySet<string>>;

/** Others may dispute and judge as well: of these steps the state counts only with a transaction of our own. */
const BY_ANYBODY: ReadonlySet<StepKind> = new Set<StepKind>(['dispute', 'vote']);

/** States from which a step can no longer take effect. */
const MISSED = {
  propose: new Set(),
  approve: new Set(['expired', 'refunded']),
  execute: new Set(['expired', 'refunded']),
  pay: new Set(['refunded']),
  refund: new Set(BINDING),
  dispute: new Set(JUDGED),
  vote: new Set(['resolved', 'settled']),
} as const satisfies Record<StepKind, ReadonlySet<string>>;

/** An approval may have come before its batch expired, or not at all: there its own transaction tells. */
const WITH_OR_WITHOUT: Readonly<Partial<Record<StepKind, ReadonlySet<string>>>> = { approve: MISSED.approve };

/** What is said of a step that can no longer take effect. */
const MISSED_REASON: Readonly<Record<StepKind, string>> = {
  propose: 'expired',
  approve: 'expired',
  execute: 'expired',
  pay: 'expired',
  refund: 'executed',
  dispute: 'disputed_by_another',
  vote: 'judged_before',
};

/**
 * The end of a step that took effect, with its own transaction where that is known; null while the batch does not show it. A
 * transaction alone is not enough: a node may know of it and still tell of the batch as it was before, and the batch would be taken
 * to be where it no longer is.
 */
function endIfReached({ kind, signer }: OpenStep, status: ChainStatus): StepEnd | null {
  const own = status.steps[stepName(kind, signer)];
  const isThere = (REACHED[kind] as ReadonlySet<string>).has(status.state) && (own !== undefined || !BY_ANYBODY.has(kind));
  const wasThere = own !== undefined && WITH_OR_WITHOUT[kind]?.has(status.state) === true;
  // Whose approval it is the chain says itself.
  const isCounted = kind === 'approve' && status.state === 'proposed' && status.approvedBy.includes(signer);
  if (!isCounted && !isThere && !wasThere) return null;
  const { transactionHash, ledgerVersion } = own ?? status;
  return { state: 'succeeded', transactionHash, ledgerVersion };
}

/** What the answer to a call says. An answer that does not show the step leaves it open. */
function endAfterSend(step: OpenStep, status: ChainStatus): StepEnd {
  return endIfReached(step, status) ?? { state: 'unknown' };
}

function endAfterInquiry(step: OpenStep, status: ChainStatus, mayStillCome: boolean): StepEnd {
  const { kind } = step;
  const reached = endIfReached(step, status);
  if (reached !== null) return reached;
  if ((MISSED[kind] as ReadonlySet<string>).has(status.state)) return { state: 'failed', reasonCode: MISSED_REASON[kind] };
  const isThere = status.steps[stepName(kind, step.signer)] !== undefined;
  return mayStillCome || isThere ? { state: 'unknown' } : { state: 'failed', reasonCode: 'lost' };
}

const WAIT_DOUBLINGS_MAX = 12;

function waitMs(deps: DriverDeps, tries: number): number {
  const { inquiryDelayMs, inquiryDelayMsMax } = deps.settings;
  return Math.min(inquiryDelayMs * 2 ** Math.min(tries, WAIT_DOUBLINGS_MAX), inquiryDelayMsMax);
}

/** Writes a step's outcome and where the batch stands by it. */
async function record(
  deps: DriverDeps,
  batch: DrivenBatch,
  step: OpenStep,
  status: ChainStatus | null,
  end: StepEnd,
): Promise<DrivenBatch | null> {
  const at = { nowMs: deps.clock.now(), leaseMs: deps.settings.leaseMs };
  if (end.state === 'unknown' || status === null) {
    await withTransaction(deps.pool, async (tx) => {
      await endStep(tx, step, { state: 'unknown' }, at.nowMs);
      await changeBatch(tx, batch, { restUntilMs: at.nowMs + waitMs(deps, step.inquiries) }, at);
    });
    return null;
  }
  return withTransaction(deps.pool, async (tx) => {
    await endStep(tx, step, end, at.nowMs);
    if (step.kind === 'propose') await closeCases(tx, batch.id, ['refused'], at.nowMs);
    return finishBatch(deps, tx, { ...batch, setbacks: 0 }, status, true);
  });
}

/** Whether the chain shows the batch where this step is out of place, or held to other terms than ours: there it is to be taken as it is. */
function isOvertaken(batch: DrivenBatch, { kind }: OpenStep, { state, terms }: ChainStatus): boolean {
  const has = (states: ReadonlySet<string>): boolean => states.has(state);
  return has(MISSED[kind]) || (BEFORE_EXECUTION.has(batch.status) && has(REACHED[kind])) || alteredTerms(batch, terms).length > 0;
}

/** Whether a refusal will be the same the next time. */
const isFinal = (code: ErrorCode): boolean => ERRORS[code].retry !== 'later';

/** A step that the chain refused or lost: another try after a wait, and people hear of it when it goes on so, or a vote is given up. */
async function setBack(
  deps: DriverDeps,
  batch: DrivenBatch,
  step: OpenStep,
  reasonCode: string,
  status: ChainStatus | null = null,
): Promise<DrivenBatch | null> {
  const at = { nowMs: deps.clock.now(), leaseMs: deps.settings.leaseMs };
  const setbacks = batch.setbacks + 1;
  return withTransaction(deps.pool, async (tx) => {
    await endStep(tx, step, { state: 'failed', reasonCode }, at.nowMs);
    if (status !== null && isOvertaken(batch, step, status)) return finishBatch(deps, tx, batch, status);
    if (status !== null && reasonCode === 'settlement_approvers_differ') return stopAsMismatched(deps, tx, batch, status, reasonCode);
    const isGivenUp = step.kind === 'vote' && (await isVoteGivenUp(deps, tx, batch.id, step.signer));
    if (setbacks >= deps.settings.setbacksMax || isGivenUp) {
      const evidence = { step: step.kind, reasonCode, setbacks, batchId: batch.id, status: batch.status };
      await raiseCase(tx, batch.id, 'refused', evidence, at.nowMs);
    }
    const restUntilMs = at.nowMs + (reasonCode === 'lost' ? 0 : waitMs(deps, setbacks));
    await changeBatch(tx, batch, { setbacks, restUntilMs }, at);
    deps.log.warn({ batchId: batch.id, step: step.kind, reasonCode, setbacks }, 'settlement step set back');
    return null;
  });
}

/**
 * Asks where a batch stands without a step of ours under way: past its deadline, executed, in dispute, or waiting for people. What
 * can be paid is paid, what has expired is refunded, what a person disputes is frozen, and votes of arbiters are handed on.
 */
async function lookAgain(deps: DriverDeps, held: DrivenBatch): Promise<DrivenBatch | null> {
  const status = await askChain(deps, held);
  if (status === null) return giveBack(deps, held, waitMs(deps, held.setbacks));
  // A person may have asked for a dispute since the batch was claimed.
  const batch = { ...held, disputeAsked: (await findSettlementDispute(deps.pool, held.id))?.evidenceHash ?? null };
  const isBound = batch.status === 'executed' || batch.status === 'disputed';
  if (!isBound && status.state === 'expired') return send(deps, batch, { kind: 'refund', signer: '' }, () => deps.chain.refund(batch.id));
  if (alteredTerms(batch, status.terms).length === 0) {
    if (isBound && status.isPayable) return send(deps, batch, { kind: 'pay', signer: '' }, () => deps.chain.pay(batch.id));
    if (isBound && status.state === 'executed' && batch.disputeAsked !== null) return dispute(deps, batch, batch.disputeAsked);
    const vote = batch.status === 'disputed' && status.state === 'disputed' ? await nextVote(deps, batch) : null;
    if (vote !== null) return send(deps, batch, { kind: 'vote', signer: voteSigner(vote) }, () => deps.chain.vote(vote));
  }
  return withTransaction(deps.pool, (tx) => finishBatch(deps, tx, batch, status));
}

function dispute(deps: DriverDeps, batch: DrivenBatch, evidenceHash: string): Promise<DrivenBatch | null> {
  return send(deps, batch, { kind: 'dispute', signer: '' }, () => deps.chain.dispute(batch.id, evidenceHash));
}

async function giveBack(deps: DriverDeps, batch: DrivenBatch, ms: number): Promise<null> {
  const nowMs = deps.clock.now();
  await withTransaction(deps.pool, (tx) => changeBatch(tx, batch, { restUntilMs: nowMs + ms }, { nowMs, leaseMs: deps.settings.leaseMs }));
  return null;
}
