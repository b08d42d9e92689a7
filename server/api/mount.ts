/**
 * Schema-first routes: one definition checks what comes in, documents the route, and, where asked,
 * checks what goes out. Every handler runs in one order: authenticate → validate → load → authorise →
 * act → audit; the first two happen here.
 */
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { type ErrorCode, fault } from '../../domain/errors.ts';
import { SCOPES, type Scope } from '../../domain/scopes.ts';
import { type Authenticate, requireScope, requireStepUp } from './authenticate.ts';
import type { MandateDesk } from '../../tools/mandates/spend.ts';
import type { ApiDeps, Caller } from './deps.ts';
import { answerText } from './headers.ts';
import {
  type ApiContext,
  type ApiEnv,
  hasNul,
  idParams,
  mediaTypeOf,
  parseJson,
  problems,
  readBody,
  readJsonText,
  validate,
} from './http.ts';
import type { Answer, Idempotency } from './idempotency.ts';
import type { ApiLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { assertSigned } from './signed.ts';
import { answerTagged, answerVersioned, isVersioned, type Versioned } from './tags.ts';
import { assertPermission } from './permissions.ts';
import { faultWith } from './problem.ts';
import { classOfRoute, type LimitClass } from '../limits/policy.ts';

/** What all routes of one API share. */
export interface Api {
  readonly app: OpenAPIHono<ApiEnv>;
  readonly deps: ApiDeps;
  readonly authenticate: Authenticate;
  readonly idempotency: Idempotency;
  readonly limits: ApiLimits;
  readonly metrics: Metrics;
  /** Where those who spend for others are kept to their mandates. */
  readonly mandates: MandateDesk;
  /** Every route, by method and path in the words of OpenAPI. */
  readonly mounted: MountedRoute[];
  /** Check answers against their schemas: in tests, where a mismatch should hurt. */
  readonly checkAnswers: boolean;
}

/** A route as it stands in the table of who may do what. */
export interface MountedRoute {
  readonly method: string;
  readonly path: string;
  readonly scope: Scope | null;
  readonly stepUp: boolean;
}

type Responses = Readonly<
  Record<number, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: z.ZodType }>> }>
>;

