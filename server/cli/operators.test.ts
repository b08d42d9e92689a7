import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { text } from 'node:stream/consumers';
import { systemClock } from '../../domain/clock.ts';
import { RAILS } from '../../domain/network.ts';
import { createSandbox } from '../../sandbox/sandbox.ts';
import { startRedis } from '../../tests/setup/redis.ts';
import { createOperators } from '../../tools/mmo/registry.ts';
import { startTestApi } from '../api/testing.ts';
import { balanceDoors } from '../compose.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

async function parse(operator: string, content: string, ...more: string[]) {
  const path = join(mkdtempSync(join(tmpdir(), 'capp-parse-')), 'message.json');
  writeFileSync(path, content);
  const terminal = recordedTerminal();
  const code = await runCli(['operators', 'parse', operator, path, ...more], terminal);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

it('prints the event of a message as one line of JSON', async () => {
  const { code, out } = await parse(
    'mtn-ug',
    '{"externalId":"x","status":"SUCCESSFUL","financialTransactionId":"9","amount":"100","currency":"UGX","payer":{}}',
  );
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    operator: 'mtn-momo',
    kind: 'collection',
    outcome: 'succeeded',
    amount: { minor: '100', currency: 'UGX' },
  });
});

it('takes the currency from the command line where the message names none', async () => {
  const body = '{"data":{"payToken":"T","status":"SUCCESSFULL","txnid":"X","amount":100}}';
  expect(JSON.parse((await parse('orange-money', body, '--currency', 'xof')).out)).toMatchObject({
    amount: { minor: '100', currency: 'XOF' },
  });
});

it.each([
  ['mpesa', '<html>', 'malformed_body'],
  ['mpesa', '{"hello":1}', 'malformed_body'],
  ['mpesa', '', 'malformed_body'],
  ['nobody', '{}', 'operator_unknown'],
])('%s %s ends with 2 and a code', async (operator, content, code) => {
  const result = await parse(operator, content);
  expect(result.code).toBe(2);
  expect(result.err).toMatch(new RegExp(`^capp: ${code}: `));
  expect(result.out).toBe('');
});

it('registers the addresses for customers who pay by themselves, once', async () => {
  const [sandbox, database] = await Promise.all([createSandbox({ port: 0 }), testDatabase()]);
  try {
    const folder = mkdtempSync(join(tmpdir(), 'capp-register-'));
    writeFileSync(join(folder, 'operators.json'), JSON.stringify(sandbox.profiles()));
    const env = { CAPP_DATA_DIR: folder, CAPP_PUBLIC_URL: 'https://pay.example', DATABASE_URL: database.url };
    const register = async (...words: string[]) => {
      const terminal = recordedTerminal({ env });
      const code = await runCli(['operators', 'register', ...words], terminal);
      return [code, [...terminal.outLines, ...terminal.errLines].join('\n')];
    };
    expect(await register('mpesa-ke')).toEqual([0, '{"railId":"mpesa-ke","registered":"registered","pull":"registered"}']);
    expect(await register('mpesa-ke')).toEqual([0, '{"railId":"mpesa-ke","registered":"already","pull":"already"}']);
    // Without a number that stands for the organisation the statement stays closed, and whoever asks hears of it.
    const { 'mpesa-ke': mpesa, ...others } = sandbox.profiles() as { 'mpesa-ke': { pull: unknown } };
    writeFileSync(join(folder, 'operators.json'), JSON.stringify({ ...others, 'mpesa-ke': { ...mpesa, pull: undefined } }));
    expect(await register('mpesa-ke')).toEqual([2, '{"railId":"mpesa-ke","registered":"already","pull":"nominated_number_missing"}']);
    const [code, printed] = await register('airtel-ug');
    const { callbackUrl } = JSON.parse(String(printed)) as { callbackUrl: string };
    expect([code, callbackUrl]).toEqual([0, expect.stringMatching(/^https:\/\/pay\.example\/v1\/callbacks\/airtel-ug\/[0-9a-f]{64}$/)]);
    expect((await register('airtel-ke'))[1]).not.toContain(callbackUrl.slice(-64));
    // A key that stands in a file makes the addresses that it makes in a setting, and no others.
    const key = 'a1b2c3d4'.repeat(8);
    writeFileSync(join(folder, 'callback-key'), key, { mode: 0o600 });
    Object.assign(env, { CAPP_CALLBACK_KEY: key });
    const bySetting = await register('airtel-ug');
    Object.assign(env, { CAPP_CALLBACK_KEY: '', CAPP_CALLBACK_KEY_FILE: join(folder, 'callback-key') });
    expect(await register('airtel-ug')).toEqual(bySetting);
    expect(bySetting[1]).not.toContain(callbackUrl.slice(-64));
    Object.assign(env, { CAPP_CALLBACK_KEY_FILE: '' });
    expect(await register('mtn-ug')).toEqual([2, expect.stringMatching(/^capp: usage_invalid: /)]);
  } finally {
    await sandbox.close();
    await database.close();
  }
});

