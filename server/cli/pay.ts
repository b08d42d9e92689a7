/**
 * Submits a file of intents in batches and writes what became of each row beside it. Rows keep the line
 * numbers of the file. A file may be submitted again at any time: what was accepted before is not paid twice.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fault } from '../../domain/errors.ts';
import type { BatchRow, Capp, ProblemError } from '../../sdk/index.ts';
import { type IntentsFormat, type IntentsRow, readIntents } from './intents-file.ts';

export interface PayOptions {
  readonly file: string;
  readonly format: IntentsFormat;
  /** Where the results go; written over when it exists. */
  readonly resultFile: string;
  /** Rows per request; 1,000 unless told. */
  readonly batchRows?: number;
  /** Hears the counts after each batch. */
  readonly onProgress?: (counts: PayCounts) => void;
}

export interface PayCounts {
  readonly rows: number;
  readonly accepted: number;
  readonly replayed: number;
  readonly rejected: number;
}

type RowStatus = BatchRow['status'];

interface RowResult {
  readonly line: number;
  readonly referenceId: string;
  readonly status: RowStatus;
  readonly paymentId: string;
  readonly errors: readonly ProblemError[];
}

export const RESULT_COLUMNS = ['line', 'reference_id', 'status', 'payment_id', 'codes', 'fields'] as const;

const BATCH_ROWS = 1_000;

/**
 * Submits the file and returns how many rows were accepted, replayed (accepted at an earlier time) and
 * rejected. Throws `file_unreadable`, `storage_unwritable`, and what the client throws; the rows that were
 * answered for by then stand in the result file.
 */
export async function payFile(deps: { readonly capp: Pick<Capp, 'batches'> }, options: PayOptions): Promise<PayCounts> {
  const rows = readIntents(options.file, options.format);
  // The first row is read before anything is written: a file that cannot be read leaves nothing behind.
  const first = await rows.next();
  const results = await openResults(options.resultFile);
  const counts = { rows: 0, accepted: 0, replayed: 0, rejected: 0 };
  try {
    for await (const batch of batchesOf(first, rows, options.batchRows ?? BATCH_ROWS)) {
      const answered = await submitBatch(deps.capp, batch);
      await results.write(answered.map(resultLine).join(''));
      for (const result of answered) counts[result.status] += 1;
      counts.rows += answered.length;
      options.onProgress?.({ ...counts });
    }
  } finally {
    await results.close();
  }
  return counts;
}

async function* batchesOf(
  first: IteratorResult<IntentsRow, unknown>,
  rest: AsyncIterable<IntentsRow>,
  size: number,
): AsyncGenerator<IntentsRow[]> {
  let batch: IntentsRow[] = first.done ? [] : [first.value];
  for await (const row of rest) {
    if (batch.length >= size) {
      yield batch;
      batch = [];
    }
    batch.push(row);
  }
  if (batch.length > 0) yield batch;
}

async function submitBatch(capp: Pick<Capp, 'batches'>, batch: readonly IntentsRow[]): Promise<RowResult[]> {
  const intents = batch.flatMap((row) => (row.ok ? [row.intent] : []));
  const answer = intents.length === 0 ? [] : (await capp.batches.submit(intents)).rows;
  if (answer.length !== intents.length) {
    throw fault('internal', { detail: `${intents.length} rows were submitted, but ${answer.length} were answered for.` });
  }
  let answeredRows = 0;
  return batch.map((row) => {
    if (!row.ok) return { line: row.line, referenceId: row.referenceId, status: 'rejected', paymentId: '', errors: row.errors };
    const verdict = answer[answeredRows] as BatchRow;
    answeredRows += 1;
    return {
      line: row.line,
      referenceId: row.referenceId,
      status: verdict.status,
      paymentId: verdict.paymentId ?? '',
      errors: verdict.errors ?? [],
    };
  });
}

interface Results {
  readonly write: (text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function openResults(path: string): Promise<Results> {
  let file: FileHandle;
  try {
    file = await open(path, 'w');
    await file.write(`${RESULT_COLUMNS.join(',')}\n`);
  } catch (error) {
    throw unwritable(path, error);
  }
  return {
    write: async (text) => {
      try {
        await file.write(text);
      } catch (error) {
        throw unwritable(path, error);
      }
    },
    close: () => file.close(),
  };
}

function unwritable(path: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return fault('storage_unwritable', {
    detail: `The result file cannot be written in ${dirname(path)} (${code}); name another one with --out.`,
    cause: error,
  });
}

function resultLine(result: RowResult): string {
  const codes = result.errors.map((error) => error.code).join(';');
  const fields = result.errors.map((error) => error.field).join(';');
  return `${[String(result.line), result.referenceId, result.status, result.paymentId, codes, fields].map(csvCell).join(',')}\n`;
}

/** A cell of CSV (RFC 4180), quoted where it must be. */
function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
