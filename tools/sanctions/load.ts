/**
 * Loading of sanctions lists from a file or a folder, or of the built-in sample when none is named.
 *
 * A list is taken whole or not at all: one broken line refuses it, with `config_invalid` naming file
 * and line. A file of another kind in the folder is passed over and named in the description.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fault } from '../../domain/errors.ts';
import { EU_LIST, isFsf, isJournal, readFsf, readJournal } from './eu.ts';
import { readJsonl } from './jsonl.ts';
import type { LoadedList, SanctionsEntry, Topic } from './entry.ts';
import { createSanctionsList, type SanctionsList } from './list.ts';
import { OFAC_CONSOLIDATED_LIST, OFAC_XML_ROOT, readOfacXml } from './ofac-xml.ts';
import { OFAC_LIST, readOfac } from './ofac.ts';
import { isPepTable, PEP_LIST, readPeps } from './pep.ts';
import { sampleList } from './sample.ts';
import { isOfsiNames, isUkList, readOfsiNames, readUk, UK_LIST } from './uk.ts';
import { readUn, UN_LIST, UN_ROOT } from './un.ts';
import { parseXml } from './xml.ts';

export interface SanctionsConfig {
  /** CAPP_SANCTIONS_PATH: a list file, or a folder of them; none means the library, or else the sample. */
  readonly sanctionsPath?: string | null;
  /** Lists that `capp lists update` took in, already read; none counts as no library. */
  readonly library?: readonly LoadedList[];
  /** CAPP_ENV; `production` refuses the sample, and to do without the lists that are required. */
  readonly environment?: string;
  /** CAPP_LISTS_REQUIRED: names of lists that have to be there. */
  readonly required?: readonly string[];
  /** Looks at the lists of a path before they count; throws to refuse them. */
  readonly inspect?: (lists: readonly LoadedList[]) => Promise<void>;
}

const FOLDER_DEPTH_MAX = 8;

/** Takes the configuration, gives the lists in force. Throws `config_invalid` for a missing, empty or broken list. */
export async function loadSanctions(config: SanctionsConfig): Promise<SanctionsList> {
  const path = config.sanctionsPath ?? '';
  if (path === '') {
    if (config.library !== undefined && config.library.length > 0) {
      refuseAbsent(config, config.library);
      return createSanctionsList(config.library);
    }
    if (config.environment === 'production') {
      throw fault('config_invalid', {
        detail:
          'There are no sanctions lists, and production does not run on the built-in sample. Run: capp lists update, or set CAPP_SANCTIONS_PATH.',
      });
    }
    return createSanctionsList([sampleList()], { sample: true });
  }
  const { loaded, ignoredFiles } = await loadPath(path);
  refuseAbsent(config, loaded);
  await config.inspect?.(loaded);
  return createSanctionsList(loaded, { ignoredFiles });
}

/** Production screens against every list that is required, or not at all. */
function refuseAbsent({ environment, required = [] }: SanctionsConfig, lists: readonly LoadedList[]): void {
  const absent = environment === 'production' ? required.filter((name) => !lists.some((list) => list.name === name)) : [];
  if (absent.length === 0) return;
  throw fault('config_invalid', {
    field: 'CAPP_LISTS_REQUIRED',
    detail: `Production does not run without the lists it requires: ${absent.join(', ')} not there. Take them in, or name in CAPP_LISTS_REQUIRED those that count.`,
  });
}

/** The lists at or below a path, for those who want no look-up in them. Throws as `loadSanctions` does. */
export async function loadLists(path: string): Promise<LoadedList[]> {
  return (await loadPath(path)).loaded;
}

async function loadPath(path: string): Promise<{ loaded: LoadedList[]; ignoredFiles: string[] }> {
  const files = await filesBelow(path);
  const loaded: LoadedList[] = [];
  const ignoredFiles: string[] = [];
  for (const file of files) {
    const lists = await loadFile(file, new Set(files));
    const { mtimeMs } = await stat(file);
    if (lists === null) ignoredFiles.push(file);
    else loaded.push(...lists.map((list) => ({ ...list, takenAtMs: Math.floor(mtimeMs) })));
  }
  if (loaded.length === 0)
    throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${path} has no list CAPP reads (OFAC, UN, EU, UK, PEP, JSONL).` });
  refuseTwins(loaded);
  return { loaded, ignoredFiles: ignoredFiles.filter((file) => !isCompanion(file, files)) };
}

/** What tells whether the files at a path are those of before: their names, sizes and moments of writing. Throws as `loadSanctions` does. */
export async function stateOfPath(path: string): Promise<string> {
  const files = await filesBelow(path);
  // A table that is named by itself is read with what stands beside it.
  const beside = files[0] === path ? await companionsBeside(path) : [];
  const told = await Promise.all(
    [...files, ...beside].map(async (file) => {
      const { size, mtimeMs, ctimeMs, ino } = await stat(file).catch((cause: unknown) => {
        throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${file} cannot be read.`, cause });
      });
      return [file, size, mtimeMs, ctimeMs, ino];
    }),
  );
  return JSON.stringify(told);
}

