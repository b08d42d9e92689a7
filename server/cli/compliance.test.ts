/** The commands of compliance, against the API and the database they work on. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seedRules } from '../../agents/compliance/index.ts';
import { NIGHT_OWL } from '../../agents/compliance/rules/testing.ts';
import { withTransaction } from '../../db/connect.ts';
import { newId } from '../../domain/ids.ts';
import { loadReportingEntities } from '../../tools/reports/index.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from '../api/testing.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let api: TestApi;
let folder: string;
let paymentId: string;
let caseId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-compliance-'));
  api = await startTestApi({ reportingEntities: await loadReportingEntities(null, 'development') });
  await withTransaction(api.pool, (tx) => seedRules(tx, api.clock.now()));
  const scopes = ['rules:read', 'rules:write', 'rules:approve', 'reports:read', 'reports:write', 'cases:read', 'cases:decide'] as const;
  const keys = Object.fromEntries(
    await Promise.all(
      ['officer:amina', 'officer:kofi'].map(async (name) => [name, await api.makeKey(api.clients.acme, name, scopes)] as const),
    ),
  );
  await writeFile(join(folder, 'demo-keys.json'), JSON.stringify(keys));
  paymentId = (await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf('cli-1') }))).id;
  caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at)
     values ($1, $2, $3, 60, '[{"code":"structuring","text":"Below a threshold."}]', '{}', $4, now())`,
    [caseId, api.clients.acme, paymentId, 'e'.repeat(64)],
  );
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

/** Runs a command line against the API of this test. */
async function run(...line: string[]) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: api.url, CAPP_URL: 'http://capp.test' } });
  const dial = (async (input: string | URL | Request, init?: RequestInit) =>
    api.api.app.request(String(input).replace('http://capp.test', ''), init)) as typeof fetch;
  const code = await runCli(line, terminal, dial);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

const place = (name: string): string => join(folder, name);

describe('capp reports', () => {
  test('makes, lists, reads and files a report', async () => {
    expect(await run('reports', 'list')).toEqual({ code: 0, out: 'There are no such reports.', err: '' });
    const made = await run('reports', 'make', 'str', '--case', caseId, '--country', 'KE', '--out', place('str.xml'), '--json');
    expect([made.code, made.err]).toEqual([0, '']);
    const report = JSON.parse(made.out) as { id: string; madeBy: string };
    expect(report.madeBy).toBe('officer:amina');
    expect(await readFile(place('str.xml'), 'utf8')).toContain('<indicator>SPOS</indicator>');
    expect((await run('reports', 'list', '--kind', 'str', '--open')).out).toMatch(
      new RegExp(`^${report.id} +str +KE +.* officer:amina`, 'm'),
    );
    expect((await run('reports', 'get', report.id, '--out', place('again.xml'))).out).toMatch(/again\.xml: str for KE, .*due /);
    expect(await readFile(place('again.xml'), 'utf8')).toBe(await readFile(place('str.xml'), 'utf8'));
    const filed = await run('reports', 'filed', report.id, '--reference', 'FRC-118', '--as', 'officer:kofi');
    expect(filed.out).toMatch(/^Filed on .* by officer:kofi\.$/);
    expect((await run('reports', 'list', '--open')).out).toBe('There are no such reports.');
    expect(await run('reports', 'filed', report.id)).toMatchObject({ code: 2, err: expect.stringMatching(/^capp: report_filed: /) });
  });

  test.each([
    ['a kind that there is not', ['make', 'xyz'], /^capp: usage_invalid: .*It must be one of str, sar/],
    ['a suspicion without its case', ['make', 'str', '--country', 'KE'], /^capp: usage_invalid: A report of the kind str needs --case\.$/],
    [
      'a suspicion of two things',
      ['make', 'sar', '--finding', newId(), '--case', newId(), '--country', 'KE'],
      /^capp: usage_invalid: .*or of one finding/,
    ],
    ['a transaction of a finding', ['make', 'str', '--finding', newId(), '--country', 'KE'], /^capp: usage_invalid: .*one payment\.$/],
    ['thresholds without a day', ['make', 'ctr', '--country', 'NG'], /needs --from\.$/],
    ['a case that there is not', ['make', 'str', '--case', newId(), '--country', 'KE'], /^capp: not_found: /],
    ['a report that there is not', ['get', newId()], /^capp: not_found: /],
    ['an officer without a demo key', ['list', '--as', 'officer:nobody'], /^capp: config_invalid: There is no demo key of officer:/],
  ] as const)('refuses %s', async (_what, line, expected) => {
    const { code, out, err } = await run('reports', ...line);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(expected);
    expect(err).not.toContain('\n');
  });

  test('says when the file cannot be written', async () => {
    const line = ['reports', 'make', 'travel_rule', '--payment', paymentId, '--out', place('no/where.json')];
    expect(await run(...line)).toMatchObject({ code: 2, err: expect.stringMatching(/^capp: storage_unwritable: .* cannot be written\.$/) });
  });
});

