/**
 * Where statements come from: a folder into which the operators' files are put, as `RAIL/DAY.csv` or `.json`; with the
 * sandbox, from its operators' books.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { boundsOfDay } from '../domain/days.ts';
import { fault } from '../domain/errors.ts';
import type { Rail } from '../domain/rail.ts';
import { STATEMENT_BYTES_MAX } from '../tools/reconciliation/read.ts';

export interface StatementPlaces {
  readonly statementsPath: string | null;
  /** Where sandbox operators keep their books; null when the operators are real. */
  readonly sandboxFolder: string | null;
}

/** Finds the statement of a rail's day; null when it is not there. Throws `file_unreadable` for one that is there and cannot be read. */
export function statementSource(places: StatementPlaces): (rail: Rail, day: string) => Promise<string | null> {
  return async (rail, day) => {
    const given = places.statementsPath === null ? null : await fromFolder(join(places.statementsPath, rail.id), day);
    if (given !== null || places.sandboxFolder === null) return given;
    return fromSandbox(places.sandboxFolder, rail, day);
  };
}

async function fromFolder(folder: string, day: string): Promise<string | null> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  const name = [`${day}.csv`, `${day}.json`].find((each) => names.includes(each));
  return name === undefined ? null : readStatementFile(join(folder, name));
}

/** Reads a file of a size that a statement may have. Throws `file_unreadable`, `statement_malformed`. */
export async function readStatementFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > STATEMENT_BYTES_MAX) throw fault('statement_malformed', { detail: `${path} is larger than any operator's day.` });
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'detail' in cause) throw cause;
    throw fault('file_unreadable', { detail: `${path} cannot be read.`, cause });
  }
}

/** The books are another program's: it is asked for the statement as an operator's portal would be. */
async function fromSandbox(folder: string, rail: Rail, day: string): Promise<string | null> {
  const written = await stat(join(folder, `${rail.id}.jsonl`)).catch(() => null);
  // Books that were not written to since the day began have nothing of it.
  if (written === null || written.mtimeMs < boundsOfDay(rail.country, day).fromMs) return null;
  const program = fileURLToPath(new URL('../sandbox/statements.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder, rail.id, day], { maxBuffer: STATEMENT_BYTES_MAX });
  return stdout;
}
