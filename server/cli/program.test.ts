import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { listCorridors } from '../../domain/corridor.ts';
import { isPassword } from '../auth/passwords.ts';
import { createProgram, runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-cli-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const noNetwork: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));

/** Runs a command line as a person would, and returns what was seen. */
async function run(line: readonly string[], options: { env?: Record<string, string>; fetch?: typeof fetch } = {}) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, ...options.env } });
  const code = await runCli(line, terminal, options.fetch ?? noNetwork);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

const commands = createProgram({ terminal: recordedTerminal(), endWith: () => undefined, fetch: noNetwork }).commands.flatMap((command) =>
  command.commands.length === 0 ? [[command.name()]] : command.commands.map((inner) => [command.name(), inner.name()]),
);

describe('help', () => {
  test.each(commands.map((words) => [words.join(' '), words] as const))('%s says what it does and shows examples', async (name, words) => {
    const { code, out } = await run([...words, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^Usage: capp ${name}`));
    expect(out).toContain('\nExamples:\n  ');
    expect(out).toContain(`capp ${name}`);
  });

  test('of the whole names every command, the environment and the exit codes', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const [name] of commands) expect(out).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    expect(out).toContain('CAPP_DATA_DIR');
    expect(out).toContain('Exit codes:');
  });

  test('is shown when no command is given, and that is a mistake', async () => {
    const { code, out, err } = await run([]);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: capp');
  });

  test('the version is the one of the package', async () => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string };
    expect(await run(['--version'])).toEqual({ code: 0, out: version, err: '' });
  });
});

describe('what goes wrong is one line', () => {
  const key = { env: { CAPP_KEY: 'k' } };
  test.each([
    ['an unknown command', ['pya'], {}, /^capp: usage_invalid: unknown command 'pya' \(Did you mean pay\?\) See: capp --help$/],
    ['an unknown option', ['pay', 'a.csv', '--speed'], {}, /^capp: usage_invalid: unknown option '--speed'\. See: capp pay --help$/],
    ['a missing argument', ['pay'], {}, /^capp: usage_invalid: missing required argument 'file'/],
    ['an option that is no number', ['demo', '--kill', 'many'], {}, /^capp: usage_invalid: .*whole number/],
    [
      'a scope that does not exist',
      ['keys', 'create', '--client', 'a', '--principal', 'b', '--scopes', 'all'],
      {},
      /^capp: usage_invalid: /,
    ],
    [
      'a country we do not reach',
      ['rails', '--country', 'XX'],
      {},
      /^capp: usage_invalid: .*It must be one of KE, .* See: capp rails --help$/,
    ],
    ['a demo key of nobody', ['explain', 'x', '--as', 'officer:none'], key, /^capp: config_invalid: There is no demo key of officer:none/],
    ['a file of another kind', ['pay', 'a.xlsx'], {}, /^capp: usage_invalid: The file name must end/],
    ['a file that is not there', ['pay', 'none.csv'], key, /^capp: file_unreadable: There is no file none\.csv\.$/],
    ['no key', ['explain', 'x'], {}, /^capp: config_invalid: No API key/],
    ['an address that is none', ['explain', 'x', '--url', 'nowhere'], key, /^capp: config_invalid: nowhere is not an address/],
    [
      'a setting that does not exist',
      ['explain', 'x'],
      { env: { CAPP_DATADIR: 'x' } },
      /^capp: config_invalid: There is no setting CAPP_DATADIR/,
    ],
    ['a setting that is wrong', ['explain', 'x'], { env: { PORT: 'x' } }, /^capp: config_invalid: PORT is wrong/],
    ['nothing to verify', ['verify'], {}, /^capp: not_found: There is no data under /],
    [
      "forgetting somebody else's database",
      ['demo', '--fresh'],
      { env: { DATABASE_URL: 'postgres://db/x' } },
      /^capp: config_invalid: DATABASE_URL/,
    ],
  ] as const)('%s', async (_what, line, options, expected) => {
    const { code, out, err } = await run(line, options);
    expect(err).toMatch(expected);
    expect(err).not.toContain('\n');
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  test('whoever is told to act as somebody does so, whatever key the environment has', async () => {
    const held = { 'officer:amina': 'key-amina', 'officer:kofi': 'key-kofi' };
    await writeFile(join(folder, 'demo-keys.json'), JSON.stringify(held));
    const used: (string | null)[] = [];
    const hear: typeof fetch = async (_url, init) => {
      used.push(new Headers(init?.headers).get('authorization'));
      return Response.json({ items: [], nextCursor: null });
    };
    const environments: Record<string, string>[] = [{}, { CAPP_KEY: 'set' }];
    for (const line of [[], ['--as', 'officer:kofi'], ['--as', 'officer:kofi', '--key', 'own']])
      for (const env of environments) await run(['explain', 'x', ...line], { env, fetch: hear });
    const keys = ['key-amina', 'set', 'key-kofi', 'key-kofi', 'own', 'own'];
    expect(used).toEqual(keys.map((each) => `Bearer ${each}`));
  });

  test('an API that says no is quoted with its code', async () => {
    const refuse = async () =>
      Response.json({ status: 401, code: 'unauthenticated', detail: 'No valid API key was presented.' }, { status: 401 });
    const { code, err } = await run(['explain', 'x'], { ...key, fetch: refuse });
    expect({ code, err }).toEqual({ code: 2, err: 'capp: unauthenticated: No valid API key was presented.' });
  });

  test('what nobody foresaw shows where it came from only when asked', async () => {
    const burst: typeof fetch = async () => Response.json({ items: null });
    const plain = await run(['explain', 'x'], { ...key, fetch: burst });
    const debug = await run(['explain', 'x'], { env: { ...key.env, CAPP_DEBUG: '1' }, fetch: burst });
    expect(plain.err).toMatch(/^capp: internal: .*CAPP_DEBUG=1 to see where\.$/);
    expect(debug.err).toMatch(/TypeError[\s\S]* at .*explain\.ts/);
  });
});

describe('pay', () => {
  const batchApi: typeof fetch = async (_url, init) => {
    const { intents } = JSON.parse(String(init?.body)) as { intents: { referenceId: string }[] };
    const rows = intents.map(({ referenceId }, index) => {
      const taken = referenceId !== 'bad';
      return {
        line: index + 1,
        referenceId,
        status: taken ? 'accepted' : 'rejected',
        ...(taken ? { paymentId: `p-${referenceId}` } : { errors: [{ code: 'phone_invalid', field: 'sender.phone', detail: 'x' }] }),
      };
    });
    return Response.json({ batchId: 'b', accepted: 0, replayed: 0, rejected: 0, rows }, { status: 202 });
  };

  test('ends well when every row was accepted, and names the result file', async () => {
    const file = join(folder, 'a.ndjson');
    await writeFile(file, '{"referenceId":"a"}\n{"referenceId":"b"}\n');
    expect(await run(['pay', file, '--key', 'k'], { fetch: batchApi })).toEqual({
      code: 0,
      out: `2 rows: accepted 2\nresults: ${file}.result.csv`,
      err: '',
    });
    expect(await readFile(`${file}.result.csv`, 'utf8')).toContain('2,b,accepted,p-b,,');
  });

  test('says with its exit code that a row was rejected', async () => {
    const file = join(folder, 'a.jsonl');
    await writeFile(file, '{"referenceId":"a"}\n{"referenceId":"bad"}\n');
    const { code, out } = await run(['pay', file, '--key', 'k', '--json', '--out', join(folder, 'r.csv')], { fetch: batchApi });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({ rows: 2, accepted: 1, replayed: 0, rejected: 1, resultFile: join(folder, 'r.csv') });
  });

  test("uses the demo client's key, and the address of the settings", async () => {
    const file = join(folder, 'a.ndjson');
    await writeFile(file, '{"referenceId":"a"}\n');
    await writeFile(join(folder, 'demo-keys.json'), JSON.stringify({ 'client:demo': 'demo-key' }));
    const asked: string[] = [];
    const listen: typeof fetch = async (url, init) => {
      asked.push(`${String(url)} ${new Headers(init?.headers).get('authorization')}`);
      return batchApi(url, init);
    };
    await run(['pay', file], { env: { PORT: '9001' }, fetch: listen });
    await run(['pay', file], { env: { CAPP_URL: 'http://far:1', CAPP_KEY: 'mine' }, fetch: listen });
    await writeFile(join(folder, 'key'), 'of-a-file\n');
    await run(['pay', file], { env: { CAPP_URL: 'http://far:1', CAPP_KEY_FILE: join(folder, 'key') }, fetch: listen });
    expect(asked).toEqual([
      'http://127.0.0.1:9001/v1/payments/batches Bearer demo-key',
      'http://far:1/v1/payments/batches Bearer mine',
      'http://far:1/v1/payments/batches Bearer of-a-file',
    ]);
  });
});

describe('what needs no running system', () => {
  test('corridors and rails are listed, for people and for programs', async () => {
    const { out } = await run(['corridors', '--country', 'ke']);
    expect(out.split('\n')[0]).toMatch(/^corridor +from +to/);
    expect(out).toMatch(/^KE-UG +KES +UGX/m);
    expect(out).not.toMatch(/^GH-NG/m);
    const json = JSON.parse((await run(['corridors', '--json'])).out) as { id: string }[];
    expect(json).toHaveLength(listCorridors().length);
    expect((await run(['rails', '--country', 'UG'])).out).toMatch(/^mtn-ug +mtn_momo/m);
  });

  test('the graphs are drawn', async () => {
    expect((await run(['graph'])).out).toMatch(/^graph TD;[\s\S]*exchange_rate -\.-> compliance;/m);
    expect((await run(['graph', '--of', 'cases'])).out).toContain('first_officer -.-> second_officer;');
  });
});

test('keys are made, listed and revoked', async () => {
  const database = await testDatabase();
  try {
    const env = { DATABASE_URL: database.url };
    const made = await run(
      ['keys', 'create', '--client', 'shop', '--principal', 'client:shop', '--scopes', 'payments:read', '--days', '1'],
      { env },
    );
    expect(made).toMatchObject({ code: 0 });
    expect(made.out).toMatch(/^capp_test_[0-9a-f]{12}_[0-9a-f]{48}$/);
    const id = /^id ([0-9a-f-]{36})/.exec(made.err)?.[1] ?? '';
    const secret = made.out.split('_')[3] ?? '?';

    const listed = await run(['keys', 'list'], { env });
    expect(listed.out).toMatch(new RegExp(`^${id} +shop +client:shop +[0-9a-f]{12} +in force`, 'm'));
    expect(listed.out).not.toContain(secret);

    expect(await run(['keys', 'revoke', id], { env })).toMatchObject({ code: 0, out: `revoked ${id}` });
    expect((await run(['keys', 'list'], { env })).out).toMatch(/ revoked /);
    expect(await run(['keys', 'revoke-token', id], { env })).toMatchObject({ code: 0, out: `revoked ${id}` });
    expect(await run(['keys', 'revoke-token', id], { env })).toMatchObject({ code: 0, out: `${id} was revoked before` });
    expect((await run(['keys', 'revoke-token', 'no-name'], { env })).err).toContain('usage_invalid');
    expect(await run(['keys', 'revoke', id], { env })).toMatchObject({ code: 2, err: 'capp: not_found: There is no such key in force.' });
  } finally {
    await database.close();
  }
});

test('logins are made and reset, and what was drawn before is not what is drawn then', async () => {
  const database = await testDatabase();
  try {
    const env = { DATABASE_URL: database.url };
    const made = await run(['users', 'create', '--client', 'shop', '--principal', 'officer:amina', '--roles', 'auditor', '--json'], {
      env,
    });
    const kept = async () => (await database.pool.query('select password_hash, totp_secret, roles from logins')).rows[0];
    const before = await kept();
    const reset = await run(['users', 'reset', 'officer:amina', '--json'], { env });
    expect([made.code, reset.code]).toEqual([0, 0]);
    const [first, second] = [JSON.parse(made.out), JSON.parse(reset.out)];
    expect(second).toMatchObject({ principal: 'officer:amina', password: expect.stringMatching(/^[\w-]{20}$/) });
    for (const field of ['password', 'secondFactor']) expect(second[field]).not.toBe(first[field]);
    const after = await kept();
    expect(after.roles).toEqual(before.roles);
    for (const field of ['password_hash', 'totp_secret']) expect(after[field]).not.toEqual(before[field]);
    expect(await isPassword(second.password, after.password_hash)).toBe(true);
    expect(await run(['users', 'reset', 'officer:nobody'], { env })).toMatchObject({ code: 2, err: expect.stringContaining('not_found') });
  } finally {
    await database.close();
  }
});

describe('migrate', () => {
  const floats = async (database: TestDatabase) =>
    (await database.pool.query<{ sum: bigint }>('select sum(balance)::bigint as sum from liquidity_pools')).rows[0]?.sum;
  const madeKey = (digit: number) => createHash('sha256').update(String(digit)).digest('hex');

  test('opens the books and keeps the demo keys, once', async () => {
    const database = await testDatabase();
    try {
      const env = { DATABASE_URL: database.url };
      expect(await run(['migrate'], { env })).toEqual({ code: 0, out: 'The database was up to date.', err: '' });
      const keys = await readFile(join(folder, 'demo-keys.json'), 'utf8');
      expect(JSON.parse(keys)).toHaveProperty(['officer:amina']);
      expect(await floats(database)).toBeGreaterThan(0n);
      expect(await run(['migrate', '--json'], { env })).toEqual({ code: 0, out: '{"applied":[]}', err: '' });
      expect(await readFile(join(folder, 'demo-keys.json'), 'utf8')).toBe(keys);
    } finally {
      await database.close();
    }
  });

  test.each([
    ['what is no JSON', '{', /is not a JSON object of amounts by rail\.$/],
    ['a rail that does not exist', '{"mpesa-xx": "1"}', /there is no rail "mpesa-xx"; see: capp rails$/],
    ['an amount that is none', '{"mpesa-ke": 1}', /the amount of mpesa-ke is not a text such as "2500000" in KES\.$/],
  ] as const)('takes no floats from %s', async (_what, text, expected) => {
    const file = join(folder, 'floats.json');
    await writeFile(file, text);
    const { code, out, err } = await run(['migrate', '--floats', file], { env: { DATABASE_URL: 'postgres://127.0.0.1:1/none' } });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^capp: config_invalid: [^\n]*$/);
    expect(err).toMatch(expected);
  });

  test('puts no money into the books of production that no operator holds, and makes no key', async () => {
    const database = await testDatabase();
    try {
      const names = ['CAPP_FIELD_KEY', 'CAPP_INDEX_KEY', 'CAPP_QUOTE_KEY', 'CAPP_KEY_PEPPER', 'CAPP_CALLBACK_KEY'];
      const secrets = Object.fromEntries(names.map((name, index) => [name, madeKey(index)]));
      const addresses = { DATABASE_URL: database.url, CAPP_PUBLIC_URL: 'https://capp.example' };
      const env = { ...addresses, CAPP_ENV: 'production', CAPP_OPERATORS_PATH: 'operators.json', ...secrets };
      expect(await run(['migrate'], { env })).toMatchObject({ code: 0, err: '' });
      expect(await floats(database)).toBe(0n);
      expect((await database.pool.query('select id from api_keys')).rows).toEqual([]);
      expect(await readdir(folder)).toEqual([]);

      const file = join(folder, 'floats.json');
      await writeFile(file, '{"mpesa-ke": "2500.50"}');
      expect(await run(['migrate', '--floats', file], { env })).toMatchObject({ code: 0, err: '' });
      await writeFile(file, '{"mpesa-ke": "9"}');
      expect(await run(['migrate', '--floats', file], { env })).toMatchObject({ code: 0, err: '' });
      expect(await floats(database)).toBe(250_050n);
      const pools = await database.pool.query("select target, low_water from liquidity_pools where id = 'mpesa-ke'");
      expect(pools.rows).toEqual([{ target: 250_050n, low_water: 50_010n }]);
    } finally {
      await database.close();
    }
  });
});
