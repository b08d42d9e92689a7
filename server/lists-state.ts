/** How the lists stand, for the health page: the sample, lists that lack and stale ones are no state to stay in. Pure. */
import type { SanctionsDescription } from '../tools/sanctions/list.ts';
import type { DependencyState } from './api/deps.ts';

/** Owners publish on every working day; lists older than this were forgotten. */
const LISTS_STALE_MS = 4 * 86_400_000;

/** What the health page says of the lists in force, and of those that are required. */
export function listsState({ sample, lists, version }: SanctionsDescription, required: readonly string[], nowMs: number): DependencyState {
  if (sample) {
    const detail = 'The built-in sample is in force: it screens nobody real. Run capp lists update, or set CAPP_SANCTIONS_PATH.';
    return { state: 'degraded', detail };
  }
  const absent = required.filter((name) => !lists.some((list) => list.name === name));
  const stale = lists.filter((list) => list.takenAtMs !== null && nowMs - list.takenAtMs > LISTS_STALE_MS).map((list) => list.name);
  if (absent.length + stale.length === 0) return { state: 'up', detail: `In force: ${version}` };
  const lacks = absent.length === 0 ? '' : `Required and not there: ${absent.join(', ')}. `;
  const old = stale.length === 0 ? '' : `Older than ${LISTS_STALE_MS / 86_400_000} days: ${stale.join(', ')}. `;
  return { state: 'degraded', detail: `${lacks}${old}In force: ${version}` };
}