export interface RouteDefinition<Query extends z.ZodType, Body> {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** In the words of OpenAPI: `/v1/payments/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** What a caller must be allowed to do. There is no default; null: open to everybody, which `PUBLIC_ROUTES` must name as well. */
  readonly scope: Scope | null;
  /** What a person does here needs a second factor that was shown a short while ago. */
  readonly stepUp?: boolean;
  readonly params?: z.ZodObject;
  readonly query?: Query;
  readonly headers?: z.ZodObject;
  /** A JSON body. `read` takes the parsed value and returns it checked; by default it is checked by the schema. */
  readonly body?: { readonly schema: z.ZodType; readonly required?: boolean; readonly read?: (value: unknown) => Body };
  /** Bodies of other kinds, for the document; the handler reads them itself. */
  readonly rawBody?: Readonly<Record<string, { readonly schema: z.ZodType }>>;
  /** Takes an `Idempotency-Key`. */
  readonly idempotent?: boolean;
  /** Its answers bear tags, and whoever has one is told so: for what is asked for again and again. See `tags.ts`. */
  readonly tagged?: boolean;
  readonly responses: Responses;
  /** What it may be refused for besides what `refusalsOf` tells from the rest. */
  readonly refusals?: readonly ErrorCode[];
}

export interface Request<Query, Body> {
  readonly c: ApiContext;
  readonly caller: Caller;
  readonly query: Query;
  readonly body: Body;
}

const NOBODY: Caller = { clientId: '', principal: '', scopes: [] };

const tagHeader = z.object({
  'If-None-Match': z.string().optional().openapi({ description: 'The `ETag` of an answer that is there already.' }),
});

const UNCHANGED = { 304: { description: 'Nothing has changed since the answer with this `ETag`; there is no body.' } };

const idempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .openapi({ description: 'Sent again with the same request, gives the first answer and does nothing.' }),
});

/** What a handler gives back: an answer, one to be made, or a whole response. */
type Made = Answer | Versioned | Response;

/** Puts a route into the API and its document. */
export function mount<Query extends z.ZodType, Body>(
  api: Api,
  definition: RouteDefinition<Query, Body>,
  act: (request: Request<z.infer<Query>, Body>) => Promise<Made> | Made,
): void {
  const { method, path, scope, stepUp = false } = definition;
  const mounted = { method, path, scope, stepUp };
  assertPermission(mounted);
  api.mounted.push(mounted);
  document(api, definition);
  const limitClass = classOfRoute({ method, path, keyed: scope !== null });
  api.app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1'), async (context) => {
    const c = context as unknown as ApiContext;
    c.set('route', path);
    const caller = await admit(api, c, limitClass, mounted);
    assertNoNul(c);
    const query = (definition.query ? validate(definition.query, c.req.query()) : undefined) as z.infer<Query>;
    const text = definition.body ? await readText(c, definition.body.required !== false) : '';
    if (caller.requestKey) await assertSigned(api, c, caller.requestKey, await signedBytes(c, definition, text));
    const body = readBodyOf(definition, text);
    const run = async () => checkAnswer(api, definition, await act({ c, caller, query, body }));
    if (definition.idempotent) return api.idempotency.run(c, text, run as () => Promise<Answer>);
    return respond(api, c, await run(), definition.tagged === true);
  });
}

/** Nothing has an id with U+0000 in it, and nothing can be looked for by one. */
function assertNoNul(c: ApiContext): void {
  if (!c.req.url.includes('%00')) return;
  if (Object.values(c.req.param()).some(hasNul)) throw fault('not_found');
  const field = Object.entries(c.req.queries()).find(([, values]) => values.some(hasNul))?.[0];
  if (field !== undefined)
    throw faultWith('validation_failed', [{ code: 'validation_failed', field, detail: 'must not have U+0000 in it' }]);
}

async function admit(api: Api, c: ApiContext, limitClass: LimitClass, { scope, stepUp }: MountedRoute): Promise<Caller> {
  if (scope === null) {
    await api.limits.ofAddress(c, limitClass);
    return NOBODY;
  }
  const caller = await api.authenticate(c);
  c.set('caller', caller);
  await api.limits.ofCaller(c, limitClass, caller);
  requireScope(c, scope);
  if (stepUp) requireStepUp(caller, api.deps);
  return caller;
}

/** An optional body may be left out altogether, with its content type. */
async function readText(c: ApiContext, required: boolean): Promise<string> {
  if (!required && mediaTypeOf(c) === '' && !c.req.header('transfer-encoding') && Number(c.req.header('content-length') ?? 0) === 0)
    return '';
  return readJsonText(c);
}

/** A body of another kind at most, where the whole request is signed: what it says counts only once all of it is here. */
export const SIGNED_BYTES_MAX = 4 * 1024 * 1024;

/** The bytes that are signed. Of a body that the handler reads by itself they are kept for it. */
async function signedBytes<Query extends z.ZodType, Body>(
  c: ApiContext,
  { rawBody }: RouteDefinition<Query, Body>,
  text: string,
): Promise<Buffer> {
  if (rawBody === undefined) return Buffer.from(text);
  const bytes = await readBody(c, SIGNED_BYTES_MAX);
  c.set('wholeBody', bytes);
  return bytes;
}

function readBodyOf<Query extends z.ZodType, Body>(definition: RouteDefinition<Query, Body>, text: string): Body {
  if (!definition.body) return undefined as Body;
  const value = text === '' && definition.body.required === false ? {} : parseJson(text);
  return definition.body.read ? definition.body.read(value) : (validate(definition.body.schema, value) as Body);
}

function respond(api: Api, c: ApiContext, answer: Made, isTagged: boolean): Response | Promise<Response> {
  if (answer instanceof Response) return answer;
  if (isVersioned(answer)) return answerVersioned(c, api.deps.version, answer);
  const text = JSON.stringify(answer.body) ?? null;
  if (isTagged) return answerTagged(c, text);
  return answerText(c, answer.status, text, { 'Content-Type': 'application/json' });
}

function checkAnswer<Query extends z.ZodType, Body>(api: Api, definition: RouteDefinition<Query, Body>, answer: Made): Made {
  if (!api.checkAnswers || answer instanceof Response) return answer;
  if (isVersioned(answer)) {
    const { version, make } = answer;
    const check = (body: unknown) => checkAnswer(api, definition, { status: 200, body }) as Answer;
    return { version, make: async () => check(await make()).body };
  }
  const schema = definition.responses[answer.status]?.content?.['application/json']?.schema;
  const result = schema?.safeParse(answer.body);
  if (result?.success) return answer;
  const where = result?.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ') ?? 'no schema for the status';
  throw fault('internal', { internal: `${definition.operationId} answered ${answer.status} out of its schema: ${where}` });
}

/** Every code with which a route may be refused: what follows from its definition, and its own. */
function refusalsOf<Query extends z.ZodType, Body>(definition: RouteDefinition<Query, Body>): readonly ErrorCode[] {
  const { scope, stepUp, params, query, body, idempotent, refusals = [] } = definition;
  return [
    'rate_limited',
    ...(scope === null ? [] : (['unauthenticated', 'forbidden'] as const)),
    ...(stepUp ? (['step_up_needed'] as const) : []),
    ...(params === idParams ? (['not_found'] as const) : []),
    ...(query === undefined ? [] : (['validation_failed'] as const)),
    ...(query instanceof z.ZodObject && 'cursor' in query.shape ? (['invalid_cursor'] as const) : []),
    ...(body === undefined ? [] : (['malformed_body', 'body_too_large', 'unsupported_media_type', 'validation_failed'] as const)),
    ...(idempotent ? (['validation_failed', 'idempotency_key_reused', 'idempotency_in_progress'] as const) : []),
    ...refusals,
  ];
}

function document<Query extends z.ZodType, Body>(api: Api, definition: RouteDefinition<Query, Body>): void {
  const { method, path, operationId, tag, summary, description, scope, body, rawBody, stepUp } = definition;
  const content = body ? { 'application/json': { schema: body.schema } } : rawBody;
  const own = definition.idempotent ? idempotencyHeader : definition.tagged ? tagHeader : null;
  const headers = own?.extend(definition.headers?.shape ?? {}) ?? definition.headers;
  api.app.openAPIRegistry.registerPath({
    method,
    path,
    operationId,
    tags: [tag],
    summary,
    description: [
      description,
      scope && `Scope: \`${scope}\` (${SCOPES[scope]})`,
      stepUp && 'Of people it asks for a second factor shown within five minutes.',
    ]
      .filter(Boolean)
      .join('\n\n'),
    security: scope === null ? [] : [{ apiKey: [] }],
    request: {
      ...(definition.params ? { params: definition.params } : {}),
      ...(definition.query ? { query: definition.query as unknown as z.ZodObject } : {}),
      ...(headers ? { headers } : {}),
      ...(content ? { body: { required: body?.required !== false, content } } : {}),
    },
    responses: {
      ...definition.responses,
      ...(definition.tagged ? UNCHANGED : {}),
      ...problems(...refusalsOf(definition)),
    },
  });
}
