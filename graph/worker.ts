/**
 * A worker: takes hints from the queue, works what is ready, and sweeps for work that no hint told of.
 * Any number of workers may run; leases and row locks keep them out of each other's way.
 */
import type { RescreenResult } from '../agents/compliance/rescreen.ts';
import { withTransaction } from '../db/connect.ts';
import type { RetentionReport } from '../db/queries/retention.ts';
import { proposeRebalances, readPoolLevels, recordProposals } from '../agents/liquidity/index.ts';
import { SETTLEMENT_POLICY, settleDue } from '../agents/settlement/index.ts';
import { isFault } from '../domain/errors.ts';
import { anchorHead, sealAudit } from '../tools/audit/index.ts';
import type { Agents } from './agents.ts';
import { buildCaseGraph, type CaseGraphDeps } from './case/case-graph.ts';
import { caseGraphDeps } from './case/cases.ts';
import { closeSettledDoubts, escalateDoubts, raiseMissing } from './case/doubts.ts';
import { keepCases } from './case/keep.ts';
import { createCaseWork } from './case/work.ts';
import { type CohortStage, workCohorts } from './cohorts.ts';
import { callbackPump } from './effects/callbacks.ts';
import { dispatchPump } from './effects/dispatch.ts';
import { inquiryPump } from './effects/inquire.ts';
import { createRecorder } from './effects/record.ts';
import { forgetSessions, smsPump, workSms } from './effects/sms.ts';
import { webhookPump, type WebhookSend, workWebhooks } from './effects/webhooks.ts';
import { buildPaymentGraph } from './payment-graph.ts';
import { createPrecedence } from './precedence.ts';
import type { HintQueue } from './queue.ts';
import { dailyReconciliation } from './reconciliation/daily.ts';
import { createReservationKeeper } from './reservations.ts';
import { publishDue } from '../tools/registry/publish.ts';
import { driveSettlement } from './settlement/driver.ts';
import { watchChain } from './settlement/watch.ts';
import { findWork } from './sweep.ts';
import type { GraphDeps, Hint } from './types.ts';

export interface WorkerOptions {
  readonly deps: GraphDeps;
  readonly agents: Agents;
  readonly queue: HintQueue;
  readonly checkpointer: CaseGraphDeps['checkpointer'];
  /** How often the worker looks for work without a hint, milliseconds. */
  readonly sweepMs: number;
  /** How often settlement windows and pool levels are looked at, milliseconds. */
  readonly housekeepingMs: number;
  /** Repeats a task until it is told to stop; by the system's timers unless given. */
  readonly every?: (ms: number, task: () => void) => () => void;
  /** Sends one webhook; over a socket unless given. */
  readonly sendWebhook?: WebhookSend;
  /** Screens some of the known people again after the lists have changed; without it nobody is screened but for payments. */
  readonly rescreen?: (() => Promise<RescreenResult | null>) | undefined;
  /** Deletes and erases what is due, once a night; gives what it did, by kind, or null when nothing was due. Without it everything stays. */
  readonly retain?: (() => Promise<RetentionReport | null>) | undefined;
}

export interface WorkerHandle {
  /** Does one kind of work now, as the queue's hints do, and waits for the threads of cases that it sent on their way. */
  work(hint: Hint): Promise<void>;
  /** Resolves when no request to an operator is under way and every answer is written. */
  idle(): Promise<void>;
  /** Takes no more work, waits for what is under way. */
  stop(): Promise<void>;
}

const CASES_AT_ONCE = 50;

