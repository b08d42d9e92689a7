/**
 * Access to a model behind any endpoint that speaks the OpenAI protocol. Every run has a deadline, budgets,
 * a switch that works while it runs, and an end with a coded outcome: nothing is thrown, nothing waits longer.
 *
 * Requests go to the configured address and nowhere else; redirects are refused, nothing is tried again, and
 * no tracing service hears of them.
 */
import { ChatOpenAI } from '@langchain/openai';
import type { Pool } from 'pg';
import { isSwitchedOff } from '../../db/queries/llm.ts';
import type { Clock } from '../../domain/clock.ts';
import { createBreaker } from './breaker.ts';
import { type Metered, type Meter, startMeter } from './meter.ts';
import { failureOf, type LlmFailure, LlmStop } from './outcomes.ts';
import { assertNoTracing, type LlmSettings } from './settings.ts';

export interface LlmDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
  /** How often the switch is looked at while a run is under way, milliseconds; 500 unless told. */
  readonly switchPollMs?: number;
}

/** What the work of one run has in its hands. */
export interface LlmSession {
  readonly model: ChatOpenAI;
  readonly meter: Meter;
  /** Fires at the deadline and when the agent is switched off. */
  readonly signal: AbortSignal;
}

export type LlmRun<T> =
  | { readonly outcome: 'answered'; readonly value: T; readonly used: Metered; readonly durationMs: number }
  | { readonly outcome: LlmFailure; readonly used: Metered; readonly durationMs: number };

export interface Llm {
  readonly modelId: string;
  /** Runs work under all limits, unless one of these switches is off. Never throws. */
  run<T>(switches: readonly string[], work: (session: LlmSession) => Promise<T>): Promise<LlmRun<T>>;
}

const NOTHING: Metered = { calls: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0n };
const SWITCH_POLL_MS = 500;
/** Ends that speak of the endpoint's health, not of the case. */
const ILL: ReadonlySet<LlmFailure> = new Set(['timed_out', 'unavailable']);

/** Opens the access. Throws `config_invalid` when a tracing service would listen. */
export function createLlm(settings: LlmSettings, deps: LlmDeps): Llm {
  assertNoTracing(process.env);
  const model = new ChatOpenAI({
    model: settings.model,
    apiKey: settings.apiKey,
    temperature: 0,
    maxTokens: settings.answerTokensMax,
    maxRetries: 0,
    maxConcurrency: settings.concurrency,
    timeout: settings.deadlineMs,
    useResponsesApi: false,
    // A refusal stands in the raw answer only.
    __includeRawResponse: true,
    configuration: { baseURL: settings.url, maxRetries: 0, fetch: onlyTo(settings.url, deps.fetch ?? fetch) },
  });
  const breaker = createBreaker(deps.clock);

  return {
    modelId: settings.model,
    run: async (switches, work) => {
      const startedMs = performance.now();
      const spent = () => Math.round(performance.now() - startedMs);
      if (!breaker.isOpen()) return { outcome: 'resting', used: NOTHING, durationMs: spent() };
      const meter = startMeter(deps, settings);
      const abort = new AbortController();
      const watch = watchSwitches(deps, switches, abort);
      const deadline = setTimeout(() => abort.abort(new LlmStop('timed_out')), settings.deadlineMs);
      try {
        await watch.first;
        // What does not heed its signal is not waited for.
        const value = await Promise.race([work({ model, meter, signal: abort.signal }), whenAborted(abort.signal)]);
        breaker.succeeded();
        return { outcome: 'answered', value, used: meter.used(), durationMs: spent() };
      } catch (error) {
        const outcome = failureOf(abort.signal.aborted ? abort.signal.reason : error);
        if (ILL.has(outcome)) breaker.failed();
        else if (meter.used().calls > 0) breaker.succeeded();
        return { outcome, used: meter.used(), durationMs: spent() };
      } finally {
        clearTimeout(deadline);
        watch.stop();
        abort.abort(new LlmStop('timed_out'));
      }
    },
  };
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(signal.reason instanceof Error ? signal.reason : new LlmStop('timed_out'));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}

/** Looks at the switches at once and then again and again; those that cannot be read count as off. */
function watchSwitches(
  deps: LlmDeps,
  switches: readonly string[],
  abort: AbortController,
): { readonly first: Promise<void>; stop(): void } {
  const look = async (): Promise<void> => {
    const off = await isSwitchedOff(deps.pool, switches).catch(() => true);
    if (off) abort.abort(new LlmStop('switched_off'));
  };
  const timer = setInterval(() => void look(), deps.switchPollMs ?? SWITCH_POLL_MS);
  return {
    first: look().then(() => {
      if (abort.signal.aborted) throw new LlmStop('switched_off');
    }),
    stop: () => clearInterval(timer),
  };
}

/** A `fetch` that reaches one origin only, and follows nobody elsewhere. */
function onlyTo(url: string, dial: typeof fetch): typeof fetch {
  const { origin } = new URL(url);
  return async (input, init) => {
    const target = input instanceof Request ? input.url : String(input);
    if (new URL(target).origin !== origin) throw new LlmStop('unavailable');
    return dial(input, { ...init, redirect: 'error' });
  };
}
