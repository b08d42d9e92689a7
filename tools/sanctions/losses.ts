/** What an edition of a list lost against the one before: one that lost much is not believed until somebody has looked. */
import { basename } from 'node:path';
import { z } from 'zod';
import type { LoadedList, SanctionsEntry } from './entry.ts';
import { companionsBeside } from './load.ts';

/** A list that loses more than this share of its entries, or of what tells its parties from others, is not believed. */
const LOST_SHARE_MAX = 0.1;
/** Small lists may lose so many without a question. */
const LOST_COUNT_MAX = 20;

/** What an edition holds of each kind: a list that kept its parties and lost their aliases finds a third fewer of them. */
const COUNTED: Readonly<Record<string, (entry: SanctionsEntry) => number>> = {
  entries: () => 1,
  names: (entry) => entry.names.length,
  'weak names': (entry) => entry.weakNames.length,
  'dates of birth': (entry) => entry.datesOfBirth.length,
  'document numbers': (entry) => entry.ids?.length ?? 0,
};

export const contentSchema = z.object({
  counts: z.record(z.string(), z.int().nonnegative()),
  /** The table it was read from, and those that were read with it; null and none for what comes in no file. */
  table: z.string().nullable(),
  beside: z.array(z.string()),
});

/** How much an edition holds, and what it was read from. */
export type ListContent = z.infer<typeof contentSchema>;

export async function contentOf({ entries, file }: LoadedList): Promise<ListContent> {
  const counts = Object.fromEntries(
    Object.entries(COUNTED).map(([kind, countIn]) => [kind, entries.reduce((sum, entry) => sum + countIn(entry), 0)]),
  );
  return { counts, table: file === null ? null : tableOf(file), beside: file === null ? [] : (await companionsBeside(file)).map(tableOf) };
}

/** The name of a table, packed or not. */
function tableOf(file: string): string {
  return basename(file).toLowerCase().replace(/\.gz$/, '');
}

/** What fell short, in words; empty when nothing did. */
export function lossesOf(before: ListContent, now: ListContent): string[] {
  const shrunk = Object.entries(before.counts).flatMap(([kind, had]) => {
    const has = now.counts[kind] ?? 0;
    const lost = had - has;
    return lost <= LOST_COUNT_MAX || lost <= had * LOST_SHARE_MAX ? [] : [`shrank from ${had} to ${has} ${kind}`];
  });
  const missing = before.table === now.table ? before.beside.filter((table) => !now.beside.includes(table)) : [];
  return [...shrunk, ...missing.map((table) => `came without its ${table}`)];
}
