/** `capp reconcile` on a database with payments, as it runs beside a platform. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EffectRequest } from '../../tools/mmo/operator.ts';
import { type TestPlatform, testPlatform } from '../../graph/testing.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

const DAY = '2026-11-02';
const HEADER = 'Id,External id,Date,Status,Type,Amount,Currency,Fee';

let platform: TestPlatform;
let folder: string;
const paid: EffectRequest[] = [];

beforeAll(async () => {
  platform = await testPlatform();
  platform.script = {
    disburse: (_railId, request) => {
      paid.push(request);
      return { state: 'succeeded', receipt: `R-${request.requestId.slice(0, 8)}`, amount: request.amount };
    },
  };
  for (let count = 0; count < 2; count += 1) await platform.submit();
  await platform.settleDown();
  folder = await mkdtemp(join(tmpdir(), 'capp-reconcile-'));
});
afterAll(async () => {
  await platform?.close();
  await rm(folder, { recursive: true, force: true });
});

function rowOf(request: EffectRequest | undefined, amountMinor = request?.amount.minor): string {
  return `R-${request?.requestId.slice(0, 8)},${request?.requestId},${DAY} 12:00:00,Successful,Transfer,${amountMinor},UGX,0`;
}

async function fileOf(name: string, rows: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, [HEADER, ...rows].join('\n'));
  return path;
}

async function reconcile(words: readonly string[], env: Record<string, string> = {}) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: platform.database.url, ...env } });
  const code = await runCli(['reconcile', ...words], terminal);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

it('ends with 0 when a file agrees, and prints what was compared', async () => {
  const file = await fileOf(
    'agrees.csv',
    paid.map((each) => rowOf(each)),
  );
  const { code, out } = await reconcile(['--operator', 'mtn-ug', '--date', DAY, '--file', file]);
  expect([code, out]).toEqual([0, expect.stringMatching(/mtn-ug +2026-11-02 +statement +2 +2 +0 +0 +0/)]);
});

it('ends with 1 when something does not agree, and says what, with the entries proposed', async () => {
  const stranger = `X-1,11111111-1111-4111-8111-111111111111,${DAY} 13:00:00,Successful,Transfer,5000,UGX,0`;
  const file = await fileOf('breaks.csv', [...paid.map((each) => rowOf(each)), stranger]);
  const { code, out } = await reconcile(['--operator', 'mtn-ug', '--date', DAY, '--file', file, '--json']);
  expect(code).toBe(1);
  const { rails, breaks } = JSON.parse(out);
  expect(breaks).toBe(1);
  expect(rails).toMatchObject([
    {
      railId: 'mtn-ug',
      matched: 2,
      newBreaks: 1,
      breaks: [
        {
          kind: 'missing_here',
          ourAmountMinor: null,
          theirAmountMinor: '5000',
          proposedEntries: [{ debit: 'suspense:UGX', credit: 'float:mtn-ug', amountMinor: '5000', currency: 'UGX' }],
        },
      ],
    },
  ]);
  const again = await reconcile(['--operator', 'mtn-ug', '--date', DAY, '--file', file]);
  expect([again.code, again.out]).toEqual([1, expect.stringContaining('mtn-ug missing_here line:out:X-1: ours -, theirs UGX 5000')]);
});

it('takes the statements of all rails from their folder, and passes over rails that have none', async () => {
  const statements = join(folder, 'statements');
  await mkdir(join(statements, 'mtn-ug'), { recursive: true });
  await fileOf(
    join('statements', 'mtn-ug', `${DAY}.csv`),
    paid.map((each) => rowOf(each)),
  );
  const { code, out } = await reconcile(['--date', DAY], { CAPP_STATEMENTS_PATH: statements });
  expect([code, out]).toEqual([0, expect.stringMatching(/mtn-ug +2026-11-02 +statement +2 +2/)]);
  expect(out).toMatch(/\d+ rails have neither a statement of that day nor a balance\./);
});

it.each([
  [
    'a file that is no statement',
    async () => ['--operator', 'mtn-ug', '--date', DAY, '--file', await fileOf('broken.csv', ['1,2,3'])],
    'statement_malformed',
  ],
  ['a file that is not there', async () => ['--operator', 'mtn-ug', '--file', join(folder, 'nothing.csv')], 'file_unreadable'],
  ['a rail without a statement', async () => ['--operator', 'mtn-ug', '--date', '2026-10-01'], 'statement_missing'],
  ['an operator that is none', async () => ['--operator', 'nobody'], 'operator_unknown'],
  ['one file for many rails', async () => ['--operator', 'mtn-momo', '--file', await fileOf('many.csv', [])], 'usage_invalid'],
  [
    'a day that is none',
    async () => ['--operator', 'mtn-ug', '--date', '2026-02-30', '--file', await fileOf('day.csv', [])],
    'usage_invalid',
  ],
])('ends with 2 and a code for %s', async (_what, words, code) => {
  const { code: exit, err } = await reconcile(await words());
  expect([exit, err]).toEqual([2, expect.stringMatching(new RegExp(`^capp: ${code}: `))]);
});
