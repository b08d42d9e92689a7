/**
 * The control plane: reads books and statements, takes rails down and up, sets fault rates, writes the fates of
 * payments to come. Apart from every operator's own paths.
 */
import { z } from 'zod';
import { NO_FAULTS } from './fates.ts';
import type { Books } from './journal.ts';
import type { SandboxRail } from './rail.ts';
import { type FateScripts, scriptSchema } from './scripts.ts';
import { type Answer, json, parseBody, type SandboxRequest } from './wire.ts';

const share = z.number().min(0).max(1);
const faultNames = Object.keys(NO_FAULTS) as (keyof typeof NO_FAULTS)[];

export const faultsSchema = z.partialRecord(z.enum(faultNames as [keyof typeof NO_FAULTS, ...(keyof typeof NO_FAULTS)[]]), share);

const changeSchema = z.strictObject({
  /** `refusing`: takes and gives no token · `silent`: cuts every connection. */
  mode: z.enum(['up', 'refusing', 'silent']).optional(),
  /** Short for `refusing` and `up`. */
  down: z.boolean().optional(),
  faults: faultsSchema.optional(),
  expireTokens: z.literal(true).optional(),
});

export type RailChange = z.infer<typeof changeSchema>;

/** Changes how a rail behaves from now on. */
export function changeRail(rail: SandboxRail, change: RailChange): void {
  if (change.down !== undefined) rail.mode = change.down ? 'refusing' : 'up';
  if (change.mode !== undefined) rail.mode = change.mode;
  if (change.faults !== undefined) rail.faults = { ...rail.faults, ...change.faults };
  if (change.expireTokens === true) rail.tokens.expireAll();
}

/** Books as JSON: amounts as decimal strings of minor units. */
export function booksJson(books: Books): unknown {
  return JSON.parse(JSON.stringify(books, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)));
}

export interface ControlDeps {
  readonly rails: ReadonlyMap<string, SandboxRail>;
  readonly scripts: FateScripts;
  readonly profiles: () => Record<string, unknown>;
  readonly nowMs: () => number;
}

/** Answers a request under `/_sandbox`. */
export function serveControl(deps: ControlDeps, request: SandboxRequest): Answer {
  if (request.path === '/health' && request.method === 'GET')
    return json(200, { status: 'up', rails: deps.rails.size, nowMs: deps.nowMs() });
  if (request.path === '/fates') return serveFates(deps, request);
  if (request.path === '/rails' && request.method === 'GET') return json(200, [...deps.rails.values()].map(stateOf));
  if (request.path === '/profiles' && request.method === 'GET') return json(200, deps.profiles());
  const [, noun, railId = ''] = /^\/(books|rails|statements)\/([a-z0-9-]+)$/.exec(request.path) ?? [];
  const rail = deps.rails.get(railId);
  if (rail === undefined) return json(404, { error: 'there is no such rail' });
  if (noun === 'books' && request.method === 'GET') return json(200, booksJson(rail.books()));
  if (noun === 'statements' && request.method === 'GET') return serveStatement(rail, request);
  if (noun !== 'rails') return json(405, { error: 'method not allowed' });
  if (request.method === 'POST') {
    const change = changeSchema.safeParse(parseBody(request.body));
    if (!change.success)
      return json(400, { error: 'the change is not of its form', issues: change.error.issues.map((issue) => issue.message) });
    changeRail(rail, change.data);
  } else if (request.method !== 'GET') return json(405, { error: 'method not allowed' });
  return json(200, stateOf(rail));
}

function stateOf(rail: SandboxRail): unknown {
  return { railId: rail.rail.id, protocol: rail.rail.protocol, mode: rail.mode, faults: rail.faults };
}

/** Lists, adds and forgets fates. */
function serveFates({ scripts, rails }: ControlDeps, request: SandboxRequest): Answer {
  if (request.method === 'GET') return json(200, scripts.list());
  if (request.method === 'DELETE') {
    scripts.clear();
    return json(200, []);
  }
  if (request.method !== 'POST') return json(405, { error: 'method not allowed' });
  const script = scriptSchema.safeParse(parseBody(request.body));
  if (!script.success) {
    const issues = script.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return json(400, { error: 'the fate is not of its form', issues });
  }
  const { railId } = script.data.match;
  if (railId !== undefined && !rails.has(railId)) return json(404, { error: 'there is no such rail' });
  return json(201, { id: scripts.add(script.data), ...script.data });
}

/** The statement of `?day=2026-11-25`. */
function serveStatement(rail: SandboxRail, request: SandboxRequest): Answer {
  const day = request.query.get('day') ?? '';
  try {
    const type = ['mpesa', 'mtn_momo', 'orange'].includes(rail.rail.protocol)
      ? 'text/csv; charset=utf-8'
      : 'application/json; charset=utf-8';
    return { status: 200, headers: { 'content-type': type }, body: rail.statement(day) };
  } catch {
    return json(400, { error: 'day is to be written as 2026-11-25' });
  }
}