it('asks operators for our balance and for wallets, prints nothing of their holders, and makes API users at MTN', async () => {
  const [sandbox, database] = await Promise.all([
    createSandbox({ port: 0, openings: { 'mtn-ug': 5_000n, 'airtel-ug': 7_000n } }),
    testDatabase(),
  ]);
  try {
    const folder = mkdtempSync(join(tmpdir(), 'capp-ask-'));
    writeFileSync(join(folder, 'operators.json'), JSON.stringify(sandbox.profiles()));
    const ask = async (...words: string[]) => {
      const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: database.url } });
      const code = await runCli(['operators', ...words], terminal);
      return [code, [...terminal.outLines, ...terminal.errLines].join('\n')];
    };
    expect(await ask('balance', 'mtn-ug')).toEqual([0, '{"railId":"mtn-ug","balance":{"minor":"5000","currency":"UGX"}}']);
    expect(await ask('balance', 'airtel-ug')).toEqual([0, '{"railId":"airtel-ug","balance":{"minor":"7000","currency":"UGX"}}']);
    expect(await ask('balance', 'nowhere')).toEqual([2, expect.stringMatching(/^capp: usage_invalid: /)]);
    for (const [railId, phone, wallet] of [
      ['mtn-ug', '+256772554321', 'active'],
      ['mtn-ug', '0772550003', 'inactive'],
      ['mtn-ug', '+256772550000', 'absent'],
      ['airtel-ug', '+256752554321', 'active'],
      ['airtel-ug', '+256752600157', 'inactive'],
      ['airtel-ug', '+256752550000', 'absent'],
    ] as const)
      expect(await ask('wallet', railId, phone)).toEqual([0, JSON.stringify({ railId, wallet })]);
    expect(await ask('wallet', 'mpesa-ke', '+254712345678')).toEqual([2, expect.stringMatching(/^capp: usage_invalid: /)]);
    const [made, printed] = await ask('provision', 'mtn-ug', '--product', 'disbursement');
    expect([made, JSON.parse(String(printed))]).toEqual([
      0,
      { railId: 'mtn-ug', product: 'disbursement', apiUser: expect.any(String), apiKey: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
    expect(await ask('provision', 'airtel-ug')).toEqual([2, expect.stringMatching(/^capp: usage_invalid: /)]);
    const [code, said] = await ask('wallet', 'mtn-ug', '+254712345678');
    expect([code, String(said).includes('254712345678')]).toEqual([2, false]);
  } finally {
    await sandbox.close();
    await database.close();
  }
});

