/**
 * An operator's books on disk: one line of JSON per change, only ever appended. A line is in the file
 * before the operator answers, so a killed process loses nothing that it has told anybody; a line cut
 * short by the kill was never told and is dropped.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Currency } from '../domain/currency.ts';
import type { CallbackFate, Failure, Kind, Lies } from './fates.ts';

/** One movement in an operator's books, with what the operator needs to go on with it after a restart. */
export interface Transaction {
  /** The operator's receipt. */
  readonly id: string;
  readonly kind: Kind;
  /** What we called it: the request id, or the 12-character account reference of a prompt. */
  readonly ourReference: string;
  readonly amountMinor: bigint;
  /** Digits only, calling code first. */
  readonly phone: string;
  readonly callbackUrl: string | null;
  /** The protocol's ids for it; it can be found by each. */
  readonly names: Readonly<Record<string, string>>;
  /** Fields of the request that the protocol's messages repeat. */
  readonly notes: Readonly<Record<string, string>>;
  readonly atMs: number;
  readonly dueAtMs: number;
  /** What becomes of the callback about its end. */
  readonly callback: CallbackFate;
  /** The operator's own code for its failure, where it is not the usual one. */
  readonly code?: string | null;
  /** What is said of it that is not so. */
  readonly lies?: Lies;
  state: 'pending' | 'succeeded' | 'failed';
  failure: Failure | null;
  settledAtMs: number | null;
  /** Callbacks sent so far. */
  told: number;
}

export interface Books {
  readonly railId: string;
  readonly currency: Currency;
  readonly openingMinor: bigint;
  readonly balanceMinor: bigint;
  readonly transactions: readonly BooksEntry[];
}

/** A transaction as others may see it: no number of anybody's. */
export interface BooksEntry {
  readonly id: string;
  readonly kind: Kind;
  readonly ourReference: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly state: Transaction['state'];
  readonly atMs: number;
}

export interface Opening {
  readonly railId: string;
  readonly currency: Currency;
  readonly openingMinor: bigint;
}

type Line =
  | { line: 'opened'; railId: string; currency: Currency; openingMinor: string }
  | ({ line: 'taken' } & Omit<Transaction, 'amountMinor'> & { amountMinor: string })
  | { line: 'settled'; id: string; state: Transaction['state']; failure: Failure | null; settledAtMs: number }
  | { line: 'told'; id: string };

export interface Journal {
  readonly opening: Opening;
  readonly transactions: readonly Transaction[];
  taken(transaction: Transaction): void;
  settled(transaction: Transaction): void;
  told(transaction: Transaction): void;
  close(): void;
}

function fileOf(dir: string, railId: string): string {
  return join(dir, `${railId}.jsonl`);
}

/** Opens the journal of a rail, replaying what is there. Without a folder the books live in memory. */
export function openJournal(dir: string | null, fresh: Opening): Journal {
  if (dir === null) return memoryJournal(fresh);
  mkdirSync(dir, { recursive: true });
  const path = fileOf(dir, fresh.railId);
  const replayed = existsSync(path) ? replayJournal(readFileSync(path)) : null;
  if (replayed !== null) truncateSync(path, replayed.soundBytes);
  const file = openSync(path, 'a');
  const write = (line: Line) => void writeSync(file, `${JSON.stringify(line)}\n`);
  if (replayed === null || replayed.opening === null) write({ line: 'opened', ...fresh, openingMinor: fresh.openingMinor.toString() });
  return {
    opening: replayed?.opening ?? fresh,
    transactions: replayed?.transactions ?? [],
    taken: (transaction) => write({ line: 'taken', ...transaction, amountMinor: transaction.amountMinor.toString() }),
    settled: ({ id, state, failure, settledAtMs }) => write({ line: 'settled', id, state, failure, settledAtMs: settledAtMs ?? 0 }),
    told: ({ id }) => write({ line: 'told', id }),
    close: () => closeSync(file),
  };
}

function memoryJournal(opening: Opening): Journal {
  const nothing = () => undefined;
  return { opening, transactions: [], taken: nothing, settled: nothing, told: nothing, close: nothing };
}

interface Replayed {
  readonly opening: Opening | null;
  readonly transactions: readonly Transaction[];
  /** Length of the file up to the end of its last whole line. */
  readonly soundBytes: number;
}

/** What a journal holds, up to its last whole line. */
export function replayJournal(bytes: Buffer): Replayed {
  const soundBytes = bytes.lastIndexOf(0x0a) + 1;
  const byId = new Map<string, Transaction>();
  let opening: Opening | null = null;
  for (const text of bytes.subarray(0, soundBytes).toString('utf8').split('\n')) {
    if (text === '') continue;
    const entry = JSON.parse(text) as Line;
    if (entry.line === 'opened') opening = { railId: entry.railId, currency: entry.currency, openingMinor: BigInt(entry.openingMinor) };
    else if (entry.line === 'taken') {
      const { line: _, ...transaction } = entry;
      byId.set(entry.id, { ...transaction, amountMinor: BigInt(entry.amountMinor) });
    } else applyChange(byId.get(entry.id), entry);
  }
  return { opening, transactions: [...byId.values()], soundBytes };
}

function applyChange(transaction: Transaction | undefined, entry: Line & { line: 'settled' | 'told' }): void {
  if (transaction === undefined) return;
  if (entry.line === 'told') transaction.told += 1;
  else Object.assign(transaction, { state: entry.state, failure: entry.failure, settledAtMs: entry.settledAtMs });
}

/** The balance the books come to: the opening, plus what was collected, less what was paid out. */
export function balanceOf(opening: Opening, transactions: Iterable<Transaction>): bigint {
  let balanceMinor = opening.openingMinor;
  for (const { state, kind, amountMinor } of transactions) {
    if (state === 'succeeded') balanceMinor += kind === 'collection' ? amountMinor : -amountMinor;
  }
  return balanceMinor;
}

/** Books as others may see them. */
export function booksOf(opening: Opening, transactions: readonly Transaction[]): Books {
  return {
    ...opening,
    balanceMinor: balanceOf(opening, transactions),
    transactions: transactions.map(({ id, kind, ourReference, amountMinor, state, atMs }) => ({
      id,
      kind,
      ourReference,
      amountMinor,
      currency: opening.currency,
      state,
      atMs,
    })),
  };
}

/** Reads the books of a rail from its journal, running or stopped; null when there is none. */
export function readBooks(dir: string, railId: string): Books | null {
  const path = fileOf(dir, railId);
  if (!existsSync(path)) return null;
  const { opening, transactions } = replayJournal(readFileSync(path));
  return opening === null ? null : booksOf(opening, transactions);
}
