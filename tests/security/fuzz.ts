/**
 * Fuzzes every route from the live OpenAPI document: what is refused must be a problem of the catalogue, without a stack, without
 * secrets or people's data, and must leave the tables of money and of decisions as they were. Nothing may be an error of ours.
 */
import { ERRORS } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { ALL_SCOPES } from '../../domain/scopes.ts';
import { THINGS } from './access-things.ts';
import {
  bodyFor,
  CANARY_NAME,
  CANARY_PHONE,
  type Dice,
  diceOf,
  type Document,
  nastyText,
  type Schema,
  spoil,
  valueOf,
} from './fuzz-values.ts';
import { type SecurityApi, withSecurityApi } from './security-api.ts';

export interface FuzzFigures {
  readonly seed: number;
  readonly routes: number;
  readonly requests: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly serverErrors: number;
  /** Everything that should not have been, each with what asks for it again. */
  readonly findings: readonly string[];
}

/** Never asked for with a good key: a stream stays open for as long as its reader does. */
const isStream = (path: string): boolean => path.endsWith('/stream');
/** What no refusal may change: money, payments, and what people said. */
const GUARDED = [
  'accounts',
  'transfers',
  'liquidity_pools',
  'payments',
  'payment_events',
  'attempts',
  'quotes',
  'cases',
  'case_decisions',
  'breaks',
  'break_decisions',
  'settlement_approvals',
  'settlement_cases',
  'settlement_disputes',
  'settlement_votes',
  'compliance_rules',
  'screening_findings',
  'reports',
  'webhook_endpoints',
  'webhook_deliveries',
  'agent_switches',
  'api_keys',
  'clients',
] as const;

const FINGERPRINT = GUARDED.map(
  (table) =>
    `select '${table}' as name, count(*)::text || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0)::text as sum from ${table} t`,
).join(' union all ');

const STACK = /\n\s+at |\bat \S+ \(|node_modules|\.ts:\d+|select .* from |"stack"/;

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[];
  /** The media types it takes, with their schemas. */
  readonly bodies: readonly (readonly [string, Schema])[];
  readonly keyed: boolean;
}

interface Fuzz {
  readonly api: SecurityApi;
  readonly document: Document;
  readonly dice: Dice;
  readonly key: string;
  readonly ids: readonly string[];
  readonly findings: string[];
  readonly byStatus: Record<string, number>;
  state: string;
}

/** Sends so many requests to each route. The same seed sends the same. */
export async function fuzzRoutes(api: SecurityApi, options: { readonly seed: number; readonly perRoute: number }): Promise<FuzzFigures> {
  const document = (await (await api.call('GET', '/openapi.json', { key: null })).json()) as Document;
  const key = await api.makeKey(api.clients.acme, 'fuzz:maker', ALL_SCOPES);
  const owner = { clientId: api.clients.acme, key, principal: 'fuzz:maker' };
  const ids: string[] = [newId()];
  for (const make of Object.values(THINGS)) ids.push(await make(api, owner));
  const fuzz: Fuzz = { api, document, dice: diceOf(options.seed), key, ids, findings: [], byStatus: {}, state: '' };
  fuzz.state = await stateOf(api);
  const operations = operationsOf(document);
  let requests = 0;
  for (const operation of operations) {
    for (let count = 0; count < options.perRoute; count += 1) await one(fuzz, operation);
    requests += options.perRoute;
  }
  const serverErrors = Object.entries(fuzz.byStatus).reduce((sum, [status, count]) => sum + (status >= '500' ? count : 0), 0);
  return { seed: options.seed, routes: operations.length, requests, byStatus: fuzz.byStatus, serverErrors, findings: fuzz.findings };
}

/** Thousands of requests over a database of its own, under a seed that is new each day: for `npm run security`. */
export function runFuzz(seed: number = Math.floor(Date.now() / 86_400_000)): Promise<FuzzFigures> {
  return withSecurityApi((api) => fuzzRoutes(api, { seed, perRoute: 60 }));
}

function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths as Record<string, Record<string, Schema>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const content = ((operation.requestBody as Schema | undefined)?.content ?? {}) as Record<string, { schema?: Schema }>;
      return {
        method: method.toUpperCase(),
        path,
        parameters: (operation.parameters ?? []) as Operation['parameters'],
        bodies: Object.entries(content).map(([type, { schema }]) => [type, schema ?? {}] as const),
        keyed: ((operation.security ?? []) as unknown[]).length > 0,
      };
    }),
  );
}

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

