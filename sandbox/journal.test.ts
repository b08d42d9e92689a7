import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { balanceOf, openJournal, readBooks, type Transaction } from './journal.ts';

const opening = { railId: 'hub-ke', currency: 'KES', openingMinor: 1_000n } as const;
const newDir = () => mkdtempSync(join(tmpdir(), 'capp-journal-'));

function transaction(id: string, change: Partial<Transaction> = {}): Transaction {
  return {
    id,
    kind: 'collection',
    ourReference: `ref-${id}`,
    amountMinor: 250n,
    phone: '254700554321',
    callbackUrl: null,
    names: {},
    notes: {},
    atMs: 1,
    dueAtMs: 2,
    callback: 'once',
    state: 'pending',
    failure: null,
    settledAtMs: null,
    told: 0,
    ...change,
  };
}

describe('an operator journal', () => {
  it('gives back what was written, changes included', () => {
    const dir = newDir();
    const journal = openJournal(dir, opening);
    const [collected, paid] = [transaction('A'), transaction('B', { kind: 'disbursement', amountMinor: 100n })];
    for (const each of [collected, paid]) journal.taken(each);
    Object.assign(collected, { state: 'succeeded', settledAtMs: 5, told: 1 });
    journal.settled(collected);
    journal.told(collected);
    journal.close();
    const again = openJournal(dir, { ...opening, openingMinor: 9_999n });
    expect(again.opening).toEqual(opening);
    expect(again.transactions).toEqual([collected, paid]);
    expect(balanceOf(again.opening, again.transactions)).toBe(1_250n);
    again.close();
  });

  it('drops a line that a kill cut short, and writes on after it', () => {
    const dir = newDir();
    const journal = openJournal(dir, opening);
    journal.taken(transaction('A'));
    journal.close();
    const file = join(dir, 'hub-ke.jsonl');
    appendFileSync(file, '{"line":"taken","id":"B","amountMi');
    const again = openJournal(dir, opening);
    expect(again.transactions.map(({ id }) => id)).toEqual(['A']);
    again.taken(transaction('C'));
    again.close();
    expect(
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id?: string }).id),
    ).toEqual([undefined, 'A', 'C']);
  });

  it('shows books without anybody’s number, and none for a rail it never had', () => {
    const dir = newDir();
    const journal = openJournal(dir, opening);
    journal.taken(transaction('A'));
    journal.close();
    const books = readBooks(dir, 'hub-ke');
    expect(books).toMatchObject({ railId: 'hub-ke', openingMinor: 1_000n, balanceMinor: 1_000n });
    expect(books?.transactions).toEqual([
      { id: 'A', kind: 'collection', ourReference: 'ref-A', amountMinor: 250n, currency: 'KES', state: 'pending', atMs: 1 },
    ]);
    expect(readBooks(dir, 'mtn-ug')).toBeNull();
  });
});
