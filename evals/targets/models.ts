/**
 * Models that a suite may be asked of: none, the suite's own script, a recording, or an endpoint that speaks the OpenAI protocol.
 * Where there is a model, requests and answers are those of that protocol, word for word.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { canonicalJson } from '../../domain/canonical.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';
import type { Target } from './target.ts';

/** An answer as an endpoint gives it. */
export interface ModelAnswer {
  readonly status: number;
  readonly body: string;
}

/** Takes the body of a request. */
type Answering = Target<string, ModelAnswer> & { readonly model: string };

export type ModelTarget =
  | { readonly kind: 'policy'; readonly name: string }
  | { readonly kind: 'scripted'; readonly name: string }
  | (Answering & { readonly kind: 'recorded' | 'endpoint' });

export const POLICY_TARGET: ModelTarget = { kind: 'policy', name: 'the rules alone, without a model' };
export const SCRIPTED_TARGET: ModelTarget = { kind: 'scripted', name: 'a scripted model that does what the attack wants' };

type Env = Readonly<Record<string, string | undefined>>;

const RECORDED = 'recorded:';

/**
 * The target by its word: `policy`, `scripted`, `recorded:FILE`, or `endpoint` for the one of the environment; null for the endpoint
 * where there is one, else the script. Throws `config_invalid` for any other word, a missing endpoint and a recording that cannot be read.
 */
export async function modelTarget(word: string | null, env: Env, dial: typeof fetch = fetch): Promise<ModelTarget> {
  if (word === null) return endpointTarget(env, dial) ?? SCRIPTED_TARGET;
  if (word === 'policy') return POLICY_TARGET;
  if (word === 'scripted') return SCRIPTED_TARGET;
  if (word.startsWith(RECORDED) && word.length > RECORDED.length) return recordedTarget(word.slice(RECORDED.length));
  if (word !== 'endpoint')
    throw fault('config_invalid', { detail: `There is no target ${word}: it is policy, scripted, recorded:FILE or endpoint.` });
  const endpoint = endpointTarget(env, dial);
  if (endpoint === null)
    throw fault('config_invalid', { detail: 'CAPP_EVALS_LLM_URL and CAPP_EVALS_LLM_MODEL name the endpoint: they are not set.' });
  return endpoint;
}

const recordingSchema = z.object({ prompt: z.string(), status: z.int(), answer: z.string() });

/** One line of a recording. */
export function recordingLine(request: string, { status, body }: ModelAnswer): string {
  return JSON.stringify({ prompt: promptDigest(request), status, answer: body } satisfies z.infer<typeof recordingSchema>);
}

/**
 * Gives the recorded answers to each request, one after the other and then the last one again. A request that was never made then is
 * answered with `not_found`: it is another one than was recorded.
 */
async function recordedTarget(path: string): Promise<ModelTarget> {
  const refuse = (what: string, cause?: unknown) => fault('config_invalid', { detail: `${path}${what}.`, cause });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse(' cannot be read', cause);
  });
  const answers = new Map<string, ModelAnswer[]>();
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parsed = recordingSchema.safeParse(parseLine(line));
    if (!parsed.success) throw refuse(`, line ${at + 1}: not a line of a recording`);
    const { prompt, status, answer } = parsed.data;
    answers.set(prompt, [...(answers.get(prompt) ?? []), { status, body: answer }]);
  }
  if (answers.size === 0) throw refuse(' holds no answers');
  const given = new Map<string, number>();
  return {
    kind: 'recorded',
    name: `a recording (${path.split('/').at(-1) ?? path})`,
    model: 'recorded',
    run: async (request) => {
      const prompt = promptDigest(request);
      const turn = given.get(prompt) ?? 0;
      given.set(prompt, turn + 1);
      const answer = answers.get(prompt)?.[turn] ?? answers.get(prompt)?.at(-1);
      if (answer === undefined) throw fault('not_found', { detail: 'The recording has no answer to this request.' });
      return answer;
    },
  };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

const requestSchema = z.looseObject({
  messages: z.array(z.looseObject({ tool_calls: z.array(z.looseObject({ id: z.string() })).optional() })),
  tools: z.unknown().optional(),
});

/** What a request asks, whichever model is asked: its messages and tools. Ids of calls are the answerer's choice, and count by their order. */
export function promptDigest(request: string): string {
  const { messages, tools } = requestSchema.parse(JSON.parse(request));
  const ids = messages.flatMap((message) => message.tool_calls?.map(({ id }) => id) ?? []);
  const named = new Map(ids.map((id, at) => [id, `call-${at + 1}`]));
  const asked = JSON.stringify({ messages, tools: tools ?? null }, (_, value: unknown) =>
    typeof value === 'string' ? (named.get(value) ?? value) : value,
  );
  return digestOf(canonicalJson(JSON.parse(asked) as never));
}

const ENDPOINT_TIMEOUT_MS = 60_000;

/** The endpoint named by `CAPP_EVALS_LLM_URL`, `CAPP_EVALS_LLM_KEY` and `CAPP_EVALS_LLM_MODEL`; null when none is set. */
function endpointTarget(env: Env, dial: typeof fetch): ModelTarget | null {
  const [url, model] = [env['CAPP_EVALS_LLM_URL'] ?? '', env['CAPP_EVALS_LLM_MODEL'] ?? ''];
  if (url === '' || model === '') return null;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${env['CAPP_EVALS_LLM_KEY'] ?? 'none'}` };
  return {
    kind: 'endpoint',
    name: model,
    model,
    run: async (body) => {
      const signal = AbortSignal.timeout(ENDPOINT_TIMEOUT_MS);
      const response = await dial(`${url}/chat/completions`, { method: 'POST', headers, body, signal, redirect: 'error' });
      return { status: response.status, body: await response.text() };
    },
  };
}
