import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-screen-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);

async function run(
  line: readonly string[],
  dial: typeof fetch = () => Promise.reject(new TypeError('fetch failed')),
  env: Record<string, string> = {},
) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: path('data'), ...env } });
  const code = await runCli(line, terminal, dial);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

const LISTS = [
  { list: 'T', entryId: '7', type: 'person', names: ['Jefferson Otieno Wakulima'], program: 'P', dateOfBirth: '1961-03-04' },
  { list: 'T', entryId: '8', type: 'entity', names: ['Kivuland Minerals Trading SARL'], program: 'P' },
].map((row) => JSON.stringify(row));

describe('capp screen', () => {
  test('writes one answer a line, and goes on after lines that cannot be read', async () => {
    await writeFile(path('lists.jsonl'), LISTS.join('\n'));
    const rows = [
      '{"id":"a","name":"Jeferson Wakulima","type":"Person","dateOfBirth":"04 Mar 1961","country":"KE"}',
      '{"id":"b","name":"Amina Wanjiku"}',
      'nonsense',
      '{"id":"c"}',
      '',
      '{"id":4,"name":"Kivuland Minerals Trading Ltd"}',
      '{"id":"d","name":"Jefferson Otieno Wakulima","dateOfBirth":"1999"}',
    ];
    await writeFile(path('in.jsonl'), `\ufeff${rows.join('\r\n')}`);
    const { code, err } = await run(['screen', '--input', path('in.jsonl'), '--output', path('out.jsonl'), '--lists', path('lists.jsonl')]);
    expect(code).toBe(1);
    expect(err).toMatch(/^4 screened, 2 hits, 2 lines refused\./);
    const answers = (await readFile(path('out.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { id: 'a', hit: true, matches: [{ list: 'T', entryId: '7', name: 'Jefferson Otieno Wakulima' }] },
      { id: 'b', hit: false, score: 0, matches: [] },
      { line: 3, error: 'not a JSON object' },
      { line: 4, error: 'the field name is missing or not of its form' },
      { id: 4, hit: true, matches: [{ entryId: '8' }] },
      { id: 'd', hit: false, score: 0, matches: [] },
    ]);
    expect(Object.keys(answers[0])).toEqual(['id', 'hit', 'score', 'matches']);
    expect(answers[0].matches[0].why).toContain('born on the same day');
  });

  test('answers an empty file with an empty one, and wants to know both files', async () => {
    await writeFile(path('in.jsonl'), '\n\n');
    const { code, err } = await run(['screen', '--input', path('in.jsonl'), '--output', path('out.jsonl')]);
    expect([code, err]).toEqual([0, expect.stringMatching(/^0 screened, 0 hits, 0 lines refused\./)]);
    expect(await readFile(path('out.jsonl'), 'utf8')).toBe('');
    const without = await run(['screen', '--input', path('in.jsonl')]);
    expect([without.code, without.err]).toEqual([2, expect.stringMatching(/usage_invalid: required option '--output/)]);
    const lists = await run(['screen', '--input', path('in.jsonl'), '--output', path('out.jsonl'), '--lists', path('none')]);
    expect([lists.code, lists.err]).toEqual([2, expect.stringContaining('config_invalid')]);
  });

  test('says in one line what cannot be read or written', async () => {
    await writeFile(path('in.jsonl'), '{"id":1,"name":"A B"}');
    const missing = await run(['screen', '--input', path('none'), '--output', path('out')]);
    expect([missing.code, missing.err]).toEqual([2, expect.stringMatching(/config_invalid: .*none cannot be read/)]);
    const unwritable = await run(['screen', '--input', path('in.jsonl'), '--output', path('no/out')]);
    expect([unwritable.code, unwritable.err]).toEqual([2, expect.stringMatching(/storage_unwritable: .*cannot be written/)]);
  });
});

describe('capp lists', () => {
  test('takes lists from files, shows what is in force, and screens by them', async () => {
    await writeFile(path('own.jsonl'), LISTS.join('\n'));
    expect((await run(['lists', 'show'])).out).toContain('the built-in sample is in force');
    expect((await run(['lists', 'update', '--from', path('own.jsonl')])).out).toMatch(/^T#[0-9a-f]{12}: 2 entries, the first edition\.$/);
    expect((await run(['lists', 'update', '--from', path('own.jsonl')])).out).toBe('Nothing has changed.');
    await writeFile(path('own.jsonl'), LISTS.slice(0, 1).join('\n'));
    expect((await run(['lists', 'update', '--from', path('own.jsonl')])).out).toMatch(/0 added and 1 removed[\s\S]*- 8 {2}Kivuland/);
    expect(JSON.parse((await run(['lists', 'show', '--json'])).out)).toMatchObject({ editions: [{ list: 'T', entries: 1 }] });
  });

  test('one list that cannot be had does not keep the others from being fresh', async () => {
    const uk = 'Report Date: 23-Sep-2026\nUnique ID,Name 6,Name 1,Name type,Designation Type\nT1,PERSON,Invented,Primary Name,Individual\n';
    const dial: typeof fetch = async (url) => (String(url).includes('UK') ? new Response(uk) : new Response('', { status: 503 }));
    const { code, out } = await run(['lists', 'update', 'UK', 'UN-SC'], dial);
    expect(code).toBe(2);
    expect(out).toMatch(/UK@2026-09-23#[0-9a-f]{12}: 1 entries[\s\S]*UN-SC: not updated\. .* could not be fetched/);
  });

  test('refuses a file that is no list, and shows it as it was', async () => {
    await writeFile(path('own.jsonl'), LISTS.join('\n'));
    await run(['lists', 'update', '--from', path('own.jsonl')]);
    await writeFile(path('broken.jsonl'), '{"list":"T"');
    const { code, out, err } = await run(['lists', 'update', '--from', path('broken.jsonl')]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^capp: [a-z_]+: .*broken\.jsonl/);
    expect((await run(['lists', 'update', '--from', path('none')])).err).toMatch(/^capp: config_invalid: .*none cannot be read\.$/);
    expect(JSON.parse((await run(['lists', 'show', '--json'])).out)).toMatchObject({ editions: [{ list: 'T', entries: 2 }] });
  });

  test.each([
    ['a list nobody knows', 'MARS', /There is no list MARS/],
    ['a list whose address is not known', 'EU', /set CAPP_LISTS_EU_URL/],
  ])('refuses %s', async (_, name, message) => {
    const { code, err } = await run(['lists', 'update', name]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
