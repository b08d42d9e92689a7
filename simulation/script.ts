/** A run as it is asked for, and as it can be written down, made shorter and played again. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { FAULT_GROUPS, FAULTS, type FaultGroup, type FaultKind } from './faults.ts';

const kinds = Object.values(FAULTS).flatMap((group) => Object.keys(group)) as FaultKind[];

export const scriptSchema = z.strictObject({
  seed: z.string().min(1).max(64),
  /** How many wishes the seed makes. */
  payments: z.int().min(1).max(1_000_000),
  workers: z.int().min(1).max(16),
  groups: z.array(z.enum(FAULT_GROUPS as [FaultGroup, ...FaultGroup[]])),
  /** Settles over the sandbox chain; without it everything settled stays on the books. */
  chain: z.boolean().optional(),
  /** Only these wishes of those the seed makes. */
  wishes: z.array(z.int().min(0)).optional(),
  /** Only these faults, in place of what the seed says. */
  faults: z.array(z.strictObject({ kind: z.enum(kinds as [FaultKind, ...FaultKind[]]), point: z.string() })).optional(),
});

export type Script = z.infer<typeof scriptSchema>;

/** Reads a script from a file. Throws what is wrong with it. */
export async function readScript(path: string): Promise<Script> {
  return scriptSchema.parse(JSON.parse(await readFile(path, 'utf8')));
}
