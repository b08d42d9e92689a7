/** Targets that answer in text: a script, a recording, and an endpoint that speaks the OpenAI protocol. */
import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';
import type { Target } from './target.ts';

export interface Prompt {
  readonly system: string;
  readonly user: string;
}

/** Answers by the first line of the script whose pattern the prompt fits. Throws when none does: a script must know its cases. */
export function scriptedTarget(name: string, script: readonly { readonly when: RegExp; readonly say: string }[]): Target<Prompt, string> {
  return {
    name,
    kind: 'scripted',
    run: async ({ system, user }) => {
      const line = script.find(({ when }) => when.test(`${system}\n${user}`));
      if (line === undefined) throw fault('internal', { internal: `the script of ${name} has no answer` });
      return line.say;
    },
  };
}

const recordingSchema = z.object({ prompt: z.string(), answer: z.string() });

/** Gives the recorded answer to each prompt, by the digest of the prompt. */
export async function recordedTarget(path: string): Promise<Target<Prompt, string>> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  const answers = new Map(lines.map((line) => recordingSchema.parse(JSON.parse(line))).map(({ prompt, answer }) => [prompt, answer]));
  return {
    name: `recording of ${path.split('/').at(-1) ?? path}`,
    kind: 'replay',
    run: async (prompt) => {
      const answer = answers.get(promptDigest(prompt));
      if (answer === undefined) throw fault('not_found', { detail: 'The recording has no answer to this prompt.' });
      return answer;
    },
  };
}

export function promptDigest({ system, user }: Prompt): string {
  return digestOf(JSON.stringify([system, user]));
}

const ENDPOINT_TIMEOUT_MS = 60_000;

/** The endpoint named by `CAPP_EVALS_LLM_URL`, `CAPP_EVALS_LLM_KEY` and `CAPP_EVALS_LLM_MODEL`; null when none is set. */
export function endpointSettings(
  env: Readonly<Record<string, string | undefined>>,
): { readonly url: string; readonly model: string; readonly apiKey: string } | null {
  const [url, model] = [env['CAPP_EVALS_LLM_URL'] ?? '', env['CAPP_EVALS_LLM_MODEL'] ?? ''];
  return url === '' || model === '' ? null : { url, model, apiKey: env['CAPP_EVALS_LLM_KEY'] ?? 'none' };
}

/** That endpoint as a target; null when none is set. */
export function endpointTarget(
  env: Readonly<Record<string, string | undefined>>,
  dial: typeof fetch = fetch,
): Target<Prompt, string> | null {
  const settings = endpointSettings(env);
  if (settings === null) return null;
  const { model } = settings;
  const client = new OpenAI({
    baseURL: settings.url,
    apiKey: settings.apiKey,
    timeout: ENDPOINT_TIMEOUT_MS,
    maxRetries: 1,
    fetch: dial,
  });
  return {
    name: model,
    kind: 'endpoint',
    run: async ({ system, user }) => {
      const answer = await client.chat.completions.create({
        model,
        temperature: 0,
        messages: [
          { role: 'system', content: system },
          { role: 'user', content: user },
        ],
      });
      return answer.choices[0]?.message.content ?? '';
    },
  };
}
