/**
 * The world as it misbehaves: every operator CAPP speaks to, and the exchange-rate sources, in one
 * place. It can be reached over a socket, or in process by a `fetch` of its own; it keeps its own books
 * in append-only journals; with one seed and one clock it does the same every time.
 */
import type { Server } from 'node:http';
import { RAILS } from '../domain/network.ts';
import type { Rail } from '../domain/rail.ts';
import type { ChainChange } from './aptos/control.ts';
import type { ChainOptions, SandboxChain, SandboxChainProfile } from './aptos/index.ts';
import { airtelMessageOf } from './airtel/messages.ts';
import { serveAirtel } from './airtel/server.ts';
import { airtelAccountOf, gsmaAccountOf, orangeAccountOf, mpesaAccountOf, mtnMomoAccountOf, sandboxProfiles } from './accounts.ts';
import { changeRail, type RailChange, serveControl } from './control.ts';
import { type Faults, NO_FAULTS } from './fates.ts';
import { serveFx } from './fx.ts';
import { gsmaMessageOf, serveGsma } from './gsma/server.ts';
import { closeServer, listen, type OwnCertificate, requestOf, responseOf, type WebFetch } from './http.ts';
import { type Books, type Journal, openJournal } from './journal.ts';
import { type OperatorKey, openOperatorKey } from './keys.ts';
import { serveAfricasTalking } from './messaging/africastalking.ts';
import { createMessaging, type Messaging, type MessagingFaults, type SandboxGateway, type SentText } from './messaging/messaging.ts';
import { serveMtnMessaging } from './messaging/mtn.ts';
import { mpesaMessageOf, serveMpesa } from './mpesa/server.ts';
import { mtnMomoMessageOf, serveMtnMomo } from './mtn-momo/server.ts';
import { orangeMessageOf, serveOrange } from './orange/server.ts';
import { type Chance, createChance } from './random.ts';
import { type CallbackMessage, createRail, type RailDeps, type SandboxRail } from './rail.ts';
import { type Scheduler, systemScheduler } from './scheduler.ts';
import { createScripts, type FateScript, type FateScripts } from './scripts.ts';
import { createTokens } from './tokens.ts';
import { type Answer, empty, json, type SandboxRequest } from './wire.ts';

export interface SandboxOptions {
  /** Rails to play; all of the network unless given. */
  readonly rails?: readonly Rail[];
  /** Opening balance of our float per rail id, in minor units. */
  readonly openings?: Readonly<Record<string, bigint>>;
  /** Where the journals are kept; null keeps the books in memory. */
  readonly dataDir?: string | null;
  readonly seed?: string;
  /** 1: customers take a median of 300 ms; 2: half of that. */
  readonly speed?: number;
  readonly faults?: Partial<Faults>;
  readonly scheduler?: Scheduler;
  /** Sends callbacks. */
  readonly send?: WebFetch;
  /** Port to listen on, 0 for any; without one there is no socket, only `fetch`. */
  readonly port?: number;
  /** Where to listen; the loopback address unless given. */
  readonly host?: string;
  /** Serves TLS 1.3 with it; plain HTTP without. */
  readonly tls?: OwnCertificate | undefined;
  /** The address clients reach the sandbox at; where it listens unless given. */
  readonly publicUrl?: string;
  /** Where operators that know one callback address per application send theirs; without it they send none. */
  readonly applicationUrl?: (railId: string) => string | null;
  /** Where messaging gateways post reports, without the kind at the end; without it they post none. */
  readonly messagingUrl?: (gateway: SandboxGateway) => string;
  readonly messagingFaults?: Partial<MessagingFaults>;
  readonly tokenLifetimeMs?: number;
  /** A new token kills the one before it. */
  readonly singleToken?: boolean;
  /** Plays the settlement chain too. */
  readonly chain?: Pick<ChainOptions, 'faults' | 'disputeLimitSecs'>;
}

export interface Sandbox {
  readonly url: string;
  /** Reaches the sandbox without a socket, under the same address. */
  readonly fetch: WebFetch;
  /** Books of a rail; throws for a rail that is not played. */
  books(railId: string): Books;
  /** The operator's statement of a day, in the form its protocol's operators give it. */
  statement(railId: string, day: string): string;
  /** Texts that reached a phone, the newest last. */
  texts(): readonly SentText[];
  /** Settings with which clients reach the sandbox, per rail id. */
  profiles(): Record<string, unknown>;
  /** Changes how a rail behaves from now on. */
  change(railId: string, change: RailChange): void;
  /** Settings with which clients reach the chain; null where it is not played. */
  chainProfile(): SandboxChainProfile | null;
  /** Changes how the chain behaves from now on. Throws RangeError where it is not played. */
  changeChain(change: ChainChange): void;
  /** Writes the fate of payments to come; gives the script's number. */
  script(script: FateScript): number;
  /** Stops time and listening; the journals are whole. */
  close(): Promise<void>;
}

