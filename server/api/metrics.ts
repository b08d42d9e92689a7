/** Figures for Prometheus: what requests cost, how much waits, and where payments and attempts stand. */
import type { Pool } from 'pg';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { countOpenBreaks } from '../../db/queries/breaks.ts';
import { countQuarantined } from '../../db/queries/callbacks.ts';
import { countCases } from '../../db/queries/cases.ts';
import { countAnswers } from '../../db/queries/operator-answers.ts';
import { countAttempts, countContradicted, countOpenAttempts, countPayments } from '../../db/queries/payment-views.ts';
import { countPaid } from '../../db/queries/settlement-windows.ts';
import { countSms, SMS_STATES } from '../../db/queries/sms.ts';
import { countWebhooks } from '../../db/queries/webhooks.ts';
import type { ReplicaFigures } from '../../db/tenants.ts';
import { CASE_KINDS } from '../../domain/cases.ts';
import { ATTEMPT_STATES, PAYMENT_STATUSES } from '../../domain/lifecycle.ts';
import type { Clock } from '../../domain/clock.ts';
import { countCaches } from '../cache-figures.ts';
import { CONNECTION_ENDINGS, type ConnectionFigures } from './connections.ts';

/** Statuses that are counted one by one; of those that were paid settlement keeps count. */
const UNPAID = PAYMENT_STATUSES.filter((status) => status !== 'paid');

export interface Metrics {
  observe(request: { readonly method: string; readonly route: string; readonly status: number; readonly seconds: number }): void;
  readonly connections: ConnectionFigures;
  /** The figures in the text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Adds up what this process counts and what those beside it count. */
export type SumOfAll = (own: Registry) => () => Promise<string>;

interface Deps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly intakeDepth: () => number;
  readonly streamListeners: () => number;
  readonly queueDepths: () => Promise<Readonly<Record<string, number>>>;
  readonly version: string;
  readonly sumOfAll?: SumOfAll;
  readonly replica?: ReplicaFigures | null | undefined;
}

/** Counting reads every payment that is not paid; a scrape more often than this gets the last count. */
const COUNTS_KEPT_MS = 15_000;
const DAY_MS = 86_400_000;

/** Makes the figures of one API. Nothing is global, so that tests can make as many as they like. */
export function createMetrics(deps: Deps): Metrics {
  // What one process counts, and what the database holds, which is the same for all of them.
  const own = new Registry();
  const registry = new Registry();
  const registers = [registry];
  const duration = new Histogram({
    name: 'capp_http_request_duration_seconds',
    help: 'Time from request to answer, by route and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10],
    registers: [own],
  });
  const payments = new Gauge({
    name: 'capp_payments',
    help: 'Payments by status.',
    labelNames: ['status'] as const,
    registers,
  });
  const attempts = new Gauge({ name: 'capp_attempts', help: 'Attempts by state.', labelNames: ['state'] as const, registers });
  const open = createOpenGauges(registers);
  const cases = createCaseGauges(registers);
  const queues = new Gauge({ name: 'capp_queue_jobs', help: 'Hints that wait, by queue.', labelNames: ['queue'] as const, registers });
  gaugeOf(own, 'capp_intake_waiting', 'Payments that wait for their commit.', deps.intakeDepth);
  countCaches(own);
  if (deps.replica) countReplica(own, registry, deps.replica);
  gaugeOf(own, 'capp_stream_listeners', 'Listeners of the activity stream.', deps.streamListeners);
  new Gauge({ name: 'capp_build_info', help: 'The version that runs.', labelNames: ['version'] as const, registers }).set(
    { version: deps.version },
    1,
  );
  const connections = countConnections(own);
  const sum = deps.sumOfAll?.(own) ?? (() => own.metrics());
  let countedAtMs = Number.NEGATIVE_INFINITY;

  async function count(): Promise<void> {
    const nowMs = deps.clock.now();
    if (nowMs - countedAtMs < COUNTS_KEPT_MS) return;
    countedAtMs = nowMs;
    const [byStatus, paid, byState] = await Promise.all([
      countPayments(deps.pool),
      countPaid(deps.pool),
      countAttempts(deps.pool),
      open.count(deps.pool, nowMs),
      cases.count(deps.pool, nowMs),
    ]);
    for (const status of UNPAID) payments.set({ status }, byStatus.find((each) => each.key === status)?.count ?? 0);
    payments.set({ status: 'paid' }, paid);
    for (const state of ATTEMPT_STATES) attempts.set({ state }, byState.find((each) => each.key === state)?.count ?? 0);
  }

  async function text(): Promise<string> {
    // A scrape must say what it can even while the database or the queue is away.
    const [depths] = await Promise.all([deps.queueDepths().catch(() => ({})), count().catch(() => undefined)]);
    for (const [queue, depth] of Object.entries(depths)) queues.set({ queue }, depth);
    return `${await sum()}${await registry.metrics()}`;
  }

  return {
    observe: ({ method, route, status, seconds }) => duration.observe({ method, route, status: String(status) }, seconds),
    connections,
    text,
    contentType: registry.contentType,
  };
}

