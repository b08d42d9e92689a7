/**
 * The way in under load: the whole platform as it is started by `npm start`, with one worker, and a crowd of
 * clients in a process of their own, each sending its next payment as soon as the last is answered.
 * Afterwards every answer is held against the database.
 */
import { fork } from 'node:child_process';
import type { Pool } from '../db/connect.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { type ApiCost, measureApiCost } from './api-cost.ts';
import type { ClientOrder, ClientReport } from './api-client.ts';
import { type Finding, figure, quantile } from './finding.ts';
import { openPlatform } from './platform.ts';

export interface ApiBenchOptions {
  readonly clients: number;
  readonly seconds: number;
  /** Requests at most. */
  readonly requests: number;
  /** Fails from this p99 on, milliseconds. */
  readonly p99: number;
  /** Measures first what encryption and authorisation cost. */
  readonly compare?: boolean;
}

/** Requests before the clock starts, so that the first compilation of the code is not what is measured. */
const WARM_UP_REQUESTS = 20_000;
const COST = { requests: 2_000, rounds: 3 };

/** Runs the bench. Fails when p99 is not below the limit, a request fails, or an accepted payment is not stored exactly once. */
export async function runApiBench(options: ApiBenchOptions, tell: (line: string) => void): Promise<Finding> {
  const cpuUs = options.compare === true ? await measureApiCost(COST, tell) : null;
  const bench = await openPlatform({}, tell);
  try {
    tell(`one page is durable after ${figure(bench.fsyncUs)} µs on this disk`);
    const { platform, pool, fsyncUs } = bench;
    const report = await runClients({
      url: platform.url,
      key: platform.keys['client:demo'] ?? '',
      clients: options.clients,
      seconds: options.seconds,
      requests: options.requests,
      warmUp: WARM_UP_REQUESTS,
    });
    return await conclude(pool, options, report, { fsyncUs, cpuUs, deaths: platform.deaths() }, tell);
  } finally {
    await bench.close();
  }
}

/** Runs the clients in a process of their own; resolves with what they saw. */
function runClients(order: ClientOrder): Promise<ClientReport> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./api-client.ts', import.meta.url), { serialization: 'advanced' });
    child.once('message', (report) => resolve(report as ClientReport));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the clients ended with ${code} before they reported`)));
    child.send(order);
  });
}

interface Stored {
  readonly missing: number;
  readonly doubled: number;
  readonly otherId: number;
}

/** Holds the answers against the database. */
async function compare(pool: Pool, accepted: ClientReport['accepted']): Promise<Stored> {
  const { rows } = await pool.query<{ missing: number; doubled: number; other: number }>(
    `select count(*) filter (where stored.times is null)::int as missing, count(*) filter (where stored.times > 1)::int as doubled,
       count(*) filter (where stored.times = 1 and stored.id <> said.id)::int as other
     from unnest($1::text[], $2::text[]) as said(reference_id, id)
     left join (select reference_id, count(*) as times, min(id::text) as id from payments group by reference_id) stored using (reference_id)`,
    [accepted.map(([reference]) => reference), accepted.map(([, id]) => id)],
  );
  return { missing: rows[0]?.missing ?? -1, doubled: rows[0]?.doubled ?? -1, otherId: rows[0]?.other ?? -1 };
}

async function conclude(
  pool: Pool,
  options: ApiBenchOptions,
  report: ClientReport,
  platform: { readonly fsyncUs: number; readonly cpuUs: ApiCost | null; readonly deaths: number },
  tell: (line: string) => void,
): Promise<Finding> {
  const latencies = report.latenciesMs.toSorted();
  const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  const max = latencies.at(-1) ?? Number.NaN;
  const perSecond = latencies.length / report.seconds;
  const failed = Object.values(report.failures).reduce((sum, count) => sum + count, 0);
  tell(`${options.clients} clients, ${figure(latencies.length)} requests in ${figure(report.seconds)} s: ${figure(perSecond)} requests/s`);
  tell(`latency: p50 ${figure(p50)} ms, p99 ${figure(p99)} ms, longest ${figure(max)} ms; failures: ${failed}`);
  const stored = await compare(pool, report.accepted);
  const violations = await checkBooks(pool);
  tell(
    `${figure(report.accepted.length)} were accepted: ${stored.missing} missing, ${stored.doubled} stored twice, ${stored.otherId} under another id`,
  );
  tell(`books: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
  return {
    bench: 'api',
    figures: {
      perSecond,
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
      requests: latencies.length,
      accepted: report.accepted.length,
      answersByFailure: report.failures,
      ...stored,
      options,
      fsyncUs: Math.round(platform.fsyncUs),
      ...(platform.cpuUs === null ? {} : { cpuUsPerPayment: platform.cpuUs }),
      invariants: violations.length === 0 ? 'hold' : violations,
    },
    failures: [
      ...(p99 < options.p99 ? [] : [`p99 is ${figure(p99)} ms, not below ${options.p99}`]),
      ...Object.entries(report.failures).map(([kind, count]) => `${count} requests failed: ${kind}`),
      ...(stored.missing + stored.doubled + stored.otherId === 0 ? [] : ['what was accepted is not what is stored']),
      ...(platform.deaths === 0 ? [] : [`processes died ${platform.deaths} times`]),
      ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
    ],
  };
}
