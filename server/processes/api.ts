/** The API process: takes intents in, serves everything that is read, stores callbacks. */
import packageJson from '../../package.json' with { type: 'json' };
import { createQuote } from '../../agents/exchange-rate/index.ts';
import { databaseCodeOf } from '../../db/connect.ts';
import { openTenants } from '../../db/tenants.ts';
import { systemClock } from '../../domain/clock.ts';
import { ON_US } from '../../domain/network.ts';
import { voidHolds } from '../../tools/ledger/index.ts';
import { allowsSource } from '../../tools/mmo/terms.ts';
import { loadReportingEntities } from '../../tools/reports/index.ts';
import { createAccess } from '../auth/access.ts';
import { createTokenSigner } from '../auth/token-signer.ts';
import { createApi } from '../api/app.ts';
import type { ApiDeps, DependencyState } from '../api/deps.ts';
import { serveApi } from '../api/serve.ts';
import { applicationAddresses } from '../callback-addresses.ts';
import { balanceDoors, type Foundation, openFoundation, ownPaymentDesks } from '../compose.ts';
import { readConfig } from '../config.ts';
import { tellOfCrowd } from '../crowd.ts';
import { withSecretFiles } from '../secrets.ts';
import { loadTls } from '../tls.ts';
import { createIntake } from '../intake.ts';
import { openApprovalDesk, settlementKeys } from '../settlement.ts';
import { sumOfAll } from '../figures.ts';
import type { Log } from '../log.ts';
import { openLimits } from '../limits/index.ts';
import { listsState } from '../lists-state.ts';
import { openMessaging } from '../messaging.ts';
import { connectionsWithin, openFilesMax } from '../open-files.ts';
import { type Running, runChild } from './child.ts';

/** Connections that read for clients and that act for them, beside those of the platform itself. */
const [TENANT_READERS_MAX, TENANT_WRITERS_MAX] = [6, 4];

async function start(): Promise<Running> {
  const env = withSecretFiles(process.env);
  const config = readConfig(env);
  const foundation = await openFoundation(config, env, 'api');
  const limits = openLimits(foundation);
  const messaging = await openMessaging(config.messagingPath, { pool: foundation.pool, clock: systemClock, fetch });
  const reportingEntities = await loadReportingEntities(config.reportingPath, config.env);
  const tenants = openTenants({
    url: config.databaseUrl ?? '',
    applicationName: 'capp api clients',
    max: TENANT_READERS_MAX,
    writersMax: TENANT_WRITERS_MAX,
    replica: config.replica === null ? undefined : { ...config.replica, onError: (error) => tellOfReplica(foundation.log, error) },
    onError: (error) => foundation.log.warn({ code: (error as { code?: string }).code }, 'database connection broke'),
  });
  const approvalDesk = await openApprovalDesk(config);
  const deps = { ...apiDeps(foundation), approvalDesk };
  const api = createApi({ ...deps, tenants, limits, messaging, reportingEntities });
  const endTelling = tellOfCrowd(deps.intake.requests);
  const { port, host } = config;
  const tls = config.tls === null ? undefined : await loadTls(config.tls, config.dataDir, systemClock.now());
  const connectionsMax = affordableConnections(foundation.log, Math.ceil(config.connectionsMax / config.apiProcesses));
  const connectionsPerAddressMax = Math.ceil(config.connectionsPerAddressMax / config.apiProcesses);
  const sharesPort = config.apiProcesses > 1;
  const served = await serveApi(api, { port, host, sharesPort, tls, limits: { connectionsMax, connectionsPerAddressMax } });
  foundation.log.info({ url: served.url }, 'api listens');
  return {
    detail: { url: served.url },
    stop: async () => {
      endTelling();
      await served.close();
      limits.close();
      await tenants.end();
      await foundation.close();
      foundation.log.info({}, 'api stopped');
    },
  };
}

/** As many as wanted, or as the system leaves files for, which is told. */
function affordableConnections(log: Log, wanted: number): number {
  const filesMax = openFilesMax();
  const connectionsMax = connectionsWithin(wanted, filesMax);
  if (connectionsMax < wanted)
    log.warn({ wanted, connectionsMax, filesMax }, 'too few files may be open for all connections of the settings');
  return connectionsMax;
}

