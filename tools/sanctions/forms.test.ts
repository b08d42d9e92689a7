import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isoDatesOf } from './dates.ts';
import { loadSanctions } from './load.ts';
import { readOfacXml } from './ofac-xml.ts';
import { parseXml } from './xml.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-forms-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function load(name: string, content: string | Buffer) {
  const path = join(folder, name);
  await writeFile(path, content);
  return loadSanctions({ sanctionsPath: path });
}

const FSF = [
  '\ufefffileGenerationDate;Entity_LogicalId;Entity_EU_ReferenceNumber;Entity_SubjectType;Entity_SubjectType_ClassificationCode;Entity_Regulation_Programme;NameAlias_WholeName;NameAlias_FirstName;NameAlias_LastName;NameAlias_Remark;BirthDate_BirthDate;Citizenship_CountryIso2Code;Identification_Number',
  '05/08/2026;13;EU.27.28;P;person;TST;Invented Person;;;;;;',
  '05/08/2026;13;EU.27.28;P;person;TST;;Made;Up;;;;',
  '05/08/2026;13;EU.27.28;P;person;TST;Vague;;;Low quality alias;;;',
  '05/08/2026;13;EU.27.28;P;person;TST;;;;;1937-04-28;IQ;',
  '05/08/2026;13;EU.27.28;P;person;TST;;;;;;;A12345',
  '05/08/2026;14;;E;enterprise;TST;Invented Front GmbH;;;;;;',
].join('\r\n');

const UK = [
  'Report Date: 23-Sep-2026',
  'Last Updated,Unique ID,OFSI Group ID,Name 6,Name 1,Name 2,Name 3,Name 4,Name 5,Name type,Alias strength,Name non-latin script,Regime Name,Designation Type,Sanctions Imposed,D.O.B,Nationality(/ies),Passport number',
  '01/01/2026,TST0001,7,PERSON,Invented,,,,,Alias,Low quality,,Test,Individual,Asset freeze,,,',
  '01/01/2026,TST0001,7,PARTY,Primary,Middle,,,,Primary Name,,شخص,Test,Individual,Asset freeze|Travel Ban,07/10/1952,(1) Iraq (2) Jordan,(1) P99999',
  '01/01/2026,TST0002,8,INVENTED SHIP,,,,,,Primary Name,,,Test,Ship,Specified Ship,,,',
  '01/01/2026,TST0003,9,TRAVELLER,Invented,,,,,Primary Name,,,Test,Individual,Travel Ban,dd/mm/1960,,',
].join('\n');

const OFAC_XML = `<?xml version="1.0"?><sdnList xmlns="https://example.org/x"><publshInformation><Publish_Date>03/28/2025</Publish_Date></publshInformation>
<sdnEntry><uid>7</uid><firstName>Invented</firstName><lastName>PERSON</lastName><sdnType>Individual</sdnType><programList><program>NS-PLC</program></programList>
<akaList><aka><uid>1</uid><category>strong</category><firstName>Made</firstName><lastName>UP</lastName></aka><aka><uid>2</uid><category>weak</category><lastName>VAGUE</lastName></aka></akaList>
<dateOfBirthList><dateOfBirthItem><dateOfBirth>circa 1962</dateOfBirth></dateOfBirthItem></dateOfBirthList>
<idList><id><idType>Passport</idType><idNumber>X777777</idNumber></id><id><idType>Gender</idType><idNumber>Male</idNumber></id></idList></sdnEntry></sdnList>`;

