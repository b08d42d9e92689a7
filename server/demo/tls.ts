/** What TLS costs: two runs of the demo over the same intents, and whether everything of the second went over TLS. */
import { connect as dial } from 'node:tls';
import { connect, type Pool } from '../../db/connect.ts';
import { fault } from '../../domain/errors.ts';
import { readChainProfile } from '../chain-profile.ts';
import type { Config } from '../config.ts';
import type { Platform } from '../supervisor.ts';
import { type DemoReport, isSound, roundToTenth } from './report.ts';

/** What each connection of a platform speaks: the version of TLS, or null in clear. */
export interface Encryption {
  readonly api: string | null;
  /** Null where the sandbox does not play them. */
  readonly operators: string | null;
  readonly chain: string | null;
  readonly database: { readonly protocols: readonly string[]; readonly sessions: number; readonly inClear: number };
  /** `unused`: the queue is in the database. */
  readonly redis: string | null;
  /** What operators called back with: over a certificate that we know, and without. */
  readonly callbacks: { readonly certified: number; readonly refused: number };
}

/** One of two runs. */
export interface MeasuredRun {
  readonly report: DemoReport;
  readonly encryption: Encryption;
}

/** The comparison, as it stands in the JSON report. */
export interface TlsCost {
  /** Paid per second over TLS, and without. */
  readonly perSecond: number;
  readonly perSecondWithout: number;
  /** Of throughput, in percent, to one decimal. Negative: it was faster, by chance. */
  readonly lossPercent: number;
  /** CPU time of all processes for a payment, milliseconds; unlike throughput it bears others on the machine. Null without /proc. */
  readonly cpuMsPerPayment: number | null;
  readonly cpuMsPerPaymentWithout: number | null;
  /** Everything of the run over TLS was encrypted, and every callback came with a certificate. */
  readonly encrypted: boolean;
  readonly sound: boolean;
  readonly soundWithout: boolean;
  readonly encryption: Encryption;
  readonly without: Omit<DemoReport, 'corridors'>;
}

/** Refuses what two runs cannot be compared over. Throws `config_invalid`. */
export function assertComparable(config: Pick<Config, 'databaseUrl' | 'operatorsPath' | 'redisUrl'>): void {
  const refuse = (field: string, detail: string): never => {
    throw fault('config_invalid', { field, detail });
  };
  if (config.databaseUrl !== null) refuse('DATABASE_URL', 'DATABASE_URL is set: --tls compares two runs over databases of their own.');
  // Everything is paid twice.
  if (config.operatorsPath !== null) refuse('CAPP_OPERATORS_PATH', 'CAPP_OPERATORS_PATH is set: --tls pays over the sandbox only.');
  if (config.redisUrl !== null && new URL(config.redisUrl).protocol !== 'rediss:')
    refuse('REDIS_URL', 'REDIS_URL is in clear: --tls takes one that begins with rediss://, which both runs use.');
}

/** Looks at every connection of a platform that has just run a demo. Throws what a certificate that is not believed does. */
export async function inspectEncryption(platform: Platform): Promise<Encryption> {
  const pool = connect({ url: platform.databaseUrl, applicationName: 'capp demo', max: 1 });
  try {
    const { config, sandboxUrl } = platform;
    const chain = await readChainProfile(config);
    return {
      api: await protocolOf(platform.url),
      operators: sandboxUrl === null ? null : await protocolOf(sandboxUrl),
      chain: chain === null ? null : await protocolOf(chain.nodeUrl),
      database: await sessionsOf(pool),
      redis: config.redisUrl === null ? 'unused' : await protocolOf(config.redisUrl),
      callbacks: await callbacksOf(pool),
    };
  } finally {
    await pool.end();
  }
}

