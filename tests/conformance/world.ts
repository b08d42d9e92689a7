/** The world of one trial: a sandbox operator in virtual time, a wire that can be meddled with, and a desk for attempts. */
import type { Clock } from '../../domain/clock.ts';
import { isFault } from '../../domain/errors.ts';
import { RAILS } from '../../domain/network.ts';
import type { Rail } from '../../domain/rail.ts';
import { changeRail } from '../../sandbox/control.ts';
import { NO_FAULTS } from '../../sandbox/fates.ts';
import { requestOf, responseOf } from '../../sandbox/http.ts';
import { openJournal } from '../../sandbox/journal.ts';
import { createChance } from '../../sandbox/random.ts';
import { createTokens } from '../../sandbox/tokens.ts';
import { createSandbox, type Sandbox, type SandboxOptions } from '../../sandbox/sandbox.ts';
import { type ManualScheduler, manualScheduler } from '../../sandbox/scheduler.ts';
import { type BalanceDesk, createBalanceDesk, memoryBalanceStore } from '../../tools/mmo/balances.ts';
import type { Fetch } from '../../tools/mmo/http.ts';
import type { OperatorClient } from '../../tools/mmo/operator.ts';
import { createOperators } from '../../tools/mmo/registry.ts';
import { hearing } from '../../tools/mmo/hearing.ts';
import type { KeepAnswer, RefusedAnswer } from '../../tools/mmo/refused-answers.ts';
import { createDeadlines } from '../../tools/mmo/patience.ts';
import { memoryTokenVault } from '../../tools/mmo/tokens.ts';
import { railOf, START_MS } from '../operators/harness.ts';
import type { Adapter, Face } from './adapters.ts';

export interface Call {
  /** Method and path. */
  readonly name: string;
  readonly body: string;
}

/** What is done to one call: nothing, an answer instead of the operator's, or a change to the operator's. */
export type Meddling = null | { readonly instead: () => Response } | { readonly change: (body: string) => string };

/** A sandbox as the suite uses it. */
export type Played = Pick<Sandbox, 'fetch' | 'books' | 'change' | 'profiles'>;

export interface Trial {
  readonly adapter: Adapter;
  readonly sandbox: Played;
  readonly scheduler: ManualScheduler;
  readonly client: OperatorClient;
  readonly profile: Readonly<Record<string, unknown>>;
  readonly calls: Call[];
  /** Bodies of callbacks, in the order of their arrival. */
  readonly inbox: string[];
  /** Answers that could not be used. */
  readonly kept: RefusedAnswer[];
  /** Meddles with calls of our client. */
  meddle: (call: Call) => Meddling;
  /** Meddles with callbacks on their way; null loses one. */
  meddleCallback: (body: string) => string | null;
  /** The same with messages that tell a balance. */
  meddleBalance: (body: string) => string | null;
  moneyCalls(): readonly Call[];
  /** States of the transactions in the operator's books. */
  books(): readonly string[];
  balanceMinor(): bigint;
}

export interface TrialOptions extends SandboxOptions {
  readonly adjust?: (profile: Record<string, unknown>) => void;
  /** How we answer callbacks. */
  readonly answerCallbacks?: number;
}

/** Sets a world up for one adapter. */
export async function openTrial(adapter: Adapter, options: TrialOptions = {}): Promise<Trial> {
  const { adjust, answerCallbacks = 200, ...sandboxOptions } = options;
  const scheduler = manualScheduler(START_MS);
  const rails = RAILS.filter(({ id }) => id === adapter.railId);
  const balances = hearBalances(scheduler);
  const send = async (url: string, init: RequestInit) => {
    if (url.startsWith(BALANCE_URL)) {
      const told = trial.meddleBalance(init.body as string);
      if (told !== null) balances.hear(trial.client, url, told);
      return new Response('', { status: 200 });
    }
    const body = trial.meddleCallback(init.body as string);
    // What we answer with an error we have not taken.
    if (body !== null && answerCallbacks === 200) trial.inbox.push(body);
    return new Response('', { status: answerCallbacks });
  };
  const sandbox =
    adapter.face === undefined
      ? await createSandbox({ rails, scheduler, send, applicationUrl: () => 'https://hooks.test/application', ...sandboxOptions })
      : playFace(adapter.face, railOf(adapter.railId), { ...sandboxOptions, scheduler, send });
  const profiles = sandbox.profiles() as Record<string, Record<string, unknown>>;
  const profile = profiles[adapter.railId] ?? {};
  adjust?.(profile);
  const calls: Call[] = [];
  const kept: RefusedAnswer[] = [];
  const fetch: Fetch = async (url, init) => {
    const call = { name: `${init.method} ${new URL(url).pathname}`, body: typeof init.body === 'string' ? init.body : '' };
    calls.push(call);
    const meddling = trial.meddle(call);
    if (meddling !== null && 'instead' in meddling) return meddling.instead();
    const response = await sandbox.fetch(url, init);
    if (meddling === null) return response;
    return new Response(meddling.change(await response.text()), { status: response.status, headers: response.headers });
  };
  const trial: Trial = {
    adapter,
    sandbox,
    scheduler,
    client: clientOf(
      adapter,
      { fetch, clock: scheduler, balances: balances.desk, keepAnswer: async (answer) => void kept.push(answer) },
      profile,
    ),
    profile,
    calls,
    inbox: [],
    kept,
    meddle: () => null,
    meddleCallback: (body) => body,
    meddleBalance: (body) => body,
    moneyCalls: () => calls.filter(({ name }) => adapter.moneyCall.test(name)),
    books: () => sandbox.books(adapter.railId).transactions.map(({ kind, state }) => `${kind} ${state}`),
    balanceMinor: () => sandbox.books(adapter.railId).balanceMinor,
  };
  return trial;
}