/** Our float at an operator where no opening balance is given. */
const OPENING_MINOR = 100_000_000_000n;
const CALLBACK_TIMEOUT_MS = 10_000;
const TOKEN_LIFETIME_MS = 3_600_000;

type Serve = (request: SandboxRequest) => Promise<Answer>;

interface World {
  readonly chance: Chance;
  readonly scheduler: Scheduler;
  readonly key: OperatorKey;
  readonly rails: Map<string, SandboxRail>;
  readonly scripts: FateScripts;
  readonly serves: Map<string, Serve>;
  readonly journals: Journal[];
  readonly chain: SandboxChain | null;
  readonly messaging: Messaging;
}

/** Starts a sandbox. Throws what the system says when the port is taken or the folder cannot be written. */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const rails = (options.rails ?? RAILS).filter((rail) => rail.protocol !== 'on_us');
  const speed = options.speed ?? 1;
  const world = await createWorld(options, rails, speed);
  let server: Server | null = null;
  let url = 'http://sandbox.invalid';
  const profiles = () => sandboxProfiles(rails, { baseUrl: url, speed, operatorPublicPem: world.key.publicPem });
  const serve = (request: SandboxRequest) => route(world, profiles, request);
  if (options.port !== undefined)
    ({ server, url } = await listen({ port: options.port, host: options.host ?? '127.0.0.1', tls: options.tls }, serve));
  url = options.publicUrl ?? url;
  return {
    url,
    fetch: async (address, init) => responseOf(await serve(requestOf(address, init))),
    books: (railId) => railOf(world, railId).books(),
    statement: (railId, day) => railOf(world, railId).statement(day),
    texts: () => world.messaging.texts,
    profiles,
    change: (railId, change) => changeRail(railOf(world, railId), change),
    chainProfile: () => world.chain?.profile(`${url}/aptos/v1`) ?? null,
    changeChain(change) {
      if (world.chain === null) throw new RangeError('the sandbox does not play the chain');
      world.chain.change(change);
    },
    script: (script) => world.scripts.add(script),
    async close() {
      world.scheduler.stop();
      if (server !== null) await closeServer(server);
      for (const journal of world.journals) journal.close();
      world.chain?.close();
    },
  };
}

/** The chain's code is loaded only where the chain is played. */
async function chainOf(options: SandboxOptions, partners: readonly string[], common: Common): Promise<SandboxChain | null> {
  if (options.chain === undefined) return null;
  const { openChain } = await import('./aptos/index.ts');
  return openChain({ ...options.chain, ...common, partners, seed: options.seed ?? '1' });
}

type Common = { readonly dataDir: string | null; readonly scheduler: Scheduler; readonly chance: Chance; readonly speed: number };

async function createWorld(options: SandboxOptions, rails: readonly Rail[], speed: number): Promise<World> {
  const dataDir = options.dataDir ?? null;
  const scheduler = options.scheduler ?? systemScheduler();
  const chance = createChance(options.seed ?? '1');
  const ids = rails.map((rail) => rail.id);
  const chain = await chainOf(options, ids, { dataDir, scheduler, chance, speed });
  const key = openOperatorKey(dataDir);
  const paidIn = new Set<string>();
  const send = options.send ?? ((address, init) => fetch(address, init));
  const rules = { lifetimeMs: options.tokenLifetimeMs ?? TOKEN_LIFETIME_MS, single: options.singleToken ?? false };
  const callbackBase = (gateway: SandboxGateway) => options.messagingUrl?.(gateway) ?? null;
  const messaging = createMessaging(
    { scheduler, chance, speed, callbackBase, deliver: (message) => deliver(send, message) },
    options.messagingFaults,
  );
  const scripts = createScripts();
  const world: World = { chance, scheduler, key, rails: new Map(), scripts, serves: new Map(), journals: [], chain, messaging };
  const gatewayTokens = createTokens(scheduler, createChance(`${options.seed ?? '1'} messaging`), rules);
  world.serves.set('africastalking', (request) => serveAfricasTalking(messaging, request));
  world.serves.set('mtn-messaging', (request) => serveMtnMessaging(messaging, gatewayTokens, request));
  const opened = rails.map((rail) => {
    const openingMinor = options.openings?.[rail.id] ?? OPENING_MINOR;
    const journal = openJournal(dataDir, { railId: rail.id, currency: rail.currency, openingMinor });
    for (const { kind, state, phone } of journal.transactions) if (kind === 'collection' && state === 'succeeded') paidIn.add(phone);
    return { rail, journal };
  });
  for (const { rail, journal } of opened) {
    const deps: RailDeps = {
      rail,
      scheduler,
      chance,
      journal,
      tokens: createTokens(scheduler, createChance(`${options.seed ?? '1'} ${rail.id}`), rules),
      speed,
      faults: { ...NO_FAULTS, ...options.faults },
      paidIn,
      scripts: world.scripts,
      deliver: (message) => deliver(send, message),
      ask: (message) => ask(send, message),
    };
    world.journals.push(journal);
    addRail(world, deps, options.applicationUrl?.(rail.id) ?? null);
  }
  return world;
}

