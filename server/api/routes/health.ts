/** Health, metrics and the OpenAPI document: for machines, without a key. */
import { z } from '@hono/zod-openapi';
import { countCases } from '../../../db/queries/cases.ts';
import { newestRateAt } from '../../../db/queries/treasury.ts';
import type { ReplicaFigures } from '../../../db/tenants.ts';
import { SCOPES } from '../../../domain/scopes.ts';
import type { ApiDeps, DependencyState } from '../deps.ts';
import { answers } from '../http.ts';
import { type Api, mount } from '../mount.ts';

const CHECK_TIMEOUT_MS = 2_000;
/** Rates older than this are told as degraded; what old rates do to quotes is the exchange-rate agent's policy. */
const RATES_OLD_MS = 24 * 3_600_000;

const dependencySchema = z.object({ state: z.enum(['up', 'degraded', 'down']), required: z.boolean(), detail: z.string().optional() });
const readinessSchema = z
  .object({ status: z.enum(['ready', 'degraded', 'unavailable']), dependencies: z.record(z.string(), dependencySchema) })
  .openapi('Readiness');

type Check = { readonly required: boolean; readonly check: () => Promise<DependencyState> };

/** Mounts what machines ask about the API itself. */
export function mountHealth(api: Api): void {
  const { deps, metrics } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/health/live',
      operationId: 'live',
      tag: 'Health',
      summary: 'Whether the process answers',
      scope: null,
      responses: { 200: answers('It does.', z.object({ status: z.literal('live') })) },
    },
    () => ({ status: 200, body: { status: 'live' } }),
  );
  mount(
    api,
    {
      method: 'get',
      path: '/health/ready',
      operationId: 'ready',
      tag: 'Health',
      summary: 'Whether payments can be taken, and the state of each dependency',
      scope: null,
      responses: {
        200: answers('Ready, or ready with something degraded.', readinessSchema),
        503: answers('A required dependency is down.', readinessSchema),
      },
    },
    async () => {
      const body = await readiness(deps);
      return { status: body.status === 'unavailable' ? 503 : 200, body };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/metrics',
      operationId: 'metrics',
      tag: 'Health',
      summary: 'Figures for Prometheus',
      scope: null,
      responses: { 200: { description: 'Text format.', content: { 'text/plain': { schema: z.string() } } } },
    },
    async ({ c }) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }),
  );
  mountDocument(api);
}

async function readiness(deps: ApiDeps): Promise<z.infer<typeof readinessSchema>> {
  const { replica } = deps.tenants;
  const checks: Record<string, Check> = {
    database: { required: true, check: () => deps.pool.query('select 1').then(() => ({ state: 'up' })) },
    rates: { required: false, check: () => ratesState(deps) },
    cases: { required: false, check: () => casesState(deps) },
    ...(replica ? { replica: { required: false, check: async () => replicaState(replica) } } : {}),
    ...deps.dependencies,
  };
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, { required, check }]) => [name, { required, ...(await within(check)) }] as const),
  );
  const unavailable = states.some(([, state]) => state.required && state.state === 'down');
  const degraded = states.some(([, { state }]) => state !== 'up');
  return { status: unavailable ? 'unavailable' : degraded ? 'degraded' : 'ready', dependencies: Object.fromEntries(states) };
}

async function ratesState(deps: ApiDeps): Promise<DependencyState> {
  const newest = await newestRateAt(deps.pool);
  if (newest === null) return { state: 'down', detail: 'No exchange rates have come in.' };
  const ageMs = deps.clock.now() - newest.getTime();
  return {
    state: ageMs > RATES_OLD_MS ? 'degraded' : 'up',
    detail: `The newest rate came in ${Math.max(0, Math.round(ageMs / 1000))} s ago.`,
  };
}

/** While the replica is too far behind, or away, lists are read from the server that writes. */
function replicaState({ lagMs, isCurrent }: ReplicaFigures): DependencyState {
  const lag = lagMs();
  if (lag === null)
    return { state: 'degraded', detail: 'It cannot be asked, or follows another server; lists are read from the database.' };
  const behind = `What it shows is at most ${Math.round(lag)} ms old`;
  return isCurrent()
    ? { state: 'up', detail: `${behind}.` }
    : { state: 'degraded', detail: `${behind}, which is too old; lists are read from the database.` };
}

/** Cases that nobody has decided in time are a state that people must end. */
async function casesState(deps: ApiDeps): Promise<DependencyState> {
  const nowMs = deps.clock.now();
  const rows = await countCases(deps.pool, nowMs);
  const [open, overdue] = [rows.reduce((sum, row) => sum + row.count, 0), rows.reduce((sum, row) => sum + row.overdue, 0)];
  if (overdue === 0) return { state: 'up', detail: `${open} cases wait for people, none is overdue.` };
  const lateMs = nowMs - Math.min(...rows.map((row) => row.dueAt.getTime()));
  return { state: 'degraded', detail: `${overdue} of ${open} cases are overdue, the first by ${Math.round(lateMs / 60_000)} min.` };
}

/** A check that fails or hangs says down; why is for our log, not for whoever asks. */
async function within(check: Check['check']): Promise<DependencyState> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<DependencyState>((resolve) => {
    timer = setTimeout(() => resolve({ state: 'down', detail: 'It did not answer in time.' }), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check(), tooLate]);
  } catch {
    return { state: 'down', detail: 'It cannot be reached.' };
  } finally {
    clearTimeout(timer);
  }
}

function mountDocument(api: Api): void {
  const { app, deps } = api;
  let text: string | null = null;
  mount(
    api,
    {
      method: 'get',
      path: '/openapi.json',
      operationId: 'openapi',
      tag: 'Health',
      summary: 'This document',
      scope: null,
      responses: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: z.unknown() } } } },
    },
    ({ c }) => {
      text ??= JSON.stringify(documentOf(app, deps));
      return c.body(text, 200, { 'Content-Type': 'application/json' });
    },
  );
}

function documentOf(app: Api['app'], deps: ApiDeps) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: `An API key, \`capp_test_…\`. Scopes:\n\n${Object.entries(SCOPES)
      .map(([scope, what]) => `- \`${scope}\`: ${what}`)
      .join('\n')}`,
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'CAPP API',
      version: deps.version,
      description:
        'Payments between African mobile-money wallets. Amounts are decimal strings of major units; errors are `application/problem+json` with a stable `code`.',
    },
    servers: [{ url: '/' }],
  });
}
