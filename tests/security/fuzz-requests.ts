/** Spoiled requests, made from the OpenAPI document by the dice: the same numbers, the same requests. */
import type { Scope } from '../../domain/scopes.ts';
import { bodyFor, CANARY_PHONE, type Dice, type Document, nastyText, type Schema, spoil, valueOf } from './fuzz-values.ts';

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[];
  /** The media types it takes, with their schemas. */
  readonly bodies: readonly (readonly [string, Schema])[];
  readonly keyed: boolean;
}

/** Somebody who asks. */
export interface FuzzCaller {
  readonly name: string;
  /** An API key or a token. */
  readonly key: string;
  readonly scopes: readonly Scope[];
}

/** What requests are made of. */
export interface FuzzMaterial {
  readonly document: Document;
  readonly dice: Dice;
  /** The first is a key that may do everything; the others are people. */
  readonly callers: readonly [FuzzCaller, ...FuzzCaller[]];
  /** What a route asks its caller to be allowed, by `METHOD /path`; null: it asks nobody. */
  readonly scopes: ReadonlyMap<string, Scope | null>;
  readonly ids: readonly string[];
}

/** A request that may go over a socket, or to the API in this process. */
export interface Sent {
  /** Path and query. */
  readonly target: string;
  /** Who asks, for whoever reads a finding. */
  readonly as: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Every operation of the document. */
export function operationsOf(document: Document): Operation[] {
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

/** What asks for it again, without who may. */
export function describe({ method, target, as, headers, body }: Sent): string {
  const { authorization: _, ...shown } = headers;
  const written =
    body === undefined ? '' : ` ${typeof body === 'string' ? body.slice(0, 300) : Buffer.from(body).toString('base64').slice(0, 300)}`;
  return `as ${as} ${method} ${target} ${JSON.stringify(shown)}${written}`;
}

/** Mostly the key that may do everything; else somebody, more often than not one who may. */
function callerFor({ dice, callers, scopes }: FuzzMaterial, { method, path }: Operation): FuzzCaller {
  const [first, ...people] = callers;
  if (people.length === 0 || dice.chance(0.5)) return first;
  const scope = scopes.get(`${method} ${path}`) ?? null;
  const able = people.filter((each) => scope !== null && each.scopes.includes(scope));
  return dice.pick(able.length > 0 && dice.chance(0.75) ? able : people);
}

/** A request to an operation. */
export function requestFor(fuzz: FuzzMaterial, operation: Operation): Sent {
  const { dice, document, ids } = fuzz;
  const { name: as, key } = callerFor(fuzz, operation);
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
  if (keyed && dice.chance(0.97)) headers.authorization = `Bearer ${key}`;
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
    headers['idempotency-key'] = dice.pick(['', 'x'.repeat(300), '../..', '%00', `key-${dice.integer(0, 20)}`, '"quoted"', CANARY_PHONE]);
  if (dice.chance(0.05)) headers['x-request-id'] = dice.pick(['x'.repeat(200), '<script>', 'abcdefgh']);
  if (dice.chance(0.05)) headers['x-forwarded-for'] = dice.pick(['127.0.0.1', '::1, 10.0.0.1', 'x'.repeat(1_000)]);
  const target = `${filled}${query.size === 0 ? '' : `?${query.toString()}`}`;
  if (bodies.length === 0 || method === 'GET') return { target, as, method, headers };
  const [type, schema] = dice.pick(bodies);
  headers['content-type'] = dice.chance(0.92)
    ? type
    : dice.pick(['text/plain', 'application/xml', '', 'application/json; charset=utf-16', 'multipart/form-data']);
  if (dice.chance(0.03)) headers['content-encoding'] = dice.pick(['gzip', 'br', 'x']);
  return { target, as, method, headers, body: bodyFor(valueOf(document, schema, dice, ids), dice) };
}

function partOf({ dice, document, ids }: FuzzMaterial, parameters: Operation['parameters'], name: string): string {
  const schema = parameters.find((each) => each.in === 'path' && each.name === name)?.schema ?? {};
  const fits = String(name === 'id' ? dice.pick(ids) : valueOf(document, schema, dice, ids));
  if (!dice.chance(0.3)) return fits;
  const spoiled = String(spoil(fits, dice));
  return spoiled === '' ? '%' : spoiled.slice(0, 2_000);
}

/** A URL cannot carry half a character. */
const toWellFormed = (text: string): string => text.toWellFormed();
