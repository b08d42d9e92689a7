/**
 * The supervisor: one command that brings up the whole platform on one machine and takes it down again.
 *
 * It starts the database, brings it forward, opens the books, and runs the sandbox, the API and the
 * workers as processes of their own, each of which may die at any moment: it is started again and goes
 * on from what is committed.
 */
import { rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../db/connect.ts';
import { type Database, type DatabaseConfig, startDatabase } from '../db/embedded.ts';
import { makeFolder, storageFault } from '../db/folders.ts';
import { openRunner } from '../db/service-role.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { keepLogs } from '../tools/privacy/index.ts';
import { applicationUrlsOf } from './callback-addresses.ts';
import { type Child, type ChildOptions, launchChild } from './child-process.ts';
import { type Config, readConfig } from './config.ts';
import type { DemoKeys } from './demo/keys.ts';
import { MESSAGING_FILE, newGatewayToken, writeSandboxMessaging } from './demo/messaging.ts';
import { createFiguresExchange } from './figures.ts';
import { prepareDatabase } from './prepare.ts';
import { BACKGROUND_NICENESS } from './priorities.ts';
import { assertRedisReachable } from './redis.ts';
import { assertProduction } from './production.ts';
import { listenFault } from './api/serve.ts';
import { loadKeys, withSecretFiles } from './secrets.ts';
import { openPlatformTls, type PlatformTls } from './tls.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface PlatformOptions {
  readonly env: Env;
  /** Worker processes; the configuration's unless given. */
  readonly workers?: number;
  /** Hears what happens, in sentences for the person who typed the command. */
  readonly tell?: (sentence: string) => void;
}

export interface Platform {
  readonly config: Config;
  /** Where the API listens. */
  readonly url: string;
  /** Keys of the demo client and its officers, by principal. */
  readonly keys: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  /** Address of the sandbox's control plane, or null when real operators are configured. */
  readonly sandboxUrl: string | null;
  /** Kills one worker process with SIGKILL, at once; it is started again. False when it was not up. */
  killWorker(index: number): boolean;
  /** The same for all API processes together. */
  killApi(): boolean;
  readonly workerCount: number;
  /** How often a process died without being told to. */
  readonly deaths: () => number;
  stop(): Promise<void>;
}

