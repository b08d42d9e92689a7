/**
 * Where statements come from: a folder into which the operators' files are put, as `RAIL/DAY.csv` or `.json`; with the
 * sandbox, from its operators' books.
 */
import { execFile } from 'node:child_process';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { boundsOfDay } from '../domain/days.ts';
import { fault } from '../domain/errors.ts';
import type { Rail } from '../domain/rail.ts';
import { STATEMENT_HEAD_BYTES, type StatementFile, wholeStatement } from '../tools/reconciliation/file.ts';
import { STATEMENT_BYTES_MAX } from '../tools/reconciliation/read.ts';

const ANSWER_MS_MAX = 10_000;

export interface SandboxPlace {
  /** Where it answers while it runs; null: not known. */
  readonly url: string | null;
  /** Where its operators keep their books. */
  readonly folder: string;
}

export interface StatementPlaces {
  readonly statementsPath: string | null;
  /** Null when the operators are real. */
  readonly sandbox: SandboxPlace | null;
}

/** Finds the statement of a rail's day; null when it is not there. Throws `file_unreadable` for one that is there and cannot be read. */
export function statementSource(places: StatementPlaces): (rail: Rail, day: string) => Promise<StatementFile | null> {
  return async (rail, day) => {
    const given = places.statementsPath === null ? null : await fromFolder(join(places.statementsPath, rail.id), day);
    if (given !== null || places.sandbox === null) return given;
    return fromSandbox(places.sandbox, rail, day);
  };
}

async function fromFolder(folder: string, day: string): Promise<StatementFile | null> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  const name = [`${day}.csv`, `${day}.json`].find((each) => names.includes(each));
  return name === undefined ? null : readStatementFile(join(folder, name));
}

/** Reads a file, or the head of one that is larger than a statement may be. Throws `file_unreadable`. */
export async function readStatementFile(path: string): Promise<StatementFile> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size <= STATEMENT_BYTES_MAX) return wholeStatement(await file.readFile());
      const { buffer, bytesRead } = await file.read(Buffer.alloc(STATEMENT_HEAD_BYTES), 0, STATEMENT_HEAD_BYTES, 0);
      return { bytes: buffer.subarray(0, bytesRead), sizeBytes: size };
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fault('file_unreadable', { detail: `${path} cannot be read.`, cause });
  }
}

/** The books are another program's: it is asked for the statement as an operator's portal would be. */
async function fromSandbox({ url, folder }: SandboxPlace, rail: Rail, day: string): Promise<StatementFile | null> {
  const text = (url === null ? null : await fromRunningSandbox(url, rail, day)) ?? (await fromBooks(folder, rail, day));
  return text === null ? null : wholeStatement(text);
}

/** Null when it does not answer. */
async function fromRunningSandbox(url: string, rail: Rail, day: string): Promise<string | null> {
  try {
    const answer = await fetch(`${url}/_sandbox/statements/${rail.id}?day=${day}`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const text = await answer.text();
    return answer.ok ? text : null;
  } catch {
    // It is down: its books are on disk.
    return null;
  }
}

/** A program of its own reads them, which takes half a second of a core to start. */
async function fromBooks(folder: string, rail: Rail, day: string): Promise<string | null> {
  const written = await stat(join(folder, `${rail.id}.jsonl`)).catch(() => null);
  // Books that were not written to since the day began have nothing of it.
  if (written === null || written.mtimeMs < boundsOfDay(rail.country, day).fromMs) return null;
  const program = fileURLToPath(new URL('../sandbox/statements.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder, rail.id, day], { maxBuffer: STATEMENT_BYTES_MAX });
  return stdout;
}
