/**
 * The library of lists: every edition that was ever taken in, and which one of each list is in force.
 *
 * An edition is read in full before it is taken; one that is broken or has lost many entries is refused.
 * `current.json` names the editions in force and is replaced in one step, so a reader sees the old ones or
 * the new ones, and nothing between. Editions that were in force stay, for the decisions that name them.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { z } from 'zod';
import { fault, isFault } from '../../domain/errors.ts';
import type { LoadedList, SanctionsEntry } from './entry.ts';
import { loadLists } from './load.ts';
import { contentOf, lossesOf } from './losses.ts';

const CURRENT = 'current.json';

const editionSchema = z.object({ list: z.string(), version: z.string(), folder: z.string(), entries: z.number(), takenAtMs: z.number() });
const currentSchema = z.object({ editions: z.array(editionSchema) });

/** One edition of a list in the library. */
export type Edition = z.infer<typeof editionSchema>;

export interface ListChange {
  readonly list: string;
  readonly version: string;
  /** The edition that was in force before; null for the first one. */
  readonly before: string | null;
  readonly entries: number;
  readonly added: readonly SanctionsEntry[];
  readonly removed: readonly SanctionsEntry[];
  /** On it before and now, with other names, dates or numbers. */
  readonly changed: readonly SanctionsEntry[];
  /** What fell short against the edition before, in words; empty when nothing did. */
  readonly losses: readonly string[];
}

/** The editions in force; none when there is no library. Throws `config_invalid` for one that cannot be read. */
export async function readCurrent(library: string): Promise<Edition[]> {
  const path = join(library, CURRENT);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fault('config_invalid', { detail: `${path} cannot be read.`, cause: error });
  });
  if (text === null) return [];
  try {
    return currentSchema.parse(JSON.parse(text)).editions;
  } catch (cause) {
    throw fault('config_invalid', { detail: `${path} is not of its form.`, cause });
  }
}

/** The lists in force, read from their editions. */
export async function loadCurrent(library: string): Promise<LoadedList[]> {
  const editions = await readCurrent(library);
  const loaded = await Promise.all(
    editions.map(async (edition) => {
      const lists = await loadLists(join(library, edition.folder));
      return lists.filter((list) => list.name === edition.list).map((list) => ({ ...list, takenAtMs: edition.takenAtMs }));
    }),
  );
  return loaded.flat();
}

export interface TakeOptions {
  readonly nowMs: number;
  /** Takes a list in although it lost many entries: somebody looked and says that it is right. */
  readonly allowShrink: boolean;
}

export interface FetchedFile {
  /** Its path in the folder it came from: two owners may give their files one name. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Takes in one edition of a list: keeps its files, reads them, compares them with what is in force, and puts
 * them in force. Gives what changed; null when this very edition is in force already. Throws
 * `config_invalid` when a file is broken, when it is another list, or when it shrank.
 */
export async function takeEdition(
  library: string,
  wanted: string | null,
  files: readonly FetchedFile[],
  options: TakeOptions,
): Promise<ListChange[]> {
  const folder = join('editions', randomUUID());
  const path = join(library, folder);
  await mkdir(path, { recursive: true });
  try {
    for (const file of files) await keepFile(path, file);
    const lists = await loadLists(path);
    if (wanted !== null && !lists.some((list) => list.name === wanted)) {
      throw fault('config_invalid', {
        detail: `What was fetched for ${wanted} is ${lists.map((list) => list.name).join(', ') || 'no list'}.`,
      });
    }
    const changes = await putInForce(library, folder, lists, options);
    if (changes.length === 0) await rm(path, { recursive: true, force: true });
    return changes;
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    // Where a copy stood for a moment helps nobody to find the file.
    if (isFault(error) && error.detail.includes(path)) {
      throw fault(error.code, { detail: error.detail.replaceAll(`${path}/`, ''), cause: error });
    }
    throw error;
  }
}

async function keepFile(folder: string, { name, bytes }: FetchedFile): Promise<void> {
  const path = join(folder, normalize(name));
  if (!path.startsWith(`${folder}${sep}`)) throw fault('config_invalid', { detail: `${name} is not a name of a file of a list.` });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

async function putInForce(library: string, folder: string, lists: readonly LoadedList[], options: TakeOptions): Promise<ListChange[]> {
  const current = await readCurrent(library);
  const changes: ListChange[] = [];
  let editions = current;
  for (const list of lists) {
    const before = current.find((edition) => edition.list === list.name);
    const others = editions.filter((edition) => edition.list !== list.name);
    if (before?.version === list.version) {
      // The same edition once more is as fresh as today.
      editions = [...others, { ...before, takenAtMs: options.nowMs }];
      continue;
    }
    const change = await changeOf(library, before, list);
    if (!options.allowShrink) refuseShrunk(change);
    changes.push(change);
    editions = [...others, { list: list.name, version: list.version, folder, entries: list.entries.length, takenAtMs: options.nowMs }];
  }
  await writeCurrent(
    library,
    editions.toSorted((a, b) => (a.list < b.list ? -1 : 1)),
  );
  return changes;
}

async function changeOf(library: string, before: Edition | undefined, list: LoadedList): Promise<ListChange> {
  const earlier =
    before === undefined ? undefined : (await loadLists(join(library, before.folder))).find((each) => each.name === list.name);
  const old = earlier?.entries ?? [];
  const [oldEntries, newEntries] = [byId(old), byId(list.entries)];
  return {
    list: list.name,
    version: list.version,
    before: before?.version ?? null,
    entries: list.entries.length,
    added: list.entries.filter((entry) => !oldEntries.has(idOf(entry))),
    removed: old.filter((entry) => !newEntries.has(idOf(entry))),
    changed: list.entries.filter((entry) => {
      const present = oldEntries.get(idOf(entry));
      return present !== undefined && JSON.stringify(present) !== JSON.stringify(entry);
    }),
    losses: earlier === undefined ? [] : lossesOf(await contentOf(earlier), await contentOf(list)),
  };
}

/** Some lists use one id for many parties; their first name tells those apart. */
function idOf(entry: SanctionsEntry): string {
  return `${entry.entryId} ${entry.names[0] ?? ''}`;
}

function byId(entries: readonly SanctionsEntry[]): ReadonlyMap<string, SanctionsEntry> {
  return new Map(entries.map((entry) => [idOf(entry), entry]));
}

function refuseShrunk({ list, losses }: ListChange): void {
  if (losses.length === 0) return;
  throw fault('config_invalid', {
    detail: `${list} ${losses.join(', and ')}, so it was not taken. Look at it, then use --allow-shrink.`,
  });
}

async function writeCurrent(library: string, editions: readonly Edition[]): Promise<void> {
  const path = join(library, CURRENT);
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, `${JSON.stringify({ editions }, null, 2)}\n`);
  await rename(temporary, path);
}
