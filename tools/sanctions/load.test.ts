import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSanctions } from './load.ts';

const SDN = `36,"AEROCARIBBEAN AIRLINES",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"a.k.a. 'AERO-X'."\r
90001,"DOE, Invented Amadou","individual","TEST] [TEST2","Title",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 05 Jul 1953; alt. DOB circa 1955; alt. DOB 1955 to 1957; POB Nowhere; nationality Mali; alt. nationality Niger; a.k.a. 'THE INVENTED'."\r
90002,"INVENTED STAR","vessel","TEST",-0- ,"ABC","Tanker",-0- ,-0- ,"Panama",-0- ,-0- \r
\u001a\r
`;
const ALT = '90001,1,aka,"DOE, Amadou the Invented",-0- \n36,2,aka,"AERO-CARIBBEAN",-0- ,note\n';
const REST = `90001,"ENTED'; a.k.a. 'ONE MORE'."\n`;
const UN = `<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z"><INDIVIDUALS><INDIVIDUAL>
<FIRST_NAME>INVENTED</FIRST_NAME><SECOND_NAME/><THIRD_NAME>PERSON</THIRD_NAME><UN_LIST_TYPE>TEST</UN_LIST_TYPE>
<REFERENCE_NUMBER>TEi.001</REFERENCE_NUMBER><NAME_ORIGINAL_SCRIPT>شخص مخترع</NAME_ORIGINAL_SCRIPT>
<NATIONALITY><VALUE>Nowhere</VALUE></NATIONALITY>
<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Made Up; Thought Out</ALIAS_NAME></INDIVIDUAL_ALIAS>
<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Vague One</ALIAS_NAME></INDIVIDUAL_ALIAS>
<INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><YEAR>1971</YEAR></INDIVIDUAL_DATE_OF_BIRTH>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1973</FROM_YEAR><TO_YEAR>1974</TO_YEAR></INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><NOTE>Nov. 1975 </NOTE></INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><NOTE>24/06/1402 (Hijri Calendar)</NOTE></INDIVIDUAL_DATE_OF_BIRTH>
</INDIVIDUAL></INDIVIDUALS><ENTITIES><ENTITY><FIRST_NAME>INVENTED FRONT</FIRST_NAME><UN_LIST_TYPE>TEST</UN_LIST_TYPE>
<REFERENCE_NUMBER>TEe.001</REFERENCE_NUMBER><ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY><ALIAS_NAME>IF</ALIAS_NAME></ENTITY_ALIAS></ENTITY></ENTITIES>
</CONSOLIDATED_LIST>`;
const OWN =
  '{"entryId":"1","type":"person","names":["Invented Local"],"program":"LOCAL","dateOfBirth":"1980-02","country":["KE","UG"]}\n\n';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-lists-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function put(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

function load(name = '') {
  return loadSanctions({ sanctionsPath: join(folder, name), environment: 'production' });
}

describe('without a path', () => {
  test('the sample serves, and says so', async () => {
    for (const sanctionsPath of [undefined, null, '']) {
      expect((await loadSanctions({ sanctionsPath, environment: 'development' })).describe().sample).toBe(true);
    }
  });

  test('production refuses', async () => {
    await expect(loadSanctions({ environment: 'production' })).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

describe('the three forms', () => {
  test('of the US Treasury, with aliases', async () => {
    await put({ 'sdn.csv': SDN, 'alt.csv': ALT });
    for (const list of [await load(), await load('sdn.csv')]) {
      expect(list.version).toMatch(/^OFAC-SDN#[0-9a-f]{12}$/);
      expect(list.find('OFAC-SDN', '90001')).toEqual({
        list: 'OFAC-SDN',
        entryId: '90001',
        type: 'person',
        names: ['Invented Amadou DOE', 'Amadou the Invented DOE'],
        weakNames: ['THE INVENTED'],
        program: 'TEST] [TEST2',
        datesOfBirth: ['1953-07-05', '1955~', '1955/1957'],
        countries: ['Mali', 'Niger'],
        ids: [],
      });
      expect(list.find('OFAC-SDN', '90002')?.type).toBe('vessel');
      expect(list.screen(['Invented Amadou Doe', 'Aero-Caribbean', 'Invented Star']).map((hits) => hits[0]?.entryId)).toEqual([
        '90001',
        '36',
        undefined,
      ]);
      expect(list.describe().ignoredFiles).toEqual([]);
    }
  });

  test('of the US Treasury, with what its remarks have beyond a thousand letters', async () => {
    const cut = SDN.replace("THE INVENTED'.", 'THE INV');
    expect(cut).not.toBe(SDN);
    await put({ 'sdn.csv': SDN });
    const whole = (await load()).find('OFAC-SDN', '90001');
    await put({ 'sdn.csv': cut, 'sdn_comments.csv': REST });
    const list = await load();
    expect(list.find('OFAC-SDN', '90001')).toEqual({ ...whole, weakNames: ['THE INVENTED', 'ONE MORE'] });
    expect(list.describe().ignoredFiles).toEqual([]);
    await put({ 'sdn_comments.csv': `${REST}nobody,what\n` });
    await expect(load()).rejects.toMatchObject({
      detail: expect.stringMatching(/sdn_comments\.csv, line 2: the entry number is no number/),
    });
  });

  test.each([
    ['behind a blank', 'DOB 05 Jul ', '1953; nationality Mali.'],
    ['before a blank', 'DOB 05 Jul', ' 1953; nationality Mali.'],
    ['in a word', 'DOB 05 Jul 1953; national', 'ity Mali.'],
    ['behind a blank, twice', 'DOB ', '05 Jul "\r\n90001,"1953; nationality Mali.'],
  ])('of the US Treasury, with a remark cut %s', async (_, remark, rest) => {
    await put({
      'sdn.csv': `90001,"DOE, Invented","individual","TEST",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"${remark}"\r\n`,
      'sdn_comments.csv': `90001,"${rest}"\r\n`,
    });
    expect((await load()).find('OFAC-SDN', '90001')).toMatchObject({ datesOfBirth: ['1953-07-05'], countries: ['Mali'] });
  });

  test('another list in alt.csv is another version', async () => {
    await put({ 'sdn.csv': SDN });
    const before = (await load()).version;
    await put({ 'alt.csv': ALT });
    expect((await load()).version).not.toBe(before);
  });

  test('of the United Nations', async () => {
    await put({ 'un/consolidated.xml': UN });
    const list = await load();
    expect(list.version).toMatch(/^UN-SC@2026-02-27#[0-9a-f]{12}$/);
    expect(list.find('UN-SC', 'TEi.001')).toMatchObject({
      type: 'person',
      names: ['INVENTED PERSON', 'شخص مخترع', 'Made Up', 'Thought Out'],
      weakNames: ['Vague One'],
      datesOfBirth: ['1971~', '1973/1974', '1975-11'],
      countries: ['Nowhere'],
    });
    expect(list.find('UN-SC', 'TEe.001')).toMatchObject({ type: 'entity', names: ['INVENTED FRONT', 'IF'] });
    expect(list.screen(['شَخْص مُخْتَرِع'])[0]?.[0]?.entryId).toBe('TEi.001');
  });

  test('our own, with and without a list of its own', async () => {
    await put({ 'kenya.jsonl': `\ufeff${OWN}{"list":"OTHER","entryId":"1","type":"entity","names":["X Y"],"program":"P"}` });
    const list = await load();
    expect(list.describe().lists.map((each) => [each.name, each.entries])).toEqual([
      ['kenya', 1],
      ['OTHER', 1],
    ]);
    expect(list.find('kenya', '1')).toMatchObject({ datesOfBirth: ['1980-02'], countries: ['KE', 'UG'], weakNames: [] });
  });

  test('all at once; other files are passed over and named', async () => {
    await put({
      'a/sdn.csv': SDN,
      'b/un.xml': UN,
      'own.jsonl': OWN,
      'b/other.xml': '<other/>',
      'add.csv': 'x',
      'README.md': 'x',
      '.hidden': 'x',
    });
    const description = (await load()).describe();
    expect(description.lists.map((each) => each.name).sort()).toEqual(['OFAC-SDN', 'UN-SC', 'own']);
    expect(description.ignoredFiles).toEqual([join(folder, 'add.csv'), join(folder, 'b/other.xml')]);
  });
});

describe('refused, naming file and line', () => {
  const own = (line: string): string => `${OWN.trim()}\n${line}`;
  test.each<[string, string, string | Buffer, number]>([
    ['a row cut short', 'sdn.csv', `${SDN.split('\r\n')[0]}\r\n7,"A B"\r\n`, 2],
    ['an entry number that is none', 'sdn.csv', SDN.replace('90001', 'x1'), 2],
    ['an entry number twice', 'sdn.csv', SDN.replace('90002', '90001'), 3],
    ['a type nobody knows', 'sdn.csv', SDN.replace('"vessel"', '"balloon"'), 3],
    ['an empty name', 'sdn.csv', SDN.replace('"INVENTED STAR"', '""'), 3],
    ['quotes without an end', 'sdn.csv', SDN.replace('Invented Amadou"', 'Invented Amadou'), 2],
    ['an empty file', 'sdn.csv', '', 1],
    ['bytes that are no UTF-8', 'sdn.csv', Buffer.concat([Buffer.from(`${SDN.split('\r\n')[0]}\r\n`), Buffer.from([0x37, 0xff, 0x0a])]), 2],
    ['an XML file cut short', 'un.xml', UN.split('\n').slice(0, 8).join('\n'), 8],
    ['a party without a number', 'un.xml', UN.replace('<REFERENCE_NUMBER>TEi.001</REFERENCE_NUMBER>', ''), 2],
    ['a party without a name', 'un.xml', UN.replace('INVENTED FRONT', ''), 11],
    ['a number twice', 'un.xml', UN.replace('TEe.001', 'TEi.001'), 11],
    ['a list of nobody', 'un.xml', '<CONSOLIDATED_LIST><INDIVIDUALS/><ENTITIES/></CONSOLIDATED_LIST>', 1],
    ['a line that is no JSON', 'own.jsonl', own('{"entryId":'), 2],
    ['a field too few', 'own.jsonl', own('{"entryId":"2","type":"person","names":[],"program":"P"}'), 2],
    ['a field too many', 'own.jsonl', own('{"entryId":"2","type":"person","names":["A"],"program":"P","dob":"1980"}'), 2],
    ['a date that is none', 'own.jsonl', own('{"entryId":"2","type":"person","names":["A"],"program":"P","dateOfBirth":"80"}'), 2],
    ['an id twice', 'own.jsonl', own(OWN.trim()), 2],
    ['no line at all', 'own.jsonl', '\n', 1],
  ])('%s', async (_, name, content, line) => {
    await put({ [name]: content, 'good/other.jsonl': OWN });
    await expect(load()).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining(`${join(folder, name)}, line ${line}: `),
    });
  });

  test('a broken alias file', async () => {
    await put({ 'sdn.csv': SDN, 'alt.csv': `${ALT}x,3,aka,"A",-0- \n` });
    await expect(load()).rejects.toMatchObject({ code: 'config_invalid', detail: expect.stringContaining('alt.csv, line 3') });
  });

  test('a path that is not there', async () => {
    await expect(load('nowhere')).rejects.toMatchObject({ code: 'config_invalid' });
  });

  test('a folder without lists', async () => {
    await put({ 'notes.csv': 'x' });
    await expect(load()).rejects.toMatchObject({ code: 'config_invalid', detail: expect.stringContaining('no list CAPP reads') });
  });

  test('one list in two files', async () => {
    await put({ 'a.jsonl': OWN, 'b.jsonl': OWN.replace('{', '{"list":"a",') });
    await expect(load()).rejects.toMatchObject({ code: 'config_invalid', detail: expect.stringContaining('both the list a') });
  });
});
