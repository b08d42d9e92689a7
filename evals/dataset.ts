/**
 * Datasets: JSON lines, each a case with an id, its provenance and what is expected. A broken line refuses
 * the file, naming the line: an evaluation of half a dataset would be believed like one of all of it.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { fault } from '../domain/errors.ts';
import { digestOf } from '../domain/ids.ts';

export interface Dataset<Case> {
  readonly name: string;
  readonly digest: string;
  readonly cases: readonly Case[];
}

/** Reads a file of cases. Throws `config_invalid` naming file, line and field. */
export async function readDataset<Case extends { readonly id: string }>(path: string, schema: z.ZodType<Case>): Promise<Dataset<Case>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `${path} cannot be read.`, cause });
  });
  const seen = new Set<string>();
  const cases = text.split('\n').flatMap((line, at) => {
    if (line.trim() === '') return [];
    const refuse = (what: string) => fault('config_invalid', { detail: `${path}, line ${at + 1}: ${what}.` });
    const parsed = schema.safeParse(parseLine(line, () => refuse('not a JSON object')));
    if (!parsed.success) throw refuse(`the field ${parsed.error.issues[0]?.path.join('.') || '(row)'} is missing or not of its form`);
    if (seen.has(parsed.data.id)) throw refuse('the id is there twice');
    seen.add(parsed.data.id);
    return [parsed.data];
  });
  if (cases.length === 0) throw fault('config_invalid', { detail: `${path}, line 1: there are no cases.` });
  return { name: path.split('/').slice(-2).join('/'), digest: digestOf(text), cases };
}

function parseLine(line: string, refuse: () => Error): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw refuse();
  }
}

/** The folder of larger datasets: `CAPP_EVALS_DATA`, or one that lies beside the project; null when there is none. */
export function dataFolder(env: Readonly<Record<string, string | undefined>>): string | null {
  const named = env['CAPP_EVALS_DATA'] ?? '';
  if (named !== '') return named;
  const beside = new URL('../../shared/data', import.meta.url).pathname;
  return existsSync(beside) ? beside : null;
}

/** Which half of a dataset a case is in: settings are chosen on the first and only reported on the second. */
export function halfOf(id: string): 'chosen-on' | 'held-out' {
  return Number.parseInt(digestOf(id).slice(0, 2), 16) % 2 === 0 ? 'chosen-on' : 'held-out';
}