/** The aliases and remarks that stand beside a table of OFAC; none for any other file. */
export async function companionsBeside(file: string): Promise<string[]> {
  const companions = OFAC_FILES[plainName(file)];
  if (companions === undefined) return [];
  const found = await Promise.all([companions.aliases, companions.comments].map((wanted) => sibling(file, wanted)));
  return found.flatMap((each) => each ?? []);
}

/** All files at or below a path in the order of their names; hidden ones and pages for people are left out. */
async function filesBelow(path: string, depth = 0): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${path} cannot be read.`, cause });
  });
  if (!found.isDirectory()) return [path];
  if (depth >= FOLDER_DEPTH_MAX) throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${path} is nested too deep.` });
  const names = (await readdir(path)).filter((name) => !name.startsWith('.') && !/\.(md|txt)$/i.test(name)).sort();
  const below: string[] = [];
  for (const name of names) below.push(...(await filesBelow(join(path, name), depth + 1)));
  return below;
}

/** The lists of one file (a JSONL file may carry several), or null when it is of another kind. */
async function loadFile(file: string, present: ReadonlySet<string>): Promise<LoadedList[] | null> {
  const name = plainName(file);
  const companions = OFAC_FILES[name];
  if (companions !== undefined) {
    const beside = async (wanted: string): Promise<string | null> =>
      [...present].find((other) => isBeside(other, file, wanted)) ?? (await sibling(file, wanted));
    return [await loadOfac(file, companions, await beside(companions.aliases), await beside(companions.comments))];
  }
  if (name.endsWith('.jsonl')) return loadJsonl(file);
  return name.endsWith('.xml') || name.endsWith('.csv') ? readLists(await readText(file), file) : null;
}

interface OfacFiles {
  readonly list: string;
  readonly aliases: string;
  readonly comments: string;
  readonly topic?: Topic;
}

/** OFAC publishes a list as several tables, told apart by their names alone. */
const OFAC_FILES: Readonly<Record<string, OfacFiles>> = {
  'sdn.csv': { list: OFAC_LIST, aliases: 'alt.csv', comments: 'sdn_comments.csv' },
  'cons_prim.csv': { list: OFAC_CONSOLIDATED_LIST, aliases: 'cons_alt.csv', comments: 'cons_comments.csv', topic: 'restriction' },
};

async function loadOfac(
  file: string,
  { list, topic }: OfacFiles,
  aliasPath: string | null,
  commentPath: string | null,
): Promise<LoadedList> {
  const sdn = await readText(file);
  const read = async (path: string | null) => (path === null ? null : { ...(await readText(path)), name: path });
  const [aliases, comments] = [await read(aliasPath), await read(commentPath)];
  const entries = readOfac({ name: file, text: sdn.text }, { aliases, comments }).map((entry) =>
    topic === undefined ? entry : { ...entry, list, topic },
  );
  const contents = [sdn, aliases, comments].flatMap((each) => (each === null ? [] : [each.bytes]));
  return listOf(list, null, file, entries, contents);
}