describe('capp rules', () => {
  test('drafts, tries, brings to life and ends a rule, each step by whom it must be', async () => {
    await writeFile(place('rule.json'), JSON.stringify(NIGHT_OWL));
    expect((await run('rules', 'list', '--status', 'draft')).out.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^In force: rules-/),
    ]);
    expect((await run('rules', 'draft', place('rule.json'), '--note', 'A test')).out).toBe('night_owl@1 is draft');
    expect((await run('rules', 'list', '--status', 'draft')).out).toMatch(/^night_owl +1 +draft +flag +velocity +Three in an hour/m);
    expect((await run('rules', 'submit', 'night_owl@1')).out).toBe('night_owl@1 is shadow');
    expect(await run('rules', 'approve', 'night_owl@1')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^capp: maker_is_checker: /),
    });
    expect((await run('rules', 'approve', 'night_owl@1', '--as', 'officer:kofi')).out).toBe('night_owl@1 is live');
    expect((await run('rules', 'retire', 'night_owl@1')).out).toBe(
      'night_owl@1 is live; officer:amina asked for its end, a second person must agree',
    );
    expect(JSON.parse((await run('rules', 'retire', 'night_owl@1', '--as', 'officer:kofi', '--json')).out)).toMatchObject({
      status: 'retired',
    });
    expect((await run('rules', 'show', 'night_owl')).out).toMatch(
      /^night_owl@1 {2}retired[\s\S]*made by officer:amina[\s\S]*brought to life by officer:kofi[\s\S]*ended by officer:kofi/,
    );
  });

  test('tries a rule on what happened: nothing on an empty history, and examples on a file', async () => {
    await writeFile(
      place('trial.json'),
      JSON.stringify({ ...NIGHT_OWL, id: 'all', when: { field: 'payment.fromCountry', is: '=', value: 'KE' } }),
    );
    expect((await run('rules', 'backtest', '--rules', place('trial.json'))).out).toMatch(
      /^0 decisions made again\.[\s\S]*Nothing would change\.$/,
    );
    const row = {
      id: 'p1',
      at: '2026-11-01T10:00:00Z',
      from: 'a',
      to: 'b',
      amount: '500',
      currency: 'KES',
      fromCountry: 'KE',
      toCountry: 'UG',
    };
    await writeFile(place('past.jsonl'), JSON.stringify(row));
    const found = await run('rules', 'backtest', '--rules', place('trial.json'), '--input', place('past.jsonl'));
    expect(found.out).toMatch(/^1 decisions made again\.[\s\S]*Would change: clear → flag 1\.[\s\S]* p1 {2}clear → flag/);
  });

  test.each([
    ['a version that is none', ['submit', 'night_owl'], /^capp: config_invalid: night_owl is not id@version/],
    ['a file that is not there', ['draft', 'none.json', '--note', 'x'], /^capp: config_invalid: none\.json cannot be read\.$/],
    ['a draft without a word why', ['draft', 'none.json'], /^capp: usage_invalid: required option '--note/],
    ['a rule that there is not', ['show', 'nothing'], /^capp: not_found: /],
    ['a principal without a demo key', ['list', '--as', 'officer:nobody'], /^capp: config_invalid: There is no demo key of officer:nobody/],
    ['a country that is none', ['backtest', '--country', 'XX'], /^capp: config_invalid: XX is not a country/],
    ['a day that is none', ['backtest', '--since', 'soon'], /^capp: config_invalid: soon is not a moment/],
    ['a trial of a rule that there is not', ['backtest', '--rule', 'nothing@1'], /^capp: not_found: There is no rule nothing@1\.$/],
  ] as const)('refuses %s', async (_what, line, expected) => {
    const { code, out, err } = await run('rules', ...line);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(expected);
  });

  test('refuses a file that is no JSON, and one that is no rule', async () => {
    await writeFile(place('broken.json'), '{');
    expect((await run('rules', 'draft', place('broken.json'), '--note', 'x')).err).toMatch(/^capp: config_invalid: .* is not JSON\.$/);
    await writeFile(place('no-rule.json'), '{"id":"x"}');
    expect((await run('rules', 'draft', place('no-rule.json'), '--note', 'x')).err).toMatch(/^capp: rule_invalid: /);
  });
});

