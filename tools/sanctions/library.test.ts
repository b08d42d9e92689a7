import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadCurrent, readCurrent, takeEdition } from './library.ts';
import { libraryIn, openSanctions } from './live.ts';
import { listSources } from './sources.ts';

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'capp-library-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const OPTIONS = { nowMs: 1_000, allowShrink: false };

function file(parties: number, list = 'T') {
  const rows = Array.from({ length: parties }, (_, at) =>
    JSON.stringify({ list, entryId: String(at + 1), type: 'person', names: [`Invented Person Number${at + 1}`], program: 'P' }),
  );
  return { name: 'own.jsonl', bytes: Buffer.from(rows.join('\n')) };
}

const take = (parties: number, options = OPTIONS) => takeEdition(libraryIn(dataDir), null, [file(parties)], options);

describe('an edition', () => {
  test('comes into force with what changed', async () => {
    expect(await take(30)).toMatchObject([{ list: 'T', before: null, entries: 30 }]);
    const [change] = await take(32);
    expect(change?.added.map((entry) => entry.entryId)).toEqual(['31', '32']);
    expect(change?.removed).toEqual([]);
    expect((await loadCurrent(libraryIn(dataDir))).map((list) => [list.name, list.entries.length, list.takenAtMs])).toEqual([
      ['T', 32, 1_000],
    ]);
    expect(await readdir(join(libraryIn(dataDir), 'editions'))).toHaveLength(2);
  });

  test('once more changes nothing but its age', async () => {
    await take(30);
    expect(await take(30, { ...OPTIONS, nowMs: 2_000 })).toEqual([]);
    expect(await readCurrent(libraryIn(dataDir))).toMatchObject([{ entries: 30, takenAtMs: 2_000 }]);
    expect(await readdir(join(libraryIn(dataDir), 'editions'))).toHaveLength(1);
  });

  test('that shrank suspiciously is refused, and the old one stays', async () => {
    await take(300);
    await expect(take(200)).rejects.toThrow(/shrank from 300 to 200/);
    expect(await readCurrent(libraryIn(dataDir))).toMatchObject([{ entries: 300 }]);
    expect(await readdir(join(libraryIn(dataDir), 'editions'))).toHaveLength(1);
    expect(await take(200, { ...OPTIONS, allowShrink: true })).toMatchObject([{ entries: 200 }]);
  });

  test.each([
    ['broken', { name: 'own.jsonl', bytes: Buffer.from('{') }, null, /line 1: not a JSON object/],
    ['another list', file(3), 'UN-SC', /fetched for UN-SC is T/],
  ])('that is %s is refused, and leaves nothing behind', async (_, bad, wanted, message) => {
    await take(30);
    await expect(takeEdition(libraryIn(dataDir), wanted, [bad], OPTIONS)).rejects.toThrow(message);
    expect(await readCurrent(libraryIn(dataDir))).toMatchObject([{ entries: 30 }]);
    expect(await readdir(join(libraryIn(dataDir), 'editions'))).toHaveLength(1);
  });
});

describe('a running process', () => {
  test('takes a new edition over when it looks, and keeps the old one when it cannot be read', async () => {
    const lists = await openSanctions({ dataDir });
    expect(lists.sample).toBe(true);
    expect(await lists.refresh()).toBe(false);
    await take(30);
    expect(await lists.refresh()).toBe(true);
    expect(lists.sample).toBe(false);
    expect(lists.screen(['Invented Person Number7'])[0]?.[0]).toMatchObject({ entryId: '7', how: 'exact' });
    const current = join(libraryIn(dataDir), 'current.json');
    const before = await readFile(current, 'utf8');
    await writeFile(current, before.replace('editions/', 'elsewhere/'));
    await expect(lists.refresh()).rejects.toThrow('config_invalid');
    expect(lists.find('T', '30')).not.toBeNull();
  });

  test('in production refuses to run on the sample, and runs on the library', async () => {
    await expect(openSanctions({ dataDir, environment: 'production' })).rejects.toThrow(/capp lists update/);
    await take(3);
    expect((await openSanctions({ dataDir, environment: 'production' })).sample).toBe(false);
  });
});

test('addresses are the owners’ own unless they are set', () => {
  const of = (env: Record<string, string>, list: string) =>
    listSources(env)
      .find((source) => source.list === list)
      ?.files.map((each) => each.url);
  expect(of({}, 'EU')).toEqual([]);
  expect(of({ CAPP_LISTS_EU_URL: 'https://example.org/eu.csv' }, 'EU')).toEqual(['https://example.org/eu.csv']);
  expect(of({ CAPP_LISTS_OFAC_SDN_URL: 'https://example.org/x/SDN.CSV' }, 'OFAC-SDN')).toEqual([
    'https://example.org/x/SDN.CSV',
    'https://example.org/x/ALT.CSV',
    'https://example.org/x/SDN_COMMENTS.CSV',
  ]);
});