/** The lists in a file whose form its first lines tell; null for any other. */
function readLists({ text, bytes }: Content, file: string): LoadedList[] | null {
  const of = (list: string, read: { date?: string | null; entries: SanctionsEntry[] }): LoadedList[] => [
    listOf(list, read.date ?? null, file, read.entries, [bytes]),
  ];
  if (plainName(file).endsWith('.xml')) {
    const root = parseXml(text, file);
    if (root.name === UN_ROOT) return of(UN_LIST, readUn(root, file));
    const ofac = root.name === OFAC_XML_ROOT ? readOfacXml(root, file) : null;
    return ofac === null ? null : of(ofac.list, ofac);
  }
  const firstLine =
    text
      .slice(0, FIRST_LINE_MAX)
      .replace(/^\ufeff/, '')
      .split(/\r?\n/, 1)[0] ?? '';
  if (isFsf(firstLine)) return of(EU_LIST, readFsf(text, file));
  if (isUkList(firstLine)) return of(UK_LIST, readUk(text, file));
  if (isPepTable(firstLine)) return of(PEP_LIST, { entries: readPeps(text, file) });
  if (isJournal(firstLine)) {
    const { list, entries } = readJournal(text, file);
    return of(list, { entries });
  }
  if (!isOfsiNames(firstLine)) return null;
  const list = `UK-OFSI-${/(?:19|20)\d{2}/.exec(basename(file))?.[0] ?? 'NAMES'}`;
  return of(list, { entries: readOfsiNames(text, file, list) });
}

const FIRST_LINE_MAX = 8_192;

async function loadJsonl(file: string): Promise<LoadedList[]> {
  const { text, bytes } = await readText(file);
  const entries = readJsonl(text, file, plainName(file).replace(/\.jsonl$/i, ''));
  const names = [...new Set(entries.map((entry) => entry.list))];
  if (names.length === 0) throw emptyList(file);
  return names.map((name) =>
    listOf(
      name,
      null,
      file,
      entries.filter((entry) => entry.list === name),
      [bytes],
    ),
  );
}

function listOf(
  name: string,
  date: string | null,
  file: string,
  entries: readonly SanctionsEntry[],
  contents: readonly Buffer[],
): LoadedList {
  if (entries.length === 0) throw emptyList(file);
  const hash = createHash('sha256');
  for (const bytes of contents) hash.update(bytes);
  const sourceHash = hash.digest('hex');
  const digest = sourceHash.slice(0, 12);
  return { name, version: date === null ? `${name}#${digest}` : `${name}@${date}#${digest}`, file, entries, sourceHash };
}

function emptyList(file: string): Error {
  return fault('config_invalid', { detail: `${file}, line 1: the list has no entries.` });
}

/** Two files of one list cannot both be in force. */
function refuseTwins(lists: readonly LoadedList[]): void {
  const byName = new Map<string, LoadedList>();
  for (const list of lists) {
    const twin = byName.get(list.name);
    if (twin !== undefined)
      throw fault('config_invalid', { detail: `${twin.file} and ${list.file} are both the list ${list.name}; keep one.` });
    byName.set(list.name, list);
  }
}

interface Content {
  readonly text: string;
  readonly bytes: Buffer;
}

/** A list never unpacks to more; a file that does is none. */
const UNPACKED_BYTES_MAX = 512 * 1024 * 1024;

async function readText(file: string): Promise<Content> {
  const raw = await readFile(file).catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `${file} cannot be read.`, cause });
  });
  const bytes = file.toLowerCase().endsWith('.gz') ? unpack(raw, file) : raw;
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), bytes };
  } catch (cause) {
    throw fault('config_invalid', { detail: `${file}, line ${firstBrokenLine(bytes)}: not UTF-8 text.`, cause });
  }
}

function unpack(bytes: Buffer, file: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch (cause) {
    throw fault('config_invalid', { detail: `${file} is no readable gzip file.`, cause });
  }
}

/** The name of a file in small letters, without the sign that it is packed. */
function plainName(file: string): string {
  return basename(file).toLowerCase().replace(/\.gz$/, '');
}

function firstBrokenLine(bytes: Buffer): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let line = 1, start = 0; ; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    start = end + 1;
  }
}

function isBeside(file: string, other: string, name: string): boolean {
  return dirname(file) === dirname(other) && plainName(file) === name;
}

/** A file of another name beside a table that was named by itself. */
async function sibling(file: string, wanted: string): Promise<string | null> {
  const names = await readdir(dirname(file)).catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${dirname(file)} cannot be read for what belongs to ${file}.`, cause });
  });
  const found = names.find((name) => plainName(name) === wanted);
  return found === undefined ? null : join(dirname(file), found);
}

/** Aliases and remarks stand beside the table they belong to, and were read with it. */
function isCompanion(file: string, files: readonly string[]): boolean {
  return Object.entries(OFAC_FILES).some(
    ([table, { aliases, comments }]) =>
      [aliases, comments].includes(plainName(file)) && files.some((other) => isBeside(other, file, table)),
  );
}
