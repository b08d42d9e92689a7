/** Where the sandbox's statements come from: the sandbox while it runs, its books on disk when it does not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dayIn } from '../../domain/days.ts';
import { money } from '../../domain/money.ts';
import { statementSource } from '../../server/statements.ts';
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
    expect(await asking(RAIL, DAY)).toBe(told);
    await sandbox.close();
    expect(await asking(RAIL, DAY)).toBeNull();
    expect(await statementSource({ statementsPath: null, sandbox: { url: sandbox.url, folder } })(RAIL, DAY)).toBe(told);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
