/**
 * A model's endpoint on the loopback for tests and evals: it speaks the chat completions of the OpenAI
 * protocol, answers what its script says, and can hang, refuse, break off, or answer out of form.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '../../domain/ids.ts';
import type { LlmSettings } from './settings.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string | null;
  readonly name?: string;
  readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
}

/** What the model does with a request. */
export type Reaction =
  | { readonly do: 'say'; readonly text: string; readonly usage?: readonly [number, number] }
  | { readonly do: 'call'; readonly tools: readonly (readonly [name: string, args: unknown])[]; readonly usage?: readonly [number, number] }
  | { readonly do: 'refuse' }
  | { readonly do: 'filter' }
  | { readonly do: 'hang' }
  | { readonly do: 'fail'; readonly status: number }
  | { readonly do: 'garble' }
  | { readonly do: 'redirect'; readonly to: string }
  /** Answers as another endpoint did. */
  | { readonly do: 'relay'; readonly status: number; readonly body: string };

type React = (request: ChatRequest, body: string) => Reaction | Promise<Reaction>;

export interface TestEndpoint {
  readonly url: string;
  /** Every request body as it came, in order. */
  readonly requests: readonly ChatRequest[];
  /** The same as text. */
  readonly bodies: readonly string[];
  react: React;
  /** Hears every whole answer with the body that asked for it. */
  answered: ((request: string, answer: { readonly status: number; readonly body: string }) => void) | null;
  /** Resolves when so many requests have come. */
  reached(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts an endpoint that reacts as it is told. */
export async function startTestEndpoint(react: React): Promise<TestEndpoint> {
  const requests: ChatRequest[] = [];
  const bodies: string[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const endpoint: Pick<TestEndpoint, 'react' | 'answered'> = { react, answered: null };
  const server = createServer((request, response) => {
    void readText(request).then(async (text) => {
      const parsed = JSON.parse(text) as ChatRequest;
      requests.push(parsed);
      bodies.push(text);
      for (const each of waiting) if (requests.length >= each.count) each.resolve();
      answer(response, parsed, text, await endpoint.react(parsed, text), endpoint.answered);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return Object.assign(endpoint, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    bodies,
    reached: (count: number) =>
      new Promise<void>((resolve) => {
        if (requests.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function answer(
  response: ServerResponse,
  request: ChatRequest,
  text: string,
  reaction: Reaction,
  answered: TestEndpoint['answered'],
): void {
  const whole = (status: number, body: string): void => {
    answered?.(text, { status, body });
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
  const json = (status: number, body: unknown): void => whole(status, JSON.stringify(body));
  if (reaction.do === 'hang') return;
  if (reaction.do === 'garble') return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"id": "x", "choices": [');
  if (reaction.do === 'redirect') return void response.writeHead(307, { location: reaction.to }).end();
  if (reaction.do === 'relay') return whole(reaction.status, reaction.body);
  if (reaction.do === 'fail') return json(reaction.status, { error: { message: 'not now', type: 'server_error' } });
  const usage = 'usage' in reaction && reaction.usage !== undefined ? reaction.usage : [Math.ceil(text.length / 4), 60];
  json(200, {
    // Equal ids would replace each other in the agent's messages.
    id: `chatcmpl-${newId()}`,
    object: 'chat.completion',
    created: 1_700_000_000,
    model: request.model,
    system_fingerprint: 'fp_test',
    choices: [{ index: 0, logprobs: null, ...choiceOf(reaction) }],
    usage: { prompt_tokens: usage[0], completion_tokens: usage[1], total_tokens: (usage[0] ?? 0) + (usage[1] ?? 0) },
  });
}

function choiceOf(reaction: Reaction): object {
  if (reaction.do === 'refuse') {
    return { message: { role: 'assistant', content: null, refusal: 'I cannot help with that.' }, finish_reason: 'stop' };
  }
  if (reaction.do === 'filter') return { message: { role: 'assistant', content: '' }, finish_reason: 'content_filter' };
  if (reaction.do === 'call') {
    const calls = reaction.tools.map(([name, args]) => ({
      id: `call_${newId()}`,
      type: 'function',
      function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
    }));
    return { message: { role: 'assistant', content: null, tool_calls: calls }, finish_reason: 'tool_calls' };
  }
  return { message: { role: 'assistant', content: reaction.do === 'say' ? reaction.text : '' }, finish_reason: 'stop' };
}

/** Settings of an endpoint for tests: small budgets, a short deadline, prices that can be counted. */
export function testLlmSettings(url: string, over: Partial<LlmSettings> = {}): LlmSettings {
  return {
    url,
    model: 'test-model',
    apiKey: 'test',
    deadlineMs: 5_000,
    callsMax: 8,
    answerTokensMax: 800,
    caseTokensMax: 60_000,
    dayTokensMax: 100_000_000,
    inputNanoUsd: 150n,
    outputNanoUsd: 600n,
    caseNanoUsdMax: 50_000_000n,
    dayNanoUsdMax: 1_000_000_000_000n,
    concurrency: 4,
    ...over,
  };
}