/** Starts a worker. */
export function startWorker(options: WorkerOptions): WorkerHandle {
  const { deps, agents, queue } = options;
  const paymentGraph = buildPaymentGraph(deps, agents);
  const caseGraph = buildCaseGraph({ checkpointer: options.checkpointer, ...caseGraphDeps(deps) });
  const precedence = createPrecedence();
  const cases = createCaseWork(deps, caseGraph, agents.compliance, precedence.turn);
  const recorder = createRecorder(deps);
  const pumps = {
    dispatch: dispatchPump(deps, recorder),
    inquire: inquiryPump(deps, recorder),
    callbacks: callbackPump(deps, recorder),
    webhooks: webhookPump(deps, {}, options.sendWebhook),
    sms: smsPump(deps),
  };
  const reconcileDue = dailyReconciliation(deps);
  const keepReservations = createReservationKeeper(deps);
  const stages = oneRunEach((stage) => workCohorts(deps, paymentGraph, stage, precedence.first));

  const work: Readonly<Record<Hint, () => Promise<unknown>>> = {
    authorize: () => stages('authorize'),
    resume: () => stages('resume'),
    outcomes: () => stages('outcomes'),
    dispatch: () => pumps.dispatch.kick(),
    inquire: () => pumps.inquire.kick(),
    callbacks: () => pumps.callbacks.kick(),
    webhooks: () => workWebhooks(deps, pumps.webhooks),
    sms: () => workSms(deps, pumps.sms),
    cases: () => cases.work(CASES_AT_ONCE),
    // Neither waits for the other, nor for its mistakes.
    settle: async () => {
      await deps.courtesy?.();
      await Promise.all([
        keepHouse(deps),
        takeOverChain(deps),
        keepCases(deps),
        keepReservations(),
        sealLog(deps),
        tellRegistry(deps),
        holdAgainstChain(deps),
        reconcileDue(),
        forgetSessions(deps),
        rescreenSome(deps, options.rescreen),
        retain(deps, options.retain),
      ]);
    },
  };
  const run = async (hint: Hint): Promise<void> => void (await work[hint]());

  queue.consume('cohorts', 4, run);
  queue.consume('effects', 3, run);
  queue.consume('cases', 1, run);
  const repeat = options.every ?? byTimer;
  const endSweeps = every(options.sweepMs, async () => {
    for (const hint of await findWork(deps)) deps.notify(hint);
  });
  const endHousekeeping = every(options.housekeepingMs, async () => deps.notify('settle'));

  function every(ms: number, task: () => Promise<void>): () => void {
    return repeat(ms, () => {
      task().catch((error: unknown) => deps.log.warn({ error: error instanceof Error ? error.message : 'unknown' }, 'sweep failed'));
    });
  }

  return {
    async work(hint) {
      await run(hint);
      if (hint === 'cases') await cases.idle();
    },
    async idle() {
      await Promise.all(Object.values(pumps).map((pump) => pump.idle()));
      await recorder.drain();
    },
    async stop() {
      endSweeps();
      endHousekeeping();
      await Promise.all([...Object.values(pumps).map((pump) => pump.drain()), cases.stop()]);
      await recorder.drain();
    },
  };
}

function byTimer(ms: number, task: () => void): () => void {
  const timer = setInterval(task, ms);
  return () => clearInterval(timer);
}

/** Tells the log what retention did, and whom it could not go on with. */
async function retain(deps: GraphDeps, run: WorkerOptions['retain']): Promise<void> {
  const report = await run?.();
  if (report === null || report === undefined) return;
  if ((report['astray'] ?? 0) !== 0)
    deps.log.warn({ rows: report['astray'] }, 'callbacks came in faster than partitions were made for them');
  if (report.failures === undefined) deps.log.info({ ...report }, 'retention ran');
  else deps.log.warn({ ...report }, 'retention ran, and could not go on with some people');
}

/** Looks for known people on lists that have changed, and tells the log when it is through or has found somebody. */
async function rescreenSome(deps: GraphDeps, rescreen: WorkerOptions['rescreen']): Promise<void> {
  const done = await rescreen?.();
  if (done === null || done === undefined) return;
  if (done.findings > 0) deps.log.warn({ lists: done.listVersion, findings: done.findings }, 'known people may stand on a list');
  if (done.isDone) deps.log.info({ lists: done.listVersion }, 'known people screened against the lists in force');
}

/**
 * Two runs of one stage in one process would only share its cohorts: a hint that arrives during a run
 * makes one more run after it.
 */
function oneRunEach(runStage: (stage: CohortStage) => Promise<number>): (stage: CohortStage) => Promise<void> {
  const running = new Map<CohortStage, { again: boolean; done: Promise<void> }>();
  return (stage) => {
    const current = running.get(stage);
    if (current !== undefined) {
      current.again = true;
      return current.done;
    }
    const entry = { again: true, done: Promise.resolve() };
    const loop = async (): Promise<void> => {
      try {
        while (entry.again) {
          entry.again = false;
          await runStage(stage);
        }
      } finally {
        running.delete(stage);
      }
    };
    running.set(stage, entry);
    entry.done = loop();
    return entry.done;
  };
}

