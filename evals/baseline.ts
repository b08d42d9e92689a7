/** Stored baselines: what the suite said when it was last looked at, case by case, to compare a run with. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { fault } from '../domain/errors.ts';
import { type Comparison, comparePaired } from './statistics.ts';
import type { Metrics, SuiteRun } from './suite.ts';

const baselineSchema = z.object({
  suite: z.string(),
  dataset: z.string(),
  metrics: z.record(z.string(), z.number()),
  /** One bit a case in the order of their ids, base64. */
  correct: z.string(),
});

export interface BaselineReport {
  readonly metrics: Metrics;
  readonly comparison: Comparison;
  /** `better` and `worse` only where chance is unlikely. */
  readonly verdict: 'better' | 'worse' | 'no difference';
}

const P_MAX = 0.05;

function pathOf(suite: string): string {
  return new URL(`baselines/${suite}.json`, import.meta.url).pathname;
}

function inOrder(run: SuiteRun): boolean[] {
  return run.results.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map((result) => result.correct);
}

/** Compares with the stored baseline; null when there is none for these very cases. */
export async function compareWithBaseline(run: SuiteRun): Promise<BaselineReport | null> {
  const text = await readFile(pathOf(run.suite), 'utf8').catch(() => null);
  if (text === null) return null;
  const parsed = baselineSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw fault('config_invalid', { detail: `${pathOf(run.suite)} is not of its form.` });
  const { dataset, metrics, correct } = parsed.data;
  const now = inOrder(run);
  const before = unpack(correct, now.length);
  if (dataset !== run.dataset.digest || before === null) return null;
  const comparison = comparePaired(now, before);
  const isSure = comparison.pValue < P_MAX;
  return { metrics, comparison, verdict: !isSure ? 'no difference' : comparison.difference > 0 ? 'better' : 'worse' };
}

const TIMING = /Ms(?:Per[A-Z]\w*)?$/;

/** What is kept of a run: without milliseconds, which tell of the machine and not of the decisions. */
export function baselineOf(run: SuiteRun): z.infer<typeof baselineSchema> {
  const metrics = Object.fromEntries(Object.entries(run.metrics).filter(([name]) => !TIMING.test(name)));
  return { suite: run.suite, dataset: run.dataset.digest, metrics, correct: pack(inOrder(run)) };
}

/** Stores a run as the baseline of its suite. */
export async function storeBaseline(run: SuiteRun): Promise<void> {
  await writeFile(pathOf(run.suite), `${JSON.stringify(baselineOf(run), null, 2)}\n`);
}

export function pack(bits: readonly boolean[]): string {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, at) => {
    if (bit) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  });
  return bytes.toString('base64');
}

/** The bits again, or null when they are not so many. */
export function unpack(text: string, length: number): boolean[] | null {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== Math.ceil(length / 8)) return null;
  return Array.from({ length }, (_, at) => ((bytes[at >> 3] ?? 0) & (1 << (at & 7))) !== 0);
}
