/** What outlives a restart and a kill: the operators' books, transactions under way, callbacks still owed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../domain/clock.ts';
import { readBooks } from '../../sandbox/journal.ts';
import { createOperators } from '../../tools/mmo/registry.ts';
import { createTestWorld, drive, railOf, requestOf, START_MS } from './harness.ts';

const newDir = () => mkdtempSync(join(tmpdir(), 'capp-operators-'));

describe.each(['mpesa-ke', 'mtn-ug', 'hub-ke'])('%s after a restart', (railId) => {
  it('goes on with what was under way and sends its callback', async () => {
    const dataDir = newDir();
    const rails = [railOf(railId)];
    const before = await createTestWorld({ dataDir, rails });
    const request = requestOf({ railId, leg: 'payout' });
    const taken = await before.client(railId).disburse(request);
    expect(before.sandbox.books(railId).transactions[0]?.state).toBe('pending');
    await before.sandbox.close();

    const after = await createTestWorld({ dataDir, rails }, START_MS + 1_000);
    await after.scheduler.advance(2_000);
    expect(after.sandbox.books(railId).transactions.map(({ state }) => state)).toEqual(['succeeded']);
    expect(after.inbox.get(request.callbackUrl)).toHaveLength(1);
    const inquiry = { ...request, leg: 'payout' as const, handle: taken.handle ?? {}, sentAtMs: START_MS, nowMs: after.scheduler.now() };
    // Tokens died with the old process; the client's new one is asked for on the way.
    expect((await after.client(railId).inquire(inquiry)).state).toMatch(/succeeded|pending/);
    await after.sandbox.close();
  });

  it('knows a repeated reference, does not call back twice, and keeps its balance', async () => {
    const dataDir = newDir();
    const rails = [railOf(railId)];
    const before = await createTestWorld({ dataDir, rails });
    expect((await drive(before, { railId, leg: 'payout' })).outcome.state).toBe('succeeded');
    const books = before.sandbox.books(railId);
    await before.sandbox.close();

    const after = await createTestWorld({ dataDir, rails }, START_MS + 60_000);
    await after.client(railId).disburse(requestOf({ railId, leg: 'payout' }));
    await after.scheduler.advance(5_000);
    expect(after.sandbox.books(railId)).toEqual(books);
    expect(after.inbox.size).toBe(0);
    await after.sandbox.close();
    expect(readBooks(dataDir, railId)).toEqual(books);
  });
});

describe('the sandbox process', () => {
  it('has on disk what it answered, when it is killed', async () => {
    const dataDir = newDir();
    const main = join(import.meta.dirname, '../../sandbox/main.ts');
    const environment = { ...process.env, SANDBOX_PORT: '0', SANDBOX_DATA_DIR: dataDir, SANDBOX_FAULTS: '{}', SANDBOX_SPEED: '0.1' };
    const child = spawn(process.execPath, [main], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const profiles = (await (await fetch(`${url}/_sandbox/profiles`)).json()) as Record<string, unknown>;
    const rails = ['mpesa-ke', 'mtn-ug', 'hub-ke'].map(railOf);
    const operators = createOperators({ rails, profiles, fetch, clock: systemClock });
    for (const { id } of rails) {
      const outcome = await operators(id).disburse({
        ...requestOf({ railId: id, leg: 'payout' }),
        sentAtMs: Date.now(),
        callbackUrl: 'http://127.0.0.1:9/none',
      });
      expect(outcome.state).toBe('pending');
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (const { id } of rails) {
      expect(readBooks(dataDir, id)?.transactions).toMatchObject([{ ourReference: requestOf({ railId: id, leg: 'payout' }).requestId }]);
    }
  });

  it('says in one line which setting is wrong', async () => {
    const main = join(import.meta.dirname, '../../sandbox/main.ts');
    const child = spawn(process.execPath, [main], { env: { ...process.env, SANDBOX_SPEED: 'fast' }, stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(text.trim().split('\n')).toEqual([expect.stringContaining('SANDBOX_SPEED')]);
  });
});
