/** The pages say what the sources say: every error, every setting, every command and folder. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS } from '../domain/errors.ts';
import { TRANSITIONS } from '../domain/lifecycle.ts';
import { createProgram } from '../server/cli/program.ts';
import { recordedTerminal } from '../server/cli/terminal.ts';
import { isSetting, SETTING_NAMES } from '../server/config.ts';
import { SECRETS } from '../server/secrets.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const filesUnder = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
const readme = read('README.md');

const RETRY_WORDS = { never: 'no', later: 'yes, later', after_change: 'once it is corrected' };

test('docs/api.md has the catalogue of errors, line by line', () => {
  const [, table = ''] = read('docs/api.md').split('| code | status | what it means | worth asking again |\n|---|---|---|---|\n');
  const expected = Object.entries(ERRORS).map(
    ([code, { status, title, retry }]) => `| \`${code}\` | ${status} | ${title} | ${RETRY_WORDS[retry]} |`,
  );
  expect(table.trim().split('\n')).toEqual(expected);
});

test('docs/api.md names every status of a payment', () => {
  for (const status of Object.keys(TRANSITIONS)) expect(read('docs/api.md')).toContain(`\`${status}\``);
});

test('the README has every setting, with its default', () => {
  const config = read('server/config.ts');
  const ours = SETTING_NAMES.filter((name) => name.startsWith('CAPP_') || config.includes(`  ${name}:`));
  expect(ours).toEqual(expect.arrayContaining(['CAPP_APTOS_REGULATOR_KEY', 'CAPP_LISTS_EU_URL', 'DATABASE_URL', 'HOST']));
  expect(ours.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  const wrong = [...config.matchAll(/^ {2}(CAPP_[A-Z_]+):(?:(?!CAPP_)[^;])*?\.default\(([^)]*)\)/gm)].filter(([, name, value = '']) => {
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';
    const plain = value.replaceAll(/['_]/g, '');
    return plain !== '' && !row.includes(`\`${plain}\``);
  });
  expect(wrong.map(([, name]) => name)).toEqual([]);
});

test('every setting that a page or a container names is one', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docker-compose.yml', ...filesUnder('docs'), ...filesUnder('deploy')];
  const named = pages.flatMap((path) => read(path).match(/\bCAPP_[A-Z_]*[A-Z]\b/g) ?? []);
  expect(new Set(named).size).toBeGreaterThan(80);
  expect([...new Set(named)].filter((name) => !isSetting(name))).toEqual([]);
});

test('every setting that a source takes from the environment is one, and so is the file of every secret', () => {
  const floors = ['server', 'graph', 'agents', 'tools', 'db', 'domain', 'evals', 'sandbox', 'simulation'];
  const sources = floors.flatMap(filesUnder).filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  const taken = sources.flatMap((path) => [...read(path).matchAll(/\benv(?:\.|\[')(CAPP_[A-Z_]+)/g)].map(([, name = '']) => name));
  expect(taken).toContain('CAPP_APTOS_ISSUER_KEY');
  expect([...taken, ...SECRETS, ...SECRETS.map((name) => `${name}_FILE`)].filter((name) => !isSetting(name))).toEqual([]);
});

test('the README has every setting of the sandbox', () => {
  const names = new Set(read('sandbox/main.ts').match(/\bSANDBOX_[A-Z_]+[A-Z]\b/g));
  expect([...names].filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

test('the README has every command', () => {
  const context = { terminal: recordedTerminal(), endWith: () => undefined, fetch };
  const names = createProgram(context).commands.map((command) => command.name());
  expect(names.filter((name) => !new RegExp(`^\\| .*\`${name}\\b.*\` \\|`, 'm').test(readme))).toEqual([]);
});

test('the README names folders and scripts that exist', () => {
  const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;
  const rows = readme.slice(readme.indexOf('## The house'), readme.indexOf('## Settings')).split('\n');
  const folders = rows.flatMap((row) => [...row.matchAll(/`([a-z]+\/)`/g)].map((match) => match[1] ?? ''));
  expect(folders.length).toBeGreaterThan(8);
  expect(folders.filter((folder) => !existsSync(join(ROOT, folder)))).toEqual([]);
  for (const [, script = ''] of readme.matchAll(/npm run ([a-z]+)/g)) expect(scripts).toHaveProperty(script);
});

test('every decision stands in the index', () => {
  const index = read('docs/decisions/README.md');
  const records = readdirSync(join(ROOT, 'docs/decisions')).filter((name) => /^\d{4}-/.test(name));
  expect(records.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});