/** Who answers lists, over all processes, and how far behind the replica is as the answering process sees it. */
function countReplica(own: Registry, registry: Registry, { answered, lagMs }: ReplicaFigures): void {
  new Counter({
    name: 'capp_list_reads_total',
    help: 'Lists that were read, by the server that answered: the replica, or the one that writes.',
    labelNames: ['server'] as const,
    registers: [own],
    collect() {
      this.reset();
      for (const [server, count] of Object.entries(answered())) this.inc({ server }, count);
    },
  });
  gaugeOf(registry, 'capp_replica_lag_seconds', 'How old what the replica shows is at most; NaN while that is not known.', () => {
    const lag = lagMs();
    return lag === null ? Number.NaN : lag / 1000;
  });
}

/** Connections as they come and go, and why those went that did not end by themselves. */
function countConnections(own: Registry): ConnectionFigures {
  const registers = [own];
  const open = new Gauge({ name: 'capp_connections_open', help: 'Connections to the API that are open.', registers });
  const ended = new Counter({
    name: 'capp_connections_ended_total',
    help: 'Connections and requests that the API ended unfinished, by why.',
    labelNames: ['why'] as const,
    registers,
  });
  for (const why of CONNECTION_ENDINGS) ended.inc({ why }, 0);
  return { opened: () => open.inc(), closed: () => open.dec(), ended: (why) => ended.inc({ why }) };
}

