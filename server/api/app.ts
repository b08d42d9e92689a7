/**
 * The HTTP API as a Hono app, without a socket. Every answer carries a request id; every request is one
 * line in the log and one observation in the metrics; every error is a problem document.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import { listStreamClients, readStream } from '../../db/queries/activity.ts';
import { listCaseEventClients, readCaseEvents } from '../../db/queries/case-events.ts';
import { ERRORS, fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { createAuthenticate } from './authenticate.ts';
import type { ConnectionFigures } from './connections.ts';
import type { ApiDeps } from './deps.ts';
import { mountDocs } from './docs.ts';
import { beginHeaders, completeHeaders } from './headers.ts';
import type { ApiContext, ApiEnv } from './http.ts';
import { createIdempotency } from './idempotency.ts';
import { createMandateDesk } from '../../tools/mandates/spend.ts';
import { createApiLimits } from './limits.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Api, MountedRoute } from './mount.ts';
import { assertAllDeclared } from './permissions.ts';
import { answerProblem, toFault } from './problem.ts';
import { mountActivity } from './routes/activity.ts';
import { mountAttempts } from './routes/attempts.ts';
import { mountBatches } from './routes/batches.ts';
import { mountBalances } from './routes/balances.ts';
import { createCallbackCommit, mountCallbacks } from './routes/callbacks.ts';
import { mountOperatorAnswers } from './routes/operator-answers.ts';
import { mountCaseDecisions } from './routes/case-decisions.ts';
import { mountCaseEvents } from './routes/case-events.ts';
import { mountCases } from './routes/cases.ts';
import { mountGateways } from './routes/gateways.ts';
import { mountHealth } from './routes/health.ts';
import { mountOwnPayments } from './routes/own-payments.ts';
import { mountPasskeys } from './routes/passkeys.ts';
import { mountPayments } from './routes/payments.ts';
import { mountQuotes } from './routes/quotes.ts';
import { mountReconciliation } from './routes/reconciliation.ts';
import { mountRules } from './routes/rules.ts';
import { mountSession } from './routes/session.ts';
import { mountSms } from './routes/sms.ts';
import { mountSettlement } from './routes/settlement.ts';
import { mountScreening } from './routes/screening.ts';
import { mountTreasury } from './routes/treasury.ts';
import { mountReports } from './routes/reports.ts';
import { mountAutonomy } from './routes/autonomy.ts';
import { mountHalts } from './routes/halts.ts';
import { mountMandates } from './routes/mandates.ts';
import { mountSwitches } from './routes/switches.ts';
import { mountWebhooks } from './routes/webhooks.ts';
import { createLiveStream } from './stream.ts';

export interface ApiApp {
  readonly app: OpenAPIHono<ApiEnv>;
  /** Every documented route, by method and path in the words of OpenAPI. */
  readonly routes: readonly MountedRoute[];
  /** Where whoever serves it counts connections. */
  readonly connections: ConnectionFigures;
  /** Ends live streams and waits for everything that was taken in to be committed. */
  close(): Promise<void>;
}

/** Makes the API. `checkAnswers` holds every answer against its schema: for tests. Throws `internal` for a route that does not say who may use it. */
export function createApi(deps: ApiDeps, options: { readonly checkAnswers?: boolean } = {}): ApiApp {
  const app = new OpenAPIHono<ApiEnv>();
  const { activity, cases } = liveStreams(deps);
  const metrics = createMetrics({
    ...(deps.sumOfAll ? { sumOfAll: deps.sumOfAll } : {}),
    pool: deps.pool,
    clock: deps.clock,
    intakeDepth: deps.intake.depth,
    streamListeners: () => activity.listeners() + cases.listeners(),
    queueDepths: deps.queueDepths,
    replica: deps.tenants.replica,
    version: deps.version,
  });
  const idempotency = createIdempotency(deps);
  const callbacks = createCallbackCommit(deps);
  const limits = createApiLimits(deps.limits);
  const api: Api = {
    app,
    deps,
    limits,
    authenticate: createAuthenticate({ clock: deps.clock, findCaller: deps.findCaller, limits }),
    idempotency,
    metrics,
    mounted: [],
    mandates: createMandateDesk(deps),
    checkAnswers: options.checkAnswers ?? false,
  };

  observeRequests(app, deps, metrics);
  mountSession(api);
  mountPasskeys(api);
  mountQuotes(api);
  mountBatches(api);
  mountPayments(api);
  mountAttempts(api);
  mountReconciliation(api);
  mountTreasury(api);
  mountSettlement(api);
  mountActivity(api, activity);
  mountCaseEvents(api, cases);
  mountCases(api);
  mountRules(api);
  mountReports(api);
  mountSwitches(api);
  mountAutonomy(api);
  mountHalts(api);
  mountMandates(api);
  mountCaseDecisions(api);
  mountScreening(api);
  mountWebhooks(api);
  mountSms(api);
  mountCallbacks(api, callbacks);
  mountOperatorAnswers(api);
  mountBalances(api);
  mountOwnPayments(api);
  mountGateways(api);
  mountHealth(api);
  mountDocs(app);
  assertAllDeclared(app.routes, api.mounted);
  app.notFound(async (context) => {
    const c = context as ApiContext;
    await limits.ofAddress(c, 'public');
    return answerProblem(c, fault(isOtherMethod(api, c) ? 'method_not_allowed' : 'not_found'));
  });

  return {
    app,
    routes: api.mounted,
    connections: metrics.connections,
    close: async () => {
      activity.close();
      cases.close();
      await Promise.all([deps.intake.drain(), callbacks.drain(), idempotency.drain()]);
    },
  };
}

function liveStreams(deps: ApiDeps) {
  const { pool, log, tenants } = deps;
  const shared = { pool, log, pollMs: deps.streamPollMs ?? 500, listenersMax: deps.streamListenersMax ?? 200 };
  return {
    activity: createLiveStream({ ...shared, of: tenants.of }, { event: 'decision', clients: listStreamClients, read: readStream }),
    // What happens to cases stands in the audit log, of which whoever only reads sees nothing.
    cases: createLiveStream({ ...shared, of: tenants.writing }, { event: 'case', clients: listCaseEventClients, read: readCaseEvents }),
  };
}

/** Ids that callers may give their requests; others are replaced. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{8,128}$/;

function observeRequests(app: OpenAPIHono<ApiEnv>, deps: ApiDeps, metrics: Metrics): void {
  app.use('*', async (c, next) => {
    const startedMs = performance.now();
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : newId();
    c.set('requestId', requestId);
    beginHeaders(c, requestId);
    await next();
    completeHeaders(c);
    const seconds = (performance.now() - startedMs) / 1000;
    const [method, route, status] = [c.req.method, c.get('route') ?? 'unmatched', c.res.status];
    metrics.observe({ method, route, status, seconds });
    const clientId = c.get('caller')?.clientId;
    deps.log.info({ requestId, method, route, status, ms: Math.round(seconds * 10_000) / 10, clientId, ...c.get('logged') }, 'request');
  });
  app.onError((error, c) => {
    const known = toFault(error);
    if (ERRORS[known.code].status >= 500)
      deps.log.error({ err: known, requestId: c.get('requestId'), route: c.get('route') }, 'request failed');
    return answerProblem(c as ApiContext, known);
  });
}

/** Whether the path exists under another method. */
function isOtherMethod(api: Api, c: ApiContext): boolean {
  return api.mounted.some(({ path }) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`).test(c.req.path));
}
