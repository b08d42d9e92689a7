/** Where the settlement chain is, for those who only look: its profile holds public addresses and no key. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '../domain/errors.ts';
import type { ChainProfile } from '../tools/aptos/profile.ts';
import type { Config } from './config.ts';

export type ChainPlace = Pick<Config, 'aptosPath' | 'aptosNodeUrl' | 'dataDir'>;

/** The profile of the chain that is configured, or of the sandbox's as it was last started; null where there is none. Throws `config_invalid`. */
export async function readChainProfile(config: ChainPlace, nodeUrl: string | null = null): Promise<ChainProfile | null> {
  const sandboxPath = join(config.dataDir, 'chain.json');
  const path = config.aptosPath ?? (existsSync(sandboxPath) ? sandboxPath : null);
  if (path === null) return null;
  const { parseChainProfile } = await import('../tools/aptos/profile.ts');
  return parseChainProfile(await readProfile(path), nodeUrl ?? config.aptosNodeUrl);
}

async function readProfile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (cause) {
    throw fault('config_invalid', { field: 'CAPP_APTOS_PATH', detail: `${path} is no profile of a chain that can be read.`, cause });
  }
}
