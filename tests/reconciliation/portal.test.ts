/** Where the sandbox's statements come from: the sandbox while it runs, its books on disk when it does not. */
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dayIn } from '../../domain/days.ts';
import { money } from '../../domain/money.ts';
import { statementSource } from '../../server/statements.ts';
import { STATEMENT_HEAD_BYTES, wholeStatement } from '../../tools/reconciliation/file.ts';
import { STATEMENT_BYTES_MAX } from '../../tools/reconciliation/read.ts';
import { createTestWorld, drive, railOf, START_MS } from '../operators/harness.ts';

const RAIL = railOf('mpesa-ke');
const DAY = dayIn(RAIL.country, START_MS);

test('a sandbox that runs is asked, one that is down is read from its books', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-portal-'));
  const { sandbox, ...world } = await createTestWorld({ rails: [RAIL], dataDir: folder, port: 0 });
  try {
    const { outcome } = await drive(
      { sandbox, ...world },
      { railId: RAIL.id, leg: 'collection', name: 'told of', amount: money(120_000n, 'KES') },
    );
    expect(outcome.state).toBe('succeeded');
    const told = sandbox.statement(RAIL.id, DAY);
    expect(told).toContain('1,200.00');
    // No books are at hand: whoever answers is the sandbox.
    const asking = statementSource({ statementsPath: null, sandbox: { url: sandbox.url, folder: join(folder, 'nowhere') } });
    expect(await asking(RAIL, DAY)).toEqual(wholeStatement(told));
    await sandbox.close();
    expect(await asking(RAIL, DAY)).toBeNull();
    expect(await statementSource({ statementsPath: null, sandbox: { url: sandbox.url, folder } })(RAIL, DAY)).toEqual(wholeStatement(told));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a file that is larger than any statement gives its head and its size, one that is not all its bytes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-portal-'));
  try {
    await mkdir(join(folder, RAIL.id));
    const bytes = Buffer.from([0x52, 0xe9, 0x66]);
    await writeFile(join(folder, RAIL.id, '2026-01-01.csv'), bytes);
    await writeFile(join(folder, RAIL.id, '2026-01-02.csv'), bytes);
    await truncate(join(folder, RAIL.id, '2026-01-02.csv'), STATEMENT_BYTES_MAX + 1);
    const given = statementSource({ statementsPath: folder, sandbox: null });
    expect(await given(RAIL, '2026-01-01')).toEqual({ bytes, sizeBytes: 3 });
    const large = await given(RAIL, '2026-01-02');
    if (large === null) throw new Error('there is no file');
    expect([large.bytes.length, large.sizeBytes]).toEqual([STATEMENT_HEAD_BYTES, STATEMENT_BYTES_MAX + 1]);
    expect(large.bytes.subarray(0, 3).equals(bytes)).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