it('asks M-Pesa for our balance and waits for the message that tells it', async () => {
  const sandbox = await createSandbox({ port: 0, openings: { 'mpesa-ke': 123_400n } });
  const profiles = sandbox.profiles() as Record<string, Record<string, unknown>>;
  const operators = createOperators({ rails: RAILS, profiles, fetch, clock: systemClock });
  const api = await startTestApi({ balanceDoors: balanceDoors(operators) });
  const hear = async (request: IncomingMessage, response: ServerResponse) => {
    const told = await api.call(request.method ?? '', request.url ?? '', {
      key: null,
      body: await text(request),
      type: 'application/json',
    });
    response.writeHead(told.status).end(await told.text());
  };
  const own = createServer((request, response) => void hear(request, response)).listen(0, '127.0.0.1');
  try {
    await once(own, 'listening');
    const folder = mkdtempSync(join(tmpdir(), 'capp-balance-'));
    const CAPP_PUBLIC_URL = `http://127.0.0.1:${(own.address() as AddressInfo).port}`;
    const balance = async (settings: object) => {
      const rail = { ...profiles['mpesa-ke'], balance: settings };
      writeFileSync(join(folder, 'operators.json'), JSON.stringify({ ...profiles, 'mpesa-ke': rail }));
      const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: api.url, CAPP_PUBLIC_URL } });
      return [await runCli(['operators', 'balance', 'mpesa-ke'], terminal), ...terminal.outLines, ...terminal.errLines];
    };
    const told = [0, '{"railId":"mpesa-ke","balance":{"minor":"123400","currency":"KES"}}'];
    expect(await balance({})).toEqual(told);
    const { rows } = await api.pool.query('select account, amount, reason_code from operator_balances order by account');
    expect(rows).toEqual([
      { account: '174379', amount: 0n, reason_code: null },
      { account: '600992', amount: 123_400n, reason_code: null },
    ]);
    // A fresh one is not asked for again; where nothing is told in time there is none.
    own.close();
    expect(await balance({})).toEqual(told);
    const why = expect.stringMatching(/a message to CAPP_PUBLIC_URL/);
    expect(await balance({ freshForMs: 0, waitMs: 300 })).toEqual([2, '{"railId":"mpesa-ke","balance":null}', why]);
  } finally {
    own.close();
    await api.stop();
    await sandbox.close();
  }
});

it('lists what operators sent that was not used, and shows what one says to whoever is written down for it', async () => {
  const [sandbox, database] = await Promise.all([createSandbox({ port: 0 }), testDatabase()]);
  try {
    const folder = mkdtempSync(join(tmpdir(), 'capp-refused-'));
    // Where the settings point to somebody who answers with something else.
    const profiles = sandbox.profiles() as Record<string, Record<string, unknown>>;
    const page = createServer((_request, response) => response.end('<html>\u0007blocked</html>')).listen(0, '127.0.0.1');
    await once(page, 'listening');
    const baseUrl = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    writeFileSync(join(folder, 'operators.json'), JSON.stringify({ ...profiles, 'mtn-ug': { ...profiles['mtn-ug'], baseUrl } }));
    const operators = async (...words: string[]) => {
      const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: database.url } });
      const code = await runCli(['operators', ...words], terminal);
      return [code, [...terminal.outLines, ...terminal.errLines].join('\n')] as const;
    };
    expect(await operators('balance', 'mtn-ug')).toEqual([2, '{"railId":"mtn-ug","balance":null}']);
    page.close();
    await database.pool.query(
      `insert into operator_callbacks (rail_id, body, body_digest, source_address, received_at, processed_at, verdict, reason_code)
       values ('mpesa-ke', '\\x00', '\\x00', '192.0.2.7', now(), now(), 'quarantined', 'source_refused')`,
    );
    const [, table] = await operators('refused');
    const [, first, second] = table.split('\n').map((line) => line.replaceAll(/\s+/g, ' '));
    expect([first, second]).toEqual([
      expect.stringMatching(/ callback 1 mpesa-ke source_refused 192\.0\.2\.7 1$/),
      expect.stringMatching(/ answer 1 mtn-ug token unreadable_answer 1$/),
    ]);
    expect((await operators('refused', '--limit', '1'))[1].split('\n')).toHaveLength(2);
    expect(await operators('show', 'answer', '1')).toEqual([0, '<html>?blocked</html>']);
    expect(await operators('show', 'answer', '2')).toEqual([2, expect.stringMatching(/^capp: not_found: /)]);
    const { rows } = await database.pool.query("select actor, subject from audit_events where action = 'operator_answer.shown'");
    expect(rows).toEqual([{ actor: 'operator:command-line', subject: 'operator_answer:1' }]);
  } finally {
    await sandbox.close();
    await database.close();
  }
});

