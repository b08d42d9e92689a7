/** Asking a model once: an agent without memory, whose every call is metered, looked over and written down. */
import { type AIMessage, createAgent, createMiddleware, HumanMessage, tool } from 'langchain';
import type { ClientTool } from '@langchain/core/tools';
import type { z } from 'zod';
import { digestOf } from '../../domain/ids.ts';
import { type LlmSession, LlmStop, type Usage } from '../../tools/llm/index.ts';
import type { Guards } from './guards.ts';

/** What happened while the model was asked; filled in as it happens, so that a run that fails has it too. */
export interface Transcript {
  readonly prompts: string[];
  readonly toolCalls: string[];
  readonly answers: string[];
  provider: string | null;
}

export function emptyTranscript(): Transcript {
  return { prompts: [], toolCalls: [], answers: [], provider: null };
}

export interface Question {
  readonly system: string;
  readonly task: string;
  readonly tools: readonly ClientTool[];
  /** The tool by which the answer is given, and its form. */
  readonly answerTool: string;
  readonly schema: z.ZodObject;
  /** Takes the answer, or throws `nonsense`. */
  readonly read: (answer: unknown) => unknown;
  /** Names and numbers that must not be in anything that is sent. */
  readonly personal: { readonly names: readonly string[]; readonly numbers: readonly string[] };
}

const STEPS_MAX = 24;

/** Asks, and gives back the answer as it came. Throws `LlmStop` for whatever is not let through. */
export async function ask(session: LlmSession, guards: Guards, question: Question, transcript: Transcript): Promise<unknown> {
  const meter = guards.meter(session.meter);
  let answer: unknown;
  const offered = new Set([...question.tools.map((each) => each.name as string), question.answerTool]);
  const watched = createMiddleware({
    name: 'watched',
    wrapModelCall: async (request, handler) => {
      const prompt = JSON.stringify([question.system, request.messages.map((each) => [each.type, each.content, callsOf(each)])]);
      const definitions = JSON.stringify(request.tools.map((each) => [each.name, each.description])).length * TOOL_SCHEMA_WEIGHT;
      if (guards.personal.isIn(prompt, question.personal.names, question.personal.numbers)) throw new LlmStop('forbidden_call');
      transcript.prompts.push(digestOf(prompt));
      const made = async (): Promise<AIMessage> => (await handler({ ...request, toolChoice: 'required' })) as AIMessage;
      const message = await meter.call(prompt.length + definitions, made, usageOf);
      noteAnswer(transcript, message);
      if (isRefusal(message)) throw new LlmStop('refused');
      if ((message.invalid_tool_calls ?? []).length > 0 || (message.tool_calls ?? []).length === 0) throw new LlmStop('nonsense');
      const calls = (message.tool_calls ?? []).map(({ name, args }) => ({ name, args }));
      guards.admitCalls(calls, offered);
      const given = calls.filter((call) => call.name === question.answerTool);
      if (given.length > 1 || (given.length === 1 && calls.length > 1)) throw new LlmStop('nonsense');
      if (given[0] !== undefined) answer = question.read(given[0].args);
      return message;
    },
    wrapToolCall: async (request, handler) => {
      try {
        return await handler(request);
      } catch (cause) {
        throw new LlmStop('forbidden_call', { cause });
      }
    },
  });
  const answerTool = tool(() => 'taken down', {
    name: question.answerTool,
    description: question.schema.description ?? '',
    // What is not of the form was refused above, with its own outcome.
    schema: question.schema,
    returnDirect: true,
  });
  const tools: ClientTool[] = [...question.tools, answerTool as unknown as ClientTool];
  const agent = createAgent({
    model: session.model,
    tools,
    systemPrompt: question.system,
    middleware: [watched],
  });
  await agent.invoke({ messages: [new HumanMessage(question.task)] }, { signal: session.signal, recursionLimit: STEPS_MAX, callbacks: [] });
  if (answer === undefined) throw new LlmStop('nonsense');
  return answer;
}

/** A tool's schema goes out with every call; by its name and description one sees about a third of it. */
const TOOL_SCHEMA_WEIGHT = 3;

function callsOf(message: object): unknown {
  return (message as { tool_calls?: unknown }).tool_calls ?? null;
}

function usageOf(message: AIMessage): Usage | null {
  const usage = message.usage_metadata;
  return usage === undefined ? null : { inputTokens: usage.input_tokens, outputTokens: usage.output_tokens };
}

function noteAnswer(transcript: Transcript, message: AIMessage): void {
  const { model_name: model, system_fingerprint: fingerprint } = message.response_metadata as Record<string, unknown>;
  transcript.provider = [model, fingerprint].filter((part) => typeof part === 'string' && /^[\w.:/-]{1,80}$/.test(part)).join(' ') || null;
  transcript.toolCalls.push(...(message.tool_calls ?? []).map((call) => (/^[a-z_]{1,40}$/.test(call.name) ? call.name : 'unreadable')));
  transcript.answers.push(digestOf(JSON.stringify([message.content, message.tool_calls ?? null])));
}

function isRefusal(message: AIMessage): boolean {
  const raw = message.additional_kwargs['__raw_response'] as { choices?: { message?: { refusal?: unknown } }[] } | undefined;
  const refusal = raw?.choices?.[0]?.message?.refusal;
  const reason = (message.response_metadata as Record<string, unknown>)['finish_reason'];
  return reason === 'content_filter' || (typeof refusal === 'string' && refusal !== '');
}
