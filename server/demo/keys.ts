/**
 * The demo client's API keys, kept where the command line finds them. The database holds only hashes, so
 * a key that is not written down when it is made cannot be used at the next start. Development only:
 * the file lies under the data folder and is readable by its owner alone.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, storageFault } from '../../db/folders.ts';

/** Keys by principal: `client:demo`, `officer:amina`. */
export type DemoKeys = Readonly<Record<string, string>>;

const FILE = 'demo-keys.json';

/** Adds keys that were just made to those of earlier starts, and returns all. Throws `storage_unwritable`. */
export async function keepDemoKeys(dataDir: string, made: DemoKeys): Promise<DemoKeys> {
  const earlier = await readDemoKeys(dataDir);
  if (Object.keys(made).length === 0) return earlier;
  const all = { ...earlier, ...made };
  const path = join(dataDir, FILE);
  try {
    await makeFolder(dataDir);
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, path);
  } catch (error) {
    throw storageFault(error, dataDir);
  }
  return all;
}

/** The keys that were kept; none when there is no readable file of them. */
export async function readDemoKeys(dataDir: string): Promise<DemoKeys> {
  try {
    const value: unknown = JSON.parse(await readFile(join(dataDir, FILE), 'utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return {};
  }
}
