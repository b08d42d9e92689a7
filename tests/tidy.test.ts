/** The rules of the house, held against every file of the project. Each rule has its own tests in `tidy/`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  checkConsole,
  checkFileLength,
  checkFunctionLength,
  checkLogCalls,
  checkMoney,
  checkPurity,
  checkUnfinished,
  isPurePath,
} from './tidy/code.ts';
import { checkDeadFiles, checkFloors } from './tidy/house.ts';
import { checkCodes, checkDecisions, checkLinks, underscoredWords } from './tidy/pages.ts';
import { checkTenantPools, PLATFORM_ROUTES } from './tidy/tenants.ts';
import { listFiles, parseSource, type Problem, readText } from './tidy/source.ts';

const ROOT = join(import.meta.dirname, '..');
const sources = listFiles(ROOT, ['.ts']).map((path) => parseSource(path, readText(ROOT, path)));
const pages = listFiles(ROOT, ['.md'])
  .filter((path) => path === 'README.md' || path.startsWith('docs/'))
  .map((path) => ({ path, text: readText(ROOT, path) }));
const program = sources.filter((source) => !source.isTest);

/** The rules about words name the words. */
const isAboutWords = (path: string): boolean => path.startsWith('tests/tidy');
const isCommandLine = (path: string): boolean => /^(server\/cli|bench|simulation)\//.test(path) || path === 'examples/generate-intents.ts';

function expectNone(problems: readonly Problem[]): void {
  expect(problems.map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([]);
}

test('there is something to look at', () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(program.some(({ path }) => isPurePath(path))).toBe(true);
});

test('imports only go down the house', () => {
  expectNone(sources.flatMap(checkFloors));
});

test('every file is used', () => {
  expectNone(checkDeadFiles(sources, [readText(ROOT, 'package.json'), readText(ROOT, '.ci/run'), ...pages.map(({ text }) => text)]));
});

test('functions are short', () => {
  expectNone(sources.flatMap(checkFunctionLength));
});

test('files are short', () => {
  expectNone(sources.flatMap(checkFileLength));
});

test('money is never a number', () => {
  expectNone(program.flatMap(checkMoney));
});

test('nothing by which a person could be known is logged', () => {
  expectNone(program.flatMap(checkLogCalls));
});

test('decisions and the domain ask neither clock nor chance', () => {
  expectNone(program.filter(({ path }) => isPurePath(path)).flatMap(checkPurity));
});

test('only the command line writes to the console', () => {
  expectNone(sources.filter(({ path }) => !isCommandLine(path)).flatMap(checkConsole));
});

test('what is done for a client goes over connections that show and change its rows alone', () => {
  expectNone(program.flatMap(checkTenantPools));
  expect(Object.keys(PLATFORM_ROUTES).filter((path) => !program.some((source) => source.path === path))).toEqual([]);
});

test('no words of unfinished work', () => {
  const texts = [...sources.filter(({ path }) => !isAboutWords(path)), ...pages];
  expectNone(texts.flatMap(({ path, text }) => checkUnfinished(path, text)));
});

test('decisions are numbered once', () => {
  expectNone(checkDecisions(listFiles(ROOT, ['.md']).filter((path) => path.startsWith('docs/decisions/') && !path.endsWith('/README.md'))));
});

test('links in the pages lead somewhere', () => {
  expectNone(pages.flatMap(({ path, text }) => checkLinks(path, text, (target) => existsSync(join(ROOT, target)))));
});

test('codes, columns and settings named in the pages exist', () => {
  const unparsed = listFiles(ROOT, ['.sql', '.move']).map((path) => readText(ROOT, path));
  const known = underscoredWords([...sources.filter(({ path }) => !isAboutWords(path)).map(({ text }) => text), ...unparsed]);
  expectNone(pages.flatMap(({ path, text }) => checkCodes(path, text, (word) => known.has(word))));
});
