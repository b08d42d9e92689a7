import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadCurrent, readCurrent, takeEdition } from './library.ts';
import { libraryIn, openSanctions } from './live.ts';
import { loadLists } from './load.ts';
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

const SDN = {
  name: 'sdn.csv',
  bytes: Buffer.from('90001,"DOE, Invented","individual","TEST",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n'),
};
const ALT = { name: 'ALT.CSV', bytes: Buffer.from('90001,1,aka,"ROE, Invented",-0- \n') };
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

  test('that kept its parties and lost their aliases, dates or numbers is refused', async () => {
    const rich = (aliases: number) => ({
      name: 'own.jsonl',
      bytes: Buffer.from(
        Array.from({ length: 60 }, (_, at) => {
          const names = [`Invented Person Number${at}`, ...(at < aliases ? [`Other Name Number${at}`] : [])];
          return JSON.stringify({ list: 'T', entryId: String(at), type: 'person', names, program: 'P' });
        }).join('\n'),
      ),
    });
    const takeRich = (aliases: number, options = OPTIONS) => takeEdition(libraryIn(dataDir), null, [rich(aliases)], options);
    await takeRich(60);
    await expect(takeRich(20)).rejects.toThrow(/T shrank from 120 to 80 names/);
    expect(await takeRich(55)).toHaveLength(1);
    expect(await takeRich(20, { ...OPTIONS, allowShrink: true })).toHaveLength(1);
  });

  const takeTables = (...files: (typeof SDN)[]) => takeEdition(libraryIn(dataDir), null, files, OPTIONS);

  test('of several tables that came without one the edition before had is refused', async () => {
    await takeTables(SDN, ALT);
    await expect(takeTables(SDN)).rejects.toThrow(/OFAC-SDN came without its alt.csv/);
    expect((await loadCurrent(libraryIn(dataDir)))[0]?.entries[0]?.names).toContain('Invented ROE');
  });

  test('of two owners who give their files one name holds both lists', async () => {
    const ofac =
      '<sdnList><publshInformation><Publish_Date>02/27/2026</Publish_Date></publshInformation><sdnEntry><uid>7</uid><lastName>RESTRICTED</lastName><sdnType>Entity</sdnType></sdnEntry></sdnList>';
    const un =
      '<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z"><INDIVIDUALS><INDIVIDUAL><FIRST_NAME>INVENTED</FIRST_NAME><REFERENCE_NUMBER>TEi.001</REFERENCE_NUMBER></INDIVIDUAL></INDIVIDUALS><ENTITIES/></CONSOLIDATED_LIST>';
    const files = [
      { name: 'ofac/consolidated.xml', bytes: Buffer.from(ofac) },
      { name: 'un/consolidated.xml', bytes: Buffer.from(un) },
    ];
    const changes = await takeEdition(libraryIn(dataDir), null, files, OPTIONS);
    expect(changes.map((change) => change.list).sort()).toEqual(['OFAC-CONS', 'UN-SC']);
    await expect(takeEdition(libraryIn(dataDir), null, [{ ...file(3), name: '../own.jsonl' }], OPTIONS)).rejects.toThrow(
      /not a name of a file/,
    );
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

  test('takes over what replaced the files at a path that was set, and keeps what it has while they are broken', async () => {
    const folder = join(dataDir, 'mounted');
    const put = (name: string, content: Uint8Array | string) => writeFile(join(folder, name), content);
    await mkdir(folder);
    await put('own.jsonl', file(3).bytes);
    const lists = await openSanctions({ dataDir, sanctionsPath: folder });
    expect(await lists.refresh()).toBe(false);
    await put('own.jsonl', file(5).bytes);
    expect(await lists.refresh()).toBe(true);
    expect(lists.find('T', '5')).not.toBeNull();
    expect(await lists.refresh()).toBe(false);
    await put('other.jsonl', file(2, 'U').bytes);
    expect(await lists.refresh()).toBe(true);
    expect(lists.find('U', '2')).not.toBeNull();
    await put('other.jsonl', '{');
    await expect(lists.refresh()).rejects.toThrow('config_invalid');
    await rm(folder, { recursive: true });
    await expect(lists.refresh()).rejects.toThrow('config_invalid');
    expect(lists.find('U', '2')).not.toBeNull();
  });

  describe('with lists at a path', () => {
    const own = () => join(dataDir, 'own.jsonl');
    const put = (count: number) => writeFile(own(), file(count).bytes);
    const open = (allowShrunk: readonly string[] = []) => openSanctions({ dataDir, sanctionsPath: own(), allowShrunk });

    test('keeps what it has when they lost much, and so does one that begins, until the version is named', async () => {
      await put(100);
      const lists = await open();
      const before = lists.version;
      await put(50);
      await expect(lists.refresh()).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringMatching(/T shrank from 100 to 50 entries.*CAPP_LISTS_ALLOW_SHRINK: T#[0-9a-f]{12}\./),
      });
      expect([lists.version, lists.find('T', '100') === null]).toEqual([before, false]);
      await expect(open()).rejects.toMatchObject({ field: 'CAPP_LISTS_ALLOW_SHRINK' });
      await expect(open(['T#000000000000'])).rejects.toMatchObject({ code: 'config_invalid' });
      const shrunk = (await loadLists(own()))[0]?.version ?? '';
      expect((await open([shrunk])).version).toBe(shrunk);
      // It is what is known from now on.
      expect((await open()).version).toBe(shrunk);
      await put(45);
      expect((await open()).describe().entries).toBe(45);
    });

    test('keeps what it has when one of them is gone, until its name is named', async () => {
      const folder = join(dataDir, 'mounted');
      await mkdir(folder);
      await writeFile(join(folder, 't.jsonl'), file(3).bytes);
      await writeFile(join(folder, 'u.jsonl'), file(2, 'U').bytes);
      const over = { dataDir, sanctionsPath: folder };
      const lists = await openSanctions(over);
      await rm(join(folder, 'u.jsonl'));
      await expect(lists.refresh()).rejects.toThrow(/U is not there any more/);
      expect(lists.find('U', '2')).not.toBeNull();
      await expect(openSanctions(over)).rejects.toThrow(/CAPP_LISTS_ALLOW_SHRINK: U\./);
      expect((await openSanctions({ ...over, allowShrunk: ['U'] })).find('U', '2')).toBeNull();
    });

    test('misses a table that came without what belonged to it, and takes another path as another choice', async () => {
      const table = join(dataDir, 'sdn.csv');
      await writeFile(table, SDN.bytes);
      await writeFile(join(dataDir, 'alt.csv'), ALT.bytes);
      const lists = await openSanctions({ dataDir, sanctionsPath: table });
      await rm(join(dataDir, 'alt.csv'));
      await expect(lists.refresh()).rejects.toThrow(/OFAC-SDN came without its alt.csv/);
      await put(3);
      expect((await open()).sample).toBe(false);
    });

    test('says so when what it remembers is broken', async () => {
      await put(3);
      await open();
      await writeFile(join(dataDir, 'sanctions-path.json'), '{');
      await expect(open()).rejects.toMatchObject({ code: 'config_invalid', detail: expect.stringContaining('sanctions-path.json') });
    });
  });

  test('that reads one table takes over what belongs to it', async () => {
    const table = join(dataDir, 'sdn.csv');
    await writeFile(table, '90001,"DOE, Invented","individual","TEST",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n');
    const lists = await openSanctions({ dataDir, sanctionsPath: table });
    await writeFile(join(dataDir, 'alt.csv'), '90001,1,aka,"ROE, Invented",-0- \n');
    expect(await lists.refresh()).toBe(true);
    expect(lists.find('OFAC-SDN', '90001')?.names).toContain('Invented ROE');
  });

  test('in production does not run without a list that is required', async () => {
    await take(3);
    const open = (required: string[], environment = 'production') => openSanctions({ dataDir, environment, required });
    await expect(open(['T', 'UN-SC', 'EU'])).rejects.toThrow(/UN-SC, EU not there/);
    expect((await open(['T'])).sample).toBe(false);
    expect((await open(['UN-SC'], 'development')).sample).toBe(false);
    const own = join(dataDir, 'own.jsonl');
    await writeFile(own, file(3).bytes);
    await expect(openSanctions({ dataDir, environment: 'production', required: ['EU'], sanctionsPath: own })).rejects.toThrow(
      /EU not there/,
    );
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
