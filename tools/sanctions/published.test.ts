/** The loaders against published lists, where a copy of them lies beside the project. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { loadLists, loadSanctions } from './load.ts';
import { countryCodes } from './screening/countries.ts';
import { readUn } from './un.ts';
import { parseXml } from './xml.ts';

const FOLDER = new URL('../../../shared/data/sanctions', import.meta.url).pathname;

describe.skipIf(!existsSync(FOLDER))('published lists', () => {
  test('load whole within seconds, and a name is looked up in milliseconds', async () => {
    const before = process.cpuUsage();
    const list = await loadSanctions({ sanctionsPath: FOLDER, environment: 'production' });
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000_000).toBeLessThan(60);
    const description = list.describe();
    expect(description.lists.map((each) => [each.name, each.entries])).toEqual([
      ['EU-AMENDMENTS', 417],
      ['EU', 8_017],
      ['OFAC-CONS', 443],
      ['OFAC-SDN', 14_965],
      ['PEP', 1_776],
      ['UK-OFSI-2021', 9_361],
      ['UN-SC', 1_003],
    ]);
    expect(description.names).toBeGreaterThan(70_000);
    expect(list.version).toMatch(/^EU#[0-9a-f]{12} .* \+ OFAC-CONS@2025-03-28#[0-9a-f]{12} .* \+ UN-SC@2026-02-27#[0-9a-f]{12}$/);
    expect(list.find('OFAC-CONS', '9639')).toMatchObject({ names: expect.arrayContaining(['Ismaeel HANIYYA']), topic: 'restriction' });
    expect(list.find('EU', '32006R0765#155')).toMatchObject({ datesOfBirth: ['1982-04-29'], countries: ['Belarusian'] });

    const names = Array.from({ length: 2_000 }, (_, index) => `Amina Wanjiku ${index}`);
    const screeningBefore = process.cpuUsage();
    expect(list.screen(names).flat()).toEqual([]);
    expect(process.cpuUsage(screeningBefore).user / 1_000 / names.length).toBeLessThan(5);
  }, 240_000);

  test('name countries that are understood, but for what no country can be told from', async () => {
    const texts = (await loadLists(FOLDER)).flatMap(({ entries }) => entries.flatMap((entry) => entry.countries));
    const unknown = texts.filter((text) => countryCodes(text).length === 0);
    expect(texts.length).toBeGreaterThan(10_000);
    expect(unknown.length / texts.length).toBeLessThan(0.005);
  });

  test('every name and alias finds its own party, in any order of its words', async () => {
    const file = `${FOLDER}/un/consolidated_2026-02-27.xml`;
    const { entries } = readUn(parseXml(await readFile(file, 'utf8'), file), file);
    const list = await loadSanctions({ sanctionsPath: file });
    const wanted = entries.flatMap((entry) => [...entry.names, ...entry.weakNames].map((name) => ({ entryId: entry.entryId, name })));
    const reversed = list.screen(wanted.map(({ name }) => name.split(' ').reverse().join(' ')));
    const missed = wanted.filter(({ entryId }, index) => !reversed[index]?.some((hit) => hit.entryId === entryId));
    expect(wanted.length).toBeGreaterThan(4_000);
    expect(missed).toEqual([]);
  });

  test('another order and a title make a match a possible one', async () => {
    const list = await loadSanctions({ sanctionsPath: `${FOLDER}/un/consolidated_2026-02-27.xml` });
    const hits = list.screen(['Badege, Eric', 'Eric Badege', 'Dr. Éric Badege']);
    expect(hits.map((each) => each.map((hit) => `${hit.entryId} ${hit.how}`))).toEqual([
      ['CDi.001 normalised'],
      ['CDi.001 exact'],
      ['CDi.001 normalised'],
    ]);
  });
});