/** Puts an operator under its protocol's face. */
function addRail(world: World, deps: RailDeps, applicationUrl: string | null): void {
  const { rail } = deps;
  if (rail.protocol === 'mpesa') {
    const account = mpesaAccountOf(rail.id);
    const operator = createRail(deps, mpesaMessageOf(account));
    const daraja = { rail: operator, account, key: world.key, c2b: { addresses: null, isPullRegistered: false } };
    world.rails.set(rail.id, operator);
    world.serves.set(rail.id, (request) => serveMpesa(daraja, request));
  } else if (rail.protocol === 'mtn_momo') {
    const account = mtnMomoAccountOf(rail);
    const operator = createRail(deps, mtnMomoMessageOf);
    world.rails.set(rail.id, operator);
    world.serves.set(rail.id, (request) => serveMtnMomo(operator, account, request));
  } else if (rail.protocol === 'airtel') {
    const account = airtelAccountOf(rail, applicationUrl);
    const operator = createRail(deps, airtelMessageOf(account));
    world.rails.set(rail.id, operator);
    world.serves.set(rail.id, (request) => serveAirtel({ rail: operator, account, key: world.key }, request));
  } else if (rail.protocol === 'orange') {
    const account = orangeAccountOf(rail);
    const operator = createRail(deps, orangeMessageOf);
    world.rails.set(rail.id, operator);
    world.serves.set(rail.id, (request) => serveOrange({ rail: operator, account, key: world.key }, request));
  } else {
    const account = gsmaAccountOf(rail.id);
    const operator = createRail(deps, gsmaMessageOf);
    world.rails.set(rail.id, operator);
    world.serves.set(rail.id, (request) => serveGsma(operator, account, request));
  }
}

function railOf(world: World, railId: string): SandboxRail {
  const rail = world.rails.get(railId);
  if (rail === undefined) throw new RangeError(`the sandbox does not play ${railId}`);
  return rail;
}

/** Sends by the first part of the path: an operator, the exchange rates, or the control plane. */
async function route(world: World, profiles: () => Record<string, unknown>, request: SandboxRequest): Promise<Answer> {
  const [, prefix = '', rest = ''] = /^\/([^/]+)(\/.*)?$/.exec(request.path) ?? [];
  const inner = { ...request, path: rest };
  if (prefix === 'aptos' && world.chain !== null) return world.chain.serve(inner);
  if (prefix === '_sandbox' && rest.startsWith('/chain') && world.chain !== null)
    return world.chain.control({ ...request, path: rest.slice('/chain'.length) });
  if (prefix === '_sandbox' && rest === '/texts' && request.method === 'GET') return json(200, { items: world.messaging.texts });
  if (prefix === '_sandbox')
    return serveControl({ rails: world.rails, scripts: world.scripts, profiles, nowMs: world.scheduler.now }, inner);
  if (prefix === 'fx') return serveFx(world.chance, world.scheduler.now(), inner);
  const serve = world.serves.get(prefix);
  if (serve === undefined) return empty(404);
  return world.rails.get(prefix)?.mode === 'silent' ? 'cut' : serve(inner);
}

/** Sends a question once; the text of the answer, or null when there is none. */
async function ask(send: WebFetch, { method, url, headers, body }: CallbackMessage): Promise<string | null> {
  try {
    const response = await send(url, { method, headers, body, signal: AbortSignal.timeout(CALLBACK_TIMEOUT_MS) });
    return response.ok ? await response.text() : null;
  } catch {
    // No answer is an answer here: what the operator does then was agreed with it.
    return null;
  }
}

/** Sends a callback once. What the receiver says, or that there is none, is not looked at. */
async function deliver(send: WebFetch, message: CallbackMessage): Promise<void> {
  try {
    const { method, url, headers, body } = message;
    const response = await send(url, { method, headers, body, signal: AbortSignal.timeout(CALLBACK_TIMEOUT_MS) });
    await response.arrayBuffer();
  } catch {
    // A receiver that cannot be reached has lost this callback, as it would a real operator's.
  }
}
