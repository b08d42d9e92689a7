/**
 * Fuzzes every route from the live OpenAPI document, in this process and over a socket, with a key and as people: what is refused must
 * be a problem of the catalogue, without a stack, without secrets or people's data, and must leave every table as it was, but for what a
 * refusal is meant to leave. Nothing may be an error of ours.
 */
import { ERRORS } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { type Role, scopesOf } from '../../domain/roles.ts';
import { ALL_SCOPES } from '../../domain/scopes.ts';
import { permissionsOf } from '../../server/api/permissions.ts';
import { THINGS } from './access-things.ts';
import { describe, type FuzzCaller, type FuzzMaterial, type Operation, operationsOf, requestFor } from './fuzz-requests.ts';
import { type Answered, memorySender, type Sender, socketSender } from './fuzz-senders.ts';
import { CANARY_NAME, CANARY_PHONE, diceOf, type Document } from './fuzz-values.ts';
import { createNeedles, type Needles, phoneForms } from './needles.ts';
import { PASSWORD, personWith } from './people.ts';
import { type SecurityApi, withSecurityApi } from './security-api.ts';
import { differenceOf, openStateGuard, type StateGuard } from './state.ts';

export interface FuzzFigures {
  readonly seed: number;
  readonly routes: number;
  readonly requests: number;
  /** How many of them went over a socket, and how many a person's token asked. */
  readonly overSocket: number;
  readonly asPeople: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly serverErrors: number;
  /** Tables that no refusal may change. */
  readonly tables: number;
  /** Everything that should not have been, each with what asks for it again. */
  readonly findings: readonly string[];
}

const STACK = /\n\s+at |\bat \S+ \(|node_modules|\.ts:\d+|select .* from |"stack"/;
/** People who log in: each sees another part of the API. */
const PEOPLE: readonly Role[] = ['compliance_lead', 'operator', 'treasury', 'administrator'];

interface Fuzz extends FuzzMaterial {
  readonly api: SecurityApi;
  readonly senders: readonly [Sender, Sender];
  readonly guard: StateGuard;
  /** What lets somebody in; no answer may hold it. */
  readonly secrets: Needles;
  /** Who somebody is; no refusal and no line of the log may hold it. */
  readonly people: Needles;
  readonly findings: string[];
  readonly byStatus: Record<string, number>;
  overSocket: number;
  asPeople: number;
  state: string;
}

/** Sends so many requests to each route. The same seed sends the same. */
export async function fuzzRoutes(api: SecurityApi, options: { readonly seed: number; readonly perRoute: number }): Promise<FuzzFigures> {
  const document = (await (await api.call('GET', '/openapi.json', { key: null })).json()) as Document;
  const maker: FuzzCaller = { name: 'a key', key: await api.makeKey(api.clients.acme, 'fuzz:maker', ALL_SCOPES), scopes: ALL_SCOPES };
  const owner = { clientId: api.clients.acme, key: maker.key, principal: 'fuzz:maker' };
  const ids: string[] = [newId()];
  for (const make of Object.values(THINGS)) ids.push(await make(api, owner));
  const callers: [FuzzCaller, ...FuzzCaller[]] = [maker];
  for (const role of PEOPLE) {
    const person = await personWith(api, api.clients.acme, `${role}:fuzzed`, [role]);
    callers.push({ name: role, key: await person.token(), scopes: scopesOf([role]) });
  }
  const scopes = new Map(permissionsOf(api.api.routes).map(({ method, path, scope }) => [`${method} ${path}`, scope]));
  const material: FuzzMaterial = { document, dice: diceOf(options.seed), callers, scopes, ids };
  const secrets = createNeedles([...callers.map(({ key }) => key), PASSWORD]);
  const people = createNeedles([CANARY_NAME, ...CANARY_NAME.split(' '), ...phoneForms(CANARY_PHONE)]);
  const guard = await openStateGuard(api.pool);
  const socket = await socketSender(api);
  const counts = { findings: [], byStatus: {}, overSocket: 0, asPeople: 0, state: await guard.read() };
  const fuzz: Fuzz = { ...material, api, senders: [memorySender(api), socket], guard, secrets, people, ...counts };
  const operations = operationsOf(document);
  try {
    for (const operation of operations) for (let count = 0; count < options.perRoute; count += 1) await one(fuzz, operation);
  } finally {
    await socket.close();
  }
  const { byStatus, overSocket, asPeople, findings } = fuzz;
  const serverErrors = Object.entries(byStatus).reduce((sum, [status, count]) => sum + (status >= '500' ? count : 0), 0);
  const requests = operations.length * options.perRoute;
  const { tables } = guard;
  return {
    seed: options.seed,
    routes: operations.length,
    requests,
    overSocket,
    asPeople,
    byStatus,
    serverErrors,
    tables: tables.length,
    findings,
  };
}

/** Thousands of requests over a database of its own, under a seed that is new each day: for `npm run security`. */
export function runFuzz(seed: number = Math.floor(Date.now() / 86_400_000)): Promise<FuzzFigures> {
  return withSecurityApi((api) => fuzzRoutes(api, { seed, perRoute: 60 }));
}

async function one(fuzz: Fuzz, operation: Operation): Promise<void> {
  const { api, findings, senders, callers } = fuzz;
  const sent = requestFor(fuzz, operation);
  const sender = fuzz.dice.pick(senders);
  if (sender.name === 'socket') fuzz.overSocket += 1;
  if (sent.as !== callers[0].name) fuzz.asPeople += 1;
  api.logLines.length = 0;
  const report = (what: string): void => void (findings.length < 50 && findings.push(`${what}: by ${sender.name} ${describe(sent)}`));
  let answered: Answered;
  try {
    answered = await sender.send(sent);
  } catch (error) {
    report(`thrown ${String(error)}`);
    return;
  }
  fuzz.byStatus[answered.status] = (fuzz.byStatus[answered.status] ?? 0) + 1;
  assertAnswer(fuzz, answered, report);
  await assertState(fuzz, answered, report);
}

type Report = (what: string) => void;

function assertAnswer({ api, secrets, people }: Fuzz, { status, text, contentType }: Answered, report: Report): void {
  const bytes = Buffer.from(text);
  const log = Buffer.from(api.logLines.join(''));
  if (secrets.search(bytes, 1).length > 0) report(`answered ${status} with a key, a token or a password`);
  if (secrets.search(log, 1).length > 0 || people.search(log, 1).length > 0) report('is in the log with what it must not hold');
  if (status < 400) return;
  if (status >= 500) report(`answered ${status} ${text.slice(0, 200)}`);
  if (people.search(bytes, 1).length > 0) report(`answered ${status} with who somebody is`);
  if (STACK.test(text)) report('shows a stack or a statement');
  if (!contentType.startsWith('application/problem+json')) report(`answered ${status} without a problem document`);
  else {
    const code = String((JSON.parse(text) as { code?: unknown }).code);
    if (!Object.hasOwn(ERRORS, code)) report(`answered the unknown code ${code}`);
  }
}

async function assertState(fuzz: Fuzz, { status }: Answered, report: Report): Promise<void> {
  const state = await fuzz.guard.read();
  if (status >= 400 && state !== fuzz.state) report(`was refused with ${status} and changed ${differenceOf(fuzz.state, state).join(', ')}`);
  fuzz.state = state;
}
