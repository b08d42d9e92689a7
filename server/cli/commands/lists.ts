/** `capp lists`: takes in new editions of the sanctions lists, and shows what is in force. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../../../domain/clock.ts';
import { fault, isFault } from '../../../domain/errors.ts';
import { type FetchedFile, type ListChange, readCurrent, takeEdition } from '../../../tools/sanctions/library.ts';
import { libraryIn } from '../../../tools/sanctions/live.ts';
import { companionsBeside } from '../../../tools/sanctions/load.ts';
import { type ListSource, listSources } from '../../../tools/sanctions/sources.ts';
import { readConfig } from '../../config.ts';
import { type CommandContext, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';

interface UpdateOptions {
  readonly from?: string;
  readonly allowShrink?: true;
  readonly all?: true;
  readonly json?: true;
}

const SHOWN_MAX = 10;
const FETCH_TIMEOUT_MS = 300_000;

export function registerLists(program: Command, context: CommandContext): void {
  const lists = program
    .command('lists')
    .summary('take in sanctions lists, and show what is in force')
    .description('The lists that payments are screened against.');
  const update = lists
    .command('update')
    .description(
      'Fetches lists from their owners, or takes them from files, and puts them in force in one step. An edition that is broken or lost many ' +
        'entries is refused, and the one before stays. Running processes take a new edition over within a minute.',
    )
    .argument('[list...]', 'OFAC-SDN, OFAC-CONS, UN-SC, EU, UK, PEP (default: all whose address is known)')
    .option('--from <path>', 'take them from a file or folder instead')
    .option('--allow-shrink', 'take in a list although it lost many entries')
    .option('--all', 'show every entry that changed, not the first of them')
    .option('--json', 'print what changed as JSON, with the ids of the entries')
    .action((names: string[], options: UpdateOptions) => updateLists(context, names, options));
  withExamples(update, [
    ['capp lists update', 'from OFAC, the UN and the UK; the EU once CAPP_LISTS_EU_URL is set'],
    ['capp lists update --from downloads/', 'from files, whatever lists they are'],
  ]);
  const show = lists
    .command('show')
    .description('Shows the editions in force, and since when.')
    .option('--json', 'print as JSON')
    .action(async (options: { readonly json?: true }) => {
      const editions = await readCurrent(libraryOf(context));
      if (options.json) context.terminal.out(JSON.stringify({ editions }));
      else if (editions.length === 0)
        context.terminal.out('No lists were taken in: the built-in sample is in force, unless CAPP_SANCTIONS_PATH is set.');
      else {
        const lines = editions.map(
          ({ version, entries, takenAtMs }) => `${version}  ${entries} entries  taken ${new Date(takenAtMs).toISOString()}`,
        );
        context.terminal.out(lines.join('\n'));
      }
    });
  withExamples(show, [['capp lists show --json', 'for programs']]);
}

function libraryOf(context: CommandContext): string {
  return libraryIn(readConfig(context.terminal.env).dataDir);
}

interface Failure {
  readonly list: string;
  readonly detail: string;
}

async function updateLists(context: CommandContext, names: readonly string[], options: UpdateOptions): Promise<void> {
  const library = libraryOf(context);
  const take = (wanted: string | null, files: readonly FetchedFile[]): Promise<ListChange[]> =>
    takeEdition(library, wanted, files, { nowMs: systemClock.now(), allowShrink: options.allowShrink === true });
  const changes: ListChange[] = [];
  const failures: Failure[] = [];
  const sources = listSources(context.terminal.env);
  // Named ones without an address are refused; of the others it has to be known that they were left out.
  const skipped = options.from === undefined && names.length === 0 ? sources.filter((source) => source.files.length === 0) : [];
  if (options.from !== undefined) changes.push(...(await take(null, await filesAt(options.from))));
  else {
    for (const source of wantedSources(names, sources)) {
      try {
        const files = await Promise.all(source.files.map((file) => fetchFile(context.fetch, file.name, file.url)));
        changes.push(...(await take(source.list, files)));
      } catch (error) {
        // One list that cannot be had must not keep the others from being fresh.
        if (!isFault(error)) throw error;
        failures.push({ list: source.list, detail: error.detail });
      }
    }
  }
  if (options.json) {
    const left = skipped.map(({ list, setting }) => ({ list, setting }));
    context.terminal.out(JSON.stringify({ changes: changes.map(summaryOf), failures, skipped: left }));
  } else {
    const shownMax = options.all === true ? Number.MAX_SAFE_INTEGER : SHOWN_MAX;
    const told = changes.flatMap((change) => describeChange(change, shownMax));
    const failed = failures.map(({ list, detail }) => `${list}: not updated. ${detail}`);
    const left = skipped.map(
      ({ list, setting }) => `${list}: not fetched, its address is not known. Set ${setting}, or take it with --from.`,
    );
    context.terminal.out([...(told.length + failed.length === 0 ? ['Nothing has changed.'] : [...told, ...failed]), ...left].join('\n'));
  }
  if (failures.length > 0) context.endWith(EXIT.failed);
}

function wantedSources(names: readonly string[], sources: readonly ListSource[]): ListSource[] {
  for (const name of names) {
    const source = sources.find((each) => each.list === name);
    if (source === undefined)
      throw fault('config_invalid', { detail: `There is no list ${name}; there are ${sources.map((each) => each.list).join(', ')}.` });
    if (source.files.length === 0) throw fault('config_invalid', { detail: `The address of ${name} is not known: set ${source.setting}.` });
  }
  return sources.filter((source) => source.files.length > 0 && (names.length === 0 || names.includes(source.list)));
}

async function fetchFile(dial: typeof fetch, name: string, url: string): Promise<FetchedFile> {
  const unreachable = (cause?: unknown) => fault('service_unreachable', { detail: `${url} could not be fetched.`, cause });
  const answer = await dial(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: 'follow' }).catch((cause: unknown) => {
    throw unreachable(cause);
  });
  if (!answer.ok) throw unreachable();
  const bytes = await answer.arrayBuffer().catch((cause: unknown) => {
    throw unreachable(cause);
  });
  return { name, bytes: new Uint8Array(bytes) };
}

async function filesAt(path: string): Promise<FetchedFile[]> {
  const unreadable = (cause: unknown) => fault('config_invalid', { detail: `${path} cannot be read.`, cause });
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  const paths = found.isDirectory()
    ? (await readdir(path, { recursive: true, withFileTypes: true }))
        .filter((file) => file.isFile())
        .map((file) => join(file.parentPath, file.name))
    : [path, ...(await companionsBeside(path))];
  const nameOf = (file: string): string => (found.isDirectory() ? relative(path, file) : basename(file));
  return Promise.all(paths.map(async (file) => ({ name: nameOf(file), bytes: await readFile(file) })));
}

function summaryOf({ list, version, before, entries, added, removed, changed }: ListChange) {
  const idsOf = (parties: ListChange['added']): string[] => parties.map((entry) => entry.entryId);
  const counts = { added: added.length, removed: removed.length, changed: changed.length };
  return { list, version, before, entries, ...counts, ids: { added: idsOf(added), removed: idsOf(removed), changed: idsOf(changed) } };
}

function describeChange(change: ListChange, shownMax: number): string[] {
  const { version, before, entries, added, removed, changed } = change;
  const shown = (sign: string, parties: ListChange['added']): string[] => [
    ...parties.slice(0, shownMax).map((entry) => `  ${sign} ${entry.entryId}  ${entry.names[0] ?? ''}`),
    ...(parties.length > shownMax ? [`  ${sign} and ${parties.length - shownMax} more; --all shows them`] : []),
  ];
  if (before === null) return [`${version}: ${entries} entries, the first edition.`];
  return [
    `${version}: ${entries} entries, ${added.length} added, ${removed.length} removed and ${changed.length} changed since ${before}.`,
    ...shown('+', added),
    ...shown('-', removed),
    ...shown('~', changed),
  ];
}
