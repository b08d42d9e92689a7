/**
 * Working through cohorts: claim, run the graph, give back. A cohort that fails is tried again in
 * halves, so that one payment that cannot be worked on never keeps the others from going on; left
 * alone, it is put off and reported.
 */
import { isFault } from '../domain/errors.ts';
import type { PaymentStatus } from '../domain/lifecycle.ts';
import { type Cohort, claimByOutcome, claimByStatus, releaseCohort } from './cohort.ts';
import { type Entry, type PaymentGraph, runPaymentGraph } from './payment-graph.ts';
import type { Precedence } from './precedence.ts';
import type { GraphDeps } from './types.ts';

/** Kinds of work a cohort can be claimed for. */
export type CohortStage = 'authorize' | 'resume' | 'outcomes';

const STATUSES: Readonly<Record<Exclude<CohortStage, 'outcomes'>, readonly PaymentStatus[]>> = {
  authorize: ['released', 'queued', 'accepted'],
  resume: ['refunding', 'collected', 'authorized'],
};

/** Takes cohorts of a kind until there are none, each with its `first`; resolves with the number of payments worked on. */
export async function workCohorts(
  deps: GraphDeps,
  graph: PaymentGraph,
  stage: CohortStage,
  first: Precedence['first'] = (work) => work(),
): Promise<number> {
  let worked = 0;
  let limit = deps.settings.cohortMax;
  const lanes: Promise<void>[] = [];
  async function lane(): Promise<void> {
    for (;;) {
      await deps.courtesy?.();
      const cohort = await claim(deps, stage, limit);
      if (cohort === null) return;
      const size = cohort.travellers.length;
      // A full cohort says that more may wait; few need no second lane.
      if (size === deps.settings.cohortMax && lanes.length < deps.settings.cohortsAtOnce) open();
      const failed = await first(() => runOne(deps, graph, stage === 'outcomes' ? 'outcomes' : 'chain', cohort));
      if (failed && size > 1) limit = Math.ceil(size / 2);
      else limit = Math.min(deps.settings.cohortMax, limit * 2);
      if (!failed) worked += size;
    }
  }
  /** One that breaks off before anybody waits for it is heard of at the end; unheard it would end the process. */
  function open(): void {
    const opened = lane();
    opened.catch(() => undefined);
    lanes.push(opened);
  }
  open();
  let ended: PromiseSettledResult<void>[] = [];
  // A lane may open the next while it is waited for.
  while (ended.length < lanes.length) ended = await Promise.allSettled(lanes);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return worked;
}

function claim(deps: GraphDeps, stage: CohortStage, limit: number): Promise<Cohort | null> {
  return stage === 'outcomes' ? claimByOutcome(deps, limit) : claimByStatus(deps, STATUSES[stage], limit);
}

/** Runs one cohort and gives it back; says whether it failed. */
async function runOne(deps: GraphDeps, graph: PaymentGraph, entry: Entry, cohort: Cohort): Promise<boolean> {
  const startedAtMs = performance.now();
  try {
    await runPaymentGraph(graph, entry, cohort);
    await releaseCohort(deps.pool, cohort);
    deps.log.debug(
      { cohortId: cohort.id, entry, payments: cohort.travellers.length, durationMs: Math.round(performance.now() - startedAtMs) },
      'cohort done',
    );
    return false;
  } catch (error) {
    if (isFault(error, 'lease_lost')) {
      // Another worker has the payments, or a client cancelled one of them meanwhile: nothing was written here.
      deps.log.info({ cohortId: cohort.id, payments: cohort.travellers.length }, 'cohort lost its lease');
    } else {
      deps.log.error({ cohortId: cohort.id, payments: cohort.travellers.length, error: describe(error) }, 'cohort failed');
    }
    const alone = cohort.travellers.length === 1;
    await releaseCohort(deps.pool, cohort, alone ? new Date(deps.clock.now() + deps.settings.retryDelayMs) : null);
    return true;
  }
}

/** Messages of our own errors carry no personal data; those of the database might, so only their codes are told. */
function describe(error: unknown): string {
  if (isFault(error)) return `${error.code} ${error.internal ?? ''}`.trim();
  if (!(error instanceof Error)) return 'unknown';
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? `${error.name} ${code}` : `${error.name}: ${error.message}`;
}