/** The client of an adapter: the registry's, or the one of a face, under the same deadlines and heard alike. */
function clientOf(
  adapter: Adapter,
  deps: { readonly fetch: Fetch; readonly clock: Clock; readonly balances: BalanceDesk; readonly keepAnswer: KeepAnswer },
  profile: Readonly<Record<string, unknown>>,
): OperatorClient {
  const { face, railId } = adapter;
  const { clock, keepAnswer } = deps;
  const rail = railOf(railId);
  if (face === undefined) return createOperators({ ...deps, rails: [rail], profiles: { [railId]: profile } })(railId);
  const deadlines = createDeadlines(deps);
  const client = face.client({ fetch: deadlines.fetch, clock, tokens: memoryTokenVault(clock) }, rail, profile);
  return hearing(deadlines.guard(client), keepAnswer);
}

const BALANCE_URL = 'https://hooks.test/balances/';

/** Asks for balances and hears them, as a platform of one process does. What cannot be read is put aside. */
function hearBalances(scheduler: ManualScheduler) {
  const store = memoryBalanceStore(
    scheduler,
    (id) => `${BALANCE_URL}${id}`,
    () => scheduler.advance(250),
  );
  return {
    desk: createBalanceDesk(store, scheduler),
    hear(client: OperatorClient, url: string, body: string): void {
      try {
        const answer = client.readBalance?.(body);
        if (answer !== undefined) store.tell(url.slice(BALANCE_URL.length), answer);
      } catch (error) {
        if (!isFault(error, 'malformed_body')) throw error;
      }
    },
  };
}

interface Stage {
  readonly scheduler: ManualScheduler;
  readonly send: (url: string, init: RequestInit) => Promise<Response>;
}

/** Plays one operator of its own face. */
function playFace(face: Face, rail: Rail, options: Stage & SandboxOptions): Played {
  const { scheduler, send, seed = '1' } = options;
  const openingMinor = options.openings?.[rail.id] ?? 100_000_000_000n;
  const operator = face.operator({
    rail,
    scheduler,
    chance: createChance(seed),
    journal: openJournal(null, { railId: rail.id, currency: rail.currency, openingMinor }),
    tokens: createTokens(scheduler, createChance(seed), { lifetimeMs: 3_600_000, single: false }),
    speed: 1,
    faults: { ...NO_FAULTS, ...options.faults },
    paidIn: new Set(),
    deliver: async ({ url, method, headers, body }) => void (await send(url, { method, headers, body })),
    ask: async ({ url, method, headers, body }) => (await send(url, { method, headers, body })).text(),
  });
  return {
    fetch: async (url, init) => responseOf(await face.serve(operator, requestOf(url, init))),
    books: () => operator.books(),
    change: (_railId, change) => changeRail(operator, change),
    profiles: () => ({ [rail.id]: { ...face.profile } }),
  };
}

/** Says whether a call is an inquiry of this trial's adapter. */
export function isInquiry(trial: Trial, call: Call): boolean {
  return trial.adapter.inquiryCall.test(call.name) && !trial.adapter.moneyCall.test(call.name);
}

/** Says whether a call asks for a token. */
export function isTokenCall(call: Call): boolean {
  return /\/(token|oauth)/.test(call.name);
}

/** Meddles with inquiries alone. */
export function meddleWithInquiries(trial: Trial, meddling: Exclude<Meddling, null>): void {
  trial.meddle = (call) => (isInquiry(trial, call) ? meddling : null);
}