/** The version of TLS that is spoken at an address, its certificate checked; null for one in clear. */
function protocolOf(address: string): Promise<string | null> {
  const { protocol, hostname, port } = new URL(address);
  if (!['https:', 'rediss:'].includes(protocol)) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const socket = dial({ host: hostname, port: Number(port || (protocol === 'https:' ? 443 : 6379)) }, () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** One that is still being let in (`starting`, since PostgreSQL 18) has not said yet what it speaks. */
async function sessionsOf(pool: Pool): Promise<Encryption['database']> {
  const { rows } = await pool.query<{ protocols: string[]; sessions: number; clear: number }>(
    `select coalesce(array_agg(distinct s.version) filter (where s.ssl), '{}') as protocols, count(*)::int as sessions,
       count(*) filter (where not s.ssl)::int as clear
     from pg_stat_ssl s join pg_stat_activity a using (pid) where a.backend_type = 'client backend' and a.state is distinct from 'starting'`,
  );
  const { protocols = [], sessions = 0, clear = 0 } = rows[0] ?? {};
  return { protocols, sessions, inClear: clear };
}

async function callbacksOf(pool: Pool): Promise<Encryption['callbacks']> {
  const { rows } = await pool.query<{ all: number; refused: number }>(
    `select count(*)::int as all, count(*) filter (where reason_code = 'certificate_refused')::int as refused from operator_callbacks`,
  );
  const { all = 0, refused = 0 } = rows[0] ?? {};
  return { certified: all - refused, refused };
}

/** Whether nothing went in clear: each part over TLS, no session of the database without, and callbacks came, all with a certificate. */
export function isEncrypted({ api, operators, chain, database, redis, callbacks }: Encryption): boolean {
  const parts = [api, operators, chain, redis].every((protocol) => protocol !== null);
  return parts && database.sessions > 0 && database.inClear === 0 && callbacks.certified > 0 && callbacks.refused === 0;
}

/** Compares two runs over the same intents. */
export function tlsCost(without: MeasuredRun, withTls: MeasuredRun): TlsCost {
  const { corridors: _corridors, ...plain } = without.report;
  const [perSecond, perSecondWithout] = [withTls.report.perSecond ?? 0, plain.perSecond ?? 0];
  return {
    perSecond,
    perSecondWithout,
    lossPercent: perSecondWithout === 0 ? 0 : roundToTenth((1 - perSecond / perSecondWithout) * 100),
    cpuMsPerPayment: withTls.report.cpuMsPerPayment,
    cpuMsPerPaymentWithout: plain.cpuMsPerPayment,
    encrypted: isEncrypted(withTls.encryption),
    sound: isSound(withTls.report),
    soundWithout: isSound(without.report),
    encryption: withTls.encryption,
    without: plain,
  };
}

/** The comparison as a person reads it. */
export function renderTlsCost(cost: TlsCost, othersPercent: number | null): string {
  const { api, operators, chain, database, redis, callbacks } = cost.encryption;
  const spoken = (protocol: string | null): string => protocol ?? 'in clear';
  const sessions = `${database.sessions} sessions of the database ${database.protocols.join(', ')}, ${database.inClear} in clear`;
  return [
    `Over TLS ${cost.perSecond} payments/s were paid, without ${cost.perSecondWithout}: a loss of ${cost.lossPercent} %.`,
    ...(cost.cpuMsPerPayment === null || othersPercent === null
      ? []
      : [
          `A payment took ${cost.cpuMsPerPayment} ms of CPU, without ${cost.cpuMsPerPaymentWithout}. ` +
            `Others had ${othersPercent} % of the machine, without ${cost.without.othersPercent} %.`,
        ]),
    `API ${spoken(api)}, operators ${spoken(operators)}, chain ${spoken(chain)}, ${sessions}, Redis ${spoken(redis)}.`,
    `${callbacks.certified} callbacks came with the operators' certificate, ${callbacks.refused} without.`,
    cost.soundWithout ? 'The run without TLS ended sound, too.' : 'The run without TLS did not end sound; --json says why.',
    ...(cost.encrypted ? [] : ['Not everything went over TLS.']),
  ].join('\n');
}
