/** What a model may be asked, at which address, and how much it may take: checked once, at the start of a process. */
import { fault } from '../../domain/errors.ts';

export interface LlmSettings {
  /** Base address of a service that speaks the OpenAI protocol, `/v1` included. */
  readonly url: string;
  readonly model: string;
  readonly apiKey: string;
  /** For one case from the first call to the last, milliseconds. */
  readonly deadlineMs: number;
  /** Calls to the model for one case at most. */
  readonly callsMax: number;
  /** Tokens of one answer at most. */
  readonly answerTokensMax: number;
  /** Tokens in and out, for one case and for one day (UTC) over all processes. */
  readonly caseTokensMax: number;
  readonly dayTokensMax: number;
  /** Thousand-millionths of a US dollar for one token; so many as a million tokens cost in thousandths of a dollar. */
  readonly inputNanoUsd: bigint;
  readonly outputNanoUsd: bigint;
  readonly caseNanoUsdMax: bigint;
  readonly dayNanoUsdMax: bigint;
  /** Calls under way at once, per process. */
  readonly concurrency: number;
}

const NANO_DIGITS = 9;

/** Reads US dollars as thousand-millionths: `0.05` is 50,000,000. Null for what is no such number. */
export function nanoUsdOf(text: string): bigint | null {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text);
  return match === null ? null : BigInt(match[1] ?? '0') * 10n ** BigInt(NANO_DIGITS) + BigInt((match[2] ?? '').padEnd(NANO_DIGITS, '0'));
}

const TRACING = /^(LANGSMITH|LANGCHAIN)_TRACING(_V2)?$/;

/** The settings that would send prompts to a tracing service. */
export function tracingSettings(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env).filter((name) => TRACING.test(name) && !['', '0', 'false'].includes((env[name] ?? '').toLowerCase()));
}

/** Throws `config_invalid` when a setting would send prompts to a tracing service: what a model is told stays between it and us. */
export function assertNoTracing(env: Readonly<Record<string, string | undefined>>): void {
  const on = tracingSettings(env)[0];
  if (on !== undefined) throw fault('config_invalid', { field: on, detail: `${on} would send prompts to a third party; unset it.` });
}