describe('capp investigator', () => {
  const turn = (state: 'on' | 'off', by: string) => run('investigator', state, '--by', by, '--reason', 'looks odd');

  test('is turned off by one person and on by another, and says how it stands', async () => {
    expect((await run('investigator', 'status')).out).toBe('The model is on, nobody ever turned it.\nToday: 0 calls, 0 tokens, 0.000 USD.');
    expect(await turn('off', 'operator:jane')).toEqual({ code: 0, out: 'The model is off.', err: '' });
    expect((await run('investigator', 'status')).out).toMatch(/^The model is off, by operator:jane on .*: looks odd\.\n/);
    expect((await turn('off', 'operator:joe')).err).toMatch(/^capp: switch_unchanged: /);
    expect(await turn('on', 'operator:jane')).toMatchObject({ code: 2, err: expect.stringMatching(/^capp: maker_is_checker: /) });
    expect((await turn('on', 'operator:joe')).out).toBe('The model is on.');
    const { rows } = await api.pool.query(`select actor, action from audit_events where subject = 'agent:investigator' order by id`);
    expect(rows).toEqual([
      { actor: 'operator:jane', action: 'agent.switched_off' },
      { actor: 'operator:joe', action: 'agent.switched_on' },
    ]);
  });

  test('is not turned without a name or a reason, nor where there is no data', async () => {
    expect((await run('investigator', 'off', '--by', 'operator:jane')).err).toMatch(/^capp: usage_invalid: required option '--reason/);
    expect((await run('investigator', 'off', '--reason', 'x')).err).toMatch(/^capp: usage_invalid: required option '--by/);
    const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: place('nothing') } });
    expect(await runCli(['investigator', 'status'], terminal, fetch)).toBe(2);
    expect(terminal.errLines.join()).toMatch(/^capp: not_found: There is no data under /);
  });
});

describe('capp cases', () => {
  test('lists what the API has, an empty queue in words, and refuses what is none', async () => {
    expect((await run('cases', 'list')).out).toContain(caseId);
    expect((await run('cases', 'list', '--status', 'released')).out).toBe('no cases');
    expect((await run('cases', 'list', '--kind', 'lost')).err).toMatch(/^capp: usage_invalid: /);
    expect((await run('cases', 'show', newId())).err).toMatch(/^capp: not_found: /);
    expect((await run('cases', 'claim', caseId)).out).toMatch(/^claimed by officer:amina until /);
    expect((await run('cases', 'claim', caseId, '--as', 'officer:kofi')).err).toMatch(/^capp: case_claimed: /);
  });
});
