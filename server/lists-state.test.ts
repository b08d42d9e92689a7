import { expect, test } from 'vitest';
import { listsState } from './lists-state.ts';

const NOW = Date.UTC(2026, 10, 20);
const list = (name: string, days = 0) => ({ name, version: `${name}#1`, entries: 3, file: null, takenAtMs: NOW - days * 86_400_000 });
const described = (...lists: ReturnType<typeof list>[]) => ({
  sample: false,
  version: 'V',
  lists,
  entries: 3,
  names: 3,
  ignoredFiles: [],
  text: '',
});

test('the lists are up when those that are required are there and fresh', () => {
  const required = ['UN-SC', 'EU'];
  expect(listsState(described(list('UN-SC'), list('EU'), list('OWN')), required, NOW)).toEqual({ state: 'up', detail: 'In force: V' });
  expect(listsState(described(list('UN-SC')), [], NOW).state).toBe('up');
});

test('a list that is required and lacks, or is old, is told of', () => {
  const state = listsState(described(list('OWN'), list('UN-SC', 5)), ['UN-SC', 'EU'], NOW);
  expect(state).toEqual({ state: 'degraded', detail: 'Required and not there: EU. Older than 4 days: UN-SC. In force: V' });
  expect(listsState({ ...described(), sample: true }, [], NOW).state).toBe('degraded');
});
