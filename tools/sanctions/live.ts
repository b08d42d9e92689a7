/**
 * The lists in force of a running process: what was set by hand, or the library, or the sample; and what took their
 * place as soon as it is looked for. The old ones serve until the new ones are read in full.
 */
import { join } from 'node:path';
import { loadCurrent, readCurrent } from './library.ts';
import type { LoadedList } from './entry.ts';
import type { SanctionsList } from './list.ts';
import { loadSanctions, type SanctionsConfig, stateOfPath } from './load.ts';
import { holdToMemory } from './path-memory.ts';

export interface LiveSanctions extends SanctionsList {
  /** Takes over what is in force in the library by now, or stands at the path that was set; says whether that was something new. Throws when it cannot be read; the old stays. */
  refresh(): Promise<boolean>;
}

export interface LiveConfig extends Omit<SanctionsConfig, 'library' | 'inspect'> {
  /** The folder under which the library stands, and what is remembered of a path. */
  readonly dataDir: string;
  /** CAPP_LISTS_ALLOW_SHRINK: lists at the path that count although they lost much, by version, or that may be gone, by name. */
  readonly allowShrunk?: readonly string[];
}

export function libraryIn(dataDir: string): string {
  return join(dataDir, 'lists');
}

/** Opens the lists. Throws `config_invalid` as `loadSanctions` does. */
export async function openSanctions({ dataDir, allowShrunk = [], ...config }: LiveConfig): Promise<LiveSanctions> {
  const library = libraryIn(dataDir);
  const path = config.sanctionsPath ?? '';
  const isSetByHand = path !== '';
  const inspect = (lists: readonly LoadedList[]): Promise<void> => holdToMemory(dataDir, path, lists, allowShrunk);
  const read = async (): Promise<SanctionsList> =>
    loadSanctions(isSetByHand ? { ...config, inspect } : { ...config, library: await loadCurrent(library) });
  const stateOf = async (): Promise<string> => (isSetByHand ? stateOfPath(path) : JSON.stringify(await readCurrent(library)));
  let state = await stateOf();
  let list = await read();
  return {
    get version() {
      return list.version;
    },
    get sample() {
      return list.sample;
    },
    screen: (parties) => list.screen(parties),
    screenParty: (query, floor) => list.screenParty(query, floor),
    find: (name, entryId) => list.find(name, entryId),
    compare: (party, entry) => list.compare(party, entry),
    describe: () => list.describe(),
    rolls: () => list.rolls(),
    edition: () => list,
    refresh: async () => {
      const now = await stateOf();
      if (now === state) return false;
      const found = await read();
      // Files may be on their way into the folder: what was read while they changed is read again the next time.
      if ((await stateOf()) !== now) return false;
      list = found;
      state = now;
      return true;
    },
  };
}
