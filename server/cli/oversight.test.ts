import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-oversight-'));
  database = await testDatabase();
  await insertClient(database.pool, 'acme');
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

async function run(...line: string[]) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: database.url } });
  const code = await runCli(line, terminal, () => Promise.reject(new TypeError('fetch failed')));
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

test('capp autonomy turns a dial down by one and up by two', async () => {
  const turn = (way: string, level: string, by: string) =>
    run('autonomy', way, 'investigator', level, '--client', 'acme', '--corridor', 'KE-UG', '--by', by, '--reason', 'a trial');
  expect((await run('autonomy', 'show')).out).toBe('No dial was ever turned: every model may go as far as tighten.');
  expect(await turn('lower', 'off', 'operator:jane')).toMatchObject({ code: 0, out: 'The dial stands at off.' });
  expect((await turn('lower', 'off', 'operator:jane')).err).toMatch(/^capp: switch_unchanged/);
  expect((await turn('raise', 'rank', 'operator:jane')).out).toBe('Asked. It is turned up to rank when somebody else says the same.');
  expect((await turn('raise', 'rank', 'operator:jane')).err).toMatch(/^capp: maker_is_checker/);
  expect((await run('autonomy', 'show')).out).toMatch(/investigator\/[0-9a-f-]{36}\/KE-UG +off +operator:jane asks for rank/);
  expect((await turn('raise', 'rank', 'operator:john')).out).toBe('The dial stands at rank.');
  expect((await run('autonomy', 'lower', 'compliance', 'off', '--by', 'x', '--reason', 'y')).code).toBe(2);
  const nowhere = ['--client', 'acme', '--corridor', 'KE-XX', '--by', 'operator:jane', '--reason', 'a trial'];
  expect((await run('autonomy', 'lower', 'investigator', 'off', ...nowhere)).err).toMatch(/It must be a corridor/);
  await turn('raise', 'tighten', 'operator:jane');
  expect((await run('autonomy', 'show')).out).toMatch(/operator:jane asks for tighten/);
  await database.pool.query(`update autonomy_dials set pending_at = pending_at - interval '25 hours'`);
  expect((await run('autonomy', 'show')).out).not.toMatch(/asks for/);
});

test('capp halt begins for everybody or some, lists, and lifts by two', async () => {
  const by = ['--by', 'operator:jane', '--reason', 'looks odd'];
  expect((await run('halt', 'list')).out).toBe('Nothing was ever halted.');
  expect((await run('halt', 'begin', ...by)).err).toMatch(/^capp: usage_invalid: Say what is halted/);
  expect((await run('halt', 'begin', '--all', '--rail', 'mtn-ug', ...by)).err).toMatch(/^capp: usage_invalid/);
  expect((await run('halt', 'begin', '--client', 'nobody', ...by)).err).toMatch(/^capp: not_found: There is no client/);
  for (const corridor of ['KE-XX', 'KE-KE']) {
    const { code, err } = await run('halt', 'begin', '--corridor', corridor, ...by);
    expect(code).toBe(2);
    expect(err).toMatch(/It must be a corridor/);
  }
  const paymentId = await insertPayment(database.pool, { clientId: await insertClient(database.pool, 'zawadi') });
  expect((await run('halt', 'begin', '--payment', newId(), ...by)).err).toMatch(/^capp: not_found: There is no such payment/);
  expect((await run('halt', 'begin', '--payment', paymentId, '--client', 'acme', ...by)).err).toMatch(/^capp: not_found/);
  expect((await run('halt', 'list')).out).toBe('Nothing was ever halted.');
  expect((await run('halt', 'begin', '--payment', paymentId, ...by)).out).toMatch(/^Halted: client [0-9a-f-]{36}, payment /);
  expect((await run('halt', 'begin', '--client', 'acme', '--rail', 'mtn-ug', ...by)).out).toMatch(
    /^Halted: client [0-9a-f-]{36}, rail mtn-ug\./,
  );
  const begun = await run('halt', 'begin', '--all', ...by);
  const id = /lift ([0-9a-f-]{36})/.exec(begun.out)?.[1] ?? '';
  expect(begun.out).toMatch(/^Halted: everything\./);
  expect(begun.out).toMatch(
    /Under way and not called back: 0 requests to operators, 0 calls to the settlement chain, 0 executed batches that the chain may pay without us\./,
  );
  expect((await run('halt', 'lift', id, '--by', 'operator:jane')).out).toBe('Asked. It ends when somebody else says the same.');
  expect((await run('halt', 'lift', id, '--by', 'operator:jane')).err).toMatch(/^capp: maker_is_checker/);
  expect((await run('halt', 'list')).out).toMatch(/everything +in force; operator:jane asks for its end/);
  expect((await run('halt', 'lift', id, '--by', 'operator:john')).out).toBe('The halt is over.');
  expect((await run('halt', 'list')).out).toMatch(/everything +lifted by operator:jane and operator:john/);
});

test('capp mandates issues, lists and revokes, and repeats no number of a policy', async () => {
  const file = join(folder, 'buyer.json');
  const write = (policy: unknown) => writeFile(file, typeof policy === 'string' ? policy : JSON.stringify(policy));
  const issue = (holder = 'agent:buyer', by = 'person:jane') =>
    run('mandates', 'issue', '--client', 'acme', '--holder', holder, '--by', by, '--policy', file, '--days', '7');
  expect((await issue()).err).toMatch(/^capp: file_unreadable/);
  for (const policy of ['{', { payees: ['+254712345678', '0712345678'] }, { payees: '+254712345678' }, { perPayment: { KES: 5 } }, null]) {
    await write(policy);
    const { code, err } = await issue();
    expect(code).toBe(2);
    expect(err).toMatch(/^capp: (file_unreadable|validation_failed)/);
    expect(err).not.toContain('712345678');
  }
  await write({ perPayment: { KES: '500000' }, payees: ['+254712345678'] });
  const id = /^agent:buyer may spend under ([0-9a-f-]{36}) until .*, and under mandates only\.$/.exec((await issue()).out)?.[1] ?? '';
  expect((await issue('agent:friend', 'agent:buyer')).err).toMatch(/^capp: mandate_missing/);
  const { rows } = await database.pool.query<{ policy: string }>('select policy::text from mandates where id = $1', [id]);
  expect(rows[0]?.policy).not.toContain('712345678');
  expect((await run('mandates', 'list', '--client', 'acme')).out).toMatch(new RegExp(`${id} +intent +in force +agent:buyer +person:jane`));
  expect((await run('mandates', 'revoke', id, '--client', 'acme', '--by', 'person:jane')).code).toBe(0);
  expect((await run('mandates', 'revoke', id, '--client', 'acme', '--by', 'person:jane')).err).toMatch(/^capp: switch_unchanged/);
  expect((await run('mandates', 'list', '--client', 'acme')).out).toMatch(/revoked by person:jane/);
});