describe('published forms', () => {
  test('the Financial Sanctions File of the Union, rows of a party put together', async () => {
    const list = await load('fsf.csv', FSF);
    expect(list.version).toMatch(/^EU@2026-08-05#/);
    expect(list.find('EU', 'EU.27.28')).toEqual({
      list: 'EU',
      entryId: 'EU.27.28',
      type: 'person',
      names: ['Invented Person', 'Made Up'],
      weakNames: ['Vague'],
      program: 'TST',
      datesOfBirth: ['1937-04-28'],
      countries: ['IQ'],
      ids: ['A12345'],
    });
    expect(list.find('EU', '14')).toMatchObject({ type: 'entity', names: ['Invented Front GmbH'] });
  });

  test('the UK Sanctions List, the primary name first', async () => {
    const list = await load('UK-Sanctions-List.csv', UK);
    expect(list.version).toMatch(/^UK@2026-09-23#/);
    expect(list.find('UK', 'TST0001')).toMatchObject({
      type: 'person',
      names: ['Primary Middle PARTY', 'شخص'],
      weakNames: ['Invented PERSON'],
      datesOfBirth: ['1952-10-07'],
      countries: ['Iraq', 'Jordan'],
      ids: ['P99999'],
    });
    expect(list.find('UK', 'TST0001')?.topic).toBeUndefined();
    expect(list.find('UK', 'TST0002')?.type).toBe('vessel');
    expect(list.find('UK', 'TST0003')).toMatchObject({ datesOfBirth: ['1960'], topic: 'restriction' });
  });

  test("OFAC's XML, told apart by the name of the file", async () => {
    const list = await load('cons.xml', OFAC_XML);
    expect(list.version).toMatch(/^OFAC-CONS@2025-03-28#/);
    expect(list.find('OFAC-CONS', '7')).toEqual({
      list: 'OFAC-CONS',
      entryId: '7',
      type: 'person',
      names: ['Invented PERSON', 'Made UP'],
      weakNames: ['VAGUE'],
      program: 'NS-PLC',
      datesOfBirth: ['1962~'],
      countries: [],
      ids: ['X777777'],
      topic: 'restriction',
    });
    expect((await load('sdn.xml', OFAC_XML)).find('OFAC-SDN', '7')?.topic).toBeUndefined();
    // The name of the file says so, and no folder above it.
    expect(readOfacXml(parseXml(OFAC_XML, 'x'), '/etc/consul/sdn.xml').list).toBe('OFAC-SDN');
    expect(readOfacXml(parseXml(OFAC_XML, 'x'), '/data/sdn/consolidated.xml').list).toBe('OFAC-CONS');
  });

  test('office holders, who are no sanctioned parties', async () => {
    const list = await load('peps.csv', 'name,office,country_code,country\nInvented MINISTER,Min. of Tests,KE,Kenya\n');
    const id = list.screen(['Invented Minister'])[0]?.[0]?.entryId ?? '';
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(list.find('PEP', id)).toMatchObject({
      names: ['Invented MINISTER'],
      program: 'Min. of Tests',
      countries: ['KE'],
      topic: 'pep',
    });
    expect(list.screen(['Minister Invented'])[0]).toMatchObject([{ topic: 'pep', how: 'normalised' }]);
    // In the next edition, which has somebody else in the first row, it is the same entry.
    const next = await load(
      'next.csv',
      'name,office,country_code,country\nAnother ONE,Min. of Tests,KE,Kenya\nInvented MINISTER,Min. of Tests,KE,Kenya\nInvented MINISTER,Other office,KE,Kenya\n',
    );
    expect(next.find('PEP', id)?.names).toEqual(['Invented MINISTER']);
  });

  test('acts of the Union, and the names of OFSI, packed', async () => {
    const journal =
      'celex,recordId,programKey,measure,schema,name,alias,weakAlias,previousName,country,nationality,birthDate,passportNumber,idNumber';
    const eu = await load(
      'eu.csv.gz',
      gzipSync(
        `${journal}\n3R1,5,EU-T,Asset freeze,Person,One Person,Uno; Eins,,,,Iran,11.8.1960,,\n3R1,,EU-T,Export control,LegalEntity,A Firm,,,,,,,,\n`,
      ),
    );
    expect(eu.find('EU', '3R1#5')).toMatchObject({ names: ['One Person', 'Uno', 'Eins'], datesOfBirth: ['1960-08-11'] });
    expect(eu.find('EU', '3R1')).toMatchObject({ type: 'entity', topic: 'restriction' });
    const ofsi = await load('ofsi_2021.csv.gz', gzipSync('row,names,dob,dob_year\n1,"""DOE John""",1981-09-10,\n2,DOE Jane,,1935;1936\n'));
    expect(ofsi.find('UK-OFSI-2021', '1')).toMatchObject({ datesOfBirth: ['1981-09-10'] });
    expect(ofsi.find('UK-OFSI-2021', '2')).toMatchObject({ datesOfBirth: ['1935', '1936'] });
  });

  test.each<[string, string, string | Buffer, RegExp]>([
    ['a party without a name', 'fsf.csv', FSF.replaceAll('Invented Front GmbH', ''), /fsf\.csv, line 7: a party without a name/],
    ['a party without its id', 'uk.csv', UK.replace(',TST0002,', ',,'), /uk\.csv, line 5: a party without its id/],
    ['XML cut short', 'cons.xml', OFAC_XML.slice(0, -20), /cons\.xml, line \d+: /],
    ['a type nobody knows', 'cons.xml', OFAC_XML.replace('Individual', 'Ghost'), /cons\.xml, line 2: an unknown type/],
    ['a packed file cut short', 'fsf.csv.gz', gzipSync(FSF).subarray(0, 60), /no readable gzip file/],
    [
      'an office holder twice',
      'peps.csv',
      'name,office,country_code\nA B,Min.,KE\nA B,Min.,KE\n',
      /peps\.csv, line 3: an office holder who is there already/,
    ],
    ['an office holder without a name', 'peps.csv', 'name,office,country_code\n,Min.,KE\n', /peps\.csv, line 2: a row without a name/],
  ])('refuses %s', async (_, name, content, message) => {
    await expect(load(name, content)).rejects.toThrow(message);
  });
});

test.each([
  ['11.8.1960', ['1960-08-11']],
  ['13 January 1959', ['1959-01-13']],
  ['05 Jul 1953', ['1953-07-05']],
  ['Between 1975 and 1976', ['1975/1976']],
  ['circa 1944', ['1944~']],
  ['1964 or 1967', ['1964', '1967']],
  ['5 April 1979; 12 Apr 1978', ['1979-04-05', '1978-04-12']],
  ['00/00/1981', ['1981']],
  ['20.8.1963 POB: Tokmak', ['1963-08-20']],
  ['10 October (year unknown)', []],
  ['', []],
])('the date %j', (text, expected) => {
  expect(isoDatesOf(text)).toEqual(expected);
});
