/** The test of the simulator: every broken variant must be caught. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Failure } from '../campaign.ts';
import type { Mutant } from './catalogue.ts';

export interface TrialOptions {
  readonly templateUrl: string;
  /** The first and the last of the seeds that are tried, one after the other, until one catches it. */
  readonly seeds: readonly [number, number];
  readonly payments: number;
  /** Runs that may be spent on making the script short. */
  readonly runsMax: number;
}

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Tries one variant: what it was caught by, or null. */
export async function tryMutant(mutant: Mutant, options: TrialOptions): Promise<Failure | null> {
  const trial = fileURLToPath(new URL('trial.ts', import.meta.url));
  const args = [trial, mutant.name, options.templateUrl, ...options.seeds.map(String), String(options.payments), String(options.runsMax)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: OUTPUT_BYTES_MAX });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as Failure | null;
}
