/**
 * What stands between a model and everything else. One table, so that a test can take each guard out and
 * see that the evals notice; a platform has them all.
 */
import { LlmStop } from '../../tools/llm/index.ts';
import type { Meter } from '../../tools/llm/meter.ts';
import type { z } from 'zod';
import { ADVICE_TOOL, adviceSchema, readAdvice, READING_TOOL } from './answers.ts';
import { decideInvestigator } from './decide.ts';
import { holdsPersonal, readableOf } from './texts.ts';
import { READ_TOOLS } from './tools.ts';

export interface ToolCall {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const CALLABLE: ReadonlySet<string> = new Set([...READ_TOOLS, ADVICE_TOOL, READING_TOOL]);
/** Tool calls in one answer at most. */
const CALLS_AT_ONCE_MAX = 8;
const ARGUMENTS_MAX = 2_000;

/** Throws `forbidden_call` when an answer asks for a tool that was not offered or reads nothing of the case, or for too much at once. */
function admitCalls(calls: readonly ToolCall[], offered: ReadonlySet<string>): void {
  const over = calls.length > CALLS_AT_ONCE_MAX || calls.some((call) => JSON.stringify(call.args).length > ARGUMENTS_MAX);
  if (over || calls.some((call) => !CALLABLE.has(call.name) || !offered.has(call.name))) throw new LlmStop('forbidden_call');
}

export interface Guards {
  /** Joins rules and model by the stricter of the two. */
  readonly decide: typeof decideInvestigator;
  /** Lets only read tools through. */
  readonly admitCalls: typeof admitCalls;
  /** Takes an answer in its closed form or not at all. */
  readonly answers: { readonly form: (cites: readonly string[]) => z.ZodObject; readonly read: typeof readAdvice };
  /** Takes what identifies a person out of a text, and looks over everything that goes out for names and numbers. */
  readonly personal: { readonly readable: typeof readableOf; readonly isIn: typeof holdsPersonal };
  /** Counts calls, tokens and cost before they are made. */
  readonly meter: (meter: Meter) => Meter;
}

export const GUARDS: Guards = {
  decide: decideInvestigator,
  admitCalls,
  answers: { form: adviceSchema, read: readAdvice },
  personal: { readable: readableOf, isIn: holdsPersonal },
  meter: (meter) => meter,
};
