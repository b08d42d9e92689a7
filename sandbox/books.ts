/**
 * Prints the books of every rail as one JSON object, read from the journals, whether or not the sandbox
 * runs: `node sandbox/books.ts FOLDER`. For whoever compares them with books of his own.
 */
import { existsSync, readdirSync } from 'node:fs';
import { booksJson } from './control.ts';
import { readBooks } from './journal.ts';

const dir = process.argv[2] ?? '.capp/sandbox';
const rails = existsSync(dir) ? readdirSync(dir).flatMap((name) => (name.endsWith('.jsonl') ? [name.slice(0, -'.jsonl'.length)] : [])) : [];
const books = Object.fromEntries(
  rails.flatMap((railId) => {
    const read = readBooks(dir, railId);
    return read === null ? [] : [[railId, booksJson(read)]];
  }),
);
process.stdout.write(`${JSON.stringify(books)}\n`);