function tellOfReplica(log: Log, error: unknown): void {
  log.warn({ code: databaseCodeOf(error) }, 'the replica cannot be asked; lists are read from the database');
}

function apiDeps(foundation: Foundation): Omit<ApiDeps, 'tenants'> {
  const { config, pool, keys, log, queue, board, operators, terms } = foundation;
  const clock = systemClock;
  const { keyring, pepper } = keys;
  const signer = createTokenSigner({ pool, keyring, clock, issuer: config.publicUrl, audience: config.publicUrl });
  const access = createAccess({ pool, keyring, pepper, clock, signer, origin: config.publicUrl });
  const applicationOf = applicationAddresses(config.publicUrl, keys.callbackKey);
  const sources = new Map([...terms].map(([railId, { callbackSources }]) => [railId, allowsSource(callbackSources)]));
  return {
    pool,
    keyring: keys.keyring,
    clock,
    log,
    intake: createIntake({ pool, keyring: keys.keyring, clock, notify: (hint) => queue.notify(hint) }),
    findCaller: access.findCaller,
    access,
    programsDecide: config.programsDecide,
    createQuote: (request) => createQuote({ pool, board, clock, quoteKey: keys.quoteKey }, request),
    settlementKeys: settlementKeys(config),
    notify: (hint) => queue.notify(hint),
    callbackAnswer: (railId) => (railId === ON_US ? null : operators(railId).callbackAnswer),
    callbackTerms: (railId) => ({
      applicationToken:
        railId !== ON_US && operators(railId).capabilities.callbackAddress === 'application' ? applicationOf(railId).token : null,
      allows: sources.get(railId) ?? (() => true),
    }),
    ...(foundation.railHealth === undefined ? {} : { railHealth: foundation.railHealth }),
    ownPayments: ownPaymentDesks(operators, keys.callbackKey),
    balanceDoors: balanceDoors(operators),
    voidReservation: (tx, { paymentId }) => voidHolds(tx, paymentId),
    dependencies: dependencies(foundation),
    lists: foundation.sanctions,
    queueDepths: () => queue.depth(),
    operatorCertificates: (foundation.config.tls?.operatorCaPath ?? null) !== null,
    version: packageJson.version,
    sumOfAll,
    webhookAllowPrivate: config.webhookAllowPrivate,
    desk: { claimMs: config.caseClaimMs, approvalMs: config.approvalMs },
  };
}

/** What readiness depends on besides the database. */
function dependencies(foundation: Foundation): ApiDeps['dependencies'] {
  const { queue, board, sanctions, config } = foundation;
  return {
    queue: {
      required: false,
      check: async () => {
        await queue.depth();
        return { state: 'up', detail: config.redisUrl === null ? 'hints travel through PostgreSQL' : 'hints travel through Redis' };
      },
    },
    rates: {
      required: true,
      check: async (): Promise<DependencyState> => {
        const snapshot = board.current();
        const quotable = snapshot.rates.size - 1;
        if (quotable <= 0) return { state: 'down', detail: 'No currency has a rate that may be quoted.' };
        const oldestMs = Math.min(...[...snapshot.rates.values()].flatMap((rate) => rate.voices.map((voice) => voice.asOfMs)));
        const hours = Math.round((systemClock.now() - oldestMs) / 3_600_000);
        const detail = `${quotable} currencies have a rate, ${snapshot.refusals.size} have none; the oldest source is ${hours} h old.`;
        return { state: snapshot.refusals.size > 0 ? 'degraded' : 'up', detail };
      },
    },
    sanctions: { required: false, check: async () => listsState(sanctions.describe(), config.listsRequired, systemClock.now()) },
    operators: {
      required: false,
      check: async () =>
        config.sandbox
          ? { state: 'degraded', detail: 'Sandbox operators: no real money moves.' }
          : { state: 'up', detail: 'Operators as configured.' },
    },
  };
}

await runChild(start);
