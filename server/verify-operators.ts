/**
 * Holds the operators' books against ours: what they moved for us, and what we say they moved, must be
 * the same, transaction by transaction and in sum. Only the sandbox shows its books; real operators
 * are reconciled from their statements.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Pool } from '../db/connect.ts';
import { railById } from '../domain/network.ts';
import type { Violation } from '../tools/ledger/index.ts';
import { accountReferenceOf } from '../tools/mmo/mpesa/fields.ts';

interface BooksEntry {
  readonly id: string;
  readonly kind: 'collection' | 'disbursement';
  readonly ourReference: string;
  readonly amountMinor: string;
  readonly state: 'pending' | 'succeeded' | 'failed';
}

export interface OperatorBooks {
  readonly railId: string;
  readonly balanceMinor: string;
  readonly transactions: readonly BooksEntry[];
}

interface AttemptRow {
  id: string;
  rail_id: string;
  leg: string;
  request_id: string;
  amount: bigint;
  state: string;
  applied: boolean;
}

/** Reads the operators' books as they are now, by rail. */
export type ReadBooks = () => Promise<ReadonlyMap<string, OperatorBooks>>;

const OUTPUT_BYTES_MAX = 1024 ** 3;

/** The operators' books as their sandbox keeps them on disk, by rail. */
export async function readSandboxBooks(folder: string): Promise<ReadonlyMap<string, OperatorBooks>> {
  const program = fileURLToPath(new URL('../sandbox/books.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder], { maxBuffer: OUTPUT_BYTES_MAX });
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, OperatorBooks>));
}

/**
 * Compares both sides. The books are read before and after ours, so that a system at work can be
 * checked: what moved in between is looked for on the side that was read last.
 */
export async function compareOperators(pool: Pool, readBooks: ReadBooks): Promise<Violation[]> {
  const before = await readBooks();
  if (before.size === 0) return [];
  const attempts = await pool.query<AttemptRow>(
    'select id, rail_id, leg, request_id, amount, state, applied from attempts where state <> $1',
    ['created'],
  );
  const floats = await pool.query<{ id: string; balance: bigint }>('select id, balance from liquidity_pools');
  const after = await readBooks();
  const byReference = new Map(attempts.rows.map((row) => [`${row.rail_id} ${referenceOf(row)}`, row]));
  return [
    ...[...before].flatMap(([railId, books]) => theirsIn(railId, books, byReference)),
    ...oursIn(attempts.rows, after),
    ...floats.rows.flatMap((row) => floatOf(row, before.get(row.id), byReference)),
  ];
}

/** What the operator knows an attempt by: the request id, or for an M-Pesa prompt the account reference. */
export function referenceOf(attempt: Pick<AttemptRow, 'leg' | 'rail_id' | 'request_id'>): string {
  const isPrompt = attempt.leg === 'collection' && railById(attempt.rail_id).protocol === 'mpesa';
  return isPrompt ? accountReferenceOf(attempt.request_id) : attempt.request_id;
}

/** Everything an operator moved must be one of our attempts, once, with its amount, and not counted as failed here. */
function theirsIn(railId: string, books: OperatorBooks, byReference: ReadonlyMap<string, AttemptRow>): Violation[] {
  const seen = new Set<string>();
  return books.transactions.flatMap((entry) => {
    if (entry.state !== 'succeeded') return [];
    const subject = `operator ${railId} transaction ${entry.id}`;
    const attempt = byReference.get(`${railId} ${entry.ourReference}`);
    if (attempt === undefined) return [violation(3, subject, 'no attempt of ours asked for it')];
    if (seen.has(entry.ourReference)) return [violation(2, subject, `moved again for attempt ${attempt.id}`)];
    seen.add(entry.ourReference);
    if (attempt.amount.toString() !== entry.amountMinor)
      return [violation(2, subject, `moved ${entry.amountMinor}, attempt ${attempt.id} asked for ${attempt.amount}`)];
    return attempt.state === 'failed' ? [violation(2, subject, `succeeded there, failed here as attempt ${attempt.id}`)] : [];
  });
}

/** Every attempt that succeeded here must have moved money there. */
function oursIn(attempts: readonly AttemptRow[], books: ReadonlyMap<string, OperatorBooks>): Violation[] {
  const moved = new Set(
    [...books].flatMap(([railId, { transactions }]) =>
      transactions.flatMap((entry) => (entry.state === 'succeeded' ? [`${railId} ${entry.ourReference}`] : [])),
    ),
  );
  return attempts.flatMap((attempt) =>
    attempt.state === 'succeeded' && books.has(attempt.rail_id) && !moved.has(`${attempt.rail_id} ${referenceOf(attempt)}`)
      ? [violation(2, `attempt ${attempt.id}`, `succeeded here, moved nothing at ${attempt.rail_id}`)]
      : [],
  );
}

/** Our float at a rail is what the operator holds, less what it moved and we have not worked in yet. */
function floatOf(
  float: { id: string; balance: bigint },
  books: OperatorBooks | undefined,
  byReference: ReadonlyMap<string, AttemptRow>,
): Violation[] {
  if (books === undefined) return [];
  let expected = BigInt(books.balanceMinor);
  for (const entry of books.transactions) {
    if (entry.state !== 'succeeded' || byReference.get(`${float.id} ${entry.ourReference}`)?.applied === true) continue;
    expected += entry.kind === 'collection' ? -BigInt(entry.amountMinor) : BigInt(entry.amountMinor);
  }
  if (expected === float.balance) return [];
  // What was worked in after the books were read is on our side alone; a system at work is checked again by whoever asks.
  return [violation(2, `float ${float.id}`, `holds ${expected} at the operator, ${float.balance} in our books`)];
}

function violation(invariant: number, subject: string, detail: string): Violation {
  return { invariant, subject, detail: `operators agree: ${detail}` };
}