/** Tells people of outcomes that stay open, closes settlement windows that are due, and proposes rebalances to treasury. */
async function keepHouse(deps: GraphDeps): Promise<void> {
  await escalateDoubts(deps);
  await raiseMissing(deps);
  await closeSettledDoubts(deps);
  await closeWindows(deps);
  await withTransaction(deps.pool, async (tx) => {
    const proposals = proposeRebalances(await readPoolLevels(tx), deps.clock.now());
    await recordProposals(tx, proposals);
  });
}

/** Nets what is due; its batches go over the chain at the next look. */
async function closeWindows(deps: GraphDeps): Promise<void> {
  const settlements = await settleDue({
    pool: deps.pool,
    clock: deps.clock,
    policy: { ...(deps.settlement?.policy ?? SETTLEMENT_POLICY), ageMsMax: deps.settings.settlementAgeMs },
    ...(deps.settlement === undefined ? {} : { isOnChain: deps.settlement.isOnChain, gas: deps.settlement.gas }),
  });
  for (const { windowId, batches, nettedCount, heldBack, stalled } of settlements) {
    if (batches.length > 0) deps.log.info({ windowId, batches: batches.length, payments: nettedCount }, 'settlement window closed');
    if (heldBack.length > 0)
      deps.log.warn({ payments: heldBack.length, first: heldBack[0]?.paymentId }, 'payments held back from settlement');
    if (stalled) deps.log.error({}, 'nothing is settled: the database counts its transactions from a lower number than before');
  }
  if (settlements.some(({ batches }) => batches.some(({ method }) => method === 'chain'))) deps.notify('settle');
}

/** Puts the head of the audit log on the chain, when it is time. A chain that cannot be reached is tried again at the next look. */
async function anchorLog(deps: GraphDeps): Promise<void> {
  const anchors = deps.settlement?.anchors;
  if (anchors === undefined) return;
  try {
    const { state, block } = await anchorHead({ pool: deps.pool, clock: deps.clock, ...anchors });
    if (state === 'anchored') deps.log.info({ block }, 'audit log anchored');
    if (state === 'overtaken')
      deps.log.error({ block }, 'the chain holds an anchor of a later block than this one: the audit log was restored or made anew');
  } catch (error) {
    if (!isFault(error)) throw error;
    deps.log.warn({ code: error.code }, 'audit log not anchored');
  }
}

/** Tells the registry on the chain of lists and customers. What it does not take, or a chain that cannot be reached, waits for the next look. */
async function tellRegistry(deps: GraphDeps): Promise<void> {
  const registry = deps.settlement?.registry;
  if (registry === undefined) return;
  const { put, failed } = await publishDue({ pool: deps.pool, clock: deps.clock, ...registry });
  if (put > 0) deps.log.info({ put }, 'registry told');
  if (failed.length > 0) deps.log.warn({ codes: [...new Set(failed)] }, 'registry not told of everything');
}

/** Compares batches with the chain where that is due, so that a mismatch becomes a case without anybody asking. */
async function holdAgainstChain({ pool, clock, log, settlement }: GraphDeps): Promise<void> {
  if (settlement === undefined) return;
  const { raised, closed } = await watchChain({ pool, clock, log, chain: settlement.chain });
  if (raised + closed > 0) log.info({ raised, closed }, 'books held against the settlement chain');
}

/** Takes batches over the chain, as many as are due. */
async function takeOverChain(deps: GraphDeps): Promise<void> {
  const { settlement } = deps;
  if (settlement === undefined) return;
  const { chain, approvers, arbiters, settings } = settlement;
  for (let taken = settings.batchesMax; taken === settings.batchesMax; ) {
    taken = await driveSettlement({ pool: deps.pool, clock: deps.clock, log: deps.log, chain, approvers, arbiters, settings });
  }
}

/**
 * Seals what the audit log has taken in since. The head goes into the log of the process as well: there it is
 * out of reach of whoever can write to the database.
 */
async function sealLog(deps: GraphDeps): Promise<void> {
  const { blocks, rows, head, stalled } = await sealAudit(deps);
  if (head !== null) deps.log.info({ blocks, rows, block: head.number, hash: head.hash }, 'audit log sealed');
  await anchorLog(deps);
  if (stalled) deps.log.error({}, 'audit log not sealed: the database counts its transactions from a lower number than before');
}