/** Starts everything and resolves when the API answers. Throws faults in the words of the catalogue. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const tell = options.tell ?? (() => undefined);
  if (options.env['CAPP_ENV'] === 'production') assertProduction(withSecretFiles(options.env), true);
  const config = readConfig(options.env);
  await assertPortFree(config);
  if (config.redisUrl !== null) await assertRedisReachable(config.redisUrl);
  const dataDir = resolve(config.dataDir);
  const logDir = await prepareFolder(dataDir, 'logs');
  const children: Child[] = [];
  const tls =
    config.tls === null ? null : await openPlatformTls(config.tls, dataDir, options.env['NODE_EXTRA_CA_CERTS'], systemClock.now());
  const databaseConfig: DatabaseConfig = { dataDir, databaseUrl: config.databaseUrl, serverTls: tls?.database ?? null };
  let database = await startDatabase(databaseConfig);
  const stopped = new AbortController();
  const endLogs = keepLogs({
    folder: logDir,
    clock: systemClock,
    onFailure: (failure) => tell(`A log could not be put aside: ${failure}`),
  });
  const stop = async (): Promise<void> => {
    stopped.abort();
    endLogs();
    await stopChildren(children);
    await database.stop();
  };
  try {
    tell(database.owned ? `PostgreSQL runs under ${config.dataDir}/postgres` : 'PostgreSQL is reached');
    const { keys, asRunner } = await prepared(database, options.env, dataDir, config);
    const childEnv = environmentOf(options.env, tls, { DATABASE_URL: asRunner(database.url), CAPP_DATA_DIR: dataDir });
    const gatewayToken = newGatewayToken();
    const gatewayUrl = `${config.publicUrl}/v1/gateways/{gateway}/${gatewayToken}`;
    const sandboxEnv = { ...childEnv, SANDBOX_GATEWAY_URL: gatewayUrl, ...certificatesOf(tls) };
    const watched = (name: string) => ({ name, logDir, onRestart: () => tell(`${name} was gone and runs again`) });
    const sandboxUrl =
      config.operatorsPath === null ? await startSandbox(children, watched('sandbox'), sandboxEnv, dataDir, config.publicUrl) : null;
    if (sandboxUrl !== null) {
      await writeSandboxMessaging(dataDir, { sandboxUrl, token: gatewayToken });
      Object.assign(childEnv, sandboxSettings(options.env, sandboxUrl, dataDir));
      // Callbacks count only over the certificate that the sandbox shows.
      if (tls !== null && config.tls?.operatorCaPath === null) childEnv['CAPP_TLS_OPERATOR_CA_PATH'] = tls.sandbox.certPath;
      tell('Sandbox operators run (no real money moves)');
    }
    const workerCount = options.workers ?? config.workers;
    const figures = createFiguresExchange();
    const workers = Array.from({ length: workerCount }, (_, index) =>
      launchChild({
        ...watched(`worker-${index + 1}`),
        module: './processes/worker.ts',
        env: childEnv,
        niceness: BACKGROUND_NICENESS,
        figures,
      }),
    );
    const apis = Array.from({ length: config.apiProcesses }, (_, index) =>
      launchChild({
        ...watched(`api-${index + 1}`),
        module: './processes/api.ts',
        env: childEnv,
        figures,
        onCrowd: () => workers.forEach((worker) => worker.tell({ kind: 'crowd' })),
      }),
    );
    children.push(...apis, ...workers);
    await Promise.all(children.map((child) => child.ready()));
    const { url: firstUrl } = database;
    void keepDatabase(database, stopped.signal, databaseConfig, (started) => {
      database = started;
      tell('PostgreSQL was gone and runs again');
      if (started.url === firstUrl) return;
      // Its port was taken meanwhile: the processes have to hear of the new one.
      childEnv['DATABASE_URL'] = asRunner(started.url);
      for (const child of children) child.kill();
    });
    const url = `${config.tls === null ? 'http' : 'https'}://${config.host}:${config.port}`;
    tell(`The API listens on ${url}, its documentation on ${url}/docs`);
    return {
      config,
      url,
      keys,
      databaseUrl: database.url,
      sandboxUrl,
      workerCount,
      killApi: () => apis.map((api) => api.kill()).includes(true),
      killWorker: (index) => workers[index % workers.length]?.kill() ?? false,
      deaths: () => children.reduce((sum, child) => sum + child.deaths(), 0),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What processes under this one are given: its own settings, with the database and the folder it has found. */
function environmentOf(
  { DATABASE_URL_FILE: _file, ...env }: Readonly<Record<string, string | undefined>>,
  tls: PlatformTls | null,
  found: Readonly<Record<'DATABASE_URL' | 'CAPP_DATA_DIR', string>>,
): Record<string, string | undefined> {
  return { ...env, ...(tls === null ? {} : { NODE_EXTRA_CA_CERTS: tls.trustPath }), ...found };
}

/** With what the sandbox serves and calls back over TLS. */
function certificatesOf(tls: PlatformTls | null): Record<string, string> {
  if (tls === null) return {};
  return { SANDBOX_TLS_CERT_PATH: tls.sandbox.certPath, SANDBOX_TLS_KEY_PATH: tls.sandbox.keyPath };
}

/** The API and the workers end before the operators they talk to. */
async function stopChildren(children: readonly Child[]): Promise<void> {
  const isSandbox = ({ name }: Child): boolean => name === 'sandbox';
  await Promise.all(children.filter((child) => !isSandbox(child)).map((child) => child.stop()));
  await Promise.all(children.filter(isSandbox).map((child) => child.stop()));
}

const DATABASE_RETRY_MS = 500;

/** Starts a server of our own again whenever it is gone, until the platform is stopped. */
async function keepDatabase(
  first: Database,
  stopped: AbortSignal,
  config: DatabaseConfig,
  onStarted: (database: Database) => void,
): Promise<void> {
  for (let current = first; ; ) {
    await current.lost;
    for (let isUp = false; !isUp; ) {
      if (stopped.aborted) return;
      const started = await startDatabase(config).catch(() => null);
      isUp = started !== null;
      if (started === null) await delay(DATABASE_RETRY_MS, undefined, { ref: false });
      else if (stopped.aborted) return started.stop();
      else onStarted((current = started));
    }
  }
}

/** Makes a folder of the data folder and tries to write in it: a folder that is there may stand on a disk that takes nothing. */
async function prepareFolder(dataDir: string, name: string): Promise<string> {
  const path = join(dataDir, name);
  const trial = join(path, '.writable');
  try {
    await makeFolder(path);
    await writeFile(trial, '');
    await rm(trial);
  } catch (error) {
    throw storageFault(error, dataDir);
  }
  return path;
}