/** A gauge that is read when it is asked for. */
function gaugeOf(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** What is not told yet, or not believed: by operators to us, by rail, and by us to clients. */
function createOpenGauges(registers: Registry[]) {
  const labelNames = ['rail', 'state'] as const;
  const attempts = new Gauge({ name: 'capp_attempts_open', help: 'Attempts whose outcome is open, by rail.', labelNames, registers });
  const oldest = new Gauge({
    name: 'capp_attempts_open_oldest_seconds',
    help: 'Age of the oldest attempt whose outcome is open, by rail.',
    labelNames,
    registers,
  });
  const contradicted = new Gauge({
    name: 'capp_attempts_contradicted',
    help: 'Attempts whose operator said something that cannot be true beside the recorded outcome.',
    registers,
  });
  const quarantined = new Gauge({
    name: 'capp_callbacks_quarantined',
    help: 'Messages at our callback addresses that were set aside in the last 24 hours, by rail and reason.',
    labelNames: ['rail', 'reason'] as const,
    registers,
  });
  const unusable = new Gauge({
    name: 'capp_operator_answers_unusable',
    help: 'Answers of operators that could not be used and came in the last 24 hours, by rail and reason; the same for one attempt with all its repeats.',
    labelNames: ['rail', 'reason'] as const,
    registers,
  });
  const breakLabels = ['rail', 'kind'] as const;
  const breaks = new Gauge({
    name: 'capp_breaks_open',
    help: 'Breaks of reconciliation that have not ended.',
    labelNames: breakLabels,
    registers,
  });
  const oldestBreak = new Gauge({
    name: 'capp_breaks_open_oldest_seconds',
    help: 'Age of the oldest of them.',
    labelNames: breakLabels,
    registers,
  });
  const deliveries = new Gauge({ name: 'capp_webhook_deliveries_waiting', help: 'Webhooks that wait for a try.', registers });
  const texts = new Gauge({ name: 'capp_sms_messages', help: 'Text messages by state.', labelNames: ['state'] as const, registers });
  const disabled = new Gauge({ name: 'capp_webhook_endpoints_disabled', help: 'Webhook endpoints disabled for failing.', registers });
  return {
    async count(pool: Pool, nowMs: number): Promise<void> {
      const [rows, webhooks, odd, aside, answers, broken, sms] = await Promise.all([
        countOpenAttempts(pool),
        countWebhooks(pool),
        countContradicted(pool),
        countQuarantined(pool, nowMs - DAY_MS),
        countAnswers(pool, nowMs - DAY_MS),
        countOpenBreaks(pool),
        countSms(pool),
      ]);
      breaks.reset();
      oldestBreak.reset();
      for (const { railId: rail, kind, count, oldest: since } of broken) {
        breaks.set({ rail, kind }, count);
        oldestBreak.set({ rail, kind }, Math.max(0, nowMs - since.getTime()) / 1000);
      }
      quarantined.reset();
      for (const { railId: rail, reasonCode: reason, count } of aside) quarantined.set({ rail, reason }, count);
      unusable.reset();
      for (const { railId: rail, reasonCode: reason, count } of answers) unusable.set({ rail, reason }, count);
      for (const state of SMS_STATES) texts.set({ state }, sms.find((each) => each.state === state)?.count ?? 0);
      contradicted.set(odd);
      // A rail that has nothing open any more must not go on saying what it had.
      attempts.reset();
      oldest.reset();
      for (const { railId: rail, state, count, oldestSentAt } of rows) {
        attempts.set({ rail, state }, count);
        oldest.set({ rail, state }, Math.max(0, nowMs - oldestSentAt.getTime()) / 1000);
      }
      deliveries.set(webhooks.waiting);
      disabled.set(webhooks.disabled);
    },
  };
}

/** What waits for officers, and what has waited too long. */
function createCaseGauges(registers: Registry[]) {
  const labelNames = ['kind', 'status'] as const;
  const live = new Gauge({ name: 'capp_cases', help: 'Cases that are not closed, by kind and status.', labelNames, registers });
  const kind = ['kind'] as const;
  const overdue = new Gauge({ name: 'capp_cases_overdue', help: 'Cases past their due time, by kind.', labelNames: kind, registers });
  const snoozed = new Gauge({ name: 'capp_cases_snoozed', help: 'Cases that are put off, by kind.', labelNames: kind, registers });
  const oldest = new Gauge({
    name: 'capp_cases_oldest_seconds',
    help: 'Age of the oldest case that is not closed, by kind.',
    labelNames: kind,
    registers,
  });
  return {
    async count(pool: Pool, nowMs: number): Promise<void> {
      const rows = await countCases(pool, nowMs);
      live.reset();
      for (const each of CASE_KINDS) for (const gauge of [overdue, snoozed, oldest]) gauge.set({ kind: each }, 0);
      for (const row of rows) {
        live.set({ kind: row.kind, status: row.status }, row.count);
        overdue.inc({ kind: row.kind }, row.overdue);
        snoozed.inc({ kind: row.kind }, row.snoozed);
      }
      for (const [each, group] of Map.groupBy(rows, (row) => row.kind)) {
        oldest.set({ kind: each }, Math.max(0, nowMs - Math.min(...group.map((row) => row.oldestAt.getTime()))) / 1000);
      }
    },
  };
}
