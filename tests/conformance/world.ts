/** The world of one trial: a sandbox operator in virtual time, a wire that can be meddled with, and a desk for attempts. */
import { RAILS } from '../../domain/network.ts';
import { createSandbox, type Sandbox, type SandboxOptions } from '../../sandbox/sandbox.ts';
import { type ManualScheduler, manualScheduler } from '../../sandbox/scheduler.ts';
import type { OperatorClient } from '../../tools/mmo/operator.ts';
import { createOperators } from '../../tools/mmo/registry.ts';
import { START_MS } from '../operators/harness.ts';
import type { Adapter } from './adapters.ts';

export interface Call {
  /** Method and path. */
  readonly name: string;
  readonly body: string;
}

/** What is done to one call: nothing, an answer instead of the operator's, or a change to the operator's. */
export type Meddling = null | { readonly instead: () => Response } | { readonly change: (body: string) => string };

export interface Trial {
  readonly adapter: Adapter;
  readonly sandbox: Sandbox;
  readonly scheduler: ManualScheduler;
  readonly client: OperatorClient;
  readonly profile: Readonly<Record<string, unknown>>;
  readonly calls: Call[];
  /** Bodies of callbacks, in the order of their arrival. */
  readonly inbox: string[];
  /** Meddles with calls of our client. */
  meddle: (call: Call) => Meddling;
  /** Meddles with callbacks on their way; null loses one. */
  meddleCallback: (body: string) => string | null;
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
  const send = async (_url: string, init: RequestInit) => {
    const body = trial.meddleCallback(init.body as string);
    // What we answer with an error we have not taken.
    if (body !== null && answerCallbacks === 200) trial.inbox.push(body);
    return new Response('', { status: answerCallbacks });
  };
  const sandbox = await createSandbox({
    rails,
    scheduler,
    send,
    applicationUrl: () => 'https://hooks.test/application',
    ...sandboxOptions,
  });
  const profiles = sandbox.profiles() as Record<string, Record<string, unknown>>;
  const profile = profiles[adapter.railId] ?? {};
  adjust?.(profile);
  const calls: Call[] = [];
  const operators = createOperators({
    rails,
    profiles,
    clock: scheduler,
    fetch: async (url, init) => {
      const call = { name: `${init.method} ${new URL(url).pathname}`, body: typeof init.body === 'string' ? init.body : '' };
      calls.push(call);
      const meddling = trial.meddle(call);
      if (meddling !== null && 'instead' in meddling) return meddling.instead();
      const response = await sandbox.fetch(url, init);
      if (meddling === null) return response;
      return new Response(meddling.change(await response.text()), { status: response.status, headers: response.headers });
    },
  });
  const trial: Trial = {
    adapter,
    sandbox,
    scheduler,
    client: operators(adapter.railId),
    profile,
    calls,
    inbox: [],
    meddle: () => null,
    meddleCallback: (body) => body,
    moneyCalls: () => calls.filter(({ name }) => adapter.moneyCall.test(name)),
    books: () => sandbox.books(adapter.railId).transactions.map(({ kind, state }) => `${kind} ${state}`),
    balanceMinor: () => sandbox.books(adapter.railId).balanceMinor,
  };
  return trial;
}

/** Says whether a call is an inquiry of this trial's adapter. */
export function isInquiry(trial: Trial, call: Call): boolean {
  return trial.adapter.inquiryCall.test(call.name) && !trial.adapter.moneyCall.test(call.name);
}

/** Says whether a call asks for a token. */
export function isTokenCall(call: Call): boolean {
  return /\/(token|oauth)/.test(call.name);
}