/** The database made ready, and the address at which the processes reach it: on a server of our own as a login that owns nothing. */
async function prepared(
  database: Database,
  env: Env,
  dataDir: string,
  config: Config,
): Promise<{ readonly keys: DemoKeys; readonly asRunner: (url: string) => string }> {
  const pool = connect({ url: database.url, applicationName: 'capp supervisor', max: 2 });
  try {
    const { keys } = await prepareDatabase(pool, { env, dataDir, environment: config.env });
    return { keys, asRunner: config.databaseUrl === null ? await openRunner(pool) : (url) => url };
  } finally {
    await pool.end();
  }
}

async function startSandbox(
  children: Child[],
  watched: Pick<ChildOptions, 'name' | 'logDir' | 'onRestart'>,
  env: Record<string, string | undefined>,
  dataDir: string,
  publicUrl: string,
): Promise<string> {
  const { callbackKey } = await loadKeys(env, dataDir);
  const folder = await prepareFolder(dataDir, 'sandbox');
  const sandbox = launchChild({
    ...watched,
    module: '../sandbox/main.ts',
    niceness: BACKGROUND_NICENESS,
    env: {
      ...env,
      SANDBOX_PORT: env['SANDBOX_PORT'] ?? String(await freePort()),
      SANDBOX_APPLICATION_URLS: env['SANDBOX_APPLICATION_URLS'] ?? JSON.stringify(applicationUrlsOf(publicUrl, callbackKey)),
      SANDBOX_DATA_DIR: folder,
      SANDBOX_PROFILES_PATH: join(dataDir, 'operators.json'),
      SANDBOX_CHAIN_PATH: join(dataDir, 'chain.json'),
      SANDBOX_CHAIN_KEYS_PATH: join(dataDir, 'chain-keys.json'),
    },
  });
  children.push(sandbox);
  const { url } = await sandbox.ready();
  if (typeof url !== 'string') throw fault('internal', { internal: 'the sandbox did not say where it listens' });
  return url;
}

/** With the sandbox, waits are those of a demonstration, and rates come from its copies of the public sources. */
function sandboxSettings(env: Env, sandboxUrl: string, dataDir: string): Record<string, string> {
  const preset: Record<string, string> = {
    CAPP_SANDBOX: '1',
    CAPP_SANDBOX_URL: sandboxUrl,
    CAPP_OPERATORS_PATH: join(dataDir, 'operators.json'),
    CAPP_MESSAGING_PATH: join(dataDir, MESSAGING_FILE),
    ...(env['CAPP_APTOS_PATH'] === undefined ? sandboxChain(dataDir) : {}),
    CAPP_FX_OPEN_ER_API_URL: `${sandboxUrl}/fx/open-er-api`,
    CAPP_FX_CURRENCY_API_URL: `${sandboxUrl}/fx/currency-api`,
    CAPP_INQUIRY_DELAY_MS: '1000',
    CAPP_INQUIRY_DELAY_MS_MAX: '5000',
    CAPP_RETRY_DELAY_MS: '1000',
    CAPP_LEASE_MS: '5000',
    CAPP_SWEEP_MS: '500',
    CAPP_HOUSEKEEPING_MS: '2000',
    CAPP_SETTLEMENT_AGE_MS: '5000',
    CAPP_ANCHOR_MS: '30000',
  };
  return Object.fromEntries(Object.entries(preset).map(([name, value]) => [name, env[name] ?? value]));
}

/** The sandbox's chain, unless the settings name another one. */
function sandboxChain(dataDir: string): Record<string, string> {
  return {
    CAPP_APTOS_PATH: join(dataDir, 'chain.json'),
    CAPP_APTOS_KEYS_PATH: join(dataDir, 'chain-keys.json'),
    CAPP_SETTLEMENT_APPROVERS: 'treasury:zawadi=1,treasury:tunde=2',
    CAPP_SETTLEMENT_ARBITERS: 'arbiter:sena=1,arbiter:baraka=2,arbiter:imani=3',
  };
}

/** A port that is free now. The sandbox keeps it when it is started again, for clients know its address. */
function freePort(): Promise<number> {
  return new Promise((resolvePromise, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolvePromise(port));
    });
  });
}

/** Says at once when the port is taken, before anything is started. */
function assertPortFree(config: Config): Promise<void> {
  return new Promise((resolvePromise, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, config)));
    probe.listen(config.port, config.host, () => probe.close(() => resolvePromise()));
  });
}
