import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readKeys } from '../../db/keyring.ts';
import { testLog, type TestLog } from '../../tools/audit/testing.ts';
import { verifyDatabase } from '../verify.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let log: TestLog;
let folder: string;
let paymentId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-audit-'));
  log = await testLog();
  paymentId = await log.writePayment();
});
afterAll(async () => {
  await log.close();
  await rm(folder, { recursive: true });
});

const noNetwork: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));

async function run(...line: string[]) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: log.url } });
  const code = await runCli(['audit', ...line], terminal, noNetwork);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

/** Exports until everything is sealed: other tests of the server may hold the horizon back for a moment. */
async function exported(file: string) {
  await expect.poll(async () => (await run('export', paymentId, '--out', file)).out, { timeout: 20_000 }).toMatch(/: 11 rows, up to block/);
  return JSON.parse(await readFile(file, 'utf8')) as { blocks: { hash: string }[]; rows: { row: Record<string, string> }[] };
}

describe('capp audit', () => {
  test('exports a payment, checks the file, and finds what was changed in it', async () => {
    const file = join(folder, 'proof.json');
    const proof = await exported(file);
    const hash = proof.blocks.at(-1)?.hash ?? '';
    expect(await run('check', file, '--trust', hash)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Every one of 11 rows is proven'),
    });
    expect(await run('check', file, '--trust', '0'.repeat(64))).toMatchObject({ code: 1 });
    Object.assign(proof.rows[0]?.row ?? {}, { outcome: 'clear' });
    await writeFile(file, JSON.stringify(proof));
    const { code, out } = await run('check', file);
    expect(code).toBe(1);
    expect(out).toMatch(/1 fault:\n {2}agent_activity \d+ is not what block 1 sealed/);
  });

  test('verifies the log, holds it against a block that was noted, and names what was changed', async () => {
    await exported(join(folder, 'again.json'));
    const good = await run('verify');
    expect(good).toMatchObject({ code: 0, out: expect.stringContaining('The audit log is as it was sealed: 11 rows in') });
    const noted = /last block is (\d+:[0-9a-f]{64})/.exec(good.out)?.[1] ?? '';
    expect((await run('verify', '--trust', noted)).code).toBe(0);
    expect((await run('verify', '--trust', `1:${'0'.repeat(64)}`)).code).toBe(1);

    await log.pool.query('alter table transfers disable trigger user');
    const { rows } = await log.pool.query(`update transfers set amount = amount + 1 where reason = 'fee' returning id`);
    const bad = await run('verify');
    expect(bad.code).toBe(1);
    expect(bad.out).toContain(`transfers, ${rows[0].id}: changed since it was sealed`);
    const json = await run('verify', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ findings: [{ fault: 'changed', source: 'transfers', key: rows[0].id }] });

    const { quoteKey, keyring } = await readKeys({}, folder);
    const { violations } = await verifyDatabase(log.pool, { quoteKey, keyring, sandboxFolder: join(folder, 'sandbox') });
    expect(violations).toContainEqual({
      invariant: 5,
      subject: `transfers ${rows[0].id}`,
      detail: expect.stringMatching(/^the audit chain verifies: block \d+: changed since it was sealed$/),
    });
    await log.pool.query(`update transfers set amount = amount - 1 where reason = 'fee'`);
  });

  test.each([
    ['a file that is not there', ['check', 'none.json'], /^capp: file_unreadable: none\.json cannot be read\.$/],
    ['an id that is none', ['export', 'inv-1'], /^capp: usage_invalid: .*id of a payment/],
    ['a payment that is none', ['export', '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11'], /^capp: not_found: The audit log has nothing/],
    ['a block that is none', ['verify', '--trust', 'latest'], /^capp: usage_invalid: .*NUMBER:HASH/],
  ])('%s is one line', async (_what, line, expected) => {
    const { code, err } = await run(...line);
    expect(code).toBe(2);
    expect(err).toMatch(expected);
  });
});