async function one(fuzz: Fuzz, operation: Operation): Promise<void> {
  const { api, findings } = fuzz;
  const sent = requestFor(fuzz, operation);
  api.logLines.length = 0;
  const report = (what: string): void => void (findings.length < 50 && findings.push(`${what}: ${describe(sent)}`));
  let response: Response;
  try {
    const { method, headers, body } = sent;
    response = await api.api.app.request(sent.url, { method, headers, ...(body === undefined ? {} : { body }) } as RequestInit);
  } catch (error) {
    report(`thrown ${String(error)}`);
    return;
  }
  const text = await response.text();
  fuzz.byStatus[response.status] = (fuzz.byStatus[response.status] ?? 0) + 1;
  if (response.status >= 500) report(`answered ${response.status} ${text.slice(0, 200)}`);
  if (response.status >= 400) assertProblem(response, text, report);
  if (STACK.test(text) && response.status >= 400) report('shows a stack or a statement');
  if (text.includes(fuzz.key)) report('echoes the key');
  const log = api.logLines.join('');
  if ([fuzz.key, CANARY_NAME, CANARY_PHONE].some((secret) => log.includes(secret))) report('is in the log with what it must not hold');
  const state = await stateOf(api);
  if (response.status >= 400 && state !== fuzz.state)
    report(`was refused with ${response.status} and changed ${differenceOf(fuzz.state, state)}`);
  fuzz.state = state;
}

function assertProblem(response: Response, text: string, report: (what: string) => void): void {
  if (!(response.headers.get('content-type') ?? '').startsWith('application/problem+json')) {
    report(`answered ${response.status} without a problem document`);
    return;
  }
  const code = String((JSON.parse(text) as { code?: unknown }).code);
  if (!Object.hasOwn(ERRORS, code)) report(`answered the unknown code ${code}`);
}

function describe({ method, url, headers, body }: Sent): string {
  const { authorization: _, ...shown } = headers;
  const written =
    body === undefined ? '' : ` ${typeof body === 'string' ? body.slice(0, 300) : Buffer.from(body).toString('base64').slice(0, 300)}`;
  return `${method} ${url} ${JSON.stringify(shown)}${written}`;
}

function requestFor(fuzz: Fuzz, operation: Operation): Sent {
  const { dice, document, ids, key } = fuzz;
  const { method, path, parameters, bodies, keyed } = operation;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(toWellFormed(partOf(fuzz, parameters, name))));
  const query = new URLSearchParams();
  for (const each of parameters.filter((parameter) => parameter.in === 'query')) {
    if (dice.chance(0.5)) continue;
    const value = dice.chance(0.5) ? nastyText(dice) : String(valueOf(document, each.schema ?? {}, dice, ids));
    query.append(each.name, value);
    if (dice.chance(0.1)) query.append(each.name, nastyText(dice));
  }
  if (dice.chance(0.1)) query.append(dice.pick(['__proto__', 'constructor', 'limit[]', 'client_id', 'clientId']), nastyText(dice));
  const headers: Record<string, string> = {};
  if (keyed && dice.chance(0.97) && !isStream(path)) headers.authorization = `Bearer ${key}`;
  else if (dice.chance(0.5))
    headers.authorization = dice.pick([
      'Bearer',
      'Bearer x',
      `Basic ${key}`,
      `Bearer ${key}x`,
      // Another last digit than the key's own.
      `Bearer ${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`,
      'Bearer null',
    ]);
  if (dice.chance(0.1))
    headers['idempotency-key'] = dice.pick(['', 'x'.repeat(300), '../..', '%00', `key-${dice.integer(0, 20)}`, '"quoted"']);
  if (dice.chance(0.05)) headers['x-request-id'] = dice.pick(['x'.repeat(200), '<script>', 'abcdefgh']);
  if (dice.chance(0.05)) headers['x-forwarded-for'] = dice.pick(['127.0.0.1', '::1, 10.0.0.1', 'x'.repeat(1_000)]);
  const url = `http://capp.test${filled}${query.size === 0 ? '' : `?${query.toString()}`}`;
  if (bodies.length === 0 || method === 'GET') return { url, method, headers };
  const [type, schema] = dice.pick(bodies);
  headers['content-type'] = dice.chance(0.92)
    ? type
    : dice.pick(['text/plain', 'application/xml', '', 'application/json; charset=utf-16', 'multipart/form-data']);
  if (dice.chance(0.03)) headers['content-encoding'] = dice.pick(['gzip', 'br', 'x']);
  return { url, method, headers, body: bodyFor(valueOf(document, schema, dice, ids), dice) };
}

function partOf({ dice, document, ids }: Fuzz, parameters: Operation['parameters'], name: string): string {
  const schema = parameters.find((each) => each.in === 'path' && each.name === name)?.schema ?? {};
  const fits = String(name === 'id' ? dice.pick(ids) : valueOf(document, schema, dice, ids));
  if (!dice.chance(0.3)) return fits;
  const spoiled = String(spoil(fits, dice));
  return spoiled === '' ? '%' : spoiled.slice(0, 2_000);
}

/** A URL cannot carry half a character. */
const toWellFormed = (text: string): string => text.toWellFormed();

/** Counts and checksums of the guarded tables, as one text. */
async function stateOf(api: SecurityApi): Promise<string> {
  const { rows } = await api.pool.query<{ name: string; sum: string }>({ name: 'fuzz_state', text: FINGERPRINT });
  return rows.map(({ name, sum }) => `${name}=${sum}`).join('\n');
}

function differenceOf(before: string, after: string): string {
  const [was, is] = [before.split('\n'), after.split('\n')];
  return is
    .filter((line, index) => line !== was[index])
    .map((line) => line.split('=', 1)[0])
    .join(', ');
}