it('shows an operator no PIN that it has refused, for whatever it is asked, until a person lifts it', async () => {
  const [sandbox, database] = await Promise.all([createSandbox({ port: 0, openings: { 'orange-sn': 9_000n } }), testDatabase()]);
  try {
    const folder = mkdtempSync(join(tmpdir(), 'capp-pin-'));
    const profiles = sandbox.profiles() as Record<string, { payout: { pin: string } }>;
    const right = profiles['orange-sn']?.payout.pin ?? '';
    const settings = (pin: string) => {
      const { 'orange-sn': rail, ...others } = profiles;
      const changed = { ...others, 'orange-sn': { ...rail, payout: { ...rail?.payout, pin } } };
      writeFileSync(join(folder, 'operators.json'), JSON.stringify(changed));
    };
    const operators = async (...words: string[]) => {
      const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: database.url } });
      const code = await runCli(['operators', ...words], terminal);
      return [code, [...terminal.outLines, ...terminal.errLines].join('\n')];
    };
    const standings = async () =>
      (await database.pool.query<{ state: string }>('select state from operator_pins')).rows.map(({ state }) => state);
    const none = [2, '{"railId":"orange-sn","balance":null}'];
    settings('0000');
    expect(await operators('balance', 'orange-sn')).toEqual(none);
    expect(await standings()).toEqual(['refused']);
    expect(await operators('lift-pin', 'orange-sn')).toEqual([0, '{"railId":"orange-sn","lifted":1}']);
    settings(right);
    expect(await operators('balance', 'orange-sn')).toEqual([0, '{"railId":"orange-sn","balance":{"minor":"9000","currency":"XOF"}}']);
    // What a payout learnt counts for every question: the operator would tell, and is not asked.
    await database.pool.query("update operator_pins set state = 'refused'");
    expect(await operators('balance', 'orange-sn')).toEqual(none);
    expect(await operators('lift-pin', 'nowhere')).toEqual([2, expect.stringMatching(/^capp: usage_invalid: /)]);
  } finally {
    await sandbox.close();
    await database.close();
  }
});

it.each(['PostgreSQL', 'Redis'])(
  'asks under the token that the processes share through %s, for a new one of M-Pesa’s would end theirs',
  async (store) => {
    const [sandbox, database] = await Promise.all([createSandbox({ port: 0, openings: { 'mpesa-ke': 100n } }), testDatabase()]);
    const server = store === 'Redis' ? await startRedis() : null;
    const redis = server === null ? null : new Redis(server.url);
    try {
      const folder = mkdtempSync(join(tmpdir(), 'capp-token-'));
      writeFileSync(join(folder, 'operators.json'), JSON.stringify(sandbox.profiles()));
      const shared = { CAPP_DATA_DIR: folder, DATABASE_URL: database.url, CAPP_PUBLIC_URL: 'https://pay.example' };
      const env = server === null ? shared : { ...shared, REDIS_URL: server.url };
      const tokens = async () => {
        const { rows } = await database.pool.query<{ name: string; token: Buffer }>(
          'select name, token from operator_tokens order by name',
        );
        if (redis === null) return rows;
        expect(rows).toEqual([]);
        const names = (await redis.keys('*')).toSorted();
        return Promise.all(names.map(async (name) => ({ name, token: await redis.getBuffer(name) })));
      };
      const run = (...words: string[]) => runCli(['operators', ...words], recordedTerminal({ env }));
      expect(await run('register', 'mpesa-ke')).toBe(0);
      expect(await run('wallet', 'mtn-ug', '0772554321')).toBe(0);
      const first = await tokens();
      expect(first.map(({ name }) => /mpesa|mtn_momo/.exec(name)?.[0])).toEqual(['mpesa', 'mtn_momo']);
      expect(await run('register', 'mpesa-ke')).toBe(0);
      expect(await run('wallet', 'mtn-ug', '0772554321')).toBe(0);
      expect(await tokens()).toEqual(first);
    } finally {
      redis?.disconnect();
      await server?.stop();
      await sandbox.close();
      await database.close();
    }
  },
);
