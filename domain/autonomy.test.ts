import { expect, it } from 'vitest';
import { AUTONOMY_LEVELS, dialScopes, lowestLevel, permits, RAISE_WAITS_MS, raiseStep } from './autonomy.ts';
import { covers, type HaltScope } from './halt.ts';

it('lets the lowest dial hold, and without any the fullest', () => {
  expect(lowestLevel([])).toBe('tighten');
  expect(lowestLevel(['tighten', 'explain', 'rank'])).toBe('explain');
  expect(lowestLevel(['rank', 'off'])).toBe('off');
});

it('orders the levels', () => {
  expect(AUTONOMY_LEVELS.map((level) => permits(level, 'rank'))).toEqual([false, false, true, true]);
});

it('names the dials of the platform, the client, the corridor and both, each once', () => {
  expect(dialScopes('investigator', 'c1', 'KE-UG')).toEqual([
    'investigator',
    'investigator/c1',
    'investigator//KE-UG',
    'investigator/c1/KE-UG',
  ]);
});

const STANDING = { level: 'explain', pendingLevel: 'rank', pendingBy: 'a', pendingAtMs: 1_000 } as const;

it.each([
  ['no higher', STANDING, 'explain', 'b', 'switch_unchanged'],
  ['the same person', STANDING, 'rank', 'a', 'maker_is_checker'],
  ['another person', STANDING, 'rank', 'b', 'raise'],
  ['another level', STANDING, 'tighten', 'b', 'ask'],
  ['nobody asked', { ...STANDING, pendingLevel: null, pendingBy: null, pendingAtMs: null }, 'rank', 'a', 'ask'],
] as const)('turning up: %s', (_name, dial, wanted, principal, step) => {
  expect(raiseStep(dial, wanted, principal, 1_000 + RAISE_WAITS_MS)).toBe(step);
});

it('forgets a wish that waited too long', () => {
  expect(raiseStep(STANDING, 'rank', 'b', 1_001 + RAISE_WAITS_MS)).toBe('ask');
});

const ALL: HaltScope = { clientId: null, corridor: null, railId: null, paymentId: null };
const MOVEMENT = { clientId: 'c1', corridor: 'KE-UG', railId: 'mtn-ug', paymentId: 'p1' };

it.each([
  [ALL, true],
  [{ ...ALL, clientId: 'c1' }, true],
  [{ ...ALL, clientId: 'c2' }, false],
  [{ ...ALL, corridor: 'KE-UG', railId: 'mtn-ug' }, true],
  [{ ...ALL, corridor: 'KE-UG', railId: 'airtel-ug' }, false],
  [{ ...ALL, paymentId: 'p2' }, false],
  [{ ...MOVEMENT }, true],
])('a halt of %j covers: %s', (halt, expected) => {
  expect(covers(halt, MOVEMENT)).toBe(expected);
});
