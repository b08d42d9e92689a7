/**
 * Retention, once a night: what is older than its policy is deleted, people whom no law holds any more are erased, data keys that were
 * followed by others are dropped, and a report says how much of each. A legal hold stops it for whom it holds; somebody whose data does not
 * open is left as they are and named in the report, and the others are gone on with.
 */
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { countAstray, makePartitionAhead } from '../../db/queries/partitions.ts';
import { clearLeftTraces, listDormantPeople } from '../../db/queries/privacy.ts';
import {
  beginRetention,
  type DeletedKind,
  deleteCheckpoints,
  deleteExpired,
  dropExpiredCallbacks,
  endRetention,
  type PersonFailure,
  type RetentionReport,
} from '../../db/queries/retention.ts';
import { destroyAgedTexts, destroyLeftTexts } from '../../db/queries/text-keys.ts';
import type { Clock } from '../../domain/clock.ts';
import { isFault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { erasePerson, obstaclesTo } from './erase.ts';
import { RETENTION, type RetentionKind, type RetentionPolicy, recordYearsBounds, yearsAfter } from './policy.ts';
import { failureOf } from './reseal.ts';
import { dropOldKeysOfEach } from './rotate.ts';

export interface RetentionDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

export interface RetentionOptions {
  readonly policy?: RetentionPolicy;
  /** Runs only when the last run began so long ago; a night less an hour unless told, 0 runs now. */
  readonly intervalMs?: number;
  /** Statements per kind in one run at most: a long absence is caught up on in several nights. */
  readonly statementsMax?: number;
}

const DAY_MS = 86_400_000;
const NIGHT_MS = 23 * 3_600_000;
const STATEMENTS_MAX = 200;
const PEOPLE_PAGE = 200;
const ERASED_MAX = 10_000;
/** Failures that are told one by one: a lost key would make one of everybody. */
const FAILURES_MAX = 100;
const ACTOR = 'system';

const BY_AGE: readonly DeletedKind[] = [
  'idempotency_keys',
  'ussd_sessions',
  'operator_callbacks',
  'operator_answers',
  'operator_balances',
  'gateway_records',
  'webhook_deliveries',
  'sms_messages',
];

/** Runs retention when it is due, and looks at every call that partitions are made ahead; null when it is not, or another process is at it. Throws what the database throws; the next run goes on. */
export async function runRetention(deps: RetentionDeps, options: RetentionOptions = {}): Promise<RetentionReport | null> {
  const policy = options.policy ?? RETENTION;
  const nowMs = deps.clock.now();
  await makePartitionAhead(deps.pool, 'operator_callbacks', nowMs);
  const notAfter = new Date(nowMs - (options.intervalMs ?? NIGHT_MS));
  const id = await beginRetention(deps.pool, { id: newId(), notAfter, nowMs });
  if (id === null) return null;
  // What a partition loses whole, no statement has to delete.
  const whole = await dropExpiredCallbacks(deps.pool, before(nowMs, policy, 'operator_callbacks'));
  const report: Record<string, number> = {};
  for (const kind of BY_AGE)
    report[kind] = await deleteAll(deps, kind, before(nowMs, policy, kind), options.statementsMax ?? STATEMENTS_MAX);
  report['operator_callbacks'] = (report['operator_callbacks'] ?? 0) + whole.rows;
  report['partitions'] = whole.partitions;
  report['astray'] = await countAstray(deps.pool, 'operator_callbacks');
  report['checkpoints'] = await deleteCheckpoints(deps.pool, before(nowMs, policy, 'checkpoints'));
  const { failures: unerased, ...erasure } = await eraseDormant(deps, policy);
  const { dropped, failures: undropped } = await dropOldKeysOfEach(deps);
  const failures = [...unerased, ...undropped];
  Object.assign(report, erasure, { data_keys: dropped, failed: new Set(failures.map(({ userId }) => userId)).size });
  const keptSince = new Date(yearsAfter(nowMs, -recordYearsBounds(policy).max));
  report['left_traces'] = await clearLeftTraces(deps.pool);
  report['written'] = (await destroyLeftTexts(deps.pool, nowMs)) + (await destroyAgedTexts(deps.pool, keptSince, nowMs));
  const told: RetentionReport = failures.length === 0 ? report : { ...report, failures: failures.slice(0, FAILURES_MAX) };
  await endRetention(deps.pool, id, told, deps.clock.now());
  return told;
}

function before(nowMs: number, policy: RetentionPolicy, kind: RetentionKind): Date {
  return new Date(nowMs - policy.days[kind].days * DAY_MS);
}

async function deleteAll({ pool }: RetentionDeps, kind: DeletedKind, until: Date, statementsMax: number): Promise<number> {
  let deleted = 0;
  for (let statement = 0; statement < statementsMax; statement += 1) {
    const rows = await deleteExpired(pool, kind, until);
    deleted += rows;
    if (rows === 0) break;
  }
  return deleted;
}

/** Erases people whose last payment is out of the years of every country it touched. */
async function eraseDormant(deps: RetentionDeps, policy: RetentionPolicy) {
  const since = new Date(yearsAfter(deps.clock.now(), -recordYearsBounds(policy).min));
  const failures: PersonFailure[] = [];
  let [erased, heldBack, afterId] = [0, 0, null as string | null];
  while (erased < ERASED_MAX) {
    const ids = await listDormantPeople(deps.pool, since, afterId, PEOPLE_PAGE);
    for (const id of ids) {
      const outcome = (await obstaclesTo(deps, id)).length > 0 ? 'held_back' : await eraseNow(deps, id);
      if (outcome === 'erased') erased += 1;
      if (outcome === 'held_back') heldBack += 1;
      if (typeof outcome === 'object') failures.push(outcome);
    }
    if (ids.length < PEOPLE_PAGE) break;
    afterId = ids.at(-1) ?? null;
  }
  return { erased, held_back: heldBack, failures };
}

/** What became of them: something may have come up against it meanwhile, or somebody else erased them, or their data does not open. */
async function eraseNow(deps: RetentionDeps, userId: string): Promise<'erased' | 'held_back' | 'gone' | PersonFailure> {
  try {
    await erasePerson(deps, userId, ACTOR);
    return 'erased';
  } catch (error) {
    if (isFault(error, 'erasure_refused')) return 'held_back';
    if (isFault(error, 'not_found')) return 'gone';
    return failureOf(userId, error);
  }
}
