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
      { line: 3, code: 'malformed_body', field: null },
      { line: 4, id: 'c', code: 'name_missing', field: 'name' },
      { id: 4, hit: true, matches: [{ entryId: '8' }] },
      { id: 'd', hit: false, score: 0, matches: [] },
    ]);
    expect(Object.keys(answers[0])).toEqual(['id', 'hit', 'score', 'matches']);
    expect(answers[0].matches[0].why).toContain('born on the same day');
  });

  test.each<[string, unknown, object]>([
    ['no object', ['Jefferson Wakulima'], { code: 'validation_failed', field: null }],
    ['no id', { name: 'Jefferson Wakulima' }, { code: 'validation_failed', field: 'id' }],
    ['an empty id', { id: '', name: 'Jefferson Wakulima' }, { code: 'validation_failed', field: 'id' }],
    ['a name that is no text', { id: 1, name: 42 }, { id: 1, code: 'validation_failed', field: 'name' }],
    ['no name', { id: 1, name: null }, { id: 1, code: 'name_missing', field: 'name' }],
    ['an empty name', { id: 1, name: ' ' }, { id: 1, code: 'name_missing', field: 'name' }],
    ['a name that shows nothing', { id: 1, name: '\u200b\u2060' }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['a name of pictures', { id: 1, name: '🙂🙂' }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['10,000 characters', { id: 1, name: 'Jefferson '.repeat(1_000) }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['17 words', { id: 1, name: `${'x '.repeat(15)}Jefferson Wakulima` }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['a word of 41 letters', { id: 1, name: `${'x'.repeat(32)}Jefferson` }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['nothing to compare', { id: 1, name: '(formerly)' }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['half a character', { id: 1, name: 'Jeff\ufffdrson' }, { id: 1, code: 'name_invalid', field: 'name' }],
    ['a date that is a number', { id: 1, name: 'A B', dateOfBirth: 1961 }, { id: 1, code: 'validation_failed', field: 'dateOfBirth' }],
  ])('refuses a row with its line, field and code, and says nothing of what stands in it: %s', async (_, row, refusal) => {
    await writeFile(path('lists.jsonl'), LISTS.join('\n'));
    await writeFile(path('in.jsonl'), `${JSON.stringify(row)}\n{"id":"z","name":"Jefferson Otieno Wakulima"}`);
    const files = ['--input', path('in.jsonl'), '--output', path('out.jsonl'), '--lists', path('lists.jsonl')];
    expect((await run(['screen', ...files])).code).toBe(1);
    const [first, second] = (await readFile(path('out.jsonl'), 'utf8')).trim().split('\n');
    expect(JSON.parse(first ?? '')).toEqual({ line: 1, ...refusal, error: expect.stringMatching(/\.$/) });
    expect(first).not.toMatch(/Wakulima|Jefferson/);
    expect(JSON.parse(second ?? '')).toMatchObject({ id: 'z', hit: true });
  });

  test.each<[string, object, string]>([
    ['letters of width zero', { name: 'Jeffer\u200bson Wakulima' }, 'name_obscured'],
    ['letters of another script', { name: 'Jеfferson Wakulima' }, 'name_obscured'],
    ['an override', { name: '\u202eamilukaW nosreffeJ' }, 'name_obscured'],
    ['a type nobody knows', { name: 'Jefferson Wakulima', type: 'starship' }, 'type_ignored'],
    ['a date nobody knows', { name: 'Jefferson Wakulima', dateOfBirth: 'long ago' }, 'date_of_birth_ignored'],
    ['a type that says both', { name: 'Jefferson Wakulima', type: 'Individual company' }, 'type_ignored'],
    ['a type that only begins like one', { name: 'Jefferson Wakulima', type: 'Companion' }, 'type_ignored'],
    [
      'a document number that tells nothing',
      { name: 'Jefferson Wakulima', documentNumber: ['AB-1', 'A1234567'] },
      'document_number_ignored',
    ],
    ['a country nobody knows', { name: 'Jefferson Wakulima', country: 'Wakanda' }, 'country_ignored'],
  ])('screens all the same, and warns of %s', async (_, row, warning) => {
    await writeFile(path('lists.jsonl'), LISTS.join('\n'));
    await writeFile(path('in.jsonl'), JSON.stringify({ id: 'a', ...row }));
    const files = ['--input', path('in.jsonl'), '--output', path('out.jsonl'), '--lists', path('lists.jsonl')];
    expect((await run(['screen', ...files])).code).toBe(0);
    const answer = JSON.parse(await readFile(path('out.jsonl'), 'utf8'));
    expect(answer.warnings.map((each: { code: string }) => each.code)).toEqual([warning]);
    expect(answer.hit).toBe(true);
  });

  test.each([
    ['Person', true, false],
    ['natural_person', true, false],
    ['individuals', true, false],
    ['Natural resources company', false, true],
    ['Personal company', false, true],
    ['Legal person', false, true],
    ['', true, true],
    ['natural gas', true, true],
  ])('of type %j: people %s, organisations %s', async (type, persons, organisations) => {
    await writeFile(path('lists.jsonl'), LISTS.join('\n'));
    const rows = ['Jefferson Otieno Wakulima', 'Kivuland Minerals Trading'].map((name, id) => JSON.stringify({ id, name, type }));
    await writeFile(path('in.jsonl'), rows.join('\n'));
    const files = ['--input', path('in.jsonl'), '--output', path('out.jsonl'), '--lists', path('lists.jsonl')];
    expect((await run(['screen', ...files])).code).toBe(0);
    const answers = (await readFile(path('out.jsonl'), 'utf8')).trim().split('\n');
    expect(answers.map((line) => JSON.parse(line).hit)).toEqual([persons, organisations]);
  });

  test('refuses a line that is no UTF-8 or too long, and goes on behind it', async () => {
    await writeFile(path('lists.jsonl'), LISTS.join('\n'));
    const long = JSON.stringify({ id: 2, name: 'Jefferson Wakulima', country: 'K'.repeat(20_000) });
    const listed = '{"id":3,"name":"Jefferson Otieno Wakulima"}';
    await writeFile(
      path('in.jsonl'),
      Buffer.concat([Buffer.from('{"id":1,"name":"Jeff'), Buffer.from([0xe9]), Buffer.from(`"}\n${long}\n${listed}`)]),
    );
    const files = ['--input', path('in.jsonl'), '--output', path('out.jsonl'), '--lists', path('lists.jsonl')];
    expect((await run(['screen', ...files])).code).toBe(1);
    const answers = (await readFile(path('out.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { line: 1, code: 'malformed_body', field: null },
      { line: 2, code: 'row_too_large', field: null },
      { id: 3, hit: true },
    ]);
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
    expect([missing.code, missing.err]).toEqual([2, expect.stringMatching(/file_unreadable: There is no file .*none\./)]);
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
    expect((await run(['lists', 'update', '--from', path('own.jsonl')])).out).toMatch(
      /0 added, 1 removed and 0 changed[\s\S]*- 8 {2}Kivuland/,
    );
    await writeFile(path('own.jsonl'), (LISTS[0] ?? '').replace('1961', '1962'));
    expect((await run(['lists', 'update', '--from', path('own.jsonl')])).out).toMatch(
      /0 added, 0 removed and 1 changed[\s\S]*~ 7 {2}Jefferson/,
    );
    expect(JSON.parse((await run(['lists', 'show', '--json'])).out)).toMatchObject({ editions: [{ list: 'T', entries: 1 }] });
  });

  test('one list that cannot be had does not keep the others from being fresh', async () => {
    const uk = 'Report Date: 23-Sep-2026\nUnique ID,Name 6,Name 1,Name type,Designation Type\nT1,PERSON,Invented,Primary Name,Individual\n';
    const dial: typeof fetch = async (url) => (String(url).includes('UK') ? new Response(uk) : new Response('', { status: 503 }));
    const { code, out } = await run(['lists', 'update', 'UK', 'UN-SC'], dial);
    expect(code).toBe(2);
    expect(out).toMatch(/UK@2026-09-23#[0-9a-f]{12}: 1 entries[\s\S]*UN-SC: not updated\. .* could not be fetched/);
  });

  test('says which lists it did not fetch and why, and shows every change to whoever asks', async () => {
    const away: typeof fetch = async () => new Response('', { status: 503 });
    const { out } = await run(['lists', 'update'], away);
    expect(out).toContain('EU: not fetched, its address is not known. Set CAPP_LISTS_EU_URL, or take it with --from.');
    expect(JSON.parse((await run(['lists', 'update', '--json'], away)).out).skipped).toContainEqual({
      list: 'EU',
      setting: 'CAPP_LISTS_EU_URL',
    });
    const rows = Array.from({ length: 15 }, (_, at) =>
      JSON.stringify({ list: 'T', entryId: `E${at}`, type: 'person', names: [`Invented Person Number${at}`], program: 'P' }),
    );
    await writeFile(path('own.jsonl'), rows.slice(0, 1).join('\n'));
    await run(['lists', 'update', '--from', path('own.jsonl')]);
    await writeFile(path('own.jsonl'), rows.join('\n'));
    const [json] = JSON.parse((await run(['lists', 'update', '--from', path('own.jsonl'), '--json'])).out).changes;
    expect(json).toMatchObject({ added: 14, removed: 0, ids: { removed: [], changed: [] } });
    expect(json.ids.added).toHaveLength(14);
    await writeFile(path('own.jsonl'), rows.slice(0, 1).join('\n'));
    expect((await run(['lists', 'update', '--from', path('own.jsonl')])).out).toMatch(/- and 4 more; --all shows them/);
    await writeFile(path('own.jsonl'), rows.join('\n'));
    const all = (await run(['lists', 'update', '--from', path('own.jsonl'), '--all'])).out;
    expect(all).toContain('+ E14  Invented Person Number14');
  });

  test('refuses a file that is no list, and shows it as it was', async () => {
    await writeFile(path('own.jsonl'), LISTS.join('\n'));
    await run(['lists', 'update', '--from', path('own.jsonl')]);
    await writeFile(path('broken.jsonl'), '{"list":"T"');
    const { code, out, err } = await run(['lists', 'update', '--from', path('broken.jsonl')]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^capp: [a-z_]+: broken\.jsonl, line 1/);
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
