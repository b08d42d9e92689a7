/** Breaks the platform as it is loaded: `applyMutant` comes before the first import of anything it breaks. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Change, type Mutant } from './catalogue.ts';

const ROOT = new URL('../../', import.meta.url);

/** Changes files from now on as they are loaded. Throws when a change no longer fits its file. */
export function applyMutant(mutant: Mutant): void {
  const byUrl = new Map<string, Change[]>();
  for (const change of mutant.changes) {
    const url = new URL(change.file, ROOT).href;
    byUrl.set(url, [...(byUrl.get(url) ?? []), change]);
  }
  for (const [url, changes] of byUrl) broken(readFileSync(fileURLToPath(url), 'utf8'), changes);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const changes = byUrl.get(url);
      if (changes === undefined) return loaded;
      const source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8');
      return { ...loaded, source: broken(source, changes) };
    },
  });
}

/** The text with its changes. Each must fit exactly once. */
export function broken(text: string, changes: readonly Change[]): string {
  return changes.reduce((source, { file, find, replace }) => {
    const parts = source.split(find);
    if (parts.length !== 2) throw new Error(`the variant does not fit ${file}: its text stands there ${parts.length - 1} times: ${find}`);
    return parts.join(replace);
  }, text);
}
