/**
 * Loading of sanctions lists from a file or a folder, or of the built-in sample when none is named.
 *
 * A list is taken whole or not at all: one broken line refuses it, with `config_invalid` naming file
 * and line. A file of another kind in the folder is passed over and named in the description.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fault } from '../../domain/errors.ts';
import { readJsonl } from './jsonl.ts';
import { createSanctionsList, type LoadedList, type SanctionsEntry, type SanctionsList } from './list.ts';
import { OFAC_LIST, readOfac } from './ofac.ts';
import { sampleList } from './sample.ts';
import { readUn, UN_LIST, UN_ROOT } from './un.ts';
import { parseXml } from './xml.ts';

export interface SanctionsConfig {
  /** CAPP_SANCTIONS_PATH: a list file, or a folder of them; none means the sample. */
  readonly sanctionsPath?: string | null;
  /** CAPP_ENV; `production` refuses the sample. */
  readonly environment?: string;
}

const FOLDER_DEPTH_MAX = 8;

/** Takes the configuration, gives the lists in force. Throws `config_invalid` for a missing, empty or broken list. */
export async function loadSanctions(config: SanctionsConfig): Promise<SanctionsList> {
  const path = config.sanctionsPath ?? '';
  if (path === '') {
    if (config.environment === 'production') {
      throw fault('config_invalid', {
        detail: 'CAPP_SANCTIONS_PATH is not set, and production does not run on the built-in sample of sanctions.',
      });
    }
    return createSanctionsList([sampleList()], { sample: true });
  }
  const files = await filesBelow(path);
  const loaded: LoadedList[] = [];
  const ignoredFiles: string[] = [];
  for (const file of files) {
    const lists = await loadFile(file, new Set(files));
    if (lists === null) ignoredFiles.push(file);
    else loaded.push(...lists);
  }
  if (loaded.length === 0)
    throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${path} has no list CAPP reads (sdn.csv, UN XML, JSONL).` });
  refuseTwins(loaded);
  return createSanctionsList(loaded, { ignoredFiles: ignoredFiles.filter((file) => !isCompanion(file, files)) });
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
  const name = basename(file).toLowerCase();
  if (name === 'sdn.csv') {
    const altPath = [...present].find((other) => isBeside(other, file, 'alt.csv')) ?? (await siblingAlt(file));
    return [await loadOfac(file, altPath)];
  }
  if (name.endsWith('.xml')) return loadUn(file);
  if (name.endsWith('.jsonl')) return loadJsonl(file);
  return null;
}

async function loadOfac(file: string, altPath: string | null): Promise<LoadedList> {
  const sdn = await readText(file);
  const alt = altPath === null ? null : { ...(await readText(altPath)), name: altPath };
  const entries = readOfac({ name: file, text: sdn.text }, alt);
  return listOf(OFAC_LIST, null, file, entries, alt === null ? [sdn.bytes] : [sdn.bytes, alt.bytes]);
}

async function loadUn(file: string): Promise<LoadedList[] | null> {
  const { text, bytes } = await readText(file);
  const root = parseXml(text, file);
  if (root.name !== UN_ROOT) return null;
  const { date, entries } = readUn(root, file);
  return [listOf(UN_LIST, date, file, entries, [bytes])];
}

async function loadJsonl(file: string): Promise<LoadedList[]> {
  const { text, bytes } = await readText(file);
  const entries = readJsonl(text, file, basename(file).replace(/\.jsonl$/i, ''));
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
  const digest = hash.digest('hex').slice(0, 12);
  return { name, version: date === null ? `${name}#${digest}` : `${name}@${date}#${digest}`, file, entries };
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

async function readText(file: string): Promise<{ text: string; bytes: Buffer }> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `${file} cannot be read.`, cause });
  });
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), bytes };
  } catch (cause) {
    throw fault('config_invalid', { detail: `${file}, line ${firstBrokenLine(bytes)}: not UTF-8 text.`, cause });
  }
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
  return dirname(file) === dirname(other) && basename(file).toLowerCase() === name;
}

/** The alias file beside an `sdn.csv` that was named by itself. */
async function siblingAlt(file: string): Promise<string | null> {
  const names = await readdir(dirname(file)).catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `CAPP_SANCTIONS_PATH: ${dirname(file)} cannot be read for the aliases of ${file}.`, cause });
  });
  const alt = names.find((name) => name.toLowerCase() === 'alt.csv');
  return alt === undefined ? null : join(dirname(file), alt);
}

/** `alt.csv` beside `sdn.csv` was read with it. */
function isCompanion(file: string, files: readonly string[]): boolean {
  return basename(file).toLowerCase() === 'alt.csv' && files.some((other) => isBeside(other, file, 'sdn.csv'));
}
