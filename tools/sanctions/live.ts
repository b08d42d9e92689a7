/**
 * The lists in force of a running process: what was set by hand, or the library, or the sample; and a new
 * edition of the library as soon as it is looked for. The old one serves until the new one is read in full.
 */
import { join } from 'node:path';
import { loadCurrent, readCurrent } from './library.ts';
import type { SanctionsList } from './list.ts';
import { loadSanctions, type SanctionsConfig } from './load.ts';

export interface LiveSanctions extends SanctionsList {
  /** Takes over what is in force in the library by now; says whether that was something new. Throws when it cannot be read; the old stays. */
  refresh(): Promise<boolean>;
}

export interface LiveConfig extends Omit<SanctionsConfig, 'library'> {
  /** The folder under which the library stands. */
  readonly dataDir: string;
}

export function libraryIn(dataDir: string): string {
  return join(dataDir, 'lists');
}

/** Opens the lists. Throws `config_invalid` as `loadSanctions` does. */
export async function openSanctions({ dataDir, ...config }: LiveConfig): Promise<LiveSanctions> {
  const library = libraryIn(dataDir);
  const isSetByHand = (config.sanctionsPath ?? '') !== '';
  const read = async (): Promise<SanctionsList> => loadSanctions(isSetByHand ? config : { ...config, library: await loadCurrent(library) });
  const stateOf = async (): Promise<string> => (isSetByHand ? '' : JSON.stringify(await readCurrent(library)));
  let state = await stateOf();
  let list = await read();
  return {
    get version() {
      return list.version;
    },
    get sample() {
      return list.sample;
    },
    screen: (names) => list.screen(names),
    screenParty: (query, floor) => list.screenParty(query, floor),
    find: (name, entryId) => list.find(name, entryId),
    compare: (name, entry) => list.compare(name, entry),
    describe: () => list.describe(),
    rolls: () => list.rolls(),
    edition: () => list,
    refresh: async () => {
      const now = await stateOf();
      if (now === state) return false;
      list = await read();
      state = now;
      return true;
    },
  };
}
