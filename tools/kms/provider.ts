/**
 * Where the keys of the keyring are kept. A provider wraps a key so that only it can unwrap it: what stands in the settings then
 * is ciphertext, and every process asks the provider once, at its start. With the environment or a file the key itself is there.
 */
import type { z } from 'zod';
import { type Fault, fault } from '../../domain/errors.ts';

export interface KeyProvider {
  readonly name: 'aws-kms' | 'gcp-kms' | 'vault';
  /** Wraps a key. Gives text without commas or spaces. Throws `config_invalid` when the provider refuses, `key_provider_unavailable` when it does not answer. */
  wrap(key: Buffer): Promise<string>;
  /** Unwraps what `wrap` gave. Throws the same. */
  unwrap(wrapped: string): Promise<Buffer>;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What is authenticated with every wrapped key, so that it unwraps for nothing else. */
export const WRAP_PURPOSE = 'capp-field-key';

const ANSWER_MS_MAX = 10_000;

/** Sends a request and reads its answer by a schema. Nothing of request or answer reaches an error. */
export async function ask<T>(provider: string, dial: Fetch, url: string, init: RequestInit, schema: z.ZodType<T>): Promise<T> {
  const response = await dial(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch((cause: unknown) => {
    throw unavailable(provider, `it cannot be reached`, cause);
  });
  const text = await response.text();
  if (response.status >= 500 || response.status === 429) throw unavailable(provider, `it answers ${response.status}`);
  if (!response.ok) {
    throw fault('config_invalid', { detail: `${provider} refuses the key of CAPP_KMS_KEY or who asks (status ${response.status}).` });
  }
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) throw unavailable(provider, 'its answer is none that it gives');
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unavailable(provider: string, why: string, cause?: unknown): Fault {
  return fault('key_provider_unavailable', { detail: `The keys are kept by ${provider}, and ${why}.`, cause });
}
